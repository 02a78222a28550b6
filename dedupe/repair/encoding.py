"""Encoding repair: mojibake and stray HTML entities, by ftfy, as edit spans.

ftfy is asked only for what is certainly damage. It does not uncurl quotes, touch ligatures or widths, normalise, or drop
control characters: those are the author's, or somebody's evidence. What is lost for good ("don?t") is flagged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html.entities import name2codepoint
from typing import Any

from dedupe.model import Flag
from dedupe.repair.shape import ALL, LOST, MOJIBAKE, SOUND, Shapes, find_shapes
from dedupe.repair.spans import LineTest
from dedupe.text.edits import Span, diff_spans

# Entities by name or number, escaped once or several times over; "&lt;" and "&gt;" stay, for they may quote code.
_ENTITY = re.compile(r"&(?:amp;)*(?:([A-Za-z]{2,8}\d{0,2})|#(\d{2,6})|#[xX]([0-9a-fA-F]{2,5}));")
_NAMES = (frozenset(name2codepoint) | {"apos"}) - {"lt", "gt"}
_CODE_POINTS = range(32, 0x110000)
# The closing quotation mark of which the last byte, a control character, was lost; alone ftfy would take it for a dagger.
_CUT_CLOSING = re.compile("â€(?=[ ,.;:)]|$)")
_ABOUT_ENTITIES = re.compile(r"\b(?:HTML|XML|entit(?:y|ies)|escap(?:e|ed|ing)|markup|ampersand|source code)\b", re.IGNORECASE)
_LOSSES = "?âÃ\N{REPLACEMENT CHARACTER}"
_LOST = re.compile(
    "[?âÃ\N{REPLACEMENT CHARACTER}](?:(?<=\N{REPLACEMENT CHARACTER})\N{REPLACEMENT CHARACTER}*|(?<=â)(?:€[™œ\x9d¦“”˜]?|\\?+)"
    r"|(?<=Ã)[\x80-\xbf]|(?<=[a-z]\?)(?:(?:s|t|re|ve|ll)\b(?=[ ,.;])|(?=[a-z]{2})))"
)


def fix_encoding(text: str, shapes: Shapes = ALL) -> list[Span]:
    """The spans that undo mojibake and HTML entities, line by line. `shapes` are those of the text.

    >>> fix_encoding("donâ€™t go")
    [Span(start=3, end=6, after='’')]
    >>> fix_encoding("it&amp;nbsp;is") == [Span(2, 12, "\N{NO-BREAK SPACE}")]
    True
    """
    spans: list[Span] = []
    offset = 0
    for line in text.splitlines(keepends=True) if shapes & MOJIBAKE and not _is_sound(text) else []:
        if not line.isascii() and find_shapes(line) & MOJIBAKE and not _is_sound(line):
            spans += [Span(s.start + offset, s.end + offset, s.after) for s in diff_spans(line, _fix_line(line))]
        offset += len(line)
    if "&" in text:
        taken = {at for span in spans for at in range(span.start, span.end)}
        says_so = LineTest(text, lambda line: _ABOUT_ENTITIES.search(line) is not None)
        for match in _ENTITY.finditer(text):
            is_subject = _is_quoted(text, match) and says_so(*match.span())
            if not is_subject and _is_entity(match) and taken.isdisjoint(range(*match.span())):
                entity = match[0].replace("amp;", "") if match[1] != "amp" else "&amp;"
                spans.append(Span(*match.span(), _load_ftfy()[0].fixes.unescape_html(entity)))
    return sorted(spans)


def flag_encoding(text: str, field: str, shapes: Shapes = ALL) -> Iterator[Flag]:
    """`broken-encoding` where letters were lost that no decoding brings back.

    >>> [text[f.start:f.end] for text in ["We don?t know. caf\N{REPLACEMENT CHARACTER}"] for f in flag_encoding(text, "text")]
    ['?t', '\N{REPLACEMENT CHARACTER}']
    """
    end = 0
    for at in _find_all(text, _LOSSES) if shapes & LOST else ():
        if at >= end and (match := _LOST.match(text, at)):
            end = match.end()
            if "/" not in text[text.rfind(" ", 0, at) + 1 : at]:  # the query of an address
                yield Flag("broken-encoding", field, at, end, "a letter or mark was lost in decoding")


def _find_all(text: str, marks: str) -> list[int]:
    """Where any of some marks stand, in order. Asking for each of them is faster than one pattern for all."""
    return sorted(match.start() for mark in marks if mark in text for match in re.finditer(re.escape(mark), text))


def _is_sound(text: str) -> bool:
    """Whether a text is ASCII, but for the marks that prose is full of."""
    if not text.isascii():
        for mark in SOUND:
            text = text.replace(mark, "")
    return text.isascii()


@lru_cache(maxsize=1)
def _load_ftfy() -> tuple[Any, Any]:
    """ftfy and what it is asked for. It takes a tenth of a second to import; only text beyond ASCII, or with "&", needs it."""
    import ftfy  # noqa: PLC0415

    config = ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_encoding=True,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return ftfy, config


def _fix_line(line: str) -> str:
    if line.count("â€œ") > line.count("â€\x9d"):
        line = _CUT_CLOSING.sub("â€\x9d", line)
    ftfy, config = _load_ftfy()
    if not ftfy.badness.is_bad(line):  # what ftfy asks first, and nearly always last
        return line
    fixed: str = ftfy.fix_text(line, config)
    return fixed


def _is_entity(match: re.Match[str]) -> bool:
    if match[1]:
        return match[1] in _NAMES
    code = int(match[2]) if match[2] else int(match[3], 16)
    return code in _CODE_POINTS and code not in {0x3C, 0x3E} and not 0xD800 <= code < 0xE000


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether an entity is named rather than used."""
    around = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
    return bool({"`", '"', "“"} & set(around))
