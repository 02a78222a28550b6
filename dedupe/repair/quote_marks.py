"""Quotation marks that tell of splices and slips: two styles in one text, the same marks one within the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dedupe.model import Flag
from dedupe.repair.spans import Range

_FEWEST = 2  # marks of either style that make a mixture; one may be a sign of inches
_DATELINE = re.compile(
    r"[A-Z][A-Z'’. -]{2,30}(?:, [A-Z][\w.]+(?: [A-Z]\w+)?)?,? \((?:AP|AFP|Reuters|UPI|Xinhua|ANI|CNN)\) ?[—–-]"
)


def flag_quote_marks(text: str, field: str, body: Sequence[Range]) -> Iterator[Flag]:
    """`splice`, `quote-style` and `nested-quotes`.

    A paragraph with straight marks in a text of curly ones, or a second dateline, is likely to come from elsewhere. The mixture
    itself is flagged once. body: the ranges of the paragraphs that are body text.

    >>> [flag.kind for flag in flag_quote_marks("He said “the “old” way”.", "text", [(0, 24)])]
    ['nested-quotes']
    """
    yield from _flag_datelines(text, field, body)
    if text.isascii():
        return
    curly_marks, straight_marks = "“”", '"'
    curly = sum(text.count(mark, start, end) for start, end in body for mark in curly_marks)
    straight = sum(text.count(straight_marks, start, end) for start, end in body)
    if curly and "„" not in text:
        for start, end in body:
            yield from _flag_nested(text, field, start, end)
    if not curly and "’" not in text:
        return
    all_curly = curly + sum(text.count("’", start, end) for start, end in body)
    all_straight = straight + sum(text.count("'", start, end) for start, end in body)
    for start, end in body:
        line = text[start:end]
        marks = line.count('"') + line.count("'")
        if marks >= _FEWEST and all_straight < all_curly and "“" not in line and "’" not in line:
            yield Flag("splice", field, start, end, "straight quotation marks in a text of curly ones")
    if curly >= _FEWEST and straight >= _FEWEST:
        yield Flag("quote-style", field, 0, 0, f"{curly} curly and {straight} straight double quotation marks")


def _flag_nested(text: str, field: str, start: int, end: int) -> Iterator[Flag]:
    opened: list[int] = []
    inner: list[Range] = []
    for match in re.finditer("[“”]", text[start:end]):
        at = start + match.start()
        if match[0] == "“":
            opened.append(at)
        elif opened:
            inner.append((opened.pop(), at + 1))
            if not opened:  # a quotation that goes on in the next paragraph never closes, and holds nothing
                for first, last in inner[:-1]:
                    yield Flag("nested-quotes", field, first, last, "the same quotation marks one within the other")
                inner = []


def _flag_datelines(text: str, field: str, body: Sequence[Range]) -> Iterator[Flag]:
    seen = False
    for start, end in body:
        if "(" in text[start : start + 60] and _DATELINE.match(text, start, end):
            if seen:
                yield Flag("splice", field, start, end, "a second dateline")
            seen = True
