"""All or nothing: what the writer refuses, what it proves, what is on disk when it is interrupted."""

from __future__ import annotations

import base64
import csv
import dataclasses
import errno
import gzip
import json
import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from test_corpus_bytes import FILES, digests, first_word_edit, make_corpus, make_input, write_all

from dedupe.corpus.envelope import dump_line, open_record, seal_record
from dedupe.corpus.folder import OutputFolder
from dedupe.corpus.inputs import discover_inputs
from dedupe.corpus.layout import EmitFormat
from dedupe.corpus.manifest import InputEntry, count_outcomes, load_manifest
from dedupe.corpus.reader import Corpus
from dedupe.corpus.record import Record
from dedupe.corpus.staging import STAGING, check_name
from dedupe.corpus.undo import read_back, undo
from dedupe.corpus.writer import CorpusWriter
from dedupe.errors import ConservationError, InputError, UsageError
from dedupe.model import Edit


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for name, content in FILES.items():
        make_input(tmp_path / "in", name, content)
    return make_corpus(*discover_inputs([tmp_path / "in"]).inputs)


@pytest.fixture
def run(tmp_path: Path, corpus: Corpus) -> Path:
    """The folder of a finished run with records of every outcome."""
    write_all(corpus, tmp_path / "out", "krd")
    return tmp_path / "out"


def test_an_absent_or_empty_folder_is_accepted(tmp_path: Path) -> None:
    OutputFolder(tmp_path / "new").release()
    OutputFolder(tmp_path).release()


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path, corpus: Corpus) -> None:
    (tmp_path / "in/mine").touch()
    with pytest.raises(UsageError, match="is not empty"):
        CorpusWriter(tmp_path / "in", corpus, overwrite=True)
    with pytest.raises(UsageError, match="is not a folder"):
        CorpusWriter(tmp_path / "in/mine", corpus)
    assert not (tmp_path / "in" / STAGING).exists()


def test_a_finished_run_is_replaced_only_on_request_and_foreign_files_stay(run: Path, corpus: Corpus) -> None:
    (run / "decisions.jsonl").write_text("mine")
    with pytest.raises(UsageError, match=r"finished run.*--force"):
        write_all(corpus, run, "k")
    write_all(corpus, run, "d", "jsonl", overwrite=True)
    left = sorted(path.relative_to(run).as_posix() for path in run.rglob("*"))
    beside = ["decisions.jsonl", "duplicates.jsonl", "manifest.json", "originals.jsonl", "quarantine.jsonl"]
    assert left == ["canonical.jsonl", *beside]


def test_an_output_folder_that_is_a_symbolic_link_is_refused(tmp_path: Path, corpus: Corpus) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="symbolic link"):
        CorpusWriter(tmp_path / "link", corpus)


@pytest.mark.parametrize("format", ["same", "jsonl"])
def test_nothing_is_written_or_removed_through_a_symbolic_link(
    tmp_path: Path, corpus: Corpus, run: Path, format: EmitFormat
) -> None:
    (run / "canonical").rename(tmp_path / "elsewhere")
    (run / "canonical").symlink_to(tmp_path / "elsewhere")
    before = digests(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="symbolic link"):
        write_all(corpus, run, "d", format, overwrite=True)
    assert digests(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "", "..", "a\0b", f"{STAGING}/a"])
def test_names_that_lead_outside_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="leads outside"):
        check_name(name)


def test_a_manifest_that_names_files_outside_is_refused(run: Path, tmp_path: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_bytes())
    manifest["inputs"][0]["name"] = "../escaped.txt"
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises((UsageError, InputError), match="leads outside"):
        undo(run, tmp_path / "back")
    assert not (tmp_path / "escaped.txt").exists()


