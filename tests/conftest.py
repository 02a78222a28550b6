"""What several test files share: the command line as a function, a small corpus in every format, tables of its own.

The tables stand under the language "xx", which has no built-in ones, so that these tests do not depend on the rules that ship.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dedupe import RepairSettings, Settings
from dedupe.cli import main

ROOT = Path(__file__).resolve().parent.parent

RULES = """\
id	spun	original	tier	when	unless	example	counterexample	source
my.drone	~assault/n	~attack/n	safe	drone _		a drone [[assault=>attack]] on	an assault on the hill	user
my.extra	extra	additional|further	ask					user
my.getty	Getty Pictures	Getty Images	safe			[[Getty Pictures=>Getty Images]]	getty pictures	user
my.minister	international minister	foreign minister	safe					user
my.said	mentioned	said	spun					user
my.treaty	safety treaty	security treaty	safe					user
"""

# How many examples a property is tried on at least: EXAMPLES=5000 python -m pytest ...
EXAMPLES = int(os.environ.get("EXAMPLES", "0"))

HARBOUR = (
    "The harbour board of Velsing will close the old north quay from the first of May, the port said on Monday.\n"
    "Engineers found cracks in nine of the forty pillars that carry the cranes, and repairs could take two years.\n"
    "Fishing boats move to the south basin, where the board has leased room from a shipyard that shut in March.\n"
)
SPUN = (
    "The international minister of Velsing mentioned on Monday that the safety treaty was ready.\n"
    "A drone assault on the depot had delayed it, he mentioned, and extra talks were wanted. Photo: Getty Pictures\n"
)
REPAIRED = (
    "The foreign minister of Velsing said on Monday that the security treaty was ready.\n"
    "A drone attack on the depot had delayed it, he said, and extra talks were wanted. Photo: Getty Images\n"
)
CLEAN = "A choir of sixty sang in the rain on Sunday. “Nobody went home,” said its leader, who wanted extra chairs.\n"

ARTICLES: list[dict[str, str]] = [
    {"id": "choir", "title": "Choir", "text": CLEAN, "source": "gazette"},
    {"id": "harbour", "title": "Quay to close", "text": HARBOUR, "source": "gazette"},
    {"id": "harbour2", "title": "Quay to close!", "text": HARBOUR.upper(), "source": "mirror"},
    {
        "id": "harbour3",
        "title": "Quay",
        "text": HARBOUR.replace("could take", "take"),
        "source": "mirror",
    },
    {"id": "spun", "title": "A drone assault", "text": SPUN, "source": "mirror"},
]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command ended with."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DEDUPE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """The command line in this process: arguments and standard input in, exit code, stdout and stderr out."""

    def call(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        capsysbinary.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit:
            main.main([str(argument) for argument in arguments], prog_name="dedupe")
        out, err = capsysbinary.readouterr()
        code = exit.value.code
        return Outcome(code if isinstance(code, int) else int(bool(code)), out.decode(), err.decode())

    return call


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "my.tsv").write_text(RULES, "utf-8")
    return folder


@pytest.fixture
def settings(rules: Path) -> Settings:
    """Settings with the rules above and no others."""
    return Settings(repair=RepairSettings(language="xx", rules=(str(rules),)))


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    for article in ARTICLES:
        (folder / ("deep" if "3" in article["id"] else "") / f"{article['id']}.txt").write_text(article["text"], "utf-8")
    return folder


@pytest.fixture
def jsonl_file(tmp_path: Path) -> Path:
    path = tmp_path / "news.jsonl"
    path.write_text("".join(json.dumps(article) + "\n" for article in ARTICLES), "utf-8")
    return path


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "news.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ARTICLES[0]))
        writer.writeheader()
        writer.writerows(ARTICLES)
    return path


@pytest.fixture
def corpora(text_folder: Path, jsonl_file: Path, csv_file: Path) -> dict[str, Path]:
    """The same small corpus as a folder of texts, as JSON lines, as CSV."""
    return {"txt": text_folder, "jsonl": jsonl_file, "csv": csv_file}


@pytest.fixture
def read_tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder (or the one file) by its relative name."""

    def read(folder: Path) -> dict[str, bytes]:
        if folder.is_file():
            return {folder.name: folder.read_bytes()}
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read


@pytest.fixture
def read_lines() -> Callable[[Path], list[dict[str, Any]]]:
    def read(path: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    return read


@pytest.fixture
def canonical_texts(read_tree: Callable[[Path], dict[str, bytes]]) -> Callable[[Path], Mapping[str, str]]:
    """The canonical texts of a finished run by article id, whatever its format."""

    def read(out: Path) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name, content in read_tree(out / "canonical").items():
            if name.endswith(".jsonl"):
                rows = [json.loads(line) for line in content.decode().splitlines()]
                texts |= {row["id"]: row["text"] for row in rows}
            elif name.endswith(".csv"):
                texts |= {row["id"]: row["text"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))}
            else:
                texts[Path(name).stem] = content.decode()
        return texts

    return read


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite what the golden cases expect")
