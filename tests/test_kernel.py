"""The compiled kernel gives what NumPy gives, bit for bit; and dedupe works without it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from conftest import Cli
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dedupe import __version__, kernel
from dedupe.config import FindSettings
from dedupe.detect import batches, boilerplate, buckets, despun, fingerprints, lsh, minhash, profile, shingles, stories, verify
from dedupe.detect.columns import chain_sizes, encode_values, find_spread, take_rows
from dedupe.detect.stories import link_stories
from dedupe.detect.templates import _count_shared
from dedupe.detect.terms import extract_terms, spell_terms
from dedupe.repair.encoding import _fix_line, fix_encoding
from dedupe.repair.endings import find_truncated
from dedupe.repair.glance import Glance
from dedupe.repair.layout import clean_residue, read_layout
from dedupe.repair.outline import find_outline
from dedupe.repair.shape import MOJIBAKE, find_shapes
from dedupe.repair.sieve import Sieve
from dedupe.repair.slips import find_slips
from dedupe.repair.spintax import find_spintax
from dedupe.repair.variants import _tables, flag_variants
from dedupe.text.classes import ClassMap, DespunTokens
from dedupe.text.lexicon import load_lexicon
from dedupe.text.normal import prepare_texts, tokenize
from dedupe.text.words import count_each, count_words

compiled = pytest.mark.skipif(kernel.compiled_kernel() is None, reason="this installation has no compiled kernel")

LEXICON = load_lexicon()
ALPHABET = "aB9'’ʼŉ_ .\n\u0301\u200dİΣßéÉकाกจ東カ\ufe0f\u1100\u1161ﬁ…½ﷺ\ud800Å\U0001f600\U000e0101"
TEXT = st.text(st.characters(), max_size=60) | st.text(ALPHABET, max_size=40) | st.text("ab \u00e9", max_size=400)
TEXTS = st.lists(
    TEXT | st.builds(lambda word, times: word * times, st.text("aé東", min_size=1, max_size=3), st.just(150)), max_size=6
)
HASHES = st.lists(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 9), max_size=120), max_size=6)


@contextmanager
def without_kernel() -> Iterator[None]:
    with patch.object(kernel, "_COMPILED", None):
        yield


def both(call: Callable[[], Any]) -> tuple[list[Any], list[Any]]:
    """The arrays that a call gives with the compiled kernel, and those it gives without, with their types."""
    fast = call()
    with without_kernel():
        slow = call()
    return columns(fast), columns(slow)


def columns(value: Any) -> list[Any]:
    parts = value if isinstance(value, tuple) else [getattr(value, name) for name in getattr(value, "__slots__", ())] or [value]
    return [(part.dtype, part.shape, part.tolist()) if isinstance(part, np.ndarray) else part for part in parts]


def joined(sets: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    counts = np.array([len(values) for values in sets], np.int64)
    return np.array([value for values in sets for value in values], np.uint32), counts


@compiled
@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_tokens_are_the_same(texts: list[str]) -> None:
    fast, slow = both(lambda: tokenize(texts))
    assert fast == slow


MARKS_OF_SCRIPTS = (
    "\u0915\u0928\u0930\u091c\u0921\u093c\u094d\u093e\u0940\u0902\u095b\u0929\u0951\u200d\u200c",  # Devanagari
    "\u0995\u09c7\u09be\u09d7\u09cb\u09cd\u09bc\u09af",  # Bengali
    "\u0e01\u0e31\u0e38\u0e48\u0e33\u0eab\u0ec8",  # Thai, Lao
    "\u0627\u0644\u0653\u0654\u064e\u0651\u064b\u0622\ufefb\ufef7",  # Arabic
    "\u05e9\u05c1\u05bc\u05b8\ufb2c",  # Hebrew
    "\u304b\u304c\u3099\uff76\uff9e",  # Kana
    "\u1100\u1161\u11a8\uac00\uac01\uffa1",  # Hangul
    "\u0f71\u0f72\u0f73\u0f40\u0fb5\u0f90\u1025\u102e",  # Tibetan, Myanmar
    "a\u00e9\u0301\u0323\u0345\u1e69\u03b1\u1fb3\u20d0\U0001d15f\U0001d165\U000110a5\U000110ba",
)


@compiled
@given(
    st.lists(st.sampled_from(MARKS_OF_SCRIPTS).flatmap(lambda signs: st.text(signs + "a ", max_size=12)), max_size=5).map(
        "".join
    )
)
@settings(max_examples=1500, deadline=None)
def test_tokens_are_the_same_where_marks_meet(text: str) -> None:
    fast, slow = both(lambda: tokenize([text]))
    assert fast == slow


@compiled
def test_tokens_are_the_same_for_every_pair_of_a_letter_and_a_mark() -> None:
    signs = [chr(code) for code in range(0x80, 0x20000) if 0x0590 <= code < 0x1100 or unicodedata.combining(chr(code))]
    marks = [sign for sign in signs if unicodedata.category(sign)[0] == "M"][::3]
    texts = [" ".join(f"{sign}{mark}" for sign in signs) for mark in marks]
    fast, slow = both(lambda: tokenize(texts))
    assert fast == slow


@compiled
def test_texts_in_scripts_with_marks_are_folded_by_the_kernel() -> None:
    kept = (
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u091c\u093c\u094d\u092f\u093e\u0926\u093e",
        "\u0e02\u0e48\u0e32\u0e27",
        "\u0627\u0644",
    )
    mixed, _ = prepare_texts(kernel.compiled_kernel(), kept)  # type: ignore[arg-type]
    assert mixed == kept


@compiled
def test_tokens_are_the_same_for_every_character() -> None:
    for start in range(0, 0x110000, 0x1000):
        texts = [f"a{chr(code)}B {chr(code)}" for code in range(start, start + 0x1000)]
        fast, slow = both(lambda texts=texts: tokenize(texts))
        assert fast == slow


@compiled
def test_tokens_of_a_long_text_are_the_same_where_letters_combine_across_a_piece() -> None:
    texts = ["x" * (50_000 - before) + "e\u0301o\u0301\u0302 \u0301 Grund " * 9_000 for before in range(4)]
    fast, slow = both(lambda: tokenize(["first", *texts, "last"]))
    assert fast == slow


@compiled
@given(st.binary(max_size=400), st.data())
@settings(deadline=None)
def test_hashes_of_spans_are_the_same(data: bytes, drawn: st.DataObject) -> None:
    places = drawn.draw(st.lists(st.tuples(st.integers(0, len(data)), st.integers(0, len(data))), max_size=50))
    spans = [(min(pair), max(pair)) for pair in places if pair[0] != pair[1]]
    begins, ends = (np.array(side, np.int64) for side in zip(*spans, strict=True)) if spans else (np.empty(0, np.int64),) * 2
    fast, slow = both(lambda: shingles.xxh32_spans(np.frombuffer(data, np.uint8), begins, ends - begins))
    assert fast == slow


PROSE = "Ab Éß 9٣१½², .;:'’–-\u2009\u00a0(“\"‘ \u0301カ東\n_\ud800"


@compiled
@given(st.lists(TEXT | st.text(PROSE, max_size=120), max_size=5))
@settings(max_examples=1000, deadline=None)
def test_terms_are_the_same(texts: list[str]) -> None:
    fast, slow = both(lambda: extract_terms(texts))
    assert fast == slow


@compiled
@pytest.mark.parametrize("where", ["and {}b, {}9 9{}9 9{}", "and, “{}{}a” 9.{} {}.9 {}{}"])
def test_terms_are_the_same_for_every_character(where: str) -> None:
    for start in range(0, 0x30000, 0x1000):
        texts = [where.replace("{}", chr(code)) for code in range(start, start + 0x1000)]
        fast, slow = both(lambda texts=texts: extract_terms(texts))
        assert fast == slow


@compiled
@given(st.text(PROSE, max_size=120), st.data())
@settings(max_examples=500, deadline=None)
def test_terms_are_spelled_alike(text: str, drawn: st.DataObject) -> None:
    terms = extract_terms([text]).terms.tolist()
    wanted = drawn.draw(st.lists(st.sampled_from(terms))) if terms else []
    fast, slow = both(lambda: spell_terms([text, text[::2]], [wanted, wanted]))
    assert fast == slow


@compiled
def test_terms_of_bytes_are_those_of_the_text() -> None:
    texts = ["In Velsing, Ada Brandt saw 9,400 flats.", "Ré e\u0301, Ré 5٣ 東京", ""]
    assert columns(extract_terms([text.encode() for text in texts])) == columns(extract_terms(texts))


@compiled
@given(HASHES, st.lists(st.integers(0, 5), max_size=8), st.integers(1, 4))
@settings(deadline=None)
def test_rows_and_their_values_are_the_same(sets: list[list[int]], chosen: list[int], least: int) -> None:
    values, counts = joined(sets)
    offsets, rows = chain_sizes(counts), np.array([row for row in chosen if row < len(sets)], np.int64)
    calls = [
        lambda: take_rows(values, offsets, rows),
        lambda: find_spread(values, offsets, least),
        lambda: encode_values(values),
    ]
    for call in calls:
        fast, slow = both(call)
        assert fast == slow


@compiled
def test_many_values_are_encoded_alike() -> None:
    values = np.random.default_rng(5).integers(0, 2**32, 60_000).astype(np.uint32)
    values = np.concatenate([values, values[::7], np.arange(20_000, dtype=np.uint32)])
    offsets = np.arange(0, len(values) + 1, 4)
    for call in (lambda: encode_values(values), lambda: find_spread(values, offsets, 2)):
        fast, slow = both(call)
        assert fast == slow


NAMES = [
    "Ada Brandt",
    "Karin Holt",
    "Tom Weir",
    "Velsing",
    "Paul Ames",
    "Mill Lane",
    "the mayor",
    "a boat",
    "won on",
    "東京",
    "met",
]
FIGURES = ["4,120", "917", "91", "12", "2019", "3-2", "8"]


@compiled
@given(st.lists(st.lists(st.sampled_from([*NAMES, *FIGURES]), min_size=8, max_size=40), min_size=3, max_size=8), st.booleans())
@settings(max_examples=200, deadline=None)
def test_stories_are_the_same(reports: list[list[str]], cased: bool) -> None:
    texts = [" ".join(f"and {word} did come by in the end" for word in words) + " ".join(words[::-1]) for words in reports]
    terms = extract_terms(texts if cased else [text.lower() for text in texts])
    rows, moments = np.arange(len(texts)), np.full(len(texts), np.nan)
    lenient = {"_NAMES": 1, "_NAME_WEIGHT": 0.0, "_NAME_COSINE": 0.0, "_COSINE": 0.0, "_NUMBER_COSINE": 0.0}
    with patch.multiple(stories, **lenient):
        fast, slow = both(lambda: tuple(link_stories(terms, rows, moments, 3)))
    assert fast == slow
    event("linked" if fast else "not linked")
    fast, slow = both(lambda: tuple(link_stories(terms, rows, moments, 3)))
    assert fast == slow


WORDS = st.lists(st.sampled_from("abcd"), max_size=30) | st.lists(st.sampled_from("abcdefghéカ\ud800"), max_size=30)


@compiled
@given(st.lists(WORDS, min_size=1, max_size=5))
@settings(max_examples=1500, deadline=None)
def test_matching_words_are_the_same(texts: list[list[str]]) -> None:
    fast, slow = both(lambda: _count_shared([f" {' '.join(words)} " for words in texts]))
    assert fast == slow


@compiled
@given(HASHES)
@settings(deadline=None)
def test_sets_are_the_same(sets: list[list[int]]) -> None:
    hashes, counts = joined(sets)
    fast, slow = both(lambda: shingles.collect_shingles(hashes.copy(), counts))
    assert fast == slow


@compiled
@given(HASHES, st.integers(1, 19), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_signatures_are_the_same(sets: list[list[int]], permutations: int, seed: int) -> None:
    hashes, counts = joined(sets)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    fast, slow = both(lambda: minhash.sign_sets(hashes, offsets, *minhash.draw_permutations(permutations, seed)))
    assert fast == slow


@compiled
@given(HASHES, st.integers(1, 14))
@settings(deadline=None)
def test_fingerprints_are_the_same(sets: list[list[int]], shingle_words: int) -> None:
    fast, slow = both(lambda: fingerprints.winnow_shingles(*joined(sets), shingle_words))
    assert fast == slow


@compiled
@given(HASHES, st.sets(st.integers(0, 9), max_size=4), st.booleans(), st.data())
@settings(deadline=None)
def test_counts_of_shared_hashes_are_the_same(
    sets: list[list[int]], omitted: set[int], leave_out: bool, drawn: st.DataObject
) -> None:
    sets = [*sets, list(range(2000)), [5, 7, 900]]
    hashes, offsets = shingles.collect_shingles(*joined(sets))
    pairs = drawn.draw(st.lists(st.tuples(*(st.integers(0, len(sets) - 1),) * 2), max_size=12))
    a, b = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    none = (np.empty(0, np.int64),) * 3
    left_out = boilerplate.make_boilerplate(np.array(sorted(omitted), np.uint32), *none) if leave_out and omitted else None
    for order in (np.arange(len(a)), np.argsort(a, kind="stable")):
        fast, slow = both(lambda order=order: verify.count_both(hashes, offsets, a[order], b[order], left_out))
        assert fast == slow


@compiled
@given(st.lists(st.lists(st.integers(0, 5) | st.integers(0, 2**32 - 1), max_size=60), min_size=1, max_size=5), st.data())
@settings(deadline=None)
def test_despun_numbers_are_the_same(texts: list[list[int]], drawn: st.DataObject) -> None:
    codes, counts = joined(texts)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    surfaces = codes ^ np.uint32(drawn.draw(st.integers(0, 3)))
    surfaces[::3] &= 2
    tokens = DespunTokens(codes, surfaces, offsets, np.zeros(len(texts), np.int64))
    pairs = drawn.draw(st.lists(st.tuples(*(st.integers(0, len(texts) - 1),) * 2), max_size=12).map(sorted))
    a, b = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    for least in (0.0, 0.3):
        fast, slow = both(lambda least=least: despun.measure_despun(tokens, a, b, least))
        assert fast == slow


@compiled
def test_crowded_and_large_sets_are_counted_alike() -> None:
    chooser = np.random.default_rng(1)
    sets = [
        chooser.choice(np.arange(spread, dtype=np.uint32), size, replace=False)
        for spread, size in ((3000, 2000), (3000, 1000), (2**20, 50_000), (2**20, 3), (9, 0), (60, 60))
    ]
    hashes = np.concatenate([np.sort(values) for values in sets])
    offsets = np.cumsum([0, *map(len, sets)])
    a, b = (side.ravel() for side in np.indices((6, 6)))
    frequent = boilerplate.make_boilerplate(np.arange(0, 3000, 7, dtype=np.uint32), *(np.empty(0, np.int64),) * 3)
    fast, slow = both(lambda: verify.count_both(hashes, offsets, a, b, frequent))
    assert fast == slow


@compiled
@given(st.lists(st.integers(0, 9) | st.integers(0, 2**32 - 1), max_size=80), st.integers(0, 6))
@settings(deadline=None)
def test_the_hashes_that_occur_often_are_the_same(hashes: list[int], most: int) -> None:
    for size in (1 << 24, 8):  # of a range: the whole, and a few ones
        with patch.object(boilerplate, "_RANGE", size):
            fast, slow = both(lambda: boilerplate._find_repeated(np.array(hashes, np.uint32), most).hashes)
            assert fast == slow
            assert fast[0][2] == sorted({value for value in hashes if hashes.count(value) > most})


@compiled
@given(st.integers(0, 5), st.integers(1, 4))
def test_band_keys_are_the_same(band: int, rows: int) -> None:
    signatures = np.random.default_rng(band).integers(0, 2**32, (50, 24), dtype=np.uint32)
    fast, slow = both(lambda: lsh.band_keys(signatures, band, rows))
    assert fast == slow


FORMS = [
    "sea",
    "open sea",
    "open",
    "open sea lane traffic",
    "lane",
    "a",
    "the place",
    "the",
    "high",
    "internationalisation",
    "é",
]


@compiled
@given(st.integers(1, 40), st.floats(0.05, 1))
def test_the_same_pairs_may_reach_a_similarity(permutations: int, similarity: float) -> None:
    signatures = np.random.default_rng(permutations).integers(0, 2, (9, permutations), dtype=np.uint32)
    a, b = (np.repeat(np.arange(9), 9), np.tile(np.arange(9), 9))
    fast, slow = both(lambda: minhash.may_reach(similarity, signatures, a, b))
    assert fast == slow
    for kind in (np.uint8, np.uint16, np.uint32):
        some = signatures.astype(kind)
        fast, slow = both(lambda some=some: minhash.count_equal(some, a, some[:, ::-1], b))
        assert fast == slow
    assert minhash.may_reach(similarity, signatures, a, a).all()


@compiled
@given(st.lists(st.lists(st.sampled_from([*FORMS, "of", "9", "place"]), max_size=14).map(" ".join), max_size=5))
@settings(max_examples=200, deadline=None)
def test_class_tokens_are_the_same(texts: list[str]) -> None:
    classes = ClassMap(
        [("sea", "open sea", "high"), ("open sea lane traffic", "é")], ["the", "a", "the place"], ["high", "the place"]
    )
    fast, slow = both(lambda: classes.despin(tokenize(texts)))
    assert fast == slow


@compiled
@given(TEXTS, st.integers(1, 7), st.sampled_from([("exact", "near"), FindSettings().kinds]))
@settings(max_examples=200, deadline=None)
def test_profiles_are_the_same(texts: list[str], shingle_words: int, kinds: tuple[str, ...]) -> None:
    made = FindSettings(kinds=kinds, shingle_words=shingle_words, permutations=18)
    fast, slow = both(lambda: profile.profile_texts(texts, made))
    assert fast == slow


@compiled
def test_profiles_of_texts_of_every_length_are_the_same() -> None:
    texts = ["ab c é " * (length // 7) + "x" * (length % 7) for length in range(1100)]
    fast, slow = both(lambda: profile.profile_texts(texts, FindSettings(kinds=("exact", "near"))))
    assert fast == slow
    encoded = profile.Profiler(FindSettings(kinds=("exact", "near")))
    encoded.extend([text.encode() for text in texts])
    assert columns(encoded.finish()) == fast


@compiled
def test_texts_that_are_no_utf_8_are_refused() -> None:
    for text in (b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\x80"):
        with pytest.raises(UnicodeDecodeError):
            tokenize([text])


@compiled
@given(st.lists(st.integers(0, 5) | st.integers(0, 2**64 - 1), max_size=40))
def test_buckets_and_their_pairs_are_the_same(keys: list[int]) -> None:
    array = np.array(keys, np.uint64)
    (fast, slow) = both(lambda: buckets.gather_buckets(array))
    assert fast == slow
    members, sizes = buckets.gather_buckets(array)
    assert sorted(members.tolist()) == [row for row, key in enumerate(keys) if keys.count(key) > 1]
    (fast, slow) = both(lambda: buckets.pair_up(members, sizes))
    assert fast == slow
    alike = {(a, b) for b in range(len(keys)) for a in range(b) if keys[a] == keys[b]}
    assert {(int(code) >> 32, int(code) & 0xFFFFFFFF) for code in buckets.pair_up(members, sizes)} == alike


@compiled
def test_words_are_counted_as_split_has_them() -> None:
    texts = [f"a{chr(code)}b" for code in range(0x110000)] + ["", " ", " a  b\n", "\ud800 x"]
    fast, slow = both(lambda: [count_words(text) for text in texts])
    assert fast == slow == [[len(text.split()) for text in texts]]


@compiled
@given(
    st.text(
        st.sampled_from("ab  \t\n\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000é’\u0939\u093f\u200b😀"), min_size=30, max_size=200
    )
)
def test_words_of_longer_texts_are_counted_as_split_has_them(text: str) -> None:
    assert count_words(text) == len(text.split())


PIECES = ["The talks", "went ON", " and", "of", ",", " read more", "[…]", "[+9 chars]", ".", "’", "\n", "\u3000", "é", "\ud800"]
ENDINGS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@compiled
@given(st.lists(TEXT | ENDINGS | ENDINGS.map(lambda end: "They will see it again on Monday " + end), max_size=6), st.booleans())
def test_the_words_and_the_ends_of_many_texts_are_the_same(texts: list[str], encoded: bool) -> None:
    some = [text.encode() for text in texts if text.isprintable()] if encoded else texts
    fast, slow = both(lambda: (count_each(some), find_truncated(some)))
    assert fast == slow
    assert count_each(texts).tolist() == [len(text.split()) for text in texts]


@compiled
@given(st.binary(max_size=80), st.integers(-1, 100), st.lists(st.binary(max_size=3), max_size=4).map(tuple))
def test_lines_of_any_bytes_are_read_or_left(chunk: bytes, limit: int, names: tuple[bytes, ...]) -> None:
    try:
        ends, columns = kernel.compiled_kernel().read_lines(chunk, limit, names)  # type: ignore[union-attr]
    except ValueError:
        assert not names
        return
    assert len(columns) == len(names)
    assert all(len(column) == len(ends) // 8 for column in columns)


@compiled
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("xxh32_spans", (b"abc", np.array([2]), np.array([2]), np.empty(1, np.uint32))),
        ("xxh32_spans", (b"abc", np.array([-1]), np.array([2]), np.empty(1, np.uint32))),
        ("xxh32_spans", (b"abc", np.array([0]), np.array([1]), np.empty(2, np.uint32))),
        ("collect", (np.empty(3, np.uint32), np.array([4]), np.empty(3, np.uint32), np.empty(2, np.int64))),
        ("sign", (np.empty(3, np.uint32), np.array([0, 4]), *np.empty((2, 4), np.uint32), np.empty(4, np.uint32))),
        (
            "count_shared",
            (np.empty(3, np.uint32), np.array([0, 3]), np.array([1]), np.array([0]), b"", b"", *np.empty((2, 1), np.int64)),
        ),
        (
            "count_despun",
            (np.empty(3, np.uint32), np.array([0, 3]), np.array([0]), np.array([1]), *np.empty((2, 1), int)),
        ),
        (
            "count_despun",
            (np.empty(3, np.uint32), np.array([0, 4]), np.array([0]), np.array([0]), *np.empty((2, 1), int)),
        ),
        ("align", (np.empty(3, np.uint32), np.array([0, 4]), np.array([0]), np.array([0]), 4, 10)),
        ("align", (np.empty(3, np.uint32), np.array([0, 3]), np.array([0]), np.array([0]), 4, 0)),
        ("count_marked", (b"\0" * 9, np.array([0]), np.array([8]), np.array([2]), np.empty(1, np.int64))),
        ("locate", (("a",), {}, np.array([0]), np.array([0, 2]), *np.empty((2, 1), np.int64))),
        ("locate", (("a",), {}, np.array([-1]), np.array([0, 1]), *np.empty((2, 1), np.int64))),
        ("frequent", (np.empty(3, np.uint32), 2, 1, 5)),
        ("winnow", (np.empty(3, np.uint32), np.array([-1]), np.array([0]), 3, np.empty(3, np.uint32), np.empty(2, np.int64))),
        ("band_keys", (np.empty(8, np.uint32), 4, 2, 3, 0, np.empty(2, np.uint64))),
        ("count_equal", (bytes(8), bytes(8), 2, 4, np.array([1]), np.array([0]), np.empty(1, np.int64))),
        ("count_equal", (bytes(8), bytes(8), 3, 1, np.array([0]), np.array([0]), np.empty(1, np.int64))),
        ("tokenize", (("é",), {0: b"short"})),
        ("file_words", (b"a\nb", np.zeros(2, np.uint64), np.zeros(4, np.uint32), np.zeros(1, np.uint8))),
        ("file_words", (b"a", np.zeros(2, np.uint64), np.zeros(4, np.uint32), np.zeros(3, np.uint8))),
        ("shapes", (b"a", bytes(256), np.zeros(4096, np.uint32), np.zeros(9, np.uint16), b" the ", 1, 2)),
        ("weigh_forms", (np.zeros(1, np.int32), np.zeros(2), bytes(1), 1.0)),
        ("weigh_forms", (np.array([2], np.int32), np.zeros(2), bytes(2), 1.0)),
        ("weigh_forms", (np.array([-1], np.int32), np.zeros(2), bytes(2), 1.0)),
        ("spellings", (b"a", bytes(9), b"")),
        (
            "shingle",
            (b"abc ", np.array([0]), np.array([4]), np.array([0, 2]), 5, np.empty(1, np.uint32), np.empty(1, np.int64)),
        ),
        (
            "shingle",
            (b"abc ", np.array([0]), np.array([9]), np.array([0, 1]), 5, np.empty(1, np.uint32), np.empty(1, np.int64)),
        ),
        ("pair_up", (np.arange(3), np.array([2, 2]), np.empty(9, np.uint64))),
        ("pair_up", (np.arange(3), np.array([3]), np.empty(2, np.uint64))),
        ("count_each", (("a", "b"), np.empty(1, np.int64))),
        ("may_end_in", (("a", "b"), (b"a",), np.empty(3, np.uint8))),
        ("read_lines", (b"", 9, ())),
    ],
)
def test_what_does_not_fit_is_an_error_and_no_crash(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"fit|offsets|forms|folded"):
        getattr(kernel.compiled_kernel(), name)(*arguments)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_batches_come_back_in_the_order_of_the_texts(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 10)
    done: list[str] = []
    gathered = batches.Batches("".join, done.append, threads)
    texts = [f"{number} " * (number % 7) for number in range(200)]
    for low in range(0, 200, 7):
        gathered.extend(texts[low : low + 7])
    gathered.finish()
    assert "".join(done) == "".join(texts)


def test_what_a_batch_raises_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 1)
    gathered = batches.Batches(lambda texts: 1 // len("".join(texts).strip()), [].append, 2)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 it may come as soon as the batch is done
        gathered.extend([" "])
        gathered.finish()


def test_the_version_names_the_kernel_that_runs(cli: Cli) -> None:
    outcome = cli("--version")
    assert (outcome.code, outcome.out) == (0, f"dedupe, version {__version__}, {kernel.kernel_name()} kernel\n")


def test_without_the_compiled_kernel_the_name_says_so() -> None:
    with without_kernel():
        assert kernel.kernel_name() == "numpy"
        assert tokenize(["Still here."]).normal_form(0) == b"still here"


HELD = ["the", "état", "new york", "new york times", "the place of", "place of the place", "it's time", "e", "i", "straße 9"]
WORDS = st.lists(
    st.sampled_from(
        ["the", "place", "état", "ÉTAT", "New York", "york times", "the place of", "It’s time", "“", "\xa0", "Σ", "İ"]
    ),
    max_size=40,
)


@compiled
@given(WORDS, TEXT)
@settings(max_examples=500, deadline=None)
def test_the_forms_that_a_text_may_hold_are_the_same(words: list[str], rest: str) -> None:
    text = " ".join([*words, rest])
    sieve = Sieve(HELD)
    fast = sorted(sieve.find_possible(text))
    with without_kernel():
        assert fast == sorted(sieve.find_possible(text))


@compiled
def test_the_forms_are_the_same_beside_every_character() -> None:
    sieve = Sieve(HELD)
    for start in range(0, 0x110000, 0x100):
        parts = [f"the {chr(code)}place of {chr(code)}e{chr(code)} E" for code in range(start, start + 0x100)]
        for text in parts if start < 0x2100 else ["".join(parts)]:
            fast = sorted(sieve.find_possible(text))
            with without_kernel():
                assert fast == sorted(sieve.find_possible(text)), hex(start)


LINES = st.text("ab .“–’\n\n\t\x0b\x1c\x85\xa0\u1680\u2003\u2028\u205f\u3000é東\U0001f600\ud800", max_size=60)


@compiled
@given(LINES | TEXT)
@settings(max_examples=1500, deadline=None)
def test_outlines_are_the_same(text: str) -> None:
    fast = find_outline(text)
    with without_kernel():
        assert fast == find_outline(text)


@compiled
def test_outlines_are_the_same_around_every_character() -> None:
    for start in range(0, 0x110000, 0x100):
        parts = [f"a{chr(code)}b {chr(code)}\n{chr(code)}c{chr(code)}" for code in range(start, start + 0x100)]
        text = "\n".join(parts)
        fast = find_outline(text)
        with without_kernel():
            assert fast == find_outline(text)


@compiled
@given(st.lists(st.integers(0, 3), max_size=9), st.floats(-2, 2))
def test_forms_weigh_the_same(numbers: list[int], least: float) -> None:
    glance = Glance([], {"said": -1.0, "year": -0.5, "mentioned": 1.5, "gross sales": 2.0})
    array = np.array(numbers, np.int32)
    fast = glance.weigh(array, least)
    with without_kernel():
        slow = glance.weigh(array, least)
    assert (fast.strong, fast.may_be_safe) == (slow.strong, slow.may_be_safe)
    assert fast.odds == pytest.approx(slow.odds)


def test_a_form_is_found_from_the_beginning_of_a_word_on_only() -> None:
    text = "bathe place of york times, new york, place of"
    assert "the place of" not in Sieve(["the place of"]).find_possible(f"{text}: the place")


DEFECTS = [
    *(
        "ended.The",
        "region.”The",
        "regionThe",
        "three%",
        "$four",
        "four.5",
        "2:thirty",
        "1000's",
        "1000’s",
        "don?t",
        "caf\ufffd",
    ),
    *(
        " , and",
        "\xa0.",
        " . The",
        "the the ",
        " of of ",
        "inter-\nnational",
        "inter- \n national",
        "long-  \nterm",
        "in\xad\nto",
    ),
    *("{one|two}", "[one|two]", "%%name%%", "<b>", "&lt;", "[a](b)", "**bold**", "\n## Head"),
    *("\u200b", "\u202e", "\x07", "\ufeff", "\xad"),
]
MARKS = st.text("aTo.!?,:/-%$€£”’“)'\n 15é\xa0", max_size=30)


@compiled
@given(st.lists(MARKS | st.sampled_from(DEFECTS), max_size=4))
@settings(max_examples=1500, deadline=None)
def test_no_defect_is_overlooked_for_want_of_its_shape(parts: list[str]) -> None:
    text = "".join(parts)
    shapes = find_shapes(text)
    assert clean_residue(text, shapes) == clean_residue(text)
    assert read_layout(text, "text", LEXICON, shapes) == read_layout(text, "text", LEXICON)
    assert find_slips(text, shapes) == find_slips(text)
    assert list(find_spintax(text, shapes)) == list(find_spintax(text))


BEYOND = st.text("aé ÂÃâ€™œŒ\x9d\xa0ãå¼©žð“—…’Ä±×°£½\ufffd", max_size=12)


@compiled
@given(BEYOND | TEXT)
@settings(max_examples=1500, deadline=None)
def test_no_mojibake_is_overlooked_for_want_of_its_shape(text: str) -> None:
    assert fix_encoding(text, find_shapes(text)) == fix_encoding(text)
    if not find_shapes(text) & MOJIBAKE:
        assert all(_fix_line(line) == line for line in text.splitlines(keepends=True))


NAMES = (
    "Sergey Sergei Lavrov Lawrow Khalid Halid Zoë Chloé Chloée Phyllis Filis McDonald Soleymani Soleimani Boeing747 Aadhaar’s"
    " Aadhar é Éva"
).split()


@compiled
@given(st.lists(st.sampled_from(NAMES) | TEXT, max_size=8), st.sampled_from([" ", ", ", " met ", "’s ", "東"]))
@settings(max_examples=1000, deadline=None)
def test_no_second_spelling_of_a_name_is_overlooked(names: list[str], between: str) -> None:
    text = "He met " + between.join(names)
    fast = list(flag_variants(text, "text"))
    with without_kernel():
        assert fast == list(flag_variants(text, "text"))


@compiled
def test_a_plain_text_holds_no_shape_and_no_second_spelling() -> None:
    text = "The mayor of Velsing said on Monday that the bridge would open. “You’ll see,” she told café owners — all of them.\n"
    assert find_shapes(text) == 0
    assert not kernel.compiled_kernel().spellings(text.encode(), *_tables())
