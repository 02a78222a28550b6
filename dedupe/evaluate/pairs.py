"""Found pairs judged by a truth: a pair that the truth does not list is unrelated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dedupe.errors import UsageError
from dedupe.evaluate.describe import columns, share
from dedupe.evaluate.truth import TruthPair, read_truth_pairs
from dedupe.findings import PAIRS

# Words of the longest shared passage from which a band of lengths begins; below the first is the rest.
LENGTHS = (20, 40, 80, 160, 320)
BANDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Matches:
    """Counts of pairs: `found` by the run, `related` by the truth, `right` among the found, `recalled` among the related.

    The last two differ only where a run reports a group of identical texts by less than all its pairs.
    """

    found: int
    right: int
    related: int
    recalled: int

    @property
    def precision(self) -> float | None:
        """The share of found pairs that are related."""
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """The share of related pairs that were found."""
        return self.recalled / self.related if self.related else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        if self.precision is None or self.recall is None:
            return None
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def as_dict(self) -> dict[str, float | int | None]:
        """Counts and shares by name."""
        names = ("found", "right", "related", "recalled", "precision", "recall", "f1")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class PairReport:
    """How the found pairs compare to the truth.

    `overall` asks whether two documents are related at all; `kinds` also asks for the kind; `bands` are bands of Jaccard
    similarity ("0.7-0.8": at least 0.7, less than 0.8; 1.0 alone): of the truth for recall, of the run for precision. `lengths`
    are bands of the words of the longest shared passage ("40-79"), for the pairs of which it is known, likewise.
    `confusion` counts found pairs by (kind in the truth, kind in the run), "none" for unrelated or missed ones. `spurious` and
    `missed` list pairs (a, b, kind).
    """

    overall: Matches
    kinds: dict[str, Matches]
    bands: dict[str, Matches]
    lengths: dict[str, Matches]
    confusion: dict[tuple[str, str], int]
    spurious: tuple[tuple[str, str, str], ...]
    missed: tuple[tuple[str, str, str], ...]

    def as_dict(self, cases: int = 0) -> dict[str, Any]:
        """The report for machines, with up to `cases` spurious and missed pairs."""
        return {
            "overall": self.overall.as_dict(),
            "kinds": {kind: matches.as_dict() for kind, matches in self.kinds.items()},
            "bands": {band: matches.as_dict() for band, matches in self.bands.items()},
            "lengths": {length: matches.as_dict() for length, matches in self.lengths.items()},
            "confusion": [{"truth": a, "found": b, "pairs": n} for (a, b), n in sorted(self.confusion.items())],
            "spurious": self.spurious[:cases],
            "missed": self.missed[:cases],
        }


def evaluate_pairs(out: str | Path, truth: str | Path) -> PairReport:
    """The report on the pairs.jsonl of a run, or of `dedupe find -o`, in the folder `out`, judged by the truth file.

    Raises UsageError when `out` holds no pairs.jsonl, or only pairs of documents that the truth does not know.
    """
    path = Path(out) / PAIRS
    if not path.is_file():
        raise UsageError(f"holds no {PAIRS}; name the output folder of `dedupe run` or `dedupe find`", path=str(out))
    with path.open("rb") as file:
        found = [_read_pair(line) for line in map(json.loads, file)]
    related = read_truth_pairs(Path(truth))
    known = {id for pair in related for id in (pair.a, pair.b)}
    if found and related and not any(pair.a in known or pair.b in known for pair in found):
        raise UsageError(f"speaks of no document in {path}, such as {found[0].a!r}", path=str(truth))
    return judge_pairs(found, related)


def judge_pairs(found: Sequence[TruthPair], related: Sequence[TruthPair]) -> PairReport:
    """The report on pairs at hand.

    Identical texts may be reported by the pairs with one of them: whatever is found for one counts for all.

    >>> truth = [TruthPair("a", "b", "near", 0.8), TruthPair("a", "c", "story", 0.1)]
    >>> report = judge_pairs([TruthPair("a", "b", "near", 0.8), TruthPair("b", "d", "near", 0.7)], truth)
    >>> report.overall.precision, report.overall.recall, report.kinds["near"].recall
    (0.5, 0.5, 1.0)
    """
    group = _group_identical(found)
    wanted = {(pair.a, pair.b): pair for pair in related}
    made = {tuple(sorted((group.get(pair.a, pair.a), group.get(pair.b, pair.b)))): pair.kind for pair in found}
    kinds_found: list[tuple[TruthPair, str]] = [
        (pair, wanted[pair.a, pair.b].kind if (pair.a, pair.b) in wanted else "none") for pair in found
    ]
    kinds_related = [(pair, _found_kind(pair, made, group)) for pair in related]
    confusion: Counter[tuple[str, str]] = Counter((kind, pair.kind) for pair, kind in kinds_found)
    confusion.update((pair.kind, "none") for pair, kind in kinds_related if kind == "none")

    def match(kind: str = "", within: Callable[[TruthPair], bool] = lambda pair: True) -> Matches:
        ours = [(p, k) for p, k in kinds_found if kind in {"", p.kind} and within(p)]
        theirs = [(p, k) for p, k in kinds_related if kind in {"", p.kind} and within(p)]
        right = sum(k != "none" and (not kind or k == kind) for _, k in ours)
        recalled = sum(k != "none" and (not kind or k == kind) for _, k in theirs)
        return Matches(len(ours), right, len(theirs), recalled)

    kinds = sorted({pair.kind for pair in (*found, *related)})
    bands = sorted({_band(pair.jaccard) for pair in (*found, *related)})
    starts = sorted({_length(pair.words) for pair in related if pair.words})
    return PairReport(
        overall=match(),
        kinds={kind: match(kind=kind) for kind in kinds},
        bands={band: match(within=_in_band(band)) for band in bands},
        lengths={_name_length(start): match(within=_of_length(start)) for start in starts},
        confusion=dict(confusion),
        spurious=tuple((pair.a, pair.b, pair.kind) for pair, kind in kinds_found if kind == "none"),
        missed=tuple((pair.a, pair.b, pair.kind) for pair, kind in kinds_related if kind == "none"),
    )


def describe_pairs(report: PairReport) -> str:
    """The report on pairs as a readable table."""
    rows: list[tuple[str, ...]] = [_HEAD, _row("any relation", report.overall), ("",)]
    rows += [("kind", *_HEAD[1:]), *(_row(kind, matches) for kind, matches in report.kinds.items()), ("",)]
    rows += [("Jaccard", *_HEAD[1:]), *(_row(band, matches) for band, matches in report.bands.items())]
    if report.lengths:
        rows += [("",), ("words", *_HEAD[1:]), *(_row(length, matches) for length, matches in report.lengths.items())]
    confused = {pair: n for pair, n in report.confusion.items() if pair[0] != pair[1]}
    lines = columns(rows)
    if confused:
        lines += ["", "truth → found"]
        lines += [f"  {truth} → {kind}: {n:,}" for (truth, kind), n in sorted(confused.items(), key=lambda item: -item[1])]
    return "\n".join(lines)


_HEAD = ("", "P", "R", "F1", "found", "right", "related", "recalled")


def _row(name: str, matches: Matches) -> tuple[str, ...]:
    shares = (share(matches.precision), share(matches.recall), share(matches.f1))
    return (name, *shares, *(f"{n:,}" for n in (matches.found, matches.right, matches.related, matches.recalled)))


def _group_identical(found: Iterable[TruthPair]) -> dict[str, str]:
    """The first id of the group of identical texts that an id belongs to."""
    group: dict[str, str] = {}
    for pair in sorted((pair for pair in found if pair.kind == "exact"), key=lambda pair: (pair.a, pair.b)):
        group[pair.b] = group.setdefault(pair.a, pair.a)
    return group


def _found_kind(pair: TruthPair, made: Mapping[tuple[str, ...], str], group: Mapping[str, str]) -> str:
    a, b = sorted((group.get(pair.a, pair.a), group.get(pair.b, pair.b)))
    return made.get((a, b), "none")


def _read_pair(line: Mapping[str, Any]) -> TruthPair:
    words = max((passage["words"] for passage in line["passages"]), default=0)
    return TruthPair(line["a"], line["b"], line["kind"], line["jaccard"], words)


def _in_band(band: str) -> Callable[[TruthPair], bool]:
    return lambda pair: _band(pair.jaccard) == band


def _of_length(start: int) -> Callable[[TruthPair], bool]:
    return lambda pair: pair.words > 0 and _length(pair.words) == start


def _length(words: int) -> int:
    return max((start for start in LENGTHS if start <= words), default=1)


def _name_length(start: int) -> str:
    following = next((next_start for next_start in LENGTHS if next_start > start), None)
    return f"{start}-{following - 1}" if following else f"{start}-"


def _band(jaccard: float) -> str:
    if jaccard >= 1.0:
        return "1.0"
    low = max(edge for edge in BANDS if edge <= jaccard)
    return f"{low:.1f}-{low + 0.1:.1f}"
