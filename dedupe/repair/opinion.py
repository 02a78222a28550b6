"""A second opinion: a language model has the last word on what the trigrams take for possible.

Trigrams see two words to either side; a network reads the sentence. It is slow, so it is asked only where the trigrams leave
some hope, and only of their best guesses. What a swap costs stays as the tables say; the rest of the gain is the network's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from dedupe.repair.context import Context, Guess, choose_guesses
from dedupe.repair.grammar import match_case
from dedupe.repair.spans import Range
from dedupe.text.edits import Span, apply_spans
from dedupe.text.lexicon import ContextSettings

_FAINTEST = -3.0  # the gain by trigrams, in nats, below which a guess is not followed up
_GUESSES = 2  # of one form that are followed up, the best by trigrams
_BEFORE, _AFTER = 60, 30  # characters of the paragraph that are read on either side
_OPENING = "The news today:"  # what is read before a paragraph


class Scorer(Protocol):
    """What tells how likely a text is after another one, as `dedupe.text.language_model` does."""

    def score(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        """For each (before, text) the natural logarithm of the probability of `text`."""


class Opinion:
    """Guesses of a `Context`, weighed anew by a language model."""

    def __init__(self, context: Context, model: Scorer, settings: ContextSettings) -> None:
        self._context, self._model, self._settings = context, model, settings
        self._known: dict[tuple[str, str], float] = {}

    def least_gain(self, *, assumed: bool) -> float:
        """The gain, in nats, from which a guess is to be trusted. `assumed`: the user says that the text is spun."""
        return self._settings.model_assume if assumed else self._settings.model_auto

    def guess(self, paragraph: str, written: Sequence[Span], closed: list[Range], least: float) -> list[Guess]:
        """The guesses with a gain of `least` nats or more in a paragraph, disjoint, sorted by start.

        The arguments are those of `Context.guess`.
        """
        guesses = list(_shortlist(self._context.weigh(paragraph, written, closed)))
        scores = self._score([text for guess in guesses for text in _spell_out(paragraph, written, guess)])
        weighed = []
        for number, guess in enumerate(guesses):
            kept, swapped = scores[2 * number : 2 * number + 2]
            weighed.append(guess._replace(gain=swapped - kept - guess.price))
        return choose_guesses(guess for guess in weighed if guess.gain >= least)

    def _score(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        fresh = list(dict.fromkeys(text for text in texts if text not in self._known))
        self._known.update(zip(fresh, self._model.score(fresh), strict=True))
        return [self._known[text] for text in texts]


def _shortlist(guesses: Iterable[Guess]) -> list[Guess]:
    """The guesses that are followed up: of each form the best few."""
    forms: dict[Range, list[Guess]] = defaultdict(list)
    for guess in guesses:
        if guess.gain >= _FAINTEST:
            forms[guess.start, guess.end].append(guess)
    best = (sorted(found, key=lambda guess: (-guess.gain, guess.original))[:_GUESSES] for found in forms.values())
    return [guess for found in best for guess in found]


def _spell_out(paragraph: str, written: Sequence[Span], guess: Guess) -> Iterator[tuple[str, str]]:
    """What to score, with the words before it: a piece of the paragraph with the form kept, and with the original."""
    start, end = guess.start, guess.end
    first = paragraph.find(" ", start - _BEFORE, start) + 1 if start > _BEFORE else 0
    last = paragraph.rfind(" ", end, end + _AFTER) if end + _AFTER < len(paragraph) else len(paragraph)
    before = _apply_inside(paragraph, written, first, start)
    after = _apply_inside(paragraph, written, end, max(last, end))
    head = before.rstrip()
    gap = before[len(head) :]
    if not first:
        head, gap = (f"{_OPENING} {head}", gap) if head else (_OPENING, " ")
    form = paragraph[start:end]
    for wording in (form, match_case(form, guess.original)):
        yield head, gap + wording + after


def _apply_inside(paragraph: str, written: Sequence[Span], start: int, end: int) -> str:
    """The piece [start, end) of a paragraph as it reads with what is written inside it."""
    inside = (span for span in written if start <= span.start and span.end <= end)
    return apply_spans(paragraph[start:end], (Span(first - start, last - start, after) for first, last, after in inside))
