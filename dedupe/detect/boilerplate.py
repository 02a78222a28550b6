"""Boilerplate: what so many texts share that sharing it says nothing: menus, cookie lines, placeholders, a quotation
that everybody has.

A shingle is boilerplate if more than `most` distinct texts hold it, or more than SOURCE_MOST of one source where there
are several sources. Near-duplicates of each other count as one text, so that an article does not become boilerplate by
being copied. Containment is then measured without such shingles (`detect.contained`), and a shared passage counts only
by its other words (`detect.passages`), from runs of LEAST_RUN words: below that a shingle is a phrase of the language.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.distinct import keep_distinct
from dedupe.detect.profile import Profiles
from dedupe.kernel import compiled_kernel

# Distinct texts of one source that may share a passage before it counts as that source's furniture.
SOURCE_MOST = 5
# Words of frequent shingles in a row from which a passage counts as boilerplate.
LEAST_RUN = 10
# Hashes are counted in up to 2^4 ranges of about as many, one after the other, to save memory.
_RANGE, _RANGE_BITS = 1 << 24, 4
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
    several = len(np.unique(sources[sources >= 0])) > 1
    source_most = min(SOURCE_MOST, most) if several else most
    codes = _gather_holders(profiles, rows, _find_repeated(profiles.hashes, source_most))
    if not len(codes):
        return NO_BOILERPLATE
    ranks = _lower(codes)
    starts = _run_starts(codes)
    of_groups = keep_distinct(_pair(codes, groups[ranks]))
    texts = np.diff(_run_starts(of_groups), append=len(of_groups))
    # A number for each source and group that occur together, in the order of the sources.
    known, labels = np.unique(sources << 32 | groups, return_inverse=True)
    of_labels = keep_distinct(_pair(codes, labels[ranks]))
    of_sources = _pair(of_labels, (known[_lower(of_labels)] >> 32) + 1)
    first = np.flatnonzero(_is_new(of_sources))
    in_source = np.diff(first, append=len(of_sources))
    in_source[_lower(of_sources[first]) == 0] = 0
    by_hash = _run_starts(of_sources[first])
    chosen = (texts > most) | (np.maximum.reduceat(in_source, by_hash) > source_most)
    places = starts[chosen, None] + np.arange(HOLDERS)
    ends = np.append(starts[1:], len(codes))[chosen, None]
    holders = np.where(places < ends, rows[ranks[np.minimum(places, len(codes) - 1)]], -1)
    hashes = (codes[starts[chosen]] >> np.uint64(32)).astype(np.uint32)
    return make_boilerplate(hashes, texts[chosen], np.diff(by_hash, append=len(first))[chosen], holders)


def _find_repeated(hashes: _Hashes, most: int) -> Boilerplate:
    """The hashes that stand there more than `most` times; of their columns only the hashes are known."""
    bits = min(_RANGE_BITS, (len(hashes) // _RANGE).bit_length())
    found = []
    for part in range(1 << bits):
        ordered = np.sort(_gather_part(hashes, part, bits, most))
        found.append(keep_distinct(ordered[most:][ordered[most:] == ordered[: max(0, len(ordered) - most)]]))
    repeated = np.concatenate(found)
    return make_boilerplate(repeated, *(np.empty(0, np.int64),) * 3)


def _gather_part(hashes: _Hashes, part: int, bits: int, most: int) -> _Hashes:
    """The hashes with the number `part` in their upper bits, of which the compiled kernel leaves out most rare ones."""
    kernel = compiled_kernel()
    if kernel:
        return np.frombuffer(kernel.frequent(hashes, part, bits, most), np.uint32)
    return hashes[hashes >> np.uint32(32 - bits) == part] if bits else hashes


def _gather_holders(profiles: Profiles, rows: _Numbers, repeated: Boilerplate) -> _Codes:
    """Which of the rows hold which hashes: the hash in the upper 32 bits, the place in `rows` in the lower, ascending."""
    rank_of = np.full(len(profiles), -1, np.int64)
    rank_of[rows] = np.arange(len(rows))
    codes = [np.empty(0, np.uint64)]
    for low in range(0, len(profiles.hashes), _BLOCK):
        hashes = profiles.hashes[low : low + _BLOCK]
        held = np.flatnonzero(repeated.marks(hashes))
        ranks = rank_of[np.searchsorted(profiles.offsets, low + held, side="right") - 1]
        known = ranks >= 0
        codes.append(hashes[held[known]].astype(np.uint64) << np.uint64(32) | ranks[known].astype(np.uint64))
    joined = np.concatenate(codes)
    joined.sort()
    return joined


def _pair(codes: _Codes, numbers: _Numbers) -> _Codes:
    """The codes with other numbers in the lower half."""
    return codes >> np.uint64(32) << np.uint64(32) | numbers.astype(np.uint64)


def _lower(codes: _Codes) -> _Numbers:
    return (codes & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _is_new(ordered: _Codes) -> _Mask:
    """Whether each of the ascending values differs from the one before."""
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    return new


def _run_starts(ordered: _Codes) -> _Numbers:
    """Where each run of ascending codes of one hash begins."""
    return np.flatnonzero(_is_new(ordered >> np.uint64(32)))
