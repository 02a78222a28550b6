"""Lines in, lines out, a batch at a time: each record goes out exactly once, whatever happens in between.

Into a folder: the part file is written first (temporary name, fsync, rename, fsync of the folder); then one transaction makes
the batch part of the index and of the ledger. Killed before the commit, the file is worth nothing, and the next attempt
replaces it; killed after it, the next attempt finds the part in the ledger and passes over its records. So a part
counts when the ledger has it.

To a pipe: nothing can be taken back there, so the batch is committed first and printed then. Killed in between, the records
are sent again, and since what is said of an article is stored with it, the answers are the same.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dedupe.config import Settings
from dedupe.corpus.envelope import dump_line
from dedupe.corpus.splice import splice_field
from dedupe.errors import ConservationError, IndexStateError, InputError
from dedupe.index.contract import Index, Part
from dedupe.ingest.lines import ArticleReader, Line, LineSource, Stopping, seal_unreadable, tag_record
from dedupe.ingest.metrics import Metrics
from dedupe.ingest.stream import Result, Stream
from dedupe.model import Article, as_dict


@dataclass(frozen=True)
class Batch:
    """What goes out for a batch: `first` is the number of its first record; the lists hold lines."""

    first: int
    source: str
    counts: dict[str, int]
    out: list[bytes] = field(default_factory=list)
    aside: list[bytes] = field(default_factory=list)
    edits: list[bytes] = field(default_factory=list)


class Output(Protocol):
    """Where batches go."""

    def finished(self, index: Index) -> list[Part]:
        """The parts that an earlier attempt has finished."""
        ...

    def store(self, batch: Batch, index: Index) -> Part | None:
        """Make the batch durable before it is committed, if it is to be; the part to enter in the ledger."""
        ...

    def publish(self, batch: Batch) -> None:
        """Called when the batch is committed."""
        ...


class PrintedOutput:
    """Prints the lines when they are committed."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def finished(self, index: Index) -> list[Part]:
        """None: what was printed is not known."""
        return []

    def store(self, batch: Batch, index: Index) -> None:
        """Nothing can be stored in a pipe."""

    def publish(self, batch: Batch) -> None:
        """Print the lines."""
        self._write(b"".join(batch.out))


class PartFolder:
    """Stores each batch as files in a folder: `part-000000.jsonl`, and beside it `aside-` and `edits-` files as wanted."""

    def __init__(self, folder: Path, run: str, kinds: Sequence[str]) -> None:
        self._folder, self._run, self._kinds = folder, run, ("part", *kinds)
        self._next = 0

    def finished(self, index: Index) -> list[Part]:
        """The parts that the ledger holds. What a killed attempt left beyond them is removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with index.transaction():
            parts = index.read_parts(self._run)
        self._next = len(parts)
        for name in self._names(self._next):
            (self._folder / name).unlink(missing_ok=True)
        return parts

    def store(self, batch: Batch, index: Index) -> Part:
        """Write the files of the batch. Raises IndexStateError when another worker has taken its place in the run."""
        last = index.last_part(self._run)
        if (last.number + 1 if last else 0) != self._next:
            raise IndexStateError(f"another worker is at work on the run {self._run!r}; stop one of them")
        digest = hashlib.sha256()
        contents = {"part": batch.out, "aside": batch.aside, "edits": batch.edits}
        for kind, name in zip(self._kinds, self._names(self._next), strict=True):
            content = b"".join(contents[kind])
            write_durably(self._folder / name, content)
            digest.update(content)
        records = sum(batch.counts.values())
        return Part(self._run, self._next, batch.first, records, batch.source, digest.hexdigest(), batch.counts)

    def publish(self, batch: Batch) -> None:
        """The files are there already."""
        self._next += 1

    def _names(self, number: int) -> list[str]:
        return [f"{kind}-{number:06}.jsonl" for kind in self._kinds]


def write_durably(path: Path, content: bytes) -> None:
    """Put the content at `path`: there whole, even after a loss of power, or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def run_stream(
    lines: LineSource,
    stream: Stream,
    output: Output,
    stopping: Stopping = lambda: False,
    after_batch: Callable[[Metrics, ArticleReader], object] = lambda metrics, reader: None,
) -> Metrics:
    """The counts, when all lines have come, or `stopping` says to stop: then what was read so far is finished first.

    `after_batch` is called after each commit. Raises InputError when the lines are not those of the run that is resumed.
    """
    settings = stream.settings
    reader = ArticleReader(settings.read, [name for name in settings.repair.fields if name not in {"text", "title"}])
    first = _pass_over(output.finished(stream.index), lines, reader, stopping)
    metrics = Metrics()
    while not lines.ended and not stopping():
        batch = lines.gather(settings.stream.batch_records, settings.stream.batch_seconds, stopping)
        if batch:
            began = time.monotonic()
            results = process_lines(batch, first, stream, reader, output)
            first += len(batch)
            metrics.count(results, len(batch) - len(results), time.monotonic() - began)
            after_batch(metrics, reader)
    return metrics


