"""Alignment: all runs of words that two texts share, each to its full length, from the order of their shingle hashes.

Two texts share a run of n words exactly where n - k + 1 shingles of k words follow each other in both. The longer text
is sorted once; the shingles of all texts to be aligned with it are looked up. Where a shingle stands in the longer text
more than _REPEATS times, only its first places are looked at, and runs through it are completed by comparing shingle by
shingle: so a text that repeats itself costs no more than any other.

Source of the choice among overlapping runs: M. Wise, String similarity via greedy string tiling, 1993.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_REPEATS = 4

_Hashes = npt.NDArray[np.uint32]


class Run(NamedTuple):
    """`words` words that are the same from word `a` of one text and from word `b` of the other."""

    a: int
    b: int
    words: int


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
