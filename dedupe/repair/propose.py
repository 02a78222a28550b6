"""Proposals: what the rules, the spintax pass and the layout pass would change in one reading, each at the tier that
the verdict on its paragraph and the policy on quotations leave it."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dedupe.config import RepairSettings
from dedupe.model import AUTOMATIC_TIERS, Tier
from dedupe.repair.context import Context, Guess
from dedupe.repair.evidence import Witnesses
from dedupe.repair.folding import fold
from dedupe.repair.gate import Verdict
from dedupe.repair.glance import UNANSWERED, Glance
from dedupe.repair.grammar import (
    Casing,
    agree_verb,
    announced_number,
    article_clashes,
    compare,
    doubles_a_word,
    fit_possessive,
    has_inner_capital,
    is_name_part,
    match_case,
    subject_number,
)
from dedupe.repair.match import Form, Hit
from dedupe.repair.neighbours import BORDER, Neighbourhood
from dedupe.repair.opinion import Opinion
from dedupe.repair.reading import Reading, Sign
from dedupe.repair.resolve import Proposal, resolve
from dedupe.repair.spans import Range, overlapping
from dedupe.text.edits import Span
from dedupe.text.lexicon import Lexicon

_SPINTAX_ODDS = 2.5
_DEGREES = ("more", "most", "extra")  # before an adjective
_BEFORE_ADJECTIVE, _LONGEST_DEGREE = tuple(f"{degree} " for degree in _DEGREES), 6  # characters
_SURE_OF_NAMES = 2.0  # nats that a sentence must gain where a name may be changed
_EVEN_IN_CLEAN: Mapping[Tier, Tier] = {"safe": "safe", "context": "ask"}  # the rules that speak in clean text, and how
_PROSE = Casing("", full_of_capitals=False)
_UNNUMBERED = ("had been", "used to be")  # what stands for was and were alike


class IfSpun:
    """What the rules would propose at each hit were the text spun. Most hits are never asked for."""

    def __init__(self, propose: Callable[[Hit], Sequence[Proposal]]) -> None:
        self._propose = propose
        self._known: dict[Range, Sequence[Proposal]] = {}

    def at(self, hit: Hit) -> Sequence[Proposal]:
        """The proposals at a hit."""
        place = (hit.start, hit.end)
        if place not in self._known:
            self._known[place] = self._propose(hit)
        return self._known[place]


@dataclass(frozen=True)
class Proposer:
    """Proposes edits for the readings of one article. `timed_out` gathers the rules whose patterns ran out of time."""

    lexicon: Lexicon
    settings: RepairSettings
    witnesses: Witnesses
    timed_out: set[str]

    def propose(
        self, reading: Reading, hits: Iterable[Hit], verdicts: Mapping[Range, Verdict], if_spun: IfSpun
    ) -> Iterator[Proposal]:
        """Every proposal for a reading, overlapping ones included."""
        if self.settings.layout:
            yield from self._propose_layout(reading)
        if self.settings.spin != "off":
            yield from self._propose_spintax(reading, verdicts)
            known: list[Proposal] = []
            for hit in hits:
                verdict = _verdict_at(reading, hit.start, hit.end, verdicts)
                known += if_spun.at(hit) if verdict == "spun" else self._propose_wording(reading, hit, verdict)
            yield from (proposal for proposal in known if self.timed_out.isdisjoint(proposal.rules))

    def propose_if_spun(self, reading: Reading) -> IfSpun:
        """What the rules would propose if the whole text were spun."""
        return IfSpun(lambda hit: list(self._propose_wording(reading, hit, "spun")))

    def find_signs(self, reading: Reading, hits: Sequence[Hit], if_spun: IfSpun, glance: Glance) -> Iterator[Sign]:
        """The signs of spin in a reading: what rules would undo by themselves if it were spun, and left-over braces.

        A form that no rule would undo where it stands says less, and is never a strong sign.
        hits: sorted by start, longer ones first.
        """
        concerned = _beside_signs(reading.text, hits, glance)
        swaps = resolve(swap for hit in concerned for swap in if_spun.at(hit) if swap.tier in AUTOMATIC_TIERS)
        for swap in swaps:
            form = fold(reading.text[swap.start : swap.end])
            if odds := glance.sign(form):
                yield Sign(swap.start, form, odds)
        answered = [(swap.start, swap.end) for swap in swaps]
        reach = 0
        for hit in hits:
            if hit.start >= reach and not overlapping(answered, hit.start, hit.end):
                form = fold(reading.text[hit.start : hit.end])
                odds = min(glance.sign(form) * UNANSWERED, self.lexicon.gate.strong - 0.1)
                if odds and not reading.is_protected(hit.start, hit.end):
                    yield Sign(hit.start, form, odds)
                    reach = hit.end
        for leftover in reading.spintax:
            if leftover.certain:
                yield Sign(leftover.start, "{}", _SPINTAX_ODDS)

    def _propose_layout(self, reading: Reading) -> Iterator[Proposal]:
        for start, end, after, name in reading.layout.changes:
            yield Proposal(start, end, after, (name,), "safe", True)

    def _propose_spintax(self, reading: Reading, verdicts: Mapping[Range, Verdict]) -> Iterator[Proposal]:
        for leftover in reading.spintax:
            spun = _verdict_at(reading, leftover.start, leftover.end, verdicts) == "spun"
            tier: Tier = "spun" if spun and leftover.certain else "ask"
            yield Proposal(leftover.start, leftover.end, leftover.options[0], ("spintax.braces",), tier, True)

    def _propose_wording(self, reading: Reading, hit: Hit, verdict: Verdict) -> Iterator[Proposal]:
        forms = hit.forms
        if verdict == "clean":  # most hits have none that speak there
            forms = [form for form in forms if form.rule.rule.tier in _EVEN_IN_CLEAN]
        if not forms or reading.is_protected(hit.start, hit.end) or reading.is_open_choice(hit.start, hit.end):
            return
        quoted = reading.is_quoted(hit.start, hit.end)
        place = reading.place(hit.start, hit.end)
        for form in forms:
            tier = self._effective_tier(form.rule.rule.tier, verdict, quoted)
            if tier is not None and self._holds(form, place):
                proposal = self._answer(reading, hit, form, tier, place)
                if proposal is not None:
                    yield proposal

    def _effective_tier(self, tier: Tier, verdict: Verdict, quoted: bool) -> Tier | None:
        """The tier at which a rule acts here; None where it must be silent."""
        if verdict == "clean":
            # a lone hit in a long clean text is more likely the writer's own wording than a trace of spin
            return _EVEN_IN_CLEAN.get(tier)
        if tier == "spun" and verdict != "spun":
            return "ask"
        spare_quotes = verdict != "spun" or self.settings.quotes != "spun"
        if quoted and spare_quotes and tier in {"context", "spun", "witness"}:
            return "ask"
        if quoted and self.settings.quotes == "ask" and tier == "safe":
            return "ask"
        return tier

    def _answer(self, reading: Reading, hit: Hit, form: Form, tier: Tier, place: Neighbourhood) -> Proposal | None:
        """The rule's proposal for this hit, with the original that the evidence favours; None if it changes nothing."""
        text, rule = reading.text, form.rule.rule
        before = text[hit.start : hit.end]
        exact = rule.spun != rule.spun.lower()
        if not exact and has_inner_capital(before):
            return None
        line = _casing(reading, hit.start, hit.end)
        if not exact and _is_abbreviation(before, line):
            return None
        originals = form.originals
        if form.participles != originals and _is_participle(place, self.lexicon):
            originals = form.participles
        answers = [_spell(reading, before, original, line, exact) for original in originals]
        contextual = bool(rule.when)
        if tier == "flag":
            return Proposal(hit.start, hit.end, answers[0] if answers else before, (rule.id,), tier, contextual)
        after, evidence = _choose(text, hit, answers, place, self.witnesses)
        if tier == "spun" and not exact and not contextual and is_name_part(text, hit.start, line):
            tier = "ask"
        if tier == "witness" and "witness" not in evidence:
            tier = "ask"
        observed = "data:" in rule.source
        knows_number = contextual and (observed or fold(place.left[0]) not in {",", "there"})
        after, unsure = self._agree_number(before, after, place, knows_number)
        if unsure and tier == "spun":
            tier = "ask"
        return self._fit(reading, Proposal(hit.start, hit.end, after, (rule.id,), tier, contextual, evidence, observed), place)

    def propose_guesses(
        self, reading: Reading, context: Context | Opinion, verdicts: Mapping[Range, Verdict], settled: Sequence[Proposal]
    ) -> Iterator[Proposal]:
        """What the sentences of the spun paragraphs tell of known forms that the `settled` proposals leave as they stand."""
        least = context.least_gain(assumed=self.settings.spin == "assume")
        made = [proposal for proposal in settled if proposal.tier in AUTOMATIC_TIERS]
        starts, ends = [proposal.start for proposal in made], [end for _, end in reading.closed]
        for start, end in (bounds for bounds, verdict in verdicts.items() if verdict == "spun"):
            inside = made[bisect_left(starts, start) : bisect_left(starts, end)]
            written = [Span(p.start - start, p.end - start, p.after) for p in inside if p.end <= end]
            near = reading.closed[bisect_right(ends, start) : bisect_left(reading.closed, (end, end))]
            closed = [(first - start, last - start) for first, last in near]
            for guess in context.guess(reading.text[start:end], written, closed, least):
                proposal = self._propose_guess(reading, guess, start)
                if proposal is not None:
                    yield proposal

    def _propose_guess(self, reading: Reading, guess: Guess, offset: int) -> Proposal | None:
        start, end = guess.start + offset, guess.end + offset
        if fold(reading.text[start:end]).startswith(_UNNUMBERED):
            return None  # good English everywhere; the rules look at the subject
        line, place = _casing(reading, start, end), reading.place(start, end)
        before = reading.text[start:end]
        if _is_abbreviation(before, line):
            return None
        after = _spell(reading, before, guess.original, line, exact=False)
        tier = self._effective_tier("spun", "spun", reading.is_quoted(start, end))
        sides = _nearest(place.left), _nearest(place.right)
        if self.witnesses.support(sides[0], before, sides[1]) > self.witnesses.support(sides[0], after, sides[1]):
            return None  # another version has it as it stands
        if tier is None or (is_name_part(reading.text, start, line) and guess.gain < _SURE_OF_NAMES):
            tier = "ask"
        return self._fit(reading, Proposal(start, end, after, (guess.name,), tier, True, ("context",)), place)

    def _fit(self, reading: Reading, proposal: Proposal, place: Neighbourhood) -> Proposal | None:
        """The proposal made to agree with what stands around it; None if it would change nothing, or double a word."""
        text = reading.text
        fitted = self._fit_borders(text, proposal.start, proposal.end, proposal.after, place)
        if fitted is None:
            return None
        start, end, after = fitted
        if after == text[start:end] or doubles_a_word(text, start, end, after):
            return None
        return dataclasses.replace(proposal, start=start, end=end, after=after)

    def _agree_number(self, before: str, after: str, place: Neighbourhood, knows_number: bool) -> tuple[str, bool]:
        """The answer in the number of its subject, and whether the writer may have put it himself, or the number is open.

        A spinner writes "had been" for "were", hardly for "was": of one thing it may be the writer's own.
        knows_number: whether the neighbours that the rule names stand in for a subject that cannot be read.
        """
        is_past = after in {"was", "were"} or after.startswith(("was ", "were "))
        if not is_past or not fold(before).startswith(_UNNUMBERED):
            return after, False
        if fold(place.left[0]) == "there":
            number = announced_number([*fold(after).split()[1:], *place.right], self._irregular_plurals)
        else:
            number = subject_number(place.left, self._irregular_plurals)
        if number == "plural" and self._may_be_name_in_s(place.left[0]):
            number = "singular"
        if number is None:
            return after, not knows_number
        return agree_verb(after, number), number == "singular" and after.startswith("were")

    def _may_be_name_in_s(self, word: str) -> bool:
        """Whether a word may be a name like Reyes or Texas, for all its s."""
        return word[:1].isupper() and word.endswith("s") and fold(word) not in self.lexicon.odds

    def _fit_borders(self, text: str, start: int, end: int, after: str, place: Neighbourhood) -> tuple[int, int, str] | None:
        """Start, end and wording of an edit, with the ending of a possessive taken in, or "more" before a short adjective.

        None where a short adjective would follow "more" and cannot be compared: that was not the writer's word.
        """
        end, after = fit_possessive(text, end, text[start:end], after)
        degree = place.left[0]
        if degree.lower() not in _DEGREES:
            return start, end, after
        compared = compare(degree, after, self.lexicon.word_lists["Adj"], self.lexicon.irregulars)
        if compared is None:
            return start, end, after
        listed = place.right[0].lower() in {"and", "or", ","}  # "more robust and lasting"
        bare = degree.lower() == "most" and place.left[1].lower() not in self.lexicon.word_lists["Det"]  # "most young men"
        if listed or bare or degree.lower() == "extra" or not text.endswith(f"{degree} ", 0, start):
            return None
        return start - len(degree) - 1, end, compared

    @cached_property
    def _irregular_plurals(self) -> frozenset[str]:
        return frozenset(forms[1] for (part, _), forms in self.lexicon.irregulars.items() if part == "n")

    def _holds(self, form: Form, place: Neighbourhood) -> bool:
        rule_id = form.rule.rule.id
        if rule_id in self.timed_out:
            return False
        try:
            return form.rule.holds(place, self.settings.regex_timeout)
        except TimeoutError:
            self.timed_out.add(rule_id)
            return False