def process_lines(batch: Sequence[Line], first: int, stream: Stream, reader: ArticleReader, output: Output) -> list[Result]:
    """The results of the articles in a batch of lines, stored, committed and published."""
    readings = reader.read(batch)
    articles = [reading for reading in readings if isinstance(reading, Article)]
    built: list[Batch] = []

    def store(results: Sequence[Result]) -> Part | None:
        built.append(build_batch(batch, readings, results, first, reader, stream.settings))
        return output.store(built[0], stream.index)

    results = stream.process_batch(articles, store)
    output.publish(built[0])
    return results


def build_batch(
    lines: Sequence[Line],
    readings: Sequence[Article | str],
    results: Sequence[Result],
    first: int,
    reader: ArticleReader,
    settings: Settings,
) -> Batch:
    """What goes out for the lines. Raises ConservationError if it is not one line for each."""
    batch = Batch(first, digest_lines(lines), {"kept": 0, "duplicate": 0, "quarantined": 0})
    waiting, name, edits = iter(results), settings.stream.tag_field, settings.stream.edits
    drop = settings.stream.duplicates == "drop"
    for line, reading in zip(lines, readings, strict=True):
        if isinstance(reading, str):
            batch.counts["quarantined"] += 1
            (batch.aside if drop else batch.out).append(seal_unreadable(line, name, reading))
            continue
        result = next(waiting)
        batch.counts[result.status] += 1
        raw = line.raw
        for field_name in {edit.field: None for edit in result.repair.edits if edit.automatic}:
            raw = splice_field(raw, reader.dialect, reader.path_of(field_name), result.spans(field_name))
        tagged = tag_record(raw, name, result.describe(edits=edits == "embed"), reader.dialect.encoding) + b"\n"
        (batch.aside if drop and result.status == "duplicate" else batch.out).append(tagged)
        if edits == "files":
            batch.edits.extend(dump_line(as_dict(edit)) for edit in result.repair.edits)
    if not len(lines) == len(batch.out) + len(batch.aside) == sum(batch.counts.values()):
        raise ConservationError(f"{len(lines)} records came, {len(batch.out) + len(batch.aside)} would go out")
    return batch


def digest_lines(lines: Sequence[Line]) -> str:
    """The SHA-256 of some lines."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.raw + b"\n")
    return digest.hexdigest()


def _pass_over(parts: Sequence[Part], lines: LineSource, reader: ArticleReader, stopping: Stopping) -> int:
    """Read the records of finished parts, to learn from them what the fields are; the number of the first that is not done."""
    first = 0
    for part in parts:
        batch: list[Line] = []
        while len(batch) < part.records and not lines.ended:
            batch += lines.gather(part.records - len(batch), float("inf"), stopping)
            if stopping():
                return first
        if digest_lines(batch) != part.source:
            words = f"records {part.first} to {part.first + part.records - 1} are not those that the run {part.run!r} read"
            raise InputError(f"{words}; feed it the same input, or name another run with --run", path="stdin")
        if not reader.announcement:
            reader.read(batch)
        first += len(batch)
    return first
