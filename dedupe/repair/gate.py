"""The gate: is this text machine-spun? Only there do the rules of tier `spun` act.

Clean English holds hardly any *markers*: forms that no writer uses ("Getty Pictures", "as a result of they"). The score is
the summed weight of the distinct markers per 100 words, each marker weighing the log of how much likelier it is in spun
text than in clean text. A text is spun when it holds several different strong markers and its score is high; a lone marker
makes it suspect. Only markers that an automatic rule answers are counted, so that a repaired text is clean to the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from dedupe.text.lexicon import GateSettings

Verdict = Literal["clean", "suspect", "spun"]

TIER_WEIGHTS: Mapping[str, float] = {"safe": 3.0, "context": 2.0}


class Judgement(NamedTuple):
    """The gate's verdict on a text, its score per 100 words, and how many distinct strong markers it holds."""

    verdict: Verdict
    score: float
    strong: int


def judge(markers: Mapping[str, float], words: int, settings: GateSettings) -> Judgement:
    """The judgement on a text of `words` words that holds `markers` (form → weight in nats).

    >>> gate = GateSettings(strong=2.0, spun_strong=3, spun_score=3.0, suspect_strong=1, suspect_score=1.0, shortest=40)
    >>> judge({"getty pictures": 3.0, "safety treaty": 3.0, "as a result of they": 3.0}, 100, gate).verdict
    'spun'
    >>> judge({"getty pictures": 3.0}, 400, gate).verdict
    'clean'
    """
    strong = sum(weight >= settings.strong for weight in markers.values())
    score = 100 * sum(markers.values()) / max(words, settings.shortest)
    verdict: Verdict = "clean"
    if strong >= settings.spun_strong and score >= settings.spun_score:
        verdict = "spun"
    elif strong >= settings.suspect_strong and score >= settings.suspect_score:
        verdict = "suspect"
    return Judgement(verdict, round(score, 3), strong)
