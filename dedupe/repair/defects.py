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
    ordered = sorted(changes, key=lambda change: (change.start - change.end, change))
    kept: list[Change] = []
    taken = bytearray(2 * max((change.end for change in ordered), default=0) + 1)  # characters, and the places between them
    for change in ordered:
        inserts = change.start == change.end
        first, last = 2 * change.start + (not inserts), 2 * change.end + inserts
        if taken.find(1, first, last) < 0:
            kept.append(change)
            if not inserts:
                taken[first:last] = b"\1" * (last - first)
    return sorted(kept)
