"""Review in a terminal: what keys do, what is shown, and the whole of it in a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import ROOT, Cli

from dedupe import Settings, apply_decisions, run
from dedupe.review.articles import ArticleStore
from dedupe.review.ledger import FILE_NAME, Ledger
from dedupe.review.queue import SAMPLE, Queue
from dedupe.review.screen import Painter
from dedupe.review.terminal import TerminalReview

Texts = Callable[[Path], Mapping[str, str]]
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\u2066\x9b31m"


@pytest.fixture
def finished(jsonl_file: Path, tmp_path: Path, settings: Settings) -> Path:
    run([jsonl_file], tmp_path / "out", settings)
    return tmp_path / "out"


class Scripted:
    """A terminal that presses given keys, answers given questions, and keeps what it was shown."""

    def __init__(self, keys: str = "", *answers: str | None) -> None:
        self.keys, self.answers = list(keys), list(answers)
        self.screens: list[str] = []
        self.questions: list[str] = []
        self.columns_and_rows = (200, 100)

    def show(self, text: str) -> None:
        self.screens.append(text)

    def read_key(self) -> str:
        if not self.keys:
            raise EOFError
        return self.keys.pop(0)

    def size(self) -> tuple[int, int]:
        return self.columns_and_rows

    def ask(self, question: str, default: str = "") -> str | None:
        self.questions.append(question)
        return self.answers.pop(0) if self.answers else None


def review(out: Path, keys: str, *answers: str | None, colour: bool = False, size: tuple[int, int] = (200, 100)) -> Scripted:
    terminal, articles = Scripted(keys, *answers), ArticleStore(out)
    terminal.columns_and_rows = size
    try:
        TerminalReview(Queue(out, "Ann"), articles, terminal, Painter(colour)).run()
    finally:
        articles.close()
    return terminal


def decisions(out: Path) -> list[tuple[str, str, str | None]]:
    """Kind of target, verdict and replacement of every line of the ledger."""
    if not (out / FILE_NAME).is_file():
        return []
    lines = [json.loads(line) for line in (out / FILE_NAME).read_text("utf-8").splitlines()]
    return [(line["target"].partition(":")[0], line["verdict"], line["replacement"]) for line in lines]


def test_nothing_is_written_before_a_verdict(finished: Path) -> None:
    terminal = review(finished, "jkJKvvvwcii ?")
    assert not (finished / FILE_NAME).exists()
    assert "rule 1/" in terminal.screens[0]
    assert "pending 8" in terminal.screens[0]


def test_one_key_decides_saves_and_goes_on(finished: Path) -> None:
    terminal = review(finished, "yne", "my words")
    assert decisions(finished) == [("edit", "accept", None), ("edit", "reject", None), ("edit", "replace", "my words")]
    assert len({screen.splitlines()[2] for screen in terminal.screens}) == 4
    assert "pending 5" in terminal.screens[-1]
    assert "accepted 67%" in terminal.screens[-1]


def test_a_later_session_goes_on_where_the_earlier_one_ended(finished: Path) -> None:
    first = review(finished, "yy")
    again = review(finished, "")
    assert again.screens[0].splitlines()[2] == first.screens[-1].splitlines()[2]


def test_without_colour_changes_are_marked_as_git_does_and_with_colour_they_are_not(finished: Path) -> None:
    plain, coloured = (review(finished, "", colour=colour).screens[0] for colour in (False, True))
    assert re.search(r"\[-.+-\]\{\+.+\+\}", plain)
    assert "\x1b" not in plain
    assert "[-" not in coloured
    assert "\x1b[31;9m" in coloured


def test_undo_takes_back_one_after_the_other_and_is_written_too(finished: Path) -> None:
    review(finished, "ynuuu")
    assert [verdict for _, verdict, _ in decisions(finished)] == ["accept", "reject", "revert", "revert"]
    assert len(Ledger.load(finished)) == 0


def test_the_rest_of_a_rule_is_decided_after_a_count_and_a_sample(finished: Path) -> None:
    terminal = review(finished, "/a", "mentioned", "y")
    assert decisions(finished) == [("edit", "accept", None)] * 2
    shown = next(screen for screen in terminal.screens if screen.startswith("accept 2 edits"))
    assert shown.count("[-mentioned-]{+said+}") == 2
    review(finished, "u")
    assert [verdict for _, verdict, _ in decisions(finished)].count("revert") == 2


def test_what_is_not_confirmed_is_not_decided(finished: Path) -> None:
    review(finished, "adpP", "n", "n", None, "")
    assert decisions(finished) == []


def test_a_rule_and_a_pair_are_decided_as_such(finished: Path) -> None:
    terminal = review(finished, "ap", "y", "y")
    assert [kind for kind, _, _ in decisions(finished)] == ["rule", "pair"]
    assert "accept 2 edits that wait of rule my.said?" in "\n".join(terminal.screens)
    review(finished, "gU", "1")
    assert decisions(finished)[-1][1] == "accept", "the current edit is of another rule"


def test_more_than_a_thousand_need_the_number_typed(finished: Path) -> None:
    line = json.loads((finished / "edits.jsonl").read_text("utf-8").splitlines()[0])
    lines = [json.dumps({**line, "id": f"{n:024x}", "start": n}) for n in range(1_001)]
    (finished / "edits.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    terminal = review(finished, "aa", "y", "1,001")
    assert "type 1001 to accept them all" in terminal.questions[0]
    assert [kind for kind, _, _ in decisions(finished)] == ["rule"]
    assert "pending 0" in terminal.screens[-1]


def test_accepting_the_random_sample_bounds_what_may_be_wrong(finished: Path) -> None:
    line = json.loads((finished / "edits.jsonl").read_text("utf-8").splitlines()[0])
    lines = [json.dumps({**line, "id": f"{(n * 7919) % 4096:024x}", "start": n}) for n in range(200)]
    (finished / "edits.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    terminal = review(finished, "y" * SAMPLE + "n")
    assert "60 of the random sample of 60 accepted, none rejected: at most 5%" in terminal.screens[SAMPLE]
    assert "a accepts the 140 that wait" in terminal.screens[SAMPLE]
    order = [n for group in Queue(finished).groups for n in group.members]
    assert order[:SAMPLE] != sorted(order[:SAMPLE])
    assert order[SAMPLE:] == sorted(order[SAMPLE:])
    (finished / FILE_NAME).unlink()
    assert "at most" not in review(finished, "yyn").screens[-1]


def test_filters_narrow_and_wrong_ones_say_what_would_be_right(finished: Path) -> None:
    terminal = review(finished, "fff/", "tier:ask", "teir:ask", "", "/min.ster/")
    assert "filter tier:ask (1)" in terminal.screens[1]
    assert "did you mean 'tier'" in terminal.screens[2]
    assert "filter" not in terminal.screens[3].splitlines()[0]
    assert "international" in terminal.screens[4]


def test_an_unknown_key_is_told_and_does_nothing(finished: Path) -> None:
    assert "⟦U+001B⟧" in review(finished, "\x1b").screens[-1]
    assert decisions(finished) == []


def test_nothing_of_an_article_reaches_the_terminal_raw(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "edits.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        line |= {name: HOSTILE + line[name] for name in ("article", "before", "after", "left", "right", "source")}
        line["rules"] = [HOSTILE + rule for rule in line["rules"]]
    (finished / "edits.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    terminal = review(finished, "yvwcipPadufgmU?" + HOSTILE, "y", "n", "y", "n", HOSTILE, "1", "note", colour=False)
    shown = "\n".join(terminal.screens)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert "⟦U+202E⟧" in shown


def test_an_empty_run_can_be_reviewed(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.txt").write_text("Nothing to mend.\n")
    run([tmp_path / "a.txt"], tmp_path / "out", settings)
    assert "made no edits" in review(tmp_path / "out", "ynaed?").screens[0]


def test_what_is_no_terminal_is_told_the_command_to_use(finished: Path, cli: Cli) -> None:
    outcome = cli("review", finished)
    assert outcome.code == 2
    assert "dedupe decide" in outcome.err


def test_own_words_for_the_rest_of_a_rule_or_a_pair_are_asked_once(finished: Path, canonical_texts: Texts) -> None:
    terminal = review(finished, "RfE", "told", "y", "rule:my.getty", "Reuters", "y")
    assert decisions(finished) == [("rule", "replace", "told"), ("pair", "replace", "Reuters")]
    assert terminal.questions == ["your words", "y or n", "filter (nothing: all)", "your words", "y or n"]
    assert sum("{+told+}" in screen for screen in terminal.screens) == 1
    apply_decisions(finished)
    assert canonical_texts(finished)["spun"].count("told") == 2
    assert "Photo: Reuters" in canonical_texts(finished)["spun"]


def test_what_passes_a_filter_is_decided_at_once_whatever_rule_it_is_of(finished: Path) -> None:
    terminal = review(finished, "fAu", "Velsing", "y")
    assert "accept 3 edits of all rules that pass the filter?" in "\n".join(terminal.screens)
    assert [kind for kind, verdict, _ in decisions(finished) if verdict == "accept"] == ["edit"] * 3
    assert len(Ledger.load(finished)) == 0


def test_own_words_that_are_refused_decide_nothing(finished: Path) -> None:
    review(finished, "RREe", None, "told", "n", None, None)
    assert decisions(finished) == []


def test_a_screen_fits_and_lines_break_between_words(finished: Path) -> None:
    for columns, rows in [(60, 20), (80, 24)]:
        screens = review(finished, "cvvv", size=(columns, rows)).screens
        screens += review(finished, "2cv", size=(columns, rows)).screens
        assert all(len(line) <= columns for screen in screens for line in screen.splitlines())
        assert all(len(screen.splitlines()) <= rows for screen in screens)
    shown = review(finished, "", size=(40, 24)).screens[0]
    assert all(line.rstrip() == line for line in shown.splitlines())
    assert {"international", "minister"} <= set(re.split(r"[^a-z]+", shown))


# Clusters.


def test_versions_are_shown_aligned_and_only_where_they_differ(finished: Path) -> None:
    terminal = review(finished, "2Jcv")
    assert "cluster 1/1 · version 2/2 · near · Jaccard" in terminal.screens[2]
    assert "kept: harbour\nthis: harbour3 (waits)" in terminal.screens[2]
    assert re.search(r"repairs \[-could +│ Engineers.* repairs take two\n-\]take two years\. +│ years\.", terminal.screens[2])
    assert "paragraph is the same; c shows all" in terminal.screens[2]
    assert "Fishing boats" not in terminal.screens[2]
    assert terminal.screens[3].count("Fishing boats") == 2
    assert terminal.screens[4].count("Fishing boats") == 1


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ("2n", {"harbour", "harbour2"}),
        ("2Jn", {"harbour", "harbour3"}),
        ("2nn", {"harbour", "harbour2", "harbour3"}),
        ("2x", {"harbour2"}),
        ("2Jb", {"harbour", "harbour3"}),
        ("2yy", {"harbour"}),
        ("2nnuu", {"harbour"}),
    ],
)
def test_a_key_decides_on_two_versions_and_the_corpus_follows(
    keys: str, kept: set[str], finished: Path, canonical_texts: Texts
) -> None:
    review(finished, keys)
    apply_decisions(finished)
    assert set(canonical_texts(finished)) == {"choir", "spun", *kept}


def test_after_a_verdict_the_next_version_that_waits_is_shown(finished: Path) -> None:
    terminal = review(finished, "2ny")
    assert "version 2/2" in terminal.screens[2]
    assert "harbour2 decided: not the same, both are kept; u takes it back" in terminal.screens[2]
    assert "every version is decided" in terminal.screens[3]


def test_clusters_are_searched_and_undo_reaches_from_one_pane_into_the_other(finished: Path) -> None:
    terminal = review(finished, "2ff/1y2ufg", "nothing", "harbour", "", "", "9")
    assert "no cluster has 'nothing'" in terminal.screens[2]
    assert "filter harbour (2)" in terminal.screens[3]
    assert "taken back: accept on this edit" in terminal.screens[8]
    assert len(Ledger.load(finished)) == 0


def test_a_run_without_clusters_says_so(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.txt").write_text("Nothing to mend.\n")
    run([tmp_path / "a.txt"], tmp_path / "out", settings)
    assert "no two articles are versions of one text" in review(tmp_path / "out", "2ynxbjJ?c").screens[1]
    assert decisions(tmp_path / "out") == []


def test_articles_that_are_only_linked_cannot_be_swapped(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "clusters.jsonl").read_text("utf-8").splitlines()]
    text = "".join(json.dumps({**line, "kind": "story", "links": {}}) + "\n" for line in lines)
    (finished / "clusters.jsonl").write_text(text, "utf-8")
    terminal = review(finished, "2xn")
    assert "leads: harbour" in terminal.screens[1]
    assert "all of them are kept" in terminal.screens[2]
    assert [verdict for _, verdict, _ in decisions(finished)] == ["different"]


# In a real terminal.


class Screen:
    """A process in a pseudo-terminal."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dedupe", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """What was printed since the last call, up to where the text stands."""
        begin, end = len(self.seen), time.monotonic() + seconds
        while text not in self.seen[begin:]:
            assert time.monotonic() < end, self.seen
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        assert text in self.seen[begin:], self.seen
        return self.seen[begin:]

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        while True:
            try:
                if not os.read(self.master, 65536):
                    break
            except OSError:
                break
        return self.process.wait(30)


