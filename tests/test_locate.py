"""Places of words: every word of the normal form is found where it stands in the text."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedupe.text.locate import locate_words
from dedupe.text.normal import LONGEST_WORD, tokenize

CHARACTERS = "ab Z'’“.-_\n\t\u00a0\u3000\u0301\u200b\u00adﬁ…中文กかがß\u1100\u1161\u11a8＿İΣ\ufe0f\U0001f600"


def words_of(text: str) -> list[bytes]:
    return tokenize([text]).normal_form(0).split()


def test_texts_without_questions_give_no_places():
    assert locate_words(["some text", ""], [[], []]) == [[], []]


@given(st.lists(st.text(CHARACTERS, max_size=30), max_size=5))
@settings(max_examples=300, deadline=None)
@example(["", "e\u0301te\u0301 x"])
@example(["x" * (LONGEST_WORD * 2 + 3) + " y"])
def test_each_place_holds_its_word_and_no_other(texts: list[str]):
    words = [words_of(text) for text in texts]
    for text, known, spans in zip(texts, words, locate_words(texts, [range(len(w)) for w in words]), strict=True):
        assert [words_of(text[start:end]) for start, end in spans] == [[word] for word in known]
        assert spans == sorted(spans)


def test_places_leave_out_what_clings_to_a_word():
    text = "He said:\n“Don’t—ever—PANIC…” (again)."
    [spans] = locate_words([text], [list(range(7))])
    assert [text[start:end] for start, end in spans] == ["He", "said", "Don", "t", "ever", "PANIC", "again"]


def test_a_long_text_without_spaces_is_searched_by_halves():
    text = "新" * 5000 + "聞" + "新" * 5000
    assert locate_words([text], [[5000, 9999]]) == [[(5000, 5001), (9999, 10000)]]
