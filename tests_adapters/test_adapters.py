"""The adapters in the real frameworks: a crawl of a site on loopback, a datatrove pipeline, `datasets.map`: same verdicts."""

from __future__ import annotations

import functools
import html
import http.server
import json
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import FRAMES, edit, fill

from dedupe import Article, FindSettings, RepairSettings, Settings, Stream

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "seeds" / "corpus"
SETTINGS = Settings(find=FindSettings(kinds=("exact", "near", "spun")), repair=RepairSettings(layout=False))
Verdicts = dict[str, tuple[str, str | None]]

SPIDER = """
import json, sys
import scrapy
from scrapy.crawler import CrawlerProcess

base, out, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

class News(scrapy.Spider):
    name = "news"
    start_urls = [base + "index.html"]

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.parse_page)

    def parse_page(self, response):
        name = response.url.rpartition("/")[2]
        yield {"url": name, "title": response.css("h1::text").get(), "body": response.css("p::text").get()}

ours = {"FEEDS": {out: {"format": "jsonl"}}, "LOG_LEVEL": "WARNING", "TELNETCONSOLE_ENABLED": False}
process = CrawlerProcess({**ours, **settings})
process.crawl(News)
process.start()
"""


def make_pages(number: int) -> list[Article]:
    """Pages of which two in five are copies; with the versions of the seed stories, some of them spun."""
    pick = random.Random(5)
    pages: list[Article] = []
    for n in range(number):
        if pages and n % 5 in {1, 3}:
            text = edit(pick.choice(pages).text, pick.randint(0, 3), pick)
        else:
            text = fill(FRAMES[pick.choice(sorted(FRAMES))], pick)
        pages.append(Article(f"{n:04}.html", text, title=f"Page {n}"))
    seeds = [Article(path.stem + ".html", " ".join(path.read_text("utf-8").split())) for path in sorted(SEEDS.glob("*.txt"))]
    return pages + [Article(seed.id, seed.text, title="Seed") for seed in seeds]


@pytest.fixture(scope="module")
def pages() -> list[Article]:
    return make_pages(500)


