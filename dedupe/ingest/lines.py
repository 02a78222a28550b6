"""Lines as they arrive on a pipe, and lines with the result of their record in them."""

from __future__ import annotations

import json
import os
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dedupe.config import ReadSettings
from dedupe.corpus.content import BOM
from dedupe.corpus.dialect import Dialect, Malformed, Row, check_encoding, parse_record
from dedupe.corpus.envelope import seal_record
from dedupe.corpus.fields import SAMPLE, FieldChoice, build_article, choose_fields
from dedupe.corpus.json_scan import JSON_SPACE, member_spans
from dedupe.errors import UsageError
from dedupe.model import Article, Where

_READ = 1 << 18  # bytes
_BATCH_BYTES = 1 << 26  # a batch of larger records is closed earlier
_PATIENCE = 0.25  # seconds between two looks at whether to stop

Stopping = Callable[[], bool]


class Line(NamedTuple):
    """A line without its end; one above the size limit comes in pieces, of which the second and further are a `rest`."""

    raw: bytes
    is_whole: bool = True
    is_rest: bool = False


class LineSource:
    """The lines that arrive on a file descriptor, blank ones left out. `limit` is the most bytes that a record may have."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self._descriptor, self._limit = descriptor, limit
        self._ready: deque[Line] = deque()
        self._buffer = bytearray()
        self._in_oversize = self._started = False
        self._closed = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._closed and not self._ready

    def gather(self, count: int, seconds: float, stopping: Stopping) -> list[Line]:
        """Up to `count` lines, those that come within `seconds` of the first, before the end and before a wish to stop."""
        batch: list[Line] = []
        size, deadline = 0, float("inf")
        while len(batch) < count and size < _BATCH_BYTES and not self.ended and not stopping():
            if self._ready:
                if not batch:
                    deadline = time.monotonic() + seconds
                batch.append(self._ready.popleft())
                size += len(batch[-1].raw)
            elif time.monotonic() >= deadline:
                break
            else:
                self._fill(min(_PATIENCE, max(0.0, deadline - time.monotonic())))
        return batch

    def _fill(self, patience: float) -> None:
        """Wait for a while for bytes, and cut what has come into lines."""
        if not select.select([self._descriptor], [], [], patience)[0]:
            return
        chunk = os.read(self._descriptor, _READ)
        if not self._started and chunk:
            self._started, chunk = True, chunk.removeprefix(BOM)
        lines = chunk.split(b"\n")
        for line in lines[:-1]:
            self._buffer += line
            self._cut()
            self._take(bytes(self._buffer))
            self._buffer.clear()
            self._in_oversize = False
        self._buffer += lines[-1]
        self._cut()
        if not chunk:
            self._take(bytes(self._buffer))
            self._buffer.clear()
            self._closed = True

    def _cut(self) -> None:
        """Hand out pieces of a line that is too long already."""
        while len(self._buffer) > self._limit:
            self._ready.append(Line(bytes(self._buffer[: self._limit]), False, self._in_oversize))
            del self._buffer[: self._limit]
            self._in_oversize = True

    def _take(self, raw: bytes) -> None:
        if self._in_oversize or raw.strip():
            self._ready.append(Line(raw, not self._in_oversize, self._in_oversize))


class ArticleReader:
    """Reads articles from lines. Which field is the text, the id, the title is settled by the first lines that are records.

    `further` names fields that are kept in `Article.fields`. `announcement` says the choice in words, once it is made.
    """

    def __init__(self, settings: ReadSettings, further: Sequence[str] = (), name: str = "stdin") -> None:
        self.dialect = Dialect("jsonl", check_encoding(settings.encoding, "jsonl"))
        self._settings, self._further, self._name = settings, tuple(further), name
        self._choice: FieldChoice | None = None

    @property
    def announcement(self) -> str:
        """Which field is what, in words; empty before it is settled."""
        return self._choice.message if self._choice else ""

    def read(self, lines: Sequence[Line]) -> list[Article | str]:
        """The article in each line, or why there is none.

        Raises UsageError when it is not plain which field is the text, or none tells the articles apart.
        """
        rows = [self._parse(line) for line in lines]
        if self._choice is None:
            sample = [row for row in rows if not isinstance(row, str)][:SAMPLE]
            self._choice = self._choose(sample) if sample else None
        choice = self._choice or FieldChoice()
        return [row if isinstance(row, str) else self._build(row, choice) for row in rows]

    def path_of(self, field: str) -> str:
        """Where in a record the text, the title or a further field stands."""
        choice = self._choice or FieldChoice()
        return {"text": choice.text, "title": choice.title}.get(field, field)

    def _parse(self, line: Line) -> Row | str:
        if not line.is_whole:
            return f"larger than max_record_bytes ({self._settings.max_record_bytes})"
        try:
            return parse_record(line.raw, self.dialect)
        except Malformed as reason:
            return str(reason)

    def _choose(self, sample: Sequence[Row]) -> FieldChoice:
        choice = choose_fields(sample, self._settings, self._name)
        if not choice.id:
            words = "no field tells the articles apart, so none could be recognised when it is sent again"
            raise UsageError(f"{words}; name one with --id-field", path=self._name)
        return choice

    def _build(self, row: Row, choice: FieldChoice) -> Article | str:
        try:
            article = build_article(row, choice, self._further, "", Where(self._name, 0, 0))
        except Malformed as reason:
            return str(reason)
        return article if article.id else f"no id in field {choice.id!r}"


def tag_record(raw: bytes, name: str, value: Any, encoding: str = "utf-8") -> bytes:
    """The JSON object with one member more, put last or in the place of an earlier one of that name; all else stays as it is.

    >>> tag_record(b'{"n": 1e5}', "dedupe", {"status": "kept"})
    b'{"n": 1e5, "dedupe": {"status": "kept"}}'
    """
    text = raw.decode(encoding).strip(JSON_SPACE)
    tag = json.dumps(value, ensure_ascii=text.isascii() or _is_lone(value))
    spans = member_spans(text)
    if name in spans:
        start, end = spans[name]
        return (text[:start] + tag + text[end:]).encode(encoding)
    body = text[:-1].rstrip(JSON_SPACE)
    comma = ", " if spans else ""
    return f"{body}{comma}{json.dumps(name)}: {tag}}}".encode(encoding)


def seal_unreadable(line: Line, name: str, reason: str) -> bytes:
    """The line that stands for a record that could not be read: the reason, and its bytes."""
    told = {"status": "quarantined", "reason": reason, **({"continues": True} if line.is_rest else {})}
    return seal_record({name: told}, line.raw, is_json=False)


def _is_lone(value: Any) -> bool:
    """Whether a value holds lone surrogates, which only an escape can write."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
