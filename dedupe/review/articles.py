"""The articles of a run while people review it: read once, in the background, into a temporary file, then found by id."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dedupe.corpus.undo import read_back
from dedupe.errors import DedupeError

_FIELDS = ("title", "url", "source", "date")


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article as it was read: its id, title, url, source and date, and its fields by name, text and title among them."""

    id: str
    title: str
    url: str
    source: str
    date: str
    fields: dict[str, str]


class ArticleStore:
    """The original articles of the run in `out`, read from the first `start` on; who asks before all are read waits."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = tempfile.TemporaryDirectory(prefix="dedupe-review-")
        self._path = Path(self._folder.name) / "articles.sqlite"
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._lock = threading.Lock()
        self._error: Exception | None = None

    def start(self) -> None:
        """Begin to read, if that has not happened."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def wait(self) -> None:
        """Return when all is read. Raises InputError when files of the run were changed."""
        self.start()
        self._thread.join()
        if self._error:
            raise self._error

    def get(self, id: str) -> StoredArticle | None:
        """The article of that id; None if the run does not hold it. Raises InputError when files of the run were changed."""
        self.wait()
        with closing(sqlite3.connect(self._path)) as base:
            row = base.execute("SELECT title, url, source, date FROM articles WHERE id = ?", (id,)).fetchone()
            if row is None:
                return None
            title, url, source, date = row
            fields = dict(base.execute("SELECT name, text FROM fields WHERE id = ?", (id,)))
            return StoredArticle(id, title, url, source, date, fields)

    def close(self) -> None:
        """Remove the temporary file."""
        if self._thread.ident is not None:
            self._thread.join()
        self._folder.cleanup()

    def _read(self) -> None:
        try:
            with closing(sqlite3.connect(self._path)) as base:
                base.executescript(
                    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                    "CREATE TABLE articles (id PRIMARY KEY, title, url, source, date) WITHOUT ROWID;"
                    "CREATE TABLE fields (id, name, text, PRIMARY KEY (id, name)) WITHOUT ROWID;"
                )
                for record in read_back(self._out):
                    if article := record.article:
                        values = [article.id, *(getattr(article, name) for name in _FIELDS)]
                        base.execute("INSERT INTO articles VALUES (?, ?, ?, ?, ?)", [_storable(value) for value in values])
                        fields = {"text": article.text, "title": article.title, **article.fields}
                        rows = [(article.id, name, _storable(text)) for name, text in fields.items() if text]
                        base.executemany("INSERT INTO fields VALUES (?, ?, ?)", rows)
                base.commit()
        except (DedupeError, sqlite3.Error) as error:
            self._error = error


def _storable(text: str) -> str:
    """The text with lone surrogates, which SQLite cannot hold, as replacement characters: offsets stay what they are."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not text.isascii() else text
