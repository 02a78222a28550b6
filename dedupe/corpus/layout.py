"""How the canonical articles are laid out: as their inputs were, or converted to one format.

Of web pages and crawl archives only the text is taken: "as they were" then means JSON lines by the input's name.

Names come from the inputs' paths, never from ids or other content.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Protocol

from dedupe.config import EmitFormat
from dedupe.corpus.envelope import dump_line
from dedupe.corpus.inputs import Input
from dedupe.corpus.parquet import RowCopier, RowWriter
from dedupe.corpus.record import VERBATIM
from dedupe.corpus.staging import Output, OutputFile, Staging
from dedupe.model import Article

_COLUMNS = ("id", "title", "text", "url", "source", "date")


class Layout(Protocol):
    """Takes the canonical records input by input; `outputs` are the files closed so far."""

    outputs: list[OutputFile]

    def begin(self, input: Input, head: bytes) -> None:
        """The records that follow are of this input."""

    def write(self, raw: bytes, article: Article, changed: Mapping[str, str]) -> None:
        """One canonical record, as bytes and as article; `changed` holds what repair made of fields, by the input's names."""

    def end(self, tail: bytes) -> None:
        """The input is done."""

    def finish(self) -> None:
        """All inputs are done."""

    def discard(self) -> None:
        """Give up what is open."""


def corpus_name(format: EmitFormat) -> str:
    """What the canonical corpus is called below the output folder.

    >>> corpus_name("same"), corpus_name("jsonl")
    ('canonical', 'canonical.jsonl')
    """
    return "canonical" if format in {"same", "txt"} else f"canonical.{format}"


def make_layout(format: EmitFormat, staging: Staging) -> Layout:
    """The layout of the setting emit.format."""
    return SameLayout(staging) if format == "same" else ConvertedLayout(format, staging)


class SameLayout:
    """canonical/<input name>, same format and compression. A .txt exists if its article stays, others always.

    canonical/<input name>.jsonl for formats that only the text is taken of.
    """

    def __init__(self, staging: Staging) -> None:
        self.outputs: list[OutputFile] = []
        self._staging = staging
        self._file: Output | None = None
        self._rows: RowCopier | None = None

    def begin(self, input: Input, head: bytes) -> None:
        """Open the input's twin; of a text or page, only when its article comes."""
        self._input = input
        if input.format == "parquet":
            self._rows = RowCopier(input.path, self._open())
        elif input.format not in ("txt", "html"):
            self._open().write(head)

    def write(self, raw: bytes, article: Article, changed: Mapping[str, str]) -> None:
        """Append the record's bytes, its row, or its line."""
        if self._rows:
            self._rows.write(article.where.record, changed)
        else:
            verbatim = self._input.format in VERBATIM
            (self._file or self._open()).write(raw if verbatim else dump_line(_columns(article)))

    def end(self, tail: bytes) -> None:
        """Append the bytes after the last record and close."""
        if self._rows:
            self._rows.close()
            self._rows = None
        if self._file:
            if self._input.format in VERBATIM:
                self._file.write(tail)
            self.outputs.append(self._file.close())
            self._file = None

    def finish(self) -> None:
        """Nothing is open between inputs."""

    def discard(self) -> None:
        """Close the open file."""
        if self._rows:
            self._rows.discard()
        if self._file:
            self._file.discard()

    def _open(self) -> Output:
        extracted = self._input.format in ("html", "warc")
        name = f"canonical/{self._input.name}{'.jsonl' if extracted else ''}"
        self._file = self._staging.create(name, "" if extracted else self._input.compression)
        return self._file


class ConvertedLayout:
    """canonical.jsonl, .csv or .parquet with id, title, text, url, source, date; or canonical/ with a .txt an article.

    Lone surrogates, which no UTF-8 file can hold, are written as \\udXXX.
    """

    def __init__(self, format: EmitFormat, staging: Staging) -> None:
        self.outputs: list[OutputFile] = []
        self._format, self._staging = format, staging
        self._file = None if format == "txt" else staging.create(corpus_name(format))
        if self._file and format == "csv":
            self._file.write(_csv_line(_COLUMNS))
        self._rows = RowWriter(_COLUMNS, self._file) if self._file and format == "parquet" else None

    def begin(self, input: Input, head: bytes) -> None:
        """Note the input, whose name the .txt files carry."""
        self._input = input

    def write(self, raw: bytes, article: Article, changed: Mapping[str, str]) -> None:
        """Append the article, or write its file."""
        columns = _columns(article)
        if self._rows:
            self._rows.write(columns)
        elif self._file:
            self._file.write(dump_line(columns) if self._format == "jsonl" else _csv_line(columns.values()))
        else:
            output = self._staging.create(f"canonical/{_text_name(self._input, article.where.record)}")
            output.write(article.text.encode("utf-8", "backslashreplace"))
            self.outputs.append(output.close())

    def end(self, tail: bytes) -> None:
        """The files are not the inputs' own."""

    def finish(self) -> None:
        """Close the one file."""
        if self._rows:
            self._rows.close()
        if self._file:
            self.outputs.append(self._file.close())

    def discard(self) -> None:
        """Close the open file."""
        if self._rows:
            self._rows.discard()
        if self._file:
            self._file.discard()


def _text_name(input: Input, record: int) -> str:
    if input.format == "txt":
        return f"{input.name}.txt" if input.compression else input.name
    return f"{input.name}/{record:08d}.txt"


def _columns(article: Article) -> dict[str, str]:
    return {name: getattr(article, name) for name in _COLUMNS}


def _csv_line(values: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().encode("utf-8", "backslashreplace")
