"""The gate: is this text machine-spun? Only there do the rules of tier `spun` act.

Two signs must agree. Clean English holds hardly any *markers*, forms that no writer uses ("Getty Pictures", "as a result of
they"): their score is the summed weight of the distinct ones per 100 words, each weighing the log of how much likelier it
is in spun text. And the *density* is how many different swaps the rules would undo per 100 words: a writer uses a few such
forms in their own right, a spinner everywhere. A text with markers but few swaps is suspect. Only what an automatic rule
answers is counted, so that a repaired text is clean to the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from dedupe.text.lexicon import GateSettings

Verdict = Literal["clean", "suspect", "spun"]

TIER_WEIGHTS: Mapping[str, float] = {"safe": 3.0, "context": 2.0}


class Judgement(NamedTuple):
    """The gate's verdict on a text: its markers' weight and its different swaps per 100 words, its distinct strong markers."""

    verdict: Verdict
    score: float = 0.0
    density: float = 0.0
    strong: int = 0


CLEAN = Judgement("clean")


def judge(markers: Mapping[str, float], swaps: int, words: int, settings: GateSettings) -> Judgement:
    """The judgement on a text of `words` words that holds `markers` (form → weight in nats) and so many different `swaps`.

    >>> gate = GateSettings(2.0, 3, 2.5, 7.5, suspect_strong=2, suspect_score=2.0, splice_strong=5, shortest=40)
    >>> markers = {"getty pictures": 3.0, "safety treaty": 3.0, "as a result of they": 3.0}
    >>> [judge(markers, swaps, 100, gate).verdict for swaps in (12, 4)]
    ['spun', 'suspect']
    >>> judge({"getty pictures": 3.0}, 12, 100, gate).verdict
    'clean'
    """
    words = max(words, settings.shortest)
    strong = sum(weight >= settings.strong for weight in markers.values())
    score, density = 100 * sum(markers.values()) / words, 100 * swaps / words
    verdict: Verdict = "clean"
    if strong >= settings.spun_strong and score >= settings.spun_score and density >= settings.spun_density:
        verdict = "spun"
    elif strong >= settings.suspect_strong and score >= settings.suspect_score:
        verdict = "suspect"
    return Judgement(verdict, round(score, 3), round(density, 3), strong)
