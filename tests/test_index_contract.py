"""The contract of an index. A further store is put to it by one line in STORES."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.errors import IndexStateError
from dedupe.index.contract import BUCKET_CAP, Forgotten, Index, Link, NewText, Part
from dedupe.index.postings import Sieve, mark_keys
from dedupe.index.sqlite import SqliteIndex

SETTINGS = {"scheme": "affine32", "seed": "1"}
NEAR = Link("near", 0.8, 0.9, 0.75)
Open = Callable[..., Index]


def open_sqlite(folder: Path) -> Open:
    def open_it(made_with: Mapping[str, str] | None = SETTINGS, wait: float = 0.2) -> Index:
        return SqliteIndex(folder / "index.db", made_with, wait=wait)

    return open_it


STORES: dict[str, Callable[[Path], Open]] = {"sqlite": open_sqlite}


@pytest.fixture(params=sorted(STORES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same, at first empty, index again and again."""
    return STORES[request.param](tmp_path)


def text(number: int, keys: list[int] | None = None, survivor: int = 0, full: list[int] | None = None) -> NewText:
    digest = number.to_bytes(16, "big")
    link = NEAR if survivor and survivor != number else None
    held, turned_away = (np.array(some or [], np.uint64) for some in (keys, full))
    return NewText(number, digest, survivor or number, link, held, turned_away, b"sketch%010d" % number, b"body%d" % number)


def holders(index: Index, *keys: int) -> list[list[int]]:
    found = index.find_postings(np.array(keys, np.uint64))
    return [found.numbers[found.places == place].tolist() for place in range(len(keys))]


def test_an_empty_index_knows_nothing(reopen: Open) -> None:
    index = reopen()
    with index.transaction():
        assert index.find_digests([b"x"]) == {}
        assert index.find_claims(["a"]) == set()
        assert holders(index, 1, 2) == [[], []]
        assert (index.read_texts([1]), index.read_sketches([1]), index.read_bodies([1])) == ({}, {}, {})
        assert index.forget(["a"]) == Forgotten(unknown=("a",))
        assert index.last_part("r") is None
        assert index.next_number() == 1
        assert index.verify() == []
        assert index.stats().texts == 0


def test_outlines_are_what_others_have_put_in_and_nothing_that_failed(reopen: Open) -> None:
    def sketched(number: int, letter: bytes) -> NewText:
        return replace(text(number), sketch=letter * 8 + bytes([number % 256]) * 8)

    one, other = reopen(), reopen()
    numbers = np.arange(1, 1001)
    with one.transaction():
        one.add([sketched(number, b"a") for number in range(1, 101)], [("a", number) for number in range(1, 101)])
        assert one.read_outlines(np.array([100])).tobytes() == b"ad"

    def fail() -> None:
        with one.transaction():
            one.add([sketched(number, b"x") for number in range(101, 301)], [("x", number) for number in range(101, 301)])
            assert one.read_outlines(np.array([299])).tobytes() == b"x" + bytes([299 - 256])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with other.transaction():
        other.add([sketched(number, b"b") for number in range(101, 1001)], [("b", number) for number in range(101, 1001)])
    for index in (one, other):
        with index.snapshot():
            outlines = index.read_outlines(numbers)
            assert outlines[:, 0].tobytes() == b"a" * 100 + b"b" * 900
            assert outlines[:, 1].tolist() == (numbers % 256).tolist()
            assert index.verify() == []
    with one.transaction():
        one.forget(["b"])
        assert one.read_outlines(np.array([100, 101, 1000])).tobytes() == b"ad" + bytes(4)
        assert one.verify() == []


def test_what_was_committed_is_there_when_it_is_opened_again(reopen: Open) -> None:
    index = reopen()
    with index.transaction():
        index.add([text(1, [7, 9]), text(2, [9], survivor=1)], [("a", 1), ("b", 2), ("c", 1)])
    index.close()
    index = reopen()
    with index.transaction():
        first, second = index.read_texts([1, 2]).values()
        assert (first.owner, first.survivor, first.link) == ("a", 1, None)
        assert (second.owner, second.survivor, second.link) == ("b", 1, NEAR)
        assert index.find_digests([first.digest, b"unknown"]) == {first.digest: first}
        assert index.find_claims(["a", "c", "x"]) == {("a", 1), ("c", 1)}
        assert holders(index, 9, 8, 7) == [[1, 2], [], [1]]
        assert index.read_sketches([2]) == {2: b"sketch0000000002"}
        assert index.read_outlines(np.array([2, 1, 3])).tobytes() == b"s0" + b"s0" + bytes(2)
        assert index.read_bodies([1, 2, 3]) == {1: b"body1", 2: b"body2"}
        assert index.next_number() == 3
        assert index.verify() == []


