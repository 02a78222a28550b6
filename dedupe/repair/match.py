"""Matching: where the spun forms of the rules stand in a text.

Every rule is expanded to its inflected forms at load. A sieve tells which forms can occur in a document at all, and only
those are searched for. So the cost grows with the words of the document and the forms found, not with the size of the
tables. All occurrences are found, overlapping ones too; `resolve` decides between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from dedupe.errors import RuleError
from dedupe.model import Rule
from dedupe.repair.folding import fold
from dedupe.repair.neighbours import Alternatives, Neighbourhood, PatternParser
from dedupe.repair.sieve import Sieve
from dedupe.text.inflect import PartOfSpeech, inflect
from dedupe.text.lexicon import Lexicon

_TILDE = re.compile(r"~([^\s/|~]+)(?:/([vna]))?")
_SLOTS: dict[str, tuple[PartOfSpeech, ...]] = {"": ("v", "n"), "v": ("v",), "n": ("n",), "a": ("a",)}
_BLOCK = 16_384  # characters searched at a time, so that a huge article costs the same per word
# After these, 's is a verb and not a possessive: "that's" does not hold the word "that".
_CLITIC_HOSTS = frozenset(("it", "that", "he", "she", "who", "what", "there", "here", "where", "how", "let", "this", "one"))
_GLUED_BEFORE = re.compile(r"(?:[\w@#]|\w[-/']|\d[.,])\Z")
_GLUED_AFTER = re.compile(r"(?P<possessive>'s(?!\w))|[\w@]|[-/'.,]\w")
_BLANK = frozenset((" ", "\n", ""))  # beside these, as nearly everywhere, nothing is glued on


@dataclass(frozen=True)
class Form:
    """One inflected form of a rule's spun side with the originals that answer it, best first.

    `participles` answers the same form where it is a participle ("was exhibited" → "was shown"); often equal to `originals`.
    """

    rule: CompiledRule
    text: str
    originals: tuple[str, ...]
    participles: tuple[str, ...]


@dataclass(frozen=True)
class CompiledRule:
    """A rule with its patterns ready to run; they are parsed at first use."""

    rule: Rule
    parser: PatternParser

    @cached_property
    def when(self) -> Alternatives:
        """The parsed `when`. Raises RuleError, naming file and line, for a bad pattern."""
        return self._parsed(self.rule.when)

    @cached_property
    def unless(self) -> Alternatives:
        """The parsed `unless`. Raises RuleError, naming file and line, for a bad pattern."""
        return self._parsed(self.rule.unless)

    def parse(self) -> None:
        """Parses the patterns now. Raises RuleError, naming file and line, for a bad one."""
        _ = self.when, self.unless

    def holds(self, place: Neighbourhood, timeout: float) -> bool:
        """Whether the rule may act at this place. Raises TimeoutError when a regular expression runs too long."""
        if self.rule.when and not self.when.hold(place, timeout):
            return False
        return not (self.rule.unless and self.unless.hold(place, timeout))

    def _parsed(self, patterns: Iterable[str]) -> Alternatives:
        try:
            return Alternatives(map(self.parser.parse, patterns))
        except RuleError as error:
            raise RuleError(f"rule {self.rule.id}: {error.message}", path=self.rule.origin) from None


@dataclass(frozen=True)
class Hit:
    """An occurrence of a spun form: `text[start:end]`, and every form of any rule that reads so: none for a mere sign."""

    start: int
    end: int
    forms: Sequence[Form]


class FormIndex:
    """The forms of a set of rules, and folded `signs` that need not belong to any, ready to be found in texts.

    `sieve`: one that has all of them, and may have others.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> index = FormIndex(expand_rules(load_lexicon()))
    >>> hit = index.find("Sergei Lavrov | Getty Pictures")[0]
    >>> (hit.start, hit.end, hit.forms[0].originals)
    (16, 30, ('Getty Images',))
    """

    def __init__(self, forms: Iterable[Form], signs: Iterable[str] = (), sieve: Sieve | None = None) -> None:
        by_text: dict[str, list[Form]] = {sign: [] for sign in signs}
        self._by_text, self._signs = by_text, frozenset(by_text)
        for form in forms:
            by_text.setdefault(fold(form.text), []).append(form)
        self._cased = frozenset(folded for folded, same in by_text.items() if any(form.text != folded for form in same))
        self._sieve = sieve or Sieve(by_text)

    def find(self, text: str) -> list[Hit]:
        """All occurrences of all forms in `text`, sorted by start, longer ones first; overlapping ones included."""
        hits: list[Hit] = []
        folded = fold(text)
        for start, end in _blocks(text):
            hits += self._find_in(text, folded, start, end)
        hits.sort(key=lambda hit: (hit.start, -hit.end))
        return hits

    def _find_in(self, text: str, folded: str, start: int, end: int) -> Iterator[Hit]:
        block = folded[start:end]
        for form_text in self._sieve.find_possible(block):
            forms = self._by_text.get(form_text)
            if forms is None:
                continue
            at = folded.find(form_text, start, end)
            while at >= 0:
                stop = at + len(form_text)
                if stands_alone(folded, at, stop):
                    fitting = forms
                    if form_text in self._cased:
                        spelling = text[at:stop].replace("’", "'")
                        fitting = [form for form in forms if form.text in (spelling, form_text)]
                    if fitting or form_text in self._signs:
                        yield Hit(at, stop, fitting)
                at = folded.find(form_text, at + 1, end)


def stands_alone(folded: str, start: int, end: int) -> bool:
    """Whether [start, end) of a folded text is whole words: no part of a word, a hyphenated word, a number or a clitic.

    >>> [stands_alone(text, 4, 7) for text in ("the car is", "the car's owner", "the car-pool", "the cart", "the car/bus")]
    [True, True, False, False, False]
    """
    if folded[start - 1 : start] not in _BLANK and folded[start].isalnum() and _GLUED_BEFORE.search(folded, start - 2, start):
        return False
    if (
        folded[end : end + 1] not in _BLANK
        and folded[end - 1].isalnum()
        and (glued := _GLUED_AFTER.match(folded, end, end + 4))
    ):
        return glued["possessive"] is not None and folded[start:end] not in _CLITIC_HOSTS
    return True


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """The text cut at line ends into blocks; a form never runs over a line end."""
    start = 0
    while start < len(text):
        end = start + _BLOCK
        if end < len(text):
            line_end = text.find("\n", end)
            end = len(text) if line_end < 0 else line_end + 1
        end = min(end, len(text))
        yield start, end
        start = end


def expand_rules(lexicon: Lexicon, parser: PatternParser | None = None) -> list[Form]:
    """Every form of every rule of the lexicon, with the originals that answer it.

    Raises RuleError for a rule whose `~` cannot be expanded.
    """
    parser = parser or PatternParser(lexicon)
    return [form for rule in lexicon.rules for form in expand_rule(rule, lexicon, parser)]


def expand_rule(rule: Rule, lexicon: Lexicon, parser: PatternParser) -> list[Form]:
    """The forms of one rule. Without `~` that is the spun form itself; with it, one for each inflection.

    Raises RuleError when a side has more than one `~`.
    """
    compiled = CompiledRule(rule, parser)
    tilde = _TILDE.search(rule.spun) if "~" in rule.spun else None
    if tilde is None:
        return [Form(compiled, rule.spun.replace("’", "'"), rule.originals, rule.originals)]
    if any(side.count("~") > 1 for side in (rule.spun, *rule.originals)):
        raise RuleError(f"rule {rule.id}: at most one ~ on each side", path=rule.origin)
    slots: dict[str, list[tuple[PartOfSpeech, int]]] = {}
    for part in _SLOTS[tilde[2] or ""]:
        for slot, form in enumerate(inflect(tilde[1], part, lexicon.irregulars)):
            slots.setdefault(form, []).append((part, slot))
    forms = []
    for form, places in slots.items():
        text = rule.spun[: tilde.start()] + form + rule.spun[tilde.end() :]
        answers = [tuple(_inflected(original, part, slot, lexicon) for original in rule.originals) for part, slot in places]
        forms.append(Form(compiled, text.replace("’", "'"), answers[0], answers[_participle(places)]))
    return forms


def _participle(places: list[tuple[PartOfSpeech, int]]) -> int:
    """Which of the places is the participle, where the form is both that and the past."""
    return next((number for number, place in enumerate(places) if place == ("v", 3)), 0)


def _inflected(original: str, part: PartOfSpeech, slot: int, lexicon: Lexicon) -> str:
    tilde = _TILDE.search(original)
    if tilde is None:
        return original
    form = inflect(tilde[1], part, lexicon.irregulars)[slot]
    return original[: tilde.start()] + form + original[tilde.end() :]
