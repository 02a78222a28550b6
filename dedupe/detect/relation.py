"""The relation of two texts, decided from exact numbers: every candidate passes here, wherever it comes from.

    jaccard ≥ near                                                      → near
    despun ≥ spun thanks to synonyms undone, in step, same numbers      → spun         (dedupe/detect/despun.py)
    containment ≥ contained, boilerplate left out                       → contained    (dedupe/detect/contained.py)

The first that holds is the pair's kind; further kinds follow in this order. Candidates may come from any band or index;
what is reported was measured on the texts' own shingle sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import Boilerplate
from dedupe.detect.contained import OwnShingles
from dedupe.detect.despun import LEAST_LEAN, DespunProfiles, measure_despun, run_in_step
from dedupe.detect.minhash import may_reach
from dedupe.detect.profile import Profiles
from dedupe.detect.verify import measure_pairs
from dedupe.model import Pair, RelationKind

_Rows = npt.NDArray[np.int64]


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

    def discount(self, boilerplate: Boilerplate) -> OwnShingles:
        """Tell contained copies from now on, if the settings ask for them; the counts of shingles that are no boilerplate."""
        own = OwnShingles(self._profiles, boilerplate)
        self._own = own if "contained" in self._settings.kinds else None
        return own

    def verify(self, a: _Rows, b: _Rows) -> list[Pair]:
        """The pairs of rows (a[i], b[i]) that are related, in their order; a, b: int64, shape (pairs,)."""
        near = self._settings.near if self._own is None or "near" in self._settings.kinds else np.inf
        possible = self._may_be_near(a, b) if self._own is None else np.ones(len(a), np.bool_)
        despun, swaps = np.full(len(a), np.nan), np.zeros(len(a), np.bool_)
        if self._despun is not None:
            numbers = measure_despun(self._despun.tokens, a, b)
            despun, swaps = numbers.despun, numbers.tell_swaps(self._settings.spun)
        at = np.flatnonzero(possible | swaps)
        a, b, despun, swaps = a[at], b[at], despun[at], swaps[at]
        jaccard, containment = measure_pairs(self._profiles.hashes, self._profiles.offsets, a, b)
        kinds = np.where(jaccard >= near, "near", "").astype(object)
        if self._despun is not None:
            rest = np.flatnonzero(swaps & (kinds == ""))
            kinds[rest[run_in_step(self._despun.tokens, a[rest], b[rest])]] = "spun"
        if self._own is not None:
            rest = np.flatnonzero(kinds == "")
            kinds[rest[self._own.is_contained(a[rest], b[rest], self._settings.contained)]] = "contained"
        return [
            self._pair(int(a[i]), int(b[i]), kinds[i], jaccard[i], containment[i], despun[i])
            for i in np.flatnonzero(kinds != "").tolist()
        ]

    def _may_be_near(self, a: _Rows, b: _Rows) -> npt.NDArray[np.bool_]:
        """Most false candidates end here: a Jaccard similarity is never above the ratio of the sizes, nor far from the share of
        equal values in the signatures, where there are signatures."""
        sizes, near, signatures = (self._sizes[a], self._sizes[b]), self._settings.near, self._profiles.signatures
        possible: npt.NDArray[np.bool_] = np.minimum(*sizes) >= near * np.maximum(*sizes)
        if len(signatures):
            at = np.flatnonzero(possible)
            possible[at] = may_reach(near, signatures, a[at], b[at])
        return possible

    def measure(self, a: _Rows, b: _Rows, kind: RelationKind) -> list[Pair]:
        """The pairs of rows (a[i], b[i]) with their numbers, as pairs of some kind."""
        jaccard, containment = measure_pairs(self._profiles.hashes, self._profiles.offsets, a, b)
        despun = np.full(len(a), np.nan)
        if self._despun is not None:
            despun = measure_despun(self._despun.tokens, a, b).despun
        columns = zip(a.tolist(), b.tolist(), jaccard.tolist(), containment.tolist(), despun.tolist(), strict=True)
        return [self._pair(a, b, kind, *numbers) for a, b, *numbers in columns]

    def measure_decided(self, pairs: Sequence[tuple[str, str]]) -> list[Pair]:
        """Pairs of ids with their numbers, as pairs that a person declared the same."""
        rows = self._rows()
        a, b = (np.array([rows[pair[side]] for pair in pairs], np.int64) for side in (0, 1))
        return self.measure(a, b, "same")

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

    def _share_replaced(self, despun: DespunProfiles, id: str) -> float:
        row = self._rows()[id]
        return float(despun.tokens.replacements[row] / self._profiles.words[row])

    def _rows(self) -> dict[str, int]:
        if not self._row_of:
            self._row_of = {id: row for row, id in enumerate(self._ids)}
        return self._row_of

    def _pair(self, a: int, b: int, kind: RelationKind, jaccard: float, containment: float, despun: float) -> Pair:
        first, second = sorted((self._ids[a], self._ids[b]))
        return Pair(first, second, kind, float(jaccard), float(containment), None if np.isnan(despun) else float(despun))
