"""Containment without boilerplate: whether a text is a cut, or the bare body, of another.

What a pair shares and what each side has are counted on the shingles that are no boilerplate, the *own* ones. A text
that consists mostly of boilerplate has too little of its own to be a copy of anything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedupe.detect.boilerplate import Boilerplate
from dedupe.detect.distinct import keep_distinct
from dedupe.detect.profile import Profiles
from dedupe.detect.verify import count_shared

# Shingles of its own that a text must share to be contained in another: below that a sentence would be enough.
LEAST_OWN = 20
# The share of a text that must be its own: of less, two pages of one template share all that is left too easily.
LEAST_SHARE = 0.25

_Numbers = npt.NDArray[np.int64]


class OwnShingles:
    """Counts the shingles of profiled texts that are no boilerplate."""

    def __init__(self, profiles: Profiles, boilerplate: Boilerplate) -> None:
        self._profiles, self._boilerplate = profiles, boilerplate
        self._sizes = np.full(len(profiles), -1, np.int64)

    def count(self, rows: _Numbers) -> _Numbers:
        """The number of own shingles of each row: int64, of the shape of `rows`."""
        new = keep_distinct(rows[self._sizes[rows] < 0])
        self._sizes[new] = count_shared(self._profiles.hashes, self._profiles.offsets, new, new, self._boilerplate)
        return self._sizes[rows]

    def is_contained(self, a: _Numbers, b: _Numbers, shared: _Numbers, threshold: float) -> npt.NDArray[np.bool_]:
        """Whether one of each pair of rows is contained in the other: bool, shape (pairs,).

        At least `threshold` of the own shingles of the one that has fewer are in the other; `shared` says how many are.
        """
        own_a, own_b = self.count(a), self.count(b)
        sizes = np.diff(self._profiles.offsets)
        smaller, total = np.minimum(own_a, own_b), np.where(own_a <= own_b, sizes[a], sizes[b])
        has_own = (smaller >= LEAST_OWN) & (smaller >= LEAST_SHARE * total)
        contained: npt.NDArray[np.bool_] = has_own & (shared >= LEAST_OWN) & (shared >= threshold * smaller)
        return contained
