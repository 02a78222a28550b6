"""A record: the exact bytes of one article in its input, and what they mean.

The bytes are the truth and travel untouched; the Article is a reading of them. A record that cannot be read has no
article but a reason, and its bytes go to quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from dedupe.model import Article, Where

Format = Literal["txt", "jsonl", "csv", "tsv"]
Compression = Literal["", "gz"]


class Piece(NamedTuple):
    """A stretch of an input's decompressed content; the pieces of an input, joined, are that content.

    The first piece is its `head` (byte order mark, CSV header), the last its `tail` (blank lines after the last record);
    both may be empty. Between them stand records. One above the size limit comes as a `record` and its `rest`s.
    `error` says why the piece cannot be an article, as far as splitting can tell.
    """

    raw: bytes
    role: Literal["head", "record", "rest", "tail"]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read.

    `raw` holds its bytes in the decompressed input, preceding blank lines and its own line end included.
    `article` is None when the record cannot be read; `error` then says why. `rest` marks the second and further
    pieces of a record above the size limit: they belong to the record before and are not counted.

    >>> Record(b'{"text": 1}', Where("a.jsonl", 0, 0), None, "field 'text' is a number, not a string").article
    """

    raw: bytes
    where: Where
    article: Article | None
    error: str = ""
    rest: bool = False
