"""Context: which known form the writer did not write, told by the whole sentence.

A rule names neighbours; for most pairs of ordinary words none can be named. Here the spinner is taken for a noisy channel
(Shannon 1948; Kernighan, Church and Gale 1990): a writer's sentence, as likely as trigrams say, whose words were swapped here
and there, as likely as the tables say. Each word may be kept or be any of its known originals, all words of a sentence at
once, for the neighbours are spun as well. By how much the best sentence with an original at a place is likelier than the best
one with the form kept there is the *gain*, in nats (Viterbi 1967, forwards and backwards); only a gain above a threshold makes
a guess. All sums are of whole numbers, so that nothing depends on the order in which they are made.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from dedupe.repair.folding import fold
from dedupe.repair.grammar import has_inner_capital
from dedupe.repair.match import Form, stands_alone
from dedupe.repair.neighbours import WORD
from dedupe.repair.spans import Range, overlapping
from dedupe.text.edits import Span
from dedupe.text.lexicon import ContextSettings
from dedupe.text.trigrams import END, NO_WORD, START, UNITS, Trigrams

_FINE = 10  # parts of a unit of the trigrams: sums are in these
_NAT = UNITS * _FINE
_RULE, _SYNONYM = 420, 150  # weights of the first original of a rule and the first synonym of a row; of others it is a part
_OTHERS = 210  # the weight of all forms of an original that the tables do not know
_ORIGINALS = 6  # that are weighed for a form, the likeliest
_STATES = 6  # that are followed at a time, the cheapest
_LITTLE = frozenset("a an the of in on to".split())
_ENDS = frozenset(".?!…;:")
_NUMBER = "ten"  # stands for all numbers

_State = tuple[int, int]  # the last two words, the last one first
_Words = tuple[int, ...]


class Guess(NamedTuple):
    """That `original` stood at [start, end), as the rule or row of synonyms `name` knows.

    In nats: the gain, and the price of the swap, by how much a spinner is less likely to write the form than to keep it.
    """

    start: int
    end: int
    original: str
    name: str
    gain: float
    price: float


@dataclass(frozen=True, eq=False)
class _Original:
    """One thing that a form may have been: its wording, its words for the trigrams, and what the swap costs."""

    wording: str
    name: str
    words: _Words
    cost: int


@dataclass(frozen=True)
class _Token:
    """A word of the text, or a stretch that is settled, with its words for the trigrams; only an open one may be changed."""

    start: int
    end: int
    words: _Words
    open: bool


class _Edge(NamedTuple):
    """A way from a place between tokens to the place `stop`; `original` is None where the tokens are kept."""

    stop: int
    words: _Words
    cost: int
    original: _Original | None


class Context:
    """Everything known of forms and originals, ready to weigh sentences. `synonyms`: (spun form, original, rank, row)."""

    def __init__(
        self,
        trigrams: Trigrams,
        settings: ContextSettings,
        forms: Iterable[Form],
        synonyms: Iterable[tuple[str, str, int, str]],
    ) -> None:
        self._trigrams = trigrams
        self._cost = lru_cache(1 << 16)(trigrams.cost)
        self._believed = round(settings.neighbours * _FINE)
        self._keep = _nats(-math.log(1 - settings.swapped))
        self._sentence = trigrams.number(START), trigrams.number(END)
        self._pairs = _weigh_pairs(forms, synonyms)
        self._settings = settings
        self._total: dict[str, int] = defaultdict(lambda: _OTHERS)
        for found in self._pairs.values():
            for original, (weight, _) in found.items():
                self._total[original] += weight
        self._longest: dict[str, int] = {}
        for form in self._pairs:
            first, *others = WORD.findall(form)
            self._longest[first] = max(self._longest.get(first, 0), 1 + len(others))
        self._originals = lru_cache(1 << 12)(self._price)

    def least_gain(self, *, assumed: bool) -> float:
        """The gain, in nats, from which a guess is to be trusted. `assumed`: the user says that the text is spun."""
        return self._settings.assume if assumed else self._settings.auto

    def guess(self, paragraph: str, written: Sequence[Span], closed: list[Range], least: float) -> list[Guess]:
        """The guesses with a gain of `least` nats or more in a paragraph, disjoint, sorted by start; see `weigh`."""
        return choose_guesses(guess for guess in self.weigh(paragraph, written, closed) if guess.gain >= least)

    def weigh(self, paragraph: str, written: Sequence[Span], closed: list[Range]) -> list[Guess]:
        """All that the forms of a paragraph may have been, whatever the gain.

        `written`: what is changed in it anyway, sorted; its words are read as changed. Nothing is guessed in the `closed`
        ranges, sorted and disjoint, nor of a word with inner capitals.
        """
        folded = fold(paragraph)
        tokens = self._read(paragraph, written, closed)
        edges = [list(self._ways(folded, tokens, place)) for place in range(len(tokens))]
        kept, best = self._search(edges)
        found = []
        for (start, stop), originals in best.items():
            if None not in (costs := [kept[place] for place in range(start, stop)]):
                keep = max(costs)  # type: ignore[type-var]  # None is ruled out
                for original, cost in originals.items():
                    gain, price = (keep - cost) / _NAT, (original.cost - self._keep) / _NAT  # type: ignore[operator]
                    found.append(Guess(tokens[start].start, tokens[stop - 1].end, original.wording, original.name, gain, price))
        return found

    def _price(self, form: str) -> list[_Original]:
        """The likeliest originals of a form, with what the swap costs: the likelier this form for an original, the less."""
        originals = [
            _Original(
                original, name, self._words(original), _nats(-math.log(self._settings.swapped * weight / self._total[original]))
            )
            for original, (weight, name) in self._pairs[form].items()
        ]
        return sorted(originals, key=lambda original: (original.cost, original.wording))[:_ORIGINALS]

    def _words(self, text: str) -> _Words:
        """The numbers of the words of a text; of the marks only those that end a sentence count."""
        numbers = []
        for word in WORD.findall(fold(text)):
            if word in _ENDS:
                numbers.append(self._sentence[1])
            elif word[0].isdigit() or word[0] in "$€£¥":
                numbers.append(self._trigrams.number(_NUMBER))
            elif "." in word[:-1]:  # u.s.
                numbers += [self._trigrams.number(letter) for letter in word if letter != "."]
            elif word[0].isalpha():
                numbers.append(self._number(word))
        return tuple(numbers)

    def _number(self, word: str) -> int:
        number = self._trigrams.number(word)
        return self._trigrams.number(word.rstrip("'.").removesuffix("'s")) if number == NO_WORD else number

    def _read(self, paragraph: str, written: Sequence[Span], closed: list[Range]) -> list[_Token]:
        """The tokens of a paragraph; what is written anyway is one each."""
        tokens, start = [], 0
        for span in (*written, Span(len(paragraph), len(paragraph), "")):
            for match in WORD.finditer(paragraph, start, max(start, span.start)):
                word = match[0]
                end = match.end() - (len(word) > 1 and word[-1] in "'’")
                free = word[0].isalpha() and not has_inner_capital(word) and not overlapping(closed, match.start(), end)
                tokens.append(_Token(match.start(), end, self._words(word), free))
            if span.start < span.end or span.after:
                tokens.append(_Token(span.start, span.end, self._words(span.after), open=False))
            start = max(start, span.end)
        return tokens

    def _ways(self, folded: str, tokens: Sequence[_Token], place: int) -> Iterator[_Edge]:
        """The ways on from a place: keeping its token, or any original of a form that begins there."""
        token = tokens[place]
        first = folded[token.start : token.end] if token.open else ""
        yield _Edge(place + 1, token.words, self._keep if first in self._total else 0, None)
        for stop in range(place + 1, min(place + self._longest.get(first, 0), len(tokens)) + 1):
            last = tokens[stop - 1]
            if not last.open and folded[last.start : last.end] != "-":
                break
            form = folded[token.start : last.end]
            if form in self._pairs and stands_alone(folded, token.start, last.end):
                for original in self._originals(form):
                    yield _Edge(stop, original.words, original.cost, original)

    def _search(self, edges: Sequence[Sequence[_Edge]]) -> tuple[list[int | None], dict[Range, dict[_Original, int]]]:
        """What the best path costs that keeps a token, for each token, and with each original, for each stretch."""
        ahead: list[dict[_State, int]] = [{} for _ in range(len(edges) + 1)]
        ahead[0][self._sentence[0], NO_WORD] = 0
        steps: list[list[tuple[_State, _State, int, _Edge]]] = []
        for place, ways in enumerate(edges):
            states = list(ahead[place].items())
            if len(states) > _STATES:
                states = [(state, cost) for cost, state in sorted((cost, state) for state, cost in states)[:_STATES]]
                ahead[place] = dict(states)
            steps.append([])
            for state, cost in states:
                for edge in ways:
                    after, step = self._follow(state, edge)
                    steps[-1].append((state, after, step, edge))
                    if cost + step < ahead[edge.stop].get(after, cost + step + 1):
                        ahead[edge.stop][after] = cost + step
        behind: list[dict[_State, int]] = [{} for _ in edges] + [dict.fromkeys(ahead[-1], 0)]
        kept: list[int | None] = [None] * len(edges)
        best: dict[Range, dict[_Original, int]] = defaultdict(dict)
        for place in range(len(edges) - 1, -1, -1):
            for state, after, step, edge in steps[place]:
                if after not in behind[edge.stop]:
                    continue
                rest = step + behind[edge.stop][after]
                if rest < behind[place].get(state, rest + 1):
                    behind[place][state] = rest
                whole = ahead[place][state] + rest
                if edge.original is None:
                    known = kept[place]
                    kept[place] = whole if known is None else min(known, whole)
                else:
                    found = best[place, edge.stop]
                    found[edge.original] = min(found.get(edge.original, whole), whole)
        return kept, best

    def _follow(self, state: _State, edge: _Edge) -> tuple[_State, int]:
        """The state after an edge, and what the edge costs."""
        (before, further), cost = state, 0
        start, end = self._sentence
        for word in edge.words:
            if word == end:
                cost += self._cost(word, before, further) if before != start else 0
                before, further = start, NO_WORD
            else:
                cost += self._cost(word, before, further)
                before, further = word, before
        return (before, further), cost * self._believed + edge.cost


def _nats(value: float) -> int:
    return round(value * _NAT)


def _weigh_pairs(forms: Iterable[Form], synonyms: Iterable[tuple[str, str, int, str]]) -> dict[str, dict[str, tuple[int, str]]]:
    """For each form its originals with a weight and a name of the pair: the rule that weighs most, or the row of synonyms."""
    pairs: dict[str, dict[str, tuple[int, str]]] = defaultdict(dict)

    def add(spun: str, original: str, weight: int, name: str) -> None:
        # trigrams take the shorter sentence for the likelier one: "one of the" is not "the"
        if spun != original and not (original in _LITTLE and original in spun.split()):
            known = pairs[spun].get(original, (0, ""))
            pairs[spun][original] = max(known, (weight, name), key=lambda pair: (pair[0], pair[1]))

    for spun, original, rank, row in synonyms:
        add(fold(spun), original, _SYNONYM // rank, row)
    for form in forms:
        if form.rule.rule.tier != "flag" and form.text == fold(form.text):
            for rank, original in enumerate(dict.fromkeys((*form.originals, *form.participles)), 1):
                add(form.text, original, _RULE // rank, form.rule.rule.id)
    return pairs


def choose_guesses(guesses: Iterable[Guess]) -> list[Guess]:
    """Of guesses that overlap the one with the most gain; sorted by start."""
    chosen: list[Guess] = []
    taken: set[int] = set()
    for guess in sorted(guesses, key=lambda guess: (-guess.gain, guess.start, guess.end, guess.original)):
        cells = range(guess.start, guess.end)
        if taken.isdisjoint(cells):
            taken.update(cells)
            chosen.append(guess)
    return sorted(chosen)
