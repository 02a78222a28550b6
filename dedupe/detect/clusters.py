"""Clusters: versions of one text, each of which passes directly against the one that survives.

Connected components alone chain: A is like B, B like C, and C would be removed for a likeness to A that it does not
have. So an article becomes a canonical if it is the best of all within two steps of it in the graph of verified pairs
(two, because a hot bucket joins its texts only through its first), and takes those of them that pass against it
itself. The rest wait for a canonical of their own. Identical texts stand and fall together. However long a chain is,
this costs about one look at the surroundings of each article.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, compress
from operator import attrgetter
from typing import Any

from dedupe.model import Cluster, Pair, RelationKind

Ranks = Mapping[str, Any]  # what can be ordered, no two alike
Explain = Callable[[str, Sequence[str]], tuple[str, Mapping[str, str]]]  # of the best of some ids, and all of them
StandsFor = Callable[[str, Pair], bool]
Verify = Callable[[str, Sequence[str]], Iterable[Pair]]
# Of the kinds of a cluster's links the loosest names it.
LOOSER: tuple[RelationKind, ...] = ("exact", "near", "spun", "contained")
_Likes = Mapping[str, Mapping[str, Pair]]
# The canonical of a cluster, its members in order, the kind that names it, and the pairs inside.
_Settled = tuple[str, tuple[str, ...], RelationKind, tuple[tuple[str, str], ...]]


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
    pairs: Sequence[Pair], verify: Verify, ranks: Ranks, explain: Explain, stands_for: StandsFor = _always
) -> Clustering:
    """The clusters that the pairs form, with every member checked against its canonical.

    pairs: verified pairs of which one may stand for the other, identical texts joined to the smallest id among them
    (`find_pairs`). verify: the verified pairs of one id with those of others that pass (`Verifier.verify_with`); identical
    texts always pass. ranks: the rank of each id as canonical, that of the best the lowest. explain: says why
    the best of some ids is that, and why it is preferred to each other. stands_for: whether an id may stand for the other one
    of a verified pair. The result depends on none of the orders of the input. An article that passes against no canonical is in
    no cluster.

    >>> from dedupe.config import FindSettings
    >>> from dedupe.detect.find import find_pairs
    >>> from dedupe.detect.profile import profile_texts
    >>> from dedupe.detect.relation import Verifier
    >>> profiles = profile_texts(["a b c d e f", "A b c d e f!", "other words"], FindSettings())
    >>> verifier = Verifier(profiles, ["x", "y", "z"], FindSettings())
    >>> pairs = find_pairs(profiles, ["x", "y", "z"], verifier, FindSettings()).pairs
    >>> clustering = find_clusters(pairs, verifier.verify_with, {"x": 0, "y": 1}, lambda best, ids: ("first", {}))
    >>> clustering.clusters
    (Cluster(id='x', kind='exact', members=('x', 'y'), pairs=(('x', 'y'),), canonical='x', reason='first'),)
    """
    occurring = Counter(chain.from_iterable((pair.a, pair.b) for pair in pairs))
    alone = [occurring[pair.a] == occurring[pair.b] == 1 for pair in pairs]
    rest = [pair for pair, is_alone in zip(pairs, alone, strict=True) if not is_alone]
    homes, links = _settle_groups(rest, verify, ranks, stands_for)
    inside = _gather_inside(homes, rest)
    settled = [
        (canonical, tuple(members), _find_loosest(canonical, members, links), tuple(sorted(inside[canonical])))
        for canonical, members in homes.items()
    ]
    for pair in compress(pairs, alone):
        # Most articles have but one relative, and these need no search.
        members = pair.a, pair.b
        canonical, other = members if ranks[pair.a] < ranks[pair.b] else members[::-1]
        if pair.kind == "exact" or stands_for(canonical, pair):
            settled.append((canonical, members, pair.kind, (members,)))
            links[other] = pair if pair.kind != "exact" else Pair(pair.a, pair.b, "exact", 1.0, 1.0)
    return _build_clusters(settled, links, explain)


def _settle_groups(
    pairs: Sequence[Pair], verify: Verify, ranks: Ranks, stands_for: StandsFor
) -> tuple[dict[str, list[str]], dict[str, Pair]]:
    """The members of each cluster by its canonical, and the pair of each of them with that."""
    copies, likes = _gather_copies(pairs), _gather_likes(pairs)
    best = {first: min(group, key=ranks.__getitem__) if len(group) > 1 else group[0] for first, group in copies.items()}
    rank = {first: ranks[id] for first, id in best.items()}
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
            winner = min(around, key=rank.__getitem__, default=first)
            if rank[winner] < rank[first]:
                path.append(winner)
                continue
            passed = _verify_around(first, around, likes, verify)
            taken = {other: pair for other, pair in passed.items() if stands_for(first, pair)}
            waiting.discard(first)
            waiting.difference_update(taken)  # in place: `-=` with the keys of a dict would copy the set
            if taken or len(copies[first]) > 1:
                links.update(_link_members(best[first], first, taken, copies))
                homes[best[first]] = sorted(id for other in (first, *taken) for id in copies[other])
    return homes, links


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
    around = direct = likes[first].keys() & waiting if first in likes else set()
    for other in direct:
        if len(likes[other]) > 1:  # than the first itself
            around = around | (likes[other].keys() & waiting)
    return around - {first}


def _verify_around(first: str, around: set[str], likes: _Likes, verify: Verify) -> dict[str, Pair]:
    """The pairs of one article with those around it that pass: verified before, or measured now."""
    passed = {other: likes[first][other] for other in around if other in likes[first]}
    further = sorted(around - passed.keys())
    if further:
        passed |= {pair.b if pair.a == first else pair.a: pair for pair in verify(first, further)}
    return passed


def _link_members(
    canonical: str, first: str, taken: Mapping[str, Pair], copies: Mapping[str, list[str]]
) -> Iterator[tuple[str, Pair]]:
    """The members of a cluster, its canonical aside, each with its pair with that."""
    for id in copies[first]:
        if id != canonical:
            yield id, Pair(min(id, canonical), max(id, canonical), "exact", 1.0, 1.0)
    for other, pair in taken.items():
        for id in copies[other]:
            a, b = (id, canonical) if id < canonical else (canonical, id)
            yield id, pair if (a, b) == (pair.a, pair.b) else replace(pair, a=a, b=b, passages=())


def _gather_inside(homes: Mapping[str, Sequence[str]], pairs: Iterable[Pair]) -> defaultdict[str, list[tuple[str, str]]]:
    """The ids of the pairs inside each cluster, by its canonical."""
    home_of = {id: canonical for canonical, members in homes.items() for id in members}
    inside: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for pair in pairs:
        home = home_of.get(pair.a)
        if home is not None and home == home_of.get(pair.b):
            inside[home].append((pair.a, pair.b))
    return inside


def _find_loosest(canonical: str, members: Iterable[str], links: Mapping[str, Pair]) -> RelationKind:
    return max((links[id].kind for id in members if id != canonical), key=LOOSER.index)


def _build_clusters(settled: Iterable[_Settled], links: Mapping[str, Pair], explain: Explain) -> Clustering:
    clusters, reasons = list[Cluster](), dict[str, str]()
    for canonical, members, kind, inside in settled:
        reason, preferred = explain(canonical, members)
        reasons.update(preferred)
        clusters.append(Cluster(members[0], kind, members, inside, canonical, reason))
    clusters.sort(key=attrgetter("id"))
    return Clustering(tuple(clusters), links, reasons)
