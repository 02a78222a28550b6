"""Several reviewers: merging, conflicts, concurrency; deciding by command; verdicts as rules for the next crawl."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import ROOT, Cli
from hypothesis import given
from hypothesis import strategies as st

from dedupe import Decision, Settings, append_decision, load_settings, run
from dedupe.model import Verdict
from dedupe.repair.check import check_rules
from dedupe.review.ledger import FILE_NAME, Ledger, LiveLedger, encode_decision, import_decisions, in_order
from dedupe.text.lexicon import load_lexicon

Texts = Callable[[Path], Mapping[str, str]]


def made(by: str, minute: int, verdict: Verdict = "accept", target: str = "rule:a", over: tuple[str, ...] = ()) -> Decision:
    return Decision(target, verdict, by=by, at=f"2026-01-02T03:{minute:02d}:00Z", over=over)


def in_force(*decisions: Decision) -> dict[str, str]:
    return {decision.target: decision.verdict for decision in Ledger(in_order(decisions))}


@pytest.fixture
def finished(jsonl_file: Path, tmp_path: Path, settings: Settings) -> Path:
    run([jsonl_file], tmp_path / "out", settings)
    return tmp_path / "out"


# Merging.


def test_files_may_be_joined_in_any_order() -> None:
    lines = [made("Ann", 1), made("Ann", 3, "reject"), made("Ann", 2, "reject", "rule:b"), made("Bob", 4, target="rule:c")]
    assert all(
        in_force(*order) == {"rule:a": "reject", "rule:b": "reject", "rule:c": "accept"}
        for order in itertools.permutations(lines)
    )


def test_a_file_joined_with_itself_says_the_same() -> None:
    lines = [made("Ann", 1), made("Ann", 2, "reject"), made("Ann", 3, "revert")]
    assert in_force(*lines, *lines) == in_force(*lines) == {"rule:a": "accept"}


def test_a_line_without_a_time_belongs_after_the_line_before_it() -> None:
    assert in_force(made("Ann", 5), Decision("rule:a", "reject", by="Ann")) == {"rule:a": "reject"}


def test_two_who_disagree_without_knowing_are_in_conflict_and_neither_counts() -> None:
    ledger = Ledger([made("Ann", 1), made("Bob", 2, "reject")])
    assert (len(ledger), list(ledger.conflicts)) == (0, ["rule:a"])
    assert ledger.stale_decisions(set()) == ["rule:a (Ann: accept; Bob: reject)"]


def test_who_knows_the_others_verdict_overrules_it() -> None:
    assert in_force(made("Ann", 1), made("Bob", 2, "reject", over=("Ann",))) == {"rule:a": "reject"}


def test_a_conflict_ends_when_somebody_decides_who_knows_both() -> None:
    assert in_force(made("Ann", 1), made("Bob", 2, "reject"), made("Cy", 3, over=("Ann", "Bob"))) == {"rule:a": "accept"}


def test_two_who_agree_are_not_in_conflict() -> None:
    assert in_force(made("Ann", 1), made("Bob", 2)) == {"rule:a": "accept"}


def test_undo_takes_back_the_own_verdict_only() -> None:
    assert in_force(made("Ann", 1), made("Bob", 2, "reject", over=("Ann",)), made("Bob", 3, "revert")) == {"rule:a": "accept"}
    assert in_force(made("Ann", 1), made("Bob", 2, "revert")) == {}


decisions = st.builds(
    made,
    st.sampled_from(["Ann", "Bob"]),
    st.integers(0, 59),
    st.sampled_from(["accept", "reject", "revert", "skip"]),
    st.sampled_from(["rule:a", "rule:b"]),
)


@given(st.lists(decisions, unique_by=lambda decision: decision.at), st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order(lines: list[Decision], random: object) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_force(*shuffled) == in_force(*lines)


def test_what_others_append_is_seen_and_knowingly_overruled(tmp_path: Path) -> None:
    ann, bob = LiveLedger(tmp_path), LiveLedger(tmp_path)
    ann.append([made("Ann", 1)])
    (decision,) = bob.append([made("Bob", 2, "reject")])[-1:]
    assert decision.over == ("Ann",)
    assert [d.verdict for d in ann.refresh()] == ["reject"]
    assert ann.ledger.conflicts == {}


def test_an_older_decision_that_comes_in_late_finds_its_place(tmp_path: Path) -> None:
    live = LiveLedger(tmp_path)
    live.append([made("Ann", 5)])
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(encode_decision(made("Ann", 1, "reject")))
    live.refresh()
    assert [d.verdict for d in live.ledger] == [d.verdict for d in Ledger.load(tmp_path)] == ["accept"]


def test_a_decision_on_the_wrong_kind_of_target_is_refused(tmp_path: Path) -> None:
    for target, verdict in [
        ("articles:[]", "same"),
        ('articles:["b","a"]', "same"),
        ("rule:a", "same"),
        ("canonical:a", "reject"),
    ]:
        with pytest.raises(ValueError, match=r"rule:a|articles|canonical"):
            append_decision(tmp_path, Decision(target, verdict))  # type: ignore[arg-type]
    assert not (tmp_path / FILE_NAME).exists()


WRITER = """
import sys
from pathlib import Path
from dedupe import Decision
from dedupe.review.ledger import LiveLedger
live = LiveLedger(Path(sys.argv[1]))
for number in range(100_000):
    live.append([Decision(f"rule:{sys.argv[2]}.{number}", "accept", by=sys.argv[2])])
    print(number, flush=True)
