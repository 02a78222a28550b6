"""The reader: inputs in, records out, the same ones each time it is asked.

A run reads its inputs twice, once to profile and once to emit, and keeps no text in between. So a corpus is an iterable,
not an iterator, and it notices when a file has changed between two readings.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol, cast

from dedupe.config import ReadSettings
from dedupe.corpus.bulk import Lines, Stretch, build_articles, gather_lines, line_reader, put_together, split_into_lines
from dedupe.corpus.content import open_content, split_content
from dedupe.corpus.dialect import Dialect, Malformed, check_encoding, parse_record, read_dialect
from dedupe.corpus.fields import FieldChoice, build_article
from dedupe.corpus.inputs import Input
from dedupe.corpus.record import Format, Piece, Record
from dedupe.errors import InputError
from dedupe.model import Article, Where

OpenPieces = Callable[[Input], Iterable[Piece]]
# Records that are taken out at once.
_AT_ONCE = 64


@dataclass(slots=True)
class Content:
    """What is known of an input's decompressed content while and after it is read.

    `head` and `dialect` are known with the first record; `tail`, `records`, `size` (bytes) and `sha256` at the end, the latter
    only if it was asked for. `starts` tells where each record begins, if they can be read again from there.
    """

    head: bytes
    dialect: Dialect
    tail: bytes = b""
    records: int = 0
    size: int = 0
    sha256: str = ""
    starts: array[int] = field(default_factory=lambda: array("q"), compare=False)


class Source(Protocol):
    """Articles that can be read again and again, all of them or some: a `Corpus`, or several joined."""

    def __iter__(self) -> Iterator[Record]:
        """The records, in order."""
        ...

    def stretches(self) -> Iterable[Stretch]:
        """The same articles, many at a time, and of each only what finding needs."""
        ...

    def select(self, wanted: Mapping[tuple[str, int], str]) -> Iterator[Article]:
        """The articles at some places, in order; see `Corpus.select`."""
        ...


class Corpus:
    """The records of some inputs, in order; iterate as often as needed.

    `inputs` are the files, `choices` the fields in use per format, `further` the names of fields that repair may touch
    beside text and title. `contents` fills while reading, by input name. With `files` the inputs themselves
    are read, not what is stored of them; with `hashed` whole readings are checked against each other.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        settings: ReadSettings,
        choices: Mapping[Format, FieldChoice],
        further: Sequence[str],
        open_all: Callable[[], OpenPieces],
        *,
        files: bool = False,
        hashed: bool = True,
    ) -> None:
        self.inputs, self.settings = tuple(inputs), settings
        self.choices, self.further = dict(choices), tuple(further)
        self.contents: dict[str, Content] = {}
        self._open_all, self._files, self._hashed = open_all, files, hashed
        for format in {input.format for input in inputs}:
            check_encoding(settings.encoding, format)

    def __iter__(self) -> Iterator[Record]:
        taken: dict[str, int] = {}
        open_pieces = self._open_all()
        for input in self.inputs:
            yield from cast(Iterator[Record], self._read(input, open_pieces(input), taken))

    def stretches(self) -> Stretches:
        """The same articles, many at a time, and of each only what finding needs."""
        return Stretches(self.inputs, self._read_stretches)

    def select(self, wanted: Mapping[tuple[str, int], str]) -> Iterator[Article]:
        """The articles at some places, in order. `wanted` maps (input name, record number) to the article's id.

        The corpus must have been read before. Records at other places are passed over or split off, but not parsed, and inputs
        without a wanted record are not opened. Raises InputError for a file that has changed since.
        """
        open_pieces = self._open_all()
        numbers: dict[str, set[int]] = {}
        for name, number in wanted:
            numbers.setdefault(name, set()).add(number)
        for input in self.inputs:
            if input.name not in numbers:
                continue
            content = self.contents[input.name]
            choice, read = self.choices[input.format], None
            if content.starts and not self.further:
                read = line_reader(choice, content.dialect.encoding, self.settings.max_record_bytes)
            found = (_pick if content.starts else _sift)(input, content, numbers[input.name], open_pieces)
            while some := dict(islice(found, _AT_ONCE)):
                ids = [wanted[input.name, number] for number in some]
                lines = read(b"".join(some.values())) if read else None
                if lines and len(lines.texts) == len(ids):
                    yield from build_articles(lines, ids, [Where(input.name, number, 0) for number in some])
                    continue
                for id, (number, raw) in zip(ids, some.items(), strict=True):
                    try:
                        row = parse_record(raw, content.dialect)
                        article = build_article(row, choice, self.further, "", Where(input.name, number, 0))
                    except Malformed:
                        raise _changed(input) from None
                    yield article if article.id == id else replace(article, id=id)

    def _read_stretches(self) -> Iterator[Stretch]:
        taken: dict[str, int] = {}
        open_pieces = self._open_all()
        for input in self.inputs:
            pieces: Iterable[Piece | Lines] = open_pieces(input)
            if self._files and input.format == "jsonl":
                encoding = check_encoding(self.settings.encoding, input.format)
                read = line_reader(self.choices[input.format], encoding, self.settings.max_record_bytes)
                if read:
                    pieces = split_into_lines(input.path, input.compression, self.settings.max_record_bytes, read)
            yield from put_together(self._read(input, pieces, taken))

    def _read(self, input: Input, pieces: Iterable[Piece | Lines], taken: dict[str, int]) -> Iterator[Record | Stretch]:
        earlier = self.contents.get(input.name)
        digest = hashlib.sha256()
        pieces = iter(pieces)
        head = next(pieces).raw
        encoding = check_encoding(self.settings.encoding, input.format)
        content = Content(head, read_dialect(input.format, head, encoding), size=len(head))
        self.contents[input.name] = content
        digest.update(head)
        seekable = self._files and input.format == "jsonl" and not input.compression
        for piece in pieces:
            if isinstance(piece, Lines):
                if seekable:
                    content.starts.extend([content.size, *(piece.ends[:-1] + content.size).tolist()])
                numbers = range(content.records, content.records + len(piece.texts))
                content.records = numbers.stop
                yield _gather_unique(piece, numbers, input.name, taken)
            elif piece.role == "tail":
                content.tail = piece.raw
            else:
                content.records += piece.role == "record"
                if seekable and piece.role == "record":
                    content.starts.append(content.size)
                yield self._parse(piece, Where(input.name, content.records - 1, content.size), content, input, taken)
            content.size += len(piece.raw)
            if self._hashed:
                digest.update(piece.raw)
        content.sha256 = digest.hexdigest() if self._hashed else ""
        if earlier and earlier.sha256 and content.sha256 and earlier.sha256 != content.sha256:
            raise _changed(input)

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


