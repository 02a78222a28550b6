"""Spun copies: found as the same text after undoing synonyms; templates, quotations and edited versions are not."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from spin import spin_text
from vocabulary import build_vocabulary, load_entries

from dedupe.config import FindSettings, Settings
from dedupe.detect.despun import DespunTokens, measure_alignment, measure_despun, share_numbers
from dedupe.detect.find import find_pairs
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier
from dedupe.findings import find
from dedupe.model import Pair
from dedupe.text.classes import NUMBER
from dedupe.text.lexicon import load_classes

CORPUS = ROOT / "seeds" / "corpus"
CLASSES = load_classes()
VOCABULARY = build_vocabulary(load_entries())
SPUN = FindSettings(kinds=("exact", "near", "spun"))


def read(name: str) -> str:
    return (CORPUS / f"{name}.txt").read_text("utf-8")


def relate(texts: Mapping[str, str], find_settings: FindSettings = SPUN) -> dict[tuple[str, str], Pair]:
    profiles, ids = profile_texts(texts.values(), find_settings, CLASSES), list(texts)
    return {(p.a, p.b): p for p in find_pairs(profiles, ids, Verifier(profiles, ids, find_settings), find_settings).pairs}


def kinds(texts: Mapping[str, str]) -> dict[tuple[str, str], str]:
    return {ids: pair.kind for ids, pair in relate(texts).items()}


def test_independent_reports_and_next_weeks_events_are_no_spun_copies() -> None:
    names = [path.stem for path in sorted(CORPUS.glob("*.txt"))]
    found = kinds({name: read(name) for name in names})
    assert {
        kind for (a, b), kind in found.items() if "-independent" in a + b or "-nextweek" in a + b or "-clean" in a + b
    } == set()
    assert all(a.split("-")[0] == b.split("-")[0] for a, b in found)


def test_every_version_of_a_text_is_linked_with_its_spun_copies() -> None:
    for story in ("strait", "premiere", "walking", "trial"):
        versions = {
            f"{story}-{name}": read(f"{story}-{name}") for name in ("original", "wire", "cut", "wrapped", "spun-a", "spun-b")
        }
        found = kinds(versions)
        spun = [(a, b) for a in versions for b in versions if a < b and "-spun-" in a + b]
        assert [ids for ids in spun if found.get(ids) != "spun"] == []


def test_both_similarities_are_reported() -> None:
    pair = relate({"a": read("strait-original"), "b": read("strait-spun-a")})["a", "b"]
    assert pair.jaccard < 0.25 < 0.6 < (pair.despun or 0)


def test_near_and_exact_pairs_carry_the_despun_similarity_too() -> None:
    found = relate({"a": read("ferry-original"), "b": read("ferry-reprint"), "c": read("ferry-wire")})
    assert found["a", "b"].despun == 1.0
    assert 0.6 < (found["a", "c"].despun or 0) < 1.0


def test_without_the_kind_nothing_is_despun() -> None:
    found = relate(
        {"a": read("ferry-original"), "b": read("ferry-wire"), "c": read("ferry-spun-a")}, FindSettings(kinds=("exact", "near"))
    )
    assert {ids: (pair.kind, pair.despun) for ids, pair in found.items()} == {("a", "b"): ("near", None)}


def test_pages_of_one_frame_with_other_names_are_no_spun_copies() -> None:
    rng, frame = random.Random(1), read("walking-original").split()
    names = [f"Name{n}" for n in range(900)]
    pages = {f"{n:02}": " ".join(rng.choice(names) if i % 7 == 0 else w for i, w in enumerate(frame)) for n in range(30)}
    assert kinds(pages) == {}


def test_machine_written_reports_that_vary_synonyms_but_differ_in_numbers_are_no_spun_copies() -> None:
    rng = random.Random(2)
    sets = [
        ("said", "stated"),
        ("firm", "company"),
        ("rose", "climbed"),
        ("big", "large"),
        ("money", "cash"),
        ("people", "individuals"),
    ]

    def report() -> str:
        said, firm, rose, big, money, people = map(rng.choice, sets)
        a, b, c, d = (rng.randint(100, 99_999) for _ in range(4))
        return (
            f"The {firm} {said} that sales {rose} to {a} dollars from {b} a year before, a {big} step in the eyes of {people}"
            f" who follow the trade. It made {c} cents a share in {money}, and its price {rose} by {d} points after the report."
        )

    assert kinds({f"{n:02}": report() for n in range(40)}) == {}


def test_a_shared_quotation_with_some_synonyms_elsewhere_is_no_spun_copy() -> None:
    quotation = " ".join(read("trial-original").split()[:120])
    first, second = read("walking-original"), read("premiere-original")
    assert kinds({"a": f"{first} {quotation} said big money", "b": f"{quotation} stated large cash {second}"}) == {}


def test_an_edited_version_is_no_spun_copy() -> None:
    words = read("recall-original").split()
    edited = " ".join(word for i, word in enumerate(words) if i % 6)
    assert kinds({"a": " ".join(words), "b": edited}) == {}


def test_empty_short_and_foreign_texts_pass_by() -> None:
    texts = [
        "",
        "...",
        "three words only",
        "deux",
        "Le ministre a dit vendredi que les négociations continuent.",
        "他表示会谈将继续。",
    ]
    assert kinds({f"{n}": text for n, text in enumerate(texts)}) == {}


def test_a_spun_copy_its_original_and_another_spin_end_in_one_cluster_with_the_clean_one_on_top() -> None:
    inputs = [CORPUS / f"strait-{name}.txt" for name in ("spun-a", "spun-b", "original", "independent")]
    clustering = find(inputs, Settings(find=SPUN)).clustering
    assert [(c.kind, len(c.members)) for c in clustering.clusters] == [("spun", 3)]
    assert "original" in clustering.clusters[0].canonical
    assert "not spun" in clustering.clusters[0].reason


def test_many_spins_of_one_text_are_one_cluster() -> None:
    text = read("storm-original")
    texts = {f"{n:03}": spin_text(text, VOCABULARY, 0.35, random.Random(n))[0] for n in range(1, 90)} | {"000": text}
    found = relate(texts)
    assert all(("000", id) in found for id in texts if id != "000")


@pytest.mark.parametrize("share", [0.18, 0.4])
def test_simulated_copies_of_the_seeds_are_found(share: float) -> None:
    originals = {path.stem: path.read_text("utf-8") for path in sorted(CORPUS.glob("*-original.txt"))}
    texts = {
        f"{id}#{n}": spin_text(t, VOCABULARY, share, random.Random(f"{n}{id}"))[0]
        for id, t in originals.items()
        for n in (1, 2)
    }
    found = kinds(originals | texts)
    wanted = [pair for id in originals for pair in ((id, f"{id}#1"), (id, f"{id}#2"), (f"{id}#1", f"{id}#2"))]
    assert len([pair for pair in wanted if pair not in found]) <= 1
    assert all(a.split("#")[0] == b.split("#")[0] for a, b in found)


@given(st.permutations(["strait-original", "strait-spun-a", "strait-spun-b", "ferry-original", "ferry-spun-a"]))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_texts_does_not_matter(names: list[str]) -> None:
    assert len(relate({name: read(name) for name in names})) == 4
    assert relate({name: read(name) for name in names}) == relate({name: read(name) for name in sorted(names)})


codes = st.lists(st.lists(st.integers(0, 9), max_size=30), min_size=2, max_size=6)


@given(codes)
def test_the_numbers_agree_with_plain_sets(texts: list[list[int]]) -> None:
    flat = np.array([code for text in texts for code in text], np.uint32)
    bounds = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    tokens = DespunTokens(flat, flat // 2, bounds, np.zeros(len(texts), np.int64))
    a, b = np.triu_indices(len(texts), 1)
    numbers, aligned, shares = measure_despun(tokens, a, b), measure_alignment(tokens, a, b), share_numbers(tokens, a, b)
    for place, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        first, second = (set(zip(texts[row], texts[row][1:], strict=False)) for row in (i, j))
        assert numbers.shared[place] == len(first & second)
        assert numbers.despun[place] == (len(first & second) / len(first | second) if first | second else 0)
        shorter, longer = sorted((i, j), key=lambda row: (len(texts[row]), texts[row]))
        odd = {code for code in texts[shorter] if code % 2}
        assert shares[place] == (len(odd & set(texts[longer])) / len(odd) if len(odd) >= 3 else 1.0)
        assert 0 <= aligned[place] <= 1


def test_a_text_is_in_step_with_itself_and_not_with_its_sentences_shuffled() -> None:
    sentences = read("lander-original").split(". ")
    shuffled = ". ".join(random.Random(5).sample(sentences, len(sentences)))
    words = read("lander-original").split()
    backwards = " ".join(" ".join(words[n : n + 4]) for n in range(len(words) - 4, -1, -4))
    tokens = profile_texts([read("lander-original"), shuffled, backwards], SPUN, CLASSES).despun
    assert tokens is not None
    whole, mixed, back = measure_alignment(tokens.tokens, np.array([0, 0, 0]), np.array([0, 1, 2])).tolist()
    assert whole > 0.9
    assert mixed < whole
    assert back < 0.4


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=30).flatmap(lambda a: st.tuples(st.just(a), st.permutations(a))))
def test_what_is_measured_of_two_texts_does_not_depend_on_which_comes_first(codes: tuple[list[int], list[int]]) -> None:
    one, other = ([NUMBER | code if code < 4 else code for code in some] for some in codes)
    classes = np.array([*one, *other, *one[2:]], np.uint32)
    documents = np.array([0, len(one), 2 * len(one), len(classes)])
    tokens = DespunTokens(classes, classes, documents, np.zeros(3, np.int64))
    a, b = np.array([0, 0, 1]), np.array([1, 2, 2])
    assert measure_alignment(tokens, a, b).tolist() == measure_alignment(tokens, b, a).tolist()
    assert share_numbers(tokens, a, b).tolist() == share_numbers(tokens, b, a).tolist()
