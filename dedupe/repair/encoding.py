"""Encoding repair: mojibake and stray HTML entities, by ftfy, as edit spans.

ftfy is asked only for what is certainly damage. It does not uncurl quotes, touch ligatures or widths, normalise, or drop
control characters: those are the author's, or somebody's evidence.
"""

from __future__ import annotations

import re

import ftfy

from dedupe.text.edits import Span, diff_spans

_CONFIG = ftfy.TextFixerConfig(
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
# The named entities of everyday prose and numeric ones; "&lt;" stays, for it may quote code.
_ENTITY = re.compile(r"&(?:amp|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip|#\d{2,5}|#x[0-9a-fA-F]{2,5});")


def fix_encoding(text: str) -> list[Span]:
    """The spans that undo mojibake and HTML entities, line by line. An ASCII text without "&" costs one scan.

    >>> fix_encoding("donâ€™t go")
    [Span(start=3, end=6, after='’')]
    """
    spans: list[Span] = []
    offset = 0
    for line in text.splitlines(keepends=True):
        if not line.isascii():
            spans += [Span(s.start + offset, s.end + offset, s.after) for s in diff_spans(line, ftfy.fix_text(line, _CONFIG))]
        offset += len(line)
    taken = {at for span in spans for at in range(span.start, span.end)}
    if "&" in text:
        for match in _ENTITY.finditer(text):
            if taken.isdisjoint(range(*match.span())):
                spans.append(Span(*match.span(), ftfy.fixes.unescape_html(match[0])))
    return sorted(spans)
