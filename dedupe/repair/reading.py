"""A reading: one field of an article under repair, with its typed spans and the verdict on each of its paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dedupe.repair.gate import Judgement, Verdict, is_splice, judge
from dedupe.repair.glance import Glance
from dedupe.repair.grammar import Casing, read_casing
from dedupe.repair.layout import Layout, read_layout
from dedupe.repair.neighbours import Neighbourhood, ParagraphWords
from dedupe.repair.outline import Paragraph, find_outline
from dedupe.repair.shape import Shapes
from dedupe.repair.slips import find_slips
from dedupe.repair.spans import Range, find_protected, find_quotations, merge_ranges, overlapping
from dedupe.repair.spintax import Leftover, find_spintax
from dedupe.text.lexicon import GateSettings, Lexicon
from dedupe.text.spelling import POINTS, Leaning, Spellings

# A paragraph as long as this can be an island of clean text in a spun one: a quoted statement, or a splice.
_ISLAND_WORDS = 40


@dataclass(frozen=True)
class Reading:
    """The text of one field. Spans are found when they are first asked for.

    `shapes` are those of the text; `allowed` matches what no rule may touch; `spellings` tells how the field spells.
    """

    field: str
    text: str
    shapes: Shapes
    lexicon: Lexicon
    allowed: re.Pattern[str] | None
    spellings: Spellings

    @cached_property
    def layout(self) -> Layout:
        """The layout defects and the roles of the paragraphs."""
        return read_layout(self.text, self.field, self.lexicon, self.shapes, self.outline)

    @cached_property
    def quotations(self) -> list[Range]:
        """The ranges inside quotation marks."""
        return find_quotations(self.text)

    @cached_property
    def protected(self) -> list[Range]:
        """The ranges that no rule may enter: addresses, code, allowed phrases, and numbers that are broken."""
        return merge_ranges([*find_protected(self.text, self.allowed), *find_slips(self.text, self.shapes)])

    @cached_property
    def spintax(self) -> list[Leftover]:
        """The leftovers of a spinner's template that no rule may change from within."""
        leftovers = find_spintax(self.text, self.shapes)
        return [leftover for leftover in leftovers if not self.is_protected(leftover.start, leftover.end)]

    @cached_property
    def outline(self) -> list[Paragraph]:
        """The lines that hold any text, and what is known of them."""
        return find_outline(self.text)

    @cached_property
    def paragraphs(self) -> list[Range]:
        """The ranges of these lines."""
        return [(paragraph.start, paragraph.end) for paragraph in self.outline]

    def fit_spelling(self, wording: str, is_name: bool) -> str:
        """The wording spelled as the document spells; a name keeps its letters, but not the points of "U.S."."""
        if not self.spellings.holds_any(wording):
            return wording
        return self.spellings.fit(wording, self._leaning, {POINTS} if is_name else None)

    @cached_property
    def _leaning(self) -> Leaning:
        return self.spellings.lean(self.text)

    def casing(self, start: int, end: int) -> Casing:
        """How the line around [start, end) is written."""
        bounds = overlapping(self.paragraphs, start, end) or (start, end)
        if bounds not in self._casings:
            self._casings[bounds] = read_casing(self.text[slice(*bounds)])
        return self._casings[bounds]

    @cached_property
    def _casings(self) -> dict[Range, Casing]:
        return {}

    def place(self, start: int, end: int) -> Neighbourhood:
        """The words around [start, end), which lies within one paragraph."""
        bounds = overlapping(self.paragraphs, start, end) or (start, end)
        if bounds not in self._words:
            self._words[bounds] = ParagraphWords(self.text, *bounds)
        return self._words[bounds].around(start, end)

    @cached_property
    def _words(self) -> dict[Range, ParagraphWords]:
        return {}

    def is_protected(self, start: int, end: int) -> bool:
        """Whether [start, end) shares anything with a protected range."""
        return overlapping(self.protected, start, end) is not None

    def is_quoted(self, start: int, end: int) -> bool:
        """Whether [start, end) shares anything with a quotation."""
        return overlapping(self.quotations, start, end) is not None

    def is_open_choice(self, start: int, end: int) -> bool:
        """Whether [start, end) shares anything with spintax that only a person can settle."""
        return overlapping(self._open_choices, start, end) is not None

    @cached_property
    def closed(self) -> list[Range]:
        """The ranges that are protected or can only be settled by a person."""
        return merge_ranges([*self.protected, *self._open_choices])

    @cached_property
    def _open_choices(self) -> list[Range]:
        return merge_ranges((s.start, s.end) for s in self.spintax if not s.certain)


@dataclass(frozen=True)
class Sign:
    """A sign of spin that a rule would undo, at an offset of a field: its form and its odds in nats."""

    start: int
    form: str
    odds: float


def judge_document(readings: Sequence[Reading], signs: Iterable[Sign], glance: Glance, gate: GateSettings) -> Judgement:
    """The gate's judgement on all fields together; a form that occurs several times counts once."""
    odds: dict[str, float] = {}
    for reading in readings:
        odds |= glance.plain(reading.text)
    odds |= {sign.form: sign.odds for sign in signs}
    return judge(odds.values(), sum(len(reading.text.split()) for reading in readings), gate)


def judge_paragraphs(
    reading: Reading, signs: Sequence[Sign], document: Verdict, glance: Glance, gate: GateSettings
) -> dict[Range, Verdict]:
    """The verdict on each paragraph: the document's, but for spun splices in clean text and clean islands in spun text."""
    if document != "spun" and not signs:
        return dict.fromkeys(reading.paragraphs, document)
    verdicts: dict[Range, Verdict] = {}
    odds_inside: dict[Range | None, dict[str, float]] = {}
    for sign in signs:
        odds_inside.setdefault(overlapping(reading.paragraphs, sign.start, sign.start + 1), {})[sign.form] = sign.odds
    for start, end in reading.paragraphs:
        inside = odds_inside.get((start, end), {})
        verdict = document
        if document == "spun" or inside:
            text = reading.text[start:end]
            odds, words = glance.plain(text) | inside, len(text.split())
            if document != "spun":
                verdict = "spun" if is_splice(odds.values(), words, gate) else document
            elif words >= _ISLAND_WORDS and sum(odds.values()) <= gate.island_odds:
                verdict = "clean"
        verdicts[start, end] = verdict
    return verdicts
