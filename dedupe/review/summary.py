"""The summary of a run: what was read, kept, repaired, removed and quarantined, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PLURALS = {"story": "stories"}


@dataclass(frozen=True)
class Summary:
    """The numbers of a run; `summary.json` holds the same.

    `counts`: read, kept, repaired, duplicate, quarantined records. `relations`: pairs by kind. `clusters` of versions, and
    by kind those of articles that are `linked` and all kept. `verdicts`: articles by the spin
    gate's class. `made`: edits that were made. `edits`: by tier, the automatic ones of them, and of the others those that wait
    for a decision. `rules`: edits by rule, made or proposed, most frequent first. `emptied`: sources that would lose more
    than half of their articles, with the share. `notes`: what else the user should know.
    `examples`: some edits in their sentence, for a dry run. `decisions` were in force; `stale` are on edits that no longer
    exist. `finding` tells how pairs were found. `corpus` is the name of the clean corpus below the output folder.
    """

    counts: Mapping[str, int]
    relations: Mapping[str, int] = field(default_factory=dict)
    clusters: int = 0
    linked: Mapping[str, int] = field(default_factory=dict)
    verdicts: Mapping[str, int] = field(default_factory=dict)
    made: int = 0
    edits: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    emptied: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    decisions: int = 0
    stale: tuple[str, ...] = ()
    finding: Mapping[str, Any] = field(default_factory=dict)
    corpus: str = "canonical"

    @property
    def exit_code(self) -> int:
        """0 when all is well; 3 when records were quarantined or decisions have gone stale."""
        return 3 if self.counts["quarantined"] or self.stale else 0


def describe_summary(summary: Summary, out: str, dry_run: bool = False) -> str:
    """The summary in words for a terminal, with where the files are and what to do next.

    >>> counts = {"read": 2, "kept": 1, "repaired": 0, "duplicate": 1, "quarantined": 0}
    >>> print(describe_summary(Summary(counts, {"exact": 1}, 1), "clean"))  # doctest: +ELLIPSIS
    read          2 records
      kept        1 as they were
      repaired    0
      duplicates  1 (pairs: 1 exact; clusters: 1)
      quarantine  0
    ...
    """
    counts = summary.counts
    pairs = ", ".join(f"{number:,} {kind}" for kind, number in summary.relations.items() if number) or "none"
    would = "would be " if dry_run else ""
    lines = [
        f"read          {counts['read']:,} records",
        f"  kept        {counts['kept']:,} as they were",
        f"  repaired    {counts['repaired']:,}" + (f" {would}changed by {_edits(summary)}" if counts["repaired"] else ""),
        f"  duplicates  {counts['duplicate']:,} (pairs: {pairs}; clusters: {summary.clusters:,})",
        f"  quarantine  {counts['quarantined']:,}" + (" (quarantine.jsonl says why)" if counts["quarantined"] else ""),
    ]
    if summary.linked:
        groups = (f"{n:,} {kind if n == 1 else _PLURALS.get(kind, kind + 's')}" for kind, n in summary.linked.items())
        lines.append(f"linked        {', '.join(groups)}; all kept")
    if spun := {kind: n for kind, n in summary.verdicts.items() if kind != "clean" and n}:
        lines.append("spin          " + ", ".join(f"{number:,} {kind}" for kind, number in spun.items()))
    if summary.decisions or summary.stale:
        lines.append(
            f"decisions     {summary.decisions:,} in force" + (f", {len(summary.stale):,} stale" if summary.stale else "")
        )
    for source, share in summary.emptied.items():
        lines.append(f"look at       {source or '(no source)'}: {share:.0%} of its articles are duplicates of others")
    if dry_run:
        lines += ["", *summary.examples, "", "nothing was written (--dry-run)"]
    else:
        lines += [
            "",
            f"corpus        {out}/{summary.corpus}",
            f"report        {out}/report.html",
            f"next          open the report; `dedupe review {out}` to decide; `dedupe undo {out} -o DIR` restores the input",
        ]
    return "\n".join(lines)


def _edits(summary: Summary) -> str:
    asked = summary.edits.get("ask", 0)
    return f"{summary.made:,} edits" + (f"; {asked:,} more proposed for review" if asked else "")
