"""The relation of two texts, decided from exact numbers: every candidate passes here, wherever it comes from.

    jaccard ≥ near                                                      → near
    despun ≥ spun thanks to synonyms undone, in step, same numbers      → spun         (dedupe/detect/despun.py)
    containment ≥ contained, boilerplate left out                       → contained    (dedupe/detect/contained.py)

The first that holds is the pair's kind; further kinds follow in this order. Candidates may come from any band or index;
what is reported was measured on the texts' own shingle sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import Boilerplate
from dedupe.detect.contained import OwnShingles
from dedupe.detect.despun import LEAST_LEAN, DespunProfiles, measure_despun, run_in_step
from dedupe.detect.minhash import may_reach
from dedupe.detect.profile import Profiles
from dedupe.detect.verify import count_both, relate_sizes
from dedupe.model import Pair, RelationKind

_Mask = npt.NDArray[np.bool_]
_Ratios = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """Pairs of rows with their exact numbers, in columns of one length.

    a, b: int64, the rows; jaccard, containment, despun: float64, the last NaN where it was not asked for; shared, own: int64,
    the shingles that both hold, and those of them that are no boilerplate.
    """

    a: _Rows
    b: _Rows
    jaccard: _Ratios
    containment: _Ratios
    despun: _Ratios
    shared: _Rows
    own: _Rows

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.a)

    def select(self, which: _Mask) -> Measured:
        """Some of the pairs, in their order; which: bool, shape (pairs,)."""
        return Measured(*(column[which] for column in self._columns()))

    @classmethod
    def join(cls, parts: Sequence[Measured]) -> Measured:
        """The pairs of all parts, one after the other.

        >>> len(Measured.join([]))
        0
        """
        numbers, ratios = np.empty(0, np.int64), np.empty(0)
        nothing = cls(numbers, numbers, ratios, ratios, ratios, numbers, numbers)
        columns = zip(*(part._columns() for part in (nothing, *parts)), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        return self.a, self.b, self.jaccard, self.containment, self.despun, self.shared, self.own


class Verifier:
    """Measures pairs of profiled texts and tells which are related so closely that one may stand for the other.

    ids: the id of each row of `profiles`, all distinct.

    >>> from dedupe.detect.profile import profile_texts
    >>> settings = FindSettings(near=0.5)
    >>> verifier = Verifier(profile_texts(["a b c d e f g", "a b c d e f g h", "x y"], settings), ["p", "q", "r"], settings)
    >>> [(pair.a, pair.b, pair.kind, pair.jaccard) for pair in verifier.verify(np.array([1, 0]), np.array([0, 2]))]
    [('p', 'q', 'near', 0.75)]
    """

    def __init__(self, profiles: Profiles, ids: Sequence[str], settings: FindSettings) -> None:
        self._profiles, self._ids, self._settings = profiles, ids, settings
        self._despun = profiles.despun if "spun" in settings.kinds else None
        self._sizes = np.diff(profiles.offsets)
        self._row_of: dict[str, int] = {}
        self._own: OwnShingles | None = None
        self._boilerplate: Boilerplate | None = None

    def discount(self, boilerplate: Boilerplate) -> None:
        """Leave boilerplate out of account from now on, and tell contained copies, if the settings ask for them."""
        self._boilerplate = boilerplate
        self._own = OwnShingles(self._profiles, boilerplate) if "contained" in self._settings.kinds else None

    def verify(self, a: _Rows, b: _Rows) -> list[Pair]:
        """The pairs of rows (a[i], b[i]) that are related, in their order; a, b: int64, shape (pairs,)."""
        despun, swaps = self._undo_synonyms(a, b)
        if self._own is None:
            at = np.flatnonzero(self._may_be_near(a, b) | swaps)
            a, b, despun, swaps = a[at], b[at], despun[at], swaps[at]
        return self._tell_related(self._measure(a, b, despun), swaps)[0]

    def sift(self, a: _Rows, b: _Rows) -> tuple[list[Pair], Measured]:
        """The pairs of rows (a[i], b[i]) that are related, and the numbers of those that are not, both in their order."""
        despun, swaps = self._undo_synonyms(a, b)
        return self._tell_related(self._measure(a, b, despun), swaps)

    def measure_decided(self, pairs: Sequence[tuple[str, str]]) -> list[Pair]:
        """Pairs of ids with their numbers, as pairs that a person declared the same."""
        rows = self._rows()
        a, b = (np.array([rows[pair[side]] for pair in pairs], np.int64) for side in (0, 1))
        measured = self._measure(a, b, self._undo_synonyms(a, b)[0])
        return self._make_pairs(measured, ["same"] * len(pairs))

    def verify_with(self, first: str, others: Sequence[str]) -> list[Pair]:
        """The pairs of one text with those of others, all by id, that are related."""
        rows = self._rows()
        a = np.full(len(others), rows[first], np.int64)
        return self.verify(a, np.array([rows[other] for other in others], np.int64))

    def tell_copies(self, pairs: Iterable[Pair]) -> set[str]:
        """The ids that the spun pairs show to be the copy: with clearly more of what spinners write than the other has."""
        copies = set[str]()
        for pair in pairs:
            if pair.kind == "spun" and self._despun is not None:
                a, b = (self._share_replaced(self._despun, id) for id in (pair.a, pair.b))
                if abs(a - b) >= LEAST_LEAN:
                    copies.add(pair.a if a > b else pair.b)
        return copies

    def rows_of(self, ids: Iterable[str]) -> Iterator[int]:
        """The rows of some ids."""
        return map(self._rows().__getitem__, ids)

    def _share_replaced(self, despun: DespunProfiles, id: str) -> float:
        row = self._rows()[id]
        return float(despun.tokens.replacements[row] / self._profiles.words[row])

    def _may_be_near(self, a: _Rows, b: _Rows) -> _Mask:
        """Most false candidates end here: a Jaccard similarity is never above the ratio of the sizes, nor far from the share of
        equal values in the signatures, where there are signatures."""
        sizes, near, signatures = (self._sizes[a], self._sizes[b]), self._settings.near, self._profiles.signatures
        possible: _Mask = np.minimum(*sizes) >= near * np.maximum(*sizes)
        if signatures.size:
            at = np.flatnonzero(possible)
            possible[at] = may_reach(near, signatures, a[at], b[at])
        return possible

    def _undo_synonyms(self, a: _Rows, b: _Rows) -> tuple[_Ratios, _Mask]:
        """The despun similarity of each pair, NaN where it is not asked for, and whether synonyms have made it what it is."""
        if self._despun is None:
            return np.full(len(a), np.nan), np.zeros(len(a), np.bool_)
        numbers = measure_despun(self._despun.tokens, a, b, self._settings.spun)
        return numbers.despun, numbers.tell_swaps(self._settings.spun)

    def _measure(self, a: _Rows, b: _Rows, despun: _Ratios) -> Measured:
        shared, own = count_both(self._profiles.hashes, self._profiles.offsets, a, b, self._boilerplate)
        return Measured(a, b, *relate_sizes(shared, self._sizes[a], self._sizes[b]), despun, shared, own)

    def _tell_related(self, measured: Measured, swaps: _Mask) -> tuple[list[Pair], Measured]:
        """The related pairs, and the numbers of the others."""
        a, b = measured.a, measured.b
        near = self._settings.near if self._own is None or "near" in self._settings.kinds else np.inf
        kinds: npt.NDArray[np.object_] = np.where(measured.jaccard >= near, "near", "").astype(object)
        if self._despun is not None:
            rest = np.flatnonzero(swaps & (kinds == ""))
            kinds[rest[run_in_step(self._despun.tokens, a[rest], b[rest])]] = "spun"
        if self._own is not None:
            rest = np.flatnonzero(kinds == "")
            contained = self._own.is_contained(a[rest], b[rest], measured.own[rest], self._settings.contained)
            kinds[rest[contained]] = "contained"
        related = kinds != ""
        return self._make_pairs(measured.select(related), kinds[related].tolist()), measured.select(~related)

    def _rows(self) -> dict[str, int]:
        if not self._row_of:
            self._row_of = {id: row for row, id in enumerate(self._ids)}
        return self._row_of

    def _make_pairs(self, measured: Measured, kinds: Sequence[RelationKind]) -> list[Pair]:
        """The measured pairs as what they are to each other, the smaller id first."""
        ids = self._ids
        sides = [sorted((ids[a], ids[b])) for a, b in zip(measured.a.tolist(), measured.b.tolist(), strict=True)]
        despun = [None if math.isnan(value) else value for value in measured.despun.tolist()]
        columns = zip(sides, kinds, measured.jaccard.tolist(), measured.containment.tolist(), despun, strict=True)
        return [Pair(first, second, kind, *numbers) for (first, second), kind, *numbers in columns]
