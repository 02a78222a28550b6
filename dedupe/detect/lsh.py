"""Locality-sensitive hashing: which pairs of signatures are worth comparing.

A signature is cut into b bands of r values. Two texts of Jaccard similarity s agree in a whole band, and so become
candidates, with probability

    P(s) = 1 - (1 - s^r)^b                                                  (the S-curve)

Candidates are only candidates: everything reported is verified on the shingle sets, so loose bands cost a little time
and no precision.

Source: J. Leskovec, A. Rajaraman, J. Ullman, Mining of Massive Datasets, section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.batches import work_in_threads
from dedupe.detect.buckets import Gathered, find_runs, gather_buckets
from dedupe.errors import UsageError
from dedupe.kernel import compiled_kernel

# A bucket of m rows gives m(m-1)/2 candidates; beyond this m it gives at most 2m.
BUCKET_CAP = 128
# Texts whose bands are worth a thread each.
_MANY = 10_000

_Rows = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class HotBucket:
    """A bucket above the cap: `rows` texts agree in band `band`; `first` is the smallest of the rows."""

    band: int
    rows: int
    first: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of rows worth comparing: a < b, int64, distinct, in ascending order; and the hot buckets met."""

    a: _Rows
    b: _Rows
    hot_buckets: tuple[HotBucket, ...]


def choose_bands(threshold: float, permutations: int, recall: float) -> tuple[int, int]:
    """The coarsest bands (b, r) that are expected to find `recall` of the pairs worth finding.

    The larger r, the fewer candidates: the largest r whose `expected_recall` is enough is taken, with all the
    b = permutations // r bands there are; r = 1 if none is enough. Raises UsageError for a threshold outside (0, 1].

    >>> choose_bands(0.7, 128, 0.999), choose_bands(0.5, 128, 0.999)
    ((32, 4), (42, 3))
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"find.near (--near) is {threshold}; it must be above 0 and at most 1")
    for rows in range(permutations, 1, -1):
        if expected_recall(threshold, permutations // rows, rows) >= recall:
            return permutations // rows, rows
    return permutations, 1


def expected_recall(threshold: float, bands: int, rows: int) -> float:
    """The mean of 1 - (1 - s^r)^b over s spread evenly over the lower half of [threshold, 1].

    The lower half, because there are the pairs that are hard to find: over the whole range 25 bands of 5 come out at
    0.9992 for the threshold 0.7, yet they miss one in a hundred of the pairs that lie just above it.

    >>> [round(expected_recall(0.7, bands, rows), 4) for bands, rows in ((32, 4), (25, 5), (14, 9))]
    [1.0, 0.9984, 0.7505]
    """
    similarity = np.linspace(threshold, (1.0 + threshold) / 2, 1001)
    return float(np.mean(1.0 - (1.0 - similarity**rows) ** bands))


def find_candidates(
    signatures: npt.NDArray[np.uint32],
    bands: int,
    rows: int,
    cap: int = BUCKET_CAP,
    hot_bands: int | None = None,
    chosen: _Rows | None = None,
) -> Candidates:
    """The pairs of signatures that agree in at least one band.

    signatures: uint32, shape (texts, permutations), the first bands · rows values of which are used. chosen: int64, which of
    them are compared, each once; the candidates count in places among these. Without it, all are.

    A bucket of more than `cap` rows is hot: it costs linear time and is reported. Its rows are ordered by their next
    band, so that closer texts are neighbours; each is compared with the bucket's first, and with the first of those
    sharing its next band. A hot bucket thus still connects its texts, though not each with each; with `hot_bands`, it does
    so in the first so many bands only. Identical texts never make one: they are collapsed before they come here.

    >>> twins = np.array([[1, 2, 3, 4], [9, 9, 9, 9], [1, 2, 7, 8]], np.uint32)
    >>> found = find_candidates(twins, bands=2, rows=2)
    >>> found.a.tolist(), found.b.tolist()
    ([0], [2])
    """
    gathered = Gathered()
    hot: list[HotBucket] = []
    chosen = np.arange(len(signatures)) if chosen is None else chosen

    def gather(band: int) -> tuple[_Rows, _Rows]:
        return gather_buckets(band_keys(signatures, band, rows)[chosen])

    threads = 0 if len(chosen) >= _MANY else 1
    for band, (members, sizes) in enumerate(work_in_threads(gather, range(bands), threads)):
        is_hot = sizes > cap
        gathered.add_buckets(members[np.repeat(~is_hot, sizes)], sizes[~is_hot])
        if hot_bands is None or band < hot_bands:
            for bucket in _split(members[np.repeat(is_hot, sizes)], sizes[is_hot]):
                hot.append(HotBucket(band, len(bucket), int(bucket[0])))
                _link_hot_bucket(bucket, band_keys(signatures[chosen[bucket]], (band + 1) % bands, rows), gathered)
    codes = gathered.distinct()
    a, b = (codes >> np.uint64(32)).astype(np.int64), (codes & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return Candidates(a, b, tuple(hot))


def band_keys(signatures: npt.NDArray[np.uint32], band: int, rows: int) -> _Codes:
    """One 64-bit key per row for one band: equal bands have equal keys, and others differ but for chance (2^-64).

    signatures: uint32, shape (texts, permutations). Returns uint64, shape (texts,).
    """
    keys = np.full(len(signatures), band, np.uint64)
    kernel = compiled_kernel()
    if kernel:
        kernel.band_keys(np.ascontiguousarray(signatures), signatures.shape[1], band * rows, rows, band, keys)
        return keys
    for column in range(band * rows, (band + 1) * rows):
        _mix_in(keys, signatures[:, column])
    return keys


def all_band_keys(signatures: npt.NDArray[np.uint32], bands: int, rows: int) -> _Codes:
    """The `band_keys` of all bands: uint64, shape (texts, bands).

    >>> signatures = np.array([[1, 2, 3, 4]], np.uint32)
    >>> all_band_keys(signatures, 2, 2).tolist() == [[int(band_keys(signatures, band, 2)[0]) for band in range(2)]]
    True
    """
    keys = np.tile(np.arange(bands, dtype=np.uint64), (len(signatures), 1))
    for row in range(rows):
        _mix_in(keys, signatures[:, row : bands * rows : rows])
    return keys


def _mix_in(keys: _Codes, values: npt.NDArray[np.uint32]) -> None:
    """Take values into the keys, in place: the finaliser of splitmix64, once per value."""
    keys ^= values
    keys += np.uint64(0x9E3779B97F4A7C15)
    keys ^= keys >> np.uint64(30)
    keys *= np.uint64(0xBF58476D1CE4E5B9)
    keys ^= keys >> np.uint64(27)
    keys *= np.uint64(0x94D049BB133111EB)
    keys ^= keys >> np.uint64(31)


def _split(members: _Rows, sizes: _Rows) -> Iterator[_Rows]:
    """The members of each bucket."""
    for end, size in zip(np.cumsum(sizes).tolist(), sizes.tolist(), strict=True):
        yield members[end - size : end]


def _link_hot_bucket(members: _Rows, next_keys: _Codes, gathered: Gathered) -> None:
    """Each member with the bucket's first, and with the first of the members that share its next key."""
    order = np.argsort(next_keys, kind="stable")
    starts, sizes = find_runs(next_keys[order])
    leaders, followers = members[order[np.repeat(starts, sizes)]], members[order]
    other = leaders != followers
    gathered.add(np.full(len(members) - 1, members[0]), members[1:])
    gathered.add(leaders[other], followers[other])
