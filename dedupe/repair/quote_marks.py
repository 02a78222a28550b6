"""Quotation marks that tell of splices and slips: two styles in one text, the same marks one within the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dedupe.model import Flag
from dedupe.repair.outline import Paragraph
from dedupe.repair.spans import Range

_STYLES = ("“”", '"', "’", "'")
_NESTED = re.compile(r"“[^“”\n]*“")  # where two marks open and none closes in between, one quotation may hold another
_DATELINE_ROOM = 60  # characters in which its bracket opens
_FEWEST = 2  # marks of either style that make a mixture; one may be a sign of inches
_DATELINE = re.compile(
    r"[A-Z][A-Z'’. -]{2,30}(?:, [A-Z][\w.]+(?: [A-Z]\w+)?)?,? \((?:AP|AFP|Reuters|UPI|Xinhua|ANI|CNN)\) ?[—–-]"
)


def flag_quote_marks(text: str, field: str, body: Sequence[Paragraph]) -> Iterator[Flag]:
    """`splice`, `quote-style` and `nested-quotes`.

    A paragraph with straight marks in a text of curly ones, or a second dateline, is likely to come from elsewhere. The mixture
    itself is flagged once. body: the paragraphs that are body text.

    >>> from dedupe.repair.outline import find_outline
    >>> text = "He said “the “old” way”."
    >>> [flag.kind for flag in flag_quote_marks(text, "text", find_outline(text))]
    ['nested-quotes']
    """
    yield from _flag_datelines(text, field, body)
    if text.isascii():
        return
    if "„" not in text and _NESTED.search(text):
        for paragraph in body:
            yield from _flag_nested(text, field, paragraph.start, paragraph.end)
    if '"' in text or "'" in text:
        yield from _flag_mixture(text, field, body)


def _flag_mixture(text: str, field: str, body: Sequence[Paragraph]) -> Iterator[Flag]:
    """`splice` and `quote-style` in a text that has straight marks, and others beyond ASCII."""
    lines = [text[paragraph.start : paragraph.end] for paragraph in body]
    curly, straight, apostrophes, primes = (sum(line.count(mark) for line in lines for mark in marks) for marks in _STYLES)
    if not curly and "’" not in text:
        return
    for paragraph, line in zip(body, lines, strict=True):
        marks = line.count('"') + line.count("'")
        is_straight = marks >= _FEWEST and "“" not in line and "’" not in line
        if is_straight and straight + primes < curly + apostrophes:
            yield Flag("splice", field, paragraph.start, paragraph.end, "straight quotation marks in a text of curly ones")
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


def _flag_datelines(text: str, field: str, body: Sequence[Paragraph]) -> Iterator[Flag]:
    if "(" not in text:
        return
    seen = False
    for paragraph in body:
        start, end = paragraph.start, paragraph.end
        if text.find("(", start, start + _DATELINE_ROOM) >= 0 and _DATELINE.match(text, start, end):
            if seen:
                yield Flag("splice", field, start, end, "a second dateline")
            seen = True
