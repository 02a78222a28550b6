"""Undo: the inputs of a run, byte for byte, from its output folder alone.

Each file of a run keeps the inputs' order, so the originals come back by reading all of them side by side: the manifest's
outcomes say which one gives the next record. Nothing is held in memory but one record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from dedupe.corpus.content import UNLIMITED, open_content, split_content
from dedupe.corpus.dialect import read_dialect
from dedupe.corpus.envelope import open_record
from dedupe.corpus.inputs import Input
from dedupe.corpus.lock import FolderLock
from dedupe.corpus.manifest import (
    OTHER,
    REST,
    InputEntry,
    Manifest,
    decode_outcomes,
    is_sealed,
    load_manifest,
    verify_outputs,
)
from dedupe.corpus.reader import Content, Corpus, OpenPieces
from dedupe.corpus.record import VERBATIM, Piece
from dedupe.corpus.staging import STAGING, Staging, finish_installation, is_interrupted
from dedupe.corpus.writer import DUPLICATES, ORIGINALS, ORIGINALS_FOLDER, QUARANTINE
from dedupe.errors import InputError, UsageError

T = TypeVar("T")
_SOURCES = {"k": ORIGINALS, "r": ORIGINALS, "d": DUPLICATES, "q": QUARANTINE, REST: QUARANTINE, OTHER: ORIGINALS}
_ROLES: dict[str, Literal["rest", "other"]] = {REST: "rest", OTHER: "other"}


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What was restored: the inputs' names, how many records they hold, and their decompressed size in bytes."""

    inputs: tuple[str, ...]
    records: int
    size: int


def undo(out: Path, destination: Path) -> UndoReport:
    """The report of restoring all inputs of the run in `out` into the folder `destination`, each checked by SHA-256.

    A compressed file comes back with equal content, compressed anew. Repeated after a crash it ends the same. Raises UsageError
    when `out` holds no run or `destination` is not empty, InputError when files of `out` were changed after the run; then
    nothing is restored.
    """
    if destination.is_symlink() or (destination.exists() and not destination.is_dir()):
        raise UsageError("is not a folder; choose another one to restore into", path=str(destination))
    manifest = _load_verified(out)
    with FolderLock(destination):
        size = None
        if is_interrupted(destination):
            finish_installation(destination)
            size = _measure_restored(destination, manifest)
        if size is None:
            size = _restore_all(out, manifest, destination)
    return UndoReport(tuple(entry.name for entry in manifest.inputs), manifest.counts["read"], size)


def read_back(out: Path) -> Corpus:
    """The original records of a finished run, in input order, with the ids, fields and places they had.

    What `read_records` gave when the run was made, without the inputs. Raises UsageError when `out` holds no run,
    InputError when its files were changed after the run.
    """
    manifest = _load_verified(out)
    entries = {entry.name: entry for entry in manifest.inputs}
    inputs = [
        Input(entry.name, _stored_path(out, entry), entry.format, entry.compression, entry.size, out, entry.sha256)
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
        self._out, self._layout, self._limit = out, manifest.layout, manifest.settings.max_record_bytes
        self._lines = {name: _read_lines(out / name) for name in (ORIGINALS, DUPLICATES, QUARANTINE)}

    def read(self, entry: InputEntry) -> Iterator[Piece]:
        """The pieces of one input, as `split_content` gave them."""
        path, limit = _stored_path(self._out, entry), self._limit if entry.format == "parquet" else UNLIMITED
        pieces = (p for p in split_content(path, entry.format, entry.compression, limit) if p.role not in ("head", "tail"))
        in_place = self._layout == "same" and entry.format in VERBATIM
        yield Piece(entry.head, "head")
        for letter in decode_outcomes(entry.outcomes):
            stored = _next(pieces, path) if entry.format == "parquet" or (in_place and letter in "kr") else None
            sealed = is_sealed(letter, entry.format, self._layout)
            label, raw = (
                open_record(_next(self._lines[_SOURCES[letter]], self._out / _SOURCES[letter])) if sealed else ({}, b"")
            )
            if stored and (entry.format == "parquet" or letter == "k"):
                yield stored
            else:
                yield Piece(raw, _ROLES.get(letter, "record"), str(label.get("reason", "")))
        yield Piece(entry.tail, "tail")


def _stored_path(out: Path, entry: InputEntry) -> Path:
    """Where the records of an input stand that are not sealed."""
    return out / (ORIGINALS_FOLDER if entry.format == "parquet" else "canonical") / entry.name


def _measure_restored(folder: Path, manifest: Manifest) -> int | None:
    """The bytes of all inputs, decompressed, if the folder holds them, each with its SHA-256; else None."""
    total = 0
    for entry in manifest.inputs:
        if not (folder / entry.name).is_file():
            return None
        digest, size = hashlib.sha256(), 0
        with open_content(folder / entry.name, entry.compression) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
        if digest.hexdigest() != content_digest(entry):
            return None
        total += size
    return total


def content_digest(entry: InputEntry) -> str:
    """The SHA-256 of what `read_content` gives."""
    return entry.sha256 if entry.format == "parquet" else entry.content_sha256


def _restore_all(out: Path, manifest: Manifest, destination: Path) -> int:
    if any(path.name != STAGING for path in destination.iterdir()):
        raise UsageError("is not an empty folder; choose another one to restore into", path=str(destination))
    stored = StoredPieces(out, manifest)
    staging = Staging(destination, {"undo": str(out)})
    try:
        size = sum(_restore(entry, stored, out, staging) for entry in manifest.inputs)
        staging.install()
    finally:
        staging.discard()
    return size


def _load_verified(out: Path) -> Manifest:
    if is_interrupted(out):
        with FolderLock(out):
            finish_installation(out)
    manifest = load_manifest(out)
    files = {ORIGINALS, DUPLICATES, QUARANTINE}
    folders: tuple[str, ...] = (f"{ORIGINALS_FOLDER}/",)
    if manifest.layout == "same":
        folders = (*folders, "canonical/")
    verify_outputs(out, [output for output in manifest.outputs if output.name in files or output.name.startswith(folders)])
    return manifest


def _restore(entry: InputEntry, stored: StoredPieces, out: Path, staging: Staging) -> int:
    digest, size = hashlib.sha256(), 0
    output = staging.create(entry.name, entry.compression)
    try:
        for chunk in read_content(entry, stored, out):
            if entry.format == "warc" and chunk.startswith(b"WARC/"):
                output.begin_member()
            output.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        if digest.hexdigest() != content_digest(entry):
            raise InputError("cannot be restored: the bytes differ from the input's SHA-256", path=entry.name)
        output.close()
    finally:
        output.discard()
    return size


def read_content(entry: InputEntry, stored: StoredPieces, out: Path) -> Iterator[bytes]:
    """The decompressed content of an input, in chunks, and every sealed line of it passed by."""
    if entry.format != "parquet":
        yield from (piece.raw for piece in stored.read(entry))
        return
    for _ in stored.read(entry):
        pass
    with open(_stored_path(out, entry), "rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _read_lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from file


def _next(items: Iterator[T], path: Path) -> T:
    for item in items:
        return item
    raise InputError("ends before all its records were found; the run's files do not belong together", path=str(path))
