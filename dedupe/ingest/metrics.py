"""What a monitor wants to know, in the text format of Prometheus, for the textfile collector of its node exporter.

Source: Prometheus, Exposition formats, text-based format 0.0.4.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dedupe.ingest.stream import Result

_HELP = {
    "dedupe_records_total": ("counter", "Records by what became of them."),
    "dedupe_duplicates_total": ("counter", "Duplicates by their relation to the article that stands for them."),
    "dedupe_repaired_total": ("counter", "Articles with at least one automatic edit."),
    "dedupe_batches_total": ("counter", "Batches committed."),
    "dedupe_batch_seconds_total": ("counter", "Seconds spent on batches, waiting for other workers included."),
    "dedupe_last_commit_timestamp_seconds": ("gauge", "When the last batch was committed."),
}


class Metrics:
    """Counts what a stream does, from its start on.

    >>> metrics = Metrics()
    >>> metrics.count([], quarantined=2, seconds=0.5)
    >>> print(metrics.render().splitlines()[4])
    dedupe_records_total{status="quarantined"} 2
    """

    def __init__(self) -> None:
        self.records = Counter({"kept": 0, "duplicate": 0, "quarantined": 0})
        self.kinds = Counter[str]()
        self._repaired = self._batches = 0
        self._seconds = self._last = 0.0

    def count(self, results: Sequence[Result], quarantined: int, seconds: float) -> None:
        """Take in what became of a batch."""
        self.records.update(result.status for result in results)
        self.records["quarantined"] += quarantined
        self.kinds.update(result.kind for result in results if result.kind)
        self._repaired += sum(any(edit.automatic for edit in result.repair.edits) for result in results)
        self._batches += 1
        self._seconds += seconds
        self._last = time.time()

    def render(self) -> str:
        """The metrics as text."""
        values: dict[str, Iterable[tuple[str, float]]] = {
            "dedupe_records_total": [(f'{{status="{name}"}}', n) for name, n in sorted(self.records.items())],
            "dedupe_duplicates_total": [(f'{{kind="{name}"}}', n) for name, n in sorted(self.kinds.items())],
            "dedupe_repaired_total": [("", self._repaired)],
            "dedupe_batches_total": [("", self._batches)],
            "dedupe_batch_seconds_total": [("", round(self._seconds, 3))],
            "dedupe_last_commit_timestamp_seconds": [("", round(self._last, 3))],
        }
        lines = []
        for name, samples in values.items():
            kind, text = _HELP[name]
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *(f"{name}{label} {value}" for label, value in samples)]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Put the metrics at `path`, whole at every moment."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(self.render(), "utf-8")
        os.replace(temporary, path)
