"""The sieve: which of many thousand forms a text seems to hold, judging by its letters alone.

A text is split into words once, in C; set intersections of its words, and of its pairs of neighbouring words, with those of
all forms leave the few that it can hold. So the cost grows with the words of the text, and not with the number of forms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence

Pair = tuple[bytes, bytes]

# Words are split off in bytes, which is fast: ASCII marks become spaces, and the few marks beyond ASCII that prose is full
# of are put down to ASCII first. Others stay part of a word; a form beside one is then missed, never misread.
_SEPARATORS = bytes(c if chr(c).isalnum() or c > 127 else 32 for c in range(256))
_MARKS = ("‘", "“", "”", "–", "—", "…", "\N{NO-BREAK SPACE}")


class Sieve:
    """Folded forms, filed by the words they are made of.

    >>> text = "the mayor was in the course of a visit"
    >>> Sieve(["in the course of", "course of study", "car"]).find_possible(text, split_words(text))
    ['in the course of']
    """

    def __init__(self, forms: Collection[str]) -> None:
        words = {form: split_words(form) for form in forms}
        pairs = {form: tuple(itertools.pairwise(split)) for form, split in words.items() if len(split) > 1}
        crowds = Counter(itertools.chain.from_iterable(pairs.values()))
        self._pairs = frozenset(crowds)
        self._by_word: dict[bytes, list[str]] = {}
        self._by_pair: dict[Pair, list[tuple[str, tuple[Pair, ...]]]] = {}
        for form, split in words.items():
            if form in pairs:
                # filed by the pair that fewest forms share, and kept with all of them: few are looked at in vain
                rarest = min(pairs[form], key=lambda pair: (crowds[pair], pair))
                self._by_pair.setdefault(rarest, []).append((form, pairs[form]))
            else:
                self._by_word.setdefault(split[0] if split else b"", []).append(form)
        self._words = frozenset(self._by_word)

    def find_possible(self, folded: str, words: Sequence[bytes]) -> list[str]:
        """The forms that a text seems to hold: a superset of those it holds.

        folded: the text after `fold`; words: its words after `split_words`.
        """
        forms = list(itertools.chain.from_iterable(map(self._by_word.__getitem__, self._words.intersection(words))))
        pairs = self._pairs.intersection(itertools.pairwise(words))
        for pair in self._by_pair.keys() & pairs:
            forms += [form for form, needed in self._by_pair[pair] if pairs.issuperset(needed) and form in folded]
        return forms


def split_words(folded: str) -> list[bytes]:
    """The words of a folded text in UTF-8, for look-up alone.

    >>> split_words("the “place” isn't")
    [b'the', b'place', b'isn', b't']
    """
    if not folded.isascii():
        for mark in _MARKS:
            folded = folded.replace(mark, " ")
    return folded.encode("utf-8", "replace").translate(_SEPARATORS).split()
