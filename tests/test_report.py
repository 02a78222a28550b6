"""The report: right numbers, readable without its script, and safe whatever an article says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import CLEAN, ROOT

from dedupe import Cluster, Edit, Repair, RepairSettings, Settings, Summary, run
from dedupe.model import Flag, Where
from dedupe.review.markup import show_invisible
from dedupe.review.report import EDITS_PER_RULE, EDITS_SHOWN, EditView, ReportData, build_report

HOSTILE = (
    "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href='javascript:alert(1)'>x</a>&lt;b&gt;"
)
VOID = {"meta", "br", "img", "link", "input", "hr"}
COUNTS = {"read": 2, "kept": 1, "repaired": 1, "duplicate": 0, "quarantined": 0}


class Reader(HTMLParser):
    """All tags and attributes of a document, and whether every tag is closed in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.policy = self.style = self.script = ""
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        elif self._open and self._open[-1] == "script":
            self.script += data
        else:
            self.words.append(data)


OWN_TAGS = set(Reader(build_report(Summary(COUNTS), [], ReportData())).tags) | set(
    "details summary p ul li table thead tbody tr th td del ins mark code b br span figure figcaption svg rect text".split()
)


def digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def check_harmless(document: str) -> Reader:
    reader = Reader(document)
    assert reader.tags <= OWN_TAGS
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in {"src", "style", "srcdoc", "action"}]
    assert all(value.startswith("#") for name, value in reader.attributes if name == "href")
    assert "default-src 'none'" in reader.policy
    script = (ROOT / "dedupe/review/report.js").read_text("utf-8")
    assert reader.script == script
    assert f"script-src 'sha256-{digest(script)}';" in reader.policy
    assert "unsafe" not in reader.policy
    return reader


def hostile_report() -> str:
    edit = Edit(HOSTILE, HOSTILE, 0, 5, HOSTILE, HOSTILE, (HOSTILE,), "ask", True, (HOSTILE,))
    data = ReportData()
    data.add_edit(EditView(edit, False, HOSTILE, HOSTILE))
    data.add_article(Repair(HOSTILE, "", (edit,), (Flag(HOSTILE, HOSTILE, 0, 0, HOSTILE),), verdict="spun"))
    data.add_quarantined(Where(HOSTILE, 0, 0), HOSTILE)
    cluster = Cluster(HOSTILE, "near", (HOSTILE, HOSTILE + "2"), (), HOSTILE, HOSTILE)
    summary = Summary(COUNTS, {HOSTILE: 1}, emptied={HOSTILE: 0.9}, notes=(HOSTILE,), rules={HOSTILE: 1})
    return build_report(summary, [cluster], data)


def test_hostile_text_in_every_field_puts_no_tag_into_the_report() -> None:
    reader = check_harmless(hostile_report())
    assert sum("<script>alert(1)</script>" in words for words in reader.words) >= 10


def test_the_policy_allows_the_one_style_sheet_and_nothing_else() -> None:
    reader = check_harmless(hostile_report())
    assert f"style-src 'sha256-{digest(reader.style)}';" in reader.policy


def test_a_hostile_corpus_gives_a_harmless_report(tmp_path: Path) -> None:
    folder = tmp_path / f"in {HOSTILE[:20].replace('/', '_')}"
    folder.mkdir()
    fields = {name: f"{HOSTILE} {name}" for name in ("id", "title", "url", "source", "date")}
    text = f"{HOSTILE} , and Photo: Getty Pictures \u202e\u0000 {CLEAN}"
    lines = [{**fields, "text": text}, {**fields, "text": text.upper()}, {**fields, "text": 5}, {HOSTILE: HOSTILE}]
    (folder / "<b onload=alert(1)>.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rules = tmp_path / "rules"
    rules.mkdir()
    header = "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource"
    (rules / "my.tsv").write_text(f"{header}\n<script>alert(2)</script>\tgetty pictures\t<img onerror=alert(3)>\tsafe\n")
    settings = Settings(repair=RepairSettings(language="xx", rules=(str(rules),)))
    summary = run([folder], tmp_path / "out", settings)
    assert summary.counts == {"read": 4, "kept": 0, "repaired": 1, "duplicate": 1, "quarantined": 2}
    reader = check_harmless((tmp_path / "out/report.html").read_text("utf-8"))
    assert "<script>alert(2)</script>" in reader.words
    assert "U+202E" in reader.words


def test_the_report_fetches_nothing_and_is_one_file() -> None:
    assert not re.search(r"https?://|@import|url\(|<link|<script[^>]|<iframe", build_report(Summary(COUNTS), [], ReportData()))


def test_what_is_empty_is_said_in_words() -> None:
    document = build_report(Summary(COUNTS), [], ReportData())
    for sentence in ("No two articles are versions of one text.", "Nothing was changed.", "Empty: every record could be read."):
        assert sentence in document


def test_a_frequent_rule_shows_some_edits_and_counts_all() -> None:
    data = ReportData()
    for at in range(EDITS_PER_RULE + 7):
        data.add_edit(EditView(Edit("a", "text", at, at + 1, "x", "y", ("r",), "safe"), True, "", ""))
    document = build_report(Summary(COUNTS, rules={"r": EDITS_PER_RULE + 7}), [], data)
    assert document.count('<p class="edit" data-edit=') == EDITS_PER_RULE
    assert "and 7 more in edits.jsonl" in document


@pytest.mark.parametrize("text", ["plain words", "naïve “café” – 日本語", "tab\tless".replace("\t", " ")])
def test_visible_text_is_shown_as_it_is(text: str) -> None:
    assert show_invisible(text) == text


def test_a_report_of_more_edits_than_it_shows_counts_them_all() -> None:
    data = ReportData()
    for number in range(EDITS_SHOWN + 50):
        edit = Edit("a", "text", number, number + 1, "x", "y", (f"my.{number}",), "spun")
        data.add_edit(EditView(edit, True, "", ""))
    rules = {f"my.{number}": 1 for number in range(EDITS_SHOWN + 50)}
    counts = {"read": 1, "kept": 0, "repaired": 1, "duplicate": 0, "quarantined": 0}
    page = build_report(Summary(counts, rules=rules), [], data)
    assert f"{EDITS_SHOWN + 50:,}" in page
    assert len(data.examples(5)) == 5