@dataclass(frozen=True, slots=True)
class Stretches:
    """The stretches of a corpus; iterate as often as needed. `inputs` are those of the corpus."""

    inputs: tuple[Input, ...]
    read: Callable[[], Iterator[Stretch]]

    def __iter__(self) -> Iterator[Stretch]:
        return self.read()


def read_records(
    inputs: Sequence[Input],
    settings: ReadSettings,
    choices: Mapping[Format, FieldChoice],
    further: Sequence[str] = (),
    *,
    hashed: bool = True,
) -> Corpus:
    """The records of the inputs, an iterable that gives the same sequence every time.

    `choices` come from `detect_fields`. `further` names fields that are kept in `Article.fields`. Contents are
    `hashed` if they are to be read whole more than once. Iterating raises InputError for damaged files and for files that
    change between two readings, UsageError for whole-file JSON.
    """

    def open_pieces(input: Input) -> Iterator[Piece]:
        return split_content(input.path, input.format, input.compression, settings.max_record_bytes)

    return Corpus(inputs, settings, choices, further, lambda: open_pieces, files=True, hashed=hashed)


def _sift(input: Input, content: Content, numbers: Set[int], open_pieces: OpenPieces) -> Iterator[tuple[int, bytes]]:
    """The wanted records of an input, out of all its pieces."""
    number = -1
    for piece in open_pieces(input):
        number += piece.role == "record"
        if piece.role == "record" and number in numbers:
            yield number, piece.raw


def _pick(input: Input, content: Content, numbers: Set[int], open_pieces: OpenPieces) -> Iterator[tuple[int, bytes]]:
    """The same, from where they begin."""
    if input.path.stat().st_size != content.size:
        raise _changed(input)
    end = content.size - len(content.tail)
    with open_content(input.path, input.compression) as stream:
        for number in sorted(numbers):
            begin = content.starts[number]
            stream.seek(begin)
            yield number, stream.read((content.starts[number + 1] if number + 1 < len(content.starts) else end) - begin)


def _changed(input: Input) -> InputError:
    return InputError("changed while it was being read; run again", path=str(input.path))


def _gather_unique(lines: Lines, numbers: range, name: str, taken: dict[str, int]) -> Stretch:
    """The stretch of some plain lines, their ids made unique."""
    ids = [id or f"{name}#{number}" for id, number in zip(lines.ids, numbers, strict=True)]
    new = dict.fromkeys(ids, 1)
    if len(new) < len(ids) or not taken.keys().isdisjoint(new):
        ids = [_unique_id(id, taken) for id in ids]
    else:
        taken.update(new)
    return gather_lines(lines, name, numbers, ids)


def _with_unique_id(article: Article, taken: dict[str, int]) -> Article:
    id = _unique_id(article.id, taken)
    return article if id == article.id else replace(article, id=id)


def _unique_id(wanted: str, taken: dict[str, int]) -> str:
    """The id, made unique by "~2", "~3" ...; `taken` holds the last number given out per id."""
    id, number = wanted, taken.get(wanted, 0)
    while id in taken:
        number += 1
        id = f"{wanted}~{number}" if number > 1 else wanted
    taken[wanted] = max(number, 1)
    taken[id] = max(taken.get(id, 0), 1)
    return id
