"""Fingerprints: a few hashes of each text, chosen so that any two texts that share a long run share one of them.

    k-gram = k words;  fingerprints = the least hash in every window of w k-grams;  t = w + k - 1

A shared run of t words holds w consecutive k-grams, hence a whole window, and both texts choose the same hash in it:
every shared run of at least t words is found, however long the texts are and wherever it stands. About 2 / (w + 1) of
the k-grams are chosen. The k-gram hashes are put together from the shingle hashes that a profile computes anyway.

Source: S. Schleimer, D. Wilkerson, A. Aiken, Winnowing: local algorithms for document fingerprinting, 2003, section 3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel

# Any shared run of as many words is found. Of shorter ones, down to GRAM_WORDS, a part.
SURE_WORDS = 20
# Words of a gram: few enough for short runs, enough that grams rarely meet by chance.
GRAM_WORDS = 10

_Words = npt.NDArray[np.uint32]
_Codes = npt.NDArray[np.uint64]
_Offsets = npt.NDArray[np.int64]


def winnow_shingles(hashes: _Words, counts: _Offsets, shingle_words: int) -> tuple[_Words, _Offsets]:
    """The fingerprints of each text, distinct, and where each text's begin.

    hashes: uint32, the shingle hashes of all texts in the order of the words, `counts` of them a text (int64, shape
    (texts,)). A text too short for a window gives one fingerprint; one shorter than a gram none.
    Returns fingerprints: uint32, and offsets: int64, shape (texts + 1,).

    >>> same = np.arange(30, dtype=np.uint32) * np.uint32(2654435761)
    >>> hashes = np.concatenate([same, [np.uint32(7)], same])
    >>> fingerprints, offsets = winnow_shingles(hashes, np.array([30, 31]), shingle_words=5)
    >>> len(np.intersect1d(fingerprints[:offsets[1]], fingerprints[offsets[1]:])) > 0
    True
    """
    window = max(1, SURE_WORDS - max(GRAM_WORDS, shingle_words) + 1)
    steps = _gram_steps(shingle_words)
    kernel = compiled_kernel()
    if kernel:
        prints, begins = np.empty_like(hashes), np.empty(len(counts) + 1, np.int64)
        return prints[: kernel.winnow(hashes, counts, np.array(steps, np.int64), window, prints, begins)].copy(), begins
    grams, lengths = _hash_grams(hashes, counts, steps)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    texts = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    chosen = [_choose_in_windows(grams, bounds, window), _choose_of_short(grams, bounds, window)]
    places = np.concatenate(chosen)
    codes = np.unique(texts[places] << np.uint64(32) | grams[places])
    offsets = np.searchsorted(codes, np.arange(len(lengths) + 1, dtype=np.uint64) << np.uint64(32))
    return (codes & np.uint64(0xFFFFFFFF)).astype(np.uint32), offsets.astype(np.int64)


def _gram_steps(shingle_words: int) -> list[int]:
    """Which shingles after the first together cover a gram, the first included, in ascending order."""
    reach = max(0, GRAM_WORDS - shingle_words)
    return sorted({*range(0, reach, shingle_words), reach})


def _hash_grams(hashes: _Words, counts: _Offsets, steps: list[int]) -> tuple[_Words, _Offsets]:
    """The gram hashes of each text in order, and their numbers: the shingles at `steps`, mixed."""
    lengths = np.maximum(counts - steps[-1], 0)
    begins = np.cumsum(counts) - counts
    first = np.arange(int(lengths.sum())) + np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
    codes = np.zeros(len(first), np.uint64)
    for step in steps:
        codes ^= hashes[first + step]
        # The finaliser of splitmix64, once per shingle: the order of the shingles matters, and small hashes are as
        # rare as large ones.
        codes += np.uint64(0x9E3779B97F4A7C15)
        codes ^= codes >> np.uint64(30)
        codes *= np.uint64(0xBF58476D1CE4E5B9)
        codes ^= codes >> np.uint64(27)
        codes *= np.uint64(0x94D049BB133111EB)
        codes ^= codes >> np.uint64(31)
    return (codes >> np.uint64(32)).astype(np.uint32), lengths


def _choose_in_windows(grams: _Words, bounds: _Offsets, window: int) -> _Offsets:
    """The places of the least gram of every window that lies within one text."""
    if len(grams) < window:
        return np.empty(0, np.int64)
    # The place makes equal grams differ and comes back with the least; windows of powers of two double up.
    least = grams.astype(np.uint64) << np.uint64(32) | np.arange(len(grams), dtype=np.uint64)
    size = 1
    while size < window:
        step = min(size, window - size)
        least = np.minimum(least[:-step], least[step:])
        size += step
    inside = np.ones(len(least), np.bool_)
    for behind in range(1, window):  # a window that begins less than its size before a text's end reaches over it
        cut = bounds[1:-1] - behind
        inside[cut[(cut >= 0) & (cut < len(inside))]] = False
    places: _Offsets = (least[inside] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    first: _Offsets = places[np.diff(places, prepend=-1) != 0]
    return first


def _choose_of_short(grams: _Words, bounds: _Offsets, window: int) -> _Offsets:
    """The place of the least gram of each text that has some, but not enough for a window."""
    sizes = np.diff(bounds)
    short = np.flatnonzero((sizes > 0) & (sizes < window)).tolist()
    places = [int(bounds[text]) + int(np.argmin(grams[bounds[text] : bounds[text + 1]])) for text in short]
    return np.array(places, np.int64)
