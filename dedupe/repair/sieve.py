"""The sieve: which of many thousand forms a text seems to hold, judging by its letters alone.

A text is split into words once; its words and its pairs of neighbouring words, looked up among those of all forms, leave the
few forms that it can hold. So the cost grows with the words of the text, and not with the number of forms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel, read_text
from dedupe.repair.folding import SEPARATING, fold, fold_tables

Key = bytes | tuple[bytes, bytes]  # a word, or two neighbouring ones

# Words are split off in bytes, which is fast: ASCII marks become spaces, and the few marks beyond ASCII that prose is full
# of are put down to ASCII first. Others stay part of a word; a form beside one is then missed, never misread.
_SEPARATORS = bytes(c if chr(c).isalnum() or c > 127 else 32 for c in range(256))


class Sieve:
    """Folded forms, filed by the words they are made of.

    >>> sieve = Sieve(["in the course of", "course of study", "car"])
    >>> sieve.find_possible("The mayor was in the course of a visit.")
    ['in the course of']
    """

    def __init__(self, forms: Iterable[str]) -> None:
        needed = {form: _keys(split_words(form)) for form in forms}
        crowds = Counter(itertools.chain.from_iterable(needed.values()))
        self._numbers: dict[Key, int] = {key: number for number, key in enumerate(crowds)}
        filed: list[tuple[int, tuple[int, ...], str]] = []
        for form, keys in needed.items():
            if len(keys) > 1:  # filed by the key that fewest share
                numbers = tuple(map(self._numbers.__getitem__, keys))
                filed.append((min(zip(map(crowds.__getitem__, keys), numbers, strict=True))[1], numbers, form))
            elif keys:  # a form without words is never found
                filed.append((self._numbers[keys[0]], (), form))
        filed.sort()  # those of one key side by side, the short ones first
        self.forms = [form for _, _, form in filed]
        self._short: dict[int, list[int]] = {}  # numbers of forms of one word or two, by the number of their key
        self._long: dict[int, list[tuple[int, tuple[int, ...]]]] = {}  # longer ones, with the numbers of all their keys
        for number, (key, others, _) in enumerate(filed):
            if others:
                self._long.setdefault(key, []).append((number, others))
            else:
                self._short.setdefault(key, []).append(number)

    def find_possible(self, text: str) -> list[str]:
        """The forms that a text seems to hold, each once: a superset of those it holds."""
        return [self.forms[number] for number in self.find_numbers(text).tolist()]

    def find_numbers(self, text: str) -> npt.NDArray[np.int32]:
        """The numbers of the forms that a text seems to hold, each once, in no order.

        Its twin is `find_forms` of the compiled kernel.
        """
        kernel = compiled_kernel()
        if kernel:
            found = read_text(kernel.find_forms, text, False, *fold_tables(), *self._tables)
            if found is None:
                found = kernel.find_forms(fold(text).encode("utf-8", "replace"), True, *fold_tables(), *self._tables)
            return np.frombuffer(found, np.int32)
        folded = fold(text)
        held = self._look_up(split_words(folded))
        numbers = list(itertools.chain.from_iterable(map(self._short.__getitem__, held & self._short.keys())))
        for form, needed in itertools.chain.from_iterable(map(self._long.__getitem__, held & self._long.keys())):
            if held.issuperset(needed) and _holds(folded, self.forms[form]):
                numbers.append(form)
        return np.array(numbers, np.int32)

    def _look_up(self, words: Sequence[bytes]) -> set[int]:
        """The numbers of the keys that stand in a text."""
        held = self._keys.intersection(words) | self._keys.intersection(itertools.pairwise(words))
        return set(map(self._numbers.__getitem__, held))

    @cached_property
    def _keys(self) -> frozenset[Key]:
        return frozenset(self._numbers)

    @cached_property
    def _tables(self) -> tuple[npt.NDArray[np.generic] | bytes, ...]:
        """All of this as the compiled kernel looks it up; its `find_forms` tells what each is."""
        entries = np.zeros((len(self._numbers), 2), np.uint64)
        slots = np.zeros(1 << (2 * len(entries) + 1).bit_length(), np.uint32)
        bits = np.zeros(len(slots) // 2, np.uint8)
        kernel = compiled_kernel()
        assert kernel
        lines = (key if isinstance(key, bytes) else b" ".join(key) for key in self._numbers)
        kernel.file_words(b"\n".join(lines), entries, slots, bits)
        first = 0
        for key in range(len(entries)):
            short, long = len(self._short.get(key, ())), len(self._long.get(key, ()))
            entries[key, 1] = first | short << 32 | long << 48
            first += short + long
        needs: list[Sequence[int]] = [()] * len(self.forms)
        literals = [b""] * len(self.forms)
        for form, needed in itertools.chain.from_iterable(self._long.values()):
            needs[form], literals[form] = needed, self.forms[form].encode()
        return entries, slots, bits, *_join(needs), _starts(literals), b"".join(literals)


def split_words(folded: str) -> list[bytes]:
    """The words of a folded text in UTF-8, for look-up alone.

    >>> split_words("the “place” isn't")
    [b'the', b'place', b'isn', b't']
    """
    if not folded.isascii():
        for mark in SEPARATING:
            folded = folded.replace(mark, " ")
    return folded.encode("utf-8", "replace").translate(_SEPARATORS).split()


def _holds(folded: str, form: str) -> bool:
    """Whether a folded text holds a form, from the beginning of its first word on."""
    at = folded.find(form)
    while at > 0 and split_words(form[0]) and split_words(folded[at - 1]):
        at = folded.find(form, at + 1)
    return at >= 0


def _keys(words: Sequence[bytes]) -> Sequence[Key]:
    return list(itertools.pairwise(words)) if len(words) > 1 else words


def _starts(lists: Iterable[Sized]) -> npt.NDArray[np.int32]:
    """Where each of the lists begins in all of them joined, and their end."""
    return np.array(list(itertools.accumulate(map(len, lists), initial=0)), np.int32)


def _join(lists: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Where each of the lists begins in all of them joined, and all of them joined."""
    return _starts(lists), np.array(list(itertools.chain.from_iterable(lists)), np.int32)