def test_a_transaction_that_fails_leaves_no_trace(reopen: Open) -> None:
    index = reopen()
    with index.transaction():
        index.add([text(1, [7])], [("a", 1)])

    def fail() -> None:
        with index.transaction():
            index.add([text(2, [7])], [("b", 2)])
            index.add_part(Part("r", 0, 0, 1, "s", "o"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with index.transaction():
        assert holders(index, 7) == [[1]]
        assert index.find_claims(["b"]) == set()
        assert index.read_parts("r") == []
        index.add([text(2, [7])], [("b", 2)])
        assert holders(index, 7) == [[1, 2]]


def test_one_worker_at_a_time(reopen: Open) -> None:
    one, other = reopen(), reopen()
    with one.transaction():
        one.add([text(1, [7])], [("a", 1)])
        with pytest.raises(IndexStateError, match="locked") as caught, other.transaction():
            pass
        assert caught.value.exit_code == 5
    with other.transaction():
        assert holders(other, 7) == [[1]]
        other.add([text(2, [7])], [("b", 2)])
    with one.transaction():
        assert holders(one, 7) == [[1, 2]]


def test_who_only_looks_waits_for_nobody_and_sees_what_was_committed(reopen: Open) -> None:
    one, other = reopen(), reopen()
    with one.transaction():
        one.add([text(1, [7])], [("a", 1)])
    with one.transaction():
        one.add([text(2, [7])], [("b", 2)])
        with other.snapshot():
            assert (other.stats().texts, holders(other, 7), other.verify()) == (1, [[1]], [])
    with other.snapshot():
        assert holders(other, 7) == [[1, 2]]


def test_a_claim_is_kept_once_and_the_first_owner_stays(reopen: Open) -> None:
    index = reopen()
    for _ in range(2):
        with index.transaction():
            index.add([] if index.read_texts([1]) else [text(1)], [("b", 1), ("a", 1)])
    with index.transaction():
        assert index.read_texts([1])[1].owner == "b"
        assert index.stats().articles == 2


def test_a_bucket_gives_its_oldest_texts_and_says_that_it_is_full(reopen: Open) -> None:
    index = reopen()
    for low in range(1, BUCKET_CAP + 20, 10):
        with index.transaction():
            index.add(
                [text(number, [5, 1000 + number]) for number in range(low, low + 10)], [("a", n) for n in range(low, low + 10)]
            )
    with index.transaction():
        found = index.find_postings(np.array([5, 1001], np.uint64))
        assert found.full.tolist() == [True, False]
        assert sorted(found.numbers[found.places == 0].tolist()) == list(range(1, BUCKET_CAP + 1))
        number = index.next_number()
        index.add([text(number, [], full=[5])], [("late", number)])
        stats = index.stats()
        assert (stats.hot_buckets, stats.turned_away, stats.hot) == (1, 1, ((1, "late"),))


def test_forgetting_an_owner_removes_its_text_unless_somebody_else_has_it(reopen: Open) -> None:
    index = reopen()
    with index.transaction():
        index.add([text(1, [7]), text(2, [7, 8])], [("a", 1), ("b", 1), ("b", 2)])
    with index.transaction():
        assert index.forget(["a"]) == Forgotten()
        assert index.read_texts([1])[1].owner == "b"
        assert index.forget(["b"]) == Forgotten()
        assert holders(index, 7, 8) == [[], []]
        assert index.stats().texts == index.stats().articles == index.stats().postings == 0
        assert index.verify() == []
        assert index.next_number() == 3, "numbers are never used again"


def test_who_loses_its_survivor_stands_for_itself(reopen: Open) -> None:
    index = reopen()
    with index.transaction():
        index.add([text(1), text(2, survivor=1), text(3)], [("a", 1), ("b", 2), ("c", 3)])
        assert index.forget(["a"]) == Forgotten(orphans=("b",))
        assert index.read_texts([2])[2].survivor == 2
        assert index.read_texts([2])[2].link is None
        assert index.verify() == []


def test_parts_follow_one_another(reopen: Open) -> None:
    index = reopen()
    parts = [Part("r", 0, 0, 10, "s0", "o0", {"kept": 10}), Part("r", 1, 10, 5, "s1", "o1", {"kept": 5})]
    for part in parts:
        with index.transaction():
            index.add_part(part)
    with index.transaction():
        assert index.read_parts("r") == parts
        assert index.last_part("r") == parts[1]
        assert index.read_parts("other") == []
        assert index.stats().parts == {"r": 2}
    for wrong in (
        Part("r", 1, 10, 5, "", ""),
        Part("r", 3, 15, 5, "", ""),
        Part("r", 2, 16, 5, "", ""),
        Part("new", 1, 0, 5, "", ""),
    ):
        with pytest.raises(IndexStateError, match="another worker"), index.transaction():
            index.add_part(wrong)


def test_other_settings_are_refused_with_a_way_out(reopen: Open) -> None:
    reopen().close()
    with pytest.raises(IndexStateError, match=r"seed is 1, asked for is 2.*another index") as caught:
        reopen({**SETTINGS, "seed": "2"})
    assert caught.value.exit_code == 5
    with pytest.raises(IndexStateError, match="classes is none, asked for is x"):
        reopen({**SETTINGS, "classes": "x"})
    assert reopen(None).settings == SETTINGS


def test_compacting_changes_nothing_that_can_be_asked(reopen: Open) -> None:
    index = reopen()
    for number in range(1, 12):
        with index.transaction():
            index.add([text(number, [number, 99])], [(f"a{number}", number)])
    index.compact()
    with index.transaction():
        assert holders(index, 99, 11) == [list(range(1, 12)), [11]]
        assert index.stats().runs == 1
        assert index.verify() == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sets(st.integers(0, 40), max_size=8), min_size=1, max_size=30), min_size=1, max_size=14),
    st.sets(st.integers(1, 100), max_size=4),
)
def test_buckets_hold_what_was_put_in(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[set[int]]], gone: set[int]
) -> None:
    index = open_sqlite(tmp_path_factory.mktemp("store"))()
    model: dict[int, list[int]] = {}
    number = 1
    for batch in batches:
        texts = []
        for keys in batch:
            texts.append(text(number, sorted(keys)))
            for key in keys:
                model.setdefault(key, []).append(number)
            number += 1
        with index.transaction():
            index.add(texts, [(f"a{text.number}", text.number) for text in texts])
    with index.transaction():
        for lost in gone:
            index.forget([f"a{lost}"])
        assert index.verify() == []
        expected = [[n for n in model.get(key, []) if n not in gone][:BUCKET_CAP] for key in range(41)]
        assert holders(index, *range(41)) == expected


