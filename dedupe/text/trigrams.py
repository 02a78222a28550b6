"""Trigrams: how likely a word is after the two words before it, with back-off to the one before it and to none (Katz 1987).

The table is a trie read from its end: for each word the words that may stand before it, for each such pair those before that.
All numbers are whole sixteenths of a nat, so that sums do not depend on the order in which they are made.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UNITS = 16  # in a nat
NO_WORD = -1
START, END = "<s>", "</s>"  # of a sentence
_UNKNOWN = 13 * UNITS  # what a word costs that the table does not hold
_BIGGEST = 1 << 16  # words that fit into two bytes

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint8] | npt.NDArray[np.int8] | npt.NDArray[np.uint16]


class Columns(NamedTuple):
    """The table as it is stored. Costs and back-off weights are in sixteenths of a nat, back-off weights may be negative.

    `words` are sorted; for each there is a cost, a weight, and the number of words that may stand before it (`pairs`). `before`
    names these, by their places in `words`, sorted for each word; for each of them there are the same, and `further`.
    """

    words: Sequence[str]
    cost: npt.NDArray[np.uint8]
    weight: npt.NDArray[np.int8]
    pairs: npt.NDArray[np.uint16]
    before: npt.NDArray[np.uint16]
    pair_cost: npt.NDArray[np.uint8]
    pair_weight: npt.NDArray[np.int8]
    triples: npt.NDArray[np.uint16]
    further: npt.NDArray[np.uint16]
    triple_cost: npt.NDArray[np.uint8]


def pack_trigrams(columns: Columns, notes: str) -> bytes:
    """The bytes of a table: lines of notes, a line of sizes, and the columns, compressed.

    Of numbers of two bytes the higher bytes come first: sorted, they hardly change.
    """
    words = "\n".join(columns.words).encode()
    blobs = [np.frombuffer(words, np.uint8), *(_split_bytes(column) for column in columns[1:])]
    sizes = (len(words), len(columns.words), len(columns.before), len(columns.further))
    head = "".join(f"# {line}\n" for line in notes.splitlines()) + " ".join(map(str, sizes)) + "\n"
    return head.encode() + zlib.compress(b"".join(blob.tobytes() for blob in blobs), 9)


def unpack_trigrams(data: bytes) -> Columns:
    """The columns that `pack_trigrams` has packed. Raises ValueError for other bytes."""
    at = 0
    while data.startswith(b"#", at):
        at = data.index(b"\n", at) + 1
    line_end = data.index(b"\n", at)
    length, words, pairs, triples = map(int, data[at:line_end].split())
    try:
        blob = np.frombuffer(zlib.decompress(data[line_end + 1 :]), np.uint8)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    counts = (length, words, words, 2 * words, 2 * pairs, pairs, pairs, 2 * pairs, 2 * triples, triples)
    if sum(counts) != len(blob):
        raise ValueError(f"{len(blob):,} bytes where the sizes say {sum(counts):,}")
    text, *parts = np.split(blob, np.cumsum(counts)[:-1])
    return Columns(
        words=text.tobytes().decode().split("\n"),
        cost=parts[0],
        weight=parts[1].view(np.int8),
        pairs=_join_bytes(parts[2]),
        before=_join_bytes(parts[3]),
        pair_cost=parts[4],
        pair_weight=parts[5].view(np.int8),
        triples=_join_bytes(parts[6]),
        further=_join_bytes(parts[7]),
        triple_cost=parts[8],
    )


def _split_bytes(column: Numbers) -> Bytes:
    if column.dtype.itemsize == 1:
        return column.view(np.uint8)
    return np.concatenate([column >> 8, column & 0xFF]).astype(np.uint8)


def _join_bytes(blob: Bytes) -> npt.NDArray[np.uint16]:
    high, low = blob.reshape(2, -1).astype(np.uint16)
    return (high << 8 | low).astype(np.uint16)


class Trigrams:
    """The table of trigrams, ready to be asked.

    >>> one, two = np.array([1], np.uint8), np.array([40, 48], np.uint8)
    >>> counts, none = np.array([0, 1], np.uint16), np.array([], np.uint16)
    >>> table = Trigrams(Columns(["news", "press"], two, np.array([-8, 0], np.int8), counts, np.array([0], np.uint16), one,
    ...     np.array([0], np.int8), np.array([0], np.uint16), none, np.array([], np.uint8)))
    >>> news, press = table.number("news"), table.number("press")
    >>> table.cost(press, news, NO_WORD), table.cost(news, news, NO_WORD)
    (1, 48)
    """

    def __init__(self, columns: Columns) -> None:
        if len(columns.words) > _BIGGEST:
            raise ValueError(f"{len(columns.words):,} words where two bytes tell {_BIGGEST:,} apart")
        self._numbers = {word: number for number, word in enumerate(columns.words)}
        self._cost, self._weight = columns.cost.tobytes(), columns.weight.tolist()
        self._pairs, self._before = _starts(columns.pairs), array("H", columns.before.tobytes())
        self._pair_cost, self._pair_weight = columns.pair_cost.tobytes(), array("b", columns.pair_weight.tobytes())
        self._triples, self._further = _starts(columns.triples), array("H", columns.further.tobytes())
        self._triple_cost = columns.triple_cost.tobytes()
        self._pair = lru_cache(1 << 16)(self._find_pair)  # pairs come again with every word before and behind them

    def number(self, word: str) -> int:
        """The number of a word in small letters; NO_WORD for one that the table does not hold."""
        return self._numbers.get(word, NO_WORD)

    def cost(self, word: int, before: int, further: int) -> int:
        """What a word costs after `before` and, further out, `further`: minus the logarithm of its probability."""
        if word < 0:
            return _UNKNOWN
        pair = self._pair(word, before)
        if pair >= 0:
            if further >= 0:
                start, stop = self._triples[pair], self._triples[pair + 1]
                at = bisect_left(self._further, further, start, stop)
                if at < stop and self._further[at] == further:
                    return self._triple_cost[at]
            cost = self._pair_cost[pair]
        else:
            cost = self._cost[word] - (self._weight[before] if before >= 0 else 0)
        seen = self._pair(before, further)
        return cost - self._pair_weight[seen] if seen >= 0 else cost

    def _find_pair(self, word: int, before: int) -> int:
        """The place of a pair in the table; below 0 if it is not there."""
        if word < 0 or before < 0:
            return -1
        stop = self._pairs[word + 1]
        at = bisect_left(self._before, before, self._pairs[word], stop)
        return at if at < stop and self._before[at] == before else -1


def _starts(counts: npt.NDArray[np.uint16]) -> array[int]:
    """Where the members of each begin, and where the last end."""
    starts = np.zeros(len(counts) + 1, np.uint32)
    np.cumsum(counts, out=starts[1:])
    return array("I", starts.tobytes())