@pytest.fixture
def screen(finished: Path) -> Iterator[Callable[..., Screen]]:
    opened: list[Screen] = []

    def open_screen(**environment: str) -> Screen:
        opened.append(Screen("review", str(finished), "--by", "Ann", **environment))
        return opened[-1]

    yield open_screen
    for each in opened:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()
        os.close(each.master)


def test_a_review_in_a_real_terminal_and_the_corpus_follows(
    finished: Path, screen: Callable[..., Screen], canonical_texts: Texts
) -> None:
    it = screen()
    it.wait_for("pending 8")
    it.press("f")
    it.wait_for("filter")
    it.press("my.nothing:\n")
    it.press("f")
    it.wait_for("filter")
    it.press("rule:my.getty\n")
    it.wait_for("(1)")
    it.press("e")
    it.wait_for("your words")
    it.press("Reuters\n")
    it.wait_for("pending 7")
    it.press("q")
    assert it.end() == 0
    apply_decisions(finished)
    assert "Photo: Reuters" in canonical_texts(finished)["spun"]


def test_a_hostile_wording_is_shown_when_own_words_are_asked(finished: Path, screen: Callable[..., Screen]) -> None:
    lines = [json.loads(line) for line in (finished / "edits.jsonl").read_text("utf-8").splitlines()]
    text = "".join(json.dumps({**line, "after": HOSTILE}) + "\n" for line in lines)
    (finished / "edits.jsonl").write_text(text, "utf-8")
    it = screen()
    it.wait_for("pending 8")
    it.press("e")
    it.wait_for("your words [⟦U+001B⟧")
    assert not re.search("\x1b]0|\x07|\u202e", it.seen)


