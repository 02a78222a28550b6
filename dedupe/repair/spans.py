"""Typed spans of a text: paragraphs, quotations, and what no rule may enter (addresses, handles, code, allowed phrases)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import cached_property

Range = tuple[int, int]

_PARAGRAPH = re.compile(r"^[^\n]*\S[^\n]*", re.MULTILINE)
# Each pattern with a mark that its text must hold: most texts hold none, and are searched for none.
_PROTECTED = tuple(
    (mark, re.compile(pattern, re.IGNORECASE))
    for mark, pattern in (
        ("://", r"https?://[^\s<>\"”]+"),
        ("www.", r"www\.[^\s<>\"”]+"),
        ("@", r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w/])@\w+"),
        ("#", r"(?<![\w/])#\w+"),
        ("`", r"`[^`\n]+`"),
        ("[", r"\[sic\]"),
    )
)
_DOMAIN_END = re.compile(r"\.(?:com|org|net|gov|edu|io|co\.uk|info|news)\b(?:/\S*)?", re.IGNORECASE)
# A line of code, not of prose: ends in a brace or semicolon, or assigns, calls, declares.
_CODE_LINE = re.compile(
    r"^(?:[^\n]*[;{}][ \t]*|[ \t]*(?:"
    r"(?:def|class|function|return|import|from|const|let|var|if|for|while)\b[^\n]*[(){};=:][^\n]*"
    r"|[\w.\[\]]+[ \t]*[-+*/]?=[^\n=][^\n]*))$",
    re.MULTILINE,
)
_PROSE = re.compile(r"[a-z]{2} [a-z]{2}")


def find_paragraphs(text: str) -> list[Range]:
    """The ranges of the lines that hold any text; a line is a paragraph here, with or without a blank line between.

    >>> find_paragraphs("One.\\n\\nTwo.\\n")
    [(0, 4), (6, 10)]
    """
    return [match.span() for match in _PARAGRAPH.finditer(text)]


class LineTest:
    """A test of whole lines, asked for places in them: each line is tested once, however many places it holds.

    >>> is_short = LineTest("One.\\nTwo, three.\\n", lambda line: len(line) < 6)
    >>> is_short(0, 1), is_short(7, 8)
    (True, False)
    """

    def __init__(self, text: str, test: Callable[[str], bool]) -> None:
        self._text, self._test = text, test
        self._known: dict[Range, bool] = {}

    def __call__(self, start: int, end: int) -> bool:
        """Whether the line, or lines, that [start, end) lies in pass the test."""
        breaks = self._breaks
        line = (breaks[bisect_left(breaks, start) - 1] + 1, breaks[bisect_left(breaks, end)])
        if line not in self._known:
            self._known[line] = self._test(self._text[slice(*line)])
        return self._known[line]

    @cached_property
    def _breaks(self) -> list[int]:
        """Where lines end, the beginning and the end of the text included."""
        return [-1, *(match.start() for match in re.finditer("\n", self._text)), len(self._text)]


def find_quotations(text: str) -> list[Range]:
    """The ranges inside double quotation marks, curly or straight, marks excluded, sorted.

    A quotation ends with its paragraph at the latest, for one that runs on is opened again in the next. Quotation marks of the
    same kind inside a quotation are part of it.

    >>> [("“a “b” c” d")[start:end] for start, end in find_quotations("“a “b” c” d")]
    ['a “b” c']
    """
    quotations = []
    for start, end in find_paragraphs(text):
        depth, opened, straight = 0, 0, False
        for mark in re.finditer(r"[“”\"]", text[start:end]):
            at = start + mark.start()
            opens = mark[0] == "“" or (mark[0] == '"' and not straight and depth == 0)
            if opens:
                depth += 1
                straight = mark[0] == '"'
                if depth == 1:
                    opened = at + 1
            elif depth:
                depth -= 1
                if depth == 0 or mark[0] == '"':
                    quotations.append((opened, at))
                    depth, straight = 0, False
        if depth:
            quotations.append((opened, end))
    return quotations


def find_protected(text: str, allowed: re.Pattern[str] | None = None) -> list[Range]:
    """The ranges no rule may enter, sorted and merged: URLs, mail addresses, handles, code, "[sic]", allowed phrases.

    >>> text = "Write to jane.doe@example.org or see example.com/a, says @jane."
    >>> [text[start:end] for start, end in find_protected(text)]
    ['jane.doe@example.org', 'example.com/a,', '@jane']
    """
    ranges = [match.span() for mark, pattern in _PROTECTED if mark in text for match in pattern.finditer(text)]
    ranges += [(_word_start(text, match.start()), match.end()) for match in _DOMAIN_END.finditer(text)]
    if any(mark in text for mark in ("{", ";", "=")):
        ranges += [match.span() for match in _CODE_LINE.finditer(text) if not _ends_in_prose(match[0])]
    if allowed is not None:
        ranges += [match.span() for match in allowed.finditer(text)]
    return merge_ranges(ranges)


def _ends_in_prose(line: str) -> bool:
    """Whether words follow the last mark of code in a line, one at its very end aside."""
    end = line.rstrip(" \t")
    end = end[:-1] if end[-1:] in (";", "{", "}") else end
    return _PROSE.search(end, max(end.rfind(mark) for mark in ";{}=") + 1) is not None


def _word_start(text: str, end: int) -> int:
    """Where the run of letters, digits, dots and hyphens begins that stops at `end`."""
    start = end
    while start and (text[start - 1].isalnum() or text[start - 1] in ".-_"):
        start -= 1
    return start


def compile_allowed(phrases: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern for all allowed phrases as whole words; a phrase in small letters matches any case. None if there is none."""
    patterns = []
    for phrase in sorted(phrases, key=len, reverse=True):
        escaped = re.escape(phrase).replace("'", "['’]")
        patterns.append(rf"(?i:{escaped})" if phrase == phrase.lower() else escaped)
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)") if patterns else None


def merge_ranges(ranges: Iterable[Range]) -> list[Range]:
    """The ranges sorted, overlapping ones merged.

    >>> merge_ranges([(5, 9), (0, 3), (2, 4)])
    [(0, 4), (5, 9)]
    """
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def overlapping(ranges: list[Range], start: int, end: int) -> Range | None:
    """The first of the sorted, disjoint `ranges` that shares a code point with [start, end), or None."""
    at = bisect_right(ranges, (start, start))
    if at and ranges[at - 1][1] > start:
        return ranges[at - 1]
    return ranges[at] if at < len(ranges) and ranges[at][0] < end else None
