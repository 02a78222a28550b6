"""Undo: the inputs of a run, byte for byte, from its output folder alone.

Each file of a run keeps the inputs' order, so the originals come back by reading all of them side by side: the manifest's
outcomes say which one gives the next record. Nothing is held in memory but one record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dedupe.corpus.content import split_content
from dedupe.corpus.dialect import read_dialect
from dedupe.corpus.envelope import open_record
from dedupe.corpus.inputs import Input
from dedupe.corpus.manifest import REST, InputEntry, Manifest, decode_outcomes, load_manifest, verify_outputs
from dedupe.corpus.reader import Content, Corpus, OpenPieces
from dedupe.corpus.record import Piece
from dedupe.corpus.staging import STAGING, Staging, finish_installation, is_interrupted
from dedupe.corpus.writer import DUPLICATES, ORIGINALS, QUARANTINE
from dedupe.errors import InputError, UsageError

T = TypeVar("T")
_SOURCES = {"k": ORIGINALS, "r": ORIGINALS, "d": DUPLICATES, "q": QUARANTINE, REST: QUARANTINE}


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What was restored: the inputs' names, how many records they hold, and their decompressed size in bytes."""

    inputs: tuple[str, ...]
    records: int
    size: int


def undo(out: Path, destination: Path) -> UndoReport:
    """The report of restoring all inputs of the run in `out` into the folder `destination`, each checked by SHA-256.

    A .gz comes back as a .gz of equal content. Raises UsageError when `out` holds no run or `destination` is not empty,
    InputError when files of `out` were changed after the run; then nothing is restored.
    """
    _check_destination(destination)
    manifest = _load_verified(out)
    stored = StoredPieces(out, manifest)
    staging = Staging(destination)
    try:
        size = sum(_restore(entry, stored.read(entry), staging) for entry in manifest.inputs)
        staging.install()
    finally:
        staging.discard()
    return UndoReport(tuple(entry.name for entry in manifest.inputs), manifest.counts["read"], size)


def read_back(out: Path) -> Corpus:
    """The original records of a finished run, in input order, with the ids, fields and places they had.

    What `read_records` gave when the run was made, without the inputs. Raises UsageError when `out` holds no run,
    InputError when its files were changed after the run.
    """
    manifest = _load_verified(out)
    entries = {entry.name: entry for entry in manifest.inputs}
    inputs = [
        Input(entry.name, out / "canonical" / entry.name, entry.format, entry.compression, entry.size, out, entry.sha256)
        for entry in manifest.inputs
    ]

    def open_all() -> OpenPieces:
        stored = StoredPieces(out, manifest)
        return lambda input: stored.read(entries[input.name])

    corpus = Corpus(inputs, manifest.settings, manifest.choices, manifest.further, open_all)
    for entry in manifest.inputs:  # so that the first reading is already checked against the run's own
        dialect = read_dialect(entry.format, entry.head, manifest.settings.encoding)
        corpus.contents[entry.name] = Content(entry.head, dialect, sha256=entry.content_sha256)
    return corpus


class StoredPieces:
    """The pieces of a run's inputs, out of its output folder; each input may be read once, in the manifest's order."""

    def __init__(self, out: Path, manifest: Manifest) -> None:
        self._out, self._same_layout = out, manifest.layout == "same"
        self._lines = {name: _read_lines(out / name) for name in (ORIGINALS, DUPLICATES, QUARANTINE)}

    def read(self, entry: InputEntry) -> Iterator[Piece]:
        """The pieces of one input, as `split_content` gave them."""
        path = self._out / "canonical" / entry.name
        canonical = (piece for piece in split_content(path, entry.format, entry.compression) if piece.role == "record")
        yield Piece(entry.head, "head")
        for letter in decode_outcomes(entry.outcomes):
            if self._same_layout and letter == "k":
                yield _next(canonical, path)
                continue
            if self._same_layout and letter == "r":
                _next(canonical, path)
            name = _SOURCES[letter]
            label, raw = open_record(_next(self._lines[name], self._out / name))
            yield Piece(raw, "rest" if letter == REST else "record", str(label.get("reason", "")))
        yield Piece(entry.tail, "tail")


def _check_destination(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError("is not a folder; choose another one to restore into", path=str(folder))
    if folder.exists() and any(path.name != STAGING for path in folder.iterdir()):
        raise UsageError("is not an empty folder; choose another one to restore into", path=str(folder))


def _load_verified(out: Path) -> Manifest:
    if is_interrupted(out):
        finish_installation(out)
    manifest = load_manifest(out)
    needed = {ORIGINALS, DUPLICATES, QUARANTINE}
    same = manifest.layout == "same"
    verify_outputs(out, [o for o in manifest.outputs if o.name in needed or (same and o.name.startswith("canonical/"))])
    return manifest


def _restore(entry: InputEntry, pieces: Iterable[Piece], staging: Staging) -> int:
    digest, size = hashlib.sha256(), 0
    output = staging.create(entry.name, entry.compression)
    try:
        for piece in pieces:
            output.write(piece.raw)
            digest.update(piece.raw)
            size += len(piece.raw)
        if digest.hexdigest() != entry.content_sha256:
            raise InputError("cannot be restored: the bytes differ from the input's SHA-256", path=entry.name)
        output.close()
    finally:
        output.discard()
    return size


def _read_lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from file


def _next(items: Iterator[T], path: Path) -> T:
    for item in items:
        return item
    raise InputError("ends before all its records were found; the run's files do not belong together", path=str(path))
