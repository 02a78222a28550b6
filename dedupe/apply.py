"""Applying decisions: the corpus of a finished run is written again as the ledger now says, from the run's folder alone.

The proposals of the run are kept as they were made; only what is done with them changes. So deciding, applying and
deciding otherwise always start from the same articles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dedupe.corpus.folder import OutputFolder, name_run
from dedupe.corpus.manifest import load_manifest
from dedupe.corpus.staging import MANIFEST, is_interrupted
from dedupe.corpus.undo import read_back
from dedupe.corpus.writer import CorpusWriter
from dedupe.detect.boilerplate import CommonPassage
from dedupe.detect.clusters import Clustering
from dedupe.emit import EDITS, FOUND, REPAIRS, SUMMARY, Emission, emit_records, finish_emission
from dedupe.findings import BOILERPLATE, CLUSTERS, PAIRS, cluster_lines, encode_lines
from dedupe.model import LINKING_KINDS, Article, Cluster, Edit, Flag, Pair, Passage, Repair, Role
from dedupe.regrouping import UNREPAIRED, Regrouping
from dedupe.review.ledger import Ledger
from dedupe.review.report import read_views
from dedupe.review.summary import Summary


def apply_decisions(out: str | Path) -> Summary:
    """The summary of writing the corpus in `out` again with the decisions in its ledger.

    Edits that a person accepted are made, rejected ones are not, replacements are the person's words; clusters are as people
    decided. An article that is kept by a decision is repaired now. Raises UsageError when `out` holds no finished run,
    InputError when its files were changed since.
    """
    if not (Path(out) / MANIFEST).is_file() and not is_interrupted(Path(out)):
        load_manifest(Path(out))
    with OutputFolder(Path(out), overwrite=True) as folder:
        return _emit_again(folder)


def _emit_again(target: OutputFolder) -> Summary:
    folder = target.path
    manifest, ledger, corpus = load_manifest(folder), Ledger.load(folder), read_back(folder)
    target.begin({"apply": manifest.details})
    pairs, repairs = load_pairs(folder), _load_repairs(folder)
    is_altered = (folder / FOUND).is_file()
    found = load_clustering(folder, FOUND if is_altered else CLUSTERS)
    regrouping = Regrouping(corpus, found, pairs, ledger, manifest.details)
    earlier = json.loads((folder / SUMMARY).read_text("utf-8"))
    notes = [note for note in earlier["notes"] if note != UNREPAIRED]
    boilerplate = [CommonPassage(**{**line, "examples": tuple(line["examples"])}) for line in _read_lines(folder / BOILERPLATE)]
    notes, run = notes + regrouping.notes, name_run(manifest.details, manifest.inputs)
    emission = Emission(pairs, regrouping.clustering, earlier["finding"], notes, manifest.layout, boilerplate, run)
    emission.withheld = {id: repairs[id] for id in regrouping.set_aside if id in repairs}

    def stored_repair(article: Article) -> Repair:
        if article.id in regrouping.kept:
            return regrouping.repair(article)
        return repairs.get(article.id) or Repair(article.id, "")

    with CorpusWriter(target, corpus, format=manifest.layout) as writer:
        emit_records(writer, corpus, emission, stored_repair, ledger)
        if regrouping.clustering != found:
            for lines in encode_lines(cluster_lines(found)):
                writer.append(FOUND, lines)
        return finish_emission(writer, emission, ledger, manifest.details)


def load_pairs(folder: Path) -> list[Pair]:
    """The pairs of pairs.jsonl in a folder."""
    pairs = []
    for line in _read_lines(folder / PAIRS):
        line["shared"] = tuple(line["shared"])
        line["passages"] = tuple(Passage(**passage) for passage in line["passages"])
        pairs.append(Pair(**line))
    return pairs


def load_clustering(folder: Path, name: str = CLUSTERS) -> Clustering:
    """The clusters of clusters.jsonl in a folder, those of versions and those that are only linked."""
    clusters, linked, links, reasons = list[Cluster](), list[Cluster](), dict[str, Pair](), dict[str, str]()
    for line in _read_lines(folder / name):
        numbers = line.pop("links")
        cluster = Cluster(**{**line, "members": tuple(line["members"]), "pairs": tuple(map(tuple, line["pairs"]))})
        (linked if cluster.kind in LINKING_KINDS else clusters).append(cluster)
        for member, link in numbers.items():
            a, b = sorted((member, cluster.canonical))
            reasons[member] = link.pop("preferred")
            links[member] = Pair(a, b, **link)
    return Clustering(tuple(clusters), links, reasons, tuple(linked))


def _load_repairs(folder: Path) -> dict[str, Repair]:
    edits: dict[str, list[Edit]] = {}
    for view in read_views(_read_lines(folder / EDITS)):
        edits.setdefault(view.edit.article, []).append(view.edit)
    repairs = {}
    for line in _read_lines(folder / REPAIRS):
        roles = [Role(**{key: value for key, value in role.items() if key != "text"}) for role in line["roles"]]
        repairs[line["article"]] = Repair(
            article=line["article"],
            digest=line["digest"],
            edits=tuple(edits.get(line["article"], ())),
            flags=tuple(Flag(**flag) for flag in line["flags"]),
            roles=tuple(roles),
            verdict=line["verdict"],
            score=line["score"],
        )
    return repairs


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)
