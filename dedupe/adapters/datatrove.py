"""A step of a datatrove pipeline. It tags documents, or filters the duplicates out into an exclusion writer.

    LocalPipelineExecutor(pipeline=[
        JsonlReader("crawl/"),
        DedupeStep("sqlite:seen.db", exclusion_writer=JsonlWriter("duplicates/")),
        JsonlWriter("clean/"),
    ])

Tasks that run at the same time share the index: each batch waits its turn.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from dedupe.adapters.mapping import build_article
from dedupe.config import Settings
from dedupe.ingest.stream import Stream


class DedupeStep(PipelineStep):
    """Repairs documents and puts what each is into its metadata, under "dedupe".

    With an `exclusion_writer` duplicates go there, and not on. Holds no open index, so it can be sent to other processes.
    """

    name = "dedupe"
    type = "DEDUP"

    def __init__(
        self, index: str, settings: Settings | None = None, *, exclusion_writer: Any = None, batch_size: int = 500
    ) -> None:
        super().__init__()
        self.index, self.settings = index, settings
        self.exclusion_writer, self.batch_size = exclusion_writer, batch_size

    def run(self, data: Iterable[Document] | None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents, in order; without the duplicates if they go elsewhere."""
        documents = iter(data or ())
        with Stream(self.settings, self.index) as stream:
            if self.exclusion_writer is None:
                yield from self._process(stream, documents, rank, None)
            else:
                with self.exclusion_writer as writer:
                    yield from self._process(stream, documents, rank, writer)

    def _process(self, stream: Stream, documents: Iterator[Document], rank: int, writer: Any) -> Iterator[Document]:
        while batch := list(itertools.islice(documents, self.batch_size)):
            with self.track_time("batch"):
                results = stream.process_batch([self._read(document) for document in batch])
            for document, result in zip(batch, results, strict=True):
                self.stat_update(result.status)
                document.metadata["dedupe"] = result.describe()
                if writer is not None and result.status == "duplicate":
                    writer.write(document, rank)
                    continue
                document.text = result.text
                if result.spans("title"):
                    document.metadata["title"] = result.title
                self.update_doc_stats(document)
                yield document

    def _read(self, document: Document) -> Any:
        return build_article({**document.metadata, "id": document.id, "text": document.text}, {})
