"""CSV and TSV by hand: where records end in bytes, where fields stand in a record (RFC 4180, as the csv module reads it).

The csv module gives values but not their places, and its field limit is global to the process. Here every field has a
span, so that one can be replaced and all others keep their bytes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dedupe.corpus.record import Format


class Field(NamedTuple):
    """A field's value and its span, quotation marks included, in the record's text."""

    value: str
    start: int
    end: int


class QuoteState:
    """Follows quotation marks through chunks of bytes to tell a line end from one within a quoted field.

    >>> state = QuoteState(",")
    >>> state.ends_record(b'1,"two\\n'), state.ends_record(b'lines"\\n')
    (False, True)
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()
        self._state = "start"

    @property
    def in_quotes(self) -> bool:
        """Whether a quoted field is open."""
        return self._state == "quoted"

    def ends_record(self, chunk: bytes) -> bool:
        """Whether `chunk`, which holds no line end but at its end, closes a record."""
        state, position = self._state, 0
        opening = self._delimiter + b'"'
        while position < len(chunk):
            byte = chunk[position : position + 1]
            if state == "plain":
                found = chunk.find(opening, position)
                if found < 0:
                    state = "start" if chunk.endswith(self._delimiter) else "plain"
                    break
                state, position = "quoted", found + len(opening)
            elif state == "quoted":
                found = chunk.find(b'"', position)
                position = found + 1 if found >= 0 else len(chunk)
                state = "closing" if found >= 0 else "quoted"
            elif byte == b'"':
                state, position = "quoted", position + 1
            elif byte == self._delimiter:
                state, position = "start", position + 1
            else:
                state = "plain"
        ended = state != "quoted" and chunk.endswith(b"\n")
        self._state = "start" if ended else state
        return ended


def split_fields(text: str, delimiter: str) -> list[Field]:
    """The fields of one record, its line end left aside.

    A quotation mark counts only at the start of a field; what follows the closing one belongs to the field.
    Raises ValueError where the csv module does: a carriage return outside quotes, or a quotation mark never closed.

    >>> [field.value for field in split_fields('1,"a ""cut"" copy",\\r\\n', ",")]
    ['1', 'a "cut" copy', '']
    """
    pattern = re.compile(rf'(?:"((?:[^"]++|"")*+)"|(?!"))([^{re.escape(delimiter)}]*+)')
    content = text.rstrip("\r\n")
    fields, position = [], len(text) - len(text.lstrip("\r\n"))
    while True:
        match = pattern.match(content, position)
        if match is None:
            raise ValueError("a quotation mark is opened and never closed")
        quoted, rest = match.group(1), match.group(2)
        if "\r" in rest or "\n" in rest:
            raise ValueError("a line break outside quotation marks")
        value = rest if quoted is None else quoted.replace('""', '"') + rest
        fields.append(Field(value, match.start(), match.end()))
        position = match.end()
        if position == len(content):
            return fields
        position += 1


def quote_field(value: str, delimiter: str, *, quoted: bool) -> str:
    """The value as a field: within quotation marks if it was so before or cannot stand without them.

    >>> quote_field("peace, they said", ",", quoted=False)
    '"peace, they said"'
    """
    if quoted or any(mark in value for mark in (delimiter, '"', "\r", "\n")):
        return '"' + value.replace('"', '""') + '"'
    return value


def sniff_delimiter(format: Format, start: bytes) -> str:
    """The delimiter: a tab for TSV; for CSV the most frequent of , ; tab | in the header line, the comma on a tie.

    >>> sniff_delimiter("csv", b"id;title;text\\n1;2,5;x")
    ';'
    """
    if format == "tsv":
        return "\t"
    line = start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    outside = re.sub(rb'"[^"]*+"', b"", line)
    return max(",;\t|", key=lambda mark: outside.count(mark.encode()))


def find_header_fault(raw: bytes, delimiter: str) -> str:
    """Why the bytes cannot be a header, or the empty string.

    >>> find_header_fault(b"id\\rtext\\r", ",")
    'the header has a line break outside quotation marks; convert the line ends to LF or CRLF'
    """
    try:
        split_fields(raw.decode("latin-1"), delimiter)
    except ValueError as error:
        return f"the header has {error}; convert the line ends to LF or CRLF"
    return ""
