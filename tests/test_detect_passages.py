"""Shared passages: every long run is found and told exactly, boilerplate links nothing, and kinds are told apart."""

import itertools
import random
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe import kernel
from dedupe.config import FindSettings
from dedupe.detect import align, passages
from dedupe.detect.align import Aligner, align_pairs
from dedupe.detect.boilerplate import LEAST_RUN, SOURCE_MOST, find_boilerplate, make_boilerplate
from dedupe.detect.columns import chain_sizes
from dedupe.detect.find import Found, find_pairs
from dedupe.detect.fingerprints import SURE_WORDS, winnow_shingles
from dedupe.detect.passages import _find_wrapping, _Readings, _Runs, align_texts, cut_spans, trace_passages
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier
from dedupe.detect.shingles import hash_in_order
from dedupe.detect.verify import count_shared
from dedupe.model import Article, Pair
from dedupe.text.normal import tokenize

DEFAULTS = FindSettings(kinds=("exact", "near", "contained", "overlap"))


def make_words(count: int, seed: int, size: int = 3000) -> str:
    chooser = random.Random(seed)
    return " ".join(f"w{chooser.randrange(size)}" for _ in range(count))


def relate(
    texts: dict[str, str], sources: dict[str, int] | None = None, find: FindSettings = DEFAULTS
) -> tuple[Found, list[Pair]]:
    """What finding gives, and the pairs with their passages."""
    ids = list(texts)
    profiles = profile_texts(texts.values(), find)
    numbers = [sources[id] for id in ids] if sources else ()
    found = find_pairs(profiles, ids, Verifier(profiles, ids, find), find, numbers)
    traced = trace_passages(found, ids, lambda wanted: [Article(id, texts[id]) for id in ids if id in wanted], find)
    return found, list(traced.pairs)


def kinds_of(texts: dict[str, str], sources: dict[str, int] | None = None) -> dict[tuple[str, str], str]:
    return {(pair.a, pair.b): pair.kind for pair in relate(texts, sources)[1]}


def fingerprint_sets(texts: list[str], shingle_words: int) -> list[set[int]]:
    hashes, counts = hash_in_order(tokenize(texts), shingle_words)
    prints, offsets = winnow_shingles(hashes, counts, shingle_words)
    return [set(prints[offsets[d] : offsets[d + 1]].tolist()) for d in range(len(texts))]


def test_unrelated_texts_share_nothing():
    texts = {f"a{i}": make_words(300, i, size=100_000) for i in range(30)}
    found, pairs = relate(texts)
    assert pairs == []
    assert len(found.sharing) == 0


