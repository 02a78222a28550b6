"""The repair of one article: START READING HERE for how the pieces of this folder work together.

    encoding → typed spans → all hits on the unmodified text → gate → evidence → one total order resolves overlaps
    → all edits applied at once → agreement at their borders

No rule sees another rule's output within a round: the mapping of a spinner is cyclic (extra → additional → further), and
a cascade would run round it. A repaired text is read again until nothing more is found, which the gate brings about at
once, since the repaired text holds no marker; so a second run proposes nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dedupe.config import RepairSettings
from dedupe.model import Article, Edit, Flag, Repair, Role, Tier
from dedupe.repair.encoding import fix_encoding
from dedupe.repair.evidence import Witnesses
from dedupe.repair.gate import TIER_WEIGHTS, Judgement, Verdict, judge
from dedupe.repair.grammar import (
    article_before,
    article_clashes,
    doubles_a_word,
    fitting_article,
    is_name_part,
    match_case,
)
from dedupe.repair.layout import read_layout
from dedupe.repair.match import Form, FormIndex, Hit, expand_rules, fold
from dedupe.repair.neighbours import BORDER, Neighbourhood, PatternParser
from dedupe.repair.resolve import Proposal, resolve
from dedupe.repair.spans import compile_allowed, find_paragraphs, find_protected, find_quotations, overlapping
from dedupe.repair.spintax import find_spintax
from dedupe.text.edits import Span, apply_spans, compose_spans
from dedupe.text.lexicon import Lexicon

_ROUNDS = 4
_SPINTAX_WEIGHT = 2.5
_ISLAND_WORDS = 60  # a paragraph as long as this without any marker is clean, whatever stands around it
_ALWAYS: frozenset[str] = frozenset({"safe", "context"})


@dataclass(frozen=True)
class _Reading:
    """One field under repair: its text with its typed spans."""

    field: str
    text: str
    repairer: Repairer

    @cached_property
    def quotations(self) -> list[tuple[int, int]]:
        return find_quotations(self.text)

    @cached_property
    def protected(self) -> list[tuple[int, int]]:
        return find_protected(self.text, self.repairer.allowed)

    @cached_property
    def paragraphs(self) -> list[tuple[int, int]]:
        return find_paragraphs(self.text)


@dataclass(frozen=True)
class _Marker:
    start: int
    form: str
    weight: float


class Repairer:
    """Repairs articles with one lexicon and one set of settings. Build it once: expanding the tables takes a moment.

    `skipped` counts, per rule id, the documents for which a rule's regular expression ran out of time.
    """

    def __init__(self, lexicon: Lexicon, settings: RepairSettings, parser: PatternParser | None = None) -> None:
        self.lexicon, self.settings = lexicon, settings
        self.allowed = compile_allowed(lexicon.allow)
        self.skipped: dict[str, int] = {}
        forms = expand_rules(lexicon, parser)
        self._all = FormIndex(forms)
        self._always = FormIndex(f for f in forms if f.rule.rule.tier in _ALWAYS or fold(f.text) in lexicon.markers)

    def repair(self, article: Article, witnesses: Iterable[str] = ()) -> Repair:
        """All edits, flags and roles found in one article; nothing is applied.

        `witnesses` are other versions of the text, whose wording decides between candidates.
        """
        sources = {name: value for name, value in article_fields(article).items() if name in self.settings.fields and value}
        proof = Witnesses(witnesses)
        edits: dict[str, list[Edit]] = {name: [] for name in sources}
        asked: list[Edit] = []
        flags: list[Flag] = []
        roles: list[Role] = []
        judgement = Judgement("clean", 0.0, 0)
        timed_out: set[str] = set()
        for name, source in sources.items():
            if self.settings.encoding:
                edits[name] = [_edit(article.id, name, source, s, "layout.encoding", "safe") for s in fix_encoding(source)]
        for round_number in range(_ROUNDS if self.settings.spin != "assume" else 1):
            texts = {name: apply_spans(source, _spans(edits[name])) for name, source in sources.items()}
            readings = [_Reading(name, text, self) for name, text in texts.items()]
            found, verdict = self._read_all(article.id, readings, proof, timed_out)
            if round_number == 0:
                judgement = verdict
                for reading in readings:
                    layout_flags, layout_roles = self._layout_notes(reading)
                    flags += layout_flags
                    roles += layout_roles
                    flags += [_flag(edit) for edit in found[reading.field] if edit.tier == "flag"]
                    asked += _in_source(edits[reading.field], [e for e in found[reading.field] if e.tier == "ask"])
            automatic = {name: [edit for edit in new if edit.automatic] for name, new in found.items()}
            if not any(automatic.values()):
                break
            for name, new in automatic.items():
                edits[name] = _compose(article.id, name, sources[name], edits[name], new)
        for rule_id in timed_out:
            self.skipped[rule_id] = self.skipped.get(rule_id, 0) + 1
        settled = [edit for name in sources for edit in edits[name]]
        open_questions = [edit for edit in asked if not _meets(edit, edits[edit.field])]
        return Repair(
            article=article.id,
            digest=fields_digest(sources),
            edits=tuple(sorted(settled + open_questions, key=lambda e: (e.field, e.start, e.end, e.tier, e.rules))),
            flags=tuple(flags),
            roles=tuple(roles),
            verdict=judgement.verdict,
            score=judgement.score,
        )

    def describe_skipped(self) -> list[str]:
        """In words, which rules ran out of time and in how many articles they were skipped."""
        return [f"rule {rule} ran out of time and was skipped in {n:,} articles" for rule, n in sorted(self.skipped.items())]

    def judge(self, article: Article) -> Judgement:
        """The gate's verdict alone, over the fields that may be repaired: what the choice of a canonical needs."""
        readings = [
            _Reading(name, value, self)
            for name, value in article_fields(article).items()
            if name in self.settings.fields and value
        ]
        markers = {reading.field: list(self._markers(reading, self._always.find(reading.text), set())) for reading in readings}
        return self._judge_document(readings, markers)

    # -- one round ----------------------------------------------------------------------------------------------------

    def _read_all(
        self, article_id: str, readings: Sequence[_Reading], proof: Witnesses, timed_out: set[str]
    ) -> tuple[dict[str, list[Edit]], Judgement]:
        """The edits of every field in this round, and the gate's judgement on the whole."""
        hits = {reading.field: self._always.find(reading.text) for reading in readings}
        markers = {reading.field: list(self._markers(reading, hits[reading.field], timed_out)) for reading in readings}
        document = self._judge_document(readings, markers)
        found: dict[str, list[Edit]] = {}
        for reading in readings:
            verdicts = self._paragraph_verdicts(reading, markers[reading.field], document.verdict)
            if any(verdict != "clean" for verdict in verdicts.values()):
                hits[reading.field] = self._all.find(reading.text)
            proposals = list(self._layout_proposals(reading))
            if self.settings.spin != "off":
                proposals += self._spintax(reading, verdicts)
                proposals += self._proposals(reading, hits[reading.field], verdicts, proof, timed_out)
            chosen = agree(reading.text, resolve(proposals))
            found[reading.field] = [
                Edit(
                    article=article_id,
                    field=reading.field,
                    start=p.start,
                    end=p.end,
                    before=reading.text[p.start : p.end],
                    after=p.after,
                    rules=p.rules,
                    tier=p.tier,
                    in_quote=overlapping(reading.quotations, p.start, p.end) is not None,
                    evidence=p.evidence,
                )
                for p in chosen
            ]
        return found, document

    def _judge_document(self, readings: Sequence[_Reading], markers: Mapping[str, Sequence[_Marker]]) -> Judgement:
        weights = {marker.form: marker.weight for found in markers.values() for marker in found}
        words = sum(len(reading.text.split()) for reading in readings)
        judgement = judge(weights, words, self.lexicon.gate)
        forced: dict[str, Verdict] = {"assume": "spun", "off": "clean"}
        return judgement._replace(verdict=forced.get(self.settings.spin, judgement.verdict))

    def _markers(self, reading: _Reading, hits: Iterable[Hit], timed_out: set[str]) -> Iterator[_Marker]:
        """The markers an automatic rule answers; a form barred by its neighbours or by a protected span does not count."""
        for hit in hits:
            if overlapping(reading.protected, hit.start, hit.end):
                continue
            place = Neighbourhood(reading.text, hit.start, hit.end)
            for form in hit.forms:
                name = fold(form.text)
                weight = self.lexicon.markers.get(name, TIER_WEIGHTS.get(form.rule.rule.tier, 0.0))
                if weight and self._holds(form, place, timed_out):
                    yield _Marker(hit.start, name, weight)
                    break
        for leftover in find_spintax(reading.text):
            if len(leftover.options) == 1:
                yield _Marker(leftover.start, "{}", _SPINTAX_WEIGHT)

    def _paragraph_verdicts(
        self, reading: _Reading, markers: Sequence[_Marker], document: Verdict
    ) -> dict[tuple[int, int], Verdict]:
        """The verdict on each paragraph: the document's, but for spun splices in clean text and clean islands in spun text."""
        verdicts: dict[tuple[int, int], Verdict] = {}
        for start, end in reading.paragraphs:
            inside = {marker.form: marker.weight for marker in markers if start <= marker.start < end}
            words = len(reading.text[start:end].split())
            verdict = document
            if self.settings.spin == "auto" and document == "spun" and not inside and words >= _ISLAND_WORDS:
                verdict = "clean"
            elif self.settings.spin == "auto" and document != "spun":
                alone = judge(inside, words, self.lexicon.gate).verdict
                verdict = alone if alone == "spun" else document
            verdicts[start, end] = verdict
        return verdicts

    def _proposals(
        self,
        reading: _Reading,
        hits: Iterable[Hit],
        verdicts: Mapping[tuple[int, int], Verdict],
        proof: Witnesses,
        timed_out: set[str],
    ) -> Iterator[Proposal]:
        for hit in hits:
            if overlapping(reading.protected, hit.start, hit.end):
                continue
            paragraph = overlapping(reading.paragraphs, hit.start, hit.end)
            verdict = verdicts[paragraph] if paragraph else "clean"
            in_quote = overlapping(reading.quotations, hit.start, hit.end) is not None
            place = Neighbourhood(reading.text, hit.start, hit.end)
            for form in hit.forms:
                tier = self._effective_tier(form, verdict, in_quote)
                if tier is not None and self._holds(form, place, timed_out):
                    proposal = self._propose(reading.text, hit, form, tier, place, proof)
                    if proposal is not None:
                        yield proposal

    def _effective_tier(self, form: Form, verdict: Verdict, in_quote: bool) -> Tier | None:
        """The tier at which a rule acts here; None where it must be silent."""
        tier = form.rule.rule.tier
        if verdict == "clean":
            # a lone hit in a long clean text is more likely the writer's own wording than a trace of spin
            return {"safe": tier, "context": "ask"}.get(tier)
        if tier == "spun" and verdict != "spun":
            return "ask"
        spare_quotes = verdict != "spun" or self.settings.quotes != "spun"
        if in_quote and spare_quotes and tier in {"context", "spun", "witness"}:
            return "ask"
        if in_quote and self.settings.quotes == "ask" and tier == "safe":
            return "ask"
        return tier

    def _propose(self, text: str, hit: Hit, form: Form, tier: Tier, place: Neighbourhood, proof: Witnesses) -> Proposal | None:
        """The rule's proposal for this hit, with the original that the evidence favours; None if it changes nothing."""
        rule = form.rule.rule
        before = text[hit.start : hit.end]
        exact = rule.spun != rule.spun.lower()
        originals = form.participles if _is_participle(place, self.lexicon) else form.originals
        answers = [original if exact else match_case(before, original) for original in originals]
        if tier == "flag":
            return Proposal(hit.start, hit.end, answers[0] if answers else before, (rule.id,), tier, len(rule.when) > 0)
        after, evidence = _choose(text, hit, answers, place, proof)
        if tier == "spun" and not exact and is_name_part(text, hit.start, hit.end):
            tier = "ask"
        if tier == "witness" and "witness" not in evidence:
            tier = "ask"
        if after == before or doubles_a_word(text, hit.start, hit.end, after):
            return None
        return Proposal(hit.start, hit.end, after, (rule.id,), tier, len(rule.when) > 0, evidence)

    def _holds(self, form: Form, place: Neighbourhood, timed_out: set[str]) -> bool:
        rule_id = form.rule.rule.id
        if rule_id in timed_out:
            return False
        try:
            return form.rule.holds(place, self.settings.regex_timeout)
        except TimeoutError:
            timed_out.add(rule_id)
            return False

    def _spintax(self, reading: _Reading, verdicts: Mapping[tuple[int, int], Verdict]) -> Iterator[Proposal]:
        for leftover in find_spintax(reading.text):
            if overlapping(reading.protected, leftover.start, leftover.end):
                continue
            paragraph = overlapping(reading.paragraphs, leftover.start, leftover.end)
            certain = len(leftover.options) == 1 and paragraph is not None and verdicts[paragraph] == "spun"
            tier: Tier = "spun" if certain else "ask"
            yield Proposal(leftover.start, leftover.end, leftover.options[0], ("spintax.braces",), tier, True)

    def _layout_proposals(self, reading: _Reading) -> Iterator[Proposal]:
        if self.settings.layout and reading.field == "text":
            for span, name in read_layout(reading.text, reading.field, self.lexicon).edits:
                yield Proposal(span.start, span.end, span.after, (name,), "safe", True)

    def _layout_notes(self, reading: _Reading) -> tuple[list[Flag], list[Role]]:
        if not self.settings.layout or reading.field != "text":
            return [], []
        layout = read_layout(reading.text, reading.field, self.lexicon)
        return layout.flags, layout.roles


