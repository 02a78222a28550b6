"""The algebra of edit spans: apply, invert, compose, diff.

A `Span` replaces `source[start:end]` by `after`. A list of spans is *sorted and disjoint*: each ends before the next one
starts, or where it starts. Offsets count code points of the source, never of the result, so any subset of a list is a
list again (ruff's `Edit` and `Fix` are the model).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple


class Span(NamedTuple):
    """Replace the code points [start, end) of a source text by `after`."""

    start: int
    end: int
    after: str


def apply_spans(source: str, spans: Iterable[Span]) -> str:
    """The source with every span replaced.

    Raises ValueError when the spans are not sorted, overlap, or leave the source.

    >>> apply_spans("a drone assault", [Span(8, 15, "attack")])
    'a drone attack'
    """
    parts, position = [], 0
    for start, end, after in spans:
        if not position <= start <= end <= len(source):
            raise ValueError(f"span [{start}, {end}) overlaps its neighbour or leaves the text of {len(source)} characters")
        parts += [source[position:start], after]
        position = end
    parts.append(source[position:])
    return "".join(parts)


def invert_spans(source: str, spans: Iterable[Span]) -> list[Span]:
    """The spans that turn the result back into the source, in coordinates of the result.

    >>> invert_spans("a drone assault", [Span(8, 15, "attack")])
    [Span(start=8, end=14, after='assault')]
    """
    inverse, shift = [], 0
    for start, end, after in spans:
        inverse.append(Span(start + shift, start + shift + len(after), source[start:end]))
        shift += len(after) - (end - start)
    return inverse


class Composed(NamedTuple):
    """A composed span, with the ranges [low, high) of the spans of either list that went into it."""

    span: Span
    first: range
    second: range


def compose_spans(source: str, first: Sequence[Span], second: Sequence[Span]) -> list[Composed]:
    """One list in source coordinates that does what `first`, and then `second` on its result, do.

    A span of `second` that touches the result of a span of `first` is merged with it.

    >>> [c.span for c in compose_spans("an settlement", [Span(3, 13, "agreement")], [Span(0, 2, "the")])]
    [Span(start=0, end=2, after='the'), Span(start=3, end=13, after='agreement')]
    """
    middle = apply_spans(source, first)
    images = invert_spans(source, first)
    composed, shift, image, late = [], 0, 0, 0  # shift: source offset minus middle offset, left of the run
    for start, end in _merged_runs(images, second):
        source_start, first_image, first_late = start + shift, image, late
        while image < len(images) and images[image].end <= end:
            shift += len(images[image].after) - (images[image].end - images[image].start)
            image += 1
        while late < len(second) and second[late].end <= end:
            late += 1
        inside = [Span(s.start - start, s.end - start, s.after) for s in second[first_late:late]]
        span = Span(source_start, end + shift, apply_spans(middle[start:end], inside))
        composed.append(Composed(span, range(first_image, image), range(first_late, late)))
    return composed


def _merged_runs(images: Sequence[Span], spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The covered ranges, merged where they overlap or where ranges of the two lists touch."""
    ranges = sorted([(s.start, s.end, 0) for s in images] + [(s.start, s.end, 1) for s in spans])
    runs: list[tuple[int, int]] = []
    lists: set[int] = set()
    for start, end, origin in ranges:
        if runs and (start < runs[-1][1] or (start == runs[-1][1] and lists != {origin})):
            runs[-1] = (runs[-1][0], max(runs[-1][1], end))
            lists.add(origin)
        else:
            runs.append((start, end))
            lists = {origin}
    return runs


def diff_spans(source: str, target: str) -> list[Span]:
    """Spans that turn `source` into `target`, nearly the same: a diff of words, refined to characters within short runs.

    The two are walked side by side, so that the cost is linear (difflib alone is quadratic); where they part, they meet again
    at the nearest word that both have. What they do not share within a few words is replaced as a whole.

    >>> diff_spans("donâ€™t go", "don’t go")
    [Span(start=3, end=6, after='’')]
    """
    if source == target:
        return []
    a, b = _TOKEN.findall(source), _TOKEN.findall(target)
    starts = list(accumulate(map(len, a), initial=0))
    spans = []
    for i, j, k, m in _find_changed_runs(a, b):
        before, after = "".join(a[i:j]), "".join(b[k:m])
        if len(before) <= _LONGEST_REFINED and len(after) <= _LONGEST_REFINED:
            spans += _diff_characters(before, after, starts[i])
        else:
            spans.append(Span(starts[i], starts[j], after))
    return spans


_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_LONGEST_REFINED = 200  # characters; beyond it a changed run stays one span
# Two words in a row are sought nearby, as one may stand there by chance, then one alone further off: (words, places in both).
_MEETINGS = ((2, 8), (1, 32))


def _find_changed_runs(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """The runs (i, j, k, m) where b[k:m] stands for a[i:j]."""
    i = k = 0
    while i < len(a) and k < len(b):
        if a[i] == b[k]:
            i, k = i + 1, k + 1
            continue
        j, m = _find_meeting(a, i, b, k)
        yield i, j, k, m
        i, k = j, m
    if i < len(a) or k < len(b):
        yield i, len(a), k, len(b)


def _find_meeting(a: Sequence[str], i: int, b: Sequence[str], k: int) -> tuple[int, int]:
    """Where two lists that part at i and k have the same words again; their ends if that is far off."""
    for words, reach in _MEETINGS:
        for steps in range(1, reach + 1):
            for j in range(i, min(i + steps, len(a) - words) + 1):
                m = k + steps - (j - i)
                if m < len(b) and a[j] == b[m] and a[j : j + words] == b[m : m + words]:
                    return j, m
    return len(a), len(b)


def _diff_characters(before: str, after: str, offset: int) -> list[Span]:
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [Span(offset + i, offset + j, after[k:m]) for tag, i, j, k, m in changes if tag != "equal"]