def test_ids_never_name_files(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", b'{"id": "../../etc/x", "text": "x"}\n'))
    write_all(corpus, tmp_path / "out", "k", "txt")
    assert (tmp_path / "out/canonical/a.jsonl/00000000.txt").read_text() == "x"


def quarantine_all(records: Iterable[Record], corpus: Corpus, out: Path) -> None:
    with CorpusWriter(out, corpus) as writer:
        for record in records:
            writer.quarantine(record)
        writer.finish({})


def test_a_record_left_out_doubled_or_out_of_order_commits_nothing(tmp_path: Path, corpus: Corpus) -> None:
    records = list(corpus)
    swapped = [records[1], records[0], *records[2:]]
    shortened = [dataclasses.replace(records[0], raw=b"{}\n"), *records[1:]]
    for wrong in (records[:-1], records[1:], [records[0], *records], records[::-1], swapped, shortened, []):
        with pytest.raises(ConservationError):
            quarantine_all(wrong, corpus, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_an_unreadable_record_belongs_in_quarantine(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", b"garbage\n"))
    with pytest.raises(ConservationError, match="quarantine"), CorpusWriter(tmp_path / "out", corpus) as writer:
        writer.keep(next(iter(corpus)))


def test_a_corpus_that_was_not_read_to_its_end_is_not_committed(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(ConservationError):
        quarantine_all(islice(corpus, 1), corpus, tmp_path / "out")


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.txt", b"a drone assault"))
    with CorpusWriter(tmp_path / "out", corpus) as writer:
        [record] = corpus
        with pytest.raises(ValueError, match=r"does not fit article 'a.txt'"):
            writer.repair(record, [Edit("a.txt", "text", 0, 5, "drone", "x", ("r",), "safe")])


def test_edits_of_several_fields_are_made(tmp_path: Path) -> None:
    line = b'{"title": "An assault", "n": 1e5, "text": "The assault", "caption": "assault"}\n'
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", line))
    corpus.further = ("caption",)
    places = {"title": 3, "text": 4, "caption": 0}
    with CorpusWriter(tmp_path / "out", corpus) as writer:
        [record] = corpus
        edits = [Edit("", f, at, at + 7, "assault", "attack", ("r",), "safe") for f, at in places.items()]
        writer.repair(record, edits)
        assert writer.counts == {"read": 1, "kept": 0, "repaired": 1, "duplicate": 0, "quarantined": 0}
        writer.finish({})
    assert (tmp_path / "out/canonical/a.jsonl").read_bytes() == line.replace(b"assault", b"attack")
    assert open_record((tmp_path / "out/originals.jsonl").read_bytes())[1] == line


def test_conversions_hold_the_repaired_articles(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.csv", b'id,title,text\n1,"t, u",one\n2,,"two\n"\n'))
    for format in ("jsonl", "csv"):
        write_all(corpus, tmp_path / format, "kr", format)
    wanted = [
        {"id": "1", "title": "t, u", "text": "one", "url": "", "source": "", "date": ""},
        {"id": "2", "title": "", "text": '’Œdit\n"wo\n', "url": "", "source": "", "date": ""},
    ]
    assert [json.loads(line) for line in (tmp_path / "jsonl/canonical.jsonl").read_bytes().splitlines()] == wanted
    with open(tmp_path / "csv/canonical.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == wanted


def test_the_manifest_states_inputs_outputs_and_counts(tmp_path: Path) -> None:
    input = make_input(tmp_path, "a.csv.gz", b"text\nx\n\xff\ny\n")
    corpus = make_corpus(input)
    with CorpusWriter(tmp_path / "out", corpus) as writer:
        for record in corpus:
            writer.keep(record) if record.article else writer.quarantine(record)
        writer.append("pairs.jsonl", dump_line({"a": 1}))
        writer.append("pairs.jsonl", dump_line({"b": "\ud800"}))
        returned = writer.finish({"version": "0", "settings": {"near": 0.7}})
    manifest = load_manifest(tmp_path / "out")
    assert manifest == returned
    [entry] = manifest.inputs
    assert (entry.records, entry.outcomes, entry.head, entry.size) == (3, "1k1q1k", b"text\n", input.size)
    assert manifest.counts == {"read": 3, "kept": 2, "repaired": 0, "duplicate": 0, "quarantined": 1}
    assert [file.name for file in manifest.outputs] == [
        "canonical/a.csv.gz",
        "duplicates.jsonl",
        "originals.jsonl",
        "pairs.jsonl",
        "quarantine.jsonl",
    ]
    assert manifest.details == {"version": "0", "settings": {"near": 0.7}}
    quarantined = json.loads((tmp_path / "out/quarantine.jsonl").read_bytes())
    assert base64.b64decode(quarantined["raw_base64"]) == b"\xff\n"
    assert gzip.decompress((tmp_path / "out/canonical/a.csv.gz").read_bytes()) == b"text\nx\ny\n"


@pytest.mark.parametrize(
    "raw", [b'{"a": 1}\n', b'\n\r\n {"a":\t[1e5]} \r\n', b'{"record": "}", "after": {"record": 1}}', b"{}"]
)
@pytest.mark.parametrize("label", [{}, {"id": '"record": {', "where": {"record": 3}}])
def test_a_sealed_record_opens_to_its_bytes(raw: bytes, label: dict[str, object]) -> None:
    for is_json in (True, False):
        line = seal_record(label, raw, is_json=is_json)
        assert line.count(b"\n") == 1
        assert open_record(line) == (label, raw)
        assert list(json.loads(line))[-1] == "record"
    assert open_record(seal_record(label, b"\xff" + raw, is_json=True)) == (label, b"\xff" + raw)


def test_undo_refuses_a_folder_that_is_not_empty_or_no_run(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an empty folder"):
        undo(run, tmp_path / "in")
    with pytest.raises(UsageError, match="no finished run"):
        undo(tmp_path / "in", tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("name", ["canonical/a.jsonl", "duplicates.jsonl", "quarantine.jsonl", "originals.jsonl"])
@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"X" + content[1:], None])
def test_undo_of_a_run_whose_files_were_changed_is_an_error(
    run: Path, tmp_path: Path, name: str, damage: Callable[[bytes], bytes] | None
) -> None:
    if damage:
        (run / name).write_bytes(damage((run / name).read_bytes()))
    else:
        (run / name).unlink()
    with pytest.raises(InputError, match=r"changed after the run|is missing"):
        undo(run, tmp_path / "back")
    with pytest.raises(InputError):
        read_back(run)
    assert not (tmp_path / "back").exists()


def test_undo_proves_that_it_restored_the_input(run: Path, tmp_path: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_bytes())
    manifest["inputs"][0]["tail"] = base64.b64encode(b"\n").decode()
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="differ from the input's SHA-256"):
        undo(run, tmp_path / "back")
    with pytest.raises(InputError, match="changed"):
        list(read_back(run))
    assert not (tmp_path / "back").exists()


def test_an_input_that_grew_since_it_was_found_is_an_error(tmp_path: Path) -> None:
    input = make_input(tmp_path, "a.jsonl", b'{"text": "x"}\n')
    with open(input.path, "ab") as file:
        file.write(b'{"text": "y"}\n')
    with pytest.raises(InputError, match="changed while it was being read"):
        write_all(make_corpus(input), tmp_path / "out", "k")


def test_a_changed_report_does_not_stop_undo(run: Path, tmp_path: Path) -> None:
    corpus = read_back(run)
    with CorpusWriter(run, corpus, overwrite=True) as writer:
        for record in corpus:
            writer.duplicate(record, "x", "near", 1.0, 1.0) if record.article else writer.quarantine(record)
        writer.append("report.html", b"<p>")
        writer.finish({})
    (run / "report.html").write_text("changed")
    undo(run, tmp_path / "back")
    assert digests(tmp_path / "back") == digests(tmp_path / "in")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"manifest": 1}', b'{"manifest": 99}', b"\xff", b"[" * 100_000])
def test_a_damaged_manifest_is_an_input_error(run: Path, tmp_path: Path, content: bytes) -> None:
    (run / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.json"):
        undo(run, tmp_path / "back")


def test_a_leftover_of_a_killed_run_is_removed(tmp_path: Path, corpus: Corpus) -> None:
    (tmp_path / "out" / STAGING).mkdir(parents=True)
    (tmp_path / "out" / STAGING / "half").write_bytes(b"written")
    write_all(corpus, tmp_path / "out", "krd")
    write_all(corpus, tmp_path / "clean", "krd")
    assert digests(tmp_path / "out") == digests(tmp_path / "clean")


class Killed(BaseException):
    """Stands for kill -9: nothing that follows may touch the disk."""


def fail_at(call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the `call`-th fsync, replace or unlink from now on fail; after a kill nothing is tidied up."""
    calls = 0

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                if isinstance(error, Killed):
                    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
                raise error
            return function(*arguments, **options)

        return failing

    for name in ("fsync", "replace", "unlink"):
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))


@pytest.mark.parametrize("error", [Killed(), OSError(errno.ENOSPC, "no space left on device")], ids=["kill", "full disk"])
def test_a_run_interrupted_at_any_point_has_the_old_state_or_the_new_one(
    tmp_path: Path, corpus: Corpus, error: BaseException
) -> None:
    write_all(corpus, tmp_path / "old", "krd")
    write_all(corpus, tmp_path / "new", "dk", "jsonl")
    wanted = digests(tmp_path / "old"), digests(tmp_path / "new")
    seen = set()
    for call in range(1, 200):
        out = tmp_path / f"out{call}"
        write_all(corpus, out, "krd")
        with pytest.MonkeyPatch.context() as patch:
            fail_at(call, error, patch)
            try:
                write_all(corpus, out, "dk", "jsonl", overwrite=True)
            except (Killed, OSError):
                pass
            else:
                break
        OutputFolder(out, overwrite=True).release()  # as any next run does
        state = {name: digest for name, digest in digests(out).items() if not name.startswith(STAGING)}
        assert state in wanted
        seen.add(wanted.index(state))
        undo(out, tmp_path / f"back{call}")
        assert digests(tmp_path / f"back{call}") == digests(tmp_path / "in")
    assert call > 10
    assert seen == {0, 1}


def test_everything_is_synced_before_the_rename_that_decides(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, unsynced = set[int](), []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def noting_replace(source: Path, target: Path) -> None:
        if target.name == "ready":
            unsynced.extend(path for path in (source, *source.rglob("*")) if path.stat().st_ino not in synced)
            synced.clear()
        elif target.name == "manifest.json":
            moved = {path.parent for path in (tmp_path / "out").rglob("*.*") if STAGING not in path.parts}
            unsynced.extend(path for path in moved if path.is_dir() and path.stat().st_ino not in synced)
            synced.clear()
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    write_all(corpus, tmp_path / "out", "krd")
    assert unsynced == []
    assert (tmp_path / "out").stat().st_ino in synced


def test_a_file_name_that_is_not_unicode_passes(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path / "in", os.fsdecode(b"caf\xe9.txt"), b"x"))
    write_all(corpus, tmp_path / "out", "d")
    undo(tmp_path / "out", tmp_path / "back")
    assert digests(tmp_path / "back") == digests(tmp_path / "in")


def test_undo_starts_again_after_it_was_killed(run: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail_at(5, Killed(), patch)
        with pytest.raises(Killed):
            undo(run, tmp_path / "back")
    assert (tmp_path / "back" / STAGING).exists()
    undo(run, tmp_path / "back")
    assert digests(tmp_path / "back") == digests(tmp_path / "in")


def test_records_are_equal_whether_read_or_read_back_after_repair(tmp_path: Path, corpus: Corpus) -> None:
    with CorpusWriter(tmp_path / "out", corpus) as writer:
        for record in corpus:
            writer.repair(record, [first_word_edit(record)]) if record.article else writer.quarantine(record)
        writer.finish({})
    stored = read_back(tmp_path / "out")
    assert list(stored) == list(corpus)
    assert [dataclasses.replace(content) for content in stored.contents.values()] == list(corpus.contents.values())


def test_outcomes_that_do_not_cover_the_records_are_a_conservation_error() -> None:
    entry = InputEntry("a.txt", "txt", "", 1, "", "", records=3, outcomes="1k1q1c")
    with pytest.raises(ConservationError, match="lost or doubled"):
        count_outcomes([entry])
    assert count_outcomes([dataclasses.replace(entry, records=2)])["read"] == 2
