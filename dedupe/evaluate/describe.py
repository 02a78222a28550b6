"""The reports in words and columns, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dedupe.evaluate.report import Case, CaseKind, EditReport, Tally
from dedupe.review.markup import show_invisible


def describe_edits(report: EditReport) -> str:
    """The report on edits as a readable table."""
    lines = [*_tally_table("wording", {"all": report.wording})]
    for name, tallies in (("quotation", report.quotes), ("tier", report.tiers), ("kind", report.kinds)):
        lines += ["", *_tally_table(name, tallies)]
    clean, spun = report.clean, report.spun
    lines += [
        "",
        f"detection only     precision {share(report.wording.detection_precision)},"
        f" recall {share(report.wording.detection_recall)}",
        f"harm, clean docs   {_rate(clean.per_10_000)} edits per 10,000 words ({clean.edits:,} in {clean.words:,});"
        f" {clean.touched:,} of {clean.documents:,} documents touched",
        f"harm, spun docs    {_rate(spun.per_10_000)} edits per 10,000 clean words ({spun.edits:,} in {spun.words:,});"
        f" {spun.touched:,} of {spun.documents:,} documents touched",
        f"flag rows          {report.flags_touched:,} edits there, numbers kept (neither right nor wrong)",
        f"page furniture     {report.furniture.rows:,} rows: {report.furniture.removed:,} taken out,"
        f" {report.furniture.recognised:,} recognised",
        "residual spin      {:.2f} spun spans per 100 words before, {:.2f} after".format(*report.residual),
    ]
    lines += [
        f"{name.replace('_', ' '):18} {before:.4f} to the original before, {after:.4f} after"
        for name, (before, after) in report.similarity.items()
    ]
    if (gate := report.gate) is not None:
        lines += [
            f"gate               classed as spun: {share(gate.tpr)} of the spun, {share(gate.fpr)} of the clean documents",
            f"                   spun docs {_counted(gate.spun)}; clean docs {_counted(gate.clean)}",
            f"                   ROC area {share(gate.auc)}; {share(gate.tpr_at_no_fpr)} of the spun score above every clean"
            f" one (highest {gate.threshold:.2f})",
        ]
    if worst := report.worst_rules(8):
        lines += ["", "rules with the most wrong edits"]
        lines += [f"  {rule:36} {t.wrong:5} wrong {t.harmful:5} harmful {t.exact + t.equivalent:5} right" for rule, t in worst]
    if report.set_aside or report.absent:
        lines += [
            "",
            f"not judged         {report.set_aside:,} documents set aside as duplicates, {report.absent:,} not in the run",
        ]
    return "\n".join(lines)


def describe_cases(report: EditReport, kind: CaseKind, most: int) -> str:
    """Up to `most` cases of one kind, a line each, the most frequent rule or wording first."""
    cases = report.cases_of(kind)
    lines = [f"{kind}: {min(most, len(cases)):,} of {len(cases):,}", *map(describe_case, cases[:most])]
    return "\n".join(lines)


def describe_case(case: Case) -> str:
    """A case in a line: text as it stood, as made, and as wanted, with control characters shown.

    >>> describe_case(Case("wrong", "d", "text", 2, "trade", "business", "deal", ("noun.trade",), "a ", " pact"))
    'd text:2  a [-trade-]{+business+} pact  (wanted: deal; noun.trade)'
    """
    made = f"[-{case.before}-]{{+{case.produced}+}}" if case.kind != "missed" else f"[-{case.before}-]"
    wanted = "as it stood" if case.kind == "harm" else case.wanted
    rules = "; " + ", ".join(case.rules) if case.rules else ""
    return show_invisible(
        f"{case.document} {case.field}:{case.start}  {case.left}{made}{case.right}  (wanted: {wanted}{rules})"
    )


def share(value: float | None) -> str:
    """A share with four decimals, or a dash for a share of nothing.

    >>> share(0.5), share(None)
    ('0.5000', '-')
    """
    return "-" if value is None else f"{value:.4f}"


def columns(rows: Iterable[Sequence[str]], width: int = 9, first: int = 22) -> list[str]:
    """Lines of right-justified columns; the first one is left-justified.

    >>> columns([("kind", "P"), ("near", "1.0")], width=5, first=6)
    ['kind      P', 'near    1.0']
    """
    return [(row[0].ljust(first) + "".join(cell.rjust(width) for cell in row[1:])).rstrip() for row in rows]


def _tally_table(name: str, tallies: Mapping[str, Tally]) -> list[str]:
    head = (name, "P", "R", "F0.5", "edits", "exact", "equiv", "wrong", "harm", "rows", "restored")
    rows: list[tuple[str, ...]] = [head]
    for key, tally in sorted(tallies.items()):
        counts = (tally.edits, tally.exact, tally.equivalent, tally.wrong, tally.harmful, tally.rows, tally.restored)
        rows.append((key, share(tally.precision), share(tally.recall), share(tally.f05), *(f"{count:,}" for count in counts)))
    return columns(rows, first=14)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {verdict}" for verdict, number in counts.items())
