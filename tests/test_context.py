"""What the sentence decides: it leaves clean text and the rules' edits alone, names what it rests on, depends on no order."""

from __future__ import annotations

import dataclasses
import itertools
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.config import RepairSettings
from dedupe.model import Article, Edit
from dedupe.repair.repairer import Repairer
from dedupe.text.lexicon import load_lexicon, load_trigrams
from dedupe.text.trigrams import NO_WORD, Columns, Trigrams, pack_trigrams, unpack_trigrams

# A page of the kind that the gate finds spun: words of writers are swapped throughout.
SPUN = (
    "The agency mentioned on Wednesday that it will shut two factories and reduce practically 300 positions this yr, as gross "
    "sales proceed to drop. Officers stated the choice was troublesome, however mandatory. Staff have been advised in the "
    "course of a gathering on the plant, based on an individual conversant in the matter.\n\n"
    "The corporate's chief government mentioned prospects had been shopping for fewer merchandise, and that costs for "
    "uncooked supplies have been rising. Gross sales fell by greater than 12 p.c final quarter. The agency additionally "
    "introduced {that a} new plant can be constructed close to the town, with the assistance of the federal government."
)


@lru_cache
def repairer(spin: str, context: bool = True, disable: tuple[str, ...] = ()) -> Repairer:
    chosen = RepairSettings(spin=spin, context=context, disable=disable)  # type: ignore[arg-type]
    return Repairer(load_lexicon(disable=disable), chosen)


@lru_cache
def without_rules() -> Repairer:
    """One that knows synonyms only, so that no rule is faster."""
    return Repairer(dataclasses.replace(load_lexicon(), rules=()), RepairSettings(spin="assume"))


def edits(text: str, **chosen: object) -> list[Edit]:
    found = repairer(**({"spin": "assume"} | chosen)).repair(Article("a", text))  # type: ignore[arg-type]
    return [edit for edit in found.edits if edit.automatic]


def by_context(found: list[Edit]) -> list[tuple[str, str]]:
    return [(edit.before, edit.after) for edit in found if "context" in edit.evidence]


@pytest.mark.parametrize(
    "text",
    [
        "The meeting was held on Monday, and the president said that he was going to resign.",
        "She said last year that the company would build two new plants in the region.",
        "Police said a man was arrested on Friday after he was found in the house.",
    ],
)
def test_sentences_that_read_as_written_stay_even_where_all_is_taken_for_spun(text: str) -> None:
    assert by_context(edits(text)) == []


def test_a_text_that_is_not_spun_is_not_weighed() -> None:
    auto = Repairer(load_lexicon(), RepairSettings())
    auto.repair(Article("a", "The firm mentioned in its report that prices had remained the same. " * 30))
    assert "_context" not in vars(auto)  # neither built nor asked


@pytest.mark.parametrize(
    ("text", "swap"),
    [
        ("The agency said that sales fell final year.", ("final", "last")),
        ("He died at residence.", ("residence", "home")),
        ("The jury found him responsible of murder.", ("responsible", "guilty")),
        ("The bank cut curiosity rates.", ("curiosity", "interest")),
        ("He was elected in the first spherical.", ("spherical", "round")),
    ],
)
def test_a_known_form_gives_way_to_what_its_sentence_asks_for(text: str, swap: tuple[str, str]) -> None:
    assert swap in by_context([edit for edit in without_rules().repair(Article("a", text)).edits if edit.automatic])


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("They lost the final in extra time.", "final"),
        ("He is responsible for the safety of the plant.", "responsible"),
        ("She asked out of curiosity.", "curiosity"),
    ],
)
def test_the_same_form_stays_in_a_sentence_of_its_own(text: str, form: str) -> None:
    assert form not in [edit.before for edit in without_rules().repair(Article("a", text)).edits]


def test_an_edit_names_the_rule_or_the_row_of_synonyms_and_can_be_switched_off() -> None:
    found = [edit for edit in edits(SPUN) if "context" in edit.evidence]
    rules = {rule.id for rule in load_lexicon().rules}
    rows = [edit.rules[0] for edit in found if edit.rules[0] not in rules]
    assert len(found) > len(rows) > 0
    assert all(row.startswith("synonyms.") for row in rows)
    assert not {edit.rules[0] for edit in edits(SPUN, disable=(rows[0],))} & {rows[0]}
    assert not any(edit.rules[0].startswith("synonyms.") for edit in edits(SPUN, disable=("synonyms.*",)))
    assert by_context(edits(SPUN, context=False)) == []


def test_what_rules_write_stands() -> None:
    without = {(edit.start, edit.end, edit.after) for edit in edits(SPUN, context=False)}
    assert without <= {(edit.start, edit.end, edit.after) for edit in edits(SPUN)}


@pytest.mark.parametrize("tier", ["ask", "spun"])
def test_a_users_rule_acts_where_it_says_and_nowhere_else(tier: str, tmp_path: Path) -> None:
    head = "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource\n"
    (tmp_path / "my.tsv").write_text(f"{head}my.zorkish\tzorkish\twhole\t{tier}\tnever _\t\t\t\tuser\n", "utf-8")
    repairer = Repairer(load_lexicon(folders=[tmp_path]), RepairSettings(spin="assume"))
    found = repairer.repair(Article("a", "He was sick the zorkish time.")).edits
    assert "zorkish" not in [edit.before for edit in found]


