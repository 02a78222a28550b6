"""Places of words: every word of the normal form is found where it stands in the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedupe import kernel
from dedupe.text.locate import locate_words
from dedupe.text.normal import LONGEST_WORD, tokenize

CHARACTERS = "ab Z'’“.-_\n\t\u00a0\u3000\u0301\u200b\u00adﬁ…中文กかがß\u1100\u1161\u11a8＿İΣ\ufe0f\U0001f600"


def words_of(text: str) -> list[bytes]:
    return tokenize([text]).normal_form(0).split()


def locate(texts: Sequence[str], words: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """The places of the words of each text, as both kernels tell them."""
    asked = np.array([number for numbers in words for number in numbers], np.int64)
    bounds = np.cumsum([0, *map(len, words)])
    spans = list(zip(*(side.tolist() for side in locate_words(texts, asked, bounds)), strict=True))
    with patch.object(kernel, "_COMPILED", None):
        assert list(zip(*(side.tolist() for side in locate_words(texts, asked, bounds)), strict=True)) == spans
    return [spans[low:high] for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]


def test_texts_without_questions_give_no_places():
    assert locate(["some text", ""], [[], []]) == [[], []]


@given(st.lists(st.text(CHARACTERS, max_size=30), max_size=5))
@settings(max_examples=300, deadline=None)
@example(["", "e\u0301te\u0301 x"])
@example(["x" * (LONGEST_WORD * 2 + 3) + " y"])
def test_each_place_holds_its_word_and_no_other(texts: list[str]):
    words = [words_of(text) for text in texts]
    for text, known, spans in zip(texts, words, locate(texts, [range(len(w)) for w in words]), strict=True):
        assert [words_of(text[start:end]) for start, end in spans] == [[word] for word in known]
        assert spans == sorted(spans)


def test_places_leave_out_what_clings_to_a_word():
    text = "He said:\n“Don’t—ever—PANIC…” (again)."
    [spans] = locate([text], [list(range(7))])
    assert [text[start:end] for start, end in spans] == ["He", "said", "Don", "t", "ever", "PANIC", "again"]


def test_a_long_text_without_spaces_is_searched_by_halves():
    text = "新" * 5000 + "聞" + "新" * 5000
    assert locate([text], [[5000, 9999]]) == [[(5000, 5001), (9999, 10000)]]


@given(st.lists(st.text(CHARACTERS + "½ﷺ", max_size=30), max_size=4), st.data())
@settings(max_examples=200, deadline=None)
def test_some_words_stand_where_they_do_among_all(texts: list[str], data: st.DataObject):
    counts = [len(words_of(text)) for text in texts]
    asked = [sorted(data.draw(st.sets(st.sampled_from(range(count))))) if count else [] for count in counts]
    everything = locate(texts, [range(count) for count in counts])
    assert locate(texts, asked) == [[spans[n] for n in numbers] for spans, numbers in zip(everything, asked, strict=True)]


def test_words_beside_characters_of_every_kind_are_placed_alike():
    folded = [chr(code) for code in range(0x80, 0x3400) if len(unicodedata.normalize("NFKC", chr(code)).casefold()) > 1]
    for sign in (*folded, *map(chr, range(0x80, 0x20000, 61))):
        texts = [f"a{sign}B {sign} c"]
        locate(texts, [range(len(words_of(text))) for text in texts])


@pytest.mark.skipif(kernel.compiled_kernel() is None, reason="this installation has no compiled kernel")
def test_a_word_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="folded"):
        locate_words(["one two"], np.array([2]), np.array([0, 1]))
