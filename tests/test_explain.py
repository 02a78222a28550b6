"""Explanations: the numbers, the passages and the reasons of a finished run, and errors that help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT, Cli

from dedupe import Decision, Settings, UsageError, append_decision, explain, run
from dedupe.config import with_values
from dedupe.explanation import ArticleExplanation, EditExplanation, PairExplanation

SEEDS = ROOT / "seeds/corpus"
NAMES = ["ferry-original", "ferry-wire", "ferry-reprint", "ferry-independent", "orchard-clean", "storm-original"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    (folder / "texts").mkdir()
    for name in NAMES:
        (folder / "texts" / f"{name}.txt").write_text((SEEDS / f"{name}.txt").read_text("utf-8"), "utf-8")
    run(
        [folder / "texts"], folder / "out", with_values(Settings(), {"find": {"kinds": ["exact", "near", "template", "story"]}})
    )
    return folder / "out"


def explain_pair(out: Path, a: str, b: str) -> PairExplanation:
    told = explain(out, f"{a}.txt", f"{b}.txt")
    assert isinstance(told, PairExplanation)
    return told


def test_a_pair_that_is_not_linked_is_measured(out: Path) -> None:
    told = explain_pair(out, "orchard-clean", "ferry-wire")
    assert (told.pair, told.a, told.b) == (None, "ferry-wire.txt", "orchard-clean.txt")
    assert told.jaccard is not None
    assert told.jaccard < 0.01
    assert "not linked" in told.describe()


def test_the_passages_of_a_pair_stand_in_both_texts(out: Path) -> None:
    told = explain_pair(out, "ferry-original", "ferry-wire")
    assert told.pair is not None
    assert told.pair.kind == "near"
    texts = [(SEEDS / name).read_text("utf-8") for name in (told.a, told.b)]
    assert len(told.passages) > 1
    for passage in told.passages:
        assert all(part in text for part, text in zip(passage, texts, strict=True))
        assert passage[0].casefold().split()[1:-1] == passage[1].casefold().split()[1:-1]
    assert sum(len(left.split()) for left, _ in told.passages) > 200
    assert " | " in told.describe()


def test_the_order_of_the_two_does_not_matter(out: Path) -> None:
    assert explain_pair(out, "ferry-original", "ferry-wire") == explain_pair(out, "ferry-wire", "ferry-original")


def test_a_story_is_told_by_names_and_numbers(out: Path) -> None:
    told = explain(out, "ferry-independent.txt")
    assert isinstance(told, ArticleExplanation)
    (story,) = told.clusters
    assert story.kind == "story"
    pair = explain(out, *story.pairs[0])
    assert isinstance(pair, PairExplanation)
    assert pair.pair is not None
    assert {"6,200", "6:40", "Halvorsen"} <= set(pair.pair.shared)
    assert "Halvorsen" in pair.describe()
    assert pair.pair.cosine is not None
    assert 0.2 < pair.pair.cosine < 1


def test_each_loser_of_a_cluster_is_told_why(out: Path) -> None:
    told = explain(out, "ferry-reprint.txt")
    assert isinstance(told, ArticleExplanation)
    versions, story = told.clusters
    assert versions.canonical in told.fate
    assert {"near", "story"} == {versions.kind, story.kind}
    for id in versions.members:
        if id != versions.canonical:
            assert f"not kept: {versions.canonical} {told.reasons[id]}"[:60] in told.describe()


def test_an_article_without_relations_says_so(out: Path) -> None:
    assert "is related to no other article" in explain(out, "orchard-clean.txt").describe()


def test_an_unknown_id_names_the_nearest(out: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean 'ferry-wire\.txt'"):
        explain(out, "fery-wire.txt")
    with pytest.raises(UsageError, match="no article 'x'"):
        explain(out, "ferry-wire.txt", "x")
    with pytest.raises(UsageError, match="one article"):
        explain(out, "ferry-wire.txt", "ferry-wire.txt")


def test_a_folder_without_findings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no pairs\.jsonl"):
        explain(tmp_path, "a")


def test_the_findings_of_find_are_explained_without_texts(out: Path, tmp_path: Path, cli: Cli) -> None:
    assert cli("find", out.parent / "texts", "--kinds", "exact,near", "-o", tmp_path / "found").code == 0
    told = explain_pair(tmp_path / "found", "ferry-original", "ferry-wire")
    assert told.passages == ()
    assert told.pair is not None
    assert explain_pair(tmp_path / "found", "ferry-original", "ferry-reprint").pair is not None


def test_an_edit_is_told_with_its_rule_its_tier_and_who_decided(
    tmp_path: Path, jsonl_file: Path, settings: Settings, cli: Cli
) -> None:
    run([jsonl_file], tmp_path / "out", settings)
    views = [json.loads(line) for line in (tmp_path / "out/edits.jsonl").read_bytes().splitlines()]
    drone = next(view for view in views if view["rules"] == ["my.drone"] and view["field"] == "text")
    told = explain(tmp_path / "out", f"edit:{drone['id']}")
    assert isinstance(told, EditExplanation)
    assert (told.view.made, told.decision, told.rules["my.drone"].when) == (True, None, ("drone _",))
    append_decision(tmp_path / "out", Decision("rule:my.drone", "reject", by="Ann", note="too bold"))
    said = cli("explain", tmp_path / "out", f"edit:{drone['id']}").out
    for words in ("[-assault-]{+attack+}", "tier         safe", "reject by Ann, on rule:my.drone", "too bold", "my.tsv:2"):
        assert words in said
    assert cli("explain", tmp_path / "out", "edit:none").code == 2


def test_hostile_text_cannot_reach_the_terminal(tmp_path: Path, cli: Cli) -> None:
    text = "The quay \x1b[2J of Velsing\u202e is closed from May and will be repaired over the next two years, the port says."
    lines = [{"id": f"\x1b[2J{n}", "text": text + " More." * n} for n in range(2)]
    (tmp_path / "evil.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli("run", tmp_path / "evil.jsonl", "-o", tmp_path / "out").code == 0
    for ids in (["\x1b[2J0"], ["\x1b[2J0", "\x1b[2J1"], ["\x1b[2J7"]):
        outcome = cli("explain", tmp_path / "out", *ids)
        assert not {"\x1b", "\u202e"} & set(outcome.out + outcome.err)
        assert "2J1" in outcome.out + outcome.err
