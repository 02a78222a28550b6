"""Replace spans of one field inside a record's bytes; every other byte stays.

Spans count code points of the decoded field. Inside a JSON string the unchanged parts keep their own escapes, and what
is new is written in the literal's manner: \\uXXXX where the literal is pure ASCII, plain characters elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from dedupe.corpus.dialect import Dialect, decode_record
from dedupe.corpus.json_scan import find_value
from dedupe.corpus.table import quote_field, split_fields
from dedupe.errors import UsageError
from dedupe.text.edits import Span, apply_spans

_UNIT = re.compile(r"[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)


def splice_field(raw: bytes, dialect: Dialect, field: str, spans: Sequence[Span]) -> bytes:
    """The record's bytes with `spans` (sorted, disjoint) of the field replaced; no spans give the same bytes.

    `field` is a column, a dotted path of a JSON record, or anything for a .txt. Raises KeyError when the record has no
    such field, UsageError when the encoding has no bytes for a replacement.

    >>> splice_field(b'{"n": 1e5, "text": "caf\\\\u00e9 assault"}', Dialect("jsonl"), "text", [Span(5, 12, "attack")])
    b'{"n": 1e5, "text": "caf\\\\u00e9 attack"}'
    """
    if not spans:
        return raw
    bom, text, encoding = decode_record(raw, dialect)
    if dialect.format == "txt":
        changed = apply_spans(text, spans)
    elif dialect.format == "jsonl":
        changed = _splice_json(text, field, spans, encoding)
    else:
        changed = _splice_table(text, dialect, field, spans)
    try:
        return bom + changed.encode(encoding)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"a repair needs {changed[error.start]!r}, which {encoding} lacks; "
            "convert the input to UTF-8, or write another format with --format jsonl"
        ) from None


def _splice_json(text: str, field: str, spans: Sequence[Span], encoding: str) -> str:
    place = find_value(text, field)
    if place is None:
        raise KeyError(field)
    start, end = place[0] + 1, place[1] - 1
    literal = text[start:end]
    offsets = _literal_offsets(literal, [offset for span in spans for offset in span[:2]])
    escaped = [Span(offsets[span.start], offsets[span.end], _escape(span.after, literal.isascii(), encoding)) for span in spans]
    return text[:start] + apply_spans(literal, escaped) + text[end:]


def _literal_offsets(literal: str, wanted: Sequence[int]) -> dict[int, int]:
    """Where the code points at the (ascending) offsets `wanted` stand within a JSON string literal."""
    offsets, left, point = {}, list(reversed(wanted)), 0
    for unit in _UNIT.finditer(literal):
        escape = literal[unit.start()] == "\\"
        points = 1 if escape else unit.end() - unit.start()
        while left and left[-1] < point + points:
            wanted_point = left.pop()
            offsets[wanted_point] = unit.start() + wanted_point - point
        point += points
    if any(offset > point for offset in left):
        raise ValueError(f"span leaves the text of {point} characters")
    return offsets | {point: len(literal)}


def _escape(after: str, ascii_only: bool, encoding: str) -> str:
    plain = json.dumps(after, ensure_ascii=ascii_only)[1:-1]
    try:
        plain.encode(encoding)
    except UnicodeEncodeError:  # a lone surrogate, or a character that the encoding lacks
        return json.dumps(after)[1:-1]
    return plain


def _splice_table(text: str, dialect: Dialect, name: str, spans: Sequence[Span]) -> str:
    if name not in dialect.columns:
        raise KeyError(name)
    column = max(index for index, known in enumerate(dialect.columns) if known == name)
    field = split_fields(text, dialect.delimiter)[column]
    quoted = text[field.start : field.start + 1] == '"'
    value = apply_spans(field.value, spans)
    new = quote_field(value, dialect.delimiter, quoted=quoted or (not value and len(dialect.columns) == 1))
    return text[: field.start] + new + text[field.end :]
