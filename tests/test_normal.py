"""The normal form and its tokens: what counts as the same text."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.text.normal import LONGEST_WORD, digest_texts, tokenize

TEXT = st.text(st.characters(), max_size=60) | st.text("aB'’ʼŉ_ .\n\u0301\u200dİΣßéÉकाกจ東カ\ufe0f\u1100\u1161ﬁ…", max_size=40)


def words(text: str) -> list[str]:
    return tokenize([text]).normal_form(0).decode().split(" ") if text else []


def normal_forms(texts: list[str]) -> list[str]:
    tokens = tokenize(texts)
    return [tokens.normal_form(d).decode() for d in range(len(tokens))]


def plain_words(text: str) -> list[str]:
    """The definition, character by character."""
    invisible = r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"

    def visible(text: str) -> str:
        return "".join(c for c in re.sub(invisible, "", text) if unicodedata.category(c) != "Cf")

    folded = visible(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible(text)).casefold()))
    folded = folded.replace("ʼ", "'").replace("ʻ", "'")
    unspaced = (
        "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u30ff\u31f0-\u31ff"
        "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
    )
    folded = re.sub(unspaced, r" \g<0> ", folded)

    def is_word(c: str) -> bool:
        return c == "_" or unicodedata.category(c)[0] in "LNM"

    return "".join(c if is_word(c) else " " for c in folded).split()


@given(st.lists(TEXT, max_size=6))
def test_tokens_follow_the_definition_whatever_else_is_in_the_batch(texts):
    assert normal_forms(texts) == [" ".join(plain_words(text)) for text in texts]


@given(st.lists(TEXT, max_size=5))
def test_a_run_of_tokens_is_one_slice_of_the_buffer(texts):
    tokens = tokenize(texts)
    assert len(tokens) == len(texts)
    assert tokens.documents[-1] == len(tokens.starts) == len(tokens.ends)
    assert tokens.starts.tolist() == [0, *(tokens.ends[:-1] + 1).tolist()][: len(tokens.ends)]
    assert (tokens.buffer[tokens.ends] == ord(" ")).all()
    assert (tokens.ends > tokens.starts).all()


@given(TEXT)
def test_the_normal_form_is_its_own_normal_form(text):
    once = normal_forms([text])
    assert normal_forms(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain lower case words", "plain lower case words"),
        ("Ends. “Quoted,” she said — twice…", "ends quoted she said twice"),
        ("don't don’t donʼt don`t don?t", "don t don t don t don t don t"),
        ("'quoted' dogs' 'n'", "quoted dogs n"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        ("STRASSE Straße ﬁnal ＦＵＬＬ", "strasse strasse final full"),
        ("cafe\u0301 café CAFÉ", "café café café"),
        ("snake_case 3.5 $1,000", "snake_case 3 5 1 000"),
        ("हिन्दी में समाचार", "हिन्दी में समाचार"),
        ("東京 is カタカナ", "東 京 is カ タ カ ナ"),
        ("ข่าวA", "ข ่ า ว a"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("red ❤\ufe0f heart", "red heart"),
        ("", ""),
        ("?!…\n\n", ""),
    ],
)
def test_what_is_folded_and_what_is_kept(text, expected):
    assert normal_forms([text]) == [expected]


def test_a_very_long_word_is_cut():
    assert words("x" * (2 * LONGEST_WORD + 1) + " end") == ["x" * LONGEST_WORD, "x" * LONGEST_WORD, "x", "end"]
    assert words("é" * (LONGEST_WORD + 2)) == ["é" * LONGEST_WORD, "éé"]
    assert words("é" * LONGEST_WORD) == ["é" * LONGEST_WORD]


def test_an_empty_batch_has_no_texts():
    assert len(tokenize([])) == 0
    assert digest_texts(tokenize([])).shape == (0, 16)


def test_a_batch_with_many_kinds_of_characters_folds_like_one_with_few():
    many = " ".join(map(chr, range(0xC0, 0x600)))
    assert normal_forms([many]) == [" ".join(plain_words(many))]
    few = "plain words in between " * 40 + many[:40]
    assert normal_forms([few]) == [" ".join(plain_words(few))]


def test_digests_differ_where_normal_forms_differ():
    digests = digest_texts(tokenize(["one two", "One, two.", "one three", "onetwo"]))
    same = [bool(np.array_equal(digests[0], other)) for other in digests]
    assert same == [True, True, False, False]
