"""Byte pairs: a text as tokens of a language model, merged from bytes in the order its makers learned (Sennrich 2016, 3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

# Pieces that no token crosses: a word with the space before it, one digit, a run of marks, white space (Radford 2019).
_PIECE = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
_PRINTED = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]  # bytes that stand for themselves


class BytePairs:
    """The tokens of texts. `tokens`: all there are, by number; `merges`: pairs "left right" that make one, the first first.

    >>> pairs = BytePairs(["a", "b", "ab", "\u0120", "\u0120ab"], ["a b", "\u0120 ab"])
    >>> pairs.encode("ab abb")
    [2, 4, 1]
    """

    def __init__(self, tokens: Sequence[str], merges: Iterable[str]) -> None:
        self._numbers = {token: number for number, token in enumerate(tokens)}
        self._ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
        self._characters = _spell_bytes()
        self._split = lru_cache(1 << 15)(self._merge)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens; a byte that is no token is left out."""
        return [number for piece in _PIECE.findall(text) for number in self._split(piece)]

    def _merge(self, piece: str) -> tuple[int, ...]:
        """The tokens of a piece: of all neighbours, the pair learned first is joined, until none is left."""
        parts = [self._characters[byte] for byte in piece.encode("utf-8", "replace")]
        while len(parts) > 1:
            ranks = [self._ranks.get(pair, len(self._ranks)) for pair in pairwise(parts)]
            best = min(ranks)
            if best == len(self._ranks):
                break
            at = ranks.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return tuple(self._numbers[part] for part in parts if part in self._numbers)


def _spell_bytes() -> list[str]:
    """The character that each byte is written as in tokens: itself, if it prints; else the next one beyond Latin-1."""
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in _PRINTED else chr(next(others)) for byte in range(256)]
