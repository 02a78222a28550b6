"""The traps that real corpora hold, scaled to seconds (at full size: benchmarks/traps.py); and which version survives."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from dedupe import FindSettings, Settings, find
from dedupe.config import ChooseSettings
from dedupe.relate import Relations

SETTINGS = Settings(find=FindSettings(kinds=("exact", "near", "contained", "overlap")))


class Writer:
    """Makes texts of invented words."""

    def __init__(self) -> None:
        self._chooser = random.Random(1)
        self._words = ["".join(self._chooser.choices("abdegiklmnoprstu", k=self._chooser.randint(3, 8))) for _ in range(9000)]

    def text(self, count: int) -> str:
        return " ".join(self._chooser.choices(self._words, k=count)).capitalize() + "."


@pytest.fixture
def writer() -> Writer:
    return Writer()


def relate(folder: Path, records: list[dict[str, str]], settings: Settings = SETTINGS) -> Relations:
    path = folder / "articles.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return find([path], settings)


def kinds_of(relations: Relations) -> Counter[str]:
    return Counter(pair.kind for pair in relations.found.pairs)


def survivors(relations: Relations) -> list[str]:
    return [cluster.canonical for cluster in relations.clustering.clusters]


def test_pages_of_one_template_with_other_slots_are_all_kept(tmp_path: Path, writer: Writer) -> None:
    frame = [writer.text(30) for _ in range(9)]
    records = [{"id": f"p{i:03}", "text": " ".join(f"{part} {writer.text(3)}" for part in frame)} for i in range(200)]
    relations = relate(tmp_path, records)
    assert relations.found.pairs == ()
    assert len(relations.boilerplate) == 9


def test_a_placeholder_links_nothing(tmp_path: Path, writer: Writer) -> None:
    body = writer.text(60)
    relations = relate(tmp_path, [{"id": f"p{i:03}", "text": f"{writer.text(50)}\n{body}"} for i in range(300)])
    assert relations.found.pairs == ()
    [passage] = relations.boilerplate
    assert (passage.text, passage.texts, passage.words) == (body.rstrip("."), 300, 60)


def test_a_notice_before_every_article_of_a_site_links_nothing(tmp_path: Path, writer: Writer) -> None:
    notice = writer.text(50)
    records = [{"id": f"a{i}", "text": f"{notice}\n{writer.text(200)}", "url": f"https://a.example/{i}"} for i in range(8)]
    records += [{"id": f"b{i}", "text": writer.text(200), "url": f"https://b.example/{i}"} for i in range(8)]
    relations = relate(tmp_path, records)
    assert relations.found.pairs == ()
    assert [(passage.texts, passage.sources) for passage in relations.boilerplate] == [(8, 1)]


def test_a_quotation_that_everybody_has_links_nobody_and_one_that_few_have_links_those(tmp_path: Path, writer: Writer) -> None:
    everybody, few = writer.text(60), writer.text(60)
    records = [{"id": f"q{i:02}", "text": f"{writer.text(90)} {everybody} {writer.text(90)}"} for i in range(40)]
    records += [{"id": f"f{i:02}", "text": f"{writer.text(90)} {everybody} {writer.text(90)} {few}"} for i in range(3)]
    relations = relate(tmp_path, records)
    assert [(pair.a, pair.b, pair.kind) for pair in relations.found.pairs] == [
        ("f00", "f01", "overlap"),
        ("f00", "f02", "overlap"),
        ("f01", "f02", "overlap"),
    ]
    assert {passage.words for pair in relations.found.pairs for passage in pair.passages} == {60}
    assert relations.clustering.clusters == ()


def test_many_exact_copies_cost_one_comparison(tmp_path: Path, writer: Writer) -> None:
    body = writer.text(300)
    relations = relate(tmp_path, [{"id": f"c{i:04}", "text": body} for i in range(2000)])
    assert kinds_of(relations) == {"exact": 1999}
    assert relations.found.candidates == 0
    assert relations.boilerplate == ()


def test_a_hot_bucket_still_gives_one_cluster(tmp_path: Path, writer: Writer) -> None:
    body = writer.text(300).split()
    texts = [" ".join([*body[: i % 300], f"x{i}", *body[i % 300 + 1 :]]) for i in range(300)]
    relations = relate(tmp_path, [{"id": f"n{i:03}", "text": text} for i, text in enumerate(texts)])
    assert [len(cluster.members) for cluster in relations.clustering.clusters] == [300]
    assert relations.boilerplate == ()


def test_of_a_chain_only_what_passes_against_its_survivor_goes(tmp_path: Path, writer: Writer) -> None:
    words = writer.text(800).split()
    relations = relate(tmp_path, [{"id": f"k{i:02}", "text": " ".join(words[i * 10 : i * 10 + 200])} for i in range(60)])
    for cluster in relations.clustering.clusters:
        for member in set(cluster.members) - {cluster.canonical}:
            assert relations.clustering.links[member].jaccard >= 0.7
    assert len(relations.clustering.clusters) > 5


def test_a_long_text_that_repeats_itself_is_aligned_with_all_who_quote_it(tmp_path: Path, writer: Writer) -> None:
    parts = [writer.text(60) for _ in range(60)]
    records = [{"id": "long", "text": " ".join(parts[i * 7 % 60] for i in range(1200))}]
    records += [{"id": f"q{i:02}", "text": f"{writer.text(150)} {parts[i]} {writer.text(150)}"} for i in range(20)]
    relations = relate(tmp_path, records)
    assert kinds_of(relations) == {"overlap": 20}
    assert {passage.words for pair in relations.found.pairs for passage in pair.passages} == {60}


def test_the_body_survives_the_page_and_the_cut_copy(tmp_path: Path, writer: Writer) -> None:
    paragraphs = [writer.text(60) for _ in range(6)]
    menu = "Home | News | Sport | Weather | Video"
    page = "\n".join([menu, "Sign in to comment", *paragraphs, "More stories", "Share this page", "Contact us"])
    records = [
        {"id": "a-page", "text": page},
        {"id": "b-cut", "text": "\n".join(paragraphs[:4])},
        {"id": "c-body", "text": "\n".join(paragraphs)},
    ]
    assert survivors(relate(tmp_path, records)) == ["c-body"]
    assert survivors(relate(tmp_path, records[:2])) == ["a-page"]


def test_a_full_text_does_not_go_for_a_part_of_it_from_a_trusted_source(tmp_path: Path, writer: Writer) -> None:
    paragraphs = [writer.text(60) for _ in range(6)]
    records = [
        {"id": "full", "text": "\n".join(paragraphs), "source": "somebody"},
        {"id": "part", "text": "\n".join(paragraphs[:3]), "source": "agency"},
    ]
    trusting = Settings(find=SETTINGS.find, choose=ChooseSettings(trusted_sources=("agency",)))
    relations = relate(tmp_path, records, trusting)
    assert kinds_of(relations) == {"contained": 1}
    assert relations.clustering.clusters == ()
    assert survivors(relate(tmp_path, records)) == ["full"]