@pytest.mark.parametrize("shingle_words", [1, 2, 3, 5, 8, 12])
@given(seed=st.integers(0, 10_000), lengths=st.tuples(*[st.integers(0, 90)] * 4), more=st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_any_shared_run_gives_a_shared_fingerprint(shingle_words: int, seed: int, lengths: tuple[int, ...], more: int):
    run = make_words(SURE_WORDS + more, seed, size=50)
    a = " ".join([make_words(lengths[0], seed + 1), run, make_words(lengths[1], seed + 2)])
    b = " ".join([make_words(lengths[2], seed + 3), run, make_words(lengths[3], seed + 4)])
    # Neighbours in the batch must not matter.
    first, _, second = fingerprint_sets([a, "something else " * 9, b], shingle_words)
    assert first & second
    assert fingerprint_sets([a], shingle_words) == [first]


def test_texts_of_few_words_have_few_fingerprints():
    assert [len(prints) for prints in fingerprint_sets(["", "a b c", make_words(12, 1), make_words(400, 2)], 5)][:3] == [
        0,
        0,
        1,
    ]


@pytest.mark.parametrize("length", [40, 41, 60, 200])
def test_a_planted_run_is_told_exactly_in_both_texts(length: int):
    run = make_words(length, 7)
    a = make_words(400, 1, 100_000) + ".\n“" + run.title() + "”, " + make_words(300, 2, 100_000)
    b = make_words(1200, 3, 100_000) + " " + run + "… " + make_words(20, 4, 100_000)
    _, [pair] = relate({"a": a, "b": b})
    [passage] = pair.passages
    assert pair.kind == "overlap"
    assert passage.words == length
    assert a[passage.a_start : passage.a_end] == run.title()
    assert b[passage.b_start : passage.b_end] == run


def test_a_short_shared_run_is_an_overlap_only_of_short_texts():
    run = make_words(24, 7)
    long = {
        name: f"{make_words(300, seed, 10**6)} {run} {make_words(9, seed + 1, 10**6)}" for name, seed in (("a", 1), ("b", 3))
    }
    short = {name: f"{make_words(100, seed, 10**6)} {run}" for name, seed in (("c", 5), ("d", 7))}
    assert kinds_of(long) == {}
    assert kinds_of(short) == {("c", "d"): "overlap"}


def test_texts_of_three_words_and_of_none_are_related_to_nothing():
    article = make_words(200, 1)
    texts = {"a": article, "b": " ".join(article.split()[:3]), "c": " ".join(article.split()[50:60]), "d": "", "e": "?!"}
    assert kinds_of(texts) == {}


def test_a_cut_copy_and_a_wrapped_page_are_contained():
    body = make_words(300, 1)
    page = make_words(150, 2) + "\n" + body + "\n" + make_words(150, 3)
    cut = " ".join(body.split()[:150])
    assert kinds_of({"body": body, "cut": cut, "page": page}) == dict.fromkeys(
        [("body", "cut"), ("body", "page"), ("cut", "page")], "contained"
    )


def test_a_kind_that_is_off_is_not_found():
    body = make_words(300, 1)
    texts = {"body": body, "page": make_words(150, 2) + body + make_words(150, 3)}
    for kinds in (("exact", "near"), ("exact", "near", "overlap")):
        _, pairs = relate(texts, find=FindSettings(kinds=kinds))
        assert [pair.kind for pair in pairs] == (["overlap"] if "overlap" in kinds else [])
    assert len(profile_texts(texts.values(), FindSettings(kinds=("exact", "near"))).fingerprints) == 0


def test_without_near_the_like_are_contained():
    body = make_words(300, 1)
    _, [pair] = relate({"a": body, "b": body + " more"}, find=FindSettings(kinds=("contained",)))
    assert pair.kind == "contained"


def test_a_page_of_boilerplate_alone_is_contained_in_nothing():
    frame = make_words(120, 1)
    texts = {f"p{i:02}": frame + " " + make_words(200, i + 10, 100_000) for i in range(30)}
    assert kinds_of(texts) == {}
    assert kinds_of(texts | {"frame": frame, "more": frame + " Error 404: there is no such page here"}) == {
        ("frame", "more"): "near"
    }


def test_what_a_site_says_on_every_page_links_nothing():
    frame, other = make_words(120, 1), make_words(90, 2)
    texts = {f"p{i:02}": frame + " " + make_words(200, i + 10, 100_000) for i in range(SOURCE_MOST + 1)}
    texts |= {f"q{i:02}": other + " " + make_words(200, i + 50, 100_000) for i in range(2)}
    sources = {id: "pq".index(id[0]) for id in texts}
    assert kinds_of(texts, sources) == {("q00", "q01"): "overlap"}
    # The same pages, from nobody knows where, only share a passage.
    assert set(kinds_of(texts).values()) == {"overlap"}


def test_copies_of_an_article_do_not_make_it_boilerplate():
    body = make_words(400, 1).split()
    texts = {f"n{i:02}": " ".join([*body[: i * 5 + 40], f"x{i}", *body[i * 5 + 40 :]]) for i in range(40)}
    found, pairs = relate(texts | {"cut": " ".join(body[:30]), "quote": make_words(200, 2) + " " + " ".join(body[300:350])})
    assert len(found.boilerplate.hashes) == 0
    kinds = {(pair.a, pair.b): pair.kind for pair in pairs}
    assert sum(kind == "contained" and "cut" in pair for pair, kind in kinds.items()) == 40
    assert "overlap" in {kind for pair, kind in kinds.items() if "quote" in pair}


def test_boilerplate_is_listed_once_with_its_text():
    notice = "We and our partners store cookies on your device so that we may show you what you have seen before today."
    texts = {f"p{i:02}": f"{make_words(100, i, 10**6)}\n{notice}\n{make_words(50, i + 99, 10**6)}" for i in range(25)}
    ids = list(texts)
    found, _ = relate(texts)
    traced = trace_passages(found, ids, lambda wanted: [Article(id, texts[id]) for id in wanted], DEFAULTS)
    [passage] = traced.boilerplate
    assert passage.text == notice.rstrip(".")
    assert (passage.words, passage.texts, passage.examples) == (21, 25, ("p00", "p01", "p02"))


def test_the_order_of_the_texts_does_not_matter():
    body = make_words(300, 1)
    texts = {f"t{i:02}": make_words(i * 7, i) + body[: 400 + i * 30] + make_words(60, i % 3 + 90) for i in range(24)}
    turned = dict(reversed(texts.items()))
    assert relate(texts)[1] == relate(turned)[1]
    assert relate(texts)[0].boilerplate.hashes.tolist() == relate(turned)[0].boilerplate.hashes.tolist()


words = st.lists(st.sampled_from("abcd"), max_size=40)


def all_runs(a: list[str], b: list[str], least: int) -> list[tuple[int, int, int]]:
    """Every maximal shared run of at least `least` words, by trying all places."""
    runs = []
    for i in range(len(a)):
        for j in range(len(b)):
            if a[i] == b[j] and (not i or not j or a[i - 1] != b[j - 1]):
                size = 0
                while i + size < len(a) and j + size < len(b) and a[i + size] == b[j + size]:
                    size += 1
                if size >= least:
                    runs.append((i, j, size))
    return runs


@given(words, words)
@settings(max_examples=300, deadline=None)
def test_aligned_runs_are_shared_disjoint_and_the_longest_is_among_them(a: list[str], b: list[str]):
    shingle_words, least = 2, 4
    hashes, counts = hash_in_order(tokenize([" ".join(a), " ".join(b)]), shingle_words)
    if len(a) < shingle_words or len(b) < shingle_words:
        return
    [runs] = Aligner(hashes[: counts[0]], shingle_words).align([hashes[counts[0] :]], least)
    for run in runs:
        assert run.words >= least
        assert a[run.a : run.a + run.words] == b[run.b : run.b + run.words]
    for places in (
        [p for run in runs for p in range(run.a, run.a + run.words)],
        [p for run in runs for p in range(run.b, run.b + run.words)],
    ):
        assert len(places) == len(set(places))
    longest = max((size for _, _, size in all_runs(a, b, least)), default=0)
    if longest >= 12:  # a shorter one may consist of what stands everywhere
        assert max(run.words for run in runs) == longest


texts_of_words = st.lists(
    st.lists(st.sampled_from("abcd"), max_size=60) | st.sampled_from(["a" * 90, "ab" * 40, "abcd" * 30, "abcaabcab" * 9]),
    min_size=1,
    max_size=5,
)


@given(texts_of_words, st.integers(1, 4), st.integers(1, 12), st.data())
@settings(max_examples=300, deadline=None)
def test_both_kernels_align_alike(texts: list[str], shingle_words: int, least: int, data: st.DataObject):
    hashes, counts = hash_in_order(tokenize([" ".join(text) for text in texts]), shingle_words)
    pairs = data.draw(st.lists(st.tuples(*(st.integers(0, len(texts) - 1),) * 2), max_size=8))
    a, b = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))

    def align() -> list[list[int]]:
        runs = align_pairs(hashes, chain_sizes(counts), a, b, shingle_words, least)
        return [run for portion in runs for run in portion.tolist()]

    fast = align()
    with patch.object(kernel, "_COMPILED", None):
        assert align() == fast


