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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dedupe.detect.batches import share_out
from dedupe.detect.columns import chain_sizes
from dedupe.detect.lsh import Candidates, find_candidates
from dedupe.detect.minhash import count_equal, sign_sets
from dedupe.detect.shingles import collect_shingles
from dedupe.detect.verify import PAIRS_TOGETHER, count_shared
from dedupe.kernel import compiled_kernel
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
_BUCKET_CAP, _HOT_BANDS = 64, 32  # so many bands are cheap only if pages of one frame are not linked in every one of them
_LEAST_ESTIMATE = 0.75  # of the threshold: 1.5 standard deviations below it at 0.12, 2.7 below a similarity of 0.15
_LEAST_PLAUSIBLE = 0.6  # of the threshold
# Class tokens of pairs measured at once: where they are put in order, and where texts that recur are read but once.
_BLOCK, _COUNTED = 65536, 1 << 20

_Bytes = npt.NDArray[np.uint8]
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


def find_despun_candidates(keys: _Codes, chosen: _Rows, threshold: float) -> Candidates:
    """The pairs of `chosen` rows that may have a despun similarity of `threshold`; keys: as in `DespunProfiles`."""
    found = find_candidates(keys, DESPUN_BANDS, 1, cap=_BUCKET_CAP, hot_bands=_HOT_BANDS, chosen=chosen)
    likely = tell_likely(keys, chosen[found.a], keys, chosen[found.b], threshold)
    return Candidates(found.a[likely], found.b[likely], found.hot_buckets)


def tell_likely(ours: _Codes, a: _Rows, theirs: _Codes, b: _Rows, threshold: float) -> npt.NDArray[np.bool_]:
    """Which pairs (ours[a[i]], theirs[b[i]]) of keys may be those of texts of despun similarity `threshold`: bool, (pairs,)."""
    left, right = ours.view(np.uint16), theirs.view(np.uint16)
    likely: npt.NDArray[np.bool_] = count_equal(left, a, right, b) >= _LEAST_ESTIMATE * threshold * left.shape[1]
    return likely


def tell_plausible(ours: _Bytes, a: _Rows, theirs: _Bytes, b: _Rows, threshold: float) -> npt.NDArray[np.bool_]:
    """Which pairs (ours[a[i]], theirs[b[i]]) of outlines may be of texts of despun similarity `threshold`: bool, (pairs,).

    An outline is the lower byte of every fourth value of a signature: 64. Meant for pairs that share one band only, as
    chance pairs do and one in a thousand of the true ones. With the threshold 0.12 five bytes must agree, so of these pairs,
    of similarity s, P(X < 5) are lost, X binomial of 64 and s: 0.04 at 0.15, 0.006 at 0.2.

    >>> alike, other = np.arange(64, dtype=np.uint8), np.array([0, 1, 2, 3] + [99] * 60, np.uint8)
    >>> tell_plausible(np.array([alike]), np.array([0, 0]), np.array([alike, other]), np.array([0, 1]), 0.12).tolist()
    [True, False]
    """
    plausible: npt.NDArray[np.bool_] = count_equal(ours, a, theirs, b) >= _LEAST_PLAUSIBLE * threshold * ours.shape[1]
    return plausible