@pytest.fixture(scope="module")
def site(pages: list[Article], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site that holds the pages."""
    folder = tmp_path_factory.mktemp("site")
    links = "".join(f'<a href="{page.id}">{page.id}</a>' for page in pages)
    (folder / "index.html").write_text(f"<html><body>{links}</body></html>", "utf-8")
    for page in pages:
        content = f'<html><meta charset="utf-8"><h1>{page.title}</h1><p>{html.escape(page.text)}</p></html>'
        (folder / page.id).write_text(content, "utf-8")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def crawl(site: str, folder: Path, **settings: Any) -> list[dict[str, Any]]:
    (folder / "spider.py").write_text(SPIDER, "utf-8")
    (folder / "dedupe.toml").write_text('[find]\nkinds = ["exact", "near", "spun"]\n[repair]\nlayout = false\n', "utf-8")
    asked = {
        "ITEM_PIPELINES": {"dedupe.adapters.scrapy.DedupePipeline": 300},
        "DEDUPE_INDEX": f"sqlite:{folder}/index.db",
        "DEDUPE_FIELDS": {"text": "body"},
        "DEDUPE_SETTINGS": str(folder / "dedupe.toml"),
        **settings,
    }
    command = [sys.executable, "spider.py", site, "items.jsonl", json.dumps(asked)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = (folder / "items.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def crawled(site: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The items of a crawl of all pages, in the order in which Scrapy met them."""
    return crawl(site, tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="module")
def order(crawled: list[dict[str, Any]], pages: list[Article]) -> list[Article]:
    """The pages in that order."""
    by_id = {page.id: page for page in pages}
    return [by_id[item["url"]] for item in crawled]


@pytest.fixture(scope="module")
def expected(order: list[Article], tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """What the stream itself says of the pages in that order."""
    with Stream(SETTINGS, f"sqlite:{tmp_path_factory.mktemp('plain')}/index.db") as stream:
        return {r.article.id: (r.status, r.dup_of or None) for r in stream.process_batch(order)}


def test_scrapy_tags_every_item_of_a_crawl(crawled: list[dict[str, Any]], pages: list[Article], expected: Verdicts) -> None:
    assert sorted(item["url"] for item in crawled) == sorted(page.id for page in pages)
    assert {item["url"]: (item["dedupe"]["status"], item["dedupe"]["dup_of"]) for item in crawled} == expected
    statuses = [status for status, _ in expected.values()]
    assert len(pages) >= 500
    assert statuses.count("duplicate") > 0.3 * len(pages)
    assert {item["dedupe"]["kind"] for item in crawled} == {None, "exact", "near", "spun"}


def test_scrapy_drops_duplicates_only_after_writing_them_down(site: str, pages: list[Article], tmp_path: Path) -> None:
    items = crawl(site, tmp_path, DEDUPE_ACTION="raise", DEDUPE_DUPLICATES=str(tmp_path / "dropped.jsonl"))
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text("utf-8").splitlines()]
    assert {entry["dedupe"]["status"] for entry in dropped} == {"duplicate"}
    assert sorted([item["url"] for item in items] + [e["record"]["url"] for e in dropped]) == sorted(p.id for p in pages)
    assert {entry["dedupe"]["dup_of"] for entry in dropped} <= {item["url"] for item in items}


def test_the_item_pipeline_takes_both_signatures_and_refuses_half_a_configuration(tmp_path: Path) -> None:
    from scrapy.exceptions import NotConfigured

    from dedupe.adapters.scrapy import DedupePipeline

    pipeline = DedupePipeline(f"sqlite:{tmp_path}/index.db", SETTINGS)
    pipeline.open_spider("spider")
    assert pipeline.process_item({"id": "a", "text": "Some words."})["dedupe"]["status"] == "kept"
    assert pipeline.process_item({"id": "b", "text": "Some words."}, "spider")["dedupe"]["dup_of"] == "a"
    pipeline.close_spider()
    for arguments in ({"action": "raise"}, {"action": "drop"}):
        with pytest.raises(NotConfigured):
            DedupePipeline("sqlite:x", **arguments)
    with pytest.raises(NotConfigured):
        DedupePipeline("")


def test_a_datatrove_pipeline_says_the_same(order: list[Article], expected: Verdicts, tmp_path: Path) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    from dedupe.adapters.datatrove import DedupeStep

    (tmp_path / "in").mkdir()
    lines = [json.dumps({"id": page.id, "text": page.text, "title": page.title}) + "\n" for page in order]
    (tmp_path / "in" / "pages.jsonl").write_text("".join(lines), "utf-8")
    step = DedupeStep(
        f"sqlite:{tmp_path}/index.db",
        SETTINGS,
        exclusion_writer=JsonlWriter(str(tmp_path / "aside"), compression=None),
        batch_size=64,
    )
    pipeline = [JsonlReader(str(tmp_path / "in")), step, JsonlWriter(str(tmp_path / "out"), compression=None)]
    LocalPipelineExecutor(pipeline, logging_dir=str(tmp_path / "logs")).run()
    told: Verdicts = {}
    for folder in ("out", "aside"):
        for path in (tmp_path / folder).glob("*.jsonl"):
            for line in path.read_text("utf-8").splitlines():
                record = json.loads(line)
                told[record["id"]] = (record["metadata"]["dedupe"]["status"], record["metadata"]["dedupe"]["dup_of"])
                assert (folder == "aside") == (told[record["id"]][0] == "duplicate")
    assert told == expected


def test_datasets_map_says_the_same(order: list[Article], expected: Verdicts, tmp_path: Path) -> None:
    import datasets
    from datasets.fingerprint import Hasher

    from dedupe.adapters.datasets import DedupeMap

    rows = [{"id": page.id, "body": page.text, "title": page.title} for page in order]
    seen = DedupeMap(f"sqlite:{tmp_path}/index.db", SETTINGS, fields={"text": "body"})
    before = Hasher.hash(seen)
    tagged = datasets.Dataset.from_list(rows).map(seen, batched=True, batch_size=100)
    told = {row["id"]: (row["dedupe_status"], row["dedupe_dup_of"] or None) for row in tagged}
    assert told == expected
    assert Hasher.hash(seen) == before, "using it does not change its fingerprint"
    assert Hasher.hash(DedupeMap(f"sqlite:{tmp_path}/index.db", SETTINGS, fields={"text": "body"})) == before
    assert Hasher.hash(DedupeMap(f"sqlite:{tmp_path}/index.db", SETTINGS, fields={"text": "title"})) != before
    copy = pickle.loads(pickle.dumps(seen))
    again = copy({"id": [order[0].id], "body": [order[0].text]})
    assert (again["dedupe_status"], again["body"]) == (["kept"], [tagged[0]["body"]])
