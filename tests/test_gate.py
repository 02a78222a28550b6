"""The gate: what speaks for spin and what for a writer; which texts are classed as what."""

import dataclasses

import pytest

from dedupe.config import RepairSettings
from dedupe.model import Article
from dedupe.repair.gate import judge
from dedupe.repair.repairer import Repairer
from dedupe.text.lexicon import GateSettings, load_lexicon, read_synonyms

GATE = GateSettings(
    strong=1.8,
    spun_strong=2,
    spun_odds=8,
    spun_score=2.5,
    suspect_strong=2,
    suspect_odds=4,
    suspect_score=1,
    splice_strong=4,
    splice_odds=10,
    island_odds=-2,
)
SPUN = (
    "The corporate mentioned that its gross sales rose this yr, as a result of customers purchased extra of its merchandise. "
    "Its chief government acknowledged that the agency will proceed to rent employees in the course of the yr. "
)
PLAIN = (
    "The company said on Tuesday that people in the city had told police about the water in the street, but also that the "
    "government would give the school more time this year, and that the work should begin when the weather is good again. "
)


@pytest.fixture(scope="module")
def repairer() -> Repairer:
    return Repairer(load_lexicon(), RepairSettings())


@pytest.mark.parametrize(
    ("odds", "words", "verdict"),
    [
        ({"a": 3.0, "b": 3.0, "c": 3.0}, 100, "spun"),
        ({"a": 3.0, "b": 3.0, "c": 3.0}, 400, "suspect"),  # too thin
        ({"a": 3.0, "b": 3.0, "c": 3.0, "said": -2.0}, 100, "suspect"),  # a writer's word takes the sum below
        ({"a": 1.5, "b": 1.5, "c": 1.5, "d": 1.5, "e": 1.5, "f": 1.5}, 100, "clean"),  # nothing strong
        ({"a": 3.0}, 10, "clean"),
        ({}, 0, "clean"),
    ],
)
def test_the_verdict_needs_strong_signs_a_high_sum_and_a_high_density(odds, words, verdict):
    assert judge(odds.values(), words, GATE).verdict == verdict


def test_two_odd_words_do_not_make_a_headline_spun(repairer):
    assert repairer.judge(Article("", "Police opened gross sales to Getty Pictures")).verdict != "spun"


def test_words_of_a_writer_speak_against_spin(repairer):
    spun, mixed = repairer.judge(Article("", SPUN * 2)), repairer.judge(Article("", SPUN * 2 + PLAIN))
    assert spun.verdict == "spun"
    assert mixed.odds < spun.odds


def test_an_island_of_clean_text_in_a_spun_one_is_left_alone(repairer):
    island = "“" + PLAIN.strip() + " They referred to the purchase as extra work.” "
    text = SPUN + "\n" + island + "\n" + SPUN.replace("yr", "12 months")
    edits = [edit for edit in repairer.repair(Article("", text)).edits if edit.automatic]
    assert edits
    assert not any(text.index(island) <= edit.start < text.index(island) + len(island) for edit in edits)


def test_a_spliced_spun_paragraph_is_repaired_in_a_clean_text(repairer):
    text = (PLAIN + "\n") * 12 + SPUN * 2 + "\n" + (PLAIN + "\n") * 12
    repair = repairer.repair(Article("", text))
    assert repair.verdict != "spun"
    assert any(edit.automatic and edit.tier == "spun" for edit in repair.edits)


def test_a_repaired_text_is_clean_to_the_gate(repairer):
    edits = [edit for edit in repairer.repair(Article("", SPUN * 2)).edits if edit.automatic]
    text = SPUN * 2
    for edit in reversed(edits):
        text = text[: edit.start] + edit.after + text[edit.end :]
    assert repairer.judge(Article("", text)).verdict == "clean"


def test_without_odds_nothing_is_spun():
    lexicon = dataclasses.replace(load_lexicon(), odds={})
    assert Repairer(lexicon, RepairSettings()).judge(Article("", SPUN * 4)).verdict == "clean"


def test_the_synonyms_are_well_formed():
    rows = read_synonyms()
    assert len(rows) > 3000
    assert len({(original, part) for original, part, _ in rows}) == len(rows)
    assert all(synonyms and original not in synonyms for original, _, synonyms in rows)
