"""Applying decisions: a reviewed run is written again from its own folder, and can still be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import REPAIRED, SPUN, Cli

from dedupe import Decision, InputError, Settings, UsageError, append_decision, apply_decisions, run, undo
from dedupe.config import EmitSettings
from dedupe.review.ledger import FILE_NAME
from dedupe.review.summary import describe_summary

Tree = Callable[[Path], dict[str, bytes]]
Lines = Callable[[Path], list[dict[str, Any]]]
Texts = Callable[[Path], Mapping[str, str]]


@pytest.fixture(params=["txt", "jsonl", "csv"])
def finished(request: pytest.FixtureRequest, corpora: Mapping[str, Path], tmp_path: Path, settings: Settings) -> Path:
    run([corpora[request.param]], tmp_path / "out", settings)
    return tmp_path / "out"


def decide(out: Path, target: str, verdict: Any, replacement: str | None = None) -> None:
    append_decision(out, Decision(target, verdict, replacement, by="Ann", at="2026-01-02T03:04:05Z"))


def edit_of(out: Path, before: str) -> str:
    """The target of the edit whose `before` is this, in the article's text."""
    lines = [json.loads(line) for line in (out / "edits.jsonl").read_text("utf-8").splitlines()]
    (found,) = [line["id"] for line in lines if line["before"] == before and line["field"] == "text"]
    return f"edit:{found}"


def test_without_decisions_nothing_changes(finished: Path, read_tree: Tree) -> None:
    before = read_tree(finished)
    apply_decisions(finished)
    assert read_tree(finished) == before


@pytest.mark.parametrize(
    ("target", "verdict", "replacement", "expected"),
    [
        ("extra", "accept", None, REPAIRED.replace("extra talks", "additional talks")),
        ("extra", "replace", "further", REPAIRED.replace("extra talks", "further talks")),
        ("assault", "reject", None, REPAIRED.replace("drone attack", "drone assault")),
        ("assault", "replace", "<strike>", REPAIRED.replace("drone attack", "drone <strike>")),
        ("rule:my.said", "reject", None, REPAIRED.replace("said", "mentioned")),
        ("pair:safety treaty→security treaty", "reject", None, REPAIRED.replace("security", "safety")),
    ],
)
def test_a_decision_changes_what_is_written(
    target: str, verdict: str, replacement: str | None, expected: str, finished: Path, canonical_texts: Texts
) -> None:
    decide(finished, target if ":" in target else edit_of(finished, target), verdict, replacement)
    summary = apply_decisions(finished)
    assert canonical_texts(finished)["spun"] == expected
    assert (summary.decisions, summary.stale, summary.exit_code) == (1, (), 0)


def test_rejecting_every_edit_of_an_article_leaves_it_as_it_was(finished: Path, canonical_texts: Texts) -> None:
    article = "spun.txt" if (finished / "canonical/spun.txt").is_file() else "spun"
    decide(finished, f"article:{article}", "reject")
    summary = apply_decisions(finished)
    assert canonical_texts(finished)["spun"] == SPUN
    assert (summary.counts["repaired"], summary.counts["kept"]) == (0, 3)


@pytest.mark.parametrize(("rule", "verdict"), [("my.drone", "reject"), ("my.extra", "accept")])
def test_the_summary_counts_the_edits_that_were_made(finished: Path, read_lines: Lines, rule: str, verdict: str) -> None:
    before = apply_decisions(finished)
    decide(finished, f"rule:{rule}", verdict)
    after = apply_decisions(finished)
    assert after.made == sum(line["made"] for line in read_lines(finished / "edits.jsonl"))
    assert (after.made > before.made, after.made < before.made) == (verdict == "accept", verdict == "reject")
    assert after.edits.get("ask", 0) == before.edits["ask"] - (verdict == "accept")
    assert f"changed by {after.made} edits" in describe_summary(after, "out")


def test_a_reverted_decision_leaves_no_trace(finished: Path, read_tree: Tree) -> None:
    before = read_tree(finished)
    decide(finished, "rule:my.said", "reject")
    apply_decisions(finished)
    decide(finished, "rule:my.said", "revert")
    apply_decisions(finished)
    assert {name: content for name, content in read_tree(finished).items() if name != FILE_NAME} == before


