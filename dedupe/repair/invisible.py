"""Invisible characters: zero-width ones, soft hyphens, directional marks and other controls.

Most do honest work somewhere: joiners in Persian, Hindi and emoji, directional marks beside Hebrew and Arabic. So an invisible
character is taken out only where it can have no effect that a reader would miss, and every other one that is out of
place is flagged by its name.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from dedupe.model import Flag
from dedupe.repair.defects import Change
from dedupe.repair.shape import ALL, INVISIBLE, Shapes
from dedupe.repair.spans import LineTest, find_paragraphs

# In classes of characters; \N escapes are resolved by Python, so that the tables name what nobody can see.
_ZERO_WIDTH = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}"
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"
_DIRECTION = (
    "\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER MARK}\N{LEFT-TO-RIGHT EMBEDDING}\N{RIGHT-TO-LEFT EMBEDDING}"
    "\N{POP DIRECTIONAL FORMATTING}\N{LEFT-TO-RIGHT OVERRIDE}\N{RIGHT-TO-LEFT OVERRIDE}\N{LEFT-TO-RIGHT ISOLATE}"
    "\N{RIGHT-TO-LEFT ISOLATE}\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"
)
_OVERRIDES = frozenset("\N{LEFT-TO-RIGHT OVERRIDE}\N{RIGHT-TO-LEFT OVERRIDE}")
_OTHERS = "\N{OBJECT REPLACEMENT CHARACTER}\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"
_ASCII_CONTROLS = [chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)]
_INVISIBLE = [*_ZERO_WIDTH, _SOFT_HYPHEN, *_DIRECTION, *_OTHERS, *_ASCII_CONTROLS, *map(chr, range(0x80, 0xA0))]
# Certain: zero-width characters between Latin letters or beside a space or a line end, soft hyphens inside words.
_ASCII_WORD = "A-Za-z0-9"
_REMOVED = re.compile(
    rf"(?<=[{_ASCII_WORD}])[{_ZERO_WIDTH}]+(?=[{_ASCII_WORD}])"
    rf"|(?:(?<=[ \t\n])|(?<=\A))[\N{{ZERO WIDTH SPACE}}\N{{WORD JOINER}}\N{{ZERO WIDTH NO-BREAK SPACE}}]+"
    rf"|(?<=[{_ASCII_WORD}.,;:!?”’\"')])[\N{{ZERO WIDTH SPACE}}\N{{WORD JOINER}}\N{{ZERO WIDTH NO-BREAK SPACE}}]+(?=[ \t\n]|\Z)"
    rf"|(?<=[^\W\d_]){_SOFT_HYPHEN}+(?=[^\W\d_])"
)


def find_invisible(text: str, shapes: Shapes = ALL) -> list[Change]:
    """The invisible characters that are certainly useless where they stand, as changes that take them out.

    >>> find_invisible("Go\N{ZERO WIDTH SPACE}vern\N{SOFT HYPHEN}ment")
    [Change(start=2, end=3, after='', name='layout.invisible'), Change(start=7, end=8, after='', name='layout.invisible')]
    >>> find_invisible("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}")
    []
    """
    if not shapes & INVISIBLE or text.isascii():
        return []
    changes: list[Change] = []
    for at in _find_places(text):
        if (not changes or at >= changes[-1].end) and (match := _REMOVED.match(text, at)):
            changes.append(Change(*match.span(), "", "layout.invisible"))
    return changes


def flag_invisible(text: str, field: str, shapes: Shapes = ALL) -> Iterator[Flag]:
    """A flag for each paragraph that holds invisible characters out of place, named in the note.

    `invisible-character`: zero-width characters, directional marks in text that is not written from right to left, controls.
    `bidi-override`: characters that make a reader see another order of letters than is stored.

    >>> [flag.note for flag in flag_invisible("pay \N{RIGHT-TO-LEFT OVERRIDE}001", "text")]
    ['RIGHT-TO-LEFT OVERRIDE (U+202E)']
    """
    if not shapes & INVISIBLE or (text.isascii() and not any(control in text for control in _ASCII_CONTROLS)):
        return
    places = _find_places(text)
    runs_from_right = LineTest(text, _runs_from_right)
    for start, end in find_paragraphs(text) if places else ():
        inside = places[bisect_left(places, start) : bisect_left(places, end)]
        found = [at for at in inside if not _is_at_home(text, at, runs_from_right)]
        if found:
            kind = "bidi-override" if any(text[at] in _OVERRIDES for at in found) else "invisible-character"
            yield Flag(kind, field, found[0], found[-1] + 1, _name_all(text[at] for at in found))


def _find_places(text: str) -> list[int]:
    """Where invisible characters stand, in order. Asking for each of them is faster than one pattern for all."""
    return sorted(match.start() for c in _INVISIBLE if c in text for match in re.finditer(c, text))


def _is_at_home(text: str, at: int, runs_from_right: LineTest) -> bool:
    """Whether the invisible character at `at` does its work there: a joiner or mark beside a script or emoji that needs it."""
    character = text[at]
    if character in _OVERRIDES:
        return False
    if character in _DIRECTION:
        return runs_from_right(at, at)
    if character in "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}":
        around = text[at - 1 : at] + text[at + 1 : at + 2]
        return any(ord(c) >= 0x0590 for c in around)  # from Hebrew on; Latin, Greek and Cyrillic join no letters
    if character == "\N{ZERO WIDTH SPACE}":
        around = text[at - 1 : at] + text[at + 1 : at + 2]
        return any(ord(c) >= 0x0E00 and c.isalpha() for c in around)  # Thai, Khmer, Japanese: where a line may break
    return False


def _runs_from_right(line: str) -> bool:
    """Whether a line holds letters that are written from right to left."""
    return any(unicodedata.bidirectional(c) in {"R", "AL"} for c in line if c not in _DIRECTION)


def _name_all(characters: Iterator[str]) -> str:
    counts = Counter(characters)
    return ", ".join(_name(c) + (f" {n} times" if n > 1 else "") for c, n in counts.items())


def _name(character: str) -> str:
    return f"{unicodedata.name(character, 'CONTROL CHARACTER')} (U+{ord(character):04X})"
