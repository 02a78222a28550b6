"""Templates: pages of one frame are linked and all kept; copies of one text are not taken for them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import ROOT
from pages import FRAMES, edit, fill, make_frame

from dedupe import Relations, Settings, find
from dedupe.config import with_values
from dedupe.detect.templates import is_same_page, learn_frame

ARTICLE = (ROOT / "seeds/corpus/ferry-original.txt").read_text("utf-8")
ALL_FRAMES = {**FRAMES, "notice": make_frame(ARTICLE, 6)}


@pytest.fixture
def relate(tmp_path: Path) -> Callable[..., Relations]:
    def relate(texts: Mapping[str, str], **values: object) -> Relations:
        path = tmp_path / "texts.jsonl"
        path.write_text("".join(json.dumps({"id": id, "text": text}) + "\n" for id, text in texts.items()), "utf-8")
        return find([path], with_values(Settings(), {"find": {"kinds": ["exact", "near", "template"], **values}}))

    return relate


def templates(relations: Relations) -> list[int]:
    return sorted(len(cluster.members) for cluster in relations.clustering.linked if cluster.kind == "template")


def removed(relations: Relations) -> int:
    return sum(len(cluster.members) - 1 for cluster in relations.clustering.clusters)


def test_edited_copies_of_one_text_are_no_template(relate: Callable[..., Relations]) -> None:
    for edits in (1, 3, 8):
        pick = random.Random(edits)
        texts = {f"{n:02}": edit(ARTICLE, edits, pick) for n in range(50)}
        found, without = relate(texts), relate(texts, kinds=["exact", "near"])
        assert templates(found) == []
        assert found.clustering == without.clustering
        assert found.found.pairs == without.found.pairs
        assert removed(found) >= 25


def test_two_joint_releases_that_differ_in_two_numbers_are_near(relate: Callable[..., Relations]) -> None:
    page = fill(FRAMES["earnings"], random.Random(1))
    found = relate({"a": page, "b": page.replace("million", "billion").replace("largest", "oldest")})
    assert [pair.kind for pair in found.found.pairs] == ["near"]
    assert removed(found) == 1


def test_counters_and_bylines_round_one_article_are_no_template(relate: Callable[..., Relations]) -> None:
    pick = random.Random(2)
    head = "By <NAME>, <TOWN> Gazette, <1-12>:<10-59>, <1-99> comments\n"
    foot = "\nShared <3-999> times. Read more in the <TOWN> Gazette"
    texts = {f"{n:02}": fill(head, pick) + ARTICLE + fill(foot, pick) for n in range(30)}
    found = relate(texts)
    assert templates(found) == []
    assert removed(found) == 29


def test_unrelated_articles_are_no_template(relate: Callable[..., Relations]) -> None:
    texts = {path.name: path.read_text("utf-8") for path in (ROOT / "seeds/corpus").glob("*-original.txt")}
    assert templates(relate(texts)) == []


def test_three_pages_are_too_few(relate: Callable[..., Relations]) -> None:
    pick = random.Random(3)
    assert templates(relate({str(n): fill(FRAMES["sale"], pick) for n in range(3)})) == []


def test_without_the_kind_nothing_is_looked_for(relate: Callable[..., Relations]) -> None:
    pick = random.Random(3)
    found = relate({str(n): fill(ALL_FRAMES["notice"], pick) for n in range(8)}, kinds=["exact", "near"])
    assert found.clustering.linked == ()
    assert {pair.kind for pair in found.found.pairs} == {"near"}


@pytest.mark.parametrize("kind", ALL_FRAMES)
@pytest.mark.parametrize("number", [4, 20, 150])
def test_pages_of_a_template_are_linked_and_all_kept(kind: str, number: int, relate: Callable[..., Relations]) -> None:
    pick = random.Random(number)
    found = relate({f"{n:03}": fill(ALL_FRAMES[kind], pick) for n in range(number)})
    assert templates(found) == [number]
    assert removed(found) == 0
    assert {pair.kind for pair in found.found.pairs} <= {"template"}


def test_several_templates_among_articles_are_told_apart(relate: Callable[..., Relations]) -> None:
    pick = random.Random(5)
    texts = {f"{kind}-{n:02}": fill(frame, pick) for kind, frame in ALL_FRAMES.items() for n in range(9)}
    texts |= {path.name: path.read_text("utf-8") for path in (ROOT / "seeds/corpus").glob("*-clean.txt")}
    found = relate(texts)
    assert templates(found) == [9] * len(ALL_FRAMES)
    for cluster in found.clustering.linked:
        assert len({member.partition("-")[0] for member in cluster.members}) == 1
        assert f"{len(cluster.members)} pages of one frame" in cluster.reason


def test_a_page_and_its_edited_copy_are_versions_all_the_same(relate: Callable[..., Relations]) -> None:
    pick = random.Random(6)
    pages = {f"{n:02}": fill(ALL_FRAMES["notice"], pick) for n in range(20)}
    found = relate(pages | {f"{id}-copy": edit(page, 2, pick) for id, page in pages.items()})
    assert removed(found) == 20
    assert all(cluster.members == (cluster.id, f"{cluster.id}-copy") for cluster in found.clustering.clusters)
    assert templates(found) == [40]


def test_the_order_of_the_articles_does_not_matter(relate: Callable[..., Relations]) -> None:
    pick = random.Random(7)
    texts = {f"{n:03}": fill(ALL_FRAMES[kind], pick) for n, kind in enumerate([*ALL_FRAMES] * 7)}
    found = relate(texts)
    again = relate(dict(sorted(texts.items(), key=lambda item: item[1])))
    assert again.clustering == found.clustering
    assert again.found.pairs == found.found.pairs


def test_many_pages_of_one_template_take_time_in_proportion(relate: Callable[..., Relations]) -> None:
    pick, seconds = random.Random(8), {}
    for number in (500, 2000):
        start = time.perf_counter()
        found = relate({f"{n:04}": fill(FRAMES["sale"], pick) for n in range(number)})
        seconds[number] = time.perf_counter() - start
        assert templates(found) == [number]
        assert removed(found) == 0
    assert seconds[2000] < 12 * seconds[500] + 1


def test_a_frame_needs_pages_that_differ_in_the_same_places() -> None:
    pick = random.Random(9)
    assert learn_frame([edit(ARTICLE, 9, pick) for _ in range(12)]) is None
    frame = learn_frame([edit(fill(ALL_FRAMES["notice"], pick), 3, pick) for _ in range(12)])
    assert frame is not None
    assert len(frame.slots) >= 6
    assert frame.read("Nothing of the frame stands here.") is None


def test_pages_are_the_same_by_their_slots() -> None:
    one = ("Velsing", "14", "Rain", "3", "Ada Brandt")
    assert is_same_page(one, ("VELSING", "14", "Rain", "3", "Tom Weir"))
    assert not is_same_page(one, ("Velsing", "14", "Sun", "4", "Tom Weir"))


def test_a_series_of_notices_with_a_name_and_a_town_each_is_kept(relate: Callable[..., Relations]) -> None:
    frame = make_frame(ARTICLE, 2).replace("<NAME>", "Agent <100-999>").replace("<TOWN>", "Port <100-999>")
    pick = random.Random(2)
    found = relate({f"{number:02}": fill(frame, pick) for number in range(12)})
    assert (templates(found), removed(found)) == ([12], 0)


def test_two_releases_that_differ_in_two_numbers_are_near(relate: Callable[..., Relations]) -> None:
    frame = make_frame(ARTICLE, 2).replace("<NAME>", "<100-999>").replace("<TOWN>", "<100-999>")
    pick = random.Random(3)
    found = relate({f"{number:02}": fill(frame, pick) for number in range(2)})
    assert [pair.kind for pair in found.found.pairs] == ["near"]
