"""Linked articles through the whole job: all are kept, told in the files, and still there when a review is applied."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Cli
from pages import FRAMES, fill

from dedupe import Settings, Summary, UsageError, apply_decisions, find, run
from dedupe.config import with_values
from dedupe.detect.terms import TermProfiler

CORPUS = ROOT / "seeds/corpus"
REPORTS = [(name, (CORPUS / f"{name}.txt").read_text("utf-8")) for name in ("ferry-original", "ferry-independent")]
KINDS = with_values(Settings(), {"find": {"kinds": ["exact", "near", "template", "story"]}})
Lines = Callable[[Path], list[dict[str, Any]]]


def write_articles(path: Path, dates: tuple[str, str] = ("", "")) -> Path:
    pick = random.Random(1)
    pages = [{"id": f"page-{n}", "text": fill(FRAMES["sale"], pick), "date": ""} for n in range(6)]
    reports = [{"id": id, "text": text, "date": date} for (id, text), date in zip(REPORTS, dates, strict=True)]
    copy = {"id": "ferry-reprint", "text": REPORTS[0][1].upper(), "date": dates[0]}
    path.write_text("".join(json.dumps(article) + "\n" for article in [*reports, copy, *pages]), "utf-8")
    return path


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Path, Summary]:
    return tmp_path / "out", run([write_articles(tmp_path / "a.jsonl")], tmp_path / "out", KINDS)


def test_linked_articles_are_all_kept(finished: tuple[Path, Summary], read_lines: Lines) -> None:
    out, summary = finished
    assert summary.linked == {"story": 1, "template": 1}
    assert (summary.counts["duplicate"], summary.clusters) == (1, 1)
    assert [line["id"] for line in read_lines(out / "duplicates.jsonl")] == ["ferry-reprint"]
    clusters = {line["kind"]: line for line in read_lines(out / "clusters.jsonl")}
    assert clusters["story"]["members"] == ["ferry-independent", "ferry-original"]
    assert clusters["story"]["canonical"] == "ferry-original"
    assert "leads because" in clusters["story"]["reason"]
    assert clusters["template"]["members"] == [f"page-{n}" for n in range(6)]


def test_a_copy_counts_once_in_a_story(finished: tuple[Path, Summary], read_lines: Lines) -> None:
    stories = [line for line in read_lines(finished[0] / "pairs.jsonl") if line["kind"] == "story"]
    assert [(line["a"], line["b"]) for line in stories] == [("ferry-independent", "ferry-original")]
    assert {"Halvorsen", "6,200"} <= set(stories[0]["shared"])
    assert 0.2 < stories[0]["cosine"] < 1


def test_the_loser_of_a_cluster_is_told_why(finished: tuple[Path, Summary], read_lines: Lines) -> None:
    (cluster,) = [line for line in read_lines(finished[0] / "clusters.jsonl") if line["kind"] == "exact"]
    assert "preferred" in cluster["links"]["ferry-reprint"]
    assert cluster["links"]["ferry-reprint"]["preferred"]


def test_an_applied_review_keeps_what_was_linked(finished: tuple[Path, Summary]) -> None:
    out, summary = finished
    before = {name: (out / name).read_bytes() for name in ("pairs.jsonl", "clusters.jsonl", "report.html")}
    assert apply_decisions(out).linked == summary.linked
    assert {name: (out / name).read_bytes() for name in before} == before
    assert b"Linked, all kept: 2 groups" in before["report.html"]


@pytest.mark.parametrize(("dates", "stories"), [(("2019-01-04", "2019-01-06"), 1), (("2019-01-04", "2019-01-14"), 0)])
def test_dates_restrict_stories(dates: tuple[str, str], stories: int, tmp_path: Path) -> None:
    relations = find([write_articles(tmp_path / "a.jsonl", dates)], KINDS)
    assert sum(cluster.kind == "story" for cluster in relations.clustering.linked) == stories
    wider = with_values(KINDS, {"find": {"story_days": 10}})
    assert any(cluster.kind == "story" for cluster in find([tmp_path / "a.jsonl"], wider).clustering.linked)


def test_kinds_that_are_off_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(TermProfiler, "extend", fail)
    monkeypatch.setattr("dedupe.relate.find_templates", fail)
    relations = find([write_articles(tmp_path / "a.jsonl")], with_values(KINDS, {"find": {"kinds": ["exact", "near"]}}))
    assert relations.clustering.linked == ()


def test_an_unknown_kind_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'story'"):
        find([write_articles(tmp_path / "a.jsonl")], with_values(Settings(), {"find": {"kinds": ["stories"]}}))


def test_the_summary_tells_of_links(tmp_path: Path, cli: Cli) -> None:
    write_articles(tmp_path / "a.jsonl")
    outcome = cli("run", tmp_path / "a.jsonl", "-o", tmp_path / "out", "--kinds", "exact,near,template,story")
    assert "linked        1 story, 1 template; all kept\n" in outcome.out


def test_an_empty_corpus_and_wordless_articles_are_linked_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    assert find([tmp_path / "a.jsonl"], with_values(KINDS, {"read": {"text_field": "text"}})).clustering.linked == ()
    lines = [{"id": str(n), "text": text} for n, text in enumerate(["x", "One two three.", "7 8 9", "A B"] * 3)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert find([tmp_path / "b.jsonl"], KINDS).clustering.linked == ()
