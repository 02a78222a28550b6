"""Despun similarity: what two texts share after undoing synonyms, in shingles of two class tokens.

A spinner changes a third of the words and leaves their order. So 5-word shingles hardly survive, yet of the short shingles
over class tokens enough do: 0.2 to 0.7 by Jaccard between two spins of one text, 0.001 between unrelated texts. That alone
would also take pages of one template, quoted passages and edited versions for spun copies. Four numbers tell them apart:

    despun    Jaccard similarity of the sets of class shingles: at least `find.spun`
    gain      shared class shingles less shared surface shingles: what undoing synonyms itself has brought to light.
              Versions that no spinner made gain next to nothing, however much they share
    aligned   the share of the shorter text that runs in step: shared shingles in the same order with gaps of the same length.
              A spun copy runs in step from end to end; reports of one event, or a shared quotation, do not
    numbers   the share of the shorter text's numbers that the other holds: a spinner leaves them, machine-written
              reports after one model differ in them

Candidates come from a MinHash signature of the class shingles in bands of two values, of which 16 bits each are kept. Bands
that fine let texts of one topic through as well, so the whole signatures are compared before anything is measured.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.lsh import Candidates, find_candidates
from dedupe.detect.minhash import sign_sets
from dedupe.text.classes import NUMBER, DespunTokens

# 1 - (1 - s²)^128 of the pairs of despun similarity s are found: 0.94 at 0.15, 0.995 at 0.2, 1 from 0.3 on.
DESPUN_BANDS = 128
LEAST_GAIN = 4  # shared shingles
LEAST_SHARE_GAINED = 0.05  # of the shared shingles
LEAST_ALIGNED = 0.75
LEAST_NUMBERS = 0.7
LEAST_LEAN = 0.01  # replacements a word that one of two versions has more than the other, to be taken for the copy
_FEW_NUMBERS = 3
_REACH, _SLACK = 16, 3  # class tokens between neighbours in step, and by how many the gaps may differ
_COMPARED = 2048  # signatures compared at once
_LEAST_ESTIMATE = 0.6  # of the threshold: some 2.5 standard deviations below it at 0.12
# Class tokens of pairs measured at once.
_BLOCK = 65536

_Codes = npt.NDArray[np.uint32]
_Keys = npt.NDArray[np.uint64]
_Rows = npt.NDArray[np.int64]
_Ratios = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DespunProfiles:
    """The class tokens of texts (`DespunTokens`, all in one), and the keys of their bands.

    keys: uint32, shape (texts, DESPUN_BANDS).
    """

    tokens: DespunTokens
    keys: _Codes


@dataclass(frozen=True, slots=True)
class DespunNumbers:
    """What was measured of some pairs: `despun` (float64), and `shared` and `gained` shingles (int64); shape (pairs,) each."""

    despun: _Ratios
    shared: _Rows
    gained: _Rows

    def tell_swaps(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Which pairs are alike, and more alike than they would be without undoing synonyms: bool, shape (pairs,)."""
        gains = (self.gained >= LEAST_GAIN) & (self.gained >= LEAST_SHARE_GAINED * self.shared)
        return (self.despun >= threshold) & gains


def find_despun_candidates(keys: _Codes, threshold: float) -> Candidates:
    """The pairs of rows that may have a despun similarity of `threshold`; keys: as in `DespunProfiles`."""
    found = find_candidates(keys, DESPUN_BANDS, 1)
    halves = keys.view(np.uint16)
    likely = np.zeros(len(found.a), np.bool_)
    for low in range(0, len(likely), _COMPARED):
        block = slice(low, low + _COMPARED)
        same = np.count_nonzero(halves[found.a[block]] == halves[found.b[block]], axis=1)
        likely[block] = same >= _LEAST_ESTIMATE * threshold * halves.shape[1]
    return Candidates(found.a[likely], found.b[likely], found.hot_buckets)


def profile_despun(tokens: DespunTokens, a: _Codes, b: _Codes) -> DespunProfiles:
    """The profiles of a batch; a, b: the factors and summands of 2 · DESPUN_BANDS permutations (`draw_permutations`)."""
    sizes = np.maximum(np.diff(tokens.documents) - 1, 0)
    shingles = _shingles(tokens.classes, _places(tokens.documents[:-1], sizes))
    signatures = sign_sets(shingles, np.concatenate([[0], np.cumsum(sizes)]), a, b)
    halves = (signatures & np.uint32(0xFFFF)).astype(np.uint16)
    return DespunProfiles(tokens, halves.view(np.uint32))


def join_despun(batches: list[DespunProfiles]) -> DespunProfiles:
    """The profiles of several batches in one."""
    sizes = np.concatenate([np.diff(batch.tokens.documents) for batch in batches])
    tokens = DespunTokens(
        np.concatenate([batch.tokens.classes for batch in batches]),
        np.concatenate([batch.tokens.surfaces for batch in batches]),
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate([batch.tokens.replacements for batch in batches]),
    )
    return DespunProfiles(tokens, np.concatenate([batch.keys for batch in batches]))


