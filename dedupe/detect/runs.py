"""Runs: the words that two texts share in order, pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.align import align_pairs
from dedupe.detect.readings import Readings
from dedupe.detect.sharing import count_enough
from dedupe.kernel import compiled_kernel

# Words from which a shared run is listed.
LEAST_WORDS = 10

_Mask = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]
Choose = Callable[[_Numbers, Readings, _Numbers, _Numbers], _Numbers]


@dataclass(frozen=True, slots=True)
class Runs:
    """The shared runs of some pairs of rows of readings: of pair i, from row a[i] to row b[i], those with the numbers from
    bounds[i] to bounds[i + 1], in the order of the shorter text: `places_a`, `places_b` and `sizes` in words. All int64."""

    a: _Numbers
    b: _Numbers
    bounds: _Numbers
    places_a: _Numbers
    places_b: _Numbers
    sizes: _Numbers

    @classmethod
    def align(cls, readings: Readings, a: _Numbers, b: _Numbers, shingle_words: int, choose: Choose | None = None) -> Runs:
        """The runs of LEAST_WORDS words that each pair shares, or those that `choose` takes of them."""
        found = [np.empty((0, 4), np.int64)]
        for runs in align_pairs(readings.hashes, readings.offsets, a, b, shingle_words, LEAST_WORDS):
            found.append(choose(runs, readings, a[runs[:, 0]], b[runs[:, 0]]) if choose else runs)
        joined = np.concatenate(found)
        joined = joined[np.argsort(joined[:, 0], kind="stable")]
        bounds = np.searchsorted(joined[:, 0], np.arange(len(a) + 1))
        return cls(a, b, bounds, *(np.ascontiguousarray(column) for column in joined.T[1:]))

    def rows(self, side: _Numbers) -> _Numbers:
        """The row of each run; side: `a` or `b`."""
        return np.repeat(side, np.diff(self.bounds))

    def of(self, pair: int) -> Iterator[tuple[int, int, int]]:
        """The runs of one pair: the places in both texts, and the words."""
        part = slice(int(self.bounds[pair]), int(self.bounds[pair + 1]))
        return zip(self.places_a[part].tolist(), self.places_b[part].tolist(), self.sizes[part].tolist(), strict=True)


def choose_enough(runs: _Numbers, readings: Readings, a: _Numbers, b: _Numbers) -> _Numbers:
    """The runs that are long enough for an overlap without the boilerplate in them; a, b: the rows of their texts."""
    counts = np.diff(readings.words)
    enough = count_enough(np.minimum(counts[a], counts[b]))
    long = np.flatnonzero(runs[:, 3] >= enough)
    runs, a, b, enough = runs[long], a[long], b[long], enough[long]
    marked = _count_marked(readings.common, readings.words[a] + runs[:, 1], readings.words[b] + runs[:, 2], runs[:, 3])
    return runs[runs[:, 3] - marked >= enough]


def _count_marked(flags: _Mask, a: _Numbers, b: _Numbers, sizes: _Numbers) -> _Numbers:
    """At how many of sizes[i] places from a[i], and from b[i] on, a flag is set here or there: int64, shape (runs,)."""
    counts = np.zeros(len(a), np.int64)
    kernel = compiled_kernel()
    if kernel:
        kernel.count_marked(flags, a, b, np.ascontiguousarray(sizes), counts)
        return counts
    for i, (one, other, size) in enumerate(zip(a.tolist(), b.tolist(), sizes.tolist(), strict=True)):
        counts[i] = np.count_nonzero(flags[one : one + size] | flags[other : other + size])
    return counts
