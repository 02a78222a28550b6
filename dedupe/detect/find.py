"""Finding: from profiles to verified pairs.

    identical digests → one representative each → bands → candidates → exact similarity → pairs

Identical texts are collapsed before the bands, so that 50,000 copies of one text cost what one text costs. Of a group
of identical texts the smallest id represents the others: `exact` pairs join each copy to it (a star, not each with
each), and all other pairs are those between representatives. A text without any word is related to nothing.

Where the settings ask for shared passages, the near pairs tell which texts are versions of one; what too many others
share is boilerplate; and texts that share a fingerprint beside it are candidates, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import NO_BOILERPLATE, Boilerplate
from dedupe.detect.buckets import gather_buckets
from dedupe.detect.despun import find_despun_candidates
from dedupe.detect.distinct import keep_distinct
from dedupe.detect.lsh import Candidates, choose_bands, expected_recall, find_candidates
from dedupe.detect.profile import PASSAGE_KINDS, Profiles
from dedupe.detect.relation import Measured, Verifier
from dedupe.detect.sharing import relate_sharing
from dedupe.errors import UsageError, did_you_mean
from dedupe.model import Pair

KINDS = ("exact", "near", "spun", "contained", "template", "overlap", "story")


@dataclass(frozen=True, slots=True)
class HotGroup:
    """Many texts that agree in one band: not each was compared with each. `example` is the smallest id among them."""

    band: int
    texts: int
    example: str


@dataclass(frozen=True, slots=True)
class Found:
    """The verified pairs, by (a, b), and what the summary tells of how they were found.

    `candidates` were compared exactly; `recall` is the share of near pairs the bands are expected to find. `sharing` are pairs
    that share enough beside `boilerplate` for an overlap, if it is in one piece (`detect.passages` tells).
    """

    pairs: tuple[Pair, ...]
    candidates: int
    bands: int
    rows: int
    recall: float
    hot: tuple[HotGroup, ...]
    sharing: Measured = field(default_factory=partial(Measured.join, ()))
    boilerplate: Boilerplate = NO_BOILERPLATE

    def describe_hot(self) -> list[str]:
        """In words, the largest groups of texts that were not compared each with each."""
        largest = sorted(self.hot, key=lambda group: (-group.texts, group.example, group.band))
        by_example = {group.example: group for group in reversed(largest)}
        return [f"{g.texts:,} texts share a band with {g.example} (boilerplate?)" for g in list(by_example.values())[::-1][:5]]


def find_pairs(
    profiles: Profiles, ids: Sequence[str], verifier: Verifier, settings: FindSettings, sources: Sequence[int] = ()
) -> Found:
    """The exact, near, spun and contained pairs among the profiled texts, each verified; independent of the order of the texts.

    ids: the id of each row of `profiles`, all distinct; verifier: measures these profiles; sources: the number of each
    row's source, -1 where it is unknown. Near pairs have a Jaccard
    similarity of at least `settings.near`; every one reported is true, and the bands are chosen to miss less than
    1 - `settings.recall`. Spun pairs are looked for if the profiles hold despun texts.
    Raises UsageError for settings that make no sense.

    >>> from dedupe.detect.profile import profile_texts
    >>> story = "the minister said on friday that the talks would go on until both sides agree"
    >>> profiles = profile_texts([story, story.upper() + "!", story + " today", "nothing alike"], FindSettings())
    >>> ids = ["a", "b", "c", "d"]
    >>> for pair in find_pairs(profiles, ids, Verifier(profiles, ids, FindSettings()), FindSettings()).pairs:
    ...     print(pair.a, pair.b, pair.kind, round(pair.jaccard, 3), pair.containment)
    a b exact 1.0 1.0
    a c near 0.917 1.0
    """
    for kind in settings.kinds:
        if kind not in KINDS:
            raise UsageError(f"unknown kind {kind!r}; {did_you_mean(kind, KINDS)}")
    bands, rows = settle_bands(settings)
    # Everything below counts in ranks of ids, so that the order of the input does not matter.
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    representatives = represent_copies(profiles.digests[order])
    wordless = profiles.words[order] == 0
    pairs: list[Pair] = []
    if "exact" in settings.kinds:
        copies = np.flatnonzero((representatives != np.arange(len(order))) & ~wordless)
        pairs += [
            Pair(ids[order[a]], ids[order[b]], "exact", 1.0, 1.0, despun=1.0 if "spun" in settings.kinds else None)
            for a, b in zip(representatives[copies].tolist(), copies.tolist(), strict=True)
        ]
    unique = order[(representatives == np.arange(len(order))) & ~wordless]
    by_passages = not PASSAGE_KINDS.isdisjoint(settings.kinds)
    proposed: list[Candidates] = []
    if "near" in settings.kinds or by_passages:
        proposed.append(find_candidates(profiles.signatures, bands, rows, chosen=unique))
    if "spun" in settings.kinds and profiles.despun is not None:
        proposed.append(find_despun_candidates(profiles.despun.keys, unique, settings.spun))
    tried = _join(proposed)
    related = verifier.verify(unique[tried.a], unique[tried.b])
    hot = tuple(HotGroup(h.band, h.rows, ids[unique[h.first]]) for h in tried.hot_buckets)
    found = Found((), len(tried.a), bands, rows, expected_recall(settings.near, bands, rows), hot)
    if by_passages:
        known = np.array(sources, np.int64) if len(sources) else np.full(len(ids), -1, np.int64)
        shared = relate_sharing(profiles, ids, unique, known, related, tried, verifier, settings)
        related += shared.pairs
        compared = len(tried.a) + shared.compared
        found = replace(found, candidates=compared, sharing=shared.sharing, boilerplate=shared.boilerplate)
    pairs += [pair for pair in related if pair.kind in settings.kinds]
    pairs.sort(key=lambda pair: (pair.a, pair.b))
    return replace(found, pairs=tuple(pairs))


def _join(proposed: Sequence[Candidates]) -> Candidates:
    """The distinct candidates of all sources, and their hot buckets."""
    codes = keep_distinct(np.concatenate([np.empty(0, np.int64), *(source.a << 32 | source.b for source in proposed)]))
    hot = tuple(bucket for source in proposed for bucket in source.hot_buckets)
    return Candidates(codes >> 32, codes & 0xFFFFFFFF, hot)


def represent_copies(digests: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """For each row the first row with the same digest: int64, shape (rows,). digests: uint8, shape (rows, 16).

    >>> represent_copies(np.array([[7] * 16, [8] * 16, [7] * 16], np.uint8)).tolist()
    [0, 1, 0]
    """
    halves = np.ascontiguousarray(digests).view(np.uint64)
    representatives = np.arange(len(halves))
    repeated = gather_buckets(halves[:, 0])[0]
    order = repeated[np.lexsort((halves[repeated, 1], halves[repeated, 0]))]
    new = np.ones(len(order), np.bool_)
    new[1:] = (halves[order[1:]] != halves[order[:-1]]).any(axis=1)
    representatives[order] = order[new][np.cumsum(new) - 1]
    return representatives


def settle_bands(settings: FindSettings) -> tuple[int, int]:
    """The bands and rows in use: those of the settings, or chosen. Raises UsageError if they do not fit the signature."""
    if not settings.bands and not settings.rows:
        return choose_bands(settings.near, settings.permutations, settings.recall)
    if settings.bands < 1 or settings.rows < 1 or settings.bands * settings.rows > settings.permutations:
        raise UsageError(
            f"{settings.bands} bands of {settings.rows} rows do not fit {settings.permutations} permutations; "
            "set both, or neither to have them chosen"
        )
    return settings.bands, settings.rows
