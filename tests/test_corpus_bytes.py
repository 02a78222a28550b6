"""What passes through the reader, the writer and undo comes out byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from conftest import EXAMPLES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedupe.config import ReadSettings
from dedupe.corpus.content import BOM, split_content
from dedupe.corpus.fields import FieldChoice, detect_fields
from dedupe.corpus.inputs import Input, discover_inputs
from dedupe.corpus.layout import EmitFormat
from dedupe.corpus.reader import Corpus, read_records
from dedupe.corpus.record import Format, Record
from dedupe.corpus.undo import read_back, undo
from dedupe.corpus.writer import CorpusWriter
from dedupe.model import Edit

ODD_LINES = [
    b'{"id": 1, "id": 2, "text": "doubled keys"}\n',
    b'{"n": 1e5, "text": "a float"}\n',
    b'{"url": "https:\\/\\/example.org\\/", "text": "escaped slashes"}\n',
    b'{"n": 123456789012345678901234567890, "text": "30 digits"}\n',
    b'{"n": ' + b"9" * 5000 + b', "text": "5,000 digits"}\n',
    b'{"n": NaN, "m": -Infinity, "text": "not numbers"}\n',
    b'{"text": "half a pair \\ud83d here"}\n',
    '{"text": "line\u2028separator, \u0085 and \x7f"}\n'.encode(),
    b'{"text": "carriage return"}\r\n',
    b"\n  \r\n",
    b' {"text" : "spaces around"} \t\n',
    b'{"text": "no newline at the end"}',
]

CSV_FILE = BOM + 'id,title,text\r\n1,"a ""quoted"" title",one text\r\n\r\n2,,"two\nlines, one text"\r\n3,x,\u2028three'.encode()


def make_input(folder: Path, name: str, content: bytes) -> Input:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return discover_inputs([path]).inputs[0]


def make_corpus(*inputs: Input, limit: int = 1 << 20) -> Corpus:
    choices: dict[Format, FieldChoice] = {
        "txt": FieldChoice(),
        "jsonl": FieldChoice("text", "id", "title"),
        "csv": FieldChoice("text", "id", "title"),
        "tsv": FieldChoice("text", "id", "title"),
    }
    return read_records(inputs, ReadSettings(max_record_bytes=limit), choices)


def first_word_edit(record: Record) -> Edit:
    assert record.article is not None
    text = record.article.text
    return Edit(record.article.id, "text", 0, 1, text[0], '\u2019Œdit\n"' if text[0] != "Œ" else "", ("t",), "safe")


def write_all(
    corpus: Corpus, out: Path, outcomes: str, format: EmitFormat = "same", *, overwrite: bool = False
) -> dict[str, int]:
    """Write each record by a letter of `outcomes`, taken in turn: k, r or d; unreadable ones go to quarantine."""
    with CorpusWriter(out, corpus, format=format, overwrite=overwrite) as writer:
        for number, record in enumerate(corpus):
            letter = outcomes[number % len(outcomes)]
            if record.article is None:
                writer.quarantine(record)
            elif letter == "k":
                writer.keep(record)
            elif letter == "r":
                writer.repair(record, [first_word_edit(record)])
            else:
                writer.duplicate(record, "other", "near", 0.75, 1.0)
        return dict(writer.finish({"version": "test"}).counts)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file's content, decompressed."""
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {
        name: hashlib.sha256(gzip.decompress(content) if name.endswith(".gz") else content).hexdigest()
        for name, content in contents.items()
    }


@pytest.mark.parametrize("line", ODD_LINES, ids=lambda line: line[:30].decode("utf-8", "replace"))
def test_an_untouched_line_leaves_byte_identical(tmp_path: Path, line: bytes) -> None:
    content = BOM + b'{"text": "before"}\n' + line
    counts = write_all(make_corpus(make_input(tmp_path / "in", "a.jsonl", content)), tmp_path / "out", "k")
    assert (tmp_path / "out/canonical/a.jsonl").read_bytes() == content
    assert counts["quarantined"] == 0


