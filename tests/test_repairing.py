"""A crew repairs as one process does, whatever happens to its workers."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SPUN
from hypothesis import given
from hypothesis import strategies as st
from pages import FRAMES, fill

from dedupe import Article, DedupeError, Settings, repairing, run
from dedupe.model import Edit, Flag, Repair, Role
from dedupe.repairing import Crew, _pack_repair, _pack_task, _unpack_repair, _unpack_task, count_workers

Tree = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def crawl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Different pages, spun ones and copies of both among them; unreadable lines; small enough for several batches."""
    monkeypatch.setattr(repairing, "LEAST_ARTICLES", 2)
    monkeypatch.setattr(repairing, "_BATCH", 3_000)
    pick = random.Random(1)
    texts = [fill(FRAMES["match"], pick) for _ in range(40)] + [f"{SPUN} {number}" for number in range(8)]
    lines = [json.dumps({"id": str(number), "text": text + " " * (number % 3)}) for number, text in enumerate(texts * 2)]
    (tmp_path / "crawl.jsonl").write_text("\n".join([*lines[:30], "{", *lines[30:]]) + "\n")
    return tmp_path / "crawl.jsonl"


def test_the_outcome_does_not_depend_on_the_number_of_workers(
    crawl: Path, tmp_path: Path, settings: Settings, read_tree: Tree
) -> None:
    settings = dataclasses.replace(settings, repair=dataclasses.replace(settings.repair, spin="assume"))
    alone, together = (run([crawl], tmp_path / f"out{jobs}", settings, jobs=jobs) for jobs in (1, 3))
    assert alone.counts["repaired"] > 0
    assert dataclasses.asdict(alone) == dataclasses.asdict(together)
    assert read_tree(tmp_path / "out1") == read_tree(tmp_path / "out3")


def test_a_worker_that_is_killed_is_an_error_that_names_the_way_out(settings: Settings) -> None:
    with Crew(settings.repair, 1) as crew, pytest.raises(DedupeError, match=r"ended with -9, .*--jobs 1"):  # noqa: PT012
        crew._all[0].kill()
        crew._hand_out([(Article("a", "One text."), ())])


def test_what_fails_in_a_worker_is_an_error_and_no_worker_stays(settings: Settings) -> None:
    with pytest.raises(DedupeError, match="TypeError"), Crew(settings.repair, 2) as crew:
        crew._hand_out([(Article("a", 7), ())])  # type: ignore[arg-type]
    assert all(worker.poll() is not None for worker in crew._all)


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=20), st.lists(st.text(max_size=9), max_size=2))
def test_articles_and_repairs_survive_the_way_to_a_worker_and_back(text: str, title: str, witnesses: list[str]) -> None:
    article = Article("ä\ud800", text, title, fields={"lead": text})
    assert _unpack_task(json.loads(json.dumps(_pack_task(article, tuple(witnesses))))) == (article, tuple(witnesses))
    edit = Edit("ä", "text", 0, 1, text, title, ("my.rule", "grammar.article"), "spun", True, tuple(witnesses))
    repair = Repair(
        "ä", "0f", (edit,), (Flag("splice", "text", 0, 9, text),), (Role("byline", "text", 0, 3),), "spun", 0.1 + 0.2
    )
    assert _unpack_repair(json.loads(json.dumps(_pack_repair(repair)))) == repair


def test_few_articles_are_repaired_alone() -> None:
    assert count_workers(4, 10) == 0
    assert count_workers(1, 10**6) == 0
    assert count_workers(4, 10**6) == 4
