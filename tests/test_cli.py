"""The command line: golden cases in tests/cli/*.toml, and what a golden cannot show.

Each case runs in a fresh folder that holds the small corpus of conftest.py as texts/, news.jsonl and news.csv, its tables
in rules/, and damaged.jsonl. `pytest --update` rewrites what the cases expect; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SPUN, Cli

from dedupe.cli import COMMANDS

GOLDENS = Path(__file__).resolve().parent / "cli"
FILES = sorted(GOLDENS.glob("*.toml"))
CASES = [(path, case) for path in FILES for case in tomllib.loads(path.read_text("utf-8"))["case"]]
EXPECTED = ("code", "stdout", "stderr")

Tree = Callable[[Path], dict[str, bytes]]
DAMAGED = b'{"id": "a", "text": "One sentence that can be read."}\n{"id": "b", "text": 5}\n{"id": "c", "te\n'


@pytest.fixture
def desk(tmp_path: Path, corpora: Mapping[str, Path], rules: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a case."""
    (tmp_path / "damaged.jsonl").write_bytes(DAMAGED)
    (tmp_path / "spun.txt").write_text(SPUN, "utf-8")
    (tmp_path / "notes.md").write_text("No article.", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("path", "case"), CASES, ids=[f"{path.stem}: {case['name']}" for path, case in CASES])
def test_golden(path: Path, case: Mapping[str, Any], desk: Path, cli: Cli, pytestconfig: pytest.Config) -> None:
    for command in case.get("before", []):
        assert cli(*shlex.split(command)[1:]).code == 0
    outcome = cli(*shlex.split(case["command"])[1:], stdin=case.get("stdin", "").encode())
    actual = {"code": outcome.code, "stdout": outcome.out, "stderr": outcome.err}
    if pytestconfig.getoption("update"):
        update_golden(path, case["name"], actual)
    else:
        assert actual == {key: case[key] for key in EXPECTED}


def update_golden(path: Path, name: str, actual: Mapping[str, Any]) -> None:
    head = "".join(line for line in path.read_text("utf-8").splitlines(keepends=True) if line.startswith("#"))
    blocks = []
    for case in tomllib.loads(path.read_text("utf-8"))["case"]:
        shown = {**case, **actual} if case["name"] == name else case
        blocks.append("[[case]]\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in shown.items()))
    path.write_text(head + "\n" + "\n".join(blocks), "utf-8")


def as_toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, str) and "\n" in value and "'''" not in value:
        return f"'''\n{value}'''"
    return (
        f'"{value}"' if isinstance(value, str) and '"' not in value else f"'{value}'" if isinstance(value, str) else str(value)
    )


def start(*arguments: str, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dedupe", *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("arguments", [("rules", "list"), ("repair", "--edits", "spun.txt"), ("find", "texts")])
def test_a_reader_that_stops_early_is_no_error(arguments: tuple[str, ...], desk: Path) -> None:
    process = start(*arguments, cwd=desk)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    assert process.returncode == 0


def test_an_interrupt_leaves_nothing_behind(desk: Path, read_tree: Tree) -> None:
    before = read_tree(desk)
    hears = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
    process = start("run", "-", "-o", "out", cwd=desk, stdin=subprocess.PIPE, preexec_fn=hears)
    time.sleep(4.0)  # until it waits for standard input
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err) == (130, b"dedupe: interrupted; the same command begins again\n")
    assert read_tree(desk) == before


def test_a_dry_run_from_standard_input_touches_no_file(desk: Path, cli: Cli, read_tree: Tree) -> None:
    before = read_tree(desk)
    outcome = cli("run", "-", "--dry-run", "--language", "xx", "--rules", "rules", stdin=SPUN.encode())
    assert outcome.code == 0
    assert "[-assault-]{+attack+}" in outcome.out
    assert outcome.out.endswith("nothing was written (--dry-run)\n")
    assert read_tree(desk) == before


@pytest.mark.parametrize("name", ["texts", "news.jsonl", "news.csv"])
def test_run_and_undo_give_back_every_byte(name: str, desk: Path, cli: Cli, read_tree: Tree) -> None:
    assert cli("run", name, "-o", "out", "--language", "xx", "--rules", "rules").code == 0
    assert cli("undo", "out", "-o", "back").code == 0
    assert read_tree(desk / "back") == read_tree(desk / name)


def test_a_disk_that_cannot_be_written_is_one_line(desk: Path, cli: Cli) -> None:
    (desk / "file").write_text("in the way")
    outcome = cli("run", "texts", "-o", "file/out")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("dedupe: file/out")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("command", [("run", "-o", "out"), ("run", "--dry-run"), ("find",)])
def test_hostile_names_cannot_reach_the_terminal(command: tuple[str, ...], desk: Path, cli: Cli) -> None:
    evil = "\x1b[2J\u202e\ud800"
    lines = [{"id": f"{evil}{n}", "source": f"{evil}{n // 8}", f"title{evil}": "x", "text": SPUN} for n in range(16)]
    (desk / "\x1b[2Jevil.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    name, *options = command
    outcome = cli(name, "\x1b[2Jevil.jsonl", *options)
    assert outcome.code == 0
    assert not {"\x1b", "\u202e", "\ud800"} & set(outcome.out + outcome.err)


def test_an_error_cannot_move_the_cursor(cli: Cli) -> None:
    assert cli("find", "\x1b2J").err == "dedupe: ⟦U+001B⟧2J: no such file or folder\n"


def test_a_truncated_gzip_commits_nothing(desk: Path, cli: Cli) -> None:
    (desk / "news.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc")
    outcome = cli("run", "news.jsonl.gz", "-o", "out")
    assert outcome.code == 4
    assert "damaged gzip" in outcome.err
    assert not (desk / "out").exists()


def test_undo_refuses_files_changed_after_the_run(desk: Path, cli: Cli) -> None:
    cli("run", "texts", "-o", "out", "--language", "xx", "--rules", "rules")
    (desk / "out/canonical/choir.txt").write_text("changed")
    outcome = cli("undo", "out", "-o", "back")
    assert outcome.code == 4
    assert "was changed after the run" in outcome.err
    assert not (desk / "back").exists()


def test_tables_of_ones_own_are_made_checked_and_tidied(desk: Path, cli: Cli) -> None:
    assert cli("rules", "init", "mine").code == 0
    assert cli("rules", "fmt", "--check", "mine").code == 0
    table = desk / "mine/my.tsv"
    table.write_text(table.read_text() + "my.aaa\tzzz\tyyy\task\r\n", "utf-8")
    assert cli("rules", "fmt", "--check", "mine").code == 1
    assert cli("rules", "fmt", "mine").code == 0
    assert cli("rules", "fmt", "--check", "mine").code == 0
    assert cli("rules", "check", "--language", "xx", "mine").code == 0


def test_every_command_has_help_with_an_example(cli: Cli) -> None:
    listed = [line.split()[0] for line in cli("--help").out.split("Commands:\n")[1].splitlines() if line[2:3].strip()]
    assert listed == list(COMMANDS)
    for command in listed:
        help = cli(command, "--help")
        assert help.code == 0
        assert "Example" in help.out
        assert re.search(rf"^ .*\bdedupe {command} ", help.out, re.MULTILINE)


def test_the_version_names_the_kernel(cli: Cli) -> None:
    assert re.fullmatch(r"dedupe, version \d+\.\d+\.\d+, (numpy|compiled) kernel\n", cli("--version").out)
