"""The sieve: which of many thousand forms a text seems to hold, judging by its letters alone.

A text is split into words once, in C; set intersections of its words, and of its pairs of neighbouring words, with those of
all forms leave the few that it can hold. So the cost grows with the words of the text, and not with the number of forms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
Pair = tuple[bytes, bytes]

# Words are split off in bytes, which is fast: ASCII marks become spaces, and the few marks beyond ASCII that prose is full
# of are put down to ASCII first. Others stay part of a word; a form beside one is then missed, never misread.
_SEPARATORS = bytes(c if chr(c).isalnum() or c > 127 else 32 for c in range(256))
_MARKS = ("‘", "“", "”", "–", "—", "…", "\N{NO-BREAK SPACE}")


class Sieve(Generic[T]):
    """Folded forms, filed by the words they are made of, each with a value.

    >>> text = "the mayor was in the course of a visit"
    >>> Sieve({"in the course of": 3.0, "course of study": 1.0, "car": -1.0}).find_possible(text, split_words(text))
    [('in the course of', 3.0)]
    """

    def __init__(self, forms: Mapping[str, T]) -> None:
        pairs = {form: tuple(itertools.pairwise(split_words(form))) for form in forms}
        crowds = Counter(itertools.chain.from_iterable(pairs.values()))
        self._by_word: dict[bytes, list[tuple[str, T]]] = {}
        self._by_pair: dict[Pair, list[tuple[tuple[str, T], tuple[Pair, ...]]]] = {pair: [] for pair in crowds}
        for item in forms.items():
            if needed := pairs[item[0]]:
                # filed by the pair that fewest forms share, and kept with all of them: few are looked at in vain
                rarest = min(needed, key=lambda pair: (crowds[pair], pair))
                self._by_pair[rarest].append((item, needed))
            else:
                self._by_word.setdefault(b"".join(split_words(item[0])), []).append(item)
        self._words, self._pairs = frozenset(self._by_word), frozenset(self._by_pair)

    def find_possible(self, folded: str, words: Sequence[bytes]) -> list[tuple[str, T]]:
        """The forms that a text seems to hold, with their values: a superset of those it holds.

        folded: the text after `fold`; words: its words after `split_words`.
        """
        found = list(itertools.chain.from_iterable(map(self._by_word.__getitem__, self._words.intersection(words))))
        pairs = self._pairs.intersection(itertools.pairwise(words))
        for item, needed in itertools.chain.from_iterable(map(self._by_pair.__getitem__, pairs)):
            if pairs.issuperset(needed) and item[0] in folded:
                found.append(item)
        return found


def split_words(folded: str) -> list[bytes]:
    """The words of a folded text in UTF-8, for look-up alone.

    >>> split_words("the “place” isn't")
    [b'the', b'place', b'isn', b't']
    """
    if not folded.isascii():
        for mark in _MARKS:
            folded = folded.replace(mark, " ")
    return folded.encode("utf-8", "replace").translate(_SEPARATORS).split()
