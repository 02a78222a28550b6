"""Layout: what scraping left in the text that is not the article, or broke in it.

    residue (markup, invisible characters) → roles of paragraphs → spacing → flags

Residue is taken out of every field before anything is read. In the text, paragraphs get their roles, and those that are
certain and never part of an article leave its body. What is missing or doubtful (a cut sentence, a broken number) is flagged,
never invented. docs/layout.md lists every class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dedupe.model import Flag, Role
from dedupe.repair.defects import Change, as_spans, keep_disjoint
from dedupe.repair.encoding import flag_encoding
from dedupe.repair.endings import flag_endings
from dedupe.repair.invisible import find_invisible, flag_invisible
from dedupe.repair.markup import find_markup, flag_markup
from dedupe.repair.outline import Paragraph, find_outline
from dedupe.repair.quote_marks import flag_quote_marks
from dedupe.repair.roles import REMOVED_ROLES, find_roles
from dedupe.repair.shape import ALL, Shapes, find_shapes
from dedupe.repair.slips import flag_slips
from dedupe.repair.spacing import find_cut_words, find_spacing, flag_spacing
from dedupe.repair.spintax import flag_placeholders
from dedupe.repair.variants import flag_variants
from dedupe.text.edits import apply_spans
from dedupe.text.lexicon import Lexicon

_GLUED_SIGN_OFF = re.compile(
    r"(?<=[.!?”\"])[ \t]+(?:[A-Z]{2,4}/)?(?:Reuters|AFP|AP|dpa|ANI|PTI|IANS|Xinhua|TASS|UPI|EFE|Agencies)"
    r"(?:/[A-Z]{2,4})?\.?\s*\Z"
)
_BLANK_LINES_AT_END, _LONGEST_SIGN_OFF = 3, 30  # fewer blank lines are nobody's harm; characters
_REPEATED_WORDS = 10  # a paragraph as long as this does not stand twice by chance


class Layout(NamedTuple):
    """The layout of one field: the changes that are certain, the roles of its paragraphs, flags."""

    changes: list[Change]
    roles: list[Role]
    flags: list[Flag]


def clean_residue(text: str, shapes: Shapes = ALL) -> list[Change]:
    """Markup and invisible characters that are certainly residue, as changes that take them out.

    >>> clean_residue("A <em>new</em> plan")
    [Change(start=2, end=6, after='', name='layout.markup'), Change(start=9, end=14, after='', name='layout.markup')]
    """
    return keep_disjoint([*find_markup(text, shapes), *find_invisible(text, shapes)])


def read_layout(
    text: str, field: str, lexicon: Lexicon, shapes: Shapes = ALL, outline: Sequence[Paragraph] | None = None
) -> Layout:
    """The layout of a field that `clean_residue` went over. Only the text has paragraphs with roles.
    `shapes` and `outline` are those of the field, if known.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> text = "By Jane Doe\\nThe mayor of Odense , who is 61, resigned.\\n"
    >>> layout = read_layout(text, "text", load_lexicon())
    >>> [(text[change.start:change.end], change.name) for change in layout.changes]
    [('By Jane Doe\\n', 'layout.byline'), (' ', 'layout.space-before-comma')]
    """
    residue = [
        *flag_invisible(text, field, shapes),
        *flag_markup(text, field, shapes),
        *flag_encoding(text, field, shapes),
        *flag_placeholders(text, field, shapes),
    ]
    if field != "text":
        return Layout([], [], [*residue, *flag_slips(text, field, shapes)])
    if outline is None:
        outline = find_outline(text)
    roles = [Role(role, field, *outline[at][:2]) for at, role in find_roles(text, outline, lexicon)]
    changes = [_take_out(text, role) for role in roles if role.role in REMOVED_ROLES]
    if len(changes) == len(outline):  # never leave an empty article
        changes = []
    changes += find_spacing(text, shapes)
    body_end = outline[-1].last if outline else 0
    if match := _GLUED_SIGN_OFF.search(text, max(0, body_end - _LONGEST_SIGN_OFF)):
        end = match.start() + len(match[0].rstrip())
        changes.append(Change(match.start(), end, "", "layout.sign-off"))
        roles.append(Role("sign-off", field, end - len(match[0].strip()), end))
    if body_end and text.count("\n", body_end) > _BLANK_LINES_AT_END:
        changes.append(Change(body_end, len(text), "\n", "layout.trailing-blank-lines"))
    cut_words = list(find_cut_words(text, field, lexicon, shapes))
    changes += [found for found in cut_words if isinstance(found, Change)]
    body = _body(text, outline, roles)
    flags = [
        *residue,
        *(found for found in cut_words if isinstance(found, Flag)),
        *flag_spacing(text, field, shapes),
        *flag_endings(text, field, body),
        *flag_quote_marks(text, field, body),
        *flag_slips(text, field, shapes),
        *flag_variants(text, field),
        *_flag_repeated(text, field, body),
    ]
    return Layout(keep_disjoint(changes), roles, sorted(flags, key=lambda flag: (flag.start, flag.end, flag.kind)))


def count_body_words(text: str, lexicon: Lexicon) -> int:
    """The words of the paragraphs that are body text: no byline, caption, heading, promotion or the like.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> count_body_words("Sign up for our newsletter\\nThe mayor resigned.\\n", load_lexicon())
    3
    """
    text = apply_spans(text, as_spans(clean_residue(text, find_shapes(text))))
    outline = find_outline(text)
    typed = {at for at, _ in find_roles(text, outline, lexicon)}
    return sum(paragraph.words for at, paragraph in enumerate(outline) if at not in typed)


def _body(text: str, outline: Sequence[Paragraph], roles: Sequence[Role]) -> Sequence[Paragraph]:
    """The paragraphs without a role, each up to a sign-off that is glued to it."""
    if not roles:
        return outline
    typed = {(role.start, role.end) for role in roles}
    body = [paragraph for paragraph in outline if paragraph[:2] not in typed]
    last = roles[-1]
    if body and last.end == body[-1].end:  # glued to the last of them
        start = body[-1].start
        (cut,) = find_outline(text[start : last.start])
        body[-1] = cut._replace(start=start, end=last.start, first=start + cut.first, last=start + cut.last)
    return body


def _take_out(text: str, role: Role) -> Change:
    """The change that takes out a paragraph with the line ends after it, or before it when it is the last."""
    start, end = role.start, role.end
    while end < len(text) and text[end] in "\r\n":
        end += 1
    if end == len(text):
        while start > 0 and text[start - 1] in "\r\n":
            start -= 1
        return Change(start, end, text[role.end : end][:1] and "\n", f"layout.{role.role}")
    return Change(start, end, "", f"layout.{role.role}")


def _flag_repeated(text: str, field: str, body: Sequence[Paragraph]) -> Iterator[Flag]:
    long = [paragraph for paragraph in body if paragraph.words >= _REPEATED_WORDS]
    if len({paragraph.last - paragraph.first for paragraph in long}) == len(
        long
    ):  # nearly always: what differs in length differs
        return
    seen: set[str] = set()
    for paragraph in long:
        line = text[paragraph.first : paragraph.last]
        if line in seen:
            yield Flag("repeated-paragraph", field, paragraph.start, paragraph.end, "stands above word for word")
        seen.add(line)
