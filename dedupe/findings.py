"""Findings: what is related among some inputs, and the lines that tell of it: pairs.jsonl, clusters.jsonl, boilerplate.jsonl.

A line is what the JSON encoder makes of the pair or cluster as a dict. There may be a million of them, of few fields each, so
they are put together from their parts, which takes a fifth of the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from json.encoder import encode_basestring as quote
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from dedupe.assess import assess_spin
from dedupe.config import Settings
from dedupe.corpus.folder import OutputFolder
from dedupe.corpus.inputs import Input
from dedupe.corpus.opening import open_corpus
from dedupe.detect.boilerplate import CommonPassage
from dedupe.detect.clusters import Clustering
from dedupe.model import LINKING_KINDS, Cluster, Pair, Passage, as_dict
from dedupe.relate import Relations, Track, relate
from dedupe.texts import make_repairer

T = TypeVar("T")

PAIRS, CLUSTERS, BOILERPLATE = "pairs.jsonl", "clusters.jsonl", "boilerplate.jsonl"
_TOGETHER = 256  # lines written at once


def untracked(items: Iterable[T], step: str) -> Iterable[T]:
    """The items as they are: no progress is shown."""
    return items


def find(
    inputs: Sequence[str | Path],
    settings: Settings | None = None,
    *,
    judge_spin: bool = False,
    spooled: Input | None = None,
    track: Track = untracked,
) -> Relations:
    """The verified pairs and the clusters among `inputs`; nothing is written.

    Without `judge_spin` no rule table is read: the canonicals are chosen by the other preferences, in half the time.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("One and the same text, twice.")
    >>> _ = (folder / "b.txt").write_text("One and the same text: twice!")
    >>> [(pair.a, pair.b, pair.kind) for pair in find([folder]).found.pairs]
    [('a.txt', 'b.txt', 'exact')]
    """
    settings = settings or Settings()
    corpus, notes = open_corpus(inputs, settings, spooled=spooled, hashed=False)
    assess = assess_spin(make_repairer(settings.repair)) if judge_spin else None
    relations = relate(corpus, settings, assess, track)
    return replace(relations, notes=(*notes, *relations.found.describe_hot()))


def write_findings(out: Path, pairs: Iterable[Pair], clustering: Clustering, boilerplate: Iterable[CommonPassage] = ()) -> None:
    """Writes pairs.jsonl, clusters.jsonl and boilerplate.jsonl into the folder `out`, all or none."""
    with OutputFolder(out) as folder:
        staging = folder.stage()
        try:
            outputs = {name: staging.create(name) for name in (PAIRS, CLUSTERS, BOILERPLATE)}
            for name, lines in join_findings(pairs, clustering, boilerplate):
                outputs[name].write(lines)
            for output in outputs.values():
                output.close()
            staging.install()
        finally:
            staging.discard()


def encode_lines(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines in UTF-8, many at a time; a lone surrogate, which that cannot hold, becomes the escape that JSON has for it."""
    lines = iter(lines)
    while some := list(islice(lines, _TOGETHER)):
        yield "\n".join((*some, "")).encode("utf-8", "backslashreplace")


def join_findings(
    pairs: Iterable[Pair], clustering: Clustering, boilerplate: Iterable[CommonPassage]
) -> Iterator[tuple[str, bytes]]:
    """The lines of what was found, many at a time, each lot with the name of its file."""
    files = {
        PAIRS: map(pair_line, pairs),
        CLUSTERS: cluster_lines(clustering),
        BOILERPLATE: (json.dumps(as_dict(passage), ensure_ascii=False) for passage in boilerplate),
    }
    for name, lines in files.items():
        for some in encode_lines(lines):
            yield name, some


def pair_line(pair: Pair) -> str:
    """The pair as a line of JSON, without the end of the line.

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
