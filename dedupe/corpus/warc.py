"""WARC and WET: archives of a crawl. Records are cut by their own lengths; the only file that imports warcio.

An article is a response that holds a page or text, a resource of that kind, or a conversion (WET). Requests, metadata, pictures
and the like are no articles by their kind: they travel along as `other` pieces, so that the whole archive can be restored.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dedupe.corpus.extras import require
from dedupe.corpus.pages import extract_article
from dedupe.corpus.record import Piece, oversize
from dedupe.errors import InputError

_HEADER = 1 << 20  # bytes; a longer header is damage
_START = 1 << 16  # bytes of a block in which its HTTP header is looked for
_CHUNK = 1 << 20
_PAYLOAD = 4 << 20  # bytes, as the largest record by default; a page that unpacks to more is not read
_PAGES = ("text/html", "application/xhtml+xml")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_TEXTS = (*_PAGES, "text/plain")


class UnreadablePayload(Exception):
    """A record whose payload is no page; the message says why."""


def split_warc(stream: BinaryIO, limit: int, path: Path) -> Iterator[Piece]:
    """The records of an archive, each with its header and the line ends after it; what is no article has the role `other`.

    Raises InputError when a record is truncated or its length is not what it says.
    """
    yield Piece(b"", "head")
    while header := _read_header(stream, path):
        fields = read_fields(header)
        length = _length(fields, path)
        start = _read_exactly(stream, min(length, _START), path)
        article = _is_article(fields, start)
        chunks = _cut(_record(stream, header, start, length, path), limit)
        raw = next(chunks)
        if len(raw) <= limit:
            yield Piece(raw, "record" if article else "other", "" if article else _kind(fields))
            continue
        yield Piece(raw, "record" if article else "other", oversize(limit) if article else _kind(fields))
        for raw in chunks:
            yield Piece(raw, "rest" if article else "other", oversize(limit) if article else _kind(fields))
    yield Piece(b"", "tail")


def parse_warc_record(raw: bytes) -> dict[str, str]:
    """The row of a record: its target address as id and url, and the article that it holds.

    Raises UnreadablePayload when its payload cannot be unpacked or is not in the encoding it claims.
    """
    header, block = _HEADER_END.split(raw, maxsplit=1)
    fields = read_fields(header)
    url = fields.get("warc-target-uri", "").strip("<>")
    kind, payload = fields.get("content-type", ""), block[: int(fields["content-length"])]
    if fields.get("warc-type") == "response":
        kind, payload = _unpack(raw)
    if _media(kind) in _PAGES:
        return {"id": url} | extract_article(payload, url)
    charset = kind.partition("charset=")[2].split(";")[0].strip("\"' ") or "utf-8"
    try:
        return {"id": url, "url": url, "text": payload.decode(charset)}
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadablePayload(f"not {charset}: {error}") from None


def read_fields(header: bytes) -> dict[str, str]:
    """The named fields of a header, names in lower case; of equal names the last counts.

    >>> read_fields(b"WARC/1.0\\r\\nWARC-Type: response\\r\\n\\r\\n")
    {'warc-type': 'response'}
    """
    lines = header.decode("utf-8", "replace").split("\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _unpack(raw: bytes) -> tuple[str, bytes]:
    """The media type and the payload of a response, its chunks joined and its own compression undone."""
    try:
        from warcio.archiveiterator import ArchiveIterator  # noqa: PLC0415  optional
        from warcio.exceptions import ArchiveLoadFailed  # noqa: PLC0415
    except ImportError:
        raise require("warcio", "warc", "WARC archives") from None
    payload = bytearray()
    try:
        for record in ArchiveIterator(io.BytesIO(raw)):
            stream: Any = record.content_stream()
            while chunk := stream.read(_CHUNK):
                payload += chunk
                if len(payload) > _PAYLOAD:
                    raise UnreadablePayload(f"its payload unpacks to more than {_PAYLOAD} bytes")
            return record.http_headers.get_header("Content-Type") or "", bytes(payload)
    except (ArchiveLoadFailed, OSError, EOFError, ValueError, AttributeError) as error:
        raise UnreadablePayload(f"its payload cannot be unpacked: {error}") from None
    raise UnreadablePayload("it holds no payload")


def _is_article(fields: Mapping[str, str], start: bytes) -> bool:
    kind = fields.get("warc-type", "")
    if kind == "response":
        head = _HEADER_END.split(start, maxsplit=1)[0]
        status = head.split(b" ", 2)[1:2]
        return status[:1] == [b"200"] and _media(read_fields(head).get("content-type", "")) in _TEXTS
    return kind == "conversion" or (kind == "resource" and _media(fields.get("content-type", "")) in _TEXTS)


def _media(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


def _kind(fields: Mapping[str, str]) -> str:
    return f"a record of kind {fields.get('warc-type', '')!r}, no article"


def _read_header(stream: BinaryIO, path: Path) -> bytes:
    """The lines up to the empty one, it included; nothing at the end of the archive."""
    header = bytearray()
    while line := stream.readline(_HEADER):
        if not header and not line.startswith(b"WARC/"):
            raise InputError("not a WARC, or a record is longer than it says; fetch the file again", path=str(path))
        header += line
        if line in (b"\r\n", b"\n"):
            return bytes(header)
        if not line.endswith(b"\n") or len(header) > _HEADER:
            raise InputError("truncated or damaged WARC (a header without end); fetch the file again", path=str(path))
    if header:
        raise InputError("truncated WARC (it ends in a header); fetch the file again", path=str(path))
    return b""


def _length(fields: Mapping[str, str], path: Path) -> int:
    length = fields.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 19):
        raise InputError(f"damaged WARC (Content-Length is {length!r}); fetch the file again", path=str(path))
    return int(length)


def _record(stream: BinaryIO, header: bytes, start: bytes, length: int, path: Path) -> Iterator[bytes]:
    yield header
    yield start
    left = length - len(start)
    while left:
        chunk = _read_exactly(stream, min(left, _CHUNK), path)
        left -= len(chunk)
        yield chunk
    end = stream.readline(2)
    end += stream.readline(2)
    if end not in (b"\r\n\r\n", b"\n\n"):
        raise InputError("truncated or damaged WARC (no empty lines after a record); fetch the file again", path=str(path))
    yield end


def _read_exactly(stream: BinaryIO, number: int, path: Path) -> bytes:
    content = stream.read(number)
    if len(content) < number:
        raise InputError("truncated WARC (it ends within a record); fetch the file again", path=str(path))
    return content


def _cut(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """The joined chunks in pieces of limit + 1 bytes; a whole of at most `limit` bytes is one piece."""
    waiting, first = bytearray(), True
    for chunk in chunks:
        waiting += chunk
        while len(waiting) > (limit if first else min(limit, _CHUNK)):
            size = limit + 1 if first else min(limit, _CHUNK) + 1
            yield bytes(waiting[:size])
            del waiting[:size]
            first = False
    if waiting:
        yield bytes(waiting)
