"""The content of an input, cut into pieces: bytes in, bytes out, memory bounded by the size limit of a record.

Lines end at b"\n" only: U+2028, NEL and VT are characters like any other, and CRLF keeps its CR. Damaged compression
is an error, never a short file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from dedupe.corpus.compression import open_decompressed
from dedupe.corpus.parquet import split_rows
from dedupe.corpus.record import Compression, Format, Piece, oversize
from dedupe.corpus.table import QuoteState, find_header_fault, sniff_delimiter
from dedupe.corpus.warc import split_warc
from dedupe.errors import DedupeError, InputError, UsageError

BOM = b"\xef\xbb\xbf"
UNLIMITED = 1 << 62
_PART = 1 << 20


@contextmanager
def open_content(path: Path, compression: Compression) -> Iterator[BinaryIO]:
    """The decompressed content of a file, as a buffered binary stream; all members are read.

    Raises InputError when the file cannot be read or its compressed data is truncated or damaged.
    """
    try:
        with open_decompressed(path, compression) as stream:
            yield stream
    except DedupeError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=str(path)) from None


def split_content(path: Path, format: Format, compression: Compression, limit: int = UNLIMITED) -> Iterator[Piece]:
    """The pieces of a file: head, records, tail. `limit` is the most bytes that a record may have.

    A text or page is one record. A record above `limit` comes in pieces of at most `limit + 1` bytes, each with an error.
    Raises InputError for damaged files, UsageError for a .json that is one document rather than lines.
    """
    if limit < 1:
        raise UsageError(f"max_record_bytes is {limit}; it must be at least 1")
    if format == "parquet":
        yield from split_rows(path, limit)
        return
    with open_content(path, compression) as stream:
        if format in ("txt", "html"):
            yield from _split_whole(stream, limit)
        elif format == "jsonl":
            yield from split_lines_of_json(stream, limit, path)
        elif format == "warc":
            yield from split_warc(stream, limit, path)
        else:
            yield from _split_table(stream, limit, format)


def _split_whole(stream: BinaryIO, limit: int) -> Iterator[Piece]:
    yield Piece(b"", "head")
    raw = stream.read() if limit >= UNLIMITED else stream.read(limit + 1)
    if len(raw) <= limit:
        yield Piece(raw, "record")
    else:
        yield from _cut(raw, "record", limit)
        while raw := stream.read(min(limit + 1, _PART)):
            yield Piece(raw, "rest", oversize(limit))
    yield Piece(b"", "tail")


def split_lines_of_json(stream: BinaryIO, limit: int, path: Path) -> Iterator[Piece]:
    """The pieces of JSON lines. When a record without an error is given out, the stream stands at the line after it."""
    yield Piece(_read_bom(stream), "head")
    first = True
    for piece in _split_lines(stream, limit, lambda chunk: chunk.endswith(b"\n"), b" \t\r\n"):
        if first and piece.role == "record":
            _refuse_document(piece.raw, path)
            first = False
        yield piece


def _split_table(stream: BinaryIO, limit: int, format: Format) -> Iterator[Piece]:
    bom = _read_bom(stream)
    delimiter = sniff_delimiter(format, peek(stream)[: 1 << 16])
    state = QuoteState(delimiter)
    pieces = _split_lines(stream, limit, state.ends_record, b"\r\n")
    header = next(pieces)
    fault = header.error or find_header_fault(header.raw, delimiter)
    if header.role == "tail" or fault:
        yield Piece(bom, "head")
        yield header._replace(error=fault)
    else:
        yield Piece(bom + header.raw, "head")
    for piece in pieces:
        error = piece.error
        if piece.role == "record" and state.in_quotes:
            error = error or "a quotation mark is opened here and never closed"
        yield piece if piece.role == "tail" else piece._replace(error=fault or error)


def _split_lines(stream: BinaryIO, limit: int, ends_record: Callable[[bytes], bool], blank: bytes) -> Iterator[Piece]:
    """The records and the tail; lines of nothing but `blank` bytes belong to the record that follows them."""
    raw = bytearray()
    started = within_oversize = False
    while chunk := stream.readline(-1 if limit >= UNLIMITED else limit + 1 - len(raw)):
        ended = ends_record(chunk)
        if ended and not raw and not within_oversize and len(chunk) <= limit and chunk.strip(blank):
            yield Piece(chunk, "record")  # what nearly all lines are
            continue
        raw += chunk
        started = started or bool(chunk.strip(blank))
        if len(raw) > limit:
            yield from _cut(bytes(raw), "rest" if within_oversize else "record", limit)
            within_oversize = not ended
        elif ended and within_oversize:
            yield Piece(bytes(raw), "rest", oversize(limit))
            within_oversize = False
        elif ended and started:
            yield Piece(bytes(raw), "record")
        else:
            continue
        raw.clear()
        started = False
    if within_oversize and raw:
        yield Piece(bytes(raw), "rest", oversize(limit))
        raw.clear()
    elif started:
        yield Piece(bytes(raw), "record")
        raw.clear()
    yield Piece(bytes(raw), "tail")


def _cut(raw: bytes, role: Literal["record", "rest"], limit: int) -> Iterator[Piece]:
    """What is above the limit in parts that are handled without much memory."""
    for start in range(0, len(raw), _PART):
        yield Piece(raw[start : start + _PART], "rest" if start else role, oversize(limit))


def _read_bom(stream: BinaryIO) -> bytes:
    return stream.read(len(BOM)) if peek(stream).startswith(BOM) else b""


def peek(stream: BinaryIO) -> bytes:
    """What comes next, up to a mebibyte at the start of a stream of `open_content`, without moving on."""
    return stream.peek() if isinstance(stream, io.BufferedReader) else b""


def _refuse_document(raw: bytes, path: Path) -> None:
    start = raw.strip()
    if ".json" in path.suffixes and (start.startswith(b"[") or start == b"{"):
        unpack = ".[]" if start.startswith(b"[") else "."
        raise UsageError(
            "one JSON document, where JSON lines (one object a line) are needed; "
            f"convert it: jq -c '{unpack}' {path.name} > {path.name.split('.')[0]}.jsonl",
            path=str(path),
        )
