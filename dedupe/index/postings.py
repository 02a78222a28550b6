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
_CHUNK = 125  # postings, 8 bytes each: what is read for one key, an eighth of a page
_FAN = 4
_CACHED = 1 << 20  # a run of at most so many postings stays in memory
_SIFTED = 1 << 14  # one of more than so many has a sieve
_MOST_WORDS = 1 << 26  # 512 MB: the longest value that SQLite takes is 1 GB
_AT_ONCE = 2048  # chunks read at once
_VARIABLES = 500  # in one statement; SQLite takes 999 at least
_SHIFT, _MASK = np.uint64(NUMBER_BITS), np.uint64((1 << NUMBER_BITS) - 1)

TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, postings INTEGER NOT NULL, base INTEGER NOT NULL,
    fences BLOB NOT NULL, sieve BLOB NOT NULL
);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""


class Sieve:
    """Which keys a run may hold: a Bloom filter of 64-bit words, so that each key costs one look into memory.

    `words`: uint64. Each stands for a range of keys, and each key of the run has set its four bits in the word of its range;
    none for a run that needs no sieve. Keys are hashes, so they spread evenly; asked for in order, they go through the
    words in order.

    >>> sieve, keys = Sieve.make(100_000), np.array([5 << 20, 9 << 20, 7 << 20], np.uint64)
    >>> sieve.add(keys[:2])
    >>> sieve.may_hold(keys, mark_keys(keys)).tolist()
    [True, True, False]
    """

    def __init__(self, words: Keys) -> None:
        self.words = words

    @classmethod
    def make(cls, postings: int) -> Sieve:
        """An empty sieve for at most so many postings: of 8 bits each, and of more for a smaller run.

        A run is asked for every key, whatever its size; bits that make the answer of a small one surer cost little
        (Dayan, Athanassoulis, Idreos, Monkey: optimal navigable key-value store, 2017).
        """
        bits = 8 + min(8, max(0, 2 * (26 - postings.bit_length())))
        return cls(np.zeros(min(postings * bits // 64, _MOST_WORDS) if postings > _SIFTED else 0, np.uint64))

    def add(self, keys: Keys) -> None:
        """Take in some keys, ascending."""
        if not len(self.words) or not len(keys):
            return
        keys = keys[np.diff(keys, prepend=~keys[:1]) != 0]
        places = self._place(keys)
        starts = np.flatnonzero(np.diff(places, prepend=~places[:1]))
        self.words[places[starts]] |= np.bitwise_or.reduceat(mark_keys(keys), starts)

    def may_hold(self, keys: Keys, marks: Keys) -> npt.NDArray[np.bool_]:
        """Of which keys the run may have a posting: bool, of their shape. Of those it has it is always true.

        marks: what `mark_keys` gives for the keys.
        """
        if not len(self.words):
            return np.ones(len(keys), np.bool_)
        held: npt.NDArray[np.bool_] = self.words[self._place(keys)] & marks == marks
        return held

    def _place(self, keys: Keys) -> Keys:
        places: Keys = keys * np.uint64(len(self.words)) >> np.uint64(KEY_BITS)
        return places


def mark_keys(keys: Keys) -> Keys:
    """The bits of each key in the words of sieves: uint64, four bits at most."""
    mixed, marks = keys * np.uint64(0x9E3779B97F4A7C15), np.zeros(len(keys), np.uint64)
    for shift in (58, 52, 46, 40):
        marks |= np.left_shift(np.uint64(1), mixed >> np.uint64(shift) & np.uint64(63))
    return marks


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
        codes = np.sort(keys << _SHIFT | np.arange(len(keys), dtype=np.uint64))
        order, ordered = (codes & _MASK).astype(np.int64), codes >> _SHIFT
        marks = mark_keys(ordered)
        places: list[Numbers] = [np.empty(0, np.int64)]
        numbers: list[Numbers] = [np.empty(0, np.int64)]
        left = np.full(len(keys), BUCKET_CAP)
        for run in self._runs:  # the oldest texts are in the first
            asked = np.flatnonzero(run.sieve.may_hold(ordered, marks) & (left > 0))
            for low, high, pool in self._read_around(run, ordered[asked]):
                some = asked[low:high]
                begins = np.searchsorted(pool, ordered[some] << _SHIFT)
                ends = np.searchsorted(pool, ordered[some] << _SHIFT | _MASK, side="right")
                sizes = np.minimum(ends - begins, left[some])
                left[some] -= sizes
                taken = np.arange(int(sizes.sum())) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
                places.append(np.repeat(order[some], sizes))
                numbers.append((pool[taken] & _MASK).astype(np.int64))
        full = np.zeros(len(keys), np.bool_)
        full[order[left == 0]] = True
        return Postings(np.concatenate(places), np.concatenate(numbers), full)

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
                if not run.sieve.may_hold(part >> _SHIFT, mark_keys(part >> _SHIFT)).all():
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
        return _Run(id, postings, base, np.frombuffer(fences, np.uint64), Sieve(np.frombuffer(sieve, np.uint64)))

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
            wanted = np.sort(np.concatenate([first[low:high], last[low:high]]))
            yield int(low), int(high), self._fetch(run, wanted[np.diff(wanted, prepend=-1) > 0])

    def _fetch(self, run: _Run, wanted: Numbers) -> Keys:
        """What is in some chunks of a run, by their places, ascending."""
        bodies: list[bytes] = []
        for low in range(0, len(wanted), _VARIABLES):
            ids = (wanted[low : low + _VARIABLES] + run.base).tolist()
            query = f"SELECT body FROM chunk WHERE id IN ({', '.join('?' * len(ids))}) ORDER BY id"
            bodies += [body for (body,) in self._connection.execute(query, ids)]
        return np.frombuffer(b"".join(bodies), np.uint64)

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
            (postings, base, marks.tobytes(), sieve.words.data),
        )
        assert cursor.lastrowid is not None
        return _Run(cursor.lastrowid, postings, base, marks, sieve)


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
