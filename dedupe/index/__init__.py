"""The persistent index: what an ingestion job remembers of the articles it has seen, and what it has finished.

contract.py   what an index must do, whatever stores it
sqlite.py     the store that comes with the package: one SQLite file
postings.py   its band keys, as sorted runs
outlines.py   a part of its sketches, in memory
opening.py    from an URL to an open index
"""