def _beside_signs(text: str, hits: Sequence[Hit], glance: Glance) -> Iterator[Hit]:
    """The hits that are signs of spin, or might overlap with what is made of one that is. `hits`: sorted by start."""
    group: list[Hit] = []
    reach, has_sign = 0, False
    for hit in hits:
        if group and _first_touched(text, hit.start) >= reach:
            yield from group if has_sign else ()
            group, has_sign = [], False
        group.append(hit)
        reach = max(reach, hit.end + 2 if text[hit.end : hit.end + 1] in {"'", "’"} else hit.end)
        has_sign = has_sign or glance.sign(fold(text[hit.start : hit.end])) > 0
    yield from group if has_sign else ()


def _first_touched(text: str, start: int) -> int:
    """Where an edit of what begins at `start` begins: a degree before it may be taken in."""
    before = text[max(0, start - _LONGEST_DEGREE) : start]
    return start - _LONGEST_DEGREE if before.lower().endswith(_BEFORE_ADJECTIVE) else start


def _casing(reading: Reading, start: int, end: int) -> Casing:
    """How the line around a hit is written, where that matters."""
    return reading.casing(start, end) if reading.text[start].isupper() else _PROSE


def _is_abbreviation(before: str, line: Casing) -> bool:
    """Whether a hit is written in capitals where its line is not: "COPS"."""
    return line.case != "upper" and len(before) > 1 and before.isalpha() and before.isupper()


