"""A step in an ingestion job: articles come one after the other, and each is told at once what it is.

stream.py     Stream.process(article) -> Result: START READING HERE
meeting.py    a batch of texts meets those of the index: which are related
bodies.py     a text's profile as the bytes that an index keeps of it
parts.py      lines in, lines out: batches, part files, the ledger, resuming
lines.py      lines as they arrive, and lines with their result
metrics.py    what a monitor wants to know
"""
