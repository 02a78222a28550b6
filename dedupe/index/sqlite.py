"""The index in one SQLite file, with nothing but the standard library.

A write-ahead log, because a commit then costs one fsync, pages that many commits touch reach the file once, and `stats` can
look while a worker writes. The log is folded into the file when the last worker closes it, so that what lies there at rest is
one file. `synchronous=FULL`: a commit that was reported survives a loss of power. What is forgotten is overwritten, not only
unlinked (`_overwrite_free_pages`). Not for network file systems: a write-ahead log needs shared memory.

A worker holds the lock from its first look-up to its commit. So two workers never decide on each other's articles at the
same time, and no two of them keep the same text.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dedupe.errors import IndexStateError
from dedupe.index.contract import NUMBER_BITS, Forgotten, Keys, Link, NewText, Numbers, Outlines, Part, Postings, Stats, Text
from dedupe.index.outlines import TABLES as OUTLINES
from dedupe.index.outlines import OutlineBlocks
from dedupe.index.postings import PAGE, TABLES, SortedRuns

_APPLICATION = 0x64647570  # "ddup", in the file's header
_FORMAT = 3
_VARIABLES = 500  # in one statement; SQLite takes 999 at least
_HOTTEST = 10
_PAUSE = 0.01  # seconds between two attempts
_BLANKED = 8192  # pages overwritten at once
_SCHEMA = (
    TABLES
    + OUTLINES
    + """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE text (
    number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, survivor INTEGER NOT NULL,
    kind TEXT, jaccard REAL, containment REAL, despun REAL
);
CREATE INDEX text_survivor ON text (survivor) WHERE survivor <> number;
CREATE TABLE claim (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, text INTEGER NOT NULL, UNIQUE (owner, text));
CREATE INDEX claim_text ON claim (text);
CREATE TABLE sketch (number INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE body (number INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE hot (key INTEGER PRIMARY KEY, turned_away INTEGER NOT NULL, text INTEGER NOT NULL);
CREATE TABLE part (
    run TEXT, number INTEGER, first INTEGER NOT NULL, records INTEGER NOT NULL, source TEXT NOT NULL, output TEXT NOT NULL,
    counts TEXT NOT NULL, PRIMARY KEY (run, number)
) WITHOUT ROWID;
"""
)
_TEXT = """
SELECT number, digest, (SELECT owner FROM claim WHERE text = number ORDER BY id LIMIT 1),
       survivor, kind, jaccard, containment, despun
FROM text WHERE """


class SqliteIndex:
    """An index in the SQLite file at `path`; see `Index` for what its methods do.

    Made if there is none and `settings` are given. `wait` is how many seconds to wait for another worker's commit.
    Raises IndexStateError for a file that is no index, is damaged or locked, or was made with other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, str] | None = None, *, wait: float = 60.0) -> None:
        self._path, self._wait = path, wait
        check_place(path)
        if settings is None and not path.is_file():
            raise IndexStateError("no such index", path=str(path))
        try:
            self._connection = sqlite3.connect(path, timeout=wait, isolation_level=None)
        except sqlite3.Error as error:
            raise IndexStateError(f"cannot be opened: {error}", path=str(path)) from None
        self._runs, self._outlines = SortedRuns(self._connection), OutlineBlocks(self._connection)
        try:
            with self._explained():
                self._prepare(settings)
            self.settings: Mapping[str, str] = self._read_settings()
            if settings is not None:
                check_settings(self.settings, settings, str(path))
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and one worker at a time."""
        with self._begin("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """The index as it was last committed."""
        with self._begin("BEGIN"):
            yield

    @contextmanager
    def _begin(self, statement: str) -> Iterator[None]:
        with self._explained():
            self._connection.execute(statement)
            try:
                self._runs.refresh()
                self._outlines.refresh()
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._runs.forget_all()
                self._outlines.forget_all()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Fold the log into the file, if nobody else uses it, and close."""
        self._connection.close()

    def compact(self) -> None:
        """Make one run of all, give back unused pages."""
        with self.transaction():
            self._runs.merge_all()
        with self._explained():
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def next_number(self) -> int:
        """A number above those of all texts there ever were."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'text'").fetchone()
        return row[0] + 1 if row else 1

    def find_digests(self, digests: Sequence[bytes]) -> dict[bytes, Text]:
        """The texts that have these digests."""
        return {text.digest: text for text in map(_as_text, self._select(_TEXT + "digest IN", digests))}

    def find_claims(self, owners: Sequence[str]) -> set[tuple[str, int]]:
        """The claims of these owners."""
        return set(self._select("SELECT owner, text FROM claim WHERE owner IN", owners))

    def find_postings(self, keys: Keys) -> Postings:
        """Who holds these band keys."""
        return self._runs.find(keys)

    def read_texts(self, numbers: Sequence[int]) -> dict[int, Text]:
        """The texts of these numbers that exist."""
        return {text.number: text for text in map(_as_text, self._select(_TEXT + "number IN", numbers))}

    def read_outlines(self, numbers: Numbers) -> Outlines:
        """Of the sketch of each of these texts every eighth byte."""
        return self._outlines.find(numbers)

    def read_sketches(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The sketches of these texts."""
        return dict(self._select("SELECT number, content FROM sketch WHERE number IN", numbers))

    def read_bodies(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bodies of these texts."""
        return dict(self._select("SELECT number, content FROM body WHERE number IN", numbers))

    def add(self, texts: Sequence[NewText], claims: Iterable[tuple[str, int]]) -> None:
        """Take texts and claims in."""
        execute, many = self._connection.execute, self._connection.executemany
        if texts and texts[-1].number >= 1 << NUMBER_BITS:
            raise IndexStateError(f"is full: it takes {1 << NUMBER_BITS:,} texts", path=str(self._path))
        many(
            "INSERT INTO text VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(text.number, text.digest, text.survivor, *_link_row(text.link)) for text in texts],
        )
        sketches = {text.number: text.sketch for text in texts if text.sketch}
        many("INSERT INTO sketch VALUES (?, ?)", sketches.items())
        self._outlines.add(sketches)
        many("INSERT INTO body VALUES (?, ?)", [(text.number, text.body) for text in texts])
        keys = [np.empty(0, np.uint64), *(text.keys for text in texts)]
        self._runs.add(
            np.concatenate(keys),
            np.repeat([text.number for text in texts], [len(text.keys) for text in texts]).astype(np.int64),
        )
        for text in texts:
            for key in text.full.tolist():
                execute(
                    "INSERT INTO hot VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET turned_away = turned_away + 1",
                    (key, text.number),
                )
        many("INSERT OR IGNORE INTO claim (owner, text) VALUES (?, ?)", claims)

    def forget(self, owners: Sequence[str]) -> Forgotten:
        """Remove every trace of some owners."""
        many = self._connection.executemany
        claims = self.find_claims(owners)
        many("DELETE FROM claim WHERE owner = ?", [(owner,) for owner in owners])
        claimed = {number for _, number in claims}
        left = {number for (number,) in self._select("SELECT text FROM claim WHERE text IN", sorted(claimed))}
        gone = [(number,) for number in sorted(claimed - left)]
        many("DELETE FROM text WHERE number = ?", gone)
        many("DELETE FROM sketch WHERE number = ?", gone)
        many("DELETE FROM body WHERE number = ?", gone)
        many("DELETE FROM hot WHERE text = ?", gone)
        if gone:
            self._runs.remove([number for (number,) in gone])
            self._outlines.remove([number for (number,) in gone])
        orphaned = list(self._select(_TEXT + "survivor <> number AND survivor IN", [number for (number,) in gone]))
        many(
            "UPDATE text SET survivor = number, kind = NULL, jaccard = NULL, containment = NULL, despun = NULL"
            " WHERE number = ?",
            [(row[0],) for row in orphaned],
        )
        self._overwrite_free_pages()
        unknown = set(owners) - {owner for owner, _ in claims}
        return Forgotten(tuple(sorted(unknown)), tuple(sorted(_as_text(row).owner for row in orphaned)))

    def _overwrite_free_pages(self) -> None:
        """Fill all pages that are not in use with zeros: what earlier commits deleted still stands in them."""
        execute = self._connection.execute
        execute("CREATE TABLE blank (content BLOB)")
        while free := execute("PRAGMA freelist_count").fetchone()[0]:
            execute("INSERT INTO blank VALUES (zeroblob(?))", (min(free, _BLANKED) * PAGE,))
        execute("DROP TABLE blank")

    def read_parts(self, run: str) -> list[Part]:
        """The finished parts of a run."""
        rows = self._connection.execute("SELECT * FROM part WHERE run = ? ORDER BY number", (run,)).fetchall()
        return [_as_part(row) for row in rows]

    def last_part(self, run: str) -> Part | None:
        """The last finished part of a run."""
        row = self._connection.execute("SELECT * FROM part WHERE run = ? ORDER BY number DESC LIMIT 1", (run,)).fetchone()
        return _as_part(row) if row else None

    def add_part(self, part: Part) -> None:
        """Enter a finished part."""
        last = self.last_part(part.run)
        expected = (last.number + 1, last.first + last.records) if last else (0, 0)
        if (part.number, part.first) != expected:
            raise IndexStateError(f"another worker is at work on the run {part.run!r}; stop one of them", path=str(self._path))
        values = (part.run, part.number, part.first, part.records, part.source, part.output, json.dumps(dict(part.counts)))
        self._connection.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def stats(self) -> Stats:
        """The index in numbers."""

        def count(query: str) -> int:
            return int(self._connection.execute(query).fetchone()[0])

        rows = self._connection.execute("SELECT kind, count(*) FROM text WHERE kind IS NOT NULL GROUP BY kind").fetchall()
        hottest = self._connection.execute(
            "SELECT sum(turned_away), (SELECT owner FROM claim WHERE claim.text = hot.text ORDER BY id LIMIT 1) AS owner"
            " FROM hot GROUP BY hot.text ORDER BY 1 DESC, owner LIMIT ?",
            (_HOTTEST,),
        ).fetchall()
        texts, articles = count("SELECT count(*) FROM text"), count("SELECT count(*) FROM claim")
        kinds = dict(sorted(rows)) | ({"exact": articles - texts} if articles > texts else {})
        return Stats(
            articles=articles,
            texts=texts,
            survivors=count("SELECT count(*) FROM text WHERE survivor = number"),
            kinds=kinds,
            postings=self._runs.count(),
            runs=len(self._runs),
            size=count("PRAGMA page_count") * count("PRAGMA page_size"),
            hot_buckets=count("SELECT count(*) FROM hot"),
            turned_away=count("SELECT coalesce(sum(turned_away), 0) FROM hot"),
            hot=tuple(hottest),
            parts=dict(self._connection.execute("SELECT run, count(*) FROM part GROUP BY run ORDER BY run").fetchall()),
            settings=self.settings,
        )

    def verify(self) -> list[str]:
        """What is wrong with the index, in words."""
        execute = self._connection.execute
        faults = [fault for (fault,) in execute("PRAGMA integrity_check") if fault != "ok"]
        for question, words in _RULES.items():
            faults += [words.format(*row) for row in execute(question).fetchmany(_HOTTEST)]
        numbers = np.array([number for (number,) in execute("SELECT number FROM text ORDER BY number")], np.int64)
        sketches = execute("SELECT number, content FROM sketch ORDER BY number")
        faults += itertools.islice(self._outlines.find_faults(sketches), _HOTTEST)
        return [*faults, *self._runs.find_faults(numbers)]

    def _prepare(self, settings: Mapping[str, str] | None) -> None:
        execute = self._connection.execute
        execute("BEGIN")  # both from one state: another worker may be making the tables just now
        is_empty = execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        application = execute("PRAGMA application_id").fetchone()[0]
        execute("COMMIT")
        if application != _APPLICATION and not (is_empty and settings is not None):
            raise IndexStateError("is no index of dedupe; name another file", path=str(self._path))
        if is_empty:
            execute(f"PRAGMA page_size = {PAGE}")
        self._begin_log()
        for pragma in ("synchronous = FULL", "secure_delete = FAST", "cache_size = -65536"):
            execute(f"PRAGMA {pragma}").fetchall()
        for pragma in ("journal_size_limit = 67108864", "wal_autocheckpoint = 8192"):  # 64 MB each
            execute(f"PRAGMA {pragma}").fetchall()
        if is_empty and settings is not None:
            self._create(settings)
        version = execute("PRAGMA user_version").fetchone()[0]
        if version != _FORMAT:
            raise IndexStateError(
                f"has format {version}, this version of dedupe reads {_FORMAT}; make it anew from the articles",
                path=str(self._path),
            )

    def _begin_log(self) -> None:
        """Switch to a write-ahead log. SQLite does not wait here by itself when another worker does the same."""
        deadline = time.monotonic() + self._wait
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _create(self, settings: Mapping[str, str]) -> None:
        """Make the tables, unless another worker has just done so."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        if execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            for statement in _SCHEMA.split(";"):
                execute(statement)
            self._connection.executemany("INSERT INTO setting VALUES (?, ?)", settings.items())
            execute(f"PRAGMA user_version = {_FORMAT}")
            execute(f"PRAGMA application_id = {_APPLICATION}")
        execute("COMMIT")

    def _read_settings(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT name, value FROM setting ORDER BY name").fetchall())

    def _select(self, query: str, values: Sequence[Any]) -> Iterator[Any]:
        """The rows of `query`, which ends in IN, for any number of values."""
        for low in range(0, len(values), _VARIABLES):
            some = values[low : low + _VARIABLES]
            yield from self._connection.execute(f"{query} ({', '.join('?' * len(some))})", some).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What SQLite complains of, as an error that says what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                words = f"is locked by another process for more than {self._wait:g} s; wait for it, or allow more: --wait"
                raise IndexStateError(words, path=str(self._path)) from None
            raise IndexStateError(f"cannot be used: {error}", path=str(self._path)) from None
        except sqlite3.DatabaseError as error:
            raise IndexStateError(f"is damaged or no index: {error}", path=str(self._path)) from None


_RULES: dict[str, str] = {
    "SELECT number FROM text WHERE number NOT IN (SELECT text FROM claim)": "text {} belongs to nobody",
    "SELECT text, owner FROM claim WHERE text NOT IN (SELECT number FROM text)": "text {} of {!r} is missing",
    "SELECT number FROM text WHERE number NOT IN (SELECT number FROM body)": "text {} has no body",
    "SELECT number FROM body WHERE number NOT IN (SELECT number FROM text)": "body {} belongs to no text",
    "SELECT number FROM sketch WHERE number NOT IN (SELECT number FROM text)": "sketch {} belongs to no text",
    "SELECT a.number, a.survivor FROM text a LEFT JOIN text b ON b.number = a.survivor"
    " WHERE b.number IS NULL OR b.survivor <> b.number": "text {} stands behind text {}, which is no survivor",
    "SELECT number FROM text WHERE (kind IS NULL) <> (survivor = number)": "text {} has a kind and no survivor, or the reverse",
    "SELECT b.run, b.number FROM part b LEFT JOIN part a ON a.run = b.run AND a.number = b.number - 1"
    " WHERE b.first <> coalesce(a.first + a.records, 0)": "run {!r}: part {} does not follow on the one before",
}


def check_place(path: Path) -> None:
    """Nothing, if an index can be at `path`; IndexStateError if there is no folder for it."""
    if not path.absolute().parent.is_dir():
        raise IndexStateError("lies in a folder that does not exist; make the folder first", path=str(path))


def check_settings(made: Mapping[str, str], asked: Mapping[str, str], path: str = "") -> None:
    """Raises IndexStateError when an index was made with other settings than those asked for, and says which and what to do."""
    differing = [name for name in sorted({*made, *asked}) if made.get(name) != asked.get(name)]
    if differing:
        words = "; ".join(f"{name} is {made.get(name, 'none')}, asked for is {asked.get(name, 'none')}" for name in differing)
        raise IndexStateError(
            f"made with other settings: {words}. Use the settings it was made with, or another index, fed anew", path=path
        )


def _as_text(row: tuple[Any, ...]) -> Text:
    number, digest, owner, survivor, kind, jaccard, containment, despun = row
    return Text(number, digest, owner, survivor, Link(kind, jaccard, containment, despun) if kind else None)


def _as_part(row: tuple[Any, ...]) -> Part:
    run, number, first, records, source, output, counts = row
    return Part(run, number, first, records, source, output, json.loads(counts))


def _link_row(link: Link | None) -> tuple[Any, ...]:
    return (link.kind, link.jaccard, link.containment, link.despun) if link else (None, None, None, None)
