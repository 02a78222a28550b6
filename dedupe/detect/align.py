"""Alignment: all runs of words that two texts share, each to its full length, from the order of their shingle hashes.

Two texts share a run of n words exactly where n - k + 1 shingles of k words follow each other in both. The longer text
is sorted once; the shingles of all texts to be aligned with it are looked up. Where a shingle stands in the longer text
more than _REPEATS times, only its first places are looked at, and runs through it are completed by comparing shingle by
shingle: so a text that repeats itself costs no more than any other.

Source of the choice among overlapping runs: M. Wise, String similarity via greedy string tiling, 1993.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel

_REPEATS = 4  # as in the compiled kernel
# Shingles of the shorter texts that are aligned at once.
_PORTION = 1 << 20

_Hashes = npt.NDArray[np.uint32]
_Numbers = npt.NDArray[np.int64]


class Run(NamedTuple):
    """`words` words that are the same from word `a` of one text and from word `b` of the other."""

    a: int
    b: int
    words: int


def align_pairs(
    hashes: _Hashes, offsets: _Numbers, a: _Numbers, b: _Numbers, shingle_words: int, least: int
) -> Iterator[_Numbers]:
    """The disjoint runs of at least `least` words that the texts a[i] and b[i] share, of some pairs after the other.

    hashes: uint32, the shingle hashes of all texts in the order of the words; offsets: int64, those of text d are
    hashes[offsets[d] : offsets[d + 1]]; a, b: int64, shape (pairs,). Gives int64, shape (runs, 4): i, the places of the first
    word in a[i] and in b[i], and the number of words. All runs of a pair come together, in the order of the shorter text.

    >>> hashes = np.array([9, 2, 3, 4, 8, 9, 6, 7, 1, 2, 3, 4, 5, 6, 7], np.uint32)
    >>> [runs.tolist() for runs in align_pairs(hashes, np.array([0, 8, 15]), np.array([0]), np.array([1]), 2, least=3)]
    [[[0, 1, 1, 4], [0, 6, 5, 3]]]
    """
    sizes = np.diff(offsets)
    swapped = sizes[b] >= sizes[a]
    longer, shorter = np.where(swapped, b, a), np.where(swapped, a, b)
    order = np.argsort(longer, kind="stable")
    work = np.cumsum(sizes[shorter[order]])
    kernel = compiled_kernel()
    low = 0
    while low < len(order):
        done = int(work[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(work, done + _PORTION, side="right")))
        some = order[low:high]
        if kernel:
            made = kernel.align(hashes, offsets, longer[some], shorter[some], shingle_words - 1, least)
            runs = np.frombuffer(made, np.int64).reshape(-1, 4)
        else:
            runs = _align_plainly(hashes, offsets, longer[some], shorter[some], shingle_words, least)
        pair = some[runs[:, 0]]
        there = np.where(swapped[pair], 2, 1)
        at = np.arange(len(runs))
        yield np.stack([pair, runs[at, there], runs[at, 3 - there], runs[:, 3]], axis=1)
        low = high


def _align_plainly(
    hashes: _Hashes, offsets: _Numbers, longer: _Numbers, shorter: _Numbers, shingle_words: int, least: int
) -> _Numbers:
    """The runs as the kernel gives them: from the longer text to the shorter."""
    found = []
    for starts in np.split(np.arange(len(longer)), np.flatnonzero(np.diff(longer)) + 1):
        whole = longer[starts[0]]
        aligner = Aligner(hashes[offsets[whole] : offsets[whole + 1]], shingle_words)
        others = [hashes[offsets[other] : offsets[other + 1]] for other in shorter[starts].tolist()]
        for number, runs in zip(starts.tolist(), aligner.align(others, least), strict=True):
            found += [(number, *run) for run in runs]
    return np.array(found, np.int64).reshape(-1, 4)


class Aligner:
    """Aligns one text, ideally the longest at hand, with others, all given by their shingle hashes in order (uint32).

    >>> one, other = (np.array(hashes, np.uint32) for hashes in ([1, 2, 3, 4, 5, 6, 7], [9, 2, 3, 4, 8, 9, 6, 7]))
    >>> Aligner(one, shingle_words=2).align([other], least=3)
    [[Run(a=1, b=1, words=4), Run(a=5, b=6, words=3)]]
    """

    def __init__(self, hashes: _Hashes, shingle_words: int) -> None:
        self._hashes, self._more = hashes, shingle_words - 1
        self._order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self._order]

    def align(self, others: Sequence[_Hashes], least: int) -> list[list[Run]]:
        """For each of the others the disjoint runs of at least `least` words that it shares with this text, in its order."""
        bounds = np.concatenate([[0], np.cumsum([len(other) for other in others])]).astype(np.int64)
        joined = np.concatenate(others)
        low = np.searchsorted(self._sorted, joined, side="left")
        counts = np.searchsorted(self._sorted, joined, side="right") - low
        capped = np.minimum(counts, _REPEATS)
        b = np.repeat(np.arange(len(joined)), capped)
        a = self._order[np.repeat(low - (np.cumsum(capped) - capped), capped) + np.arange(int(capped.sum()))]
        # In a run both places grow together, so that their difference stays.
        text = np.searchsorted(bounds, b, side="right") - 1
        order = np.lexsort((b, b - a, text))
        a, b, text = a[order], b[order], text[order]
        new = np.ones(len(b), np.bool_)
        new[1:] = (np.diff(b) != 1) | (np.diff(a) != 1) | (np.diff(text) != 0)
        starts = np.flatnonzero(new)
        sizes = np.diff(starts, append=len(b))
        a, b, text = a[starts], b[starts], text[starts]
        beyond = np.concatenate([counts > _REPEATS, [False]])
        open = beyond[b - 1] | beyond[b + sizes]
        found: list[list[Run]] = [[] for _ in others]
        for at in np.flatnonzero((sizes + self._more >= least) | open).tolist():
            number = int(text[at])
            run = Run(int(a[at]), int(b[at] - bounds[number]), int(sizes[at]))
            if open[at]:
                if found[number] and _lies_in(found[number][-1], run):
                    continue
                run = self._extend(others[number], run)
            found[number].append(run)
        return [
            self._separate([run for run in runs if run.words + self._more >= least], len(other), least)
            for runs, other in zip(found, others, strict=True)
        ]

    def _extend(self, other: _Hashes, run: Run) -> Run:
        """The run of shingles with all that goes on before and after it."""
        a, b, size = run
        before = _count_equal(self._hashes[:a][::-1], other[:b][::-1])
        after = _count_equal(self._hashes[a + size :], other[b + size :])
        return Run(a - before, b - before, before + size + after)

    def _separate(self, runs: list[Run], length: int, least: int) -> list[Run]:
        """Runs of shingles as runs of words, the longest first and cut down to what no longer one covers in either text."""
        if len(runs) == 1:
            return [runs[0]._replace(words=runs[0].words + self._more)]
        free_a = np.ones(len(self._hashes) + self._more, np.bool_)
        free_b = np.ones(length + self._more, np.bool_)
        taken = []
        for a, b, size in sorted(runs, key=lambda run: (-run.words, run.b, run.a)):
            words = size + self._more
            begin, count = _longest_true(free_a[a : a + words] & free_b[b : b + words])
            if count >= least:
                run = Run(a + begin, b + begin, count)
                free_a[run.a : run.a + count] = free_b[run.b : run.b + count] = False
                taken.append(run)
        return sorted(taken, key=lambda run: run.b)


def _lies_in(run: Run, part: Run) -> bool:
    return part.a - part.b == run.a - run.b and run.b <= part.b and part.b + part.words <= run.b + run.words


def _count_equal(one: _Hashes, other: _Hashes) -> int:
    """How many values agree before the first that differ."""
    low, step = 0, 16
    while True:
        left, right = one[low : low + step], other[low : low + step]
        length = min(len(left), len(right))
        differ = np.flatnonzero(left[:length] != right[:length])
        if len(differ):
            return low + int(differ[0])
        if length < step:
            return low + length
        low, step = low + step, step * 2


def _longest_true(flags: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Where the longest stretch of true values begins, and its length."""
    if flags.all():
        return 0, len(flags)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).view(np.int8)))
    lengths = edges[1::2] - edges[::2]
    if not len(lengths):
        return 0, 0
    at = int(np.argmax(lengths))
    return int(edges[2 * at]), int(lengths[at])
