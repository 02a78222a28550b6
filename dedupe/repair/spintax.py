"""Leftover spintax (`{photograph}`, `{buy|purchase}`, `[big|large]`, `%%name%%`): a template that was not filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dedupe.model import Flag
from dedupe.repair.shape import ALL, TEMPLATE, Shapes
from dedupe.repair.spans import LineTest

_BRACES = re.compile(r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]{0,120}\}){0,120}\}){1,240}\}")
_BRACKETS = re.compile(r"(?<!\])\[([^\[\]|\n]{1,60}(?:\|[^\[\]|\n]{1,60}){1,8})\](?![\[(])")
_PLAIN = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+){0,5}")
# Prose about templates and code holds braces of its own.
_ABOUT_CODE = re.compile(
    r"\b(?:placeholders?|templates?|variables?|syntax|braces|brackets|code|strings?|fields?|tokens?|spintax|JSON|CSS|LaTeX)\b",
    re.IGNORECASE,
)
_PLACEHOLDERS = (
    ("%", re.compile(r"%%?[A-Za-z][A-Za-z_ -]{1,30}[A-Za-z]%%?(?!\w)")),
    (
        "{",
        re.compile(
            r"\{\{ ?[$#]?[A-Za-z][\w. -]{0,40} ?\}\}|\{[$%#][A-Za-z][\w. -]{0,40}\}|\{[A-Za-z]+_[\w]{1,40}\}|\$\{[\w.]{1,40}\}"
        ),
    ),
    ("[", re.compile(r"\[\[[A-Za-z][\w -]{0,40}\]\]|\[(?:[A-Z]+_)+[A-Z]+\]")),
)
_MOST_OPTIONS, _FEWEST_WORDS = 12, 4


class Leftover(NamedTuple):
    """A pair of braces or brackets at [start, end) with its options in order; a single option is the original word.

    `certain`: braces round one plain option; what the writer chose among several, nobody knows.
    """

    start: int
    end: int
    options: tuple[str, ...]
    certain: bool


def find_spintax(text: str, shapes: Shapes = ALL) -> Iterator[Leftover]:
    """The leftover braces of a text whose options are plain words, nested ones spelled out; lines about code are left alone.

    >>> list(find_spintax("On this pool {photograph} distributed by the agency."))
    [Leftover(start=13, end=25, options=('photograph',), certain=True)]
    >>> [leftover.options for leftover in find_spintax("He will {buy|{pay|settle} for} the two old houses.")]
    [('buy', 'pay for', 'settle for')]
    >>> list(find_spintax("The placeholder {name} is replaced."))
    []
    """
    if not shapes & TEMPLATE:
        return
    is_prose = LineTest(text, _is_prose)
    if "{" in text:
        for match in _BRACES.finditer(text):
            options = _expand(match[0])
            if options and _stands_free(text, match) and is_prose(*match.span()) and all(map(_PLAIN.fullmatch, options)):
                yield Leftover(*match.span(), options, len(options) == 1 and match[0].count("{") == 1)
    if "|" in text and "[" in text:
        for match in _BRACKETS.finditer(text):
            options = tuple(option.strip() for option in match[1].split("|"))
            if _stands_free(text, match) and is_prose(*match.span()) and all(map(_PLAIN.fullmatch, options)):
                yield Leftover(*match.span(), options, False)


def flag_placeholders(text: str, field: str, shapes: Shapes = ALL) -> Iterator[Flag]:
    """`placeholder` where a template was to put a value ("%%name%%", "{{city}}"): what it was to be is unknown.

    >>> [flag.kind for flag in flag_placeholders("Dear %%first name%%, your town of {{city}} is proud.", "text")]
    ['placeholder', 'placeholder']
    """
    if not shapes & TEMPLATE:
        return
    is_about_code = LineTest(text, lambda line: _ABOUT_CODE.search(line) is not None)
    for mark, pattern in _PLACEHOLDERS:
        if mark in text:
            for match in pattern.finditer(text):
                if not is_about_code(*match.span()):
                    yield Flag("placeholder", field, *match.span(), "a template was not filled in here")


def _stands_free(text: str, match: re.Match[str]) -> bool:
    around = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
    return not any(c.isalnum() or c in "{}$\\_=(" for c in around)


def _is_prose(line: str) -> bool:
    """Whether a line is prose that is not about code."""
    return len(line.split()) > _FEWEST_WORDS and not _ABOUT_CODE.search(line)


def _expand(braces: str) -> tuple[str, ...]:
    """The texts that balanced spintax stands for, in order; none if they are more than a dozen."""
    options, _ = _read_options(braces, 1)
    plain = tuple(dict.fromkeys(" ".join(option.split()) for option in options))
    return plain if len(plain) <= _MOST_OPTIONS else ()


def _read_options(text: str, at: int) -> tuple[list[str], int]:
    """The options from `at`, just behind an opening brace, and the offset behind the brace that closes it."""
    options: list[str] = []
    current = [""]
    while text[at] != "}":
        if text[at] == "{":
            inner, at = _read_options(text, at + 1)
            current = [left + right for left in current for right in inner][: _MOST_OPTIONS + 1]
        elif text[at] == "|":
            options, current, at = options + current, [""], at + 1
        else:
            current, at = [option + text[at] for option in current], at + 1
    return options + current, at + 1