def test_a_large_run_is_read_chunk_by_chunk(tmp_path: Path) -> None:
    index = open_sqlite(tmp_path)()
    draw = np.random.RandomState(1)
    keys = draw.randint(0, 5000, (3000, 40)).astype(np.uint64) << np.uint64(20)
    with index.transaction():
        index.add(
            [text(n + 1, sorted(set(row.tolist()))) for n, row in enumerate(keys)], [(f"a{n}", n + 1) for n in range(3000)]
        )
        asked = np.arange(0, 5000, 7, dtype=np.uint64) << np.uint64(20)
        wanted = [(np.flatnonzero((keys == key).any(axis=1)) + 1)[:BUCKET_CAP].tolist() for key in asked]
        assert holders(index, *asked.tolist()) == wanted
        assert index.verify() == []
    gone = list(range(1, 3000, 3))
    with index.transaction():
        index.forget([f"a{number - 1}" for number in gone])
        left = [np.setdiff1d(np.flatnonzero((keys == key).any(axis=1)) + 1, gone)[:BUCKET_CAP].tolist() for key in asked]
        assert holders(index, *asked.tolist()) == left
        assert index.verify() == []


def test_a_sieve_knows_all_keys_of_its_run_and_few_others() -> None:
    draw = np.random.RandomState(1)
    keys = np.sort(draw.randint(0, 1 << 36, 200_000).astype(np.uint64))
    sieve = Sieve.make(len(keys))
    for part in np.array_split(keys, 7):
        sieve.add(part)
    assert sieve.may_hold(keys, mark_keys(keys)).all()
    others = draw.randint(0, 1 << 36, 200_000).astype(np.uint64)
    assert sieve.may_hold(others, mark_keys(others)).mean() < 0.01


