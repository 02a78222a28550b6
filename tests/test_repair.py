"""Repair of whole texts: the cases that must stay as they are come first."""

import dataclasses
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.config import RepairSettings
from dedupe.model import Article, Edit, Repair
from dedupe.repair.repairer import Repairer, fields_digest
from dedupe.text.edits import Span, apply_spans, invert_spans
from dedupe.text.lexicon import load_lexicon

CASES = [json.loads(line) for line in (Path(__file__).parent / "cases" / "repair.jsonl").read_text("utf-8").splitlines()]
SEEDS = sorted((Path(__file__).parent.parent / "seeds" / "corpus").glob("*.txt"))
CLEAN = [path for path in SEEDS if "-spun-" not in path.name]
SPUN = [path for path in SEEDS if "-spun-" in path.name]


@pytest.fixture(scope="module")
def repairers() -> dict[str, Repairer]:
    """By the treatment of spin. Where all is taken for spun it is the rules that are tested, not what sentences decide."""
    lexicon = load_lexicon()
    settings = (RepairSettings(), RepairSettings(spin="assume", context=False), RepairSettings(spin="off"))
    return {chosen.spin: Repairer(lexicon, chosen) for chosen in settings}


def repaired(text: str, repair: Repair) -> str:
    return apply_spans(text, [Span(e.start, e.end, e.after) for e in repair.edits if e.automatic])


def wording_edits(repair: Repair) -> list[Edit]:
    return [e for e in repair.edits if e.automatic and not e.rules[0].startswith("layout.")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["label"])
def test_case(case: dict[str, str], repairers: dict[str, Repairer]) -> None:
    before = case["before"]
    assert repaired(before, repairers[case["spin"]].repair(Article("a", before))) == (case["after"] or before)


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_clean_articles_are_clean_to_the_gate_and_keep_their_words(path: Path, repairers: dict[str, Repairer]) -> None:
    repair = repairers["auto"].repair(Article(path.name, path.read_text("utf-8")))
    assert repair.verdict != "spun"
    assert wording_edits(repair) == []


@pytest.mark.parametrize("path", SPUN, ids=lambda path: path.stem)
def test_spun_articles_are_spun_to_the_gate(path: Path, repairers: dict[str, Repairer]) -> None:
    assert repairers["auto"].repair(Article(path.name, path.read_text("utf-8"))).verdict == "spun"


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_second_repair_finds_nothing_to_do(path: Path, repairers: dict[str, Repairer]) -> None:
    text = path.read_text("utf-8")
    once = repaired(text, repairers["auto"].repair(Article("a", text)))
    assert [e for e in repairers["auto"].repair(Article("a", once)).edits if e.automatic] == []


@pytest.mark.parametrize("path", SPUN, ids=lambda path: path.stem)
def test_any_subset_of_the_edits_applies_and_inverts(path: Path, repairers: dict[str, Repairer]) -> None:
    text = path.read_text("utf-8")
    edits = [e for e in repairers["auto"].repair(Article("a", text)).edits if e.automatic]
    assert all(text[e.start : e.end] == e.before for e in edits)
    chooser = random.Random(path.name)
    for _ in range(20):
        spans = [Span(e.start, e.end, e.after) for e in edits if chooser.random() < 0.5]
        result = apply_spans(text, spans)
        assert apply_spans(result, invert_spans(text, spans)) == text


def test_spin_off_leaves_the_wording_alone(repairers: dict[str, Repairer]) -> None:
    text = SPUN[0].read_text("utf-8")
    assert wording_edits(repairers["off"].repair(Article("a", text))) == []


def test_numbers_stay_as_they_are(repairers: dict[str, Repairer]) -> None:
    for path in SPUN:
        for edit in wording_edits(repairers["auto"].repair(Article("a", path.read_text("utf-8")))):
            before, after = ([c for c in side if c.isdigit()] for side in (edit.before, edit.after))
            assert not after or before == after, edit


def test_quotations_in_a_spun_text_follow_the_policy(repairers: dict[str, Repairer]) -> None:
    text = next(t for t in (path.read_text("utf-8") for path in SPUN) if "“" in t)
    by_policy = {}
    for policy in ("spun", "safe", "ask"):
        repairer = Repairer(repairers["auto"].lexicon, RepairSettings(quotes=policy))  # type: ignore[arg-type]
        edits = repairer.repair(Article("a", text)).edits
        by_policy[policy] = [e for e in edits if e.in_quote and e.automatic and not e.rules[0].startswith("layout.")]
    assert by_policy["spun"]
    assert {e.tier for e in by_policy["safe"]} <= {"safe"}
    assert by_policy["ask"] == []


def test_the_title_is_repaired_with_the_text(repairers: dict[str, Repairer]) -> None:
    repair = repairers["assume"].repair(Article("a", "Photo: Getty Pictures", "International Minister Leaves"))
    assert {e.field for e in repair.edits if e.automatic} == {"text", "title"}


def test_allowed_phrases_are_never_touched(repairers: dict[str, Repairer]) -> None:
    lexicon = dataclasses.replace(repairers["auto"].lexicon, allow=("Getty Pictures",))
    repair = Repairer(lexicon, RepairSettings()).repair(Article("a", "Photo: Getty Pictures"))
    assert repair.edits == ()


def test_a_witness_decides_between_candidates(tmp_path: Path) -> None:
    table = tmp_path / "my.tsv"
    table.write_text(
        "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource\nmy.w\tzorkish\twhole|complete\twitness\t\t\t\t\tuser\n"
    )
    repairer = Repairer(load_lexicon(folders=[tmp_path]), RepairSettings(spin="assume"))
    article = Article("a", "He called it a zorkish fabrication.")
    alone = [e for e in repairer.repair(article).edits if e.rules[0] == "my.w"]
    assert [e.tier for e in alone] == ["ask"]
    [edit] = [e for e in repairer.repair(article, ["It was a complete fabrication, he said."]).edits if e.rules[0] == "my.w"]
    assert (edit.after, edit.tier, edit.evidence) == ("complete", "witness", ("witness",))


def test_a_catastrophic_user_pattern_is_skipped_and_counted(tmp_path: Path) -> None:
    table = tmp_path / "my.tsv"
    table.write_text(
        "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource\n"
        "my.r\tassault\tattack\tspun\t_ /(?:\\s|a|aa)+$/\t\t\t\tuser\n"
    )
    lexicon = load_lexicon(folders=[tmp_path])
    only = dataclasses.replace(lexicon, rules=tuple(rule for rule in lexicon.rules if rule.id == "my.r"))
    repairer = Repairer(only, RepairSettings(spin="assume", regex_timeout=0.05))
    text = "The assault " + "a" * 60 + "!"
    assert repairer.repair(Article("a", text)).edits == ()
    assert repairer.skipped == {"my.r": 1}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["the place", "assault", "Getty Pictures", "“", "”", "{photograph}", "an settlement", ".", "\n", "İ", "and"]
        )
    )
)
def test_edits_are_disjoint_and_fit_the_source(words: list[str]) -> None:
    text = " ".join(words)
    repair = REPAIRER.repair(Article("a", text))
    assert all(text[e.start : e.end] == e.before for e in repair.edits)
    repaired(text, repair)  # raises if they overlap
    assert repair.digest == fields_digest({"text": text} if text else {})


REPAIRER = Repairer(load_lexicon(), RepairSettings(spin="assume"))
