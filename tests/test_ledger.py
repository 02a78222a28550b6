"""The ledger: which decision governs an edit, and how the file survives crashes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe import Decision, Edit, InputError, UsageError, append_decision
from dedupe.model import Tier
from dedupe.review.ledger import FILE_NAME, Ledger


def make_edit(
    start: int = 0, before: str = "extra", after: str = "additional", tier: Tier = "ask", rule: str = "word.extra"
) -> Edit:
    return Edit("a1", "text", start, start + len(before), before, after, (rule,), tier)


def settled(edits: list[Edit], *decisions: Decision, source: str = "gazette") -> list[tuple[int, str]]:
    return [(edit.start, edit.after) for edit in Ledger(decisions).settle(edits, source)]


EDIT = make_edit()
# From the first in precedence to the last.
TARGETS = [
    f"edit:{EDIT.id}",
    "article:a1",
    "pair@gazette:extra→additional",
    "pair:extra→additional",
    "rule@gazette:word.extra",
    "rule:word.extra",
]


def test_without_decisions_only_automatic_edits_are_made() -> None:
    edits = [make_edit(0, tier="safe"), make_edit(10, tier="ask"), make_edit(20, tier="flag"), make_edit(30, tier="spun")]
    assert settled(edits) == [(0, "additional"), (30, "additional")]


@pytest.mark.parametrize("target", TARGETS)
def test_an_asked_edit_is_made_when_accepted_by_any_target(target: str) -> None:
    assert settled([EDIT], Decision(target, "accept")) == [(0, "additional")]


@pytest.mark.parametrize("target", TARGETS[1:])
def test_an_automatic_edit_is_not_made_when_rejected_by_any_target(target: str) -> None:
    assert settled([make_edit(tier="safe")], Decision(target, "reject")) == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_replacement_is_the_persons_own_wording(target: str) -> None:
    assert settled([EDIT], Decision(target, "replace", "further")) == [(0, "further")]


@pytest.mark.parametrize(("stronger", "weaker"), list(itertools.pairwise(TARGETS)))
def test_the_narrower_target_wins_whatever_the_order(stronger: str, weaker: str) -> None:
    decisions = [Decision(stronger, "reject"), Decision(weaker, "accept")]
    assert settled([EDIT], *decisions) == settled([EDIT], *reversed(decisions)) == []


def test_a_decision_for_one_source_leaves_others_alone() -> None:
    decision = Decision("rule@gazette:word.extra", "accept")
    assert settled([EDIT], decision, source="mirror") == []


def test_a_skipped_target_leaves_the_next_one_to_decide() -> None:
    assert settled([EDIT], Decision(TARGETS[0], "skip"), Decision(TARGETS[-1], "accept")) == [(0, "additional")]


def test_the_latest_decision_on_a_target_counts() -> None:
    accept, reject, revert = (Decision(TARGETS[0], verdict) for verdict in ("accept", "reject", "revert"))
    assert settled([EDIT], reject, accept) == [(0, "additional")]
    assert settled([EDIT], accept, reject) == []
    assert settled([EDIT], accept, revert) == []
    assert len(Ledger([accept, revert])) == 0


def test_an_accepted_edit_outruns_an_automatic_one_in_its_way() -> None:
    automatic, asked = make_edit(0, "extra help", "more help", "safe", "word.help"), make_edit(0)
    assert settled([automatic, asked]) == [(0, "more help")]
    assert settled([automatic, asked], Decision(f"edit:{asked.id}", "accept")) == [(0, "additional")]
    assert settled([automatic, asked], Decision("rule:word.extra", "accept")) == [(0, "more help")]


edits = st.builds(
    make_edit,
    start=st.integers(0, 30),
    before=st.sampled_from(["x", "extra", "extra help"]),
    tier=st.sampled_from(["safe", "context", "ask", "flag"]),
    rule=st.sampled_from(["r.one", "r.two"]),
)
decisions = st.builds(
    Decision, st.sampled_from(["rule:r.one", "rule:r.two", "article:a1"]), st.sampled_from(["accept", "reject"])
)


@given(st.lists(edits, unique_by=lambda edit: edit.id), st.lists(decisions), st.randoms(use_true_random=False))
def test_settled_edits_are_disjoint_and_do_not_depend_on_the_order(
    edits: list[Edit], decided: list[Decision], random: object
) -> None:
    ledger = Ledger(decided)
    made = ledger.settle(edits, "")
    assert all(a.end <= b.start for a, b in itertools.pairwise(made))
    shuffled = list(edits)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [edit.id for edit in ledger.settle(shuffled, "")] == [edit.id for edit in made]


def test_decisions_on_vanished_edits_are_stale() -> None:
    ledger = Ledger([Decision("edit:gone", "accept"), Decision(TARGETS[0], "accept"), Decision("rule:gone", "accept")])
    assert ledger.stale_decisions({EDIT.id}) == ["edit:gone"]


def test_appended_decisions_are_loaded_in_order(tmp_path: Path) -> None:
    for verdict in ("accept", "reject"):
        append_decision(tmp_path, Decision("rule:é→\u2028", verdict, by="Ann", at="2026-01-02T03:04:05Z", note="a\nb"))
    assert len((tmp_path / FILE_NAME).read_bytes().splitlines()) == 2
    ledger = Ledger.load(tmp_path)
    assert (len(ledger), ledger.cut_off) == (1, False)


def test_a_folder_without_a_ledger_has_no_decisions(tmp_path: Path) -> None:
    assert len(Ledger.load(tmp_path)) == 0


def test_ledgers_merge_by_concatenation(tmp_path: Path) -> None:
    append_decision(tmp_path, Decision("rule:a", "accept"))
    content = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(content + content.replace(b"rule:a", b"rule:b"))
    assert len(Ledger.load(tmp_path)) == 2


def test_a_torn_last_line_is_left_out_and_the_next_decision_stands_apart(tmp_path: Path) -> None:
    append_decision(tmp_path, Decision("rule:a", "accept"))
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b'{"target": "rule:b", "verd')
    ledger = Ledger.load(tmp_path)
    assert (len(ledger), ledger.cut_off) == (1, True)


def test_a_torn_line_is_reported_as_not_in_effect() -> None:
    assert Ledger(cut_off=True).stale_decisions(set()) == ["the last line, which is incomplete"]


@pytest.mark.parametrize("before", [b"", b'{"target": "rule:c", "verdict": "accept"}\n'])
def test_a_decision_after_a_torn_line_is_not_lost(before: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(before + b'{"target": "rule:b", "verd')
    append_decision(tmp_path, Decision("rule:a", "accept"))
    ledger = Ledger.load(tmp_path)
    assert (len(ledger), ledger.cut_off) == (1 + bool(before), False)


def test_a_last_line_that_only_lacks_its_newline_counts(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b'{"target": "rule:b", "verdict": "accept"}')
    assert len(Ledger.load(tmp_path)) == 1
    append_decision(tmp_path, Decision("rule:a", "accept"))
    assert len(Ledger.load(tmp_path)) == 2


@pytest.mark.parametrize(
    "decision",
    [Decision("rules:a", "accept"), Decision("edit", "accept"), Decision("rule:a", "replace"), Decision("rule:a", "yes")],  # type: ignore[arg-type]
)
def test_a_decision_that_is_none_is_refused_and_not_written(decision: Decision, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        append_decision(tmp_path, decision)
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("line", ["{}", "[]", "no JSON", '{"target": "rule:a", "verdict": "perhaps"}'])
def test_a_line_that_is_no_decision_is_an_error_with_its_place(line: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"target": "rule:a", "verdict": "accept"}\n' + line + "\n")
    with pytest.raises(InputError, match=rf"{FILE_NAME}:2: is no decision"):
        Ledger.load(tmp_path)
