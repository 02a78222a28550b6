"""Findings: the lines of pairs.jsonl and clusters.jsonl.

A line is what the JSON encoder makes of the pair or cluster as a dict. There may be a million of them, of few fields each, so
they are put together from their parts, which takes a fifth of the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring as quote
from operator import attrgetter

from dedupe.detect.clusters import Clustering
from dedupe.model import LINKING_KINDS, Cluster, Pair, Passage


def pair_line(pair: Pair) -> str:
    """The pair as a line of JSON, without the end of the line.

    >>> from dedupe.model import as_dict
    >>> pair = Pair("a", "b", "near", 0.75, 0.9)
    >>> json.loads(pair_line(pair)) == as_dict(pair)
    True
    """
    numbers = (
        f'"jaccard": {_number(pair.jaccard)}, "containment": {_number(pair.containment)}, "despun": {_number(pair.despun)}'
    )
    shared = f'"passages": {_passages(pair.passages)}, "cosine": {_number(pair.cosine)}, "shared": {_strings(pair.shared)}'
    return f'{{"a": {quote(pair.a)}, "b": {quote(pair.b)}, "kind": {quote(pair.kind)}, {numbers}, {shared}}}'


def cluster_lines(clustering: Clustering) -> Iterator[str]:
    """The lines that tell of all clusters, those that only belong together among them, by id and kind."""
    for cluster in sorted((*clustering.clusters, *clustering.linked), key=attrgetter("id", "kind")):
        yield _cluster_line(cluster, clustering)


def _cluster_line(cluster: Cluster, clustering: Clustering) -> str:
    members, pairs = _strings(cluster.members), ", ".join(map(_strings, cluster.pairs))
    links = "" if cluster.kind in LINKING_KINDS else ", ".join(_links(cluster.members, clustering))
    return (
        f'{{"id": {quote(cluster.id)}, "kind": {quote(cluster.kind)}, "members": {members}, "pairs": [{pairs}],'
        f' "canonical": {quote(cluster.canonical)}, "reason": {quote(cluster.reason)}, "links": {{{links}}}}}'
    )


def _links(members: Sequence[str], clustering: Clustering) -> Iterator[str]:
    """The numbers of each member with its canonical, and why that one is preferred."""
    for id in members:
        if link := clustering.links.get(id):
            yield (
                f'{quote(id)}: {{"kind": {quote(link.kind)}, "jaccard": {_number(link.jaccard)},'
                f' "containment": {_number(link.containment)}, "preferred": {quote(clustering.reasons.get(id, ""))}}}'
            )


def _strings(values: Sequence[str]) -> str:
    return f"[{', '.join(map(quote, values))}]" if values else "[]"


def _number(value: float | None) -> str:
    return "null" if value is None else float.__repr__(value) if type(value) is float else json.dumps(value)


def _passages(passages: Sequence[Passage]) -> str:
    told = [
        f'{{"a_start": {p.a_start}, "a_end": {p.a_end}, "b_start": {p.b_start}, "b_end": {p.b_end}, "words": {p.words}}}'
        for p in passages
    ]
    return f"[{', '.join(told)}]"
