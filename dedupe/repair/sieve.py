"""The sieve: which of many thousand forms a text seems to hold, judging by its letters alone.

A text is split into words once; its words and its pairs of neighbouring words, looked up among those of all forms, leave the
few forms that it can hold. So the cost grows with the words of the text, and not with the number of forms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel

T = TypeVar("T")
Key = bytes | tuple[bytes, bytes]  # a word, or two neighbouring ones

# Words are split off in bytes, which is fast: ASCII marks become spaces, and the few marks beyond ASCII that prose is full
# of are put down to ASCII first. Others stay part of a word; a form beside one is then missed, never misread.
_SEPARATORS = bytes(c if chr(c).isalnum() or c > 127 else 32 for c in range(256))
_MARKS = ("‘", "“", "”", "–", "—", "…", "\N{NO-BREAK SPACE}")


class Sieve(Generic[T]):
    """Folded forms, filed by the words they are made of, each with a value.

    >>> sieve = Sieve({"in the course of": 3.0, "course of study": 1.0, "car": -1.0})
    >>> sieve.find_possible("the mayor was in the course of a visit")
    [('in the course of', 3.0)]
    """

    def __init__(self, forms: Mapping[str, T]) -> None:
        needed = {form: _keys(split_words(form)) for form in forms}
        crowds = Counter(itertools.chain.from_iterable(needed.values()))
        self._numbers: dict[Key, int] = {key: number for number, key in enumerate(crowds)}
        self._short: dict[int, list[tuple[str, T]]] = {}  # forms of one word or two, by the number of their key
        # longer ones, by the number of the key that fewest of them share, with the numbers of all their keys
        self._long: dict[int, list[tuple[tuple[str, T], tuple[int, ...]]]] = {}
        for item in forms.items():
            keys = needed[item[0]]
            numbers = tuple(map(self._numbers.__getitem__, keys))
            if len(numbers) == 1:
                self._short.setdefault(numbers[0], []).append(item)
            elif numbers:
                rarest = min(zip(map(crowds.__getitem__, keys), numbers, strict=True))[1]
                self._long.setdefault(rarest, []).append((item, numbers))

    def find_possible(self, folded: str) -> list[tuple[str, T]]:
        """The forms that a text after `fold` seems to hold, with their values: a superset of those it holds."""
        held = self._look_up(_space_words(folded))
        found = list(itertools.chain.from_iterable(map(self._short.__getitem__, held & self._short.keys())))
        for item, needed in itertools.chain.from_iterable(map(self._long.__getitem__, held & self._long.keys())):
            if held.issuperset(needed) and item[0] in folded:
                found.append(item)
        return found

    def _look_up(self, spaced: bytes) -> set[int]:
        """The numbers of the keys that stand in a text of words between spaces."""
        kernel = compiled_kernel()
        if kernel:
            found = np.empty(len(spaced) + 1, np.int32)
            return set(found[: kernel.find_words(spaced, *self._table, found)].tolist())
        words = spaced.split()
        held = self._keys.intersection(words) | self._keys.intersection(itertools.pairwise(words))
        return set(map(self._numbers.__getitem__, held))

    @cached_property
    def _keys(self) -> frozenset[Key]:
        return frozenset(self._numbers)

    @cached_property
    def _table(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
        """The keys as the compiled kernel looks them up."""
        keys = np.zeros(len(self._numbers), np.uint64)
        slots = np.zeros(1 << (2 * len(keys) + 1).bit_length(), np.uint32)
        kernel = compiled_kernel()
        assert kernel
        kernel.file_words(b"\n".join(key if isinstance(key, bytes) else b" ".join(key) for key in self._numbers), keys, slots)
        return keys, slots


def split_words(folded: str) -> list[bytes]:
    """The words of a folded text in UTF-8, for look-up alone.

    >>> split_words("the “place” isn't")
    [b'the', b'place', b'isn', b't']
    """
    return _space_words(folded).split()


def _space_words(folded: str) -> bytes:
    if not folded.isascii():
        for mark in _MARKS:
            folded = folded.replace(mark, " ")
    return folded.encode("utf-8", "replace").translate(_SEPARATORS)


def _keys(words: Sequence[bytes]) -> Sequence[Key]:
    return list(itertools.pairwise(words)) if len(words) > 1 else words
