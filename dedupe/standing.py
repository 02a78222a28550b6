"""Copies of articles that stand already, in an index or a reference corpus: what a run knows of them, how its clusters tell.

The earlier article is the canonical of a cluster of its own. It is no article of the run: nothing of it is emitted or repaired.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dedupe.detect.clusters import LOOSER, Clustering, StandsFor, Verify, find_clusters
from dedupe.detect.profile import Profiles
from dedupe.model import Cluster, Pair


@dataclass(frozen=True, slots=True)
class Copy:
    """That an article of a run is a copy of the article `of`, which stands in `place` already; `pair` tells how."""

    of: str
    pair: Pair
    place: str


class Earlier(Protocol):
    """Articles that came earlier than those of a run."""

    def find_copies(self, profiles: Profiles, ids: Sequence[str], pages: Collection[str]) -> dict[str, Copy]:
        """Which articles of the run are copies, by id. ids: of each row of `profiles`; pages: those that fill a template."""
        ...


def find_reference_copies(
    pairs: Sequence[Pair], foreign: Collection[str], verify: Verify, stands_for: StandsFor
) -> dict[str, Copy]:
    """Which articles of a run are copies of articles of a reference, by id; each passes against that one itself.

    pairs: the verified pairs of versions among both; foreign: the ids of the reference; verify, stands_for: as for
    `find_clusters`. Of several articles of the reference that could stand for one, the smallest id does.
    """
    first_of = {pair.b: pair.a for pair in pairs if pair.kind == "exact"}
    foreign_texts = {first_of.get(id, id) for id in foreign}
    ids = sorted({id for pair in pairs for id in (pair.a, pair.b)}, key=lambda id: (id not in foreign, id))

    def may_stand_for(survivor: str, pair: Pair) -> bool:
        removed = pair.b if pair.a == survivor else pair.a
        return survivor in foreign_texts and removed not in foreign_texts and stands_for(survivor, pair)

    rank = {id: place for place, id in enumerate(ids)}
    clustering = find_clusters(pairs, verify, rank, lambda best, members: ("", {}), may_stand_for)
    return {
        id: Copy(cluster.canonical, clustering.links[id], "the reference")
        for cluster in clustering.clusters
        if cluster.canonical in foreign
        for id in cluster.members
        if id not in foreign
    }


def add_copies(clustering: Clustering, copies: Mapping[str, Copy]) -> Clustering:
    """The clustering with a cluster for each earlier article that stands for some of the run."""
    by_holder: defaultdict[str, dict[str, Copy]] = defaultdict(dict)
    for id, copy in copies.items():
        by_holder[copy.of][id] = copy
    clusters = [_describe(holder, members) for holder, members in by_holder.items()]
    return replace(
        clustering,
        clusters=tuple(sorted((*clustering.clusters, *clusters), key=lambda cluster: cluster.id)),
        links={**clustering.links, **{id: copy.pair for id, copy in copies.items()}},
        reasons={**clustering.reasons, **{id: f"stands in {copy.place} already" for id, copy in copies.items()}},
    )


def describe_copies(copies: Mapping[str, Copy]) -> list[str]:
    """In words, how many articles are copies of earlier ones."""
    places = Counter(copy.place for copy in copies.values())
    return [f"{number:,} of the duplicates are copies of what {place} holds" for place, number in sorted(places.items())]


def _describe(holder: str, copies: Mapping[str, Copy]) -> Cluster:
    members = sorted([holder, *copies])
    others = f"{len(copies)} other version{'s' if len(copies) != 1 else ''}"
    place = next(iter(copies.values())).place
    return Cluster(
        id=members[0],
        kind=max((copy.pair.kind for copy in copies.values()), key=LOOSER.index),
        members=tuple(members),
        pairs=tuple(sorted((copy.pair.a, copy.pair.b) for copy in copies.values())),
        canonical=holder,
        reason=f"stands in {place} already; {others}",
    )
