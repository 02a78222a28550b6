"""Folding: a text in small letters with straight apostrophes, as the forms of the tables are looked up."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

SEPARATING = ("‘", "“", "”", "–", "—", "…")  # the marks beyond ASCII that prose is full of, which stand between words
_FOLDED, _SEPARATES, _BLOCK = 0x2100, 0x8000, 64  # as in the compiled kernel
_SURROGATES = range(0xD800, 0xE000)


def fold(text: str) -> str:
    """The text in small letters with straight apostrophes, code point by code point, so that offsets stay true.

    >>> len(fold("İstanbul’s"))
    10
    """
    lowered = text.lower()
    if text.isascii():
        return lowered
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    return lowered.replace("’", "'").replace("\N{NO-BREAK SPACE}", " ")


@lru_cache(maxsize=1)
def fold_tables() -> tuple[npt.NDArray[np.uint16], bytes]:
    """What `find_forms` of the compiled kernel is told of `fold`: what code points fold to, and which blocks to themselves.

    Letters whose small form is two letters, or hangs on its neighbours, have no entry: such a text is folded here.
    """
    folds = np.zeros(_FOLDED, np.uint16)
    for code in range(0x80, _FOLDED):
        low = fold(chr(code))
        if len(chr(code).lower()) == 1 and ord(low) < _FOLDED and fold(low) == low and chr(code) != "Σ":
            folds[code] = ord(low) | (_SEPARATES if low in (*SEPARATING, "'", " ") else 0)
    starts = [start if start not in _SURROGATES else 0 for start in range(0, 0x10000, _BLOCK)]
    blocks = ("".join(map(chr, range(start, start + _BLOCK))) for start in starts)
    return folds, bytes(start >= _FOLDED and block == fold(block) for start, block in zip(starts, blocks, strict=True))
