"""Clusters judged by a truth: do versions of one text stand together, does the right one survive, are stories whole?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

from dedupe.errors import UsageError
from dedupe.evaluate.describe import columns, share
from dedupe.evaluate.truth import TruthMember, read_truth_clusters
from dedupe.findings import CLUSTERS
from dedupe.model import LINKING_KINDS


@dataclass(frozen=True)
class Partition:
    """How two partitions of the same documents compare: B-cubed, the adjusted Rand index, the number of clusters of each."""

    precision: float
    recall: float
    f1: float
    rand: float
    found: int
    wanted: int


@dataclass(frozen=True)
class ClusterReport:
    """How the clusters of a run compare to the truth.

    `copies`: versions of one text, of which one survives. `stories`: all that tells of one event. `templates`: pages of one
    template. Of the truth's groups of two copies or more, `groups`, `found` have their canonical in a cluster of the run,
    `right` have it as that cluster's canonical;
    `lost` lists (canonical, cluster's canonical) of the others.
    """

    documents: int
    copies: Partition
    stories: Partition
    templates: Partition
    groups: int
    found: int
    right: int
    lost: tuple[tuple[str, str], ...]

    @property
    def canonical_accuracy(self) -> float | None:
        """The share of the groups found whose canonical is the truth's."""
        return self.right / self.found if self.found else None

    def as_dict(self, cases: int = 0) -> dict[str, Any]:
        """The report for machines, with up to `cases` canonicals that were not kept."""
        canonical = {"groups": self.groups, "found": self.found, "right": self.right, "accuracy": self.canonical_accuracy}
        return {
            "documents": self.documents,
            "copies": vars(self.copies),
            "stories": vars(self.stories),
            "templates": vars(self.templates),
            "canonical": canonical,
            "lost": self.lost[:cases],
        }


def evaluate_clusters(out: str | Path, truth: str | Path) -> ClusterReport:
    """The report on the clusters.jsonl of a run, or of `dedupe find -o`, in the folder `out`, judged by the truth file.

    Raises UsageError when `out` holds no clusters.jsonl, or only clusters of documents that the truth does not know.
    """
    path = Path(out) / CLUSTERS
    if not path.is_file():
        raise UsageError(f"holds no {CLUSTERS}; name the output folder of `dedupe run` or `dedupe find`", path=str(out))
    with path.open("rb") as file:
        clusters = [(line["kind"], tuple(line["members"]), line["canonical"]) for line in map(json.loads, file)]
    members = read_truth_clusters(Path(truth))
    known = {member.id for member in members}
    if clusters and not any(id in known for _, ids, _ in clusters for id in ids):
        raise UsageError(f"speaks of no document in {path}, such as {clusters[0][2]!r}", path=str(truth))
    return judge_clusters(clusters, members)


def judge_clusters(clusters: Sequence[tuple[str, Sequence[str], str]], members: Sequence[TruthMember]) -> ClusterReport:
    """The report on clusters at hand, each a (kind, member ids, canonical); a document in none stands alone.

    Only documents that the truth names are judged.

    >>> truth = [TruthMember(id, "x", kind, "a") for id, kind in (("a", "canonical"), ("b", "near"), ("c", "story"))]
    >>> report = judge_clusters([("near", ("a", "b"), "b")], truth)
    >>> report.copies.f1, report.stories.precision, report.canonical_accuracy
    (1.0, 1.0, 0.0)
    """
    copies = [(ids, canonical) for kind, ids, canonical in clusters if kind not in LINKING_KINDS]
    survivor = {id: canonical for ids, canonical in copies for id in ids}
    story = _join(ids for kind, ids, _ in clusters if kind not in {"template", "overlap"})
    template = _join(ids for kind, ids, _ in clusters if kind == "template")
    frames = {member.cluster for member in members if member.kind == "template"}
    groups = Counter(member.canonical for member in members if member.kind not in LINKING_KINDS)
    canonicals = sorted(canonical for canonical, size in groups.items() if size > 1)
    lost = tuple((id, survivor[id]) for id in canonicals if survivor.get(id, id) != id)
    found = sum(id in survivor for id in canonicals)
    ids = [member.id for member in members]
    versions = [m.id if m.kind in LINKING_KINDS else m.canonical for m in members]
    return ClusterReport(
        documents=len(members),
        copies=compare_partitions([survivor.get(id, id) for id in ids], versions),
        stories=compare_partitions(
            [story.get(id, id) for id in ids],
            [version if m.cluster in frames else m.cluster for m, version in zip(members, versions, strict=True)],
        ),
        templates=compare_partitions(
            [template.get(id, id) for id in ids], [m.cluster if m.cluster in frames else m.id for m in members]
        ),
        groups=len(canonicals),
        found=found,
        right=found - len(lost),
        lost=lost,
    )


def compare_partitions(found: Sequence[str], wanted: Sequence[str]) -> Partition:
    """The comparison of two partitions, given by the label that each document has in the one and in the other.

    B-cubed precision and recall are means over documents (Bagga and Baldwin, 1998); the adjusted Rand index is 1 for equal
    partitions and 0 on average for random ones (Hubert and Arabie, 1985).

    >>> partition = compare_partitions("aab", "xyy")
    >>> round(partition.precision, 3), round(partition.recall, 3), round(partition.rand, 3)
    (0.667, 0.667, -0.5)
    """
    both, ours, theirs = Counter(zip(found, wanted, strict=True)), Counter(found), Counter(wanted)
    total = max(1, len(found))
    precision = sum(n * n / ours[a] for (a, _), n in both.items()) / total
    recall = sum(n * n / theirs[b] for (_, b), n in both.items()) / total
    agreeing = sum(comb(n, 2) for n in both.values())
    pairs_ours, pairs_theirs = (sum(comb(n, 2) for n in sizes.values()) for sizes in (ours, theirs))
    expected = pairs_ours * pairs_theirs / max(1, comb(len(found), 2))
    most = (pairs_ours + pairs_theirs) / 2
    return Partition(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        rand=(agreeing - expected) / (most - expected) if most != expected else 1.0,
        found=len(ours),
        wanted=len(theirs),
    )


def describe_clusters(report: ClusterReport) -> str:
    """The report on clusters as a readable table."""
    rows: list[tuple[str, ...]] = [("", "B3 P", "B3 R", "B3 F1", "ARI", "found", "wanted")]
    for name, p in (("copies", report.copies), ("stories", report.stories), ("templates", report.templates)):
        rows.append((name, *map(share, (p.precision, p.recall, p.f1, p.rand)), f"{p.found:,}", f"{p.wanted:,}"))
    accuracy = f"canonical {share(report.canonical_accuracy)}: {report.right:,} right of {report.found:,} groups found"
    return "\n".join(
        [*columns(rows, first=12), "", f"{accuracy} ({report.groups:,} in the truth; {report.documents:,} documents)"]
    )


def _join(groups: Iterable[Sequence[str]]) -> Mapping[str, str]:
    """The label of each id when groups that share an id are one."""
    label: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for group in groups:
        joined = list(dict.fromkeys(id for member in group for id in members.get(label.get(member, ""), [member])))
        label |= dict.fromkeys(joined, joined[0])
        members[joined[0]] = joined
    return label