def test_portions_of_pairs_are_aligned_as_all_at_once(monkeypatch: pytest.MonkeyPatch):
    hashes, counts = hash_in_order(tokenize([make_words(60, seed % 3) + " " + make_words(60, seed) for seed in range(9)]), 3)
    a, b = np.triu_indices(9, 1)
    [whole] = align_pairs(hashes, chain_sizes(counts), a, b, 3, 10)
    monkeypatch.setattr(align, "_PORTION", 500)
    portions = list(align_pairs(hashes, chain_sizes(counts), a, b, 3, 10))
    assert len(portions) > 3
    assert np.concatenate(portions).tolist() == whole.tolist()


@pytest.mark.parametrize("compiled", [True, False])
def test_a_text_that_repeats_one_word_is_aligned_in_time(compiled: bool):
    hashes = np.full(5000, 7, np.uint32)
    with patch.object(kernel, "_COMPILED", kernel.compiled_kernel() if compiled else None):
        [runs] = align_pairs(hashes, np.array([0, 3000, 5000]), np.array([0]), np.array([1]), 5, 10)
    assert runs[:, 3].max() == 2004


flags = st.lists(st.booleans(), min_size=1, max_size=30)


@given(flags, st.data())
def test_words_of_boilerplate_in_either_text_are_counted(flags: list[bool], data: st.DataObject):
    size = data.draw(st.integers(0, len(flags)))
    a, b = (data.draw(st.integers(0, len(flags) - size)) for _ in "ab")
    columns = (np.array([number], np.int64) for number in (a, b, size))
    expected = sum(x or y for x, y in zip(flags[a : a + size], flags[b : b + size], strict=True))
    assert passages._count_marked(np.array(flags), *columns).tolist() == [expected]