def test_ctrl_c_stops_and_keeps_what_was_decided(finished: Path, screen: Callable[..., Screen]) -> None:
    it = screen()
    it.wait_for("pending 8")
    it.press("y")
    it.wait_for("pending 7")
    it.press("\x03")
    it.wait_for("1 decisions made, 7 of 8 edits wait")
    assert it.end() == 0
    assert len(decisions(finished)) == 1


def test_a_dumb_terminal_gets_no_escape_sequences(finished: Path, screen: Callable[..., Screen]) -> None:
    it = screen(TERM="dumb")
    it.wait_for("pending 8")
    it.press("q")
    it.wait_for("edits wait")
    assert "\x1b" not in it.seen


def test_clusters_are_decided_in_a_real_terminal(finished: Path, screen: Callable[..., Screen], canonical_texts: Texts) -> None:
    it = screen()
    it.wait_for("pending 8")
    it.press("2")
    it.wait_for("version 1/2")
    it.press("n")
    it.wait_for("version 2/2")
    it.press("b")
    it.wait_for("every version is decided")
    it.press("q")
    it.wait_for("2 decisions made")
    assert it.end() == 0
    apply_decisions(finished)
    assert set(canonical_texts(finished)) == {"choir", "harbour", "harbour2", "harbour3", "spun"}


def test_two_at_one_folder_see_each_other_and_corrupt_nothing(finished: Path, screen: Callable[..., Screen]) -> None:
    ann, bob = screen(), screen()
    for it in (ann, bob):
        it.wait_for("pending 8")
    for number, it in enumerate((ann, bob, ann, bob), 1):
        it.press("j" * (number > 1))  # sees what the other decided
        it.press("y")
        it.wait_for(f"pending {8 - number}")
    os.killpg(bob.process.pid, signal.SIGKILL)
    ann.press("u")
    ann.wait_for("taken back")
    lines = [json.loads(line)["verdict"] for line in (finished / FILE_NAME).read_text("utf-8").splitlines()]
    assert lines == ["accept"] * 4 + ["revert"]
    assert len(Ledger.load(finished)) == 3


def test_killing_the_process_loses_and_doubles_nothing(finished: Path, screen: Callable[..., Screen]) -> None:
    for round_number in range(3):
        it = screen()
        it.wait_for(f"pending {8 - round_number}")
        it.press("y")
        it.wait_for(f"pending {7 - round_number}")
        os.killpg(it.process.pid, signal.SIGKILL)
        it.process.wait()
    assert len(decisions(finished)) == 3
    assert len(Ledger.load(finished)) == 3
