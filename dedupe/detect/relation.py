"""The relation of two texts, decided from exact numbers: every candidate passes here, wherever it comes from.

    jaccard ≥ near             → near         (the first that holds is the pair's kind)
    containment ≥ contained    → contained    (boilerplate left out, see `detect.contained`)

Candidates may come from any band or index; what is reported was measured on the texts' own shingle sets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import Boilerplate
from dedupe.detect.contained import OwnShingles
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
        if self._own is None:
            # A Jaccard similarity is never above the ratio of the sizes: most false candidates end here.
            smaller, larger = np.minimum(self._sizes[a], self._sizes[b]), np.maximum(self._sizes[a], self._sizes[b])
            possible = smaller >= near * larger
            a, b = a[possible], b[possible]
        jaccard, containment = measure_pairs(self._profiles.hashes, self._profiles.offsets, a, b)
        kinds = np.where(jaccard >= near, "near", "").astype(object)
        if self._own is not None:
            rest = np.flatnonzero(kinds == "")
            contained = self._own.is_contained(a[rest], b[rest], self._settings.contained)
            kinds[rest[contained]] = "contained"
        related = np.flatnonzero(kinds != "")
        return [self._pair(int(a[i]), int(b[i]), kinds[i], float(jaccard[i]), float(containment[i])) for i in related.tolist()]

    def measure(self, a: _Rows, b: _Rows, kind: RelationKind) -> list[Pair]:
        """The pairs of rows (a[i], b[i]) with their numbers, as pairs of some kind."""
        jaccard, containment = measure_pairs(self._profiles.hashes, self._profiles.offsets, a, b)
        columns = zip(a.tolist(), b.tolist(), jaccard.tolist(), containment.tolist(), strict=True)
        return [self._pair(a, b, kind, jaccard, containment) for a, b, jaccard, containment in columns]

    def verify_with(self, first: str, others: Sequence[str]) -> list[Pair]:
        """The pairs of one text with those of others, all by id, that are related."""
        if not self._row_of:
            self._row_of = {id: row for row, id in enumerate(self._ids)}
        a = np.full(len(others), self._row_of[first], np.int64)
        return self.verify(a, np.array([self._row_of[other] for other in others], np.int64))

    def _pair(self, a: int, b: int, kind: RelationKind, jaccard: float, containment: float) -> Pair:
        first, second = sorted((self._ids[a], self._ids[b]))
        return Pair(first, second, kind, jaccard, containment)
