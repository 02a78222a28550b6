"""Defects of layout: what a finder of defects yields. A `Change` is certain and is made; a `Flag` is for a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dedupe.text.edits import Span


class Change(NamedTuple):
    """Replace [start, end) of a field by `after`; `name` is the name of the pass, such as "layout.markup"."""

    start: int
    end: int
    after: str
    name: str


def as_spans(changes: Iterable[Change]) -> list[Span]:
    """The changes as plain spans."""
    return [Span(change.start, change.end, change.after) for change in changes]


def keep_disjoint(changes: Iterable[Change]) -> list[Change]:
    """The changes sorted; where two touch the same text, the longer one alone.

    >>> keep_disjoint([Change(2, 4, "", "a"), Change(0, 9, "", "b")])
    [Change(start=0, end=9, after='', name='b')]
    """
    kept: list[Change] = []
    for change in sorted(changes, key=lambda change: (change.start - change.end, change)):
        if all(change.end <= other.start or change.start >= other.end for other in kept):
            kept.append(change)
    return sorted(kept)