@pytest.mark.parametrize("name", ["a.csv", "b.csv.gz"])
def test_untouched_tables_leave_byte_identical(tmp_path: Path, name: str) -> None:
    counts = write_all(make_corpus(make_input(tmp_path / "in", name, CSV_FILE)), tmp_path / "out", "k")
    assert counts == {"read": 3, "kept": 3, "repaired": 0, "duplicate": 0, "quarantined": 0}
    assert digests(tmp_path / "out/canonical") == {name: hashlib.sha256(CSV_FILE).hexdigest()}


def test_an_untouched_text_folder_leaves_byte_identical(tmp_path: Path) -> None:
    texts = {
        "a.txt": b"plain\r\ntext",
        "sub/b.txt": BOM + "mit Marke – ok\n".encode(),
        "sub/c.txt": "sechzehn Bit".encode("utf-16"),
        "d.txt.gz": b"packed\n",
    }
    for name, content in texts.items():
        make_input(tmp_path / "in", name, content)
    corpus = make_corpus(*discover_inputs([tmp_path / "in"]).inputs)
    assert [record.article.text for record in corpus if record.article] == [
        "plain\r\ntext",
        "packed\n",
        "mit Marke – ok\n",
        "sechzehn Bit",
    ]
    write_all(corpus, tmp_path / "out", "k")
    assert digests(tmp_path / "out/canonical") == digests(tmp_path / "in")


def test_only_the_changed_field_of_a_repaired_record_differs(tmp_path: Path) -> None:
    line = b'{"n": 1e5, "text":"assault", "n" : 1E5, "u": "\\/\\u00e9"}\r\n'
    write_all(make_corpus(make_input(tmp_path / "in", "a.jsonl", line)), tmp_path / "out", "r")
    changed = (tmp_path / "out/canonical/a.jsonl").read_bytes()
    assert changed == line.replace(b'"assault"', b'"\\u2019\\u0152dit\\n\\"ssault"')


FILES = {
    "a.jsonl": b"".join(ODD_LINES),
    "b.csv": CSV_FILE,
    "c.tsv.gz": b"text\tid\nalpha\t1\nbeta\t\xff\n\ngamma\t3\n\n",
    "d/e.txt": b"alpha\n",
    "d/f.txt": "alpha\n".encode("utf-16"),
    "d/empty.txt": b"",
    "d/empty.jsonl": b"",
    "d/header.csv": b"id,text\n",
    "d/blank.jsonl": b"\n\n \n",
    "g.jsonl.gz": b'{"text": "one"}\n{"text": 2}\nbroken\n\n{"text": "three"}\n\n\n',
}


@pytest.mark.parametrize("format", ["same", "jsonl", "csv", "txt"])
@pytest.mark.parametrize("outcomes", ["k", "r", "d", "krd", "ddkkr"])
def test_undo_restores_the_inputs(tmp_path: Path, outcomes: str, format: EmitFormat) -> None:
    for name, content in FILES.items():
        make_input(tmp_path / "in", name, content)
    corpus = make_corpus(*discover_inputs([tmp_path / "in"]).inputs)
    write_all(corpus, tmp_path / "out", outcomes, format)
    report = undo(tmp_path / "out", tmp_path / "back")
    assert digests(tmp_path / "back") == digests(tmp_path / "in")
    assert report.records == sum(1 for _ in corpus)


@pytest.mark.parametrize("format", ["same", "jsonl"])
def test_records_read_back_are_those_that_were_read(tmp_path: Path, format: EmitFormat) -> None:
    for name, content in FILES.items():
        make_input(tmp_path / "in", name, content)
    corpus = make_corpus(*discover_inputs([tmp_path / "in"]).inputs)
    write_all(corpus, tmp_path / "out", "krd", format)
    assert list(read_back(tmp_path / "out")) == list(corpus)


def test_undo_still_restores_the_inputs_after_other_decisions_were_applied(tmp_path: Path) -> None:
    for name, content in FILES.items():
        make_input(tmp_path / "in", name, content)
    out = tmp_path / "out"
    write_all(make_corpus(*discover_inputs([tmp_path / "in"]).inputs), out, "krd")
    first = digests(out)
    for outcomes, format in (("dk", "same"), ("rrk", "jsonl"), ("krd", "same")):
        write_all(read_back(out), out, outcomes, format, overwrite=True)
        undo(out, tmp_path / f"back-{outcomes}")
        assert digests(tmp_path / f"back-{outcomes}") == digests(tmp_path / "in")
    assert digests(out) == first


