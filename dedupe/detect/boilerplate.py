"""Boilerplate: what so many texts share that sharing it says nothing: menus, cookie lines, placeholders, a quotation
that everybody has.

A shingle is boilerplate if more than `most` distinct texts hold it, or more than SOURCE_MOST of one source where there
are several sources. Near-duplicates of each other count as one text, so that an article does not become boilerplate by
being copied. Containment is then measured without such shingles (`detect.contained`), and a shared passage counts only
by its other words (`detect.passages`), from runs of LEAST_RUN words: below that a shingle is a phrase of the language.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dedupe.detect.profile import Profiles

# Distinct texts of one source that may share a passage before it counts as that source's furniture.
SOURCE_MOST = 5
# Words of frequent shingles in a row from which a passage counts as boilerplate.
LEAST_RUN = 10
# Hashes are counted in as many ranges, one after the other, to save memory.
_RANGES = 16
_TABLE_BITS = 20
_BLOCK = 1 << 20
# Examples kept of who holds a shingle.
HOLDERS = 3

_Hashes = npt.NDArray[np.uint32]
_Codes = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """The frequent shingles: `hashes` ascending (uint32), the number of distinct `texts` that hold each and of their
    `sources` (int64), and the first rows that do, by id: `holders`, int64, shape (hashes, HOLDERS), -1 where there are less.

    `table` tells by the upper bits of a hash that it cannot be one.
    """

    hashes: _Hashes
    texts: _Numbers
    sources: _Numbers
    holders: _Numbers
    table: _Mask

    def marks(self, hashes: _Hashes) -> _Mask:
        """Which of the hashes are boilerplate: bool, of their shape."""
        marks: _Mask = self.table[hashes >> np.uint32(32 - _TABLE_BITS)]
        likely = np.flatnonzero(marks)
        marks[likely] = self.hashes[self.places(hashes[likely])] == hashes[likely]
        return marks

    def places(self, hashes: _Hashes) -> _Numbers:
        """Where in `self.hashes` each of the hashes is, or would be: int64."""
        return np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class CommonPassage:
    """A passage of boilerplate: its `text` as one article has it, its `words`, in how many distinct `texts` and `sources`
    its shingles are (the median), and the ids of the first articles that hold the most frequent one."""

    text: str
    words: int
    texts: int
    sources: int
    examples: tuple[str, ...]


def make_boilerplate(hashes: _Hashes, texts: _Numbers, sources: _Numbers, holders: _Numbers) -> Boilerplate:
    """The boilerplate of these columns, with the table that makes looking up fast.

    >>> columns = np.array([3, 7], np.uint32), np.array([21, 30]), np.array([1, 2]), np.array([[0], [0]])
    >>> make_boilerplate(*columns).marks(np.array([7, 8], np.uint32)).tolist()
    [True, False]
    """
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    table[hashes >> np.uint32(32 - _TABLE_BITS)] = True
    return Boilerplate(hashes, texts, sources, holders, table)


NO_BOILERPLATE = make_boilerplate(np.empty(0, np.uint32), *(np.empty(0, np.int64),) * 2, np.empty((0, HOLDERS), np.int64))


def find_boilerplate(profiles: Profiles, rows: _Numbers, groups: _Numbers, sources: _Numbers, most: int) -> Boilerplate:
    """The shingles that more than `most` distinct texts hold, or too many of one source.

    rows: the rows to count, in the order of their ids; groups: for each of them the number of its group of versions of
    one text; sources: for each the number of its source, -1 where it is unknown. All int64, of the same shape.
    """
    if not len(rows):
        return NO_BOILERPLATE
    several = len(np.unique(sources[sources >= 0])) > 1
    source_most = min(SOURCE_MOST, most) if several else most
    # One label for each source and group that occur together.
    codes, labels = np.unique(sources << 32 | groups, return_inverse=True)
    label_of = np.full(len(profiles), -1, np.int64)
    label_of[rows] = labels
    columns = [
        _count_range(profiles, label_of, part, codes >> 32, codes & 0xFFFFFFFF, most, source_most) for part in range(_RANGES)
    ]
    hashes, texts, holders = (np.concatenate([column[i] for column in columns]) for i in range(3))
    order = np.argsort(hashes, kind="stable")
    found = make_boilerplate(hashes[order], texts[order], holders[order], np.full((len(order), HOLDERS), -1, np.int64))
    return replace(found, holders=_first_holders(profiles, rows, found))


def _count_range(
    profiles: Profiles, label_of: _Numbers, part: int, source_of: _Numbers, group_of: _Numbers, most: int, source_most: int
) -> tuple[_Hashes, _Numbers, _Numbers]:
    """The frequent hashes of one range of them, with the numbers of their texts and sources."""
    inside = profiles.hashes >> np.uint32(32 - _RANGES.bit_length() + 1) == part
    counts = np.add.reduceat(np.append(inside, False), profiles.offsets[:-1], dtype=np.int64)
    counts[np.diff(profiles.offsets) == 0] = 0
    labels = np.repeat(label_of, counts)
    codes = profiles.hashes[inside].astype(np.uint64)
    codes = codes[labels >= 0] << np.uint64(32) | labels[labels >= 0].astype(np.uint64)
    codes.sort()
    codes = codes[_is_new(codes)]
    # Most hashes end here: too few texts of any kind.
    hashes = codes >> np.uint64(32)
    sizes = _run_sizes(hashes)
    frequent = np.repeat(sizes > source_most, sizes)
    hashes, labels = hashes[frequent], (codes[frequent] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    groups = np.unique(hashes << np.uint64(32) | group_of[labels].astype(np.uint64)) >> np.uint64(32)
    names, texts = np.unique(groups, return_counts=True)
    of_source = hashes << np.uint64(32) | (source_of[labels] + 1).astype(np.uint64)
    pairs, in_source = np.unique(of_source, return_counts=True)
    starts = np.flatnonzero(_is_new(pairs >> np.uint64(32)))
    in_source[pairs & np.uint64(0xFFFFFFFF) == 0] = 0
    holders = np.diff(starts, append=len(pairs))
    chosen = texts > most
    if len(starts):
        chosen |= np.maximum.reduceat(in_source, starts) > source_most
    return names[chosen].astype(np.uint32), texts[chosen], holders[chosen]


def _first_holders(profiles: Profiles, rows: _Numbers, found: Boilerplate) -> _Numbers:
    """The first of the rows, in their order, that hold each frequent shingle."""
    rank_of = np.full(len(profiles), len(rows), np.int64)
    rank_of[rows] = np.arange(len(rows))
    ranks = np.repeat(rank_of, np.diff(profiles.offsets))
    holders = np.full((HOLDERS + 1, len(found.hashes)), -1, np.int64)
    for nth in range(HOLDERS):
        least = np.full(len(found.hashes), len(rows), np.int64)
        for low in range(0, len(profiles.hashes), _BLOCK):
            hashes = profiles.hashes[low : low + _BLOCK]
            held = np.flatnonzero(found.marks(hashes))
            places, rank = found.places(hashes[held]), ranks[low + held]
            later = rank > holders[nth - 1][places]
            np.minimum.at(least, places[later], rank[later])
        holders[nth] = least
    return np.append(rows, -1)[holders[:HOLDERS]].T


def _is_new(ordered: _Codes) -> _Mask:
    """Whether each of the ascending values differs from the one before."""
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    return new


def _run_sizes(ordered: _Codes) -> _Numbers:
    return np.diff(np.flatnonzero(_is_new(ordered)), append=len(ordered))