def article_fields(article: Article) -> dict[str, str]:
    """Every text field of an article by name: text, title, and the further ones."""
    return {"text": article.text, "title": article.title, **article.fields}


def fields_digest(fields: Mapping[str, str]) -> str:
    """A SHA-256, in hex, over names and values of the fields: an edit applies to this text and no other."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        for part in (name, fields[name]):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def agree(text: str, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals with "a" and "an" made to fit at their borders: an article right before an edit is taken into it.

    >>> agree("a deal", [Proposal(2, 6, "agreement", ("r",), "safe", False)])[0].after
    'an agreement'
    """
    agreed: list[Proposal] = []
    for proposal in proposals:
        article = article_before(text, proposal.start) if proposal.after and proposal.tier != "flag" else None
        if article is not None and (not agreed or agreed[-1].end <= article[0]):
            start, spelling = article
            fitting = fitting_article(spelling, proposal.after)
            if fitting != spelling:
                between = text[start + len(spelling) : proposal.start]
                proposal = dataclasses.replace(
                    proposal,
                    start=start,
                    after=fitting + between + proposal.after,
                    rules=(*proposal.rules, "grammar.article"),
                )
        agreed.append(proposal)
    return agreed


def _choose(text: str, hit: Hit, answers: Sequence[str], place: Neighbourhood, proof: Witnesses) -> tuple[str, tuple[str, ...]]:
    """The answer that the evidence favours, and what the evidence is: a witness, else the article before the hit."""
    if proof:
        left = place.left[0] if place.left and place.left[0] != BORDER else ""
        right = place.right[0] if place.right and place.right[0] != BORDER else ""
        against = proof.support(left, text[hit.start : hit.end], right)
        support = [proof.support(left, answer, right) for answer in answers]
        best = max(support)
        if best > against:
            return answers[support.index(best)], ("witness",)
    if article_clashes(text, hit.start, text[hit.start : hit.end]):
        fitting = [answer for answer in answers if not article_clashes(text, hit.start, answer)]
        if fitting:
            return fitting[0], ("article",)
    return answers[0], ()


