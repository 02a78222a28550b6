"""The repair of one article: START READING HERE for how the pieces of this folder work together.

    encoding and residue → typed spans → all hits on the unmodified text → gate → evidence → one total order resolves overlaps
    → all edits applied at once → agreement at their borders

No rule sees another rule's output within a round: the mapping of a spinner is cyclic (extra → additional → further), and
a cascade would run round it. A repaired text is read again until nothing more is found, which the gate brings about at
once, since the repaired text holds no marker; where it does not and a rule would change what another has written, neither
acts. So a second run proposes nothing. Only who says that a text is spun (`spin="assume"`) should say so once: the words that
came back are ordinary ones, and in a spun text some of them would be suspect.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dedupe.config import RepairSettings
from dedupe.model import Article, Edit, Flag, Repair, Role, article_fields
from dedupe.repair.context import Context
from dedupe.repair.defects import Change
from dedupe.repair.encoding import fix_encoding
from dedupe.repair.evidence import Witnesses
from dedupe.repair.folding import fold
from dedupe.repair.gate import CLEAN, TIER_ODDS, Judgement, Verdict, is_splice, judge
from dedupe.repair.glance import Glance
from dedupe.repair.grammar import article_before, fitting_article
from dedupe.repair.layout import clean_residue
from dedupe.repair.match import FormIndex, Hit, expand_rules
from dedupe.repair.neighbours import PatternParser
from dedupe.repair.opinion import Opinion
from dedupe.repair.propose import IfSpun, Proposer
from dedupe.repair.reading import Reading, Sign, judge_document, judge_paragraphs
from dedupe.repair.resolve import Proposal, refuse_doubled, resolve
from dedupe.repair.rounds import add_round, compose_edits, drop_overlapping, move_ranges, move_to_source, spans_of
from dedupe.repair.shape import Shapes, find_shapes
from dedupe.repair.spans import Range, compile_allowed, find_paragraphs, overlapping
from dedupe.repair.synonyms import expand_rows
from dedupe.text.edits import Span, apply_spans
from dedupe.text.language_model import find_model, load_model
from dedupe.text.lexicon import SYNONYMS, Lexicon, builtin_rules, load_trigrams
from dedupe.text.spelling import Spellings

_ROUNDS = 4
_LONGEST = 1_000_000  # characters; what is longer is a book or a bomb, and is not repaired
_MOST = 20_000  # edits, or flags; a text that seems to need more is no article
_SHORT = 120  # words; a shorter text is looked at closely, for it has no room for many markers
_SLACK = 1e-6  # nats; sums of floating-point numbers differ by far less
_BEGINNING = 8 * _SHORT  # characters, of which a seventh or so are spaces


class _TooMuch(Exception):
    """What is to be repaired is no article."""


def _check(number: int, most: int, what: str) -> None:
    if number > most:
        raise _TooMuch(f"{number:,} {what}, more than an article has")


@dataclass(frozen=True)
class _Findings:
    """What is known of a field before anything is proposed. `if_spun`: what would be were it spun."""

    hits: Sequence[Hit]
    if_spun: IfSpun
    signs: Sequence[Sign]


class Repairer:
    """Repairs articles with one lexicon and one set of settings. Build it once: expanding the tables takes a moment.

    `skipped` counts, per rule id, the articles for which a rule's regular expression ran out of time.
    """

    def __init__(self, lexicon: Lexicon, settings: RepairSettings, parser: PatternParser | None = None) -> None:
        self.lexicon, self.settings = lexicon, settings
        self.skipped: dict[str, int] = {}
        self._model = find_model(settings.model) if settings.model else None
        self._allowed = compile_allowed(lexicon.allow)
        self._spellings = Spellings(lexicon.spelling)
        self._forms = expand_rules(lexicon, parser)
        built_in, odds = str(builtin_rules()), dict(lexicon.odds)
        for form in self._forms:
            if not form.rule.rule.origin.startswith(built_in):
                form.rule.parse()  # a fault in a user's table shows now and not hours later
                odds.setdefault(fold(form.text), TIER_ODDS.get(form.rule.rule.tier, 0.0))
        self._glance = Glance(self._forms, odds)

    def repair(self, article: Article, witnesses: Iterable[str] = ()) -> Repair:
        """All edits, flags and roles found in one article; nothing is applied.

        `witnesses` are other versions of the text, whose wording decides between candidates. A text that is too long or seems
        to need too many edits for an article is left as it is, with the flag `not-repaired`.
        """
        sources = self._sources(article)
        try:
            return self._repair(article, sources, witnesses)
        except _TooMuch as reason:
            flags = tuple(Flag("not-repaired", field, 0, 0, str(reason)) for field in sources)
            return Repair(article.id, fields_digest(sources), flags=flags)

    def _repair(self, article: Article, sources: Mapping[str, str], witnesses: Iterable[str]) -> Repair:
        _check(sum(map(len, sources.values())), _LONGEST, "characters")
        proposer = Proposer(self.lexicon, self.settings, Witnesses(witnesses), set())
        edits: dict[str, list[Edit]] = {field: [] for field in sources}
        asked: list[Edit] = []
        flags: list[Flag] = []
        roles: list[Role] = []
        held: dict[str, list[Span]] = {field: [] for field in sources}
        judgement = CLEAN
        for round_number in range(_ROUNDS):
            readings = []
            for field, source in sources.items():
                edits[field], text, shapes = self._clean(article.id, field, source, edits[field])
                readings.append(self._read(field, text, shapes))
            # what comes back are ordinary words; read again as spun, their neighbours would be suspects
            weigh = round_number == 0 or self.settings.spin == "auto"
            found, verdict = self._find_edits(article.id, readings, proposer, weigh=weigh)
            _check(sum(map(len, found.values())), _MOST, "edits")
            if round_number == 0:
                judgement = verdict
                for reading in readings:
                    doubtful = [_as_flag(edit) for edit in found[reading.field] if edit.tier == "flag"]
                    flags += move_ranges(edits[reading.field], doubtful)
                    asked += move_to_source(edits[reading.field], [e for e in found[reading.field] if e.tier == "ask"])
                    noted, typed = self._note_layout(reading, edits[reading.field])
                    flags, roles = flags + noted, roles + typed
                    _check(len(flags), _MOST, "flags")
            earlier, edits = edits, {}
            for field, new in found.items():
                automatic = [edit for edit in new if edit.automatic]
                edits[field], taken_back = add_round(
                    sources[field], earlier[field], automatic, held[field], first_stands=self.settings.spin == "assume"
                )
                asked += [dataclasses.replace(edit, tier="ask") for edit in taken_back]
            if edits == earlier:
                break
        for rule_id in proposer.timed_out:
            self.skipped[rule_id] = self.skipped.get(rule_id, 0) + 1
        settled = [edit for field in sources for edit in edits[field]]
        for field in sources:
            settled += drop_overlapping((edit for edit in asked if edit.field == field), edits[field])
        return Repair(
            article=article.id,
            digest=fields_digest(sources),
            edits=tuple(sorted(settled, key=lambda e: (e.field, e.start, e.end, e.tier, e.rules))),
            flags=tuple(flags),
            roles=tuple(roles),
            verdict=judgement.verdict,
            score=judgement.score,
        )

    def judge(self, article: Article) -> Judgement:
        """The gate's judgement alone: what the choice of a canonical needs."""
        sources = self._sources(article)
        if sum(map(len, sources.values())) > _LONGEST or self._look_at(sources.values()) is not None:
            return CLEAN
        readings = [self._read(field, source, find_shapes(source)) for field, source in sources.items()]
        try:
            return self._examine(readings, Proposer(self.lexicon, self.settings, Witnesses(), set()))[1]
        except _TooMuch:
            return CLEAN

    def describe_skipped(self) -> list[str]:
        """In words, which rules ran out of time and in how many articles they were skipped."""
        return [f"rule {rule} ran out of time and was skipped in {n:,} articles" for rule, n in sorted(self.skipped.items())]

    # Most texts need one of these indexes at most.

    @cached_property
    def _all(self) -> FormIndex:
        return FormIndex(self._forms, self._glance.signs, self._glance.sieve)

    @cached_property
    def _safe(self) -> FormIndex:
        return FormIndex(form for form in self._forms if form.rule.rule.tier == "safe")

    @cached_property
    def _context(self) -> Context | Opinion | None:
        """What weighs sentences, if that is asked for and the language has trigrams. Only spun texts need it."""
        trigrams = load_trigrams(self.settings.language) if self.settings.context else None
        if trigrams is None:
            return None
        # a user's rule acts as it says, and nowhere else
        forms = (form for form in self._forms if form.rule.rule.origin.startswith(str(builtin_rules())))
        context = Context(trigrams, self.lexicon.context, forms, self._speak())
        return Opinion(context, load_model(self._model), self.lexicon.context) if self._model else context

    def _speak(self) -> Iterator[tuple[str, str, int, str]]:
        """The (spun form, original, rank, name) of the synonyms that are not switched off."""
        off = self.lexicon.unspoken
        if SYNONYMS + "*" not in off:
            for spun, original, rank, base in expand_rows(self.lexicon, self.settings.language):
                if (name := SYNONYMS + base) not in off:
                    yield spun, original, rank, name

    def _find_edits(
        self, article_id: str, readings: Sequence[Reading], proposer: Proposer, *, weigh: bool
    ) -> tuple[dict[str, list[Edit]], Judgement]:
        """The edits of every field in this round, disjoint, and the gate's judgement on the whole.

        weigh: whether sentences are weighed for what the rules leave.
        """
        findings, judgement = self._examine(readings, proposer)
        found = {}
        for reading in readings:
            field = findings[reading.field]
            has_wording = field.hits or reading.spintax
            verdicts = self._judge_paragraphs(reading, field.signs, judgement.verdict) if has_wording else {}
            settled = resolve(proposer.propose(reading, field.hits, verdicts, field.if_spun))
            if weigh and "spun" in verdicts.values() and self._context is not None:
                guesses = proposer.propose_guesses(reading, self._context, verdicts, settled)
                settled = resolve([*settled, *guesses])
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
                    in_quote=reading.is_quoted(p.start, p.end),
                    evidence=p.evidence,
                )
                for p in agree_articles(reading.text, refuse_doubled(reading.text, settled))
            ]
        return found, judgement

    def _examine(self, readings: Sequence[Reading], proposer: Proposer) -> tuple[dict[str, _Findings], Judgement]:
        """The findings by field and the judgement on all of them.

        Nearly all clean texts are clean at first sight; only tier `safe` acts there. Of the others all hits are found.
        """
        may_be_safe = self._look_at([reading.text for reading in readings])
        if may_be_safe is not None:
            hits = {reading.field: self._safe.find(reading.text) if may_be_safe else [] for reading in readings}
            _check(sum(map(len, hits.values())), _MOST, "edits")
            known = {r.field: _Findings(hits[r.field], proposer.propose_if_spun(r), ()) for r in readings}
            return known, self._forced(CLEAN)
        findings = {}
        for reading in readings:
            found = self._all.find(reading.text)
            _check(len(found), _MOST, "spun forms")
            if_spun = proposer.propose_if_spun(reading)
            signs = list(proposer.find_signs(reading, found, if_spun, self._glance))
            findings[reading.field] = _Findings(found, if_spun, signs)
        all_signs = [sign for field in findings.values() for sign in field.signs]
        return findings, self._forced(judge_document(readings, all_signs, self._glance, self.lexicon.gate))

    def _look_at(self, texts: Collection[str]) -> bool | None:
        """None unless the texts are clean at first sight, as a whole and paragraph by paragraph.

        Then whether they may hold a form of tier `safe`.
        """
        gate, glance = self.lexicon.gate, self._glance
        if self.settings.spin != "auto" or not self._is_long(texts) or any("{" in text for text in texts):
            return None
        found = [glance.possible(text) for text in texts]
        numbers = found[0] if len(found) == 1 else np.unique(np.concatenate(found))
        weight = glance.weigh(numbers, gate.strong)
        if weight.strong < min(gate.spun_strong, gate.suspect_strong, gate.splice_strong):
            return weight.may_be_safe
        if (
            weight.odds > min(gate.spun_odds, gate.suspect_odds) - _SLACK
            and judge(glance.odds(numbers), sum(map(_count_spaces, texts)), gate).verdict != "clean"
        ):
            return None
        signs = glance.strong(numbers, gate.strong) if weight.strong >= gate.splice_strong else ()
        return None if signs and any(self._may_hold_splice(text, signs) for text in texts) else weight.may_be_safe

    def _is_long(self, texts: Collection[str]) -> bool:
        """Whether the texts are long enough for a first glance; of most the beginning tells."""
        return any(_count_spaces(text[:_BEGINNING]) >= _SHORT for text in texts) or sum(map(_count_spaces, texts)) >= _SHORT

    def _may_hold_splice(self, text: str, strong: Collection[str]) -> bool:
        """Whether a paragraph may be a splice. `strong`: the strong signs that the whole text may hold."""
        paragraphs = find_paragraphs(text)
        folded = fold(text)
        places = Counter(place for form in strong for place in _paragraphs_with(form, folded, paragraphs))
        for place, held in places.items():
            # nearly every paragraph holds too few of them, and need not be looked at further
            if held >= self.lexicon.gate.splice_strong:
                paragraph = text[slice(*place)]
                odds = self._glance.odds(self._glance.possible(paragraph))
                if is_splice(odds, paragraph.count(" ") + 1, self.lexicon.gate):
                    return True
        return False

    def _forced(self, judgement: Judgement) -> Judgement:
        if self.settings.spin == "auto":
            return judgement
        return judgement._replace(verdict="spun" if self.settings.spin == "assume" else "clean")

    def _judge_paragraphs(self, reading: Reading, signs: Sequence[Sign], document: Verdict) -> dict[Range, Verdict]:
        if self.settings.spin != "auto":
            return dict.fromkeys(reading.paragraphs, document)
        return judge_paragraphs(reading, signs, document, self._glance, self.lexicon.gate)

    def _sources(self, article: Article) -> dict[str, str]:
        return {name: value for name, value in article_fields(article).items() if name in self.settings.fields and value}

    def _read(self, field: str, text: str, shapes: Shapes) -> Reading:
        return Reading(field, text, shapes, self.lexicon, self._allowed, self._spellings)

    def _clean(self, article_id: str, field: str, source: str, edits: list[Edit]) -> tuple[list[Edit], str, Shapes]:
        """The edits with what must be mended before anything is read: encoding, markup, invisible characters.

        Taking out one may lay another bare, so this goes on until nothing is left, or for a few turns in made-up text. With
        them come the text so mended and its shapes.
        """
        text = apply_spans(source, spans_of(edits))
        shapes = find_shapes(text)
        for _ in range(_ROUNDS):
            mended = fix_encoding(text, shapes) if self.settings.encoding else []
            changes = [Change(*span, "layout.encoding") for span in mended]
            if not changes and self.settings.layout:
                changes = clean_residue(text, shapes)
            if not changes:
                break
            _check(len(changes), _MOST, "edits")
            edits = compose_edits(source, edits, [_as_edit(article_id, field, text, change) for change in changes])
            text = apply_spans(source, spans_of(edits))
            shapes = find_shapes(text)
        return edits, text, shapes

    def _note_layout(self, reading: Reading, cleaned: Sequence[Edit]) -> tuple[list[Flag], list[Role]]:
        """The flags and roles of a reading, in coordinates of the source; `cleaned` turned the source into what was read."""
        if not self.settings.layout:
            return [], []
        return move_ranges(cleaned, reading.layout.flags), move_ranges(cleaned, reading.layout.roles)


