"""Verification: exact Jaccard and containment of candidate pairs, on the sets of shingle hashes.

Nothing is reported on an estimate. One count of shared shingles gives both numbers:

    jaccard = shared / (|A| + |B| - shared),   containment = shared / min(|A|, |B|)

The sets hold 32-bit hashes, so two unrelated shingles fall together once in 4·10⁹ comparisons of them: about 5·10⁻⁵
falsely shared shingles in a pair of ordinary articles.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from dedupe.detect.batches import share_out
from dedupe.kernel import compiled_kernel

# Hashes merged at once: few enough for the second-level cache.
_BLOCK = 65536
# From this ratio of sizes on, looking up the smaller set is faster than merging both.
_UNEVEN = 32
# Pairs that are worth a thread.
PAIRS_TOGETHER = 8192

_Hashes = npt.NDArray[np.uint32]
_Rows = npt.NDArray[np.int64]
_Ratios = npt.NDArray[np.float64]


class LeftOut(Protocol):
    """Hashes that are not to be counted: `Boilerplate`, as far as counting must know it."""

    @property
    def hashes(self) -> _Hashes:
        """The hashes themselves, ascending."""
        ...

    @property
    def table(self) -> npt.NDArray[np.bool_]:
        """By the upper bits of a hash, as many as the table's size asks for: whether any of the hashes has them."""
        ...

    def marks(self, hashes: _Hashes) -> npt.NDArray[np.bool_]:
        """Which of some hashes are among them."""
        ...


def measure_pairs(hashes: _Hashes, offsets: _Rows, a: _Rows, b: _Rows) -> tuple[_Ratios, _Ratios]:
    """The exact Jaccard similarity and containment of each pair of rows (a[i], b[i]).

    hashes: uint32, ascending and distinct within a row; offsets: int64, shape (rows + 1,); a, b: int64, shape
    (pairs,). Returns two float64 arrays of shape (pairs,); both are 0 where one of the sets is empty.

    >>> sets = np.array([1, 2, 3, 2, 3], np.uint32)
    >>> measure_pairs(sets, np.array([0, 3, 5]), np.array([0]), np.array([1]))
    (array([0.66666667]), array([1.]))
    """
    shared = count_shared(hashes, offsets, a, b)
    return relate_sizes(shared, offsets[a + 1] - offsets[a], offsets[b + 1] - offsets[b])


def relate_sizes(shared: _Rows, sizes_a: _Rows, sizes_b: _Rows) -> tuple[_Ratios, _Ratios]:
    """The Jaccard similarity and the containment of sets of these sizes that share so many values, as `measure_pairs`."""
    union, smaller = sizes_a + sizes_b - shared, np.minimum(sizes_a, sizes_b)
    return shared / np.maximum(union, 1), shared / np.maximum(smaller, 1)


def count_shared(hashes: _Hashes, offsets: _Rows, a: _Rows, b: _Rows, left_out: LeftOut | None = None) -> _Rows:
    """The number of hashes that rows a[i] and b[i] share: int64, shape (pairs,). Those that are `left_out` do not count."""
    return count_both(hashes, offsets, a, b, left_out)[1]


def count_both(hashes: _Hashes, offsets: _Rows, a: _Rows, b: _Rows, left_out: LeftOut | None) -> tuple[_Rows, _Rows]:
    """The number of hashes that rows a[i] and b[i] share, and without those `left_out`: int64, shape (pairs,) each.

    Fastest for pairs in the order of `a`: the kernel then prepares each row once.
    Scratch memory is bounded by _BLOCK hashes, or by the two sets of the largest pair.
    """
    kernel = compiled_kernel()
    if not kernel:
        shared = _count_plainly(hashes, offsets, a, b, None)
        return shared, shared if left_out is None else _count_plainly(hashes, offsets, a, b, left_out)
    shared, own = np.empty((2, len(a)), np.int64)
    table, omitted = (left_out.table, left_out.hashes) if left_out else (b"", b"")
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)

    def count(part: slice) -> None:
        kernel.count_shared(hashes, offsets, a[part], b[part], table, omitted, shared[part], own[part])

    share_out(count, len(a), PAIRS_TOGETHER)
    return shared, own


def _count_plainly(hashes: _Hashes, offsets: _Rows, a: _Rows, b: _Rows, left_out: LeftOut | None) -> _Rows:
    sizes = np.diff(offsets)
    shared = np.zeros(len(a), np.int64)
    uneven = np.maximum(sizes[a], sizes[b]) > _UNEVEN * np.minimum(sizes[a], sizes[b])
    if uneven.any():
        shared[uneven] = [
            _look_up(hashes[offsets[one] : offsets[one + 1]], hashes[offsets[other] : offsets[other + 1]], left_out)
            for one, other in zip(a[uneven].tolist(), b[uneven].tolist(), strict=True)
        ]
        shared[~uneven] = _count_plainly(hashes, offsets, a[~uneven], b[~uneven], left_out)
        return shared
    work = np.cumsum(sizes[a] + sizes[b])
    low = 0
    while low < len(a):
        done = int(work[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(work, done + _BLOCK, side="right")))
        shared[low:high] = _count_block(hashes, offsets, a[low:high], b[low:high], left_out)
        low = high
    return shared


def _look_up(one: _Hashes, other: _Hashes, left_out: LeftOut | None) -> int:
    """The shared hashes of two sets of very different sizes: the smaller one's are looked up in the larger."""
    small, large = sorted((one, other), key=len)
    if not len(small):
        return 0
    held = small[large[np.minimum(np.searchsorted(large, small), len(large) - 1)] == small]
    return len(held) if left_out is None else len(held) - int(np.count_nonzero(left_out.marks(held)))


def _count_block(hashes: _Hashes, offsets: _Rows, a: _Rows, b: _Rows, left_out: LeftOut | None) -> _Rows:
    """Both sides as (pair, hash) keys, each ascending already: a stable sort merges them in linear time."""
    keys = np.concatenate([_keys(hashes, offsets, a), _keys(hashes, offsets, b)])
    keys.sort(kind="stable")
    twice = keys[1:][keys[1:] == keys[:-1]]
    if left_out is not None:
        twice = twice[~left_out.marks(twice.astype(np.uint32))]
    return np.bincount((twice >> np.uint64(32)).astype(np.int64), minlength=len(a))


def _keys(hashes: _Hashes, offsets: _Rows, rows: _Rows) -> npt.NDArray[np.uint64]:
    sizes = offsets[rows + 1] - offsets[rows]
    places = np.arange(int(sizes.sum())) + np.repeat(offsets[rows] - (np.cumsum(sizes) - sizes), sizes)
    keys = np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(32), sizes)
    keys |= hashes[places]
    return keys
