"""American and British spelling: which of the two a document writes, and a word given in that one.

A table of pairs says what the forms are. A pair is decided by its own forms in the document; where the document holds
neither, by the other pairs of its kind. What it says nothing about stays as it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_WORD = re.compile(r"(?:[A-Z]\.){2,}|[^\W\d_]+")
OWN = "own"  # the kind of pairs that are decided by their own forms alone
POINTS = "points"  # the kind of abbreviations, the one kind that names hold too

Leaning = Mapping[str, int]  # of a kind, or of the American form of a pair: British occurrences less American ones


class SpellingPair(NamedTuple):
    """The American and the British form of a word, and the kind of difference."""

    american: str
    british: str
    kind: str


class Spellings:
    """A table of pairs, ready to be asked. Only words in small letters are evidence, for names keep their own spelling.

    >>> spellings = Spellings([SpellingPair("color", "colour", "or"), SpellingPair("honor", "honour", "or")])
    >>> spellings.fit("an honor", spellings.lean("Its colours and colour"))
    'an honour'
    """

    def __init__(self, pairs: Iterable[SpellingPair]) -> None:
        self._pairs = {form: pair for pair in pairs for form in (pair.american, pair.british)}

    def lean(self, text: str) -> Leaning:
        """Which spellings a text prefers."""
        leaning = Counter[str]()
        for word, count in Counter(_WORD.findall(text)).items():
            pair = self._pairs.get(word)
            if pair is not None:
                side = count if word == pair.british else -count
                leaning[pair.american] += side
                leaning[pair.kind] += side
        return leaning

    def holds_any(self, wording: str) -> bool:
        """Whether any word of `wording` has another spelling."""
        return any(self._find(word) is not None for word in _WORD.findall(wording))

    def fit(self, wording: str, leaning: Leaning, kinds: Iterable[str] | None = None) -> str:
        """The wording in the spelling that a text leans to, letter case kept; `kinds` limits it to some kinds of pairs."""

        def refit(match: re.Match[str]) -> str:
            pair = self._find(match[0])
            if pair is None or (kinds is not None and pair.kind not in kinds):
                return match[0]
            side = leaning.get(pair.american, 0) or (leaning.get(pair.kind, 0) if pair.kind != OWN else 0)
            if not side:
                return match[0]
            form = pair.british if side > 0 else pair.american
            if pair.kind == POINTS:
                return form
            return form.upper() if match[0].isupper() else form.capitalize() if match[0][0].isupper() else form

        return _WORD.sub(refit, wording)

    def _find(self, word: str) -> SpellingPair | None:
        return self._pairs.get(word) or (None if word.isupper() and len(word) < 4 else self._pairs.get(word.lower()))