def profile_despun(tokens: DespunTokens, a: _Codes, b: _Codes) -> DespunProfiles:
    """The profiles of a batch; a, b: the factors and summands of 2 · DESPUN_BANDS permutations (`draw_permutations`)."""
    kernel = compiled_kernel()
    if kernel:
        keys = np.empty((len(tokens.documents) - 1, len(a) // 2), np.uint32)
        kernel.sign_classes(tokens.classes, tokens.documents, a, b, keys)
        return DespunProfiles(tokens, keys)
    sizes = np.maximum(np.diff(tokens.documents) - 1, 0)
    shingles = _shingles(tokens.classes, _places(tokens.documents[:-1], sizes))
    signatures = sign_sets(shingles, np.concatenate([[0], np.cumsum(sizes)]), a, b)
    halves = (signatures & np.uint32(0xFFFF)).astype(np.uint16)
    return DespunProfiles(tokens, halves.view(np.uint32))


def split_despun(profiles: DespunProfiles) -> dict[str, npt.NDArray[Any]]:
    """The columns of profiles by name, so that batches can be laid end to end; `join_despun` makes profiles of them again."""
    tokens = profiles.tokens
    return {
        "classes": tokens.classes,
        "surfaces": tokens.surfaces,
        "class_tokens": np.diff(tokens.documents),
        "replacements": tokens.replacements,
        "keys": profiles.keys,
    }


def join_despun(columns: Mapping[str, npt.NDArray[Any]]) -> DespunProfiles:
    """The profiles of columns from `split_despun`."""
    documents = chain_sizes(columns["class_tokens"])
    tokens = DespunTokens(columns["classes"], columns["surfaces"], documents, columns["replacements"])
    return DespunProfiles(tokens, columns["keys"])


def measure_despun(tokens: DespunTokens, a: _Rows, b: _Rows, least: float = 0.0) -> DespunNumbers:
    """The exact numbers of each pair of rows (a[i], b[i]); a, b: int64, shape (pairs,).

    What undoing synonyms has gained is counted from a similarity of `least` on, and is 0 below.

    >>> classes, surfaces = np.array([[1, 2, 3, 1, 2, 3], [1, 2, 3, 1, 9, 3]], np.uint32)
    >>> runs = DespunTokens(classes.ravel(), surfaces.ravel(), np.array([0, 3, 6]), np.array([0, 1]))
    >>> numbers = measure_despun(runs, np.array([0]), np.array([1]))
    >>> numbers.despun.tolist(), numbers.shared.tolist(), numbers.gained.tolist()
    ([1.0], [2], [2])
    """
    common, union = _count(tokens.classes, tokens.documents, a, b)
    despun, gained = common / np.maximum(union, 1), np.zeros(len(a), np.int64)
    alike = np.flatnonzero(despun >= least)
    literal, _ = _count(tokens.surfaces, tokens.documents, a[alike], b[alike])
    gained[alike] = common[alike] - literal
    return DespunNumbers(despun, common, gained)


def measure_alignment(tokens: DespunTokens, a: _Rows, b: _Rows) -> _Ratios:
    """The share of the shorter text's class tokens that run in step with the other, for each pair of rows: float64, (pairs,).

    Shingles that both texts hold exactly once are anchors. Between two anchors that are close, in the same order and equally
    far apart in both texts, the texts run in step; up to two anchors between them, chance hits elsewhere, are passed over.
    """
    aligned = np.zeros(len(a))
    shorter, longer = _sort_by_size(tokens, a, b)
    for block in _blocks(tokens.documents, a, b):
        aligned[block] = _align(tokens.classes, tokens.documents, shorter[block], longer[block])
    return aligned


def share_numbers(tokens: DespunTokens, a: _Rows, b: _Rows) -> _Ratios:
    """The share of the shorter text's different numbers that the other holds too, for each pair of rows; 1 if it has few."""
    shares = np.ones(len(a))
    shorter, longer = _sort_by_size(tokens, a, b)
    for block in _blocks(tokens.documents, a, b):
        few, many = (_number_keys(tokens.classes, tokens.documents, rows[block]) for rows in (shorter, longer))
        pairs = (few >> np.uint64(32)).astype(np.int64)
        held, total = (np.bincount(some, minlength=len(a[block])) for some in (pairs[np.isin(few, many)], pairs))
        shares[block] = np.where(total >= _FEW_NUMBERS, held / np.maximum(total, 1), 1.0)
    return shares


def run_in_step(tokens: DespunTokens, a: _Rows, b: _Rows) -> npt.NDArray[np.bool_]:
    """Which pairs of rows run in step throughout and agree in numbers, as versions of one text do: bool, shape (pairs,)."""
    return (measure_alignment(tokens, a, b) >= LEAST_ALIGNED) & (share_numbers(tokens, a, b) >= LEAST_NUMBERS)


def _sort_by_size(tokens: DespunTokens, a: _Rows, b: _Rows) -> tuple[_Rows, _Rows]:
    """The shorter and the longer text of each pair; of two equally long ones always the same is the first, whichever is `a`."""
    sizes = np.diff(tokens.documents)
    keep = sizes[a] < sizes[b]
    for i in np.flatnonzero(sizes[a] == sizes[b]).tolist():
        ours, theirs = (tokens.classes[tokens.documents[row] : tokens.documents[row + 1]].tobytes() for row in (a[i], b[i]))
        keep[i] = ours <= theirs
    return np.where(keep, a, b), np.where(keep, b, a)


def _blocks(documents: _Rows, a: _Rows, b: _Rows, most: int = _BLOCK) -> Iterator[slice]:
    """The pairs in runs of some `most` class tokens, or one pair."""
    sizes = np.diff(documents)
    work = np.cumsum(sizes[a] + sizes[b])
    low = 0
    while low < len(a):
        done = int(work[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(work, done + most, side="right")))
        yield slice(low, high)
        low = high


def _align(codes: _Codes, documents: _Rows, shorter: _Rows, longer: _Rows) -> _Ratios:
    here, there = _anchors(codes, documents, shorter), _anchors(codes, documents, longer)
    keys, left, right = np.intersect1d(here[0], there[0], assume_unique=True, return_indices=True)
    i, j = here[1][left], there[1][right]
    order = np.argsort(keys >> np.uint64(32) << np.uint64(32) | i.astype(np.uint64))
    pair, i, j = (keys[order] >> np.uint64(32)).astype(np.int64), i[order], j[order]
    sizes = documents[shorter + 1] - documents[shorter]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    changes = np.zeros(int(starts[-1]) + 1, np.int64)
    for passed in range(1, 4):
        step_i, step_j = i[passed:] - i[:-passed], j[passed:] - j[:-passed]
        together = (pair[passed:] == pair[:-passed]) & (step_i <= _REACH) & (step_j > 0) & (np.abs(step_i - step_j) <= _SLACK)
        base = starts[pair[passed:][together]]
        changes += np.bincount(base + i[:-passed][together], minlength=len(changes))
        changes -= np.bincount(base + i[passed:][together], minlength=len(changes))
    covered = np.concatenate([[0], np.cumsum(np.cumsum(changes[:-1]) > 0)])
    shares: _Ratios = (covered[starts[1:]] - covered[starts[:-1]]) / np.maximum(sizes, 1)
    return shares


def _anchors(codes: _Codes, documents: _Rows, rows: _Rows) -> tuple[_Keys, _Rows]:
    """The (pair, shingle) keys that occur once on one side of the pairs, ascending, and their places in the text."""
    sizes = np.maximum(documents[rows + 1] - documents[rows] - 1, 0)
    places = _places(documents[rows], sizes)
    keys: _Keys = np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(32), sizes) | _shingles(codes, places)
    order = np.argsort(keys)
    changes = np.diff(keys[order], prepend=~keys[order[:1]], append=~keys[order[-1:]]) != 0
    once = order[changes[1:] & changes[:-1]]
    return keys[once], (places - np.repeat(documents[rows], sizes))[once]


def _number_keys(codes: _Codes, documents: _Rows, rows: _Rows) -> _Keys:
    """The distinct (pair, number) keys of one side of the pairs."""
    sizes = documents[rows + 1] - documents[rows]
    keys: _Keys = np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(32), sizes)
    values = codes[_places(documents[rows], sizes)]
    return np.unique((keys | values)[values & NUMBER == NUMBER])