def _spell(reading: Reading, before: str, original: str, line: Casing, exact: bool) -> str:
    """An original as this text would write it in the place of `before`; an exact one keeps its letter case."""
    answer = reading.fit_spelling(original if exact else match_case(before, original, line.case), exact)
    return answer.replace("'", "’") if "’" in reading.text else answer  # the tables are written with straight ones


def _verdict_at(reading: Reading, start: int, end: int, verdicts: Mapping[Range, Verdict]) -> Verdict:
    paragraph = overlapping(reading.paragraphs, start, end)
    return verdicts[paragraph] if paragraph else "clean"


def _choose(
    text: str, hit: Hit, answers: Sequence[str], place: Neighbourhood, witnesses: Witnesses
) -> tuple[str, tuple[str, ...]]:
    """The answer that the evidence favours, and what the evidence is: a witness, else the article before the hit."""
    before = text[hit.start : hit.end]
    if witnesses:
        left, right = _nearest(place.left), _nearest(place.right)
        support = [witnesses.support(left, answer, right) for answer in answers]
        if max(support) > witnesses.support(left, before, right):
            return answers[support.index(max(support))], ("witness",)
    if article_clashes(text, hit.start, before):
        fitting = [answer for answer in answers if not article_clashes(text, hit.start, answer)]
        if fitting:
            return fitting[0], ("article",)
    return answers[0], ()


def _nearest(words: Sequence[str]) -> str:
    return words[0] if words and words[0] != BORDER else ""


def _is_participle(place: Neighbourhood, lexicon: Lexicon) -> bool:
    """Whether the word before the hit, adverbs aside, is a form of be or have."""
    for word in map(fold, place.left):
        if word in lexicon.word_lists["Be"] or word in lexicon.word_lists["Have"]:
            return True
        if not word.endswith("ly") and word not in {"not", "also", "yet", "never"}:
            return False
    return False
