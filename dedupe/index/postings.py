"""Band keys on disk, as sorted runs: writing costs a few sequential passes, whatever the size of the index.

A posting is one number: band key · 2^28 + number of the text. Keys are hashes, so in a B-tree each of an article's 160 postings
would lie on a page of its own, and a batch would rewrite most of the index. So each commit writes one sorted run, and
runs of like size are merged, four at a time, as in a log-structured merge tree (O'Neil, Cheng, Gawlick, O'Neil, The
log-structured merge-tree, 1996). A run is cut into chunks of one page each; the first posting of every chunk, its *fence*,
is kept in memory, so that a look-up reads one chunk a run. Most keys of a new text are in no run at all: a *sieve* of 4 to 8
bits a posting, in memory as well, tells that of seven in eight of them without any reading (Bloom, Space/time trade-offs in
hash coding with allowable errors, 1970, with one hash function: the key itself).
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.index.contract import BUCKET_CAP, KEY_BITS, NUMBER_BITS, Keys, Numbers, Postings

PAGE = 8192  # bytes
_CHUNK = 1000  # postings, 8 bytes each: one row fills one page
_FAN = 4
_CACHED = 65536  # a run of at most so many postings stays in memory, and needs no sieve
_SIEVE_BITS = 32  # a sieve has at most 2^32 places, 512 MB: the longest value that SQLite takes is 1 GB
_AT_ONCE = 2048  # chunks read at once
_NEAR = 4  # chunks that lie so close together are read in one go
_SHIFT, _MASK = np.uint64(NUMBER_BITS), np.uint64((1 << NUMBER_BITS) - 1)

TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, postings INTEGER NOT NULL, base INTEGER NOT NULL,
    fences BLOB NOT NULL, sieve BLOB NOT NULL
);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""


class Sieve:
    """Which keys a run may hold: one bit for each range of keys, set if any key of the run lies in it.

    `bits`: uint8, a power of two of them; of no bits for a run that needs no sieve. Keys are hashes, so they spread evenly.

    >>> sieve = Sieve.make(100_000)
    >>> sieve.add(np.array([5 << 20, 9 << 20], np.uint64))
    >>> sieve.may_hold(np.array([9 << 20, 7 << 20], np.uint64)).tolist()
    [True, False]
    """

    def __init__(self, bits: npt.NDArray[np.uint8]) -> None:
        self.bits = bits
        self._shift = np.uint64(KEY_BITS + 1 - (8 * len(bits)).bit_length()) if len(bits) else None

    @classmethod
    def make(cls, postings: int) -> Sieve:
        """An empty sieve for at most so many postings."""
        if postings <= _CACHED:
            return cls(np.zeros(0, np.uint8))
        return cls(np.zeros(1 << (min(_SIEVE_BITS, (4 * postings).bit_length()) - 3), np.uint8))

    def add(self, keys: Keys) -> None:
        """Take in some keys, ascending."""
        if self._shift is None or not len(keys):
            return
        places = keys >> self._shift
        places = places[np.diff(places, prepend=~places[:1]) != 0]
        starts = np.flatnonzero(np.diff(places >> np.uint64(3), prepend=~places[:1]))
        marks = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
        self.bits[places[starts] >> np.uint64(3)] |= np.bitwise_or.reduceat(marks, starts)

    def may_hold(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Of which keys the run may have a posting: bool, of their shape. Of those it has it is always true."""
        if self._shift is None:
            return np.ones(len(keys), np.bool_)
        places = keys >> self._shift
        held: npt.NDArray[np.bool_] = (self.bits[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8)) & 1 == 1
        return held


