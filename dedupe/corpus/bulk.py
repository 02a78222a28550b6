"""Many records at once, read column by column.

Nearly every line of JSON is plain: one valid object in UTF-8 whose text is a string. The compiled kernel reads
such lines, a mebibyte at a time; any other line, and every other format, is read the ordinary way, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedupe.corpus.content import open_content, peek, split_lines_of_json
from dedupe.corpus.fields import FieldChoice, name_host
from dedupe.corpus.record import Compression, Piece, Record
from dedupe.kernel import compiled_kernel
from dedupe.model import Article, Where

# Records put together where they are read one by one.
_TOGETHER = 64
# Lines read one by one at most before it is tried again whether plain ones follow.
_PATIENCE = 1000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one input, one after the other: the articles among them, column by column, in order.

    `numbers` are those of the records in the input. A text is str, or its UTF-8. `sources` name who published an article, or
    the host of its address. `records` is how many there are, `unreadable` ones included, `size` their bytes.
    """

    input: str
    numbers: Sequence[int]
    ids: Sequence[str]
    texts: Sequence[str | bytes]
    sources: Sequence[str]
    dates: Sequence[str]
    unreadable: int
    records: int
    size: int


class Lines(NamedTuple):
    """Plain lines: their bytes, if these are kept; where each ends among them (int64); its fields, "" for what is absent."""

    raw: bytes
    ends: npt.NDArray[np.int64]
    texts: list[bytes]
    ids: list[str]
    titles: list[str]
    urls: list[str]
    sources: list[str]
    dates: list[str]


ReadLines = Callable[[bytes], Lines | None]


def line_reader(choice: FieldChoice, encoding: str, limit: int) -> ReadLines | None:
    """What reads the plain lines at the start of a chunk, None if there are none; None if there is no such way to read.

    >>> read = line_reader(FieldChoice("text", id="id"), "utf-8", 1000)
    >>> lines = read(b'{"id": 7, "text": "one"}\\n{"text": null}\\n') if read else None
    >>> (lines.ids, lines.texts) if lines else (["7"], [b"one"])
    (['7'], [b'one'])
    """
    kernel = compiled_kernel()
    roles = (choice.text, choice.id, choice.title, choice.url, choice.source, choice.date)
    if not kernel or encoding != "utf-8" or any("." in name for name in roles):
        return None
    at = {name: place for place, name in enumerate(dict.fromkeys(name for name in roles if name))}
    names = tuple(name.encode("utf-8", "surrogatepass") for name in at)

    def read(chunk: bytes) -> Lines | None:
        ends, columns = kernel.read_lines(chunk, limit, names)
        if not ends:
            return None
        places, empty = np.frombuffer(ends, np.int64), [""] * len(columns[0])
        return Lines(b"", places, columns[0], *(columns[at[name]] if name else empty for name in roles[1:]))

    return read


def build_articles(lines: Lines, ids: Sequence[str], places: Sequence[Where]) -> Iterator[Article]:
    """The articles of plain lines, under other ids perhaps."""
    columns = zip(ids, lines.texts, lines.titles, lines.urls, lines.sources, lines.dates, places, strict=True)
    for id, text, title, url, source, date, where in columns:
        yield Article(id, text.decode(), title, url, source or name_host(url), date, {}, where)


def split_into_lines(path: Path, compression: Compression, limit: int, read: ReadLines) -> Iterator[Piece | Lines]:
    """As `split_content` of JSON lines, plain lines put together."""
    with open_content(path, compression) as stream:
        missed = wait = 0
        for piece in split_lines_of_json(stream, limit, path):
            yield piece
            wait -= 1
            if piece.role != "record" or piece.error or wait > 0:
                continue
            missed += 1
            while lines := read(peek(stream)):
                missed = 0
                yield lines._replace(raw=stream.read(int(lines.ends[-1])))
            wait = min(2**missed, _PATIENCE)


def gather_lines(lines: Lines, name: str, numbers: range, ids: Sequence[str]) -> Stretch:
    """The stretch of plain lines of the input `name`, under the ids given."""
    sources = [source or name_host(url) for source, url in zip(lines.sources, lines.urls, strict=True)]
    return Stretch(name, numbers, ids, lines.texts, sources, lines.dates, 0, len(ids), len(lines.raw))


def put_together(items: Iterable[Record | Stretch]) -> Iterator[Stretch]:
    """The stretches, and between them the records, some at a time."""
    some = list[Record]()
    for item in items:
        if some and (isinstance(item, Stretch) or item.where.input != some[0].where.input or len(some) == _TOGETHER):
            yield _gather_records(some)
            some = []
        if isinstance(item, Stretch):
            yield item
        else:
            some.append(item)
    if some:
        yield _gather_records(some)


def _gather_records(records: Sequence[Record]) -> Stretch:
    numbers = [record.where.record for record in records if record.article]
    articles = [record.article for record in records if record.article]
    return Stretch(
        records[0].where.input,
        numbers,
        [article.id for article in articles],
        [article.text for article in articles],
        [article.source for article in articles],
        [article.date for article in articles],
        sum(record.article is None and not record.rest for record in records),
        sum(not record.rest for record in records),
        sum(len(record.raw) for record in records),
    )
