"""The whole job: what comes in goes out clean, nothing is lost, and every run can be taken back."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from conftest import CLEAN, EXAMPLES, HARBOUR, REPAIRED, ROOT, RULES
from hypothesis import given
from hypothesis import strategies as st

from dedupe import (
    Decision,
    ReadSettings,
    RepairSettings,
    Settings,
    UsageError,
    append_decision,
    apply_decisions,
    find,
    run,
    undo,
)
from dedupe.config import EmitSettings

Tree = Callable[[Path], dict[str, bytes]]
Lines = Callable[[Path], list[dict[str, Any]]]
Texts = Callable[[Path], Mapping[str, str]]

FORMATS = ["txt", "jsonl", "csv"]

# What serialising again would change: doubled keys, 1e5, digits beyond a float, escapes, spacing, no final newline.
STUBBORN = (
    b'\xef\xbb\xbf{"id":"a","n":1e5,"n":2,"big":123456789012345678901234567890,"text":"The caf\\u00e9 is shut."}\r\n'
    b'\n{"text" : "Trams will run all night at the fair, the mayor says.", "id":"b", "lone":"\\ud800"}\n'
    b'{"id":"c","text":"A heron stood in the fountain."}'
)


def test_clean_articles_leave_as_they_came(text_folder: Path, tmp_path: Path, settings: Settings) -> None:
    for name in ("harbour2.txt", "deep/harbour3.txt", "spun.txt"):
        (text_folder / name).unlink()
    summary = run([text_folder], tmp_path / "out", settings)
    assert summary.counts == {"read": 2, "kept": 2, "repaired": 0, "duplicate": 0, "quarantined": 0}
    assert (tmp_path / "out/canonical/harbour.txt").read_bytes() == HARBOUR.encode()
    assert (tmp_path / "out/canonical/choir.txt").read_bytes() == CLEAN.encode()


def test_json_lines_that_need_no_repair_keep_every_byte(tmp_path: Path, settings: Settings, read_tree: Tree) -> None:
    (tmp_path / "odd.jsonl").write_bytes(STUBBORN)
    run([tmp_path / "odd.jsonl"], tmp_path / "out", settings)
    assert (tmp_path / "out/canonical/odd.jsonl").read_bytes() == STUBBORN


@pytest.mark.parametrize("format", FORMATS)
def test_duplicates_are_set_aside_and_the_survivors_repaired(
    format: str, corpora: Mapping[str, Path], tmp_path: Path, settings: Settings, canonical_texts: Texts, read_lines: Lines
) -> None:
    summary = run([corpora[format]], tmp_path / "out", settings)
    assert summary.counts == {"read": 5, "kept": 2, "repaired": 1, "duplicate": 2, "quarantined": 0}
    assert dict(summary.relations) == {"exact": 1, "near": 1}
    texts = canonical_texts(tmp_path / "out")
    assert texts == {"choir": CLEAN, "harbour": HARBOUR, "spun": REPAIRED}
    assert {line["kind"] for line in read_lines(tmp_path / "out/duplicates.jsonl")} == {"exact", "near"}


@pytest.mark.parametrize("format", FORMATS)
def test_undo_gives_back_every_byte(
    format: str, corpora: Mapping[str, Path], tmp_path: Path, settings: Settings, read_tree: Tree
) -> None:
    run([corpora[format]], tmp_path / "out", settings)
    undo(tmp_path / "out", tmp_path / "back")
    assert read_tree(tmp_path / "back") == read_tree(corpora[format])


@pytest.mark.parametrize("target", ["jsonl", "csv", "txt"])
def test_undo_gives_back_every_byte_of_a_converted_corpus(
    target: Any, csv_file: Path, tmp_path: Path, settings: Settings, read_tree: Tree
) -> None:
    run([csv_file], tmp_path / "out", Settings(repair=settings.repair, emit=EmitSettings(target)))
    undo(tmp_path / "out", tmp_path / "back")
    assert read_tree(tmp_path / "back") == read_tree(csv_file)


def test_undo_gives_back_stubborn_json_with_its_bad_lines(tmp_path: Path, settings: Settings) -> None:
    damaged = STUBBORN + b'\n{"text": 5}\n{"text": "cut off\n\xff\xfe\n' + b'{"id":"d","text":"A drone assault."}\n'
    (tmp_path / "odd.jsonl").write_bytes(damaged)
    summary = run([tmp_path / "odd.jsonl"], tmp_path / "out", settings)
    assert summary.counts == {"read": 7, "kept": 3, "repaired": 1, "duplicate": 0, "quarantined": 3}
    assert summary.exit_code == 3
    undo(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back/odd.jsonl").read_bytes() == damaged


def test_a_gzip_comes_back_with_its_content(jsonl_file: Path, tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "news.jsonl.gz").write_bytes(gzip.compress(jsonl_file.read_bytes()))
    run([tmp_path / "news.jsonl.gz"], tmp_path / "out", settings)
    undo(tmp_path / "out", tmp_path / "back")
    assert gzip.decompress((tmp_path / "back/news.jsonl.gz").read_bytes()) == jsonl_file.read_bytes()


def test_only_the_changed_field_of_a_record_changes(tmp_path: Path, settings: Settings) -> None:
    line = b'{"n": 1e5, "n": 2, "text": "A drone assault \\u2013 the second \xe2\x80\x94 was seen.", "other": "assault"}\n'
    (tmp_path / "a.jsonl").write_bytes(line)
    run([tmp_path / "a.jsonl"], tmp_path / "out", settings)
    expected = line.replace(b"A drone assault", b"A drone attack")
    assert (tmp_path / "out/canonical/a.jsonl").read_bytes() == expected


def test_titles_are_repaired_too(jsonl_file: Path, tmp_path: Path, settings: Settings, read_lines: Lines) -> None:
    run([jsonl_file], tmp_path / "out", settings)
    titles = {line["id"]: line["title"] for line in read_lines(tmp_path / "out/canonical/news.jsonl")}
    assert titles == {"choir": "Choir", "harbour": "Quay to close", "spun": "A drone attack"}


def test_a_dry_run_writes_nothing_and_counts_the_same(
    text_folder: Path, tmp_path: Path, settings: Settings, read_tree: Tree
) -> None:
    before = read_tree(tmp_path)
    dry = run([text_folder], tmp_path / "out", settings, dry_run=True)
    assert read_tree(tmp_path) == before
    assert not (tmp_path / "out").exists()
    assert dry == run([text_folder], tmp_path / "out", settings)


def test_without_repair_no_text_changes_but_the_spun_are_named(
    text_folder: Path, tmp_path: Path, rules: Path, read_lines: Lines
) -> None:
    off = Settings(repair=RepairSettings(language="xx", rules=(str(rules),), enabled=False))
    (text_folder / "layout.txt").write_text("By Jane Doe\nThe mayor of Velsing , who is 61, resigned.\n\n\n\n")
    summary = run([text_folder], tmp_path / "out", off)
    assert summary.counts["repaired"] == 0
    assert summary.verdicts["spun"] == 1
    assert (tmp_path / "out/edits.jsonl").read_bytes() == b""


def test_the_output_folder_may_lie_in_the_input_folder(text_folder: Path, settings: Settings) -> None:
    run([text_folder], text_folder / "out", settings)
    again = run([text_folder], text_folder / "out", settings, overwrite=True)
    assert again.counts["read"] == 5


def test_a_finished_run_is_not_replaced_unasked(text_folder: Path, tmp_path: Path, settings: Settings, read_tree: Tree) -> None:
    run([text_folder], tmp_path / "out", settings)
    before = read_tree(tmp_path / "out")
    with pytest.raises(UsageError, match="--force"):
        run([text_folder], tmp_path / "out", settings)
    assert read_tree(tmp_path / "out") == before


def test_find_tells_what_it_could_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "One sentence."}\n{"text": 5}\n{\n')
    relations = find([tmp_path / "a.jsonl"])
    assert (len(relations.places), relations.unreadable) == (1, 2)
    assert "text from 'text'" in relations.notes[0]


def test_the_manifest_accounts_for_every_record_and_file(jsonl_file: Path, tmp_path: Path, settings: Settings) -> None:
    run([jsonl_file], tmp_path / "out", settings)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["inputs"][0]["outcomes"] == "2k2d1r"
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {output["name"] for output in manifest["outputs"]} == written - {"manifest.json"}


PIECES = [
    "drone assault",
    "Getty Pictures",
    "extra",
    "he mentioned",
    "safety treaty",
    "\r\n",
    "\n\n",
    "“",
    "{photo}",
    "donâ€™t",
    " , ",
]
words = st.one_of(st.sampled_from(PIECES), st.text(max_size=8))  # st.text gives control characters and lone surrogates too
bodies = st.lists(words, max_size=12).map(" ".join)
records = st.fixed_dictionaries({"text": bodies}, optional={"id": bodies, "title": bodies, "source": bodies, "url": bodies})


DECISIONS = [
    Decision("rule:my.said", "reject"),
    Decision("rule:my.extra", "accept"),
    Decision("pair:Getty Pictures→Getty Images", "replace", "a \u202e\ud83d, \r\n word"),
    Decision("rule:my.drone", "revert"),
]


@given(
    st.lists(records, min_size=1, max_size=8),
    st.sampled_from(["same", "jsonl", "csv", "txt"]),
    st.lists(st.sampled_from(DECISIONS), max_size=3),
)
@hypothesis.settings(max_examples=max(40, EXAMPLES), deadline=None)
def test_any_records_at_all_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], target: Any, decisions: list[Decision]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "my.tsv").write_text(RULES, "utf-8")
    rows = [{"text": "One that can be read."}, *rows]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "in.jsonl").write_text(content, "ascii")
    settings = Settings(
        read=ReadSettings(text_field="text"),
        repair=RepairSettings(language="xx", rules=(str(folder),)),
        emit=EmitSettings(target),
    )
    summary = run([folder / "in.jsonl"], folder / "out", settings)
    assert summary.counts["read"] == sum(summary.counts.values()) - summary.counts["read"] == len(rows)
    for decision in decisions:
        append_decision(folder / "out", decision)
    apply_decisions(folder / "out")
    once = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    apply_decisions(folder / "out")
    assert {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()} == once
    undo(folder / "out", folder / "back")
    assert (folder / "back/in.jsonl").read_text("ascii") == content


def run_seeds(out: Path, *, hash_seed: str) -> None:
    command = [sys.executable, "-m", "dedupe", "run", "seeds/corpus", "-o", str(out)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def test_equal_runs_give_equal_bytes_whatever_the_hash_seed(tmp_path: Path, read_tree: Tree) -> None:
    run_seeds(tmp_path / "a", hash_seed="1")
    run_seeds(tmp_path / "b", hash_seed="2")
    assert read_tree(tmp_path / "a") == read_tree(tmp_path / "b")


def test_a_second_run_over_the_sample_corpus_makes_no_automatic_edit(tmp_path: Path) -> None:
    first = run([ROOT / "seeds/corpus"], tmp_path / "first")
    assert first.counts["repaired"] > 0
    second = run([tmp_path / "first/canonical"], tmp_path / "second")
    assert set(second.edits) <= {"ask"}, second.rules
    assert second.counts["repaired"] == 0


def test_the_sample_corpus_comes_back_whole(tmp_path: Path, read_tree: Tree) -> None:
    run([ROOT / "seeds/corpus"], tmp_path / "out")
    undo(tmp_path / "out", tmp_path / "back")
    assert read_tree(tmp_path / "back") == read_tree(ROOT / "seeds/corpus")


def test_the_output_of_an_earlier_run_inside_the_input_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One article about the harbour and its ferries.", "utf-8")
    run([tmp_path], tmp_path / "first")
    assert run([tmp_path], tmp_path / "second").counts["read"] == 1
