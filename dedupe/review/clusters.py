"""Clusters for review: what clusters.jsonl says of them, with what people decided, and two members aligned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dedupe.errors import UsageError
from dedupe.model import LINKING_KINDS
from dedupe.review.ledger import Ledger, articles_target
from dedupe.review.marks import Mark, mark_versions

CLUSTERS = "clusters.jsonl"
Row = tuple[list[Mark], list[Mark]]


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster as the run, or the last `apply`, left it; `links` tells of each member that is set aside."""

    id: str
    kind: str
    members: tuple[str, ...]
    canonical: str
    reason: str
    links: Mapping[str, Mapping[str, Any]]

    @property
    def others(self) -> list[str]:
        """The members beside the canonical."""
        return [id for id in self.members if id != self.canonical]


def load_clusters(out: Path) -> list[ClusterView]:
    """The clusters of versions of a run, then those that are only linked. Raises UsageError when the folder holds no run."""
    path = out / CLUSTERS
    if not path.is_file():
        raise UsageError(f"holds no {CLUSTERS}; name the output folder of `dedupe run`", path=str(out))
    views = []
    with path.open("rb") as file:
        for raw in file:
            line = json.loads(raw)
            names = ("id", "kind", "canonical", "reason", "links")
            views.append(ClusterView(members=tuple(line["members"]), **{name: line[name] for name in names}))
    return sorted(views, key=lambda view: view.kind in LINKING_KINDS)


def tell_verdict(ledger: Ledger, cluster: ClusterView, member: str) -> str:
    """What was decided on a member and the canonical of its cluster; empty if nothing was."""
    if ledger.get(f"canonical:{member}"):
        return "canonical"
    decision = ledger.get(articles_target(member, cluster.canonical))
    return decision.verdict if decision else ""


def align_versions(before: str, after: str) -> list[Row]:
    r"""Two versions of a text side by side: rows that begin where either has a new paragraph, each half with its marks.

    >>> rows = align_versions("Menu\nOne.\nTwo, three.", "One.\nTwo.")
    >>> [("".join(m.text for m in left), "".join(m.text for m in right)) for left, right in rows]
    [('Menu', ''), ('One.', 'One.'), ('Two, three.', 'Two.')]
    """
    rows: list[Row] = [([], [])]
    for mark in mark_versions(before, after):
        for number, text in enumerate(mark.text.split("\n")):
            if number:
                rows.append(([], []))
            left, right = rows[-1]
            if text and mark.change in {"same", "gone", "moved-from"}:
                left.append(Mark(mark.change, text))
            if text and mark.change in {"same", "new", "moved-to"}:
                right.append(Mark(mark.change, text))
    return [row for row in rows if row != ([], [])]
