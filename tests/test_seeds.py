"""The sample corpus in seeds/ is what its sources say, and its truth files are true of it."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

SEEDS = Path(__file__).resolve().parent.parent / "seeds"


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("seeds_build", SEEDS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


build = load_build()
DOCUMENTS = {document.id: document for document in build.read_documents()}
SPUN = sorted(name for name, document in DOCUMENTS.items() if document.is_spun)
CLEAN = sorted(name for name, document in DOCUMENTS.items() if document.variant == "clean")


def read_corpus(name: str) -> str:
    return (SEEDS / "corpus" / name).read_bytes().decode("utf-8")


def read_truth(name: str) -> list[dict[str, str]]:
    def unescape(value: str) -> str:
        return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value)

    with (SEEDS / "truth" / name).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [{key: unescape(value) for key, value in row.items()} for row in rows]


EDITS = read_truth("edits.tsv")
PAIRS = read_truth("pairs.tsv")


def undo_truth(name: str) -> str:
    """The document with the rows of edits.tsv undone, outer rows before the ones inside them."""
    text, parts, at = read_corpus(name), [], 0
    rows = [row for row in EDITS if row["document"] == name]
    for row in sorted(rows, key=lambda row: (int(row["start"]), -int(row["end"]))):
        if int(row["start"]) >= at:
            parts += [text[at : int(row["start"])], row["original"]]
            at = int(row["end"])
    return "".join([*parts, text[at:]])


def jaccard(a: str, b: str) -> float:
    left, right = (
        {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}
        for words in (re.findall(r"\w+", text.lower()) for text in (a, b))
    )
    return len(left & right) / len(left | right)


def test_the_committed_files_are_the_ones_the_sources_give() -> None:
    expected = build.build(list(DOCUMENTS.values()))
    committed = {f"{path.parent.name}/{path.name}" for path in [*SEEDS.glob("corpus/*"), *SEEDS.glob("truth/*")]}
    assert committed == set(expected)
    for name, content in expected.items():
        assert (SEEDS / name).read_bytes() == content.encode(), f"{name} is stale; run python seeds/build.py"


def test_every_edit_row_quotes_its_document() -> None:
    for row in EDITS:
        text = read_corpus(row["document"])
        assert text[int(row["start"]) : int(row["end"])] == row["spun"], row
        assert row["spun"] != row["original"], row
        assert row["kind"] in {"spin", "layout", "encoding", "flag"}, row


@pytest.mark.parametrize("name", CLEAN)
def test_clean_prose_has_no_edit_and_no_relative(name: str) -> None:
    assert not [row for row in EDITS if row["document"] == name]
    assert not [row for row in PAIRS if name in (row["id_a"], row["id_b"])]
    assert 200 <= len(read_corpus(name).split()) <= 350


def test_no_source_mark_is_left_in_a_text() -> None:
    for name in DOCUMENTS:
        assert not re.search(r"\[\[|\]\]|=>|^@|#flag", read_corpus(name), re.MULTILINE), name


@pytest.mark.parametrize("name", SPUN)
def test_undoing_the_truth_of_a_spun_copy_gives_the_original(name: str) -> None:
    original = f"{DOCUMENTS[name].story}-original.txt"
    assert undo_truth(name) == undo_truth(original)


@pytest.mark.parametrize("name", SPUN)
def test_a_spun_copy_changes_as_many_words_as_the_spinner_and_hides_from_jaccard(name: str) -> None:
    original = undo_truth(f"{DOCUMENTS[name].story}-original.txt")
    rows = [row for row in EDITS if row["document"] == name and row["kind"] in ("spin", "flag") and row["spun"]]
    changed = sum(len(row["original"].split()) for row in rows)
    assert 0.17 <= changed / len(original.split()) <= 0.42
    assert jaccard(read_corpus(name), original) < 0.3


@pytest.mark.parametrize("name", SPUN)
def test_a_spun_copy_keeps_the_digits_outside_marked_number_slips(name: str) -> None:
    for row in EDITS:
        if row["document"] == name and row["kind"] == "spin":
            assert re.findall(r"\d", row["original"]) == [], row


def test_undoing_page_furniture_gives_the_original_body() -> None:
    for name, document in DOCUMENTS.items():
        if document.variant == "wrapped":
            assert undo_truth(name) == undo_truth(f"{document.story}-original.txt")


def test_copies_reports_and_near_misses_are_as_alike_as_their_kind_says() -> None:
    for a, b in itertools.combinations(sorted(DOCUMENTS), 2):
        variants = {DOCUMENTS[a].variant, DOCUMENTS[b].variant}
        measured = jaccard(read_corpus(a), read_corpus(b))
        if DOCUMENTS[a].story != DOCUMENTS[b].story or variants & {"independent", "nextweek"}:
            assert measured < 0.1, (a, b)
        elif variants == {"original", "wire"}:
            assert 0.7 <= measured < 1, (a, b)
        elif variants == {"original", "cut"}:
            cut, body = read_corpus(a), undo_truth(b)
            assert body.startswith(cut), a
            assert 0.6 <= len(cut) / len(body) <= 0.8, a


def test_the_pair_table_holds_the_measured_figures() -> None:
    for row in PAIRS:
        assert row["id_a"] < row["id_b"]
        measured = jaccard(read_corpus(row["id_a"]), read_corpus(row["id_b"]))
        assert float(row["jaccard"]) == pytest.approx(measured, abs=1e-4)
        assert (row["kind"] in ("exact", "near")) == (float(row["jaccard"]) >= 0.7), row
        assert row["kind"] != "contained" or float(row["containment"]) >= 0.8, row


def test_every_document_is_in_one_cluster_and_every_canonical_is_its_own() -> None:
    clusters = read_truth("clusters.tsv")
    assert sorted(row["id"] for row in clusters) == sorted(DOCUMENTS)
    kinds = {row["id"]: row["kind"] for row in clusters}
    for row in clusters:
        assert kinds[row["canonical"]] in ("canonical", "single"), row


def test_a_broken_mark_or_an_unknown_furniture_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="broken mark"):
        build.render(["an [[settlement]] on safety"], "\n")
    with pytest.raises(ValueError, match="unknown furniture"):
        build.render(["@banner: Buy now", "Body."], "\n")