@dataclass(slots=True)
class _Run:
    """A run: `postings` in chunks base, base + 1, ...; `whole` is its content, if it is small and was read."""

    id: int
    postings: int
    base: int
    fences: Keys
    sieve: Sieve
    whole: Keys | None = None

    @property
    def level(self) -> int:
        return max(0, self.postings.bit_length() // 2)


class SortedRuns:
    """The postings of an index in SQLite. Runs are never changed, so what was read of one stays true while it exists."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        """The number of runs."""
        return len(self._runs)

    def refresh(self) -> None:
        """Learn of the runs that others have written or merged; called when a transaction begins."""
        known = {run.id: run for run in self._runs}
        ids = [id for (id,) in self._connection.execute("SELECT id FROM run ORDER BY base")]
        self._runs = [known.get(id) or self._load(id) for id in ids]

    def forget_all(self) -> None:
        """Forget what was read: after a transaction that failed."""
        self._runs = []

    def find(self, keys: Keys) -> Postings:
        """Who holds these keys: of each at most BUCKET_CAP texts, the oldest."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        places: list[Numbers] = [np.empty(0, np.int64)]
        numbers: list[Numbers] = [np.empty(0, np.int64)]
        for run in self._runs:
            held = np.flatnonzero(run.sieve.may_hold(ordered))
            asked, whose = ordered[held], order[held]
            for low, high, pool in self._read_around(run, asked):
                begins = np.searchsorted(pool, asked[low:high] << _SHIFT)
                ends = np.searchsorted(pool, asked[low:high] << _SHIFT | _MASK, side="right")
                sizes = np.minimum(ends - begins, BUCKET_CAP)
                taken = np.arange(int(sizes.sum())) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
                places.append(np.repeat(whose[low:high], sizes))
                numbers.append((pool[taken] & _MASK).astype(np.int64))
        return _cap(np.concatenate(places), np.concatenate(numbers), len(keys))

    def add(self, keys: Keys, numbers: Numbers) -> None:
        """Take in the postings (keys[i], numbers[i]) as a run, and merge runs of like size."""
        if not len(keys):
            return
        postings = keys << _SHIFT | numbers.astype(np.uint64)
        postings.sort()
        self._runs.append(self._write(iter([postings]), len(postings)))
        while len(group := self._trailing_group()) >= _FAN:
            self._merge(group)

    def merge_all(self) -> None:
        """Make one run of all."""
        if len(self._runs) > 1:
            self._merge(list(self._runs))

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove all postings of some texts: every run is read, the chunks that hold any are written anew."""
        gone = np.array(sorted(numbers), np.uint64)
        for run in list(self._runs):
            removed = 0
            for id, chunk in itertools.chain.from_iterable(self._read_chunks(run)):
                kept = chunk[~np.isin(chunk & _MASK, gone)]
                if len(kept) < len(chunk):
                    self._connection.execute("UPDATE chunk SET body = ? WHERE id = ?", (kept.tobytes(), id))
                    removed += len(chunk) - len(kept)
            if removed:
                self._rename(run, run.postings - removed)

    def count(self) -> int:
        """The number of postings."""
        return sum(run.postings for run in self._runs)

    def find_faults(self, known: Numbers) -> Iterator[str]:
        """What is wrong, in words. known: the numbers of all texts, ascending."""
        for run in self._runs:
            count, last = 0, -1
            for part in self._read(run):
                count += len(part)
                if int(part[0]) < last or (np.diff(part.astype(np.int64)) < 0).any():
                    yield f"run {run.id} is not sorted"
                last = int(part[-1])
                if not run.sieve.may_hold(part >> _SHIFT).all():
                    yield f"run {run.id} holds keys that its sieve does not know"
                strangers = np.setdiff1d((part & _MASK).astype(np.int64), known)
                if len(strangers):
                    yield f"run {run.id} names text {strangers[0]}, which does not exist"
            if count != run.postings:
                yield f"run {run.id} holds {count} postings where {run.postings} were written"

    def _load(self, id: int) -> _Run:
        postings, base, fences, sieve = self._connection.execute(
            "SELECT postings, base, fences, sieve FROM run WHERE id = ?", (id,)
        ).fetchone()
        return _Run(id, postings, base, np.frombuffer(fences, np.uint64), Sieve(np.frombuffer(sieve, np.uint8)))

    def _read_around(self, run: _Run, ordered: Keys) -> Iterator[tuple[int, int, Keys]]:
        """For stretches ordered[low:high] of the keys: low, high, and postings of the run among which theirs are."""
        if run.postings <= _CACHED:
            if run.whole is None:
                run.whole = np.concatenate(list(self._read(run)))
            yield 0, len(ordered), run.whole
            return
        first = np.maximum(np.searchsorted(run.fences, ordered << _SHIFT, side="left") - 1, 0)
        last = np.maximum(np.searchsorted(run.fences, ordered << _SHIFT | _MASK, side="right") - 1, 0)
        last = np.minimum(last, first + 1)  # a bucket that goes on for longer is above the cap
        new = np.cumsum(np.diff(first, prepend=-1) > 0)
        for block in range(0, int(new[-1]) if len(new) else 0, _AT_ONCE):
            low, high = np.searchsorted(new, block, side="right"), np.searchsorted(new, block + _AT_ONCE, side="right")
            wanted = np.unique(np.concatenate([first[low:high], last[low:high]]))
            yield int(low), int(high), np.concatenate(list(self._fetch(run, wanted)))

    def _fetch(self, run: _Run, wanted: Numbers) -> Iterator[Keys]:
        """Chunks of a run in order, among them the wanted ones."""
        cuts = np.flatnonzero(np.diff(wanted) > _NEAR) + 1
        for span in np.split(wanted, cuts):
            bounds = run.base + int(span[0]), run.base + int(span[-1])
            for (body,) in self._connection.execute("SELECT body FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id", bounds):
                yield np.frombuffer(body, np.uint64)

    def _read(self, run: _Run) -> Iterator[Keys]:
        """The run, some chunks at a time; never nothing."""
        for some in self._read_chunks(run):
            part = np.concatenate([chunk for _, chunk in some])
            if len(part):
                yield part

    def _read_chunks(self, run: _Run) -> Iterator[list[tuple[int, Keys]]]:
        """The chunks of a run with their ids, some at a time; no query is left open between them."""
        for low in range(run.base, run.base + len(run.fences), _AT_ONCE // 16):
            bounds = low, min(low + _AT_ONCE // 16, run.base + len(run.fences)) - 1
            rows = self._connection.execute(
                "SELECT id, body FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id", bounds
            ).fetchall()
            if rows:
                yield [(id, np.frombuffer(body, np.uint64)) for id, body in rows]

    def _trailing_group(self) -> list[_Run]:
        """The latest runs that are no larger, by their level, than the very last one."""
        level = self._runs[-1].level
        return list(itertools.takewhile(lambda run: run.level <= level, reversed(self._runs)))[::-1]

    def _merge(self, group: list[_Run]) -> None:
        self._replace(group, _merge_sorted([self._read(run) for run in group]))

    def _replace(self, group: list[_Run], content: Iterator[Keys]) -> None:
        """Write `content` as one run in the place of a group of neighbours."""
        place = self._runs.index(group[0])
        merged = self._write(content, sum(run.postings for run in group))
        for run in group:
            bounds = run.base, run.base + len(run.fences) - 1
            self._connection.execute("DELETE FROM chunk WHERE id BETWEEN ? AND ?", bounds)
            self._connection.execute("DELETE FROM run WHERE id = ?", (run.id,))
        self._runs[place : place + len(group)] = [merged] if merged.postings else []

    def _rename(self, run: _Run, postings: int) -> None:
        """Give a run whose chunks have changed another id, so that nobody trusts what was read of it."""
        place = self._runs.index(run)
        if not postings:
            self._replace([run], iter([]))
            return
        cursor = self._connection.execute(
            "INSERT INTO run (postings, base, fences, sieve) SELECT ?, base, fences, sieve FROM run WHERE id = ?",
            (postings, run.id),
        )
        assert cursor.lastrowid is not None
        self._connection.execute("DELETE FROM run WHERE id = ?", (run.id,))
        self._runs[place] = _Run(cursor.lastrowid, postings, run.base, run.fences, run.sieve)

    def _write(self, content: Iterator[Keys], most: int) -> _Run:
        """Write a run of at most so many postings."""
        base = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM chunk").fetchone()[0]
        fences, sieve, written, postings = list[int](), Sieve.make(most), base, 0
        for chunk in _cut(_sift(content, sieve)):
            self._connection.execute("INSERT INTO chunk VALUES (?, ?)", (written, chunk.tobytes()))
            fences.append(int(chunk[0]))
            written, postings = written + 1, postings + len(chunk)
        marks = np.array(fences, np.uint64)
        if not postings:
            return _Run(0, 0, base, marks, sieve)
        cursor = self._connection.execute(
            "INSERT INTO run (postings, base, fences, sieve) VALUES (?, ?, ?, ?)",
            (postings, base, marks.tobytes(), sieve.bits.data),
        )
        assert cursor.lastrowid is not None
        return _Run(cursor.lastrowid, postings, base, marks, sieve)


def _cap(places: Numbers, numbers: Numbers, keys: int) -> Postings:
    """The oldest BUCKET_CAP postings of each key, by key and number."""
    order = np.lexsort((numbers, places))
    places, numbers = places[order], numbers[order]
    sizes = np.bincount(places, minlength=keys)
    rank = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = rank < BUCKET_CAP
    return Postings(places[kept], numbers[kept], sizes >= BUCKET_CAP)


def _sift(content: Iterator[Keys], sieve: Sieve) -> Iterator[Keys]:
    """The content as it is, its keys taken into the sieve."""
    for part in content:
        sieve.add(part >> _SHIFT)
        yield part


def _cut(content: Iterator[Keys]) -> Iterator[Keys]:
    """The content in chunks."""
    rest = np.empty(0, np.uint64)
    for part in content:
        rest = np.concatenate([rest, part])
        whole = len(rest) // _CHUNK * _CHUNK
        yield from np.split(rest[:whole], range(_CHUNK, whole, _CHUNK)) if whole else ()
        rest = rest[whole:]
    if len(rest):
        yield rest


def _merge_sorted(sources: list[Iterator[Keys]]) -> Iterator[Keys]:
    """The ascending values of several ascending sources, in pieces; no source is held whole in memory."""
    heads = [next(source, np.empty(0, np.uint64)) for source in sources]
    while any(len(head) for head in heads):
        bound = min(head[-1] for head in heads if len(head))
        piece = []
        for i, head in enumerate(heads):
            cut = int(np.searchsorted(head, bound, side="right"))
            piece.append(head[:cut])
            heads[i] = head[cut:] if cut < len(head) else next(sources[i], np.empty(0, np.uint64))
        merged = np.concatenate(piece)
        merged.sort(kind="stable")  # merges what is sorted in pieces, 14 times as fast as sorting anew
        yield merged
