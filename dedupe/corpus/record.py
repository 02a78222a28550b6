"""A record: the exact bytes of one article in its input, and what they mean.

The bytes are the truth and travel untouched; the Article is a reading of them. A record that cannot be read has no
article but a reason, and its bytes go to quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from dedupe.model import Article, Where

Format = Literal["txt", "jsonl", "csv", "tsv", "parquet", "html", "warc"]
Compression = Literal["", "gz", "bz2", "zst"]
# Formats whose records can be changed where they stand. Rows of Parquet are written anew, of pages the text is taken out.
VERBATIM: frozenset[str] = frozenset({"txt", "jsonl", "csv", "tsv"})


class Piece(NamedTuple):
    """A stretch of an input's decompressed content; the pieces of an input, joined, are that content.

    The first piece is its `head` (byte order mark, CSV header), the last its `tail` (blank lines after the last record);
    both may be empty. Between them stand records. One above the size limit comes as a `record` and its `rest`s.
    What a WARC holds beside articles (requests, pictures) is `other`; of Parquet a record is the row as a JSON line.
    `error` says why the piece cannot be an article, as far as splitting can tell.
    """

    raw: bytes
    role: Literal["head", "record", "rest", "other", "tail"]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read.

    `raw` holds its bytes in the decompressed input, preceding blank lines and its own line end included.
    `article` is None when the record cannot be read; `error` then says why. `rest` marks what is not counted: the second and
    further pieces of a record above the size limit, and, with `other`, what is no article by its kind.

    >>> Record(b'{"text": 1}', Where("a.jsonl", 0, 0), None, "field 'text' is a number, not a string").article
    """

    raw: bytes
    where: Where
    article: Article | None
    error: str = ""
    rest: bool = False
    other: bool = False

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.raw)

    @property
    def records(self) -> int:
        """One, but for what is not counted."""
        return int(not self.rest)


def oversize(limit: int) -> str:
    """Why a record above the size limit is not read."""
    return f"larger than max_record_bytes ({limit})"
