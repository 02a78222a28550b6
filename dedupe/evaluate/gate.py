"""The spin gate as a classifier: its verdicts, and the ROC of its score."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dedupe.repair.gate import Verdict

_MOST_POINTS = 50


@dataclass(frozen=True)
class GateReport:
    """What the gate said of spun and of clean documents.

    `tpr` and `fpr` are the shares classed as spun. `auc` is the area under the ROC of the score; `tpr_at_no_fpr` the share of
    spun documents that score higher than every clean one, and `threshold` the highest score of a clean one. `roc` holds points
    (false-positive rate, true-positive rate, least score), thinned. A rate without documents is None.
    """

    spun: dict[str, int]
    clean: dict[str, int]
    tpr: float | None
    fpr: float | None
    auc: float | None
    tpr_at_no_fpr: float | None
    threshold: float
    roc: tuple[tuple[float, float, float], ...]


def judge_gate(spun: Sequence[tuple[Verdict, float]], clean: Sequence[tuple[Verdict, float]]) -> GateReport:
    """The report on the gate from its (verdict, score) on spun and on clean documents.

    The area is that of Mann and Whitney: how often a spun document scores higher than a clean one, ties counting half
    (Fawcett, 2006, section 7).

    >>> report = judge_gate([("spun", 5.0), ("clean", 0.0)], [("clean", 0.0), ("suspect", 1.0)])
    >>> report.tpr, report.fpr, report.auc, report.tpr_at_no_fpr
    (0.5, 0.0, 0.625, 0.5)
    """
    highest = max((score for _, score in clean), default=0.0)
    points = _roc([score for _, score in spun], [score for _, score in clean])
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1, _), (x2, y2, _) in itertools.pairwise(points))
    step = max(1, len(points) // _MOST_POINTS)
    return GateReport(
        spun=_count(spun),
        clean=_count(clean),
        tpr=_share(sum(verdict == "spun" for verdict, _ in spun), len(spun)),
        fpr=_share(sum(verdict == "spun" for verdict, _ in clean), len(clean)),
        auc=area if spun and clean else None,
        tpr_at_no_fpr=_share(sum(score > highest for _, score in spun), len(spun)),
        threshold=highest,
        roc=tuple(point for i, point in enumerate(points[1:], 1) if i % step == 0 or i == len(points) - 1),
    )


def _roc(spun: Sequence[float], clean: Sequence[float]) -> list[tuple[float, float, float]]:
    above_spun, above_clean = Counter(spun), Counter(clean)
    points, hits, misfires = [(0.0, 0.0, float("inf"))], 0, 0
    for score in sorted({*spun, *clean}, reverse=True):
        hits += above_spun[score]
        misfires += above_clean[score]
        points.append((misfires / max(1, len(clean)), hits / max(1, len(spun)), score))
    return points


def _count(judged: Sequence[tuple[Verdict, float]]) -> dict[str, int]:
    counts = Counter(verdict for verdict, _ in judged)
    return {verdict: counts[verdict] for verdict in ("spun", "suspect", "clean")}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
