"""Roles: what each paragraph is, if not body text. Patterns come from the layout tables, the rest is told from its place.

Roles that are certain and never part of what an article says leave its body (docs/decisions/0002); captions, credits, headings
and summaries are only typed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from dedupe.model import RoleName
from dedupe.repair.endings import STOP_CODES, ends_in_cut_word, is_stopped
from dedupe.repair.outline import Paragraph
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
# What a caption begins or ends with, if it is no note in brackets; nearly all other lines need not be read.
_CAPTION_OPENINGS, _CAPTION_ENDINGS, _STOP, _BEFORE_STOP = (
    frozenset(map(ord, "IO")),
    frozenset(map(ord, ")oeh}")),
    ord("."),
    "oeh}",
)
_QUOTE_CODES = frozenset(map(ord, "“\"‘'"))
_AUTHOR = re.compile(r"By ((?:[A-Z][\w.'’-]+ ?){2,3})(?<! )")
_SPEECH = re.compile(r"[“\"]|\b(?:said|told|says)\b")
_LONGEST_PATTERNED = 300  # characters; furniture is short
_LONGEST_CAPTION = 600
_TITLE_WORDS, _HEADING_WORDS, _HEADLINE_WORDS, _DEK_WORDS = 16, 9, (4, 14), (8, 45)
_OPENING, _CLOSING = 5, 4  # paragraphs in which a byline, a sign-off is one
_WEAK = frozenset("about after amid before from into over says that this under with".split())  # of no subject
_MENU_LINES, _LONGEST_ITEM = 3, 24


def find_roles(text: str, outline: Sequence[Paragraph], lexicon: Lexicon) -> Iterator[tuple[int, RoleName]]:
    """The number and the role of each paragraph that is not body text, in order. `outline` is that of the text.

    Only paragraphs that may have a role are read: those of a known pattern or without a stop, those that look like captions,
    and those on top.

    >>> from dedupe.repair.outline import find_outline
    >>> from dedupe.text.lexicon import load_lexicon
    >>> text = "By Jane Doe\\nThe mayor resigned.\\nShare this article"
    >>> list(find_roles(text, find_outline(text), load_lexicon()))
    [(0, 'byline'), (2, 'share')]
    """
    page = _read_page(text, outline, lexicon)
    roles: dict[int, RoleName] = {at: role for at, role in page.patterned.items() if role != "menu-item"}
    roles |= dict.fromkeys(_find_menus(page), "menu")
    for at in sorted(_find_candidates(page)):
        if at not in roles and (role := _role_by_place(page, at)):
            roles[at] = role
    if "caption" in roles.values():
        roles |= dict.fromkeys(_find_repeated_captions(page.lines, roles), "repeated-caption")
    return iter(sorted(roles.items()))


class _Page(NamedTuple):
    """The stripped paragraphs of a text, their outline, and what is known of them by number.

    `patterned`: those of a known pattern; `captions`; `author`: who wrote it, as a byline says, or empty; `top`: how many lines
    stand before the article begins, short ones without a stop and those of a known pattern; `first_long`: the first of those
    on top that is too long for a title and of no known pattern; `last_plain`: the last of no known pattern.
    """

    lines: Sequence[str]
    outline: Sequence[Paragraph]
    patterned: Mapping[int, LineRole]
    captions: Collection[int]
    author: str
    top: int
    first_long: int
    last_plain: int


def _read_page(text: str, outline: Sequence[Paragraph], lexicon: Lexicon) -> _Page:
    lines = [text[paragraph.first : paragraph.last] for paragraph in outline]
    patterned = _find_patterned(lines, outline, lexicon)
    captions = _find_captions(lines, outline, patterned)
    top, first_long, last_plain = len(lines), _OPENING, len(lines) - 1
    for at, paragraph in enumerate(outline):
        if at not in patterned and (paragraph.ending in STOP_CODES or paragraph.words > _TITLE_WORDS):
            top = at
            break
    for at, paragraph in enumerate(outline[: _OPENING + 1]):
        if at not in patterned and paragraph.words > _TITLE_WORDS:
            first_long = at
            break
    while last_plain in patterned:
        last_plain -= 1
    author = ""
    if "byline" in patterned.values():
        bylines = (_AUTHOR.match(lines[at]) for at, role in patterned.items() if role == "byline")
        author = next((match[1] for match in bylines if match), "")
    return _Page(lines, outline, patterned, captions, author, top, first_long, last_plain)


def _find_patterned(lines: Sequence[str], outline: Sequence[Paragraph], lexicon: Lexicon) -> dict[int, LineRole]:
    """The lines of a known pattern, in order."""
    is_patterned = lexicon.any_layout.fullmatch
    patterned: dict[int, LineRole] = {}
    for at, line in enumerate(lines):
        if len(line) <= _LONGEST_PATTERNED and outline[at].opening not in _QUOTE_CODES and is_patterned(line):
            role = _pattern_role(line, at, len(lines), lexicon)
            if role:
                patterned[at] = role
    return patterned


def _find_captions(lines: Sequence[str], outline: Sequence[Paragraph], patterned: Mapping[int, LineRole]) -> Collection[int]:
    """The lines that are captions, by a pattern or by what they look like."""
    suspects = [
        at
        for at, paragraph in enumerate(outline)
        if paragraph.opening in _CAPTION_OPENINGS
        or paragraph.ending in _CAPTION_ENDINGS
        or (paragraph.ending == _STOP and lines[at][-2:-1] in _BEFORE_STOP)
        or "|" in lines[at]
    ]
    found = [at for at in suspects if _looks_like_caption(lines[at])]
    if patterned:
        found += [at - 1 for at, role in patterned.items() if role == "credit" and at]
        found = [at for at in found if at not in patterned]
    captions = {at for at in found if len(lines[at]) < _LONGEST_CAPTION}
    return captions | {at for at, role in patterned.items() if role == "caption"} if patterned else captions


def _find_candidates(page: _Page) -> set[int]:
    """The paragraphs that may have a role by their place; all others are body text, if they have no pattern."""
    count = len(page.lines)
    candidates = {at for at, paragraph in enumerate(page.outline) if paragraph.ending not in STOP_CODES}
    candidates.update(page.captions, range(min(page.first_long + 1, count)))
    if page.patterned:
        candidates.update(at for at, role in page.patterned.items() if role == "menu-item")
    if page.author:
        candidates.update(range(max(count - _CLOSING, 0), count))
    return candidates


def _role_by_place(page: _Page, at: int) -> RoleName | None:
    line = page.lines[at]
    if page.author and at >= len(page.lines) - _CLOSING and line.startswith(page.author + " ") and not _SPEECH.search(line):
        return "author-bio"
    if at in page.captions:
        return "caption"
    if at >= page.last_plain and _is_trailing_headline(page, at):
        return "trailing-headline"
    if _is_heading(page, at, at < page.top):
        return "heading"
    if at <= page.first_long and _is_dek(page, at):
        return "dek"
    return None


def _pattern_role(line: str, at: int, count: int, lexicon: Lexicon) -> LineRole | None:
    for role, pattern in lexicon.layout:
        if pattern.fullmatch(line) is None:
            continue
        if "|" in line and role in {"credit", "menu"} and (role == "credit") != bool(_CREDIT_WORDS.search(line)):
            continue
        if (role == "byline" and at > _OPENING) or (role == "sign-off" and at < count - _CLOSING):
            continue
        return role
    return None


def _find_repeated_captions(lines: Sequence[str], roles: Mapping[int, RoleName]) -> Iterator[int]:
    """The lines that stand above as a caption, the first time that they do."""
    first_seen: dict[str, int] = {}
    for at, line in enumerate(lines):
        if roles.get(at, "caption") == "caption":
            first = first_seen.setdefault(line, at)
            if first < at and roles.get(first) == "caption":
                yield at


def _find_menus(page: _Page) -> set[int]:
    """The lines of runs of short lines of which half are known items of menus ("News", "Sport", "Weather")."""
    menus: set[int] = set()
    if not page.patterned or "menu-item" not in page.patterned.values():
        return menus
    run: list[int] = []
    for at in range(len(page.lines) + 1):
        if at < len(page.lines) and _may_be_item(page.lines[at], page.patterned.get(at)):
            run.append(at)
            continue
        items = sum(page.patterned.get(i) == "menu-item" for i in run)
        if (len(run) >= _MENU_LINES and 2 * items >= len(run)) or (len(run) == items == 2 and run[0] == 0):
            menus.update(run)
        run = []
    return menus


def _may_be_item(line: str, role: LineRole | None) -> bool:
    return role == "menu-item" or (
        role is None and len(line) <= _LONGEST_ITEM and len(line.split()) <= 3 and line[0].isupper() and not is_stopped(line)
    )


def _looks_like_caption(line: str) -> bool:
    return bool(
        (line[-1] == ")" and _PHOTO_NOTE.search(line))
        or (line[1:7] == "n this" and _CAPTION_OPENING.match(line))
        or (" | " in line and _INLINE_CREDIT.search(line))
        or (line.endswith(_PICTURES) and _FILE_PHOTO.search(line, max(0, len(line) - _LONGEST_FILE_PHOTO)))
    )


def _is_heading(page: _Page, at: int, is_on_top: bool) -> bool:
    """A short line without a stop between longer ones, or one of those on top, before the article begins."""
    line, lines, paragraph = page.lines[at], page.lines, page.outline[at]
    if len(line) > _LONGEST_PATTERNED:
        return False
    if is_on_top:
        return len(lines) > at + 3 and any(map(is_stopped, lines[at + 1 : at + 8]))
    if at == len(lines) - 1 or paragraph.ending in STOP_CODES or not line[0].isupper() or paragraph.words > _HEADING_WORDS:
        return False
    below = lines[at + 1]
    long_below = len(below) > 2 * len(line) or (is_stopped(below) and len(below) > len(line))
    return long_below and not ends_in_cut_word(line) and not line.endswith(",")


def _is_trailing_headline(page: _Page, at: int) -> bool:
    """A line like a title below the last sentence: no stop, while every other long line has one, and made of its words.

    Only lines of a known pattern follow it.
    """
    low, high = _HEADLINE_WORDS
    if len(page.lines) < 5:
        return False
    line, paragraph = page.lines[at], page.outline[at]
    if paragraph.ending in STOP_CODES or not line[0].isupper() or not low <= paragraph.words <= high or ends_in_cut_word(line):
        return False
    others = [i for i in range(at) if i not in page.patterned and page.outline[i].words > _HEADING_WORDS]
    return (
        len(others) >= 4
        and all(page.outline[i].ending in STOP_CODES for i in others[2:])
        and _share(line, " ".join(page.lines[i] for i in others)) >= 0.6
    )


def _is_dek(page: _Page, at: int) -> bool:
    """A summary on top, before any long line, that the next paragraph, longer than it, says again in nearly the same words."""
    low, high = _DEK_WORDS
    lines, paragraph = page.lines, page.outline[at]
    if (
        len(lines) < at + 4
        or paragraph.ending not in STOP_CODES
        or len(lines[at]) > len(lines[at + 1])
        or not low <= paragraph.words <= high
    ):
        return False
    return _share(lines[at], lines[at + 1]) >= 0.5 and _share(lines[at], " ".join(lines[at + 1 : at + 4])) >= 0.7


def _share(line: str, text: str) -> float:
    """The share of the longer words of a line that a text has too, endings aside."""
    words = {word[:6] for word in re.findall(r"[^\W\d_]{4,}", line.lower())} - _WEAK
    if not words:
        return 0.0
    return len(words & {word[:6] for word in re.findall(r"[^\W\d_]{4,}", text.lower())}) / len(words)
