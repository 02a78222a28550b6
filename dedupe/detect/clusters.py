"""Clusters: versions of one text, each of which passes directly against the one that survives.

Connected components alone chain: A is like B, B like C, and C would be removed for a likeness to A that it does not
have. Therefore each component chooses its canonical, every member is compared with that canonical itself, and those
who do not pass leave and form components among themselves, until nobody is left over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dedupe.detect.profile import Profiles
from dedupe.detect.verify import measure_pairs
from dedupe.model import Cluster, Pair

Choose = Callable[[Sequence[str]], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Clustering:
    """The clusters, by id; and for every member that does not survive its verified pair with its canonical."""

    clusters: tuple[Cluster, ...]
    links: Mapping[str, Pair]


def find_clusters(pairs: Iterable[Pair], profiles: Profiles, ids: Sequence[str], near: float, choose: Choose) -> Clustering:
    """The clusters that the pairs form, with every member checked against its canonical.

    pairs: verified exact and near pairs. ids: the id of each row of `profiles`. near: the Jaccard similarity that a
    member must have with its canonical (identical texts always pass). choose: gives the canonical of some member ids
    and the reason; of any part of them that holds the canonical it must choose the same. The result depends on none of
    the orders of its input. A member that passes against no canonical stays single.

    >>> from dedupe.config import FindSettings
    >>> from dedupe.detect.find import find_pairs
    >>> from dedupe.detect.profile import profile_texts
    >>> profiles = profile_texts(["a b c d e f", "A b c d e f!", "other words"], FindSettings())
    >>> pairs = find_pairs(profiles, ["x", "y", "z"], FindSettings()).pairs
    >>> clustering = find_clusters(pairs, profiles, ["x", "y", "z"], 0.7, lambda members: (min(members), "first"))
    >>> clustering.clusters
    (Cluster(id='x', kind='exact', members=('x', 'y'), pairs=(('x', 'y'),), canonical='x', reason='first'),)
    """
    rows = {id: row for row, id in enumerate(ids)}
    edges = sorted((pair.a, pair.b) for pair in pairs)
    links: dict[str, Pair] = {}
    homes: dict[str, str] = {}
    unsettled = edges
    while unsettled:
        # Leftovers of different components share no edge, so one round treats all components at once.
        canonicals: dict[str, str] = {}
        for members in connect_components(unsettled):
            canonicals.update(dict.fromkeys(members, choose(members)[0]))
        passed = _verify_members(canonicals, profiles, rows, near)
        links.update(passed)
        homes.update((id, canonical) for id, canonical in canonicals.items() if id in passed or id == canonical)
        unsettled = [(a, b) for a, b in unsettled if a not in homes and b not in homes]
    return Clustering(_build_clusters(edges, homes, links, choose), links)


def connect_components(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The connected components of a graph, each sorted, by their smallest members.

    >>> connect_components([("b", "c"), ("x", "y"), ("a", "c")])
    [['a', 'b', 'c'], ['x', 'y']]
    """
    parents: dict[str, str] = {}

    def find_root(id: str) -> str:
        parents.setdefault(id, id)
        while parents[id] != id:
            parents[id] = id = parents[parents[id]]
        return id

    for a, b in edges:
        low, high = sorted((find_root(a), find_root(b)))
        parents[high] = low
    components: defaultdict[str, list[str]] = defaultdict(list)
    for id in sorted(parents):
        components[find_root(id)].append(id)
    return list(components.values())


def _verify_members(canonicals: Mapping[str, str], profiles: Profiles, rows: Mapping[str, int], near: float) -> dict[str, Pair]:
    """The verified pair of each member with its canonical, for the members that pass."""
    members = [id for id, canonical in canonicals.items() if id != canonical]
    a = np.array([rows[canonicals[id]] for id in members], np.int64)
    b = np.array([rows[id] for id in members], np.int64)
    identical = (profiles.digests[a] == profiles.digests[b]).all(axis=1)
    jaccard, containment = np.ones(len(members)), np.ones(len(members))
    other = ~identical
    jaccard[other], containment[other] = measure_pairs(profiles.hashes, profiles.offsets, a[other], b[other])
    numbers = zip(members, identical.tolist(), jaccard.tolist(), containment.tolist(), strict=True)
    return {
        id: Pair(min(id, canonicals[id]), max(id, canonicals[id]), "exact" if same else "near", jaccard, containment)
        for id, same, jaccard, containment in numbers
        if same or jaccard >= near
    }


def _build_clusters(
    edges: list[tuple[str, str]], homes: Mapping[str, str], links: Mapping[str, Pair], choose: Choose
) -> tuple[Cluster, ...]:
    members: defaultdict[str, list[str]] = defaultdict(list)
    for id in sorted(homes):
        members[homes[id]].append(id)
    inner: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for a, b in edges:
        if homes.get(a, a) == homes.get(b, b):
            inner[homes[a]].append((a, b))
    return tuple(
        Cluster(
            id=ids[0],
            kind="exact" if all(links[id].kind == "exact" for id in ids if id != canonical) else "near",
            members=tuple(ids),
            pairs=tuple(inner[canonical]),
            canonical=canonical,
            # Chosen once more for the reason: who has left the cluster must not be named in it.
            reason=choose(ids)[1],
        )
        for canonical, ids in members.items()
        if len(ids) > 1
    )
