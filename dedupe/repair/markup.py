"""Markup that was left in the text: HTML tags and comments, shortcodes of content systems, Markdown links.

It is taken out where it is certainly residue: a tag that is closed again, or bears attributes, or stands for a line break, in a
line that is not about markup. Anything else that looks like markup is flagged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from dedupe.model import Flag
from dedupe.repair.defects import Change, keep_disjoint
from dedupe.repair.shape import ALL, MARKUP, Shapes
from dedupe.repair.spans import LineTest

_BLOCK = (
    "address|article|aside|blockquote|br|center|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|"
)
_BLOCK += "section|table|tbody|td|tfoot|th|thead|tr|ul"
_INLINE = (
    "a|abbr|amp-img|audio|b|cite|code|del|em|font|i|iframe|img|ins|mark|noscript|picture|q|s|small|source|span|strike|strong|"
)
_INLINE += "sub|sup|time|tt|u|video|wbr"
_ATTRIBUTES = r"(?:\s+[a-zA-Z][\w:.-]*(?:\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>=]+))?)*\s*/?"
_WITH_VALUE = re.compile(r"\s[a-zA-Z][\w:.-]*\s*=")
_TAG = re.compile(rf"<(/?)({_BLOCK}|{_INLINE})({_ATTRIBUTES})>", re.IGNORECASE)
_BLOCK_NAME = re.compile(_BLOCK, re.IGNORECASE)
_INVISIBLE_ELEMENT = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_SHORTCODE = re.compile(
    r"\[/?(?:caption|wp_caption|gallery|embed|playlist|youtube|vimeo|tweet|instagram|soundcloud|adrotate|contact-form-7|"
    r"(?:vc|et_pb|fusion|av|su|td|tdc|dropcap)_\w+)(?:\s+[\w-]+\s*=\s*(?:\"[^\"\[\]]*\"|”[^”\[\]]*”|“[^”\[\]]*”|'[^'\[\]]*'|[^\s\"'\[\]]+))*\s*/?\]"
    r"|\[(?:audio|video)(?:\s+[\w-]+\s*=\s*(?:\"[^\"\[\]]*\"|[^\s\"'\[\]]+))+\s*/?\]|\[/(?:audio|video)\]"
)
_IMAGE_LINK = re.compile(r"!\[[^\[\]\n]{0,200}\]\((?:https?://|/)[^\s()]+(?:\s+\"[^\"\n]*\")?\)")
_LINK = re.compile(r"(?<!!)\[([^\[\]\n]{1,200})\]\((?:https?://|mailto:|/[\w/])[^\s()]*(?:\s+\"[^\"\n]*\")?\)")
_ABOUT_MARKUP = re.compile(
    r"\b(?:HTML|XML|tags?|markup|elements?|attributes?|CSS|JavaScript|Markdown|shortcodes?|syntax|source code)\b", re.IGNORECASE
)
_LEFTOVER = (
    ("html", "<", re.compile(r"</?[a-zA-Z][\w-]*(?:\s+[\w:.-]+\s*=[^<>\n]*)?\s*/?>|<!--|-->")),
    ("html", "=", re.compile(r"\b(?:class|href|src|style|target|rel|width|height|alt|id)=[\"”“'][^\"”“'\n]*[\"”“']/?>?")),
    ("html", "&", re.compile(r"&(?:lt|gt);|&[a-z]{2,8}\d?;|&#\w{1,7};|&nbsp\b")),
    ("shortcode", "[", re.compile(r"\[/?[a-z][\w-]{2,}(?:\s+[\w-]+=[^\[\]\n]+)\s*/?\]|\[/[a-z][\w-]{2,}\]")),
    ("markdown", "](", re.compile(r"\[[^\[\]\n]{1,200}\]\([^()\n]*\)")),
    ("markdown", "**", re.compile(r"(?<![\w*])\*\*[^\s*][^*\n]{0,200}[^\s*]\*\*(?![\w*])")),
    ("markdown", "#", re.compile(r"(?m)^#{2,6} \S[^\n#]*$")),
)


def find_markup(text: str, shapes: Shapes = ALL) -> list[Change]:
    """The markup that is certainly residue, as changes that take it out; a block tag between two texts becomes a line end.

    >>> find_markup("<p>One.</p><p>Two.</p>")[1]
    Change(start=7, end=14, after='\\n', name='layout.markup')
    >>> find_markup("The <b> tag makes text bold.")
    []
    """
    changes: list[Change] = []
    if not shapes & MARKUP:
        return changes
    is_subject = _find_subjects(text)
    if "<" in text:
        changes += [Change(*match.span(), "", "layout.markup") for match in _INVISIBLE_ELEMENT.finditer(text)]
        changes += _take_out_tags(text, [match for match in _TAG.finditer(text) if not is_subject(match)])
    if "[" in text:
        changes += [Change(*m.span(), "", "layout.shortcode") for m in _SHORTCODE.finditer(text) if not is_subject(m)]
        if "](" in text:
            changes += [Change(*m.span(), "", "layout.markup") for m in _IMAGE_LINK.finditer(text) if not is_subject(m)]
            changes += [Change(*m.span(), m[1], "layout.markup") for m in _LINK.finditer(text) if not is_subject(m)]
    return keep_disjoint(changes)


def flag_markup(text: str, field: str, shapes: Shapes = ALL) -> Iterator[Flag]:
    """What looks like markup and is not certainly residue: kinds `html`, `shortcode`, `markdown`.

    >>> [flag.kind for flag in flag_markup("See [related id=12] and target=\\"_blank\\">here.", "text")]
    ['html', 'shortcode']
    """
    for kind, mark, pattern in _LEFTOVER if shapes & MARKUP else ():
        if mark in text:
            for match in pattern.finditer(text):
                yield Flag(kind, field, *match.span(), "looks like left-over markup")


def _take_out_tags(text: str, tags: Sequence[re.Match[str]]) -> Iterator[Change]:
    opened = {match[2].lower() for match in tags if not match[1]}
    closed = {match[2].lower() for match in tags if match[1]}
    certain = [
        match
        for match in tags
        if match[2].lower() in opened & closed | {"br", "hr"}
        or (match[2].lower() == "p" and match[1])
        or _WITH_VALUE.search(match[3])
    ]
    # Tags that touch each other, but for spaces, are one run: two line ends would make an empty paragraph.
    run: list[re.Match[str]] = []
    for match in certain:
        if run and text[run[-1].end() : match.start()].strip(" \t"):
            yield _take_out_run(text, run)
            run = []
        run.append(match)
    if run:
        yield _take_out_run(text, run)


def _take_out_run(text: str, run: list[re.Match[str]]) -> Change:
    start, end = run[0].start(), run[-1].end()
    if not any(_BLOCK_NAME.fullmatch(match[2]) for match in run):
        inner = "".join(text[a.end() : b.start()] for a, b in pairwise(run))
        spaced = start > 0 and text[start - 1].isspace()
        return Change(start, end, "" if spaced else inner[:1], "layout.markup")
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    while end < len(text) and text[end] in " \t":
        end += 1
    at_border = start == 0 or end == len(text) or text[start - 1] == "\n" or text[end] == "\n"
    return Change(start, end, "" if at_border else "\n", "layout.markup")


def _find_subjects(text: str) -> Callable[[re.Match[str]], bool]:
    """The test whether the text around a match is about markup: its line says so, or it stands in backticks."""
    says_so = LineTest(text, lambda line: _ABOUT_MARKUP.search(_TAG.sub(" ", line)) is not None)

    def is_subject(match: re.Match[str]) -> bool:
        return "`" in text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1] or says_so(*match.span())

    return is_subject
