"""Evidence: what other versions of an article say about the original wording.

A witness is another member of the article's cluster. Where a witness has an original candidate between the same
neighbours as the spun form, that candidate is proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dedupe.repair.folding import fold

_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class Witnesses:
    """The wording of the other versions, ready to be asked.

    >>> witnesses = Witnesses(["Kyiv called it a complete fabrication."])
    >>> witnesses.support("a", "complete fabrication", "")
    1
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = [f" {' '.join(_WORDS.findall(fold(text)))} " for text in texts]

    def __bool__(self) -> bool:
        return bool(self._texts)

    def support(self, left: str, wording: str, right: str) -> int:
        """How many neighbours of a hit some witness has beside `wording` too: 0, 1, or 2."""
        middle = " ".join(_WORDS.findall(fold(wording)))
        sides = [f" {fold(left)} {middle} "] if left else []
        sides += [f" {middle} {fold(right)} "] if right else []
        return sum(any(side in text for text in self._texts) for side in sides)
