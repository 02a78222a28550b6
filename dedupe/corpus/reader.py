"""The reader: inputs in, records out, the same ones each time it is asked.

A run reads its inputs twice, once to profile and once to emit, and keeps no text in between. So a corpus is an iterable,
not an iterator, and it notices when a file has changed between two readings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dedupe.config import ReadSettings
from dedupe.corpus.content import split_content
from dedupe.corpus.dialect import Dialect, Malformed, check_encoding, parse_record, read_dialect
from dedupe.corpus.fields import FieldChoice, build_article
from dedupe.corpus.inputs import Input
from dedupe.corpus.record import Format, Piece, Record
from dedupe.errors import InputError
from dedupe.model import Article, Where

OpenPieces = Callable[[Input], Iterable[Piece]]


@dataclass(slots=True)
class Content:
    """What is known of an input's decompressed content while and after it is read.

    `head` and `dialect` are known with the first record; `tail`, `records`, `size` (bytes) and `sha256` at the end.
    """

    head: bytes
    dialect: Dialect
    tail: bytes = b""
    records: int = 0
    size: int = 0
    sha256: str = ""


class Source(Protocol):
    """Articles that can be read again and again, all of them or some: a `Corpus`, or several joined."""

    def __iter__(self) -> Iterator[Record]:
        """The records, in order."""
        ...

    def select(self, wanted: Mapping[tuple[str, int], str]) -> Iterator[Article]:
        """The articles at some places, in order; see `Corpus.select`."""
        ...


class Corpus:
    """The records of some inputs, in order; iterate as often as needed.

    `inputs` are the files, `choices` the fields in use per format, `further` the names of fields that repair may touch
    beside text and title. `contents` fills while reading, by input name.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        settings: ReadSettings,
        choices: Mapping[Format, FieldChoice],
        further: Sequence[str],
        open_all: Callable[[], OpenPieces],
    ) -> None:
        self.inputs, self.settings = tuple(inputs), settings
        self.choices, self.further = dict(choices), tuple(further)
        self.contents: dict[str, Content] = {}
        self._open_all = open_all
        for format in {input.format for input in inputs}:
            check_encoding(settings.encoding, format)

    def __iter__(self) -> Iterator[Record]:
        taken: dict[str, int] = {}
        open_pieces = self._open_all()
        for input in self.inputs:
            yield from self._read(input, open_pieces(input), taken)

    def select(self, wanted: Mapping[tuple[str, int], str]) -> Iterator[Article]:
        """The articles at some places, in order. `wanted` maps (input name, record number) to the article's id.

        The corpus must have been read before. Records at other places are split off but not parsed, and inputs without a
        wanted record are not opened.
        """
        open_pieces = self._open_all()
        names = {name for name, _ in wanted}
        for input in self.inputs:
            if input.name not in names:
                continue
            dialect, number = self.contents[input.name].dialect, -1
            for piece in open_pieces(input):
                number += piece.role == "record"
                if piece.role == "record" and (input.name, number) in wanted:
                    row = parse_record(piece.raw, dialect)
                    where = Where(input.name, number, 0)
                    article = build_article(row, self.choices[input.format], self.further, "", where)
                    id = wanted[input.name, number]
                    yield article if article.id == id else replace(article, id=id)

    def _read(self, input: Input, pieces: Iterable[Piece], taken: dict[str, int]) -> Iterator[Record]:
        earlier = self.contents.get(input.name)
        digest = hashlib.sha256()
        pieces = iter(pieces)
        head = next(pieces).raw
        encoding = check_encoding(self.settings.encoding, input.format)
        content = Content(head, read_dialect(input.format, head, encoding), size=len(head))
        self.contents[input.name] = content
        digest.update(head)
        for piece in pieces:
            if piece.role == "tail":
                content.tail = piece.raw
            else:
                content.records += piece.role == "record"
                yield self._parse(piece, Where(input.name, content.records - 1, content.size), content, input, taken)
            content.size += len(piece.raw)
            digest.update(piece.raw)
        content.sha256 = digest.hexdigest()
        if earlier and earlier.sha256 and earlier.sha256 != content.sha256:
            raise InputError("changed while it was being read; run again", path=str(input.path))

    def _parse(self, piece: Piece, where: Where, content: Content, input: Input, taken: dict[str, int]) -> Record:
        if piece.error or piece.role != "record":
            other = piece.role == "other"
            return Record(piece.raw, where, None, piece.error, rest=piece.role != "record", other=other)
        default_id = input.name if input.format in ("txt", "html") else f"{input.name}#{where.record}"
        try:
            row = parse_record(piece.raw, content.dialect)
            article = build_article(row, self.choices[input.format], self.further, default_id, where)
        except Malformed as reason:
            return Record(piece.raw, where, None, str(reason))
        return Record(piece.raw, where, _with_unique_id(article, taken))


def read_records(
    inputs: Sequence[Input],
    settings: ReadSettings,
    choices: Mapping[Format, FieldChoice],
    further: Sequence[str] = (),
) -> Corpus:
    """The records of the inputs, an iterable that gives the same sequence every time.

    `choices` come from `detect_fields`. `further` names fields that are kept in `Article.fields`. Iterating raises
    InputError for damaged files and for files that change between two readings, UsageError for whole-file JSON.
    """

    def open_pieces(input: Input) -> Iterator[Piece]:
        return split_content(input.path, input.format, input.compression, settings.max_record_bytes)

    return Corpus(inputs, settings, choices, further, lambda: open_pieces)


def _with_unique_id(article: Article, taken: dict[str, int]) -> Article:
    """The article, its id made unique by "~2", "~3" ...; `taken` holds the last number given out per id."""
    id, number = article.id, taken.get(article.id, 0)
    while id in taken:
        number += 1
        id = f"{article.id}~{number}" if number > 1 else article.id
    taken[article.id] = max(number, 1)
    taken[id] = max(taken.get(id, 0), 1)
    return article if id == article.id else replace(article, id=id)