@given(st.lists(st.lists(st.booleans(), max_size=25), min_size=1, max_size=4), st.integers(1, 12))
def test_words_under_frequent_shingles_in_a_row_are_boilerplate(texts: list[list[bool]], shingle_words: int):
    # A text of fewer words than a shingle has one, of all of them.
    words = [len(marks) + shingle_words - 1 if len(marks) > 1 else 3 * len(marks) for marks in texts]
    expected = []
    for marks, count in zip(texts, words, strict=True):
        common = [False] * count
        for begin in range(len(marks)):
            end = begin
            while end < len(marks) and marks[end]:
                end += 1
            if end > begin and end - begin + shingle_words - 1 >= LEAST_RUN:
                common[begin : end + shingle_words - 1] = [True] * len(common[begin : end + shingle_words - 1])
        expected += common
    columns = (chain_sizes(np.array(sizes)) for sizes in (list(map(len, texts)), words))
    flat = np.array([mark for marks in texts for mark in marks], np.bool_)
    assert passages._cover_words(flat, *columns, shingle_words).tolist() == expected


def test_a_long_run_through_what_repeats_stays_whole():
    phrase = "so he said to her and she said to him"
    run = f"{make_words(30, 1)} {phrase} {make_words(30, 2)}"
    a = " ".join([phrase, make_words(9, 3)] * 20) + " " + run
    [passage] = [p for p in align_texts(a, run + " " + make_words(9, 4), DEFAULTS) if p.words > 20]
    assert passage.words == len(run.split())
    assert a[passage.a_start : passage.a_end] == run


def test_moved_paragraphs_are_each_found():
    first, second = make_words(50, 1), make_words(60, 2)
    passages = align_texts(f"{first}. {second}.", f"{second}. {first}.", DEFAULTS)
    assert [(p.a_start < p.b_start, p.words) for p in passages] == [(True, 50), (False, 60)]


def test_cutting_spans_leaves_the_rest():
    assert cut_spans("one two three", []) == "one two three"
    assert cut_spans("(one) two, three.", [(1, 4), (11, 16)]) == " two, "


def test_sets_of_very_different_size_are_counted_alike():
    chooser = np.random.default_rng(1)
    large = np.unique(chooser.integers(0, 10_000, 5000).astype(np.uint32))
    small = np.unique(chooser.integers(0, 10_000, 40).astype(np.uint32))
    hashes, offsets = np.concatenate([small, large, small[:0]]), np.cumsum([0, len(small), len(large), 0])
    expected = len(np.intersect1d(small, large))
    rows = np.array([0, 1, 0, 2]), np.array([1, 0, 2, 1])
    assert count_shared(hashes, offsets, *rows).tolist() == [expected, expected, 0, 0]
    even = make_boilerplate(np.unique(hashes[hashes % 2 == 0]), *(np.empty(0, np.int64),) * 3)
    odd = count_shared(hashes, offsets, *rows, left_out=even)
    assert odd[0] == sum(value % 2 for value in np.intersect1d(small, large).tolist())


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), min_size=1, max_size=12), st.data())
@settings(max_examples=100, deadline=None)
def test_boilerplate_is_what_more_than_so_many_groups_hold(sets: list[list[int]], data: st.DataObject):
    texts = [" ".join(f"word{n}" for n in numbers) for numbers in sets]
    profiles = profile_texts(texts, FindSettings(kinds=("overlap",), shingle_words=1))
    groups = data.draw(st.lists(st.integers(0, 5), min_size=len(sets), max_size=len(sets)))
    sources = data.draw(st.lists(st.integers(-1, 2), min_size=len(sets), max_size=len(sets)))
    rows = np.arange(len(sets))
    found = find_boilerplate(profiles, rows, np.array(groups), np.array(sources), most=2)
    several = len({source for source in sources if source >= 0}) > 1
    expected = {}
    for number in range(10):
        holders = [row for row in rows.tolist() if number in sets[row]]
        in_source = [len({groups[row] for row in holders if sources[row] == source}) for source in range(3)] if several else [0]
        if len({groups[row] for row in holders}) > 2 or max(in_source) > min(SOURCE_MOST, 2):
            expected[number] = (len({groups[row] for row in holders}), holders[:3])
    hashes = {n: int(profile_texts([f"word{n}"], FindSettings(shingle_words=1)).hashes[0]) for n in range(10)}
    assert sorted(found.hashes.tolist()) == sorted(hashes[n] for n in expected)
    for number, (count, holders) in expected.items():
        place = found.hashes.tolist().index(hashes[number])
        assert found.texts[place] == count
        assert [row for row in found.holders[place].tolist() if row >= 0] == holders


