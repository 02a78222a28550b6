"""The architecture, read from the imports: arrows point downwards only, and only the command line touches the outside."""

from __future__ import annotations

import ast
import configparser
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT

PACKAGE = ROOT / "dedupe"
# From the lowest to the highest. Rooms of one layer are sisters: none imports another, but for the joining layer.
LAYERS = [
    {"model", "errors", "config", "kernel"},
    {"text"},
    {"corpus", "detect", "repair", "index"},
    {"review"},
    {
        "assess",
        "emit",
        "findings",
        "relate",
        "linking",
        "standing",
        "earlier",
        "pipeline",
        "apply",
        "regrouping",
        "discount",
        "explanation",
        "repairing",
        "texts",
        "evaluate",
        "ingest",
    },
    {"adapters"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
JOINING = LEVEL["pipeline"]
# They cost time to import or may be absent: one file each, so that it is plain who pays.
HEAVY = {"datasets", "datasketch", "datatrove", "itemadapter", "scrapy", "ftfy", "gguf", "regex", "scipy", "xxhash"}
FRONT_PAGES = {"__init__", "__main__"}  # the table of contents and `python -m dedupe`


class Import(NamedTuple):
    file: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: imports {self.module}"


FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {file: ast.parse(file.read_text("utf-8"), str(file)) for file in FILES}


def imports() -> Iterator[Import]:
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(file, node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno}: imports are absolute here"
                yield Import(file, node.lineno, node.module or "")


IMPORTS = list(imports())


def room_of_file(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def room_of_module(module: str) -> str:
    return module.split(".")[1] if module.startswith("dedupe.") else ""


def test_every_room_has_its_layer() -> None:
    rooms = {room_of_file(file) for file in FILES} - FRONT_PAGES
    assert rooms == set(LEVEL) & rooms, "name new rooms in LAYERS, and in docs/architecture.md"


def test_no_arrow_points_upwards_or_to_a_sister() -> None:
    wrong = []
    for found in IMPORTS:
        here, there = room_of_file(found.file), room_of_module(found.module)
        if here in FRONT_PAGES or not there or here == there:
            continue
        if LEVEL[there] > LEVEL[here] or (LEVEL[there] == LEVEL[here] > 0 and LEVEL[here] != JOINING):
            wrong.append(str(found))
    assert wrong == []


def test_nothing_imports_the_front_page_but_for_the_version() -> None:
    users = {room_of_file(found.file) for found in IMPORTS if found.module == "dedupe"}
    assert users <= {"cli", "emit"}


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_a_heavy_package_is_imported_in_one_file(package: str) -> None:
    files = {found.file for found in IMPORTS if found.module.split(".")[0] == package}
    assert len(files) <= 1, files


def outside_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where code prints, or reads arguments, environment, working directory or the terminal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "input", "breakpoint"}:
            yield node.lineno, node.func.id
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in {
                "os.environ",
                "os.getenv",
                "os.getcwd",
                "sys.argv",
                "sys.stdout",
                "sys.stderr",
                "sys.stdin",
                "Path.cwd",
            }:
                yield node.lineno, name
        elif isinstance(node, ast.ImportFrom) and node.module in {"os", "sys"}:
            yield node.lineno, f"from {node.module}"


def test_only_the_command_line_prints_or_looks_outside() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file, tree in TREES.items()
        if room_of_file(file) != "cli"
        for line, name in outside_calls(tree)
    ]
    assert found == []


def test_only_the_command_line_knows_click() -> None:
    assert {room_of_file(found.file) for found in IMPORTS if found.module.split(".")[0] == "click"} == {"cli"}


def test_no_function_changes_a_global() -> None:
    found = []
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: global")
    assert found == []


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert not [file for file in FILES if file.stem in {"utils", "util", "helpers", "common", "misc"}]


def test_the_imports_have_no_cycle() -> None:
    names = {file: ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in FILES}
    known = set(names.values())
    arrows: dict[str, set[str]] = {name: set() for name in known}
    for found in IMPORTS:
        if found.module in known and names[found.file] not in {"dedupe", found.module} and found.module != "dedupe":
            arrows[names[found.file]].add(found.module)
    while leaves := {name for name, targets in arrows.items() if not targets}:
        arrows = {name: targets - leaves for name, targets in arrows.items() if name not in leaves}
    assert arrows == {}


def test_the_packages_listed_for_shipping_are_the_folders() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    listed = setup["options"]["packages"].split()
    folders = {".".join(file.parent.relative_to(ROOT).parts) for file in FILES}
    assert sorted(listed) == sorted(folders | {"dedupe.rules"})


def test_every_module_says_what_it_is() -> None:
    assert [str(file) for file, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_the_layers_are_disjoint() -> None:
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(LAYERS, 2))
