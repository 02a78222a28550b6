"""The gate: is this text machine-spun? Only there do the rules of tier `spun` act.

Every form has its odds: how much likelier, in nats, it is in spun text than in clean text. What a spinner puts in is a sign
of spin ("gross sales", "mentioned"), the more so the rarer it is elsewhere; a word that a spinner takes out ("said", "year")
is a sign of a writer. The odds of all different forms of a text add up, as in a naive Bayes classifier (Maron 1961). Forms of
one text depend on each other, so the thresholds ask for far more than even odds, and for strong signs among the weak ones. A
sign of spin counts in full where a rule would undo it, and less elsewhere, so that a repaired text is clean to the gate.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from dedupe.text.lexicon import GateSettings

Verdict = Literal["clean", "suspect", "spun"]

TIER_ODDS: Mapping[str, float] = {"safe": 3.0, "context": 2.0, "spun": 0.5}  # of forms that only a user's table holds


class Judgement(NamedTuple):
    """The gate's verdict on a text: the odds of its forms in nats per 100 words, their sum, the number of strong signs."""

    verdict: Verdict
    score: float = 0.0
    odds: float = 0.0
    strong: int = 0


CLEAN = Judgement("clean")


def judge(odds: Collection[float], words: int, settings: GateSettings) -> Judgement:
    """The judgement on a text of `words` words that holds forms of these `odds`, in nats.

    >>> gate = GateSettings(strong=1.8, spun_strong=2, spun_odds=6, spun_score=3, suspect_strong=2, suspect_odds=3,
    ...                     suspect_score=1, splice_strong=4, splice_odds=10, island_odds=-3)
    >>> signs = [3.0, 3.0, 1.5]  # "getty pictures", "safety treaty", "mentioned"
    >>> judge(signs, 100, gate)
    Judgement(verdict='spun', score=7.5, odds=7.5, strong=2)
    >>> judge([*signs, -1.5, -1.2, -1.0], 100, gate).verdict  # "said", "year", "also"
    'suspect'
    """
    total = math.fsum(odds)
    score = 100 * total / max(words, 1)
    strong = len([value for value in odds if value >= settings.strong])
    verdict: Verdict = "clean"
    if strong >= settings.spun_strong and total >= settings.spun_odds and score >= settings.spun_score:
        verdict = "spun"
    elif strong >= settings.suspect_strong and total >= settings.suspect_odds and score >= settings.suspect_score:
        verdict = "suspect"
    return Judgement(verdict, round(score, 3), round(total, 3), strong)


def is_splice(odds: Collection[float], words: int, settings: GateSettings) -> bool:
    """Whether a paragraph of a text that is not spun is: one paragraph says less than a text, so it must say it louder."""
    judgement = judge(odds, words, settings)
    return judgement.verdict == "spun" and judgement.strong >= settings.splice_strong and judgement.odds >= settings.splice_odds
