"""Review in a real browser, headless Chromium driven by Playwright; skipped where there is none, unless NEED_BROWSER is set."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from dedupe import Edit, FindSettings, Settings, apply_decisions, run
from dedupe.review.articles import ArticleStore
from dedupe.review.ledger import FILE_NAME, Ledger
from dedupe.review.report import EDITS_SHOWN, EditView

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if not os.environ.get("NEED_BROWSER"):
    pytest.importorskip("flask")
    pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("there is no Chromium here", allow_module_level=True)

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402  # may be absent
from werkzeug.serving import make_server  # noqa: E402

from dedupe.review.web import make_app  # noqa: E402

Texts = Callable[[Path], Mapping[str, str]]
TOKEN = "token-of-the-test"
PAYLOADS = [
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "</script><script>window.hit=1</script>",
    "<svg onload=window.hit=1>",
    "\"'><a href=javascript:window.hit=1>x</a>",
    "javascript:window.hit=1",
    "{{constructor.constructor('window.hit=1')()}}",
    "\u2028window.hit=1//",
    "<iframe srcdoc='<script>parent.hit=1</script>'>",
    "<style>@import 'http://evil.example/x'</style>",
    "]]><!--<script>window.hit=1</script>",
    "\u202e<b onmouseover=window.hit=1>",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def finished(jsonl_file: Path, tmp_path: Path, settings: Settings) -> Path:
    run([jsonl_file], tmp_path / "out", settings)
    return tmp_path / "out"


class Site:
    """The review of a folder, served, and a page that shows it; everything the page says or asks for is kept."""

    def __init__(self, out: Path, browser: Browser) -> None:
        self.articles = ArticleStore(out)
        self.server = make_server("127.0.0.1", 0, lambda *request: self.app(*request), threaded=True)
        self.app = make_app(out, TOKEN, "Ann", self.server.server_port, lambda: self.apply(out), self.articles)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.page: Page = browser.new_page(accept_downloads=True)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{self.origin}/#token={TOKEN}")
        self.page.wait_for_selector("body[data-ready]")

    @staticmethod
    def apply(out: Path) -> dict[str, Any]:
        summary = apply_decisions(out)
        return {"counts": dict(summary.counts), "stale": list(summary.stale)}

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def status(self, text: str) -> None:
        expect(self.page.locator("#status")).to_contain_text(text)

    def waiting(self, number: int) -> None:
        expect(self.page.locator("#totals li").first).to_have_text(f"{number}wait")

    def close(self) -> None:
        self.page.close()
        self.server.shutdown()
        self.articles.close()


@pytest.fixture
def site(finished: Path, chromium: Browser) -> Iterator[Site]:
    opened = Site(finished, chromium)
    yield opened
    opened.close()
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith((opened.origin, "blob:", "data:"))] == []


def decided(out: Path) -> dict[str, str]:
    return {decision.target: decision.verdict for decision in Ledger.load(out)}


def test_from_loading_to_the_corpus_by_keyboard_alone(site: Site, finished: Path, canonical_texts: Texts) -> None:
    site.waiting(8)
    expect(site.page.locator("#rules li")).to_have_count(6)
    site.press("/")
    site.page.keyboard.type("rule:my.said")
    site.status("1 rule with edits")
    site.press("Escape", "d")
    site.page.wait_for_selector("#ask[open]")
    expect(site.page.locator("#ask-title")).to_have_text("Reject 2 edits?")
    expect(site.page.locator("#ask li")).to_have_count(2)
    site.press("Enter")
    site.waiting(6)
    site.page.fill("#filter", "tier:ask")
    site.status("1 rule with edits")
    site.page.keyboard.press("Escape")
    site.press("e", *"more")  # typed ahead: into the field that "e" opens
    expect(site.page.get_by_label("Your own words")).to_have_value("more")
    site.press("Enter")
    site.waiting(5)
    site.page.fill("#filter", "rule:my.getty")
    site.status("1 rule with edits")
    site.page.keyboard.press("Escape")
    site.press("n")
    site.waiting(4)
    site.press("u")
    site.waiting(5)
    site.page.click("#apply")
    site.status("the corpus is written: 2 kept, 1 repaired")
    text = canonical_texts(finished)["spun"]
    assert [words in text for words in ("mentioned", "more talks", "Getty Images", "drone attack")] == [True] * 4
    assert sorted(decided(finished).values()) == ["reject", "reject", "replace"]


def test_one_key_decides_and_goes_on_at_once(site: Site, finished: Path) -> None:
    first = site.page.evaluate("document.activeElement.dataset.id")
    site.press("y")
    site.waiting(7)
    assert site.page.evaluate("document.activeElement.dataset.id") != first
    assert decided(finished) == {f"edit:{first}": "accept"}
    begin = time.monotonic()
    site.press("j", "k", "j", "k")
    assert time.monotonic() - begin < 2


def test_clusters_are_compared_and_decided(site: Site, finished: Path, canonical_texts: Texts) -> None:
    site.press("2")
    expect(site.page.locator(".member")).to_have_count(2)
    site.press("j", "c")
    site.page.wait_for_selector("#sheet[open] .aligned")
    expect(site.page.locator(".aligned del").first).to_have_text("could ")
    site.press("Escape", "n")
    expect(site.page.locator(".member .tag")).to_have_text("not the same: both are kept")
    site.page.get_by_role("button", name="Keep this version").first.click()
    expect(site.page.locator(".member .tag").first).to_have_text("to be kept instead")
    site.page.click("#apply")
    site.status("the corpus is written")
    assert set(canonical_texts(finished)) == {"choir", "harbour2", "harbour3", "spun"}


def test_after_the_last_edit_of_a_rule_comes_the_next_rule_until_none_waits(site: Site, finished: Path) -> None:
    site.press(*"yyyyyyyy")  # typed ahead
    site.waiting(0)
    site.status("that was the last one; Apply writes the corpus")
    assert len(decided(finished)) == 8


def test_own_words_for_a_rule_and_all_that_passes_a_filter(site: Site, finished: Path, canonical_texts: Texts) -> None:
    site.press("/")
    site.page.keyboard.type("rule:my.said")
    site.status("1 rule with edits")
    site.press("Escape")
    assert site.page.input_value("#filter") == "rule:my.said"
    site.press("R")
    site.page.wait_for_selector("#ask[open]")
    site.page.keyboard.type("told")
    expect(site.page.locator("#ask ins").first).to_have_text("told")
    site.press("Enter")
    site.waiting(6)
    expect(site.page.locator("#list ins").first).to_have_text("told")
    site.page.fill("#filter", "rule:my.getty")
    site.status("1 rule with edits")
    site.press("Escape", "D")
    site.page.wait_for_selector("#ask[open]")
    site.press("Enter")
    site.waiting(5)
    site.page.click("#apply")
    site.status("the corpus is written")
    text = canonical_texts(finished)["spun"]
    assert (text.count("told"), "Getty Pictures" in text) == (2, True)


def test_versions_are_decided_where_they_stand_side_by_side(site: Site, finished: Path, canonical_texts: Texts) -> None:
    site.press("2")
    expect(site.page.locator(".member")).to_have_count(2)
    site.press("c")
    expect(site.page.locator("#sheet-title")).to_have_text("harbour and harbour2")
    site.press("j")
    expect(site.page.locator("#sheet-title")).to_have_text("harbour and harbour3")
    site.press("k")
    expect(site.page.locator("#sheet-title")).to_have_text("harbour and harbour2")
    site.press("n", "b")  # the second, typed ahead, is meant for the next version
    site.status("they share boilerplate")
    site.press("Escape")
    expect(site.page.locator(".member .tag").nth(1)).to_have_text("they share boilerplate: it no longer counts")
    site.page.click("#apply")
    site.status("the corpus is written")
    assert set(canonical_texts(finished)) == {"choir", "harbour", "harbour2", "harbour3", "spun"}


def test_a_long_rule_is_read_page_by_page_and_nothing_is_passed_over(finished: Path, chromium: Browser) -> None:
    edits = [Edit("spun", "text", n, n + 1, "x", "y", ("my.x",), "ask") for n in range(130)]
    views = [EditView(edit, False, "left ", " right") for edit in edits]
    (finished / "edits.jsonl").write_text("".join(json.dumps(view.as_dict()) + "\n" for view in views), "utf-8")
    site = Site(finished, chromium)
    try:
        site.page.fill("#filter", "status:pending")
        site.status("1 rule with edits")
        site.page.keyboard.press("Escape")
        site.press(*"n" * 130)  # typed ahead
        site.waiting(0)
    finally:
        site.close()
    assert len(decided(finished)) == 130


def test_views_history_and_download(site: Site, finished: Path, tmp_path: Path) -> None:
    site.press("c")
    site.page.wait_for_selector("#sheet[open] .reading .here")
    site.page.get_by_role("button", name="final").click()
    expect(site.page.locator(".reading del")).to_have_count(0)
    site.press("Escape")
    for layout in ("side", "original", "final"):
        site.press("v")
        assert site.page.locator(f"input[value={layout}]").is_checked()
    expect(site.page.locator("#list del")).to_have_count(0)
    site.press("y")
    site.waiting(7)
    with site.page.expect_download() as download:
        site.page.click("#download")
    download.value.save_as(tmp_path / FILE_NAME)
    assert len(Ledger.load(tmp_path)) == 1
    site.press("3")
    site.page.get_by_role("button", name=re.compile("Undo accept")).click()
    site.waiting(8)
    assert decided(finished) == {}


def test_nothing_that_an_article_says_is_run(tmp_path: Path, settings: Settings, chromium: Browser) -> None:
    rows = [
        {
            "id": f"{number}{payload}",
            "title": f"A drone assault {payload}",
            "text": f"{payload} The international minister {payload} mentioned extra talks. Photo: Getty Pictures {payload}",
            "source": payload,
            "url": "javascript:window.hit=1",
        }
        for number, payload in enumerate(PAYLOADS)
    ]
    rows += [{**row, "id": row["id"] + "copy"} for row in rows]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run([tmp_path / "in.jsonl"], tmp_path / "out", settings)
    site = Site(tmp_path / "out", chromium)
    try:
        for rule in range(site.page.locator("#rules li").count()):
            site.page.locator("#rules li button").nth(rule).click()
            site.press("c")
            site.page.wait_for_selector("#sheet[open]")
            site.press("Escape", "v", "v", "v", "v")
        site.press("p")
        site.page.wait_for_selector("#ask[open]")
        site.press("Enter")
        site.press("2")
        site.page.wait_for_selector(".member")
        site.press("c")
        site.page.wait_for_selector(".aligned")
        site.press("Escape", "n", "3")
        site.page.wait_for_selector("#lines tr")
        assert site.page.evaluate("window.hit") is None
        assert site.page.locator("#main script, #main iframe, #main img, #main svg, #main a, #main style").count() == 0
        assert [text for text in site.said if "evil" in text or "hit" in text] == []
        assert [url for url in site.asked if not url.startswith((site.origin, "data:"))] == []
    finally:
        site.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_a_large_view_does_not_scroll_sideways(
    scheme: Any, finished: Path, chromium: Browser
) -> None:
    site = Site(finished, chromium)
    try:
        site.page.emulate_media(color_scheme=scheme)
        site.page.set_viewport_size({"width": 640, "height": 450})  # 1280 × 900 at 200 %
        for key in "123":
            site.press(key)
            site.page.wait_for_timeout(100)
            assert site.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = """[...document.querySelectorAll('button, input')].filter(e =>
            !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels && e.labels.length)).map(e => e.outerHTML)"""
        assert site.page.evaluate(unnamed) == []
        assert site.page.locator("main, header, nav[aria-label]").count() >= 3
    finally:
        site.close()


def test_a_verdict_given_in_the_static_report_reaches_the_ledger(
    finished: Path, chromium: Browser, tmp_path: Path, cli: Cli, canonical_texts: Texts
) -> None:
    page = chromium.new_page(accept_downloads=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((finished / "report.html").as_uri())
    page.get_by_label("Your name").fill("Bo")
    page.locator("details[data-rule='my.said'] summary").click()
    page.locator("details[data-rule='my.said'] button", has_text="reject").first.click()
    page.locator("details[data-rule='my.extra'] summary").click()
    page.locator("details[data-rule='my.extra'] [data-edit] button", has_text="accept").click()
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download decisions.jsonl (2)").click()
    download.value.save_as(tmp_path / "sent.jsonl")
    page.close()
    assert said == []
    outcome = cli("decide", finished, "--import", tmp_path / "sent.jsonl")
    assert outcome.out.startswith("took in 2 decisions")
    apply_decisions(finished)
    text = canonical_texts(finished)["spun"]
    assert ("mentioned" in text, "additional talks" in text) == (True, True)
    assert {decision.by for decision in Ledger.load(finished)} == {"Bo"}


@pytest.mark.parametrize("keeps", [True, False], ids=["storage", "no storage"])
def test_the_verdicts_of_all_pages_of_a_report_come_in_one_file(
    keeps: bool, jsonl_file: Path, settings: Settings, chromium: Browser, tmp_path: Path, cli: Cli
) -> None:
    line = json.loads(jsonl_file.read_text("utf-8").splitlines()[-1])
    many = [{**line, "id": f"spun{number}", "text": f"{number} " + line["text"]} for number in range(EDITS_SHOWN // 7 + 1)]
    jsonl_file.write_text("".join(json.dumps(row) + "\n" for row in many), "utf-8")
    run([jsonl_file], tmp_path / "out", dataclasses.replace(settings, find=FindSettings(kinds=("exact",))))
    context = chromium.new_context(accept_downloads=True)
    if not keeps:
        context.add_init_script("Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new Error('none') }")
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept("of my own"))
    page.goto((tmp_path / "out/report.html").as_uri())
    page.get_by_label("Your name").fill("Bo")
    page.locator("details[data-rule='my.said'] summary").click()
    page.locator("details[data-rule='my.said'] button", has_text="replace").first.click()
    page.get_by_role("link", name=re.compile("on 2 pages")).click()
    page.wait_for_url("**/edits-0001.html")
    for key in "jyyky":  # the second verdict is taken back
        page.keyboard.press(key)
    page.get_by_role("link", name="Later").click()
    page.wait_for_url("**/edits-0002.html")
    page.locator("[data-edit] button", has_text="reject").last.click()
    page.get_by_role("link", name="Report").click()
    page.wait_for_url("**/report.html")
    assert page.get_by_label("Your name").input_value() == "Bo"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download decisions.jsonl (3)").click()
    download.value.save_as(tmp_path / "sent.jsonl")
    context.close()
    assert cli("decide", tmp_path / "out", "--import", tmp_path / "sent.jsonl").out.startswith("took in 3 decisions")
    given = [(d.target.partition(":")[0], d.verdict, d.replacement, d.by) for d in Ledger.load(tmp_path / "out")]
    assert given == [("rule", "replace", "of my own", "Bo"), ("edit", "accept", None, "Bo"), ("edit", "reject", None, "Bo")]
