"""Clusters: versions of one text, each of which passes directly against the one that survives.

Connected components alone chain: A is like B, B like C, and C would be removed for a likeness to A that it does not
have. So an article becomes a canonical if it is the best of all within two steps of it in the graph of verified pairs
(two, because a hot bucket joins its texts only through its first), and takes those of them that pass against it
itself. The rest wait for a canonical of their own. Identical texts stand and fall together. However long a chain is,
this costs about one look at the surroundings of each article.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dedupe.model import Cluster, Pair, RelationKind

Rank = Mapping[str, int]
Explain = Callable[[Sequence[str]], str]
StandsFor = Callable[[str, Pair], bool]
Verify = Callable[[str, Sequence[str]], Iterable[Pair]]
# Of the kinds of a cluster's links the loosest names it.
LOOSER: tuple[RelationKind, ...] = ("exact", "near", "spun", "contained")
_Likes = Mapping[str, Mapping[str, Pair]]


@dataclass(frozen=True, slots=True)
class Clustering:
    """The clusters of versions, by id; and for every member that does not survive its verified pair with its canonical, and
    why that one was preferred, in words. `linked` are clusters whose members are all kept."""

    clusters: tuple[Cluster, ...]
    links: Mapping[str, Pair]
    reasons: Mapping[str, str] = field(default_factory=dict)
    linked: tuple[Cluster, ...] = ()


def _always(survivor: str, pair: Pair) -> bool:
    return True


def find_clusters(
    pairs: Sequence[Pair], verify: Verify, rank: Rank, explain: Explain, stands_for: StandsFor = _always
) -> Clustering:
    """The clusters that the pairs form, with every member checked against its canonical.

    pairs: verified pairs of which one may stand for the other, identical texts joined to the smallest id among them
    (`find_pairs`). verify: the verified pairs of one id with those of others that pass (`Verifier.verify_with`); identical
    texts always pass. rank: the place of each id in the order of preference as canonical, best first. explain: says why
    the best of some ids is that. stands_for: whether an id may stand for the other one of a verified pair. The result depends
    on none of the orders of the input. An article that passes against no canonical is in no cluster.

    >>> from dedupe.config import FindSettings
    >>> from dedupe.detect.find import find_pairs
    >>> from dedupe.detect.profile import profile_texts
    >>> from dedupe.detect.relation import Verifier
    >>> profiles = profile_texts(["a b c d e f", "A b c d e f!", "other words"], FindSettings())
    >>> verifier = Verifier(profiles, ["x", "y", "z"], FindSettings())
    >>> pairs = find_pairs(profiles, ["x", "y", "z"], verifier, FindSettings()).pairs
    >>> clustering = find_clusters(pairs, verifier.verify_with, {"x": 0, "y": 1}, lambda ids: "first")
    >>> clustering.clusters
    (Cluster(id='x', kind='exact', members=('x', 'y'), pairs=(('x', 'y'),), canonical='x', reason='first'),)
    """
    copies, likes = _gather_copies(pairs), _gather_likes(pairs)
    best = {first: min(group, key=rank.__getitem__) for first, group in copies.items()}
    waiting = set(copies)
    homes: dict[str, list[str]] = {}
    links: dict[str, Pair] = {}
    for start in copies:
        # Climb to ever better articles; those passed on the way get their turn when the better one is settled.
        path = [start]
        while path:
            first = path[-1]
            if first not in waiting:
                path.pop()
                continue
            around = _look_around(first, likes, waiting)
            winner = min({first, *around}, key=lambda other: rank[best[other]])
            if winner != first:
                path.append(winner)
                continue
            taken = {first: Pair(first, first, "exact", 1.0, 1.0)}
            around_it = _verify_around(first, around, likes, verify)
            taken |= {other: pair for other, pair in around_it.items() if stands_for(first, pair)}
            waiting.difference_update(taken)  # in place: `-=` with the keys of a dict would copy the set
            members = sorted(id for other in taken for id in copies[other])
            if len(members) > 1:
                homes[best[first]] = members
                links |= _link_members(best[first], taken, copies)
    return Clustering(_build_clusters(homes, pairs, links, explain), links)


def _gather_copies(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """The articles of all pairs, grouped into identical texts by their smallest id."""
    copies: dict[str, list[str]] = {}
    smallest = {pair.b: pair.a for pair in pairs if pair.kind == "exact"}
    for id in sorted({id for pair in pairs for id in (pair.a, pair.b)}):
        copies.setdefault(smallest.get(id, id), []).append(id)
    return copies


def _gather_likes(pairs: Iterable[Pair]) -> defaultdict[str, dict[str, Pair]]:
    likes: defaultdict[str, dict[str, Pair]] = defaultdict(dict)
    for pair in pairs:
        if pair.kind != "exact":
            likes[pair.a][pair.b] = likes[pair.b][pair.a] = pair
    return likes


def _look_around(first: str, likes: _Likes, waiting: set[str]) -> set[str]:
    """The waiting articles within two steps of one, over waiting ones."""
    direct = {other for other in likes.get(first, ()) if other in waiting}
    return direct.union(*(likes[other].keys() & waiting for other in direct)) - {first}


def _verify_around(first: str, around: set[str], likes: _Likes, verify: Verify) -> dict[str, Pair]:
    """The pairs of one article with those around it that pass: verified before, or measured now."""
    passed = {other: likes[first][other] for other in around if other in likes[first]}
    further = sorted(around - passed.keys())
    if further:
        passed |= {pair.b if pair.a == first else pair.a: pair for pair in verify(first, further)}
    return passed


def _link_members(canonical: str, taken: Mapping[str, Pair], copies: Mapping[str, list[str]]) -> dict[str, Pair]:
    return {
        id: pair
        if {id, canonical} == {pair.a, pair.b}
        else replace(pair, a=min(id, canonical), b=max(id, canonical), passages=())
        for other, pair in taken.items()
        for id in copies[other]
        if id != canonical
    }


def _build_clusters(
    homes: Mapping[str, list[str]], pairs: Iterable[Pair], links: Mapping[str, Pair], explain: Explain
) -> tuple[Cluster, ...]:
    home_of = {id: canonical for canonical, members in homes.items() for id in members}
    inner: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for pair in pairs:
        home = home_of.get(pair.a)
        if home is not None and home == home_of.get(pair.b):
            inner[home].append((pair.a, pair.b))
    clusters = [
        Cluster(
            id=members[0],
            kind=max((links[id].kind for id in members if id != canonical), key=LOOSER.index),
            members=tuple(members),
            pairs=tuple(sorted(inner[canonical])),
            canonical=canonical,
            reason=explain(members),
        )
        for canonical, members in homes.items()
    ]
    return tuple(sorted(clusters, key=lambda cluster: cluster.id))
