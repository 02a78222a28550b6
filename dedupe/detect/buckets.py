"""Buckets: rows that have a key in common, and the pairs that they make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedupe.detect.columns import chain_sizes
from dedupe.detect.distinct import keep_distinct
from dedupe.kernel import compiled_kernel

# Pairs made at once, and gathered before repeated ones are dropped (8 bytes each).
_PENDING = 2_000_000

_Rows = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.uint64]


class Gathered:
    """Pairs of rows as numbers, repeated ones dropped now and then, so that memory follows the distinct ones."""

    def __init__(self) -> None:
        self._parts: list[_Codes] = [np.empty(0, np.uint64)]
        self._count, self._limit = 0, _PENDING

    def add(self, a: _Rows, b: _Rows) -> None:
        """Take pairs of rows, a < b."""
        self._take(a.astype(np.uint64) << np.uint64(32) | b.astype(np.uint64))

    def add_buckets(self, members: _Rows, sizes: _Rows) -> None:
        """Take the pairs of each with each in buckets of ascending rows, laid end to end in these sizes."""
        starts, work = chain_sizes(sizes), np.cumsum(sizes * (sizes - 1) // 2)
        low = 0
        while low < len(sizes):
            done = int(work[low - 1]) if low else 0
            high = max(low + 1, int(np.searchsorted(work, done + _PENDING, side="right")))
            self._take(pair_up(members[starts[low] : starts[high]], sizes[low:high]))
            low = high

    def distinct(self) -> _Codes:
        """The pairs taken, each once, in ascending order: a in the upper 32 bits, b in the lower."""
        self._parts = [keep_distinct(np.concatenate(self._parts))]
        return self._parts[0]

    def _take(self, codes: _Codes) -> None:
        self._parts.append(codes)
        self._count += len(codes)
        if self._count > self._limit:
            self._count = len(self.distinct())
            self._limit = 2 * self._count + _PENDING


def gather_buckets(keys: _Codes) -> tuple[_Rows, _Rows]:
    """The rows whose key another row has, too, bucket after bucket, and the sizes of the buckets: int64 both.

    keys: uint64, shape (rows,). The rows of a bucket ascend, and the buckets are in the order of their first rows.

    >>> [part.tolist() for part in gather_buckets(np.array([5, 7, 5, 8, 7, 5], np.uint64))]
    [[0, 2, 5, 1, 4], [3, 2]]
    """
    kernel = compiled_kernel()
    if kernel:
        members, lengths = kernel.gather(np.ascontiguousarray(keys))
        return np.frombuffer(members, np.int64), np.frombuffer(lengths, np.int64)
    order = np.argsort(keys, kind="stable")
    starts, sizes = find_runs(keys[order])
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    by_first = np.argsort(order[starts])
    starts, sizes = starts[by_first], sizes[by_first]
    return order[_spread(starts, sizes)], sizes


def pair_up(members: _Rows, sizes: _Rows) -> _Codes:
    """The pairs of each with each in some buckets, one after the other: a in the upper 32 bits, b in the lower.

    >>> [(int(code) >> 32, int(code) & 0xFFFFFFFF) for code in pair_up(np.array([0, 2, 5, 1, 4]), np.array([3, 2]))]
    [(0, 2), (0, 5), (2, 5), (1, 4)]
    """
    numbers = sizes * (sizes - 1) // 2
    pairs = np.empty(int(numbers.sum()), np.uint64)
    kernel = compiled_kernel()
    if kernel:
        kernel.pair_up(np.ascontiguousarray(members), np.ascontiguousarray(sizes), pairs)
        return pairs
    starts, ends = chain_sizes(sizes)[:-1], np.cumsum(numbers)
    for size in np.unique(sizes).tolist():
        first, second = np.triu_indices(size, 1)
        which = np.flatnonzero(sizes == size)
        rows = members[starts[which, None] + np.arange(size)].astype(np.uint64)
        made = rows[:, first] << np.uint64(32) | rows[:, second]
        pairs[_spread(ends[which] - len(first), np.full(len(which), len(first)))] = made.ravel()
    return pairs


def find_runs(ordered: _Codes) -> tuple[_Rows, _Rows]:
    """Where each run of equal values begins in an ascending array, and its length.

    >>> [part.tolist() for part in find_runs(np.array([3, 3, 4], np.uint64))]
    [[0, 2], [2, 1]]
    """
    starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    return starts, np.diff(starts, append=len(ordered))


def _spread(starts: _Rows, sizes: _Rows) -> _Rows:
    """The places from each start on, as many as its size."""
    places: _Rows = np.arange(int(sizes.sum())) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return places
