"""The stream: what it says of each article, the same as a batch run says, and the same again whoever asks again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from conftest import CLEAN, HARBOUR, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import FRAMES, edit, fill

from dedupe import Article, ChooseSettings, FindSettings, RepairSettings, Result, Settings, Stream, find, repair_text
from dedupe.detect.profile import Profiles, profile_texts
from dedupe.errors import IndexStateError, UsageError
from dedupe.index.contract import Index, Keys
from dedupe.index.sqlite import SqliteIndex
from dedupe.ingest import meeting, stream
from dedupe.ingest.scope import STREAM_KINDS

PLAIN = Settings(find=FindSettings(kinds=STREAM_KINDS), repair=RepairSettings(enabled=False))
NO_SPIN = replace(PLAIN, find=FindSettings(kinds=("exact", "near")))
SEEDS = [Article(path.name, path.read_text("utf-8")) for path in sorted((ROOT / "seeds" / "corpus").glob("*.txt"))]
T = TypeVar("T")
Verdicts = dict[str, tuple[str, str, str | None, float | None, float | None]]


def versions(number: int, seed: int = 1) -> list[Article]:
    """Pages of several frames, and edited copies of them."""
    pick = random.Random(seed)
    articles = []
    for n in range(number):
        page = fill(FRAMES[pick.choice(sorted(FRAMES))], pick)
        articles.append(Article(f"{n:03}-a", page))
        articles += [Article(f"{n:03}-{c}", edit(page, pick.randint(0, 4), pick)) for c in "bcd"[: pick.randint(0, 3)]]
    return articles


def feed(url: str, articles: Sequence[Article], batch: int = 1000, settings: Settings = PLAIN) -> list[Result]:
    with Stream(settings, url) as stream:
        return [r for low in range(0, len(articles), batch) for r in stream.process_batch(articles[low : low + batch])]


def verdicts(results: Sequence[Result]) -> Verdicts:
    return {r.article.id: (r.status, r.dup_of, r.kind, r.jaccard, r.despun) for r in results}


def look(url: str, ask: Callable[[Index], T]) -> T:
    index = SqliteIndex(Path(url.partition(":")[2]))
    with index.transaction():
        answer = ask(index)
    index.close()
    return answer


def dump(url: str) -> tuple[object, ...]:
    """All that an index holds, by owners: numbers depend on the order of commits, these do not."""

    def ask(index: Index) -> tuple[object, ...]:
        assert index.verify() == []
        stats = index.stats()
        texts = index.read_texts(range(1, index.next_number()))
        told = {text.digest: (text.owner, texts[text.survivor].owner, text.link) for text in texts.values()}
        return stats.articles, stats.texts, stats.postings, stats.kinds, told

    return look(url, ask)


def assert_sound(results: Sequence[Result], articles: Sequence[Article]) -> None:
    """No article lost, none its own duplicate, no duplicate without a survivor that was kept."""
    assert [r.article for r in results] == list(articles)
    kept = {r.article.id for r in results if r.status == "kept"}
    assert [r.article.id for r in results if r.dup_of == r.article.id] == []
    assert {r.dup_of for r in results if r.status == "duplicate"} <= kept
    assert all((r.status == "kept") == (not r.dup_of) for r in results)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/index.db"


def test_different_articles_are_kept_as_they_are(url: str) -> None:
    results = feed(url, [Article("choir", CLEAN), Article("harbour", HARBOUR)])
    assert [(r.status, r.dup_of, r.kind, r.related, r.seen) for r in results] == [("kept", "", None, (), False)] * 2
    assert [r.text for r in results] == [CLEAN, HARBOUR]


def test_copies_are_duplicates_of_the_first(url: str) -> None:
    near = HARBOUR.replace("could take", "take")
    articles = [Article("z", HARBOUR), Article("a", HARBOUR.upper()), Article("m", near), Article("k", near + "!")]
    results = feed(url, articles)
    assert [(r.status, r.dup_of, r.kind) for r in results[1:]] == [
        ("duplicate", "z", "exact"),
        ("duplicate", "z", "near"),
        ("duplicate", "z", "near"),
    ]
    assert results[2].jaccard is not None
    assert 0.7 <= results[2].jaccard < 1
    assert [(p.a, p.b, p.kind) for p in results[3].related] == [("k", "m", "exact")]


def test_texts_without_words_are_kept_and_related_to_nothing(url: str) -> None:
    assert [r.status for r in feed(url, [Article("a", ""), Article("b", "…"), Article("c", "")])] == ["kept"] * 3
    assert look(url, lambda index: index.stats().texts) == 0


def test_the_pairs_are_those_of_a_batch_run(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    articles = sorted([*SEEDS, *(replace(a, id=f"{a.id}.txt") for a in versions(60))], key=lambda article: article.id)
    for article in articles:
        (folder / article.id).write_text(article.text, "utf-8")
    wanted = find([folder], PLAIN).found.pairs
    results = feed(url, articles, batch=37)
    found = [pair for result in results for pair in result.related]
    assert sorted(found, key=lambda pair: (pair.a, pair.b)) == list(wanted)
    assert {pair.kind for pair in found} == {"exact", "near", "spun"}
    assert_sound(results, articles)


def test_a_batch_run_that_prefers_who_came_first_keeps_the_same_articles(url: str, tmp_path: Path) -> None:
    pick = random.Random(4)
    articles = [article for seed in range(3) for article in versions(40, seed)]
    pick.shuffle(articles)
    articles = [replace(article, id=f"{n:04}.txt") for n, article in enumerate(articles)]
    folder = tmp_path / "corpus"
    folder.mkdir()
    for article in articles:
        (folder / article.id).write_text(article.text, "utf-8")
    by_arrival = replace(NO_SPIN, choose=ChooseSettings(prefer=("smallest-id",)))
    clusters = find([folder], by_arrival).clustering.clusters
    wanted = {id: cluster.canonical for cluster in clusters for id in cluster.members if id != cluster.canonical}
    told = {r.article.id: r.dup_of for r in feed(url, articles, 17, NO_SPIN) if r.dup_of}
    assert told == wanted
    assert len(set(told.values())) > 30


def test_batches_make_no_difference(tmp_path: Path) -> None:
    articles = [*SEEDS, *versions(25)]
    random.Random(3).shuffle(articles)
    told = [verdicts(feed(f"sqlite:{tmp_path}/{size}.db", articles, size)) for size in (1, 7, 1000)]
    assert told[0] == told[1] == told[2]
    assert dump(f"sqlite:{tmp_path}/1.db") == dump(f"sqlite:{tmp_path}/1000.db")


def test_band_keys_that_fall_together_by_chance_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [*SEEDS, *versions(60)]
    wanted = verdicts(feed(f"sqlite:{tmp_path}/wide.db", articles, 50))
    wide = meeting.cut_keys

    def cut_narrow_keys(*arguments: Any) -> Keys:
        return wide(*arguments) & np.uint64(0xFFFF)  # of 160 keys, some of one text are then equal

    monkeypatch.setattr(meeting, "cut_keys", cut_narrow_keys)
    assert verdicts(feed(f"sqlite:{tmp_path}/narrow.db", articles, 50)) == wanted


@pytest.mark.parametrize("among", [False, True])
@pytest.mark.parametrize(("bands", "alike", "compared"), [(0, 64, False), (1, 4, False), (1, 5, True), (2, 0, True)])
def test_texts_that_share_one_band_are_compared_if_their_outlines_are_alike(
    bands: int, alike: int, compared: bool, among: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, pairs = np.random.RandomState(1), list[tuple[int, int]]()
    keys = draw.randint(0, 1 << 24, (2, 128)).astype(np.uint32) << np.uint32(
        8
    )  # of the lowest bytes every second is in the outline
    keys[1] += np.arange(128, dtype=np.uint32) % 2 + 1
    keys[1, : 2 * alike : 2] -= 1
    keys[1, 1 : 2 * bands : 2] = keys[0, 1 : 2 * bands : 2]

    def profile(texts: Sequence[str], *arguments: Any) -> Profiles:
        profiles = profile_texts(texts, *arguments)
        assert profiles.despun is not None
        return replace(profiles, despun=replace(profiles.despun, keys=keys[[int(text == CLEAN) for text in texts]]))

    def compare(ours: Any, a: Any, theirs: Any, b: Any, threshold: float) -> Any:
        pairs.extend(zip(a.tolist(), b.tolist(), strict=True))
        return np.zeros(len(a), np.bool_)

    monkeypatch.setattr(stream, "profile_texts", profile)
    monkeypatch.setattr(meeting, "tell_likely", compare)
    feed(url, [Article("a", HARBOUR), Article("b", CLEAN)], batch=2 if among else 1)
    assert bool(pairs) == compared


def test_full_buckets_are_the_same_however_the_stream_is_cut(tmp_path: Path) -> None:
    pick = random.Random(1)
    articles = [Article(f"{n}", fill(FRAMES["obituary"], pick)) for n in range(180)]
    urls = [f"sqlite:{tmp_path}/{size}.db" for size in (1, 50, 1000)]
    told = [verdicts(feed(url, articles, size)) for url, size in zip(urls, (1, 50, 1000), strict=True)]
    assert told[0] == told[1] == told[2]
    assert dump(urls[0]) == dump(urls[1]) == dump(urls[2])
    stats = look(urls[0], lambda index: index.stats())
    assert stats.hot_buckets > 0
    assert stats.turned_away > 0
    assert stats.hot[0][1] != ""


def test_whoever_asks_again_hears_the_same_and_the_index_does_not_change(url: str) -> None:
    articles = [*SEEDS, *versions(20)]
    first = feed(url, articles, 11)
    before = dump(url)
    for order in (articles, articles[::-1]):
        again = feed(url, order, 17)
        assert verdicts(again) == verdicts(first)
        assert all(result.seen for result in again)
    assert {r.article.id: r.related for r in again} == {r.article.id: r.related for r in first}
    assert dump(url) == before


def test_a_spun_copy_is_a_duplicate_of_its_original(url: str) -> None:
    by_name = {article.id: article for article in SEEDS}
    original, spun = by_name["strait-original.txt"], by_name["strait-spun-a.txt"]
    results = feed(url, [original, spun])
    assert (results[1].status, results[1].kind, results[1].dup_of) == ("duplicate", "spun", original.id)
    assert results[1].despun is not None


def test_an_original_is_no_duplicate_of_its_spun_copy(url: str) -> None:
    by_name = {article.id: article for article in SEEDS}
    original, spun, wire = (by_name[f"strait-{name}.txt"] for name in ("original", "spun-a", "wire"))
    results = feed(url, [spun, original, wire], batch=1)
    assert [r.status for r in results] == ["kept", "kept", "duplicate"]
    assert results[1].supersedes == (spun.id,)
    assert results[2].dup_of == original.id


def test_a_new_version_of_an_article_is_no_duplicate_of_the_old_one(url: str) -> None:
    old, new = Article("h", HARBOUR), Article("h", HARBOUR.replace("nine", "ten"))
    results = feed(url, [old, new, Article("copy", new.text), old, new], batch=1)
    assert [(r.status, r.dup_of) for r in results] == [
        ("kept", ""),
        ("kept", ""),
        ("duplicate", "h"),
        ("kept", ""),
        ("kept", ""),
    ]
    assert [r.seen for r in results] == [False, False, False, True, True]


def test_a_copy_of_a_copy_is_compared_with_the_survivor_itself(url: str) -> None:
    words = [f"word{n}" for n in range(200)]
    chain = [Article(f"{n}", " ".join([*[f"new{m}" for m in range(n * 20)], *words[n * 20 :]])) for n in range(6)]
    results = feed(url, chain, batch=2, settings=NO_SPIN)
    assert_sound(results, chain)
    for result in results:
        if result.dup_of:
            one, other = (set(_shingles(a.text)) for a in (result.article, chain[int(result.dup_of)]))
            assert result.jaccard == pytest.approx(len(one & other) / len(one | other))
            assert result.jaccard >= 0.7
    assert len({r.dup_of for r in results if r.dup_of}) > 1


def _shingles(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + 5]) for i in range(len(words) - 4)]


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_order_and_any_batches_leave_one_survivor_each(
    tmp_path_factory: pytest.TempPathFactory, pick: random.Random
) -> None:
    url = f"sqlite:{tmp_path_factory.mktemp('order')}/index.db"
    articles = versions(8, seed=pick.randrange(1000))
    arriving = articles + pick.sample(articles, 5)
    pick.shuffle(arriving)
    results = []
    with Stream(NO_SPIN, url) as stream:
        while len(results) < len(arriving):
            batch = arriving[len(results) : len(results) + pick.randint(1, 9)]
            if pick.random() < 0.3:
                stream.process_batch(batch)  # its answer is lost; the batch is sent again
            results += stream.process_batch(batch)
    assert_sound(results, arriving)
    assert verdicts(results) == verdicts(results[::-1])
    dump(url)


def test_a_batch_that_fails_leaves_no_trace(url: str) -> None:
    articles = versions(5)

    def fail(results: Sequence[Result]) -> None:
        raise ZeroDivisionError

    with Stream(PLAIN, url) as stream:
        stream.process_batch(articles[:3])
        with pytest.raises(ZeroDivisionError):
            stream.process_batch(articles[3:], fail)
        assert not any(result.seen for result in stream.process_batch(articles[3:]))


def test_two_workers_on_one_index_keep_each_text_once(url: str) -> None:
    articles = versions(40)
    told: dict[int, list[Result]] = {}

    def work(worker: int) -> None:
        order = list(articles)
        random.Random(worker).shuffle(order)
        told[worker] = feed(url, order, batch=5, settings=NO_SPIN)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert verdicts(told[0]) == verdicts(told[1])
    assert_sound(told[0], [r.article for r in told[0]])
    assert dump(url)[0] == len(articles)


def test_an_index_in_use_is_an_error_with_exit_code_5(url: str) -> None:
    settings = replace(PLAIN, stream=replace(PLAIN.stream, wait=0.1))
    with Stream(settings, url) as one, Stream(settings, url) as other, one.index.transaction():
        with pytest.raises(IndexStateError, match="locked") as caught:
            other.process(Article("a", HARBOUR))
        assert caught.value.exit_code == 5


def test_other_settings_are_refused_and_rules_may_change(url: str, rules: Path) -> None:
    feed(url, [Article("h", HARBOUR)])
    for find_settings in (
        FindSettings(shingle_words=4),
        FindSettings(seed=2),
        FindSettings(kinds=("near",)),
        FindSettings(near=0.4),
    ):
        with pytest.raises(IndexStateError, match="other settings"):
            Stream(replace(PLAIN, find=find_settings), url)
    edited = replace(PLAIN, repair=RepairSettings(rules=(str(rules),)))
    with Stream(edited, url) as stream:
        assert stream.process(Article("i", HARBOUR)).dup_of == "h"


def test_articles_are_repaired(url: str, settings: Settings) -> None:
    settings = replace(settings, find=FindSettings(kinds=("exact", "near")))
    article = Article("g", "Sergei Lavrov. Photo: Getty Pictures", "Getty Pictures")
    with Stream(settings, url) as stream:
        result = stream.process(article)
    assert (result.text, result.title) == ("Sergei Lavrov. Photo: Getty Images", "Getty Images")
    assert result.article == article
    assert repair_text(article.text).text == result.text


def test_forgetting_the_first_of_two_copies_leaves_the_other(url: str) -> None:
    near = HARBOUR.replace("could take", "take")
    feed(url, [Article("a", HARBOUR), Article("b", near), Article("c", HARBOUR)])
    look(url, lambda index: index.forget(["a"]))
    assert [(r.status, r.dup_of) for r in feed(url, [Article("b", near), Article("c", HARBOUR)])] == [
        ("duplicate", "c"),
        ("kept", ""),
    ]
    look(url, lambda index: index.forget(["c"]))
    results = feed(url, [Article("b", near), Article("d", HARBOUR)])
    assert [(r.status, r.dup_of) for r in results] == [("kept", ""), ("duplicate", "b")]


def test_a_stream_without_an_index_says_so() -> None:
    with pytest.raises(UsageError, match="--index"):
        Stream(PLAIN)
    with pytest.raises(UsageError, match="names no index"):
        Stream(PLAIN, "postgres:x")
