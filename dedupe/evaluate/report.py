"""The figures on edits: tallies, harm, cases to look at, all in one report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from dedupe.evaluate.gate import GateReport

CaseKind = Literal["wrong", "missed", "harm"]
CASE_KINDS: tuple[CaseKind, ...] = ("wrong", "missed", "harm")


@dataclass
class Tally:
    """Counts of truth rows and of edits, and the shares that follow from them; a share of nothing is None.

    An edit is `exact`, `equivalent`, `wrong` (it touches a row, but gives another text), or `harmful` (it touches none).
    """

    rows: int = 0
    touched: int = 0
    restored: int = 0
    exact: int = 0
    equivalent: int = 0
    wrong: int = 0
    harmful: int = 0

    @property
    def edits(self) -> int:
        """All edits that are judged."""
        return self.exact + self.equivalent + self.wrong + self.harmful

    @property
    def precision(self) -> float | None:
        """The share of edits that give the original, or a listed alternative."""
        return _share(self.exact + self.equivalent, self.edits)

    @property
    def recall(self) -> float | None:
        """The share of rows whose original, or a listed alternative, is back."""
        return _share(self.restored, self.rows)

    @property
    def f05(self) -> float | None:
        """F0.5: precision counts twice as much as recall (van Rijsbergen, 1979; as in grammar correction)."""
        if self.precision is None or self.recall is None:
            return None
        weighted = 0.25 * self.precision + self.recall
        return 1.25 * self.precision * self.recall / weighted if weighted else 0.0

    @property
    def detection_precision(self) -> float | None:
        """The share of edits that touch a row, whatever they make of it."""
        return _share(self.edits - self.harmful, self.edits)

    @property
    def detection_recall(self) -> float | None:
        """The share of rows that an edit touches, whatever it makes of them."""
        return _share(self.touched, self.rows)

    def as_dict(self) -> dict[str, float | int | None]:
        """Counts and shares by name."""
        counts = ("rows", "touched", "restored", "edits", "exact", "equivalent", "wrong", "harmful")
        shares = ("precision", "recall", "f05", "detection_precision", "detection_recall")
        return {name: getattr(self, name) for name in (*counts, *shares)}


@dataclass
class Harm:
    """Edits that change words which no row covers, among `words` such words of `documents`, `touched` of which were edited."""

    documents: int = 0
    touched: int = 0
    words: int = 0
    edits: int = 0

    @property
    def per_10_000(self) -> float | None:
        """Harmful edits per 10,000 clean words."""
        return 10_000 * self.edits / self.words if self.words else None

    def as_dict(self) -> dict[str, float | int | None]:
        """Counts and the rate by name."""
        names = ("documents", "touched", "words", "edits", "per_10_000")
        return {name: getattr(self, name) for name in names}


class Furniture(NamedTuple):
    """Rows of page furniture: how many there are, were taken out, or at least recognised by a role."""

    rows: int
    removed: int
    recognised: int


class Case(NamedTuple):
    """One window to look at: what stood there, what was made of it, what the truth wants, and by which rules."""

    kind: CaseKind
    document: str
    field: str
    start: int
    before: str
    produced: str
    wanted: str
    rules: tuple[str, ...]
    left: str
    right: str


@dataclass
class EditReport:
    """The judgement on all documents. docs/evaluation.md says what each figure means.

    `residual` and `similarity` hold (before, after): truth rows that still read as spun per 100 words; the mean word Jaccard
    and edit similarity of the spun documents to their originals. `set_aside` counts the documents with rows that the run
    removed as duplicates and so did not repair, `absent` those that it never read; neither is judged.
    """

    wording: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    tiers: dict[str, Tally] = field(default_factory=dict)
    quotes: dict[str, Tally] = field(default_factory=dict)
    rules: dict[str, Tally] = field(default_factory=dict)
    clean: Harm = field(default_factory=Harm)
    spun: Harm = field(default_factory=Harm)
    furniture: Furniture = field(default_factory=lambda: Furniture(0, 0, 0))
    flags_touched: int = 0
    residual: tuple[float, float] = (0.0, 0.0)
    similarity: dict[str, tuple[float, float]] = field(default_factory=dict)
    gate: GateReport | None = None
    set_aside: int = 0
    absent: int = 0
    cases: list[Case] = field(default_factory=list)

    def as_dict(self, cases: int = 0) -> dict[str, Any]:
        """The report for machines, with up to `cases` cases of each kind."""
        tables = {
            name: {key: tally.as_dict() for key, tally in getattr(self, name).items()} for name in ("kinds", "tiers", "quotes")
        }
        return {
            "wording": self.wording.as_dict(),
            **tables,
            "harm": {"clean_documents": self.clean.as_dict(), "spun_documents": self.spun.as_dict()},
            "flags_touched": self.flags_touched,
            "furniture": self.furniture._asdict(),
            "residual_per_100_words": self.residual,
            "similarity": self.similarity,
            "gate": None if self.gate is None else vars(self.gate),
            "set_aside": self.set_aside,
            "absent": self.absent,
            "worst_rules": [{"rule": rule, **tally.as_dict()} for rule, tally in self.worst_rules(20)],
            "cases": [case._asdict() for kind in CASE_KINDS for case in self.cases_of(kind)[:cases]],
        }

    def worst_rules(self, most: int) -> list[tuple[str, Tally]]:
        """The rules with the most wrong and harmful edits."""
        ranked = sorted(self.rules.items(), key=lambda item: (-item[1].wrong - item[1].harmful, item[0]))
        return [(rule, tally) for rule, tally in ranked[:most] if tally.wrong + tally.harmful]

    def cases_of(self, kind: CaseKind) -> list[Case]:
        """The cases of one kind, those that share rule or wording together, the most frequent first."""
        cases = [case for case in self.cases if case.kind == kind]
        frequency = Counter(map(_case_key, cases))
        return sorted(cases, key=lambda case: (-frequency[_case_key(case)], _case_key(case), case.document, case.start))


def _case_key(case: Case) -> tuple[str, ...]:
    return case.rules or (case.before.lower(), case.wanted.lower())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
