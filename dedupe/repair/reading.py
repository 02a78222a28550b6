"""A reading: one field of an article under repair, with its typed spans and the verdict on each of its paragraphs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dedupe.repair.gate import Judgement, Verdict, judge
from dedupe.repair.layout import Layout, read_layout
from dedupe.repair.neighbours import Neighbourhood
from dedupe.repair.resolve import Proposal
from dedupe.repair.spans import Range, find_paragraphs, find_protected, find_quotations, overlapping
from dedupe.text.lexicon import GateSettings, Lexicon

# A paragraph as long as this without any marker is clean, whatever stands around it.
_ISLAND_WORDS = 60


@dataclass(frozen=True)
class Reading:
    """The text of one field. `allowed` matches what no rule may touch. Spans are found when they are first asked for."""

    field: str
    text: str
    lexicon: Lexicon
    allowed: re.Pattern[str] | None

    @cached_property
    def layout(self) -> Layout:
        """The layout defects and the roles of the paragraphs."""
        return read_layout(self.text, self.field, self.lexicon)

    @cached_property
    def quotations(self) -> list[Range]:
        """The ranges inside quotation marks."""
        return find_quotations(self.text)

    @cached_property
    def protected(self) -> list[Range]:
        """The ranges that no rule may enter."""
        return find_protected(self.text, self.allowed)

    @cached_property
    def paragraphs(self) -> list[Range]:
        """The ranges of the lines that hold any text."""
        return find_paragraphs(self.text)

    def place(self, start: int, end: int) -> Neighbourhood:
        """The words around [start, end), read once however many rules ask."""
        if (start, end) not in self._places:
            self._places[start, end] = Neighbourhood(self.text, start, end)
        return self._places[start, end]

    @cached_property
    def _places(self) -> dict[Range, Neighbourhood]:
        return {}

    def wording(self, swap: Proposal) -> str:
        """What a proposal would replace, in small letters."""
        return self.text[swap.start : swap.end].lower()

    def is_protected(self, start: int, end: int) -> bool:
        """Whether [start, end) shares anything with a protected range."""
        return overlapping(self.protected, start, end) is not None

    def is_quoted(self, start: int, end: int) -> bool:
        """Whether [start, end) shares anything with a quotation."""
        return overlapping(self.quotations, start, end) is not None


@dataclass(frozen=True)
class Marker:
    """A marker at an offset of a field: its form and its weight in nats."""

    start: int
    form: str
    weight: float


def judge_document(
    readings: Sequence[Reading],
    markers: Mapping[str, Sequence[Marker]],
    swaps: Mapping[str, Sequence[Proposal]],
    gate: GateSettings,
) -> Judgement:
    """The gate's judgement on all fields together; a form that occurs several times counts once."""
    weights = {marker.form: marker.weight for found in markers.values() for marker in found}
    different = {reading.wording(swap) for reading in readings for swap in swaps[reading.field]}
    return judge(weights, len(different), sum(len(reading.text.split()) for reading in readings), gate)


def judge_paragraphs(
    reading: Reading, markers: Sequence[Marker], swaps: Sequence[Proposal], document: Verdict, gate: GateSettings
) -> dict[Range, Verdict]:
    """The verdict on each paragraph: the document's, but for spun splices in clean text and clean islands in spun text."""
    verdicts: dict[Range, Verdict] = {}
    for start, end in reading.paragraphs:
        inside = {marker.form: marker.weight for marker in markers if start <= marker.start < end}
        words = len(reading.text[start:end].split())
        verdict = document
        if document == "spun" and not inside and words >= _ISLAND_WORDS:
            verdict = "clean"
        elif document != "spun" and inside:
            different = {reading.wording(swap) for swap in swaps if start <= swap.start < end}
            judgement = judge(inside, len(different), words, gate)
            if judgement.verdict == "spun" and judgement.strong >= gate.splice_strong:
                verdict = "spun"
        verdicts[start, end] = verdict
    return verdicts
