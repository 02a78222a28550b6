"""Edits and truth rows that touch, compared by the text they produce and not by their spans.

"a trade" → "an industry" and the row "trade" → "industry" do the same to "an trade". So edits and rows that overlap form a
*window*, both are applied to it, and the two texts are compared. Edits are first cut down to the words they change.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from dedupe.evaluate.truth import TruthEdit
from dedupe.model import Edit
from dedupe.repair.grammar import article_before, fitting_article
from dedupe.text.edits import Span, apply_spans

WindowVerdict = Literal["exact", "equivalent", "wrong", "missed", "harm", "neutral"]

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|\s+|[^\w\s]")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_ARTICLE = re.compile(r"(?<![\w'’-])(an?)(?=\s+[\"“‘'(]?\w)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty".split()
    )
} | dict(zip("thirty forty fifty sixty seventy eighty ninety".split(), map(str, range(30, 100, 10)), strict=True))
_MOST_READINGS = 4096  # of one window; more than any table of alternatives gives


class TrimmedEdit(NamedTuple):
    """An edit and the part of its span that it changes: [start, end) of the field becomes `after`."""

    start: int
    end: int
    after: str
    edit: Edit


class Window(NamedTuple):
    """Edits and rows that overlap, on [start, end) of the field, and how they compare.

    `produced` is what the edits make of the window, `wanted` what the rows do. `harmed` counts the edits that change a word
    which no row covers, unless the window comes out right.
    """

    start: int
    end: int
    edits: tuple[TrimmedEdit, ...]
    rows: tuple[TruthEdit, ...]
    produced: str
    wanted: str
    verdict: WindowVerdict
    harmed: int


def compare(text: str, edits: Sequence[Edit], rows: Sequence[TruthEdit]) -> list[Window]:
    """The windows of one field, in the order of the text.

    edits: disjoint, to be applied to `text`; one that changes nothing is passed over. rows: disjoint. The verdict of a window:

    - exact: the edits give the original, equivalent: a listed alternative, or another fitting article;
    - wrong: something else, or a flag row's number changed; missed: no edit; harm: no row;
    - neutral: edits within flag rows only, numbers kept; or where no row is, of white space between words only.

    >>> row = TruthEdit("d", "text", 3, 8, "trade", "industry", ("business",))
    >>> def verdict(start, before, after):
    ...     edit = Edit("d", "text", start, start + len(before), before, after, ("r",), "spun")
    ...     return compare("an trade deal", [edit], [row])[0].verdict
    >>> verdict(3, "trade", "industry"), verdict(0, "an trade", "a business"), verdict(3, "trade", "business")
    ('exact', 'equivalent', 'wrong')
    >>> edit = Edit("d", "text", 9, 13, "deal", "pact", ("r",), "spun")
    >>> [window.verdict for window in compare("an trade deal", [edit], [row])]
    ['missed', 'harm']
    """
    trimmed = [trim_edit(edit) for edit in sorted(edits, key=lambda edit: edit.start) if edit.before != edit.after]
    windows: list[Window] = []
    for group in _groups([*trimmed, *rows]):
        in_edits = tuple(item for item in group if isinstance(item, TrimmedEdit))
        in_rows = tuple(item for item in group if isinstance(item, TruthEdit))
        left = windows[-1].end if windows else 0
        windows.append(_judge(text, left, in_edits, in_rows))
    return windows


def trim_edit(edit: Edit) -> TrimmedEdit:
    """The edit without the words that it leaves as they are at either end.

    >>> trim_edit(Edit("d", "text", 0, 17, "the drone assault", "the drone attack", ("r",), "spun"))[:3]
    (10, 17, 'attack')
    """
    before, after = _TOKEN.findall(edit.before), _TOKEN.findall(edit.after)
    shortest = min(len(before), len(after))
    first = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    last = next((i for i in range(shortest - first) if before[-1 - i] != after[-1 - i]), shortest - first)
    start = edit.start + sum(map(len, before[:first]))
    end = edit.end - sum(map(len, before[len(before) - last :]))
    return TrimmedEdit(start, end, "".join(after[first : len(after) - last]), edit)


def count_words(text: str) -> int:
    """The number of words of a text.

    >>> count_words("The firm's 3 ex-directors")
    4
    """
    return sum(1 for _ in _WORD.finditer(text))


def numbers_in(text: str) -> list[str]:
    """The numbers that a text names, in figures or words, sorted, as figures.

    >>> numbers_in("Four of 1,200")
    ['1200', '4']
    """
    figures = [match[0].replace(",", "") for match in _NUMBER.finditer(text)]
    words = [_NUMBER_WORDS[word.lower()] for word in re.findall(r"[^\W\d_]+", text) if word.lower() in _NUMBER_WORDS]
    return sorted(figures + words)


def _groups(items: Sequence[TrimmedEdit | TruthEdit]) -> Iterator[list[TrimmedEdit | TruthEdit]]:
    """The items in runs that overlap; an empty span belongs to what it touches."""
    group: list[TrimmedEdit | TruthEdit] = []
    end, empty = -1, False
    for item in sorted(items, key=lambda item: (item.start, item.end)):
        item_empty = item.start == item.end
        if group and not (item.start < end or (item.start == end and (empty or item_empty))):
            yield group
            group, end = [], -1
        empty = item_empty if item.end > end else empty or item_empty
        group.append(item)
        end = max(end, item.end)
    if group:
        yield group


def _judge(text: str, left: int, edits: tuple[TrimmedEdit, ...], rows: tuple[TruthEdit, ...]) -> Window:
    spans = [(edit.start, edit.end) for edit in edits] + [(row.start, row.end) for row in rows]
    start, end = min(start for start, _ in spans), max(end for _, end in spans)
    article = article_before(text, start)
    if article and article[0] >= left:
        start = article[0]
    source = text[start:end]
    produced = apply_spans(source, [Span(e.start - start, e.end - start, e.after) for e in edits])
    wanted = _apply_rows(source, start, rows, [row.spun if row.kind == "flag" else row.original for row in rows])
    verdict = _verdict(source, start, produced, wanted, edits, rows, _changes_words(text, start, end, produced))
    harmed = 0 if verdict in {"exact", "equivalent", "missed", "neutral"} else sum(_harms(text, edit, rows) for edit in edits)
    return Window(start, end, edits, rows, produced, wanted, verdict, harmed)


def _verdict(
    source: str,
    start: int,
    produced: str,
    wanted: str,
    edits: tuple[TrimmedEdit, ...],
    rows: tuple[TruthEdit, ...],
    changes_words: bool,
) -> WindowVerdict:
    if not edits:
        return "missed" if any(row.kind != "flag" for row in rows) else "neutral"
    if not rows:
        return "harm" if changes_words else "neutral"
    if all(row.kind == "flag" for row in rows):
        return "neutral" if numbers_in(source) == numbers_in(produced) else "wrong"
    if _fold(produced) == _fold(wanted):
        return "exact"
    choices = [(row.original, *row.alternatives, *([row.spun] if row.kind == "flag" else [])) for row in rows]
    for reading in itertools.islice(itertools.product(*choices), _MOST_READINGS):
        fitting = _ARTICLE.sub(_fit_article, _apply_rows(source, start, rows, reading))
        if _fold(produced) == _fold(fitting) and _keeps_flagged_numbers(rows, reading):
            return "equivalent"
    return "wrong"


def _changes_words(text: str, start: int, end: int, produced: str) -> bool:
    """Whether more changes than white space that parts no words and joins none."""
    left, right = text[max(0, start - 1) : start], text[end : end + 1]
    before, after = left + text[start:end] + right, left + produced + right
    return _WORD.findall(before) != _WORD.findall(after) or "".join(before.split()) != "".join(after.split())


def _keeps_flagged_numbers(rows: Sequence[TruthEdit], reading: Sequence[str]) -> bool:
    return all(numbers_in(row.spun) == numbers_in(text) for row, text in zip(rows, reading, strict=True) if row.kind == "flag")


def _fit_article(match: re.Match[str]) -> str:
    return fitting_article(match[1], match.string[match.end() :])


def _apply_rows(source: str, start: int, rows: Sequence[TruthEdit], texts: Sequence[str]) -> str:
    spans = [Span(row.start - start, row.end - start, text) for row, text in zip(rows, texts, strict=True)]
    return apply_spans(source, spans)


def _harms(text: str, edit: TrimmedEdit, rows: Sequence[TruthEdit]) -> bool:
    """Whether the edit changes a word that no row covers; an article before a changed word is no such word."""
    for match in _TOKEN.finditer(text[edit.start : edit.end]):
        start, end = edit.start + match.start(), edit.start + match.end()
        is_article = match[0].lower() in {"a", "an"} and bool(rows)
        if not match[0].isspace() and not is_article and not any(r.start < end and start < r.end for r in rows):
            return True
    return not rows


def _fold(text: str) -> str:
    return text.replace("’", "'")