def _is_participle(place: Neighbourhood, lexicon: Lexicon) -> bool:
    """Whether the word before the hit, adverbs aside, is a form of be or have."""
    auxiliaries = lexicon.word_lists["Be"] | lexicon.word_lists["Have"]
    for word in place.left:
        folded = fold(word)
        if folded in auxiliaries:
            return True
        if not folded.endswith("ly") and folded not in {"not", "also", "been", "yet", "never"}:
            return False
    return False


def _spans(edits: Iterable[Edit]) -> list[Span]:
    return [Span(edit.start, edit.end, edit.after) for edit in edits]


def _edit(article_id: str, field: str, source: str, span: Span, rule: str, tier: Tier) -> Edit:
    before = source[span.start : span.end]
    return Edit(article_id, field, span.start, span.end, before, span.after, (rule,), tier)


def _flag(edit: Edit) -> Flag:
    note = f"{edit.rules[0]}: perhaps {edit.after!r}" if edit.after != edit.before else edit.rules[0]
    return Flag("suspicious-wording", edit.field, edit.start, edit.end, note)


def _compose(article_id: str, field: str, source: str, first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """The edits of two rounds as one list in source coordinates; a merged edit names the rules of both."""
    if not first:
        return list(second)
    composed = []
    for span, early, late in compose_spans(source, _spans(first), _spans(second)):
        parents = [first[i] for i in early] + [second[i] for i in late]
        before = source[span.start : span.end]
        if before == span.after:
            continue
        composed.append(
            dataclasses.replace(
                parents[-1],
                article=article_id,
                field=field,
                start=span.start,
                end=span.end,
                before=before,
                after=span.after,
                rules=tuple(dict.fromkeys(rule for parent in parents for rule in parent.rules)),
                in_quote=any(parent.in_quote for parent in parents),
                evidence=tuple(dict.fromkeys(item for parent in parents for item in parent.evidence)),
            )
        )
    return composed


def _in_source(applied: Sequence[Edit], proposed: Iterable[Edit]) -> list[Edit]:
    """Edits on the text after `applied`, moved to source coordinates; those that touch an applied edit are dropped."""
    moved = []
    for edit in proposed:
        shift = 0
        for earlier in applied:
            image_start = earlier.start - shift
            if image_start >= edit.end:
                break
            shift += (earlier.end - earlier.start) - len(earlier.after)
        candidate = dataclasses.replace(edit, start=edit.start + shift, end=edit.end + shift)
        if not _meets(candidate, applied):
            moved.append(candidate)
    return moved


def _meets(edit: Edit, others: Iterable[Edit]) -> bool:
    return any(edit.start < other.end and other.start < edit.end for other in others if other.field == edit.field)