def measure_despun(tokens: DespunTokens, a: _Rows, b: _Rows) -> DespunNumbers:
    """The exact numbers of each pair of rows (a[i], b[i]); a, b: int64, shape (pairs,).

    >>> classes, surfaces = np.array([[1, 2, 3, 1, 2, 3], [1, 2, 3, 1, 9, 3]], np.uint32)
    >>> runs = DespunTokens(classes.ravel(), surfaces.ravel(), np.array([0, 3, 6]), np.array([0, 1]))
    >>> numbers = measure_despun(runs, np.array([0]), np.array([1]))
    >>> numbers.despun.tolist(), numbers.shared.tolist(), numbers.gained.tolist()
    ([1.0], [2], [2])
    """
    sizes = np.diff(tokens.documents)
    work = np.cumsum(sizes[a] + sizes[b])
    despun, shared, gained = np.zeros(len(a)), np.zeros(len(a), np.int64), np.zeros(len(a), np.int64)
    low = 0
    while low < len(a):
        done = int(work[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(work, done + _BLOCK, side="right")))
        block = slice(low, high)
        common, union = _count(tokens.classes, tokens.documents, a[block], b[block])
        literal, _ = _count(tokens.surfaces, tokens.documents, a[block], b[block])
        despun[block], shared[block], gained[block] = common / np.maximum(union, 1), common, common - literal
        low = high
    return DespunNumbers(despun, shared, gained)


def measure_alignment(tokens: DespunTokens, a: int, b: int) -> float:
    """The share of the shorter text's class tokens that run in step with the other text. From 0 to 1.

    Shingles that both texts hold exactly once are anchors. The longest chain of them that ascends in both texts is taken;
    between neighbours in the chain that are close, and equally far apart in both, the texts run in step.
    """
    first, second = (tokens.classes[tokens.documents[row] : tokens.documents[row + 1]] for row in (a, b))
    here, there = _anchors(first), _anchors(second)
    _, left, right = np.intersect1d(here[0], there[0], assume_unique=True, return_indices=True)
    i, j = here[1][left], there[1][right]
    order = np.argsort(i)
    chain = _longest_ascent(j[order].tolist())
    steps_i, steps_j = np.diff(i[order][chain]), np.diff(j[order][chain])
    together = (steps_i <= _REACH) & (steps_j <= _REACH) & (np.abs(steps_i - steps_j) <= _SLACK)
    size, steps = (len(first), steps_i) if len(first) <= len(second) else (len(second), steps_j)
    return float(steps[together].sum() / max(1, size))


def share_numbers(tokens: DespunTokens, a: int, b: int) -> float:
    """The share of the shorter text's different numbers that the other holds too; 1 if there are next to none."""
    codes = sorted((tokens.classes[tokens.documents[row] : tokens.documents[row + 1]] for row in (a, b)), key=len)
    shorter, longer = (np.unique(some[some & NUMBER == NUMBER]) for some in codes)
    return float(np.isin(shorter, longer).mean()) if len(shorter) >= _FEW_NUMBERS else 1.0


def _anchors(codes: _Codes) -> tuple[_Codes, _Rows]:
    """The shingles that occur once, ascending, and their places."""
    shingles = _shingles(codes, np.arange(max(0, len(codes) - 1)))
    shingles, places, counts = np.unique(shingles, return_index=True, return_counts=True)
    return shingles[counts == 1], places[counts == 1]


def _longest_ascent(values: list[int]) -> list[int]:
    """The places of a longest ascending subsequence. Source: M. Fredman, On computing the length of such, 1975."""
    ends: list[int] = []
    tails: list[int] = []
    previous: list[int] = []
    for place, value in enumerate(values):
        at = bisect_left(ends, value)
        previous.append(tails[at - 1] if at else -1)
        ends[at : at + 1] = [value]
        tails[at : at + 1] = [place]
    chain = []
    place = tails[-1] if tails else -1
    while place >= 0:
        chain.append(place)
        place = previous[place]
    return chain[::-1]


def _count(codes: _Codes, documents: _Rows, a: _Rows, b: _Rows) -> tuple[_Rows, _Rows]:
    """The sizes of intersection and union of the shingle sets of each pair."""
    ours, theirs = _pair_keys(codes, documents, a), _pair_keys(codes, documents, b)
    both = np.sort(np.concatenate([ours, theirs]))
    twice = both[1:][both[1:] == both[:-1]]
    common, total = (np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(a)) for keys in (twice, both))
    return common, total - common


def _pair_keys(codes: _Codes, documents: _Rows, rows: _Rows) -> _Keys:
    """The distinct (pair, shingle) keys of one side of the pairs."""
    sizes = np.maximum(documents[rows + 1] - documents[rows] - 1, 0)
    keys: _Keys = np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(32), sizes)
    keys |= _shingles(codes, _places(documents[rows], sizes))
    keys.sort()
    distinct = np.diff(keys, prepend=~keys[:1]) != 0
    return np.asarray(keys[distinct])


def _places(firsts: _Rows, sizes: _Rows) -> _Rows:
    places: _Rows = np.arange(int(sizes.sum())) + np.repeat(firsts - (np.cumsum(sizes) - sizes), sizes)
    return places


def _shingles(codes: _Codes, places: _Rows) -> _Codes:
    """A hash of the two class tokens from each place on: uint32."""
    mixed = codes[places] * np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    mixed = (mixed + codes[places + 1]) * np.uint32(0x85EBCA77)
    return mixed ^ (mixed >> np.uint32(13))
