"""Regrouping: the clusters as people decided them. The same function serves a run and `apply`, so both give the same.

    different, boilerplate   the two are not in one cluster; the one that leaves is kept (what follows from boilerplate for
                             other articles: dedupe/discount.py)
    same                     their clusters become one
    canonical                the article survives, of whatever cluster it is in

What is set aside on a person's word alone has a link of the kind `same`, with exact numbers like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dedupe.detect.clusters import Clustering
from dedupe.model import LINKING_KINDS, Cluster, Pair, RelationKind
from dedupe.review.ledger import Ledger, split_articles

# The exact numbers of some pairs of articles, by id, as pairs of the kind `same`.
Measure = Callable[[Sequence[tuple[str, str]]], Iterable[Pair]]
_Homes = dict[str, set[str]]
_LOOSER: tuple[RelationKind, ...] = ("exact", "near", "spun", "contained", "same")


@dataclass(frozen=True)
class Grouping:
    """What people decided on clusters: pairs of articles (a < b) that are the same, or apart; canonicals, the latest last.

    Of those apart, the ones in `boilerplate` share nothing that counts.
    """

    same: tuple[tuple[str, str], ...] = ()
    apart: frozenset[tuple[str, str]] = frozenset()
    boilerplate: frozenset[tuple[str, str]] = frozenset()
    canonical: tuple[str, ...] = ()

    @classmethod
    def read(cls, ledger: Ledger) -> Grouping:
        """What the ledger says.

        >>> from dedupe.model import Decision
        >>> Grouping.read(Ledger([Decision('articles:["a","b"]', "different"), Decision("canonical:c", "accept")]))
        Grouping(same=(), apart=frozenset({('a', 'b')}), boilerplate=frozenset(), canonical=('c',))
        """
        same, apart, marked, canonical = list[tuple[str, str]](), set[tuple[str, str]](), set[tuple[str, str]](), list[str]()
        for decision in ledger:
            if decision.target.startswith("canonical:"):
                canonical.append(decision.target.partition(":")[2])
            elif decision.target.startswith("articles:") and decision.verdict == "same":
                same.append(split_articles(decision.target))
            elif decision.target.startswith("articles:") and decision.verdict in {"different", "boilerplate"}:
                apart.add(split_articles(decision.target))
                if decision.verdict == "boilerplate":
                    marked.add(split_articles(decision.target))
        return cls(tuple(sorted(same)), frozenset(apart), frozenset(marked), tuple(canonical))

    def within(self, known: Collection[str], standing: Collection[str] = ()) -> Grouping:
        """What concerns the known articles only. From those `standing` elsewhere already they may be told apart, no more."""
        return Grouping(
            tuple(pair for pair in self.same if all(id in known for id in pair)),
            frozenset(pair for pair in self.apart if all(id in known or id in standing for id in pair)),
            frozenset(pair for pair in self.boilerplate if all(id in known for id in pair)),
            tuple(id for id in self.canonical if id in known),
        )

    @property
    def articles(self) -> set[str]:
        """The ids of all articles concerned."""
        return {id for pair in (*self.same, *self.apart) for id in pair} | set(self.canonical)


def regroup(clustering: Clustering, pairs: Iterable[Pair], grouping: Grouping, measure: Measure) -> Clustering:
    """The clusters of versions as the grouping wants them; what it does not touch stays as it is.

    `pairs` are the verified ones of the run. Where decisions exclude each other, two articles stay apart.
    """
    if not grouping.articles:
        return clustering
    versions = {(pair.a, pair.b): pair for pair in pairs if pair.kind not in LINKING_KINDS}
    homes: _Homes = {}
    for cluster in clustering.clusters:
        homes |= _separate(cluster, versions, clustering.links, grouping.apart)
    for a, b in grouping.same:
        _join(homes, a, b, grouping.apart)
    for id in grouping.canonical:
        home = _home_of(homes, id)
        if home != id:
            homes[id] = homes.pop(home)
    homes = {canonical: members for canonical, members in homes.items() if len(members) > 1}
    found = {cluster.canonical: cluster for cluster in clustering.clusters}
    untouched = [c for c in found.values() if homes.get(c.canonical) == set(c.members)]
    altered = {canonical: homes[canonical] for canonical in homes.keys() - {cluster.canonical for cluster in untouched}}
    links = {m: clustering.links[m] for c in untouched for m in c.members if m != c.canonical}
    links |= _link(altered, versions, clustering.links, measure)
    clusters = [*untouched, *(_describe(canonical, altered[canonical], links, versions, grouping) for canonical in altered)]
    reasons = {
        m: clustering.reasons.get(m, "") if c.canonical not in altered else _prefer(c.canonical, m, clustering, grouping)
        for c in clusters
        for m in c.members
        if m != c.canonical
    }
    return replace(clustering, clusters=tuple(sorted(clusters, key=lambda cluster: cluster.id)), links=links, reasons=reasons)


def part_linked(clustering: Clustering, grouping: Grouping) -> Clustering:
    """The clustering, its linked groups without those who stand apart from the lead or were set aside for another."""
    if not grouping.articles:
        return clustering
    stands_for = {m: c.canonical for c in clustering.clusters for m in c.members}
    linked = []
    for cluster in clustering.linked:
        lead = stands_for.get(cluster.canonical, cluster.canonical)
        members = {stands_for.get(id, id) for id in cluster.members if _pair(cluster.canonical, id) not in grouping.apart}
        if members == set(cluster.members):
            linked.append(cluster)
        elif len(members) > 1:
            inside = tuple(pair for pair in cluster.pairs if members.issuperset(pair))
            linked.append(replace(cluster, id=min(members), members=tuple(sorted(members)), pairs=inside, canonical=lead))
    return replace(clustering, linked=tuple(linked))


def _separate(
    cluster: Cluster,
    versions: Mapping[tuple[str, str], Pair],
    links: Mapping[str, Pair],
    apart: frozenset[tuple[str, str]],
) -> _Homes:
    """The members by their canonical, with those apart in clusters of their own."""
    canonical = cluster.canonical
    staying = [id for id in cluster.members if id == canonical or _pair(id, canonical) not in apart]
    # Of two that stand apart, though both are like the canonical, the one that is less like it leaves.
    staying.sort(key=lambda id: (id != canonical, -links[id].jaccard if id in links else 0.0, id))
    home = set[str]()
    for id in staying:
        if not any(_pair(id, other) in apart for other in home):
            home.add(id)
    homes = {canonical: home}
    for id in cluster.members:
        if id in home:
            continue
        other = next((h for h in homes if h != canonical and _fits(id, homes[h], h, versions, apart)), id)
        homes.setdefault(other, set()).add(id)
    return homes


def _fits(
    id: str, home: set[str], canonical: str, versions: Mapping[tuple[str, str], Pair], apart: frozenset[tuple[str, str]]
) -> bool:
    return _pair(id, canonical) in versions and not any(_pair(id, other) in apart for other in home)


def _join(homes: _Homes, a: str, b: str, apart: frozenset[tuple[str, str]]) -> None:
    """Two clusters as one: of the two canonicals that of the larger cluster stands for both, of equals the smaller id."""
    one, two = sorted((_home_of(homes, a), _home_of(homes, b)), key=lambda home: (-len(homes.get(home, {home})), home))
    left, right = homes.get(one, {one}), homes.get(two, {two})
    if one != two and not any(_pair(x, y) in apart for x in left for y in right):
        homes[one] = left | right
        homes.pop(two, None)


def _home_of(homes: _Homes, id: str) -> str:
    return next((canonical for canonical, members in homes.items() if id in members), id)


def _link(
    homes: Mapping[str, set[str]],
    versions: Mapping[tuple[str, str], Pair],
    links: Mapping[str, Pair],
    measure: Measure,
) -> dict[str, Pair]:
    """The pair of each member with its canonical: verified before, or measured now."""
    made, wanted = dict[str, Pair](), dict[tuple[str, str], str]()
    for canonical, members in homes.items():
        for id in sorted(members - {canonical}):
            pair = _pair(id, canonical)
            link = links.get(id) or links.get(canonical)
            if known := versions.get(pair) or (link if link and (link.a, link.b) == pair else None):
                made[id] = known
            else:
                wanted[pair] = id
    for measured in measure(sorted(wanted)) if wanted else ():
        made[wanted[measured.a, measured.b]] = measured
    return made


def _describe(
    canonical: str,
    members: set[str],
    links: Mapping[str, Pair],
    versions: Mapping[tuple[str, str], Pair],
    grouping: Grouping,
) -> Cluster:
    number = len(members) - 1
    what = "a reviewer chose it" if canonical in grouping.canonical else "a reviewer decided on its versions"
    return Cluster(
        id=min(members),
        kind=max((links[id].kind for id in members if id != canonical), key=_LOOSER.index),
        members=tuple(sorted(members)),
        pairs=tuple(sorted(pair for pair in versions if members.issuperset(pair))),
        canonical=canonical,
        reason=f"kept because {what}; {number} other version{'s' if number != 1 else ''}",
    )


def _prefer(canonical: str, member: str, clustering: Clustering, grouping: Grouping) -> str:
    """Why one was preferred to the other, in words that follow on its name."""
    if canonical in grouping.canonical:
        return "was chosen by a reviewer"
    link = clustering.links.get(member)
    found = link is not None and canonical in (link.a, link.b)
    return clustering.reasons.get(member, "") if found else "was kept by a reviewer's decision"


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