def mark_plainly(text: int, sides: list[tuple[int, int, int, int, int]], readings: _Readings) -> list[bool]:
    """Which words of a text are furniture, told word by word; sides: a text, a place, a version, a place there, the words."""
    words = range(int(readings.words[text]), int(readings.words[text + 1]))
    shared, heads, tails = set[int](), list[int](), list[int]()
    for _, place, version, begin, size in (side for side in sides if side[0] == text):
        shared |= set(range(place, place + size))
        length = int(readings.words[version + 1] - readings.words[version])
        heads += [place] * (begin <= passages.EDGE_WORDS)
        tails += [place + size] * (begin + size >= length - passages.EDGE_WORDS and bool(readings.stops[version]))
    alone = [place for place in range(len(words)) if place not in shared]
    spare = {place for place in alone if readings.prose[words[place]] and not readings.common[words[place]]}
    for low, high, allowing in ((0, min(heads, default=0), heads), (max(tails, default=len(words)), len(words), tails)):
        inside = spare & set(range(low, high))
        if len(inside) <= passages.WRAPPING_WORDS * len(allowing):
            spare -= inside
    return [bool(readings.common[words[place]]) or (place in alone and place not in spare) for place in range(len(words))]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_furniture_of_all_texts_is_that_of_each(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=5))
    total, texts = sum(counts), range(len(counts))
    drawn = (data.draw(st.lists(st.booleans(), min_size=size, max_size=size)) for size in (total, total, len(counts)))
    flags = [np.array(some, np.bool_) for some in drawn]
    none = np.empty(0, np.uint32), np.zeros(1, np.int64)
    readings = _Readings({f"t{text}": text for text in texts}, *none, *flags[:2], chain_sizes(np.array(counts)), flags[2])
    runs = []
    for a, b in sorted(data.draw(st.sets(st.sampled_from([*itertools.combinations(texts, 2)])))):
        inside = st.tuples(st.integers(0, counts[a]), st.integers(0, counts[b]))
        for place_a, place_b in data.draw(st.lists(inside, max_size=2)):
            runs.append((a, b, place_a, place_b, min(counts[a] - place_a, counts[b] - place_b)))
    pairs = sorted({run[:2] for run in runs})
    bounds = np.searchsorted([pairs.index(run[:2]) for run in runs], np.arange(len(pairs) + 1))
    a, b = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    columns = [np.array([run[at] for run in runs], np.int64) for at in (2, 3, 4)]
    sides = [(x, i, y, j, n) for a, b, i, j, n in runs for x, i, y, j in ((a, i, b, j), (b, j, a, i))]
    block = data.draw(st.sampled_from([1, 30, 400_000]))
    with patch.multiple(passages, _BATCH=block, WRAPPING_WORDS=3, EDGE_WORDS=2):
        found = _find_wrapping(_Runs(a, b, bounds, *columns), readings)
        expected = [
            (text, place)
            for text in sorted({text for pair in pairs for text in pair})
            for place, flag in enumerate(mark_plainly(text, sides, readings))
            if flag
        ]
    stretches = zip(found.rows.tolist(), found.begins.tolist(), found.sizes.tolist(), strict=True)
    assert [(row, begin + at) for row, begin, size in stretches for at in range(size)] == expected
