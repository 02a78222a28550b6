"""Finding pairs: every reported pair is true, and none is missed by chance or by order."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.config import FindSettings
from dedupe.detect import buckets, verify
from dedupe.detect.find import find_pairs, represent_copies
from dedupe.detect.lsh import choose_bands, expected_recall, find_candidates
from dedupe.detect.profile import Profiler, profile_texts
from dedupe.detect.relation import Verifier
from dedupe.detect.verify import measure_pairs
from dedupe.errors import UsageError

DEFAULTS = FindSettings()


def make_article(random_words: random.Random, length: int = 150) -> list[str]:
    return [f"w{random_words.randrange(5000)}" for _ in range(length)]


def make_corpus(seed: int, originals: int, copies: int) -> list[str]:
    """Articles of random words and copies of them with a few words replaced."""
    chooser = random.Random(seed)
    articles = [make_article(chooser) for _ in range(originals)]
    for _ in range(copies):
        copy = list(chooser.choice(articles[:originals]))
        for _ in range(chooser.randrange(8)):
            copy[chooser.randrange(len(copy))] = "changed"
        articles.append(copy)
    return [" ".join(words) for words in articles]


def plain_shingles(text: str, k: int = 5) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + k]) for i in range(len(words) - k + 1)}


def as_rows(texts: list[str], ids: list[str], find_settings: FindSettings = DEFAULTS) -> list[tuple]:
    profiles = profile_texts(texts, find_settings)
    found = find_pairs(profiles, ids, Verifier(profiles, ids, find_settings), find_settings)
    return [(pair.a, pair.b, pair.kind, pair.jaccard, pair.containment) for pair in found.pairs]


def test_unrelated_and_empty_texts_are_related_to_nothing():
    texts = ["", "  ?!", "", "one two three", "four five six", *make_corpus(1, 40, 0)]
    assert as_rows(texts, [f"{i:03}" for i in range(len(texts))]) == []


def test_no_texts_give_no_pairs():
    assert as_rows([], []) == []


def test_all_true_pairs_are_found_and_no_other():
    texts = make_corpus(2, 60, 120)
    ids = [f"{i:03}" for i in range(len(texts))]
    representatives = {text: id for id, text in reversed(list(zip(ids, texts, strict=True)))}
    sets = {representatives[text]: plain_shingles(text) for text in representatives}
    expected = {
        (a, b) for a, b in itertools.combinations(sorted(sets), 2) if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= 0.7
    }
    near = {(a, b) for a, b, kind, _, _ in as_rows(texts, ids) if kind == "near"}
    assert len(expected) > 100
    assert near == expected


def test_numbers_are_exact():
    words = [f"w{i}" for i in range(30)]
    ((_, _, kind, jaccard, containment),) = as_rows([" ".join(words), " ".join(words[:25])], ["a", "b"])
    assert (kind, jaccard, containment) == ("near", 21 / 26, 1.0)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_texts_does_not_matter(shuffler):
    texts = make_corpus(3, 8, 20)
    ids = [f"{i:02}" for i in range(len(texts))]
    order = list(range(len(texts)))
    shuffler.shuffle(order)
    assert as_rows([texts[i] for i in order], [ids[i] for i in order]) == as_rows(texts, ids)


def test_copies_are_joined_to_the_smallest_id_not_each_to_each():
    text = make_corpus(4, 1, 0)[0]
    rows = as_rows([text] * 2000 + [text + " more"], [f"{i:04}" for i in reversed(range(2001))])
    exact = [(a, b) for a, b, kind, _, _ in rows if kind == "exact"]
    assert exact == [("0001", f"{i:04}") for i in range(2, 2001)]
    assert [(a, b) for a, b, kind, _, _ in rows if kind == "near"] == [("0000", "0001")]


def test_kinds_are_found_as_asked():
    text = make_corpus(4, 1, 0)[0]
    texts, ids = [text, text.upper(), text + " more"], ["a", "b", "c"]
    assert [row[:3] for row in as_rows(texts, ids, FindSettings(kinds=("exact",)))] == [("a", "b", "exact")]
    assert [row[:3] for row in as_rows(texts, ids, FindSettings(kinds=("near",)))] == [("a", "c", "near")]


def test_a_hot_bucket_is_linear_and_reported():
    chooser = random.Random(5)
    frame = make_article(chooser, 300)
    texts = [" ".join([*frame, f"tail{i}"]) for i in range(600)]
    profiles, ids = profile_texts(texts, DEFAULTS), [f"{i:03}" for i in range(600)]
    found = find_pairs(profiles, ids, Verifier(profiles, ids, DEFAULTS), DEFAULTS)
    assert {group.example for group in found.hot} >= {"000"}
    assert max(group.texts for group in found.hot) > 500
    assert found.candidates < 20 * 600
    assert {pair.b for pair in found.pairs if pair.a == "000"} == {f"{i:03}" for i in range(1, 600)}


def test_families_that_share_a_hot_bucket_are_still_found():
    generator = np.random.default_rng(6)
    signatures = generator.integers(0, 2**32, (400, 6), dtype=np.uint32)
    signatures[:, :2] = 7
    signatures[200:, 2:4] = signatures[:200, 2:4]
    found = find_candidates(signatures, 3, 2, cap=50)
    assert set(zip(range(200), range(200, 400), strict=True)) <= set(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert len(found.a) <= 2 * 400
    assert [(hot.band, hot.rows, hot.first) for hot in found.hot_buckets] == [(0, 400, 0)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3), st.sampled_from([1, 20, 2_000_000]))
def test_candidates_are_the_pairs_that_agree_in_a_band(seed, bands, rows, pending):
    signatures = np.random.default_rng(seed).integers(0, 3, (12, 12), dtype=np.uint32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "_PENDING", pending)
        found = find_candidates(signatures, bands, rows)
    expected = [
        (a, b)
        for a, b in itertools.combinations(range(12), 2)
        if any(
            (signatures[a, i * rows : (i + 1) * rows] == signatures[b, i * rows : (i + 1) * rows]).all() for i in range(bands)
        )
    ]
    assert list(zip(found.a.tolist(), found.b.tolist(), strict=True)) == expected


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.8, 0.95, 1.0])
def test_bands_are_the_coarsest_that_reach_the_recall(threshold):
    bands, rows = choose_bands(threshold, 128, 0.999)
    assert expected_recall(threshold, bands, rows) >= 0.999
    assert rows == 128 or expected_recall(threshold, 128 // (rows + 1), rows + 1) < 0.999


@given(st.lists(st.sets(st.integers(0, 30)), min_size=2, max_size=8), st.integers(1, 40))
def test_similarities_are_those_of_the_sets(sets, block):
    hashes = np.array([number for members in sets for number in sorted(members)], np.uint32)
    offsets = np.concatenate([[0], np.cumsum([len(members) for members in sets])])
    a, b = np.triu_indices(len(sets), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "_BLOCK", block)
        jaccard, containment = measure_pairs(hashes, offsets, a, b)
    for i, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        shared, union = len(sets[x] & sets[y]), len(sets[x] | sets[y])
        assert jaccard[i] == (shared / union if union else 0)
        assert containment[i] == (shared / min(len(sets[x]), len(sets[y])) if sets[x] and sets[y] else 0)


def test_profiles_do_not_depend_on_the_batches(monkeypatch):
    from dedupe.detect import batches

    texts = [*make_corpus(7, 5, 5), "", "Größe 東京 don’t", "x" * 400]
    whole = profile_texts(texts, DEFAULTS)
    monkeypatch.setattr(batches, "BATCH", 1)
    single = profile_texts(texts, DEFAULTS)
    for column in ("digests", "words", "hashes", "offsets", "signatures"):
        assert np.array_equal(getattr(whole, column), getattr(single, column))


def test_copies_are_represented_by_their_first():
    digests = np.array([[1] * 16, [2] * 16, [1] * 16, [1] * 8 + [2] * 8], np.uint8)
    assert represent_copies(digests).tolist() == [0, 1, 0, 3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kinds": ("neer",)}, "did you mean 'near'"),
        ({"near": 0.0}, "is 0.0"),
        ({"bands": 30, "rows": 5}, "do not fit 128"),
        ({"bands": 30}, "set both"),
        ({"shingle_words": 0}, "at least 1"),
        ({"permutations": 0}, "at least 1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_make_no_sense_are_errors(wrong, message):
    with pytest.raises(UsageError, match=message):
        as_rows(["some text"], ["a"], FindSettings(**wrong))


def test_a_profiler_without_texts_has_empty_columns():
    profiles = Profiler(DEFAULTS).finish()
    assert len(profiles) == 0
    assert profiles.signatures.shape == (0, 128)
    assert profiles.offsets.tolist() == [0]
