"""Layout: what scraping left in the text that is not the article, or broke in it.

Every paragraph gets a role (body, heading, caption, credit, byline, sign-off, promotion, trailing headline). Roles that
are certain and never part of an article's body leave it; captions, credits and headings are only typed. What is missing
(a cut sentence) is flagged and never invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dedupe.model import Flag, Role
from dedupe.repair.spans import find_paragraphs
from dedupe.text.edits import Span
from dedupe.text.lexicon import Lexicon

# Roles whose paragraph leaves the body. Captions and credits stay: they are the article's own words about its pictures.
REMOVED_ROLES = frozenset({"byline", "author-bio", "sign-off", "promotion", "menu", "trailing-headline"})

_TERMINAL = re.compile(r"[.!?…:;][\"”’')\]]*$|[\"”]$|\.\.\.$")
_CREDIT_WORDS = re.compile(
    r"\b(?:AFP|Afp|AP|EPA|Reuters|Getty|Images?|Pictures|Photos?|Shutterstock|Bloomberg|Contributor|Alamy|Via|NurPhoto|Anadolu)\b"
)
_PHOTO_NOTE = re.compile(r"\((?:[A-Z]{2,4} )?(?:Photo|Image|Picture|Photograph)s?\b[^()\n]{2,90}\)\s*$")
_CAPTION_OPENING = re.compile(
    r"(?:In|On) this (?:pool |file |handout |undated |aerial |combination |screen)*(?:photo|photograph|image|picture|grab|\{)"
)
_GLUED_SIGN_OFF = re.compile(
    r"(?<=[.!?”\"])[ \t]+(?:[A-Z]{2,4}/)?(?:Reuters|AFP|AP|dpa|ANI|PTI|IANS|Xinhua|TASS|UPI|EFE|Agencies)"
    r"(?:/[A-Z]{2,4})?\.?\s*\Z"
)
_SPACE_BEFORE_COMMA = re.compile(
    r"(?<=[^\W\d_])[ \N{NO-BREAK SPACE}]+(?=,[\s\"”’])|(?<=[’”\"\d])[ \N{NO-BREAK SPACE}]+(?=,\s[a-z])"
)
_CUT_WORDS = frozenset(
    "a an the and or but nor of in on at to for by with from as than into over under between among about against during"
    " which that who whose when while where because if although is are was were be been has have had will would".split()
)
_LONGEST_PATTERNED = 260  # characters; furniture is short
_BLANK_LINES_AT_END, _LONGEST_SIGN_OFF = 3, 30  # fewer blank lines are nobody's harm; characters
_AUTHOR = re.compile(r"By ((?:[A-Z][\w.'’-]+ ?){2,3})(?<! )")
_SPEECH = re.compile(r"[“\"]|\b(?:said|told|says)\b")
_TITLE_WORDS, _HEADING_WORDS, _HEADLINE_WORDS = 16, 9, (4, 14)


class Layout(NamedTuple):
    """The layout of one field: edits as (span, name of the defect), roles of paragraphs, flags."""

    edits: list[tuple[Span, str]]
    roles: list[Role]
    flags: list[Flag]


def read_layout(text: str, field: str, lexicon: Lexicon) -> Layout:
    """The layout defects of a field and the roles of its paragraphs.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> text = "By Jane Doe\\nThe mayor of Odense , who is 61, resigned.\\n"
    >>> layout = read_layout(text, "text", load_lexicon())
    >>> [(text[span.start:span.end], name) for span, name in layout.edits]
    [('By Jane Doe\\n', 'layout.byline'), (' ', 'layout.space-before-comma')]
    """
    paragraphs = find_paragraphs(text)
    roles = [Role(role, field, *paragraphs[at]) for at, role in _roles(text, paragraphs, lexicon)]
    edits = [(_line_span(text, role), f"layout.{role.role}") for role in roles if role.role in REMOVED_ROLES]
    if len(edits) == len(paragraphs):  # never leave an empty article
        edits = []
    if " ," in text or "\N{NO-BREAK SPACE}," in text:
        edits += [(Span(*match.span(), ""), "layout.space-before-comma") for match in _SPACE_BEFORE_COMMA.finditer(text)]
    if match := _GLUED_SIGN_OFF.search(text, max(0, len(text.rstrip()) - _LONGEST_SIGN_OFF)):
        end = match.start() + len(match[0].rstrip())
        edits.append((Span(match.start(), end, ""), "layout.sign-off"))
        roles.append(Role("sign-off", field, end - len(match[0].strip()), end))
    body_end = len(text.rstrip())
    if body_end and text.count("\n", body_end) > _BLANK_LINES_AT_END:
        edits.append((Span(body_end, len(text), "\n"), "layout.trailing-blank-lines"))
    typed = {(role.start, role.end) for role in roles}
    body = [paragraph for paragraph in paragraphs if paragraph not in typed]
    return Layout(_disjoint(edits), roles, list(_flags(text, field, body)))


def _roles(text: str, paragraphs: list[tuple[int, int]], lexicon: Lexicon) -> Iterator[tuple[int, str]]:
    lines = [text[start:end].strip() for start, end in paragraphs]
    patterned = [_pattern_role(line, at, len(lines), lexicon) for at, line in enumerate(lines)]
    author = next(
        (match[1] for line, role in zip(lines, patterned, strict=True) if role == "byline" and (match := _AUTHOR.match(line))),
        "",
    )
    for at, line in enumerate(lines):
        following = patterned[at + 1] if at + 1 < len(lines) else None
        if patterned[at] is not None:
            yield at, str(patterned[at])
        elif author and at >= len(lines) - 4 and line.startswith(author + " ") and not _SPEECH.search(line):
            yield at, "author-bio"
        elif (
            (line.endswith(")") and _PHOTO_NOTE.search(line))
            or (following == "credit" and len(line) < 600)
            or _CAPTION_OPENING.match(line)
        ):
            yield at, "caption"
        elif _is_trailing_headline(lines, at):
            yield at, "trailing-headline"
        elif _is_heading(lines, at):
            yield at, "heading"


def _is_stopped(line: str) -> bool:
    """Whether a paragraph ends as sentences, quotations or lists do."""
    return _TERMINAL.search(line, max(0, len(line) - 6)) is not None


def _pattern_role(line: str, at: int, count: int, lexicon: Lexicon) -> str | None:
    if len(line) > _LONGEST_PATTERNED:
        return None
    for role, pattern in lexicon.layout:
        if pattern.fullmatch(line) is None:
            continue
        if "|" in line and (role == "credit") != bool(_CREDIT_WORDS.search(line)):
            continue
        if role == "byline" and at > 5:
            continue
        if role == "sign-off" and at < count - 4:
            continue
        return role
    return None


def _is_heading(lines: list[str], at: int) -> bool:
    """A short line without a stop between longer ones, or one of those on top, before the article begins."""
    line = lines[at]
    if len(line) > _LONGEST_PATTERNED:
        return False
    if all(len(above.split()) <= _TITLE_WORDS and not _is_stopped(above) for above in lines[: at + 1]):
        return len(lines) > at + 3 and any(_is_stopped(below) for below in lines[at + 1 : at + 8])
    return (
        at < len(lines) - 1
        and len(line.split()) <= _HEADING_WORDS
        and line[:1].isupper()
        and not _is_stopped(line)
        and line.split()[-1].lower() not in _CUT_WORDS
        and len(lines[at + 1]) > 2 * len(line)
    )


def _is_trailing_headline(lines: list[str], at: int) -> bool:
    """A last line like a title: no stop, while every other long line has one, and made of words of the article."""
    low, high = _HEADLINE_WORDS
    if at != len(lines) - 1 or len(lines) < 5 or not low <= len(lines[at].split()) <= high:
        return False
    words = re.findall(r"[^\W\d_]{4,}", lines[at].lower())
    if not words:
        return False
    if _is_stopped(lines[at]) or not lines[at][0].isupper() or lines[at].split()[-1].lower() in _CUT_WORDS:
        return False
    others = [line for line in lines[:at] if len(line.split()) > _HEADING_WORDS]
    article = set(re.findall(r"[^\W\d_]{4,}", " ".join(others).lower()))
    stopped = sum(_is_stopped(line) for line in others)
    return len(others) >= 4 and stopped == len(others) and sum(word in article for word in words) >= 0.6 * len(words)


def _line_span(text: str, role: Role) -> Span:
    """The span of a paragraph with the line ends after it, or before it when it is the last."""
    start, end = role.start, role.end
    while end < len(text) and text[end] in "\r\n":
        end += 1
    if end == len(text):
        while start > 0 and text[start - 1] in "\r\n":
            start -= 1
        return Span(start, end, text[role.end : end][:1] and "\n")
    return Span(start, end, "")


def _disjoint(edits: list[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """The edits sorted; where two touch the same text, the longer one alone."""
    kept: list[tuple[Span, str]] = []
    for edit in sorted(edits, key=lambda edit: edit[0].start - edit[0].end):
        if all(edit[0].end <= other.start or edit[0].start >= other.end for other, _ in kept):
            kept.append(edit)
    return sorted(kept)


def count_body_words(text: str, lexicon: Lexicon) -> int:
    """The words of the paragraphs that are body text: no byline, caption, heading, promotion or the like.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> count_body_words("Sign up for our newsletter\\nThe mayor resigned.\\n", load_lexicon())
    3
    """
    paragraphs = find_paragraphs(text)
    typed = {at for at, _ in _roles(text, paragraphs, lexicon)}
    return sum(len(text[start:end].split()) for at, (start, end) in enumerate(paragraphs) if at not in typed)


def is_truncated(text: str) -> bool:
    """Whether the text breaks off: its last paragraph of some length ends in a word that no sentence ends with, or in a comma.

    >>> is_truncated("The talks went on until Friday. They will resume in")
    True
    """
    paragraphs = find_paragraphs(text)
    return bool(paragraphs) and _breaks_off(text[slice(*paragraphs[-1])].strip())


def _breaks_off(line: str) -> bool:
    words = line.split()
    return len(words) >= 6 and (words[-1].lower().strip(",") in _CUT_WORDS or line.endswith(","))


def _flags(text: str, field: str, body: list[tuple[int, int]]) -> Iterator[Flag]:
    curly = sum(text[start:end].count("“") + text[start:end].count("’") for start, end in body)
    straight = sum(text[start:end].count('"') + text[start:end].count("'") for start, end in body)
    for start, end in body:
        line = text[start:end].strip()
        words = line.split()
        if len(words) >= 6 and not _is_stopped(line):
            kind = "truncated" if _breaks_off(line) else "maybe-truncated"
            yield Flag(kind, field, start, end, "the paragraph ends without a stop")
        marks = line.count('"') + line.count("'")
        if marks >= 2 and 0 < straight < curly and "“" not in line and "’" not in line:
            yield Flag("splice", field, start, end, "straight quotation marks in a text of curly ones")
