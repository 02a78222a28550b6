"""The simulated spinner: it can be taken back, it is deterministic, and it leaves alone what the spinner leaves alone."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from spin import Row, spin_text, undo
from vocabulary import build_vocabulary, hold_out, inflect, load_entries

from dedupe.evaluate.truth import read_truth_edits

SPINNER = ROOT / "benchmarks" / "spinner"
ENTRIES = load_entries()
VOCABULARY = build_vocabulary(ENTRIES)
TEXT = (
    "The White House said on Monday that the company's lawyers had found a problem in the agreement.\n\n"
    "“Each worker was told about the increase before the meeting,” said Ann Foster, who runs the office in Berlin. "
    "She said 43.8 million people use the site www.example-news.com/people every year, the WHO reported.\n"
) * 3


def spin(text: str = TEXT, share: float = 0.3, seed: int = 1) -> tuple[str, list[Row]]:
    return spin_text(text, VOCABULARY, share, random.Random(seed))


def test_a_text_without_known_words_stays() -> None:
    assert spin("Xylo qwrt 12. BBC, FBI!") == ("Xylo qwrt 12. BBC, FBI!", [])


def test_a_share_of_nothing_changes_nothing_but_braces() -> None:
    text, rows = spin(share=0.0)
    assert all(row.spun == f"{{{row.original}}}" for row in rows)
    assert undo(text, rows) == TEXT


@given(
    st.lists(
        st.sampled_from(
            ["The company", "said", " ", "\n", "“it's", "as well as", ".", "”", "each", "problem", "-", "US", "é", "3"]
        )
    ),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_undoing_all_rows_gives_the_original(parts: list[str], share: float, seed: int) -> None:
    clean = " ".join(parts)
    text, rows = spin(clean, share, seed)
    assert undo(text, rows) == clean
    assert all(text[row.start : row.end] == row.spun for row in rows)


def test_the_same_seed_spins_the_same_and_another_does_not() -> None:
    assert spin(seed=5) == spin(seed=5)
    assert spin(seed=5) != spin(seed=6)


@pytest.mark.parametrize("share", [0.15, 0.25, 0.35])
def test_about_the_share_of_words_asked_for_is_changed(share: float) -> None:
    words = len(re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)*", TEXT))
    shares = [sum(len(row.original.split()) for row in spin(share=share, seed=seed)[1]) / words for seed in range(60)]
    assert sum(shares) / len(shares) == pytest.approx(share, abs=0.03)


def test_marks_digits_lines_addresses_and_abbreviations_stay() -> None:
    for seed in range(30):
        text, _ = spin(share=0.4, seed=seed)
        kept = r"[.,“”\n]|43\.8|www\.example-news\.com/people|\bWHO\b"
        assert [m for m in re.findall(kept, text) if m != "."] == [m for m in re.findall(kept, TEXT) if m != "."]


def test_the_case_of_the_first_letter_is_copied() -> None:
    rows = [row for seed in range(30) for row in spin(seed=seed)[1] if row.spun[0].isalpha()]
    assert rows
    assert all(row.spun[0].isupper() == row.original[0].isupper() for row in rows)


def test_names_and_quotations_are_spun_too_and_marked() -> None:
    rows = [row for seed in range(30) for row in spin(seed=seed)[1]]
    assert any(row.original == "House" for row in rows)
    assert {row.in_quote for row in rows if row.original == "meeting"} == {True}
    assert {row.in_quote for row in rows if row.original == "problem"} == {False}


def test_a_word_in_braces_is_left_on_one_page_in_eight() -> None:
    pages = sum("{" in spin(seed=seed)[0] for seed in range(400))
    assert 25 <= pages <= 80


def test_the_vocabulary_is_large_and_says_nothing_twice() -> None:
    assert len(ENTRIES) >= 900
    assert len({(entry.original, entry.part) for entry in ENTRIES}) == len(ENTRIES)
    assert all(entry.synonyms and entry.original not in entry.synonyms for entry in ENTRIES)


def test_held_out_types_are_a_fraction_and_leave_the_rest() -> None:
    kept, held = hold_out(ENTRIES, 0.2, random.Random(1))
    types = {entry.original for entry in ENTRIES}
    assert len({entry.original for entry in held}) == round(0.2 * len(types))
    assert {entry.original for entry in kept}.isdisjoint(entry.original for entry in held)
    assert sorted(kept + held) == sorted(ENTRIES)


@pytest.mark.parametrize(
    ("phrase", "part", "forms"),
    [
        ("look into", "v", ("look into", "looks into", "looked into", "looked into", "looking into")),
        ("stop", "v", ("stop", "stops", "stopped", "stopped", "stopping")),
        ("carry", "v", ("carry", "carries", "carried", "carried", "carrying")),
        ("suffer", "v", ("suffer", "suffers", "suffered", "suffered", "suffering")),
        ("legal professional", "n", ("legal professional", "legal professionals")),
        ("tiny", "a", ("tiny", "tinier", "tiniest")),
    ],
)
def test_regular_words_are_inflected(phrase: str, part: str, forms: tuple[str, ...]) -> None:
    assert inflect(phrase, part, {}) == forms


@pytest.fixture(params=["jsonl", "folder"])
def clean_corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "folder":
        folder = tmp_path / "clean"
        folder.mkdir()
        (folder / "a.txt").write_text(TEXT, "utf-8")
        return folder
    path = tmp_path / "clean.jsonl"
    path.write_text(json.dumps({"id": "a", "title": "House calls meeting", "text": TEXT, "n": 1}) + "\n", "utf-8")
    return path


def test_the_command_writes_a_corpus_and_a_truth_that_fits_it(clean_corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(SPINNER / "spin.py"), "--data", str(clean_corpus), "-o", str(out), "--hold-out", "0.5"]
    subprocess.run([*command, "--suffix=-spun"], check=True, capture_output=True)
    if clean_corpus.is_dir():
        document, fields = "a-spun.txt", {"text": (out / "spun" / "a-spun.txt").read_text("utf-8")}
    else:
        fields = json.loads((out / "spun.jsonl").read_text("utf-8"))
        document = fields["id"]
        assert (document, fields["n"]) == ("a-spun", 1)
    rows = read_truth_edits(out / "truth.tsv")
    assert {row.document for row in rows} == {document}
    assert all(fields[row.field][row.start : row.end] == row.spun for row in rows)
    assert {row.note for row in rows} == {"", "held-out"}
    with (out / "held_out.tsv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file, delimiter="\t"))) > 900
