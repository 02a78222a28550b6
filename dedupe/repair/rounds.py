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


def is_wording(edit: Edit) -> bool:
    """Whether an edit changes words, and not layout or encoding."""
    return not edit.rules[0].startswith("layout.")


def add_round(
    source: str, first: Sequence[Edit], second: Sequence[Edit], held: list[Span], *, first_stands: bool
) -> tuple[list[Edit], list[Edit]]:
    """The edits of two rounds as one list, and those of the first that are taken back.

    Where a rule would change what another has just written, the two contradict each other. Then the first stands, if the
    caller says so; else neither acts, so that a second run finds nothing to do: such places go into `held`, and no later round
    may touch them.
    """
    kept, taken_back = [], []
    for span, early, late in compose_spans(source, spans_of(first), spans_of(second)):
        before, after = [first[i] for i in early if is_wording(first[i])], [second[i] for i in late if is_wording(second[i])]
        if before and after and len(after) == len(late):
            if first_stands:
                kept += [first[i] for i in early]
            else:
                held.append(span)
                taken_back += before
        elif early or not (after and any(span.start < place.end and place.start < span.end for place in held)):
            kept += _merge(source, span, [first[i] for i in early], [second[i] for i in late])
    return kept, taken_back


def compose_edits(source: str, first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """The edits of two rounds as one list in source coordinates; a merged edit names the rules of both.

    `first` applies to `source`, `second` to the result. Edits that cancel each other out are dropped.
    """
    if not first:
        return list(second)
    return [
        edit
        for span, early, late in compose_spans(source, spans_of(first), spans_of(second))
        for edit in _merge(source, span, [first[i] for i in early], [second[i] for i in late])
    ]


def _merge(source: str, span: Span, first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """One edit for all of both rounds that went into a span, or none if they cancel each other out."""
    parents = [*first, *second]
    before = source[span.start : span.end]
    if before == span.after:
        return []
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
    return [merged]


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
