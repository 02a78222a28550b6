"""Slips of number: a spinner writes out or swaps the digits of a number ("three%", "$43.Eight", "zero:forty one").

The number that stood there may be guessed, and a guessed number is a falsehood: slips are flagged, and no rule may enter them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dedupe.model import Flag
from dedupe.repair.shape import ALL, ROUND, SLIP, Shapes
from dedupe.repair.spans import Range

_UNITS = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
_UNITS += "thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_WORD = rf"(?:(?:{_TENS})(?:[ -](?:{_UNITS}))?|{_UNITS})"
_PAIR = r"(?:a (?:pair|couple) of)"
_SCALE = r"(?:%|percent|per cent|million|billion|trillion|thousand|points?|m|bn)"
_SLIP = re.compile(
    rf"(?<![\w.,:$€£-])(?:{_PAIR}|{_WORD})(?:%|\.\d|,\d{{3}}\b|/\d|:\d|-\d++(?!\w*-| ?months))"  # three%, four.5
    rf"|[$€£](?:\d[\d,]*\.)?(?:{_PAIR}|{_WORD})\b"  # $43.Eight, $four
    rf"|(?<![\w.,])\d[\d,]*\.{_WORD}(?=[ -]?{_SCALE}(?![a-z]))"  # 1.Five billion
    rf"|(?<![\w./])\d+/{_WORD}\b|(?<![\w:])\d{{1,2}}:{_WORD}\b|(?<![\w.:-]){_WORD}:{_WORD}\b"  # 24/seven, 2:thirty
    rf"|(?<![\w.,-])\d+-(?:{_UNITS})\b(?!-)",  # 20-one
    re.IGNORECASE,
)
# Where one may be: a mark between letters and digits. Looking for the mark first is what keeps this cheap.
_BEGINNING = "(?=[Oo]ne|[Tt]w|[Tt]h[ir]|[Tt]en|[Ff][io]|[Ss][ie]|[Ee][il]|[Nn]in|[Zz]er|[Aa] )"
_MARK = re.compile(
    rf"[%$€£.,/:'’-](?:(?<=[a-z ]%)|(?<=[$€£]){_BEGINNING}|(?<=[a-z][./,:-])(?=\d)"
    rf"|(?<=\d[./:-]){_BEGINNING}|(?<=[a-z]:)(?=[a-z]))"
)
# What a spinner makes of "thousands": the number is not lost, so rules may take it back.
_ROUND = re.compile(r"(?<![\w.,$€£-])(?:10|100|1000|10000|1,000|10,000|100,000)['’]s\b")
_REACH = 40  # characters; no slip is longer


def find_slips(text: str, shapes: Shapes = ALL) -> list[Range]:
    """The ranges of numbers that no writer writes so. `shapes` are those of the text.

    >>> [text[a:b] for text in ["About three% paid $43.Eight."] for a, b in find_slips(text)]
    ['three%', '$43.Eight']
    """
    found: list[Range] = []
    if not shapes & SLIP:
        return found
    for mark in _MARK.finditer(text):
        if not found or mark.start() >= found[-1][1]:
            near = _SLIP.finditer(text, max(0, mark.start() - _REACH), mark.end() + _REACH)
            found += [match.span() for match in near if match.start() <= mark.start() < match.end()]
    return found


def flag_slips(text: str, field: str, shapes: Shapes = ALL) -> Iterator[Flag]:
    """A flag `number-slip` for each of them, and for "1000's", which is no number either."""
    if shapes & ROUND and ("0's" in text or "0’s" in text):
        yield from (
            Flag("number-slip", field, *match.span(), "a round number written in digits") for match in _ROUND.finditer(text)
        )
    for start, end in find_slips(text, shapes):
        yield Flag("number-slip", field, start, end, "a number half in words; the source may tell what it was")