def test_a_version_that_has_it_as_it_stands_is_believed() -> None:
    text = "He was alone in his condo."
    assert by_context(edits(text)) == [("condo", "apartment")]
    witnessed = repairer("assume").repair(Article("a", text), [text])
    assert by_context([edit for edit in witnessed.edits if edit.automatic]) == []


def test_a_second_repair_of_a_spun_page_finds_nothing() -> None:
    once = SPUN
    for edit in reversed(edits(SPUN, spin="auto")):
        once = once[: edit.start] + edit.after + once[edit.end :]
    assert repairer("auto").repair(Article("a", SPUN)).verdict == "spun"
    assert edits(once, spin="auto") == []


def test_a_language_without_trigrams_has_nothing_to_weigh_with() -> None:
    assert load_trigrams("de") is None


@settings(deadline=None)  # the first text waits for the tables
@given(st.lists(st.sampled_from(SPUN.split()), max_size=30), st.booleans())
def test_edits_are_disjoint_and_say_what_stands_there(words: list[str], apart: bool) -> None:
    text = ("\n" if apart else " ").join(words)
    found = edits(text)
    assert all(text[edit.start : edit.end] == edit.before for edit in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_neither_the_order_of_rules_nor_other_paragraphs_matter() -> None:
    lexicon = load_lexicon()
    rules = list(lexicon.rules)
    random.Random(1).shuffle(rules)
    shuffled = Repairer(dataclasses.replace(lexicon, rules=tuple(rules)), RepairSettings(spin="assume"))
    assert shuffled.repair(Article("a", SPUN)) == repairer("assume").repair(Article("a", SPUN))
    first, second = SPUN.split("\n\n")
    alone = [(edit.before, edit.after) for part in (first, second) for edit in edits(part)]
    assert [(edit.before, edit.after) for edit in edits(SPUN)] == alone


@st.composite
def models(draw: st.DrawFn) -> dict[tuple[int, ...], tuple[int, int]]:
    """A small table: a cost and a weight for every word, for some pairs (word, before), and for some triples of these pairs."""
    size = draw(st.integers(1, 5))
    word, cost = st.integers(0, size - 1), st.tuples(st.integers(0, 255), st.integers(-127, 127))
    table: dict[tuple[int, ...], tuple[int, int]] = {(number,): draw(cost) for number in range(size)}
    pairs = draw(st.dictionaries(st.tuples(word, word), cost))
    triples = draw(st.dictionaries(st.tuples(st.sampled_from(sorted(pairs)), word), cost)) if pairs else {}
    return table | pairs | {(*pair, further): value for (pair, further), value in triples.items()}


def as_columns(model: dict[tuple[int, ...], tuple[int, int]]) -> Columns:
    singles, pairs, triples = (sorted(key for key in model if len(key) == length) for length in (1, 2, 3))
    return Columns(
        words=[chr(97 + number) for number in range(len(singles))],
        cost=np.array([model[key][0] for key in singles], np.uint8),
        weight=np.array([model[key][1] for key in singles], np.int8),
        pairs=np.array([sum(pair[:1] == key for pair in pairs) for key in singles], np.uint16),
        before=np.array([key[1] for key in pairs], np.uint16),
        pair_cost=np.array([model[key][0] for key in pairs], np.uint8),
        pair_weight=np.array([model[key][1] for key in pairs], np.int8),
        triples=np.array([sum(triple[:2] == key for triple in triples) for key in pairs], np.uint16),
        further=np.array([key[2] for key in triples], np.uint16),
        triple_cost=np.array([model[key][0] for key in triples], np.uint8),
    )


@given(models(), st.integers(0, 4), st.integers(-1, 4), st.integers(-1, 4))
def test_trigrams_back_off_as_katz_says(
    model: dict[tuple[int, ...], tuple[int, int]], word: int, before: int, further: int
) -> None:
    columns = as_columns(model)
    known = [number if number < len(columns.words) else NO_WORD for number in (word, before, further)]
    table = Trigrams(unpack_trigrams(pack_trigrams(columns, "a note")))

    def cost(word: int, *history: int) -> int:
        if (word, *history) in model:
            return model[word, *history][0]
        weight = model.get(history, (0, 0))[1]
        return cost(word, *history[:-1]) - weight

    if known[0] != NO_WORD:
        history = [] if known[1] == NO_WORD else known[1:2] if known[2] == NO_WORD else known[1:]
        assert table.cost(*known) == cost(known[0], *history)


def test_a_broken_table_of_trigrams_is_refused() -> None:
    packed = pack_trigrams(as_columns({(0,): (16, 0)}), "")
    with pytest.raises(ValueError, match="incomplete"):
        unpack_trigrams(packed[:-3])
    with pytest.raises(ValueError, match="sizes say"):
        unpack_trigrams(packed.replace(b" 1 ", b" 2 ", 1))
