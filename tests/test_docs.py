"""The documents are true: their commands are run, their examples evaluated, their links followed, the reference regenerated."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import dedupe.cli

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "rules/README.md", ROOT / "seeds/README.md"]


def sessions(document: str) -> list[tuple[str, str]]:
    """The commands of the console blocks, each with what is said to be printed."""
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / document).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    entries = [entry for block in blocks for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (entry.partition("\n") for entry in entries)]


def as_pattern(expected: str) -> str:
    """A regular expression: any number for a number, anything for `...`; else word by word, with any spaces between them."""
    pieces = re.split(r"(\.\.\.|\d[\d,]*)", expected)
    forms = {"...": ".*"}
    written = [
        forms.get(p, r"\d[\d,]*" if p[:1].isdigit() else r"\s+".join(map(re.escape, re.split(r"\s+", p)))) for p in pieces
    ]
    return "".join(written)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `dedupe` is the command of this checkout."""
    tools = tmp_path_factory.mktemp("tools")
    (tools / "dedupe").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dedupe "$@"\n')
    (tools / "dedupe").chmod(0o755)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DEDUPE_")}
    return {**outside, "PATH": f"{tools}:{outside['PATH']}", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize("document", ["docs/tutorial.md", "docs/stream.md", "README.md", "docs/review.md"])
def test_every_command_prints_what_the_document_says(document: str, tmp_path: Path, environment: dict[str, str]) -> None:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    assert sessions(document)
    for command, expected in sessions(document):
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert re.fullmatch(as_pattern(expected.rstrip()), done.stdout.rstrip(), re.DOTALL), f"$ {command}\n{done.stdout}"


def test_the_python_examples_hold() -> None:
    for document, least in {"docs/api.md": 10, "docs/stream.md": 4}.items():
        failed, tried = doctest.testfile(str(ROOT / document), module_relative=False, encoding="utf-8")
        assert tried > least
        assert failed == 0


def test_the_command_line_reference_is_up_to_date() -> None:
    command = [sys.executable, "docs/generate_cli.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_and_public_name_is_documented() -> None:
    reference, python = ((ROOT / "docs" / name).read_text("utf-8") for name in ("cli.md", "api.md"))
    assert [name for name in dedupe.cli.COMMANDS if f"## dedupe {name}\n" not in reference] == []
    functions = [name for name in dedupe.__all__ if name.islower()]
    assert [name for name in functions if name not in python] == []


def anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        place = document.parent / path if path else document
        if "://" not in target and (not place.exists() or (anchor and anchor not in anchors(place))):
            dead.append(target)
    assert dead == []


def test_documents_named_in_code_and_tables_exist() -> None:
    files = [*ROOT.glob("dedupe/**/*.py"), *ROOT.glob("rules/**/*.[tm]*"), *ROOT.glob("tests/*.py"), ROOT / "ruff.toml"]
    named = {(name, file.name) for file in files for name in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text("utf-8"))}
    assert sorted((name, file) for name, file in named if not (ROOT / name).is_file()) == []


def test_the_check_script_runs_the_test_command_of_the_readme() -> None:
    readme, script = (ROOT / "README.md").read_text("utf-8"), (ROOT / ".ci/run").read_text("utf-8")
    (pattern,) = re.findall(r"sed -n 's/(.*)/\\1/p' README.md", script)
    python_pattern = pattern.replace(r"\(", "(").replace(r"\)", ")")
    (command,) = re.findall(python_pattern, readme, re.MULTILINE)
    assert command == "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/python -m pytest"


def test_nothing_speaks_of_the_place_where_it_was_made() -> None:
    texts = {path: path.read_text("utf-8") for path in DOCUMENTS if "cli.md" not in path.name}
    assert [path.name for path, text in texts.items() if re.search(r"(?<![\w.])/(?:work|tmp|home|root)/", text)] == []
