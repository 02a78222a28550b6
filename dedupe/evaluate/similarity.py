"""How alike two texts are, word by word: what a repair should bring nearer to 1."""

from __future__ import annotations

import re

import numpy as np

_WORD = re.compile(r"\w+")


def word_jaccard(a: str, b: str) -> float:
    """The Jaccard similarity of the sets of lower-cased words; 1 for two texts without words.

    >>> word_jaccard("The firm said so", "the company said so")
    0.6
    """
    words_a, words_b = (set(_WORD.findall(text.lower())) for text in (a, b))
    union = len(words_a | words_b)
    return len(words_a & words_b) / union if union else 1.0


def edit_similarity(a: str, b: str) -> float:
    """1 minus the Levenshtein distance of the two sequences of words over the longer one's length (Levenshtein, 1966).

    Case counts. Time is the product of the lengths, in NumPy a row at a time, after the common beginning and end are taken off.

    >>> edit_similarity("the firm said so", "the company has said so")
    0.6
    """
    words_a, words_b = _WORD.findall(a), _WORD.findall(b)
    longest = max(len(words_a), len(words_b))
    return 1.0 - _distance(words_a, words_b) / longest if longest else 1.0


def _distance(a: list[str], b: list[str]) -> int:
    shortest = min(len(a), len(b))
    first = next((i for i in range(shortest) if a[i] != b[i]), shortest)
    last = next((i for i in range(shortest - first) if a[-1 - i] != b[-1 - i]), shortest - first)
    numbers: dict[str, int] = {}
    cores = (words[first : len(words) - last] for words in (a, b))
    codes_a, codes_b = (np.array([numbers.setdefault(w, len(numbers)) for w in core], np.int64) for core in cores)
    places = np.arange(len(codes_b) + 1)
    row = places.copy()
    for code in codes_a:
        candidates = row + 1
        candidates[1:] = np.minimum(candidates[1:], row[:-1] + (codes_b != code))
        # an insertion costs 1 a word: the least of all cells to the left, each with its distance
        row = np.minimum.accumulate(candidates - places) + places
    return int(row[-1])
