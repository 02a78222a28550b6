"""Rounds: edits found on an already edited text, brought back to the coordinates of the source."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeVar

from dedupe.model import Edit, Flag, Role
from dedupe.repair.spans import overlapping
from dedupe.text.edits import Span, compose_spans, invert_spans

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
    images, shifts = _find_images(applied)
    starts = [image.start for image in images]
    moved = []
    for edit in proposed:
        shift = shifts[bisect_left(starts, edit.end)]
        moved.append(dataclasses.replace(edit, start=edit.start + shift, end=edit.end + shift))
    return drop_overlapping(moved, applied)


def move_ranges(applied: Sequence[Edit], found: Iterable[_Ranged]) -> list[_Ranged]:
    """Flags or roles found on the text after `applied`, in coordinates of the text before.

    A border inside the result of an edit moves to that border of the edit; (0, 0), the whole field, stays.
    """
    if not applied:
        return list(found)
    images, shifts = _find_images(applied)
    ends = [image.end for image in images]

    def move(offset: int, *, at_end: bool) -> int:
        at = bisect_left(ends, offset)
        while at < len(images):
            start, end, _ = images[at]
            if offset < start or (offset == start and (at_end or end > start)):
                break
            if offset < end:
                return applied[at].end if at_end else applied[at].start
            at += 1
        return offset + shifts[at]

    moved = []
    for item in found:
        if item.end == 0:
            moved.append(item)
            continue
        start, end = move(item.start, at_end=False), move(item.end, at_end=True)
        moved.append(dataclasses.replace(item, start=start, end=max(start, end)))
    return moved


def drop_overlapping(edits: Iterable[Edit], others: Iterable[Edit]) -> list[Edit]:
    """The edits that share no code point with any of the `others`, which are sorted, disjoint and of the same field."""
    taken = [(other.start, other.end) for other in others]
    return [edit for edit in edits if overlapping(taken, edit.start, edit.end) is None]


def _find_images(applied: Sequence[Edit]) -> tuple[list[Span], list[int]]:
    """Where the results of the edits stand, and by how much what is before each, and behind the last, has moved."""
    images = invert_spans("", spans_of(applied))
    moved = (edit.start - image.start for edit, image in zip(applied, images, strict=True))
    return images, [*moved, applied[-1].end - images[-1].end if applied else 0]