"""


def test_processes_that_write_at_once_and_are_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = {
        name: subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], env=environment, stdout=subprocess.PIPE, text=True
        )
        for name in ("Ann", "Bob", "Cy")
    }
    for process in writers.values():
        assert process.stdout
        process.stdout.readline()
    time.sleep(0.3)
    for process in writers.values():
        process.send_signal(signal.SIGKILL)
    acknowledged = {name: len(process.communicate()[0].splitlines()) + 1 for name, process in writers.items()}
    targets = [json.loads(line)["target"] for line in (tmp_path / FILE_NAME).read_text("utf-8").splitlines()]
    for name, number in acknowledged.items():
        own = [target for target in targets if target.startswith(f"rule:{name}.")]
        assert own == [f"rule:{name}.{n}" for n in range(len(own))]
        assert number <= len(own) <= number + 1


# By command.


def test_a_rule_is_decided_by_command(finished: Path, cli: Cli, canonical_texts: Texts) -> None:
    outcome = cli("decide", finished, "--rule", "my.said", "--reject", "--by", "Ann", "--note", "their style")
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "reject rule:my.said: speaks of 2 edits")
    cli("decide", finished, "--pair", "Getty Pictures=>Getty Images", "--replace", "Reuters")
    assert cli("apply", finished).code == 0
    assert "mentioned" in canonical_texts(finished)["spun"]
    assert "Photo: Reuters" in canonical_texts(finished)["spun"]
    listed = cli("decisions", "list", finished).out.splitlines()
    assert listed[0].split("\t")[:2] == ["reject", "rule:my.said"]
    assert listed[0].endswith("their style")
    cli("decide", finished, "--rule", "my.said", "--revert", "--by", "Ann")
    assert len(Ledger.load(finished)) == 1


def test_clusters_are_decided_by_command(finished: Path, cli: Cli, canonical_texts: Texts) -> None:
    assert cli("decide", finished, "--different", "harbour3", "harbour", "--canonical", "harbour2").code == 0
    assert cli("apply", finished).code == 0
    assert set(canonical_texts(finished)) == {"choir", "harbour2", "harbour3", "spun"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rule", "my.siad", "--accept"], "did you mean 'my.said'?"),
        (["--pair", "Getty=>Images", "--accept"], "holds no edit of the pair"),
        (["--rule", "my.said"], "say what is decided: --accept"),
        (["--accept"], "say what is decided on: --rule"),
        (["--import", "nowhere.jsonl"], "no such file of decisions"),
        (["--same", "a", "a"], "does not name two articles"),
    ],
)
def test_a_wrong_command_says_what_would_be_right_and_writes_nothing(
    arguments: list[str], told: str, finished: Path, cli: Cli
) -> None:
    outcome = cli("decide", finished, *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert not (finished / FILE_NAME).exists()


def test_a_colleagues_decisions_are_taken_in_once_and_conflicts_listed(finished: Path, cli: Cli, tmp_path: Path) -> None:
    cli("decide", finished, "--rule", "my.said", "--reject", "--by", "Ann")
    sent = [
        made("Bob", 1, "accept", "rule:my.said"),
        made("Bob", 2, "accept", "rule:my.drone"),
        made("Bob", 3, target="edit:gone"),
    ]
    (tmp_path / "bob.jsonl").write_bytes(b"".join(map(encode_decision, sent)))
    outcome = cli("decide", finished, "--import", tmp_path / "bob.jsonl")
    assert outcome.code == 3
    assert outcome.out.startswith("took in 2 decisions")
    assert "1 are stale" in outcome.out
    assert "rule:my.said (Bob: accept; Ann: reject)" in outcome.err
    again = import_decisions(finished, tmp_path / "bob.jsonl")
    assert (again.known, again.conflicts) == (2, ())
    assert cli("decisions", "list", finished, "--conflicts").code == 1
    applied = cli("apply", finished)
    assert (applied.code, "not in effect: rule:my.said" in applied.err) == (3, True)
    cli("decide", finished, "--rule", "my.said", "--reject", "--by", "Cy")
    assert cli("decisions", "list", finished, "--conflicts").code == 0
    cli("decide", finished, "--edit", "x", "--accept")


def test_what_was_exported_says_the_same_when_taken_in_elsewhere(
    finished: Path, cli: Cli, tmp_path: Path, jsonl_file: Path
) -> None:
    cli("decide", finished, "--rule", "my.said", "--reject", "--by", "Ann")
    (tmp_path / "sent.jsonl").write_text(cli("decisions", "export", finished, "--as", "jsonl").out, "utf-8")
    (finished / FILE_NAME).unlink()
    assert cli("decide", finished, "--import", tmp_path / "sent.jsonl").code == 0
    assert {d.target: d.verdict for d in Ledger.load(finished)} == {"rule:my.said": "reject"}


# As rules.


@pytest.mark.parametrize(
    ("decisions", "told", "words"),
    [
        (
            [
                ("--pair", "extra=>additional", "--accept"),
                ("--pair", "safety treaty=>security treaty", "--replace", "peace treaty"),
            ],
            "wrote 2 rules, 0 allowed phrases, 0 rules switched off",
            ["additional talks", "peace treaty", "foreign minister", "Getty Images"],
        ),
        (
            [("--pair", "Getty Pictures=>Getty Images", "--reject"), ("--rule", "my.drone", "--reject")],
            "wrote 0 rules, 1 allowed phrases, 1 rules switched off",
            ["Getty Pictures", "drone assault", "foreign minister"],
        ),
        (
            [("--rule", "my.drone", "--replace", "strike"), ("--rule", "my.said", "--replace", "told")],
            "wrote 2 rules, 0 allowed phrases, 0 rules switched off",
            ["A drone strike on the depot", "he told, and", "foreign minister"],
        ),
    ],
)
def test_the_next_crawl_is_not_asked_again(
    decisions: list[tuple[str, ...]],
    told: str,
    words: list[str],
    finished: Path,
    cli: Cli,
    jsonl_file: Path,
    tmp_path: Path,
    settings: Settings,
    canonical_texts: Texts,
) -> None:
    for decision in decisions:
        assert cli("decide", finished, *decision).code == 0
    assert cli("decisions", "export", finished, "--as", "rules", "--to", tmp_path / "mine").out.startswith(told)
    (tmp_path / "next.jsonl").write_text(jsonl_file.read_text("utf-8").replace('"id": "spun"', '"id": "next"'), "utf-8")
    settings = load_settings(tmp_path / "mine/reviewed.toml", settings)
    faults = check_rules(load_lexicon("xx", settings.repair.rules))
    assert [str(fault) for fault in faults if "reviewed.tsv" in fault.path] == []
    run([tmp_path / "next.jsonl"], tmp_path / "later", settings)
    text = canonical_texts(tmp_path / "later")["next"]
    assert [word for word in words if word not in text] == []
    edits = [json.loads(line) for line in (tmp_path / "later/edits.jsonl").read_text("utf-8").splitlines()]
    decided = {"extra", "safety treaty"} if "additional talks" in words else {"Getty Pictures", "drone assault", "assault"}
    assert [edit["before"] for edit in edits if edit["before"] in decided and not edit["made"]] == []


def test_verdicts_that_no_table_can_say_are_counted(finished: Path, cli: Cli, tmp_path: Path) -> None:
    cli("decide", finished, "--article", "spun", "--reject")
    cli("decide", finished, "--rule", "my.said", "--source", "mirror", "--reject")
    outcome = cli("decisions", "export", finished, "--as", "rules", "--to", tmp_path / "mine")
    assert outcome.out.splitlines()[1].startswith("2 verdicts speak of single edits, articles or sources")


def test_an_accepted_rule_that_only_asked_acts_by_itself_from_now_on(finished: Path, cli: Cli, tmp_path: Path) -> None:
    cli("decide", finished, "--rule", "my.extra", "--accept", "--rule", "my.said")
    cli("decisions", "export", finished, "--as", "rules", "--to", tmp_path / "mine")
    rows = [line.split("\t") for line in (tmp_path / "mine/reviewed.tsv").read_text("utf-8").splitlines()[2:]]
    assert [row[:4] for row in rows] == [["my.extra", "extra", "additional|further", "spun"]]


def test_an_allow_list_that_people_wrote_in_is_kept(finished: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/allow.tsv").write_text("# mine\nphrase\treason\nHome Office\tministry", "utf-8")
    cli("decide", finished, "--pair", "Getty Pictures=>Getty Images", "--reject", "--by", "Ann")
    for _ in range(2):
        cli("decisions", "export", finished, "--as", "rules", "--to", tmp_path / "mine")
    assert (tmp_path / "mine/allow.tsv").read_text("utf-8") == (
        "# mine\nphrase\treason\nHome Office\tministry\nGetty Pictures\trejected by Ann\n"
    )
