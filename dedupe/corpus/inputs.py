"""Which files are read: files, folders, globs and standard input, each with a name that is unique in the run.

A name is the path relative to the argument that led to the file, with "/" between its parts; outputs are laid out by it.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from dedupe.corpus.compression import COMPRESSIONS, MAGIC
from dedupe.corpus.content import open_content
from dedupe.corpus.record import Compression, Format
from dedupe.errors import UsageError

_FORMATS: dict[str, Format] = {
    ".txt": "txt",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
    ".warc": "warc",
    ".wet": "warc",
}
LOOKED_FOR = (
    ".txt, .jsonl, .ndjson, .json (one object a line), .csv, .tsv, .html, .htm, .warc, .wet, "
    "each also .gz, .bz2, .zst; .parquet"
)


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read. `size` is in bytes; `sha256` is empty until known. `root` is the argument that led here."""

    name: str
    path: Path
    format: Format
    compression: Compression = ""
    size: int = 0
    root: Path = Path()
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The inputs in reading order, and the files that were passed over for their unknown extension."""

    inputs: tuple[Input, ...]
    skipped: tuple[str, ...] = ()


def discover_inputs(
    arguments: Sequence[str | Path], *, spooled: Input | None = None, exclude: Sequence[Path] = ()
) -> Discovery:
    """The inputs that the arguments name, each file once, in the order of the arguments and sorted within each.

    An argument is a file, a folder (read recursively, hidden entries and outputs of earlier runs left out), a glob, or "-"
    for `spooled`, standard input as `spool_stream` stored it. Folders in `exclude` are not entered: an output
    folder may lie in the input folder.
    Raises UsageError for a path that does not exist, a file of unknown format, a folder without any readable file.
    """
    groups, skipped, seen = [], [], set[Path]()
    for argument in arguments:
        if str(argument) == "-":
            if spooled is None:
                raise UsageError("'-' stands for standard input, which is not connected")
            groups.append([spooled])
            continue
        if not str(argument):
            raise UsageError("an empty argument names no file; is a variable unset?")
        root, paths = _expand(str(argument), {path.resolve() for path in exclude})
        found = []
        for path in paths:
            layout = detect_layout(path)
            if layout is None and path == Path(argument):
                raise UsageError(f"unknown extension; readable are {LOOKED_FOR}", path=str(path))
            if layout is None:
                skipped.append(str(path))
            elif path.resolve() not in seen:
                seen.add(path.resolve())
                name = path.relative_to(root).as_posix()
                found.append(Input(name, path, *layout, size=path.stat().st_size, root=root))
        if not any(detect_layout(path) for path in paths):
            raise UsageError(f"holds no article; looked for {LOOKED_FOR}", path=str(argument))
        groups.append(found)
    return Discovery(tuple(_with_unique_names([group for group in groups if group])), tuple(skipped))


def detect_layout(path: Path) -> tuple[Format, Compression] | None:
    """Format and compression by the file's extensions, None if unknown.

    >>> detect_layout(Path("news.JSONL.gz"))
    ('jsonl', 'gz')
    """
    name = path.name.lower()
    compression: Compression = next((known for known in COMPRESSIONS if name.endswith(f".{known}")), "")
    format = _FORMATS.get(os.path.splitext(name.removesuffix(f".{compression}"))[1])
    return (format, compression) if format and not (format == "parquet" and compression) else None


def spool_stream(stream: BinaryIO, folder: Path, format: Format | None = None) -> Input:
    """Standard input stored in `folder`, because inputs are read twice; its name is `stdin` with an extension.

    Without `format` it is guessed: compression, Parquet and WARC by their first bytes; JSON lines by a brace, CSV or TSV by a
    header that has delimiters and a column `text`, `content` or the like; a page by its first tag; else one plain text.
    """
    start = stream.read(1 << 16)
    compression: Compression = next((known for magic, known in MAGIC.items() if start.startswith(magic)), "")
    spool = folder / "stdin"
    with open(spool, "wb") as file:
        while start:
            file.write(start)
            start = stream.read(1 << 16)
    if format is None:
        with open_content(spool, compression) as content:
            format = _guess_format(content.read(1 << 16))
    path = spool.with_name(f"stdin.{format}{'.' if compression else ''}{compression}")
    spool.rename(path)
    return Input(path.name, path, format, compression, path.stat().st_size, folder)


def _guess_format(start: bytes) -> Format:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"WARC/"):
        return "warc"
    if text[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    if text.startswith((b"{", b"[")):
        return "jsonl"
    header = text.split(b"\n", 1)[0].decode("utf-8", "replace").lower()
    formats: tuple[tuple[Format, str], ...] = (("tsv", "\t"), ("csv", ","), ("csv", ";"))
    for format, delimiter in formats:
        columns = {column.strip(' "\r') for column in header.split(delimiter)}
        if len(columns) > 1 and columns & {"text", "content", "body", "article", "maintext"}:
            return format
    return "txt"


def _expand(argument: str, exclude: set[Path]) -> tuple[Path, list[Path]]:
    path = Path(argument)
    if path.is_dir():
        return path, sorted(_walk(path, exclude))
    if path.exists():
        return path.parent, [path]
    if glob.has_magic(argument):
        parts = Path(argument).parts
        fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        paths = sorted(Path(name) for name in glob.glob(argument, recursive=True))
        return Path(*parts[:fixed]), [path for path in paths if path.is_file()]
    raise UsageError("no such file or folder", path=argument)


def _walk(folder: Path, exclude: set[Path]) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and Path(parent, name).resolve() not in exclude]
        folders[:] = [name for name in folders if not _holds_a_run(Path(parent, name))]
        yield from (Path(parent, name) for name in files if not name.startswith(".") and Path(parent, name).is_file())


def _holds_a_run(folder: Path) -> bool:
    """Whether the folder is the output of an earlier run: its articles are no input, they are already there."""
    return all((folder / name).is_file() for name in ("manifest.json", "originals.jsonl", "duplicates.jsonl"))


def _with_unique_names(groups: list[list[Input]]) -> Iterable[Input]:
    names = Counter(input.name for group in groups for input in group)
    if all(count == 1 for count in names.values()):
        return [input for group in groups for input in group]
    taken, renamed = set[str](), []
    for group in groups:
        label = group[0].root.resolve().name or "root"
        prefix, number = label, 1
        while prefix in taken:
            number += 1
            prefix = f"{label}~{number}"
        taken.add(prefix)
        renamed += [replace(input, name=f"{prefix}/{input.name}") for input in group]
    return renamed