def _count(codes: _Codes, documents: _Rows, a: _Rows, b: _Rows) -> tuple[_Rows, _Rows]:
    """The sizes of intersection and union of the shingle sets of each pair."""
    common, union = np.zeros((2, len(a)), np.int64)
    kernel = compiled_kernel()
    if kernel:
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)

        def count(part: slice) -> None:
            kernel.count_despun(codes, documents, a[part], b[part], common[part], union[part])

        share_out(count, len(a), PAIRS_TOGETHER)
        return common, union
    for block in _blocks(documents, a, b, _COUNTED):
        common[block], union[block] = _count_block(codes, documents, a[block], b[block])
    return common, union


def _count_block(codes: _Codes, documents: _Rows, a: _Rows, b: _Rows) -> tuple[_Rows, _Rows]:
    """The same of some pairs; the set of a row is made once for all its pairs."""
    rows, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    counts = np.maximum(documents[rows + 1] - documents[rows] - 1, 0)
    sets, offsets = collect_shingles(_shingles(codes, _places(documents[rows], counts)), counts)
    ours, theirs, sizes = places[: len(a)], places[len(a) :], np.diff(offsets)
    common = count_shared(sets, offsets, ours, theirs)
    return common, sizes[ours] + sizes[theirs] - common


def _places(firsts: _Rows, sizes: _Rows) -> _Rows:
    places: _Rows = np.arange(int(sizes.sum())) + np.repeat(firsts - (np.cumsum(sizes) - sizes), sizes)
    return places


def _shingles(codes: _Codes, places: _Rows) -> _Codes:
    """A hash of the two class tokens from each place on: uint32."""
    mixed = codes[places] * np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    mixed = (mixed + codes[places + 1]) * np.uint32(0x85EBCA77)
    return mixed ^ (mixed >> np.uint32(13))
