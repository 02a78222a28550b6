"""The span algebra, as properties over random texts and random spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.text.edits import Span, apply_spans, compose_spans, diff_spans, invert_spans


@st.composite
def texts_with_spans(draw: st.DrawFn, alphabet: str = "ab é\n") -> tuple[str, list[Span]]:
    text = draw(st.text(alphabet, max_size=30))
    return text, draw(spans_of(text))


@st.composite
def spans_of(draw: st.DrawFn, text: str) -> list[Span]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    cuts = cuts[: len(cuts) // 2 * 2]
    return [Span(a, b, draw(st.text("xyz ", max_size=4))) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]


def test_no_spans_leave_the_text_as_it_is() -> None:
    assert apply_spans("as it was", []) == "as it was"
    assert diff_spans("as it was", "as it was") == []


@given(texts_with_spans())
def test_an_inverse_restores_the_source(case: tuple[str, list[Span]]) -> None:
    source, spans = case
    assert apply_spans(apply_spans(source, spans), invert_spans(source, spans)) == source


@given(texts_with_spans(), st.data())
def test_any_subset_of_the_spans_applies(case: tuple[str, list[Span]], data: st.DataObject) -> None:
    source, spans = case
    kept = [span for span in spans if data.draw(st.booleans())]
    result = apply_spans(source, kept)
    assert len(result) == len(source) + sum(len(s.after) - (s.end - s.start) for s in kept)
    assert apply_spans(result, invert_spans(source, kept)) == source


@given(texts_with_spans(), st.data())
def test_a_composition_does_what_its_parts_do(case: tuple[str, list[Span]], data: st.DataObject) -> None:
    source, first = case
    middle = apply_spans(source, first)
    second = data.draw(spans_of(middle))
    composed = compose_spans(source, first, second)
    assert apply_spans(source, [c.span for c in composed]) == apply_spans(middle, second)
    assert [i for c in composed for i in c.first] == list(range(len(first)))
    assert [i for c in composed for i in c.second] == list(range(len(second)))


@given(st.text("ab c\n", max_size=40), st.text("ab c\n", max_size=40))
def test_a_diff_turns_one_text_into_the_other(source: str, target: str) -> None:
    assert apply_spans(source, diff_spans(source, target)) == target


@pytest.mark.parametrize("spans", [[Span(0, 9, "")], [Span(2, 3, ""), Span(1, 2, "")], [Span(0, 2, ""), Span(1, 3, "")]])
def test_spans_that_overlap_or_leave_the_text_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ValueError, match="overlaps its neighbour or leaves"):
        apply_spans("short", spans)