def test_a_file_that_is_no_index_is_refused_and_left_alone(tmp_path: Path) -> None:
    for name, content in {"text.db": b"some text that is no database at all" * 40, "empty.db": b""}.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(IndexStateError, match="no index"):
            SqliteIndex(path)
        assert path.read_bytes() == content
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(IndexStateError, match="no index of dedupe"):
        SqliteIndex(tmp_path / "other.db", SETTINGS)
    with pytest.raises(IndexStateError, match="no such index"):
        SqliteIndex(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
    with pytest.raises(IndexStateError, match="folder that does not exist"):
        SqliteIndex(tmp_path / "nowhere" / "index.db", SETTINGS)


def test_an_index_of_another_format_is_refused_with_a_way_out(tmp_path: Path) -> None:
    open_sqlite(tmp_path)().close()
    raw = sqlite3.connect(tmp_path / "index.db")
    raw.execute("PRAGMA user_version = 2")
    raw.close()
    with pytest.raises(IndexStateError, match=r"has format 2, this version of dedupe reads 3; make it anew") as caught:
        open_sqlite(tmp_path)()
    assert caught.value.exit_code == 5


def test_a_forgotten_owner_is_not_in_the_bytes_of_the_file(tmp_path: Path) -> None:
    index = open_sqlite(tmp_path)()
    for number in range(1, 30):
        with index.transaction():
            index.add([text(number, [0xABCDEF000 + number])], [(f"owner-{number:03}-x", number)])
    postings = [(0xABCDEF000 + number << 28 | number).to_bytes(8, "little") for number in (7, 8)]
    with index.transaction():
        assert index.forget(["owner-007-x"]) == Forgotten()
    index.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"owner-008-x" in content
    assert b"owner-007-x" not in content
    assert b"body7" not in content
    assert b"sketch0000000008" in content
    assert b"sketch0000000007" not in content
    assert (7).to_bytes(16, "big") not in content
    assert [posting in content for posting in postings] == [False, True], "nor in pages of runs that were merged since"


def test_workers_that_make_an_index_at_the_same_time_all_open_it(tmp_path: Path) -> None:
    def work(path: Path, gate: int) -> None:
        os.read(gate, 1)  # until all are there, and the other end is closed
        index = SqliteIndex(path, SETTINGS)
        with index.transaction():
            number = index.next_number()
            index.add([text(number, [number])], [(f"a{number}", number)])
        index.close()

    for n in range(25):
        gate, opened = os.pipe()
        workers = []
        for _ in range(4):
            workers.append(os.fork())
            if workers[-1] == 0:
                os.close(opened)
                status = 1
                try:
                    work(tmp_path / f"{n}.db", gate)
                    status = 0
                finally:
                    os._exit(status)
        os.close(opened)
        assert [os.waitpid(worker, 0)[1] for worker in workers] == [0] * 4
        os.close(gate)
        index = SqliteIndex(tmp_path / f"{n}.db")
        with index.snapshot():
            assert (index.stats().texts, index.verify()) == (4, [])
        index.close()


def test_at_rest_an_index_is_one_file(tmp_path: Path) -> None:
    index = open_sqlite(tmp_path)()
    with index.transaction():
        index.add([text(1, [7])], [("a", 1)])
    index.close()
    assert [path.name for path in tmp_path.iterdir()] == ["index.db"]


def test_damage_is_seen(tmp_path: Path) -> None:
    index = open_sqlite(tmp_path)()
    with index.transaction():
        index.add([text(1, [7]), text(2, [7])], [("a", 1), ("b", 2)])
    index.close()
    raw = sqlite3.connect(tmp_path / "index.db")
    raw.execute("UPDATE text SET survivor = 9 WHERE number = 2")
    raw.execute("DELETE FROM body WHERE number = 1")
    raw.execute("UPDATE outline SET content = zeroblob(length(content))")
    raw.execute("UPDATE chunk SET body = ?", (np.array([5, 3], np.uint64).tobytes(),))
    raw.commit()
    raw.close()
    index = open_sqlite(tmp_path)()
    with index.transaction():
        faults = " ".join(index.verify())
    assert "text 1 has no body" in faults
    assert "text 2 stands behind text 9" in faults
    assert "not sorted" in faults
    assert "the outline of text 2 is not that of its sketch" in faults