def test_a_run_repeated_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, content in FILES.items():
        make_input(tmp_path / "in", name, content)
    for out in ("one", "two"):
        write_all(make_corpus(*discover_inputs([tmp_path / "in"]).inputs), tmp_path / out, "kdr")
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / out).rglob("*.*") if p.is_file()} for out in ("one", "two"))
    assert one == two


FORMATS: list[Format] = ["txt", "jsonl", "csv", "tsv"]
CHUNKS = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"\r",
        b",",
        b"\t",
        b'"',
        b'""',
        b"a",
        "é\u2028".encode(),
        BOM,
        b"\xff",
        b"\x00",
        b" ",
        b'{"text": "x"}',
        b'{"text": "x", "id": "7"}\n',
        b"text,id\n",
        b"x,7\n",
        b"text\tid\n",
        b"x\t7\n",
    ]
)
CONTENTS = st.lists(CHUNKS, max_size=25).map(b"".join) | st.binary(max_size=60)


@settings(max_examples=max(200, EXAMPLES), deadline=None)
@given(CONTENTS, st.sampled_from(FORMATS), st.sampled_from(["", ".gz"]), st.sampled_from([3, 20, 1 << 20]))
@example(b'text,id\n"open', "csv", "", 20)
@example(b"\n" * 50, "jsonl", "", 20)
def test_head_records_and_tail_are_the_content(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, format: Format, gz: str, limit: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    input = make_input(folder, f"a.{format}{gz}", content)
    pieces = list(split_content(input.path, input.format, input.compression, limit))
    assert b"".join(piece.raw for piece in pieces) == content
    assert [pieces[0].role, pieces[-1].role] == ["head", "tail"]
    assert all(len(piece.raw) <= limit + 1 for piece in pieces[1:])
    corpus = make_corpus(input, limit=limit)
    records = list(corpus)
    assert [record.raw for record in records] == [piece.raw for piece in pieces[1:-1]]
    assert list(corpus) == records
    for record in records:
        assert content[record.where.offset :].startswith(record.raw)


@settings(max_examples=max(60, EXAMPLES), deadline=None)
@given(
    st.lists(st.tuples(CONTENTS, st.sampled_from(FORMATS), st.sampled_from(["", ".gz"])), min_size=1, max_size=3),
    st.text("krd", min_size=1, max_size=6),
    st.sampled_from([20, 1 << 20]),
)
def test_undo_restores_any_input(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[tuple[bytes, Format, str]],
    outcomes: str,
    limit: int,
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    for number, (content, format, gz) in enumerate(files):
        make_input(folder / "in", f"{number}.{format}{gz}", content)
    corpus = make_corpus(*discover_inputs([folder / "in"]).inputs, limit=limit)
    counts = write_all(corpus, folder / "out", outcomes)
    assert counts["read"] == sum(not record.rest for record in corpus)
    undo(folder / "out", folder / "back")
    assert digests(folder / "back") == digests(folder / "in")
    assert list(read_back(folder / "out")) == list(corpus)


def test_a_duplicate_line_holds_the_source_object_verbatim(tmp_path: Path) -> None:
    line = b'{"id": 7, "n": 1e5, "n": 2, "text": "x \\ud83d"}\r\n'
    write_all(make_corpus(make_input(tmp_path / "in", "a.jsonl", b"\n" + line)), tmp_path / "out", "d")
    sealed = (tmp_path / "out/duplicates.jsonl").read_bytes()
    assert sealed.endswith(b'"record": ' + line.rstrip() + b"}\n")
    label = json.loads(sealed)
    assert (label["id"], label["dup_of"], label["kind"], label["jaccard"]) == ("7", "other", "near", 0.75)
    assert label["where"] == {"input": "a.jsonl", "record": 0, "offset": 0}


def test_detected_and_given_choices_read_the_same(tmp_path: Path) -> None:
    input = make_input(tmp_path, "a.jsonl", b'{"id": "1", "text": "a text", "title": "t"}\n')
    detected = detect_fields([input], ReadSettings())
    assert list(read_records([input], ReadSettings(), detected)) == list(make_corpus(input))
