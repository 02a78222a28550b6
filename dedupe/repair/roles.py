"""Roles: what each paragraph is, if not body text. Patterns come from the layout tables, the rest is told from its place.

Roles that are certain and never part of what an article says leave its body (docs/decisions/0002); captions, credits, headings
and summaries are only typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dedupe.model import RoleName
from dedupe.repair.endings import count_words, ends_in_cut_word, is_stopped
from dedupe.text.lexicon import Lexicon, LineRole

REMOVED_ROLES: frozenset[RoleName] = frozenset(
    {
        "advertisement", "author-bio", "byline", "cookie", "copyright", "media", "menu", "newsletter", "promotion", "related",
        "repeated-caption", "script", "share", "sign-off", "timestamp", "trailing-headline",
    }
)  # fmt: skip

_CREDIT_WORDS = re.compile(
    r"\b(?:AFP|Afp|AP|EPA|Reuters|Getty|Images?|Pictures|Photos?|Shutterstock|Bloomberg|Contributor|Alamy|Via|NurPhoto|Anadolu)\b"
)
_PHOTO_NOTE = re.compile(r"\((?:[A-Z]{2,4} )?(?:Photo|Image|Picture|Photograph)s?\b[^()\n]{2,90}\)\s*$")
_CAPTION_OPENING = re.compile(
    r"(?:In|On) this (?:pool |file |handout |undated |aerial |combination |screen)*(?:photo|photograph|image|picture|grab|\{)"
)
_INLINE_CREDIT = re.compile(r"[.}:”] ?[A-Z][^|.\n]{2,40}(?: \| [^|\n]{2,40}){1,3}$")
_FILE_PHOTO = re.compile(r"\b\{?(?:[Ff]ile|[Hh]andout|[Aa]rchive)\}? \{?(?:photo|picture|image|photograph)\}?\.?$")
_LONGEST_FILE_PHOTO = 24  # characters
_PICTURES = tuple(word + mark for word in ("photo", "picture", "image", "photograph") for mark in ("", "}", ".", "}."))
_AUTHOR = re.compile(r"By ((?:[A-Z][\w.'’-]+ ?){2,3})(?<! )")
_SPEECH = re.compile(r"[“\"]|\b(?:said|told|says)\b")
_LONGEST_PATTERNED = 300  # characters; furniture is short
_LONGEST_CAPTION = 600
_TITLE_WORDS, _HEADING_WORDS, _HEADLINE_WORDS, _DEK_WORDS = 16, 9, (4, 14), (8, 45)
_OPENING, _CLOSING = 5, 4  # paragraphs in which a byline, a sign-off is one
_WEAK = frozenset("about after amid before from into over says that this under with".split())  # of no subject
_MENU_LINES, _LONGEST_ITEM = 3, 24


def find_roles(lines: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[int, RoleName]]:
    """The number and the role of each paragraph that is not body text, in order.

    lines: the paragraphs, stripped, none of them empty.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> list(find_roles(["By Jane Doe", "The mayor resigned.", "Share this article"], load_lexicon()))
    [(0, 'byline'), (2, 'share')]
    """
    patterned = [_pattern_role(line, at, len(lines), lexicon) for at, line in enumerate(lines)]
    menus = _find_menus(lines, patterned)
    bylines = (_AUTHOR.match(line) for line, role in zip(lines, patterned, strict=True) if role == "byline")
    author = next((match[1] for match in bylines if match), "")
    first_seen: dict[str, int] = {}
    top, first_long = _count_top(lines, patterned), _find_long(lines, patterned)
    last_plain = max((at for at, role in enumerate(patterned) if role is None), default=-1)
    for at, line in enumerate(lines):
        role = "menu" if at in menus else patterned[at] if patterned[at] != "menu-item" else None
        role = role or _role_by_place(lines, at, patterned, author, top, first_long, last_plain)
        if (
            role in {"caption", None}
            and first_seen.setdefault(line, at) < at
            and _is_caption(lines, first_seen[line], patterned)
        ):
            role = "repeated-caption"
        if role is not None and role != "menu-item":
            yield at, role


def _role_by_place(
    lines: Sequence[str],
    at: int,
    patterned: Sequence[LineRole | None],
    author: str,
    top: int,
    first_long: int,
    last_plain: int,
) -> RoleName | None:
    line = lines[at]
    if author and at >= len(lines) - _CLOSING and line.startswith(author + " ") and not _SPEECH.search(line):
        return "author-bio"
    if _is_caption(lines, at, patterned):
        return "caption"
    if at >= last_plain and _is_trailing_headline(lines, at, patterned):
        return "trailing-headline"
    if _is_heading(lines, at, at < top):
        return "heading"
    if at <= first_long and _is_dek(lines, at):
        return "dek"
    return None


def _pattern_role(line: str, at: int, count: int, lexicon: Lexicon) -> LineRole | None:
    if len(line) > _LONGEST_PATTERNED or line[0] in "“\"‘'" or lexicon.any_layout.fullmatch(line) is None:
        return None
    for role, pattern in lexicon.layout:
        if pattern.fullmatch(line) is None:
            continue
        if "|" in line and role in {"credit", "menu"} and (role == "credit") != bool(_CREDIT_WORDS.search(line)):
            continue
        if (role == "byline" and at > _OPENING) or (role == "sign-off" and at < count - _CLOSING):
            continue
        return role
    return None


def _find_menus(lines: Sequence[str], patterned: Sequence[LineRole | None]) -> set[int]:
    """The lines of runs of short lines of which half are known items of menus ("News", "Sport", "Weather")."""
    menus: set[int] = set()
    if "menu-item" not in patterned and min(map(len, lines), default=0) > _LONGEST_ITEM:
        return menus
    run: list[int] = []
    for at in range(len(lines) + 1):
        if at < len(lines) and _may_be_item(lines[at], patterned[at]):
            run.append(at)
            continue
        items = sum(patterned[i] == "menu-item" for i in run)
        if (len(run) >= _MENU_LINES and 2 * items >= len(run)) or (len(run) == items == 2 and run[0] == 0):
            menus.update(run)
        run = []
    return menus


def _may_be_item(line: str, role: LineRole | None) -> bool:
    return role == "menu-item" or (
        role is None and len(line) <= _LONGEST_ITEM and len(line.split()) <= 3 and line[0].isupper() and not is_stopped(line)
    )


def _is_caption(lines: Sequence[str], at: int, patterned: Sequence[LineRole | None]) -> bool:
    line = lines[at]
    if patterned[at] is not None or len(line) >= _LONGEST_CAPTION:
        return patterned[at] == "caption"
    return bool(
        (at + 1 < len(lines) and patterned[at + 1] == "credit")
        or (line[-1] == ")" and _PHOTO_NOTE.search(line))
        or (line[1:7] == "n this" and _CAPTION_OPENING.match(line))
        or (" | " in line and _INLINE_CREDIT.search(line))
        or (line.endswith(_PICTURES) and _FILE_PHOTO.search(line, max(0, len(line) - _LONGEST_FILE_PHOTO)))
    )


def _count_top(lines: Sequence[str], patterned: Sequence[LineRole | None]) -> int:
    """How many lines stand before the article begins: short ones without a stop, and those of a known pattern."""
    for at, (line, role) in enumerate(zip(lines, patterned, strict=True)):
        if role is None and (is_stopped(line) or count_words(line, _TITLE_WORDS) > _TITLE_WORDS):
            return at
    return len(lines)


def _find_long(lines: Sequence[str], patterned: Sequence[LineRole | None]) -> int:
    """The number of the first line among those on top that is too long for a title and of no known pattern."""
    for at, (line, role) in enumerate(zip(lines[: _OPENING + 1], patterned, strict=False)):
        if role is None and count_words(line, _TITLE_WORDS) > _TITLE_WORDS:
            return at
    return _OPENING


def _is_heading(lines: Sequence[str], at: int, is_on_top: bool) -> bool:
    """A short line without a stop between longer ones, or one of those on top, before the article begins."""
    line = lines[at]
    if len(line) > _LONGEST_PATTERNED:
        return False
    if is_on_top:
        return len(lines) > at + 3 and any(map(is_stopped, lines[at + 1 : at + 8]))
    if at == len(lines) - 1 or is_stopped(line) or not line[0].isupper() or count_words(line, _HEADING_WORDS) > _HEADING_WORDS:
        return False
    below = lines[at + 1]
    long_below = len(below) > 2 * len(line) or (is_stopped(below) and len(below) > len(line))
    return long_below and not ends_in_cut_word(line) and not line.endswith(",")


def _is_trailing_headline(lines: Sequence[str], at: int, patterned: Sequence[LineRole | None]) -> bool:
    """A line like a title below the last sentence: no stop, while every other long line has one, and made of its words.

    Only lines of a known pattern follow it.
    """
    low, high = _HEADLINE_WORDS
    if len(lines) < 5:
        return False
    line = lines[at]
    if is_stopped(line) or not line[0].isupper() or not low <= count_words(line, high) <= high or ends_in_cut_word(line):
        return False
    others = [
        other
        for other, role in zip(lines[:at], patterned, strict=False)
        if role is None and count_words(other, _HEADING_WORDS) > _HEADING_WORDS
    ]
    return len(others) >= 4 and all(is_stopped(other) for other in others[2:]) and _share(line, " ".join(others)) >= 0.6


def _is_dek(lines: Sequence[str], at: int) -> bool:
    """A summary on top, before any long line, that the next paragraph, longer than it, says again in nearly the same words."""
    low, high = _DEK_WORDS
    if (
        len(lines) < at + 4
        or not is_stopped(lines[at])
        or len(lines[at]) > len(lines[at + 1])
        or not low <= count_words(lines[at], high) <= high
    ):
        return False
    return _share(lines[at], lines[at + 1]) >= 0.5 and _share(lines[at], " ".join(lines[at + 1 : at + 4])) >= 0.7


def _share(line: str, text: str) -> float:
    """The share of the longer words of a line that a text has too, endings aside."""
    words = {word[:6] for word in re.findall(r"[^\W\d_]{4,}", line.lower())} - _WEAK
    if not words:
        return 0.0
    return len(words & {word[:6] for word in re.findall(r"[^\W\d_]{4,}", text.lower())}) / len(words)
