"""How the records of one input are read: raw bytes to a row of named values.

A row holds strings as they are and numbers as their own digits, so that 30 digits or 1e5 lose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dedupe.corpus.content import BOM
from dedupe.corpus.pages import extract_article
from dedupe.corpus.record import Format
from dedupe.corpus.table import sniff_delimiter, split_fields
from dedupe.corpus.warc import UnreadablePayload, parse_warc_record
from dedupe.errors import UsageError

_BY_LINES = {"jsonl", "csv", "tsv"}
_TEXT_BOMS = (
    (BOM, "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


class Malformed(Exception):
    """A record that cannot become an article; the message is the reason its quarantine line gives."""


class Number(str):
    """A JSON number, kept as the characters it was written with."""

    __slots__ = ()


Row = Mapping[str, object]
# Made once: `json.loads` makes one for every call that names what to do with numbers.
_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is needed to read a record of an input by itself: its format, encoding and, for tables, header."""

    format: Format
    encoding: str = "utf-8"
    columns: tuple[str, ...] = ()
    delimiter: str = ","


def read_dialect(format: Format, head: bytes, encoding: str) -> Dialect:
    """The dialect of an input whose head is `head`; a UTF-8 byte order mark overrules `encoding`.

    >>> read_dialect("csv", b"id,text\\n", "utf-8").columns
    ('id', 'text')
    """
    encoding = "utf-8" if head.startswith(BOM) or format == "parquet" else encoding
    if format not in ("csv", "tsv") or not head.strip():
        return Dialect(format, encoding)
    delimiter = sniff_delimiter(format, head[: 1 << 16])
    header = head.removeprefix(BOM).decode(encoding, "replace")
    try:
        columns = tuple(field.value for field in split_fields(header, delimiter))
    except ValueError:  # bytes of another encoding; no row will fit
        columns = ()
    return Dialect(format, encoding, columns, delimiter)


def check_encoding(encoding: str, format: Format) -> str:
    """The encoding's name as it will be used; utf-8-sig counts as utf-8, since byte order marks are always seen.

    Raises UsageError for an unknown encoding, and for one in which lines cannot be split on the byte 0x0A.
    """
    try:
        newline = "\n".encode(encoding)
    except (LookupError, UnicodeError):
        raise UsageError(f"unknown encoding {encoding!r}; use a name such as utf-8, cp1252, latin-1") from None
    if encoding.lower().replace("_", "-") == "utf-8-sig":
        return "utf-8"
    if format in _BY_LINES and newline != b"\n":
        raise UsageError(f"{format} in {encoding} cannot be read; convert it to UTF-8 first: iconv -f {encoding} -t utf-8")
    return encoding


def parse_record(raw: bytes, dialect: Dialect) -> Row:
    """The record's values by name; a .txt has the one value `text`, a page those of `extract_article`.

    Raises Malformed with the reason when the bytes are not in the encoding or not in the format.

    >>> parse_record(b'{"a": 1e5, "a": "x"}', Dialect("jsonl"))
    {'a': 'x'}
    """
    if dialect.format == "html":
        return extract_article(raw)
    if dialect.format == "warc":
        try:
            return parse_warc_record(raw)
        except UnreadablePayload as reason:
            raise Malformed(str(reason)) from None
    text = decode_record(raw, dialect)[1]
    if dialect.format == "txt":
        return {"text": text}
    if dialect.format in ("jsonl", "parquet"):
        return _parse_object(text)
    try:
        values = [field.value for field in split_fields(text, dialect.delimiter)]
    except ValueError as error:
        raise Malformed(str(error)) from None
    if len(values) != len(dialect.columns):
        raise Malformed(f"{len(values)} columns where the header has {len(dialect.columns)}")
    return dict(zip(dialect.columns, values, strict=True))


def decode_record(raw: bytes, dialect: Dialect) -> tuple[bytes, str, str]:
    """The byte order mark (of a .txt), the text after it, and the encoding that turns the text back into the bytes.

    Raises Malformed when the bytes are not in the encoding, or the encoding cannot give them back.
    """
    bom, encoding = b"", dialect.encoding
    if dialect.format == "txt":
        bom, encoding = next((known for known in _TEXT_BOMS if raw.startswith(known[0])), (b"", encoding))
    body = raw[len(bom) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Malformed(f"not {encoding}: byte 0x{body[error.start]:02x} at {error.start}") from None
    except UnicodeError as error:
        raise Malformed(f"not {encoding}: {error}") from None
    if encoding != "utf-8" and text.encode(encoding, "replace") != body:
        raise Malformed(f"not plain {encoding}: decoding and encoding again changes the bytes")
    return bom, text, encoding


def look_up(row: Row, path: str) -> object:
    """The value at a dotted path, KeyError if there is none; a name that holds the dots itself comes first.

    >>> look_up({"content": {"rendered": "x"}}, "content.rendered")
    'x'
    """
    if path in row:
        return row[path]
    first, dot, rest = path.partition(".")
    inner = row[first]
    if dot and isinstance(inner, dict):
        return look_up(inner, rest)
    raise KeyError(path)


def describe_type(value: object) -> str:
    """What a value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (Number, float)):
        return "a number"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a string"


def _parse_object(text: str) -> Row:
    try:
        row = _DECODER.decode(text.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg}: character {error.pos}") from None
    except RecursionError:
        raise Malformed("JSON nested too deeply") from None
    if not isinstance(row, dict):
        raise Malformed(f"{describe_type(row)}, not an object")
    return row
