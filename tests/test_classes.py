"""Synonym classes: made from the tables, kept in bounds, and applied to whole batches at once."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.errors import RuleError
from dedupe.model import Rule
from dedupe.repair.classes import build_classes, check_classes, format_classes
from dedupe.text.classes import LARGEST_CLASS, ClassMap, DespunTokens
from dedupe.text.lexicon import load_classes, load_function_words, load_lexicon, read_classes
from dedupe.text.normal import tokenize

CLASSES = ClassMap([("big", "large"), ("member of parliament", "lawmaker"), ("x ray", "scan")], ["the", "a", "the place"])


def runs(despun: DespunTokens) -> list[list[int]]:
    bounds = despun.documents.tolist()
    return [despun.classes[start:end].tolist() for start, end in itertools.pairwise(bounds)]


def test_words_of_no_class_stand_for_themselves() -> None:
    despun = CLASSES.despin(tokenize(["old stone", "old stone"]))
    assert runs(despun)[0] == runs(despun)[1]
    assert len(set(runs(despun)[0])) == 2


def test_forms_of_a_class_read_alike_and_look_different() -> None:
    despun = CLASSES.despin(tokenize(["A big lawmaker", "The LARGE member of  parliament"]))
    first, second = runs(despun)
    assert first == second
    assert set(despun.surfaces[:2].tolist()).isdisjoint(despun.surfaces[2:].tolist())


def test_phrases_are_taken_leftmost_and_longest() -> None:
    classes = ClassMap([("a b", "one"), ("b c d", "two"), ("d e", "three"), ("a b c", "four")], [])
    assert runs(classes.despin(tokenize(["a b c d e"]))) == runs(classes.despin(tokenize(["four three"])))


def test_a_phrase_does_not_reach_into_the_next_text() -> None:
    assert runs(CLASSES.despin(tokenize(["a member of", "parliament"])))[1] == runs(CLASSES.despin(tokenize(["parliament"])))[0]


def test_a_phrase_that_stands_for_a_function_word_is_dropped() -> None:
    assert runs(CLASSES.despin(tokenize(["the place", "", "place"])))[:2] == [[], []]


def test_numbers_are_told_from_words() -> None:
    classes = CLASSES.despin(tokenize(["43 big 2nd stones"])).classes
    assert (classes & 1).tolist() == [1, 0, 1, 0]


def test_what_the_spinner_rather_writes_is_counted() -> None:
    classes = ClassMap([("said", "stated"), ("heart", "coronary heart")], ["the"], {"stated", "coronary heart"})
    texts = ["he said the heart", "he stated the coronary heart", ""]
    assert classes.despin(tokenize(texts)).replacements.tolist() == [0, 2, 0]


@given(st.lists(st.lists(st.sampled_from("a b c d e big large x ray the place of 7".split()), max_size=12), max_size=5))
def test_a_batch_reads_like_its_texts_one_by_one(texts: list[list[str]]) -> None:
    joined = [" ".join(words) for words in texts]
    together = CLASSES.despin(tokenize(joined))
    assert runs(together) == [run for text in joined for run in runs(CLASSES.despin(tokenize([text])))]


def test_classes_without_forms_change_nothing_but_function_words() -> None:
    empty = ClassMap((), ())
    assert len(empty.despin(tokenize(["the big stone"])).classes) == 3


def test_the_digest_depends_on_every_part() -> None:
    parts = [CLASSES, ClassMap(CLASSES.classes, ["the"]), ClassMap(CLASSES.classes, CLASSES.dropped, {"big"})]
    assert len({part.digest for part in parts}) == 3


def test_the_shipped_classes_are_sound() -> None:
    assert list(check_classes(load_classes(), load_function_words())) == []


def test_the_shipped_classes_hold_the_synonyms_of_the_tables() -> None:
    despun = load_classes().despin(
        tokenize(["The minister said the security deal", "International minister mentioned the safety deal"])
    )
    first, second = runs(despun)
    assert first[1:] == second[2:]


@pytest.mark.parametrize(
    ("classes", "fault"),
    [
        (ClassMap([tuple(f"w{n}" for n in range(LARGEST_CLASS + 1))], []), "has 13 forms; write 2 to 12"),
        (ClassMap([("lonely",)], []), "has 1 forms"),
        (ClassMap([("big", "large"), ("large", "wide")], []), "'large' stands in two places"),
        (ClassMap([("big", "of the")], []), "'of the' of the class of 'big' is made of function words"),
        (ClassMap([("big", "very big and tall indeed")], []), "has 5 words; write 1 to 4"),
    ],
)
def test_an_unsound_class_is_reported(classes: ClassMap, fault: str) -> None:
    assert any(fault in found for found in check_classes(classes, {"of", "the"}))


def make(*swaps: tuple[str, str, str]) -> ClassMap:
    """The classes that rules (spun, original, source) make."""
    rules = tuple(Rule(f"r.{n}", spun, (original,), "spun", source=source) for n, (spun, original, source) in enumerate(swaps))
    return build_classes(dataclasses.replace(load_lexicon(), rules=rules), {"the", "of", "in", "where", "within", "as", "a"})


def test_a_chain_of_swaps_stops_where_the_class_is_full() -> None:
    names = [f"word{chr(97 + n)}" for n in range(26)]
    classes = make(*((a, b, "own") for a, b in itertools.pairwise(names)))
    assert len(classes.classes) > 1
    assert max(map(len, classes.classes)) <= LARGEST_CLASS


def test_the_stronger_link_decides_where_a_form_belongs() -> None:
    crowd = [(f"crowd{chr(97 + n)}", "hub", "data:a.com,data:b.com,data:c.com") for n in range(LARGEST_CLASS - 1)]
    classes = make(*crowd, ("extra", "hub", "own"), ("extra", "more", "data:a.com"))
    assert ("extra", "more") in classes.classes


def test_function_words_are_in_no_class_and_their_phrases_are_dropped() -> None:
    classes = make(("the place", "where", "own"), ("within", "in", "own"), ("big", "large", "own"))
    assert classes.classes == (("big", "large"),)
    assert "the place" in classes.dropped


def test_a_phrase_whose_words_already_read_alike_is_not_listed() -> None:
    classes = make(("safety", "security", "own"), ("safety treaty", "security treaty", "own"))
    assert classes.classes == (("safety", "security"),)


def test_inflected_forms_have_classes_of_their_own() -> None:
    assert make(("~assault/n", "~attack/n", "own")).classes == (("assault", "attack"), ("assaults", "attacks"))


def test_a_table_of_classes_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    made = make(("assault", "attack", "own"), ("the place", "where", "own"))
    path = tmp_path / "classes.tsv"
    path.write_text(format_classes(made), "utf-8")
    read = read_classes(path)
    assert (read.classes, sorted(read.dropped), read.replacements) == (made.classes, sorted(made.dropped), made.replacements)
    assert "assault*" in format_classes(made)


def test_a_line_of_an_unknown_use_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "classes.tsv"
    path.write_text("use\tforms\nclas\tbig|large\n", "utf-8")
    with pytest.raises(RuleError, match=r"classes.tsv:2: unknown use 'clas'"):
        read_classes(path)


def test_a_language_without_classes_has_none() -> None:
    assert load_classes("xx").classes == ()
    assert np.array_equal(load_classes("xx").despin(tokenize(["una cosa"])).documents, [0, 2])
