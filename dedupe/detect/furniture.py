"""Furniture: what a page has around its article, told by the versions of a text that do not have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.columns import chain_sizes
from dedupe.detect.readings import BATCH, Readings, cover_places
from dedupe.detect.runs import Runs

# Words before or after another whole version that count as furniture, and words it may have there itself (a byline).
WRAPPING_WORDS = 80
EDGE_WORDS = 12

_Mask = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of words: the rows of their texts, where they begin in them, and their words. All int64, ascending."""

    rows: _Numbers
    begins: _Numbers
    sizes: _Numbers

    @classmethod
    def of(cls, flags: _Mask, bounds: _Numbers, first: int) -> Stretches:
        """The stretches of true values in texts whose words begin at `bounds`, the rows from `first` on."""
        firsts = np.zeros(len(flags) + 1, np.bool_)
        firsts[bounds] = True
        before = np.concatenate([[False], flags])
        after = np.concatenate([flags, [False]])
        begins = np.flatnonzero(after & (~before | firsts))
        ends = np.flatnonzero(before & (~after | firsts))
        rows = np.searchsorted(bounds, begins, side="right") - 1
        return cls(rows + first, begins - bounds[rows], ends - begins)


def find_wrapping(runs: Runs, readings: Readings) -> Stretches:
    """The stretches of each text that has versions which are boilerplate, or which it alone has, of all its versions, and which
    look like furniture."""
    sides = (runs.a, runs.places_a), (runs.b, runs.places_b)
    columns = [
        (runs.rows(one), places, runs.rows(other), begins, runs.sizes)
        for (one, places), (other, begins) in (sides, sides[::-1])
    ]
    shared = _Shared(*map(np.concatenate, zip(*columns, strict=True)))
    shared = shared.select(np.argsort(shared.rows, kind="stable"))
    related = np.zeros(len(readings.stops), np.bool_)
    related[np.concatenate([runs.a, runs.b])] = True
    found, low = [Stretches(*(np.empty(0, np.int64),) * 3)], 0
    while low < len(related):
        high = max(low + 1, int(np.searchsorted(readings.words, readings.words[low] + BATCH, side="right")) - 1)
        part = slice(*np.searchsorted(shared.rows, [low, high]))
        bounds = readings.words[low : high + 1] - readings.words[low]
        flags = np.repeat(related[low:high], np.diff(bounds))
        flags &= _mark_wrapping(shared.select(part), low, bounds, readings)
        found.append(Stretches.of(flags, bounds, low))
        low = high
    return Stretches(*(np.concatenate([getattr(some, name) for some in found]) for name in Stretches.__slots__))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What texts share with versions of theirs: the row of a text and a place in it, the row of a version and the place there,
    and the size in words. All int64."""

    rows: _Numbers
    places: _Numbers
    versions: _Numbers
    begins: _Numbers
    sizes: _Numbers

    def select(self, which: _Numbers | slice) -> _Shared:
        """Some of it."""
        return _Shared(self.rows[which], self.places[which], self.versions[which], self.begins[which], self.sizes[which])


def _mark_wrapping(shared: _Shared, first: int, bounds: _Numbers, readings: Readings) -> _Mask:
    """Which words of some rows, from `first` on, are boilerplate, or what a text alone has, of all its versions, and what looks
    like furniture. Their words begin at `bounds`.

    That is what is no prose; and prose before the beginning, or after the end, of other versions, of which each allows for
    WRAPPING_WORDS: where there is more, the other may be the one that is cut.
    """
    words = slice(int(readings.words[first]), int(readings.words[first] + bounds[-1]))
    common, prose = readings.common[words], readings.prose[words]
    counts, rows = np.diff(bounds), shared.rows - first
    lengths = readings.words[shared.versions + 1] - readings.words[shared.versions]
    ends = shared.places + shared.sizes
    alone = ~cover_places(bounds[rows] + shared.places, shared.sizes, len(common))
    spare = alone & prose & ~common
    at_head = shared.begins <= EDGE_WORDS
    at_tail = (shared.begins + shared.sizes >= lengths - EDGE_WORDS) & readings.stops[shared.versions]
    head, tail = counts.copy(), np.zeros(len(counts), np.int64)
    np.minimum.at(head, rows[at_head], shared.places[at_head])
    np.maximum.at(tail, rows[at_tail], ends[at_tail])
    heads, tails = (np.bincount(rows[which], minlength=len(counts)) for which in (at_head, at_tail))
    for low, high, versions in (
        (bounds[:-1], bounds[:-1] + np.where(heads > 0, head, 0), heads),
        (bounds[:-1] + np.where(tails > 0, tail, counts), bounds[1:], tails),
    ):
        before = chain_sizes(spare.astype(np.int64))
        few = before[high] - before[low] <= WRAPPING_WORDS * versions
        spare &= ~cover_places(low[few], (high - low)[few], len(spare))
    return common | (alone & ~spare)
