"""Marks: two wordings as one text in which it is marked what goes, what comes and what moved.

Words are compared, then put together again; a long text is cut at its lines first, for the comparison is quadratic.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Change = Literal["same", "gone", "new", "moved-from", "moved-to"]
_LONGEST = 5_000  # words compared at once: 0.2 s; 20,000 take 3 s
_LEAST_MOVED = 5  # words; a shorter run that stands elsewhere is chance
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_SENTENCES = re.compile(r"[^.!?\n]*(?:[.!?]+[”\"')\]]*\s*|\n+|$)")


class Mark(NamedTuple):
    """A stretch of text, and whether it is in both wordings, only in the first, or only in the second."""

    change: Change
    text: str


def mark_changes(before: str, after: str, *, characters: bool = False) -> list[Mark]:
    """The two wordings as marks, word by word; character by character on request.

    >>> [(mark.change, mark.text) for mark in mark_changes("an early settlement", "an agreement")]
    [('same', 'an '), ('gone', 'early settlement'), ('new', 'agreement')]
    """
    if characters:
        return list(_compare(before, after))
    one, two = _TOKENS.findall(before), _TOKENS.findall(after)
    if max(len(one), len(two)) <= _LONGEST:
        return list(_compare(one, two))
    marks: list[Mark] = []
    for gone, new in _pair_lines(before.splitlines(keepends=True), after.splitlines(keepends=True)):
        one, two = _TOKENS.findall(gone), _TOKENS.findall(new)
        if gone == new:
            marks.append(Mark("same", gone))
        elif max(len(one), len(two)) <= _LONGEST:
            marks += _compare(one, two)
        else:
            marks += _replaced(gone, new)
    return marks


def mark_versions(before: str, after: str) -> list[Mark]:
    """Two versions of an article as marks; sentences that only moved are told apart from those that changed.

    >>> one, other = "The port shuts in May.", "Nobody was told before that."
    >>> marks = mark_versions(f"{one} {other} End.", f"{other} {one} End.")
    >>> [mark.change for mark in marks]
    ['moved-to', 'same', 'moved-from', 'same']
    """
    marks = mark_changes(before, after)
    gone, new = ({_norm(part) for m in marks if m.change == change for part in _parts(m.text)} for change in ("gone", "new"))
    moved = {text for text in gone & new if len(text.split()) >= _LEAST_MOVED}
    return [part for mark in marks for part in _tell_moved(mark, moved)] if moved else marks


def _compare(one: Sequence[str], two: Sequence[str]) -> Iterator[Mark]:
    # a space that both have says nothing: as anchors spaces cost most of the time, and cut what was replaced into single words
    for tag, i, j, k, m in difflib.SequenceMatcher(str.isspace, one, two, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Mark("same", "".join(one[i:j]))
        else:
            yield from _replaced("".join(one[i:j]), "".join(two[k:m]))


def _replaced(gone: str, new: str) -> Iterator[Mark]:
    if gone:
        yield Mark("gone", gone)
    if new:
        yield Mark("new", new)


def _pair_lines(one: Sequence[str], two: Sequence[str]) -> Iterator[tuple[str, str]]:
    for tag, i, j, k, m in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag != "equal" and j - i == m - k:
            yield from zip(one[i:j], two[k:m], strict=True)
        else:
            yield "".join(one[i:j]), "".join(two[k:m])


def _tell_moved(mark: Mark, moved: set[str]) -> Iterator[Mark]:
    if mark.change == "same":
        yield mark
        return
    change: Change = "moved-from" if mark.change == "gone" else "moved-to"
    for part in _parts(mark.text):
        yield Mark(change if _norm(part) in moved else mark.change, part)


def _parts(text: str) -> Iterable[str]:
    return (part for part in _SENTENCES.findall(text) if part)


def _norm(text: str) -> str:
    return " ".join(text.split())
