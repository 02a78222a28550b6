"""A function for `datasets.Dataset.map(..., batched=True)`.

    seen = DedupeMap("sqlite:seen.db", fields={"text": "body"})
    tagged = dataset.map(seen, batched=True)
    clean = tagged.filter(lambda row: row["dedupe_status"] == "kept")

It pickles to its arguments alone, so it can be sent to worker processes, and `datasets` computes the same fingerprint for it
in every run: a map that was done before comes from the cache, with the same answers as the index would give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dedupe.adapters.mapping import build_article
from dedupe.config import Settings
from dedupe.ingest.stream import Stream


class DedupeMap:
    """Takes a batch of rows in columns and gives the columns that change: text and title repaired, and `dedupe_...` ones.

    Those are `dedupe_status` (kept or duplicate), `dedupe_dup_of` and `dedupe_kind` (empty for a kept row), `dedupe_jaccard`.
    """

    def __init__(self, index: str, settings: Settings | None = None, fields: Mapping[str, str] | None = None) -> None:
        self._arguments = (index, settings, tuple(sorted((fields or {}).items())))
        self._stream: Stream | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        index, settings, fields = self._arguments
        return type(self), (index, settings, dict(fields))

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """The new and the changed columns."""
        index, settings, pairs = self._arguments
        fields = dict(pairs)
        if self._stream is None:
            self._stream = Stream(settings, index)
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        results = self._stream.process_batch([build_article(row, fields) for row in rows])
        columns: dict[str, list[Any]] = {
            "dedupe_status": [result.status for result in results],
            "dedupe_dup_of": [result.dup_of for result in results],
            "dedupe_kind": [result.kind or "" for result in results],
            "dedupe_jaccard": [result.jaccard for result in results],
        }
        for role in ("text", "title"):
            name = fields.get(role, role)
            if name in batch:
                answers = zip(batch[name], results, strict=True)
                columns[name] = [result.repaired(role) if result.spans(role) else value for value, result in answers]
        return columns