def fields_digest(fields: Mapping[str, str]) -> str:
    """A SHA-256, in hex, over names and values of the fields: an edit applies to this text and no other."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        for part in (name, fields[name]):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def agree_articles(text: str, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals with "a" and "an" made to fit at their borders: an article right before an edit is taken into it.

    >>> agree_articles("a deal", [Proposal(2, 6, "agreement", ("r",), "safe", False)])[0].after
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
                after = fitting + between + proposal.after
                proposal = dataclasses.replace(proposal, start=start, after=after, rules=(*proposal.rules, "grammar.article"))
        agreed.append(proposal)
    return agreed


def _count_spaces(text: str) -> int:
    """The spaces of a text: near enough to its words, and far faster than splitting it."""
    return text.count(" ")


def _paragraphs_with(form: str, folded: str, paragraphs: list[Range]) -> Iterator[Range]:
    """The paragraphs of a folded text that hold a form."""
    at = folded.find(form)
    while at >= 0 and (paragraph := overlapping(paragraphs, at, at + 1)):
        yield paragraph
        at = folded.find(form, paragraph[1])


def _as_edit(article_id: str, field: str, text: str, change: Change) -> Edit:
    before = text[change.start : change.end]
    return Edit(article_id, field, change.start, change.end, before, change.after, (change.name,), "safe")


def _as_flag(edit: Edit) -> Flag:
    note = f"{edit.rules[0]}: perhaps {edit.after!r}" if edit.after != edit.before else edit.rules[0]
    return Flag("suspicious-wording", edit.field, edit.start, edit.end, note)
