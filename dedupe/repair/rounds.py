"""Rounds: edits found on an already edited text, brought back to the coordinates of the source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TypeVar

from dedupe.model import Edit, Flag, Role
from dedupe.text.edits import Span, compose_spans

_Ranged = TypeVar("_Ranged", Flag, Role)


def spans_of(edits: Iterable[Edit]) -> list[Span]:
    """The spans of the edits, without what else an edit tells."""
    return [Span(edit.start, edit.end, edit.after) for edit in edits]


def compose_edits(source: str, first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """The edits of two rounds as one list in source coordinates; a merged edit names the rules of both.

    `first` applies to `source`, `second` to the result. Edits that cancel each other out are dropped.
    """
    if not first:
        return list(second)
    composed = []
    for span, early, late in compose_spans(source, spans_of(first), spans_of(second)):
        parents = [first[i] for i in early] + [second[i] for i in late]
        before = source[span.start : span.end]
        if before != span.after:
            merged = dataclasses.replace(
                parents[-1],
                start=span.start,
                end=span.end,
                before=before,
                after=span.after,
                rules=tuple(dict.fromkeys(rule for parent in parents for rule in parent.rules)),
                in_quote=any(parent.in_quote for parent in parents),
                evidence=tuple(dict.fromkeys(item for parent in parents for item in parent.evidence)),
            )
            composed.append(merged)
    return composed


def move_to_source(applied: Sequence[Edit], proposed: Iterable[Edit]) -> list[Edit]:
    """Edits on the text after `applied`, in coordinates of the text before; those that touch an applied edit are dropped."""
    moved = []
    for edit in proposed:
        shift = 0
        for earlier in applied:
            if earlier.start - shift >= edit.end:
                break
            shift += (earlier.end - earlier.start) - len(earlier.after)
        candidate = dataclasses.replace(edit, start=edit.start + shift, end=edit.end + shift)
        if not overlaps_any(candidate, applied):
            moved.append(candidate)
    return moved


def move_ranges(applied: Sequence[Edit], found: Iterable[_Ranged]) -> list[_Ranged]:
    """Flags or roles found on the text after `applied`, in coordinates of the text before.

    A border inside the result of an edit moves to that border of the edit; (0, 0), the whole field, stays.
    """
    if not applied:
        return list(found)
    moved = []
    for item in found:
        if item.end == 0:
            moved.append(item)
            continue
        start, end = _move_offset(applied, item.start, at_end=False), _move_offset(applied, item.end, at_end=True)
        moved.append(dataclasses.replace(item, start=start, end=max(start, end)))
    return moved


def _move_offset(applied: Sequence[Edit], offset: int, *, at_end: bool) -> int:
    shift = 0
    for edit in applied:
        start = edit.start - shift
        end = start + len(edit.after)
        if offset < start or (offset == start and (at_end or end > start)):
            break
        if offset < end:
            return edit.end if at_end else edit.start
        shift += edit.end - edit.start - len(edit.after)
    return offset + shift


def overlaps_any(edit: Edit, others: Iterable[Edit]) -> bool:
    """Whether an edit shares a code point with another one of the same field."""
    return any(edit.start < other.end and other.start < edit.end for other in others if other.field == edit.field)