def test_undo_still_gives_back_every_byte(finished: Path, tmp_path: Path, corpora: Mapping[str, Path], read_tree: Tree) -> None:
    decide(finished, edit_of(finished, "extra"), "accept")
    decide(finished, "rule:my.said", "reject")
    apply_decisions(finished)
    undo(finished, tmp_path / "back")
    assert any(read_tree(tmp_path / "back") == read_tree(corpus) for corpus in corpora.values())


def test_a_converted_corpus_is_written_again_in_its_format(
    csv_file: Path, tmp_path: Path, settings: Settings, read_lines: Lines, read_tree: Tree
) -> None:
    run([csv_file], tmp_path / "out", Settings(repair=settings.repair, emit=EmitSettings("jsonl")))
    decide(tmp_path / "out", "rule:my.extra", "accept")
    apply_decisions(tmp_path / "out")
    texts = [line["text"] for line in read_lines(tmp_path / "out/canonical.jsonl") if line["id"] == "spun"]
    assert texts == [REPAIRED.replace("extra talks", "additional talks")]
    undo(tmp_path / "out", tmp_path / "back")
    assert read_tree(tmp_path / "back") == read_tree(csv_file)


def test_duplicates_and_quarantine_stay_where_they_are(
    tmp_path: Path, jsonl_file: Path, settings: Settings, read_tree: Tree
) -> None:
    jsonl_file.write_bytes(jsonl_file.read_bytes() + b'{"text": 5}\nno JSON\n')
    run([jsonl_file], tmp_path / "out", settings)
    before = read_tree(tmp_path / "out")
    decide(tmp_path / "out", "rule:my.extra", "accept")
    apply_decisions(tmp_path / "out")
    after = read_tree(tmp_path / "out")
    for name in ("duplicates.jsonl", "quarantine.jsonl", "originals.jsonl", "pairs.jsonl", "clusters.jsonl", "repairs.jsonl"):
        assert after[name] == before[name]


def test_the_edits_file_says_what_was_made(finished: Path, read_lines: Lines) -> None:
    decide(finished, "rule:my.extra", "accept")
    decide(finished, "rule:my.drone", "reject")
    apply_decisions(finished)
    made = {line["rules"][0]: line["made"] for line in read_lines(finished / "edits.jsonl")}
    assert (made["my.extra"], made["my.drone"], made["my.getty"]) == (True, False, True)


def test_decisions_stay_in_force_in_a_new_run(
    csv_file: Path, tmp_path: Path, settings: Settings, canonical_texts: Texts
) -> None:
    run([csv_file], tmp_path / "out", settings)
    decide(tmp_path / "out", "rule:my.extra", "accept")
    summary = run([csv_file], tmp_path / "out", settings, overwrite=True)
    assert summary.decisions == 1
    assert "additional talks" in canonical_texts(tmp_path / "out")["spun"]


def test_stale_decisions_are_named_and_exit_with_3(finished: Path, cli: Cli) -> None:
    decide(finished, "edit:0123456789abcdef01234567", "accept")
    outcome = cli("apply", finished)
    assert outcome.code == 3
    assert outcome.err == "note: not in effect: edit:0123456789abcdef01234567\n"
    assert "1 in force, 1 stale" in outcome.out


def test_a_torn_last_line_is_left_out_and_told(finished: Path, cli: Cli) -> None:
    decide(finished, "rule:my.said", "reject")
    with (finished / FILE_NAME).open("ab") as file:
        file.write(b'{"target": "rule:my.getty", "verd')
    outcome = cli("apply", finished)
    assert (outcome.code, outcome.err) == (3, "note: not in effect: the last line, which is incomplete\n")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no finished run"):
        apply_decisions(tmp_path)


def test_files_changed_since_the_run_are_refused_and_nothing_is_written(finished: Path, read_tree: Tree) -> None:
    with (finished / "originals.jsonl").open("ab") as file:
        file.write(b"{}\n")
    before = read_tree(finished)
    with pytest.raises(InputError, match="was changed after the run"):
        apply_decisions(finished)
    assert read_tree(finished) == before
