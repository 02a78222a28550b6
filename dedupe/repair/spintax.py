"""Leftover spintax: `{photograph}` and `{buy|purchase}` in prose, where a spinner's template was not filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_BRACES = re.compile(r"\{([^{}\n]{1,120})\}")
_PLAIN = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+){0,5}")
# Prose about templates and code holds braces of its own.
_ABOUT_CODE = re.compile(
    r"\b(?:placeholders?|templates?|variables?|syntax|braces|brackets|code|strings?|fields?|tokens?|spintax|JSON|CSS|LaTeX)\b",
    re.IGNORECASE,
)


class Leftover(NamedTuple):
    """A pair of braces at [start, end) with its options in order; a single option is the original word."""

    start: int
    end: int
    options: tuple[str, ...]


def find_spintax(text: str) -> Iterator[Leftover]:
    """The leftover braces of a text whose options are plain words; lines about code and templates are left alone.

    >>> list(find_spintax("On this pool {photograph} distributed by the agency."))
    [Leftover(start=13, end=25, options=('photograph',))]
    >>> list(find_spintax("The placeholder {name} is replaced."))
    []
    """
    if "{" not in text:
        return
    for match in _BRACES.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : (text.find("\n", match.end()) + 1 or len(text) + 1) - 1]
        options = tuple(option.strip() for option in match[1].split("|"))
        around = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
        attached = any(c.isalnum() or c in "{}$\\_=(" for c in around)
        if not attached and len(line.split()) > 4 and all(map(_PLAIN.fullmatch, options)) and not _ABOUT_CODE.search(line):
            yield Leftover(*match.span(), options)
