"""What is read, what it is called, and where what cannot be read goes."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path

import pytest
from test_corpus_bytes import make_corpus, make_input, write_all

from dedupe.config import ReadSettings
from dedupe.corpus.fields import choose_fields, detect_fields
from dedupe.corpus.inputs import discover_inputs, spool_stream
from dedupe.corpus.reader import read_records
from dedupe.corpus.undo import undo
from dedupe.errors import InputError, UsageError


def names(*arguments: str | Path) -> list[str]:
    return [input.name for input in discover_inputs(arguments).inputs]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.jsonl.gz", "sub/c.csv", "sub/.hidden.txt", ".git/d.txt", "e.pdf", "F.TXT"):
        make_input_quietly(tmp_path / "tree" / name)
    return tmp_path / "tree"


def make_input_quietly(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def test_a_folder_is_read_recursively_in_the_order_of_paths_without_hidden_files(tree: Path) -> None:
    assert names(tree) == ["F.TXT", "a.jsonl.gz", "b.txt", "sub/c.csv"]
    assert discover_inputs([tree]).skipped == (str(tree / "e.pdf"),)


def test_a_glob_names_files_relative_to_its_fixed_part(tree: Path) -> None:
    assert names(f"{tree}/**/*.csv") == ["sub/c.csv"]


def test_a_file_named_twice_is_read_once(tree: Path) -> None:
    assert names(tree, tree / "b.txt") == names(tree)


def test_equal_names_under_two_arguments_carry_their_folders(tmp_path: Path) -> None:
    for folder in ("x/a", "y/a", "z"):
        make_input_quietly(tmp_path / folder / "1.txt")
    assert names(tmp_path / "x/a", tmp_path / "z") == ["a/1.txt", "z/1.txt"]
    assert names(tmp_path / "x/a", tmp_path / "y/a") == ["a/1.txt", "a~2/1.txt"]


def test_the_output_folder_inside_the_input_folder_is_not_read(tree: Path) -> None:
    found = discover_inputs([tree], exclude=[tree / "sub"])
    assert [input.name for input in found.inputs] == ["F.TXT", "a.jsonl.gz", "b.txt"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("e.pdf", "unknown extension; readable are .txt"),
        ("none", "no such file"),
        (".git", "holds no article; looked for .txt"),
        ("*.xyz", "holds no article"),
    ],
)
def test_an_argument_without_articles_is_refused(tree: Path, argument: str, message: str) -> None:
    (tree / ".git/d.txt").rename(tree / ".git/.d.txt")
    with pytest.raises(UsageError, match=message):
        discover_inputs([tree / argument])


def test_an_unset_variable_does_not_name_the_working_directory() -> None:
    with pytest.raises(UsageError, match="names no file; is a variable unset"):
        discover_inputs([""])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"text": "x"}\n', "stdin.jsonl"),
        (b"id,Text\n1,x\n", "stdin.csv"),
        (b"id\ttext\n1\tx\n", "stdin.tsv"),
        (b"He wrote, text in hand,\nof the sea", "stdin.txt"),
        (gzip.compress(b'\n{"text": "x"}\n'), "stdin.jsonl.gz"),
        (b"", "stdin.txt"),
    ],
)
def test_standard_input_is_stored_and_its_format_guessed(tmp_path: Path, content: bytes, name: str) -> None:
    input = spool_stream(io.BytesIO(content), tmp_path)
    assert (input.name, input.path.read_bytes()) == (name, content)
    assert discover_inputs(["-"], spooled=input).inputs == (input,)


def test_standard_input_follows_the_format_that_is_given(tmp_path: Path) -> None:
    assert spool_stream(io.BytesIO(b"{}"), tmp_path, "txt").format == "txt"


GARBAGE = [
    (b"not JSON\n", "not JSON: Expecting value: character 0"),
    (b'{"text": "cut', "not JSON: Unterminated string"),
    (b"[1, 2]\n", "a list, not an object"),
    (b"null\n", "null, not an object"),
    (b'"text"\n', "a string, not an object"),
    (b'{"id": 1}\n', "no field 'text'"),
    (b'{"text": null}\n', "field 'text' is null, not a string"),
    (b'{"text": ["a"]}\n', "field 'text' is a list, not a string"),
    (b'{"text": {"a": 1}}\n', "field 'text' is an object, not a string"),
    (b'{"text": true}\n', "field 'text' is a boolean, not a string"),
    (b'{"text": 12}\n', "field 'text' is a number, not a string"),
    (b'{"text": NaN}\n', "field 'text' is a number, not a string"),
    (b'{"text": " \\n - "}\n', "field 'text' holds no word"),
    (b'{"text": "None"}\n', "field 'text' holds no word"),
    (b'{"text": "caf\xe9"}\n', "not utf-8: byte 0xe9 at 13"),
    (b'{"text": "surrogate \xed\xa0\xbd"}\n', "not utf-8"),
    (b'{"text": "' + b"x" * 2000 + b'"}\n', "larger than max_record_bytes"),
    (b'{"text": ' + b"[" * 900 + b"]" * 900 + b"}\n", "nested too deeply|is a list"),
    (b"\0\0\0\n", "not JSON"),
]


@pytest.mark.parametrize(("line", "reason"), GARBAGE, ids=lambda value: str(value)[:24])
def test_garbage_is_quarantined_with_its_bytes_and_reason_and_the_run_goes_on(tmp_path: Path, line: bytes, reason: str) -> None:
    content = b'{"text": "good"}\n' + line.rstrip(b"\n") + b'\n{"text": "also good"}\n'
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", content), limit=1900)
    assert [record.article is not None for record in corpus if not record.rest] == [True, False, True]
    assert write_all(corpus, tmp_path / "out", "k")["quarantined"] == 1
    label = json.loads((tmp_path / "out/quarantine.jsonl").read_bytes().split(b"\n")[0])
    assert re.search(reason, label["reason"]), label["reason"]
    assert label["where"] == {"input": "a.jsonl", "record": 1, "offset": 17}
    undo(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back/a.jsonl").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (b"id,text\n1,a\n1,b,c\n2\n3,d\n", ["", "3 columns where the header has 2", "1 columns where the header has 2", ""]),
        (b'id,text\n1,a\n2,"open\n3,b\n', ["", "a quotation mark is opened here and never closed"]),
        (b"id,text\n1,a\rb\n2,c\n", ["a line break outside quotation marks", ""]),
        (b"id,text\n1,\xff\n2,c\n", ["not utf-8: byte 0xff at 2", ""]),
        (b"id,text\r1,a\r2,b\r", ["the header has a line break outside quotation marks; convert the line ends to LF or CRLF"]),
        (
            b'id,"text\n1,a\n',
            ["the header has a quotation mark is opened and never closed; convert the line ends to LF or CRLF"],
        ),
    ],
)
def test_broken_rows_are_quarantined(tmp_path: Path, content: bytes, reasons: list[str]) -> None:
    assert [record.error for record in make_corpus(make_input(tmp_path, "a.csv", content))] == reasons


def test_a_record_above_the_limit_comes_in_pieces_and_counts_once(tmp_path: Path) -> None:
    content = b"x" * 5000 + b'\n{"text": "good"}\n'
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", content), limit=1000)
    records = list(corpus)
    assert [len(record.raw) for record in records] == [1001] * 4 + [997, 17]
    assert [record.rest for record in records] == [False, True, True, True, True, False]
    assert write_all(corpus, tmp_path / "out", "k") == {"read": 2, "kept": 1, "repaired": 0, "duplicate": 0, "quarantined": 1}


def test_json_nested_beyond_reason_is_quarantined(tmp_path: Path) -> None:
    line = b'{"text": "x", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    [record] = make_corpus(make_input(tmp_path, "a.jsonl", line))
    assert (record.raw, record.error) == (line, "JSON nested too deeply")


def test_a_field_above_the_csv_modules_limit_is_read(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.csv", b'id,text\n1,"' + b"word " * 40_000 + b'"\n'))
    assert [len(record.article.text) for record in corpus if record.article] == [200_000]


@pytest.mark.parametrize("cut", [3, 15, 60, -9, -8, -4, -1])
def test_a_truncated_gzip_is_an_error_and_nothing_is_committed(tmp_path: Path, cut: int) -> None:
    input = make_input(tmp_path, "a.jsonl.gz", b"".join(b'{"text": "%d"}\n' % number**3 for number in range(200)))
    input.path.write_bytes(input.path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"truncated or damaged gzip.*fetch"):
        write_all(make_corpus(input), tmp_path / "out", "k")
    assert not (tmp_path / "out").exists()


def test_all_members_of_a_gzip_are_read(tmp_path: Path) -> None:
    input = make_input(tmp_path, "a.jsonl.gz", b"")
    input.path.write_bytes(gzip.compress(b'{"text": "one"}\n') + gzip.compress(b"") + gzip.compress(b'{"text": "two"}\n'))
    assert [record.article.text for record in make_corpus(input) if record.article] == ["one", "two"]


@pytest.mark.parametrize("content", [b'[{"text": "x"}]', b'\n[\n{"text": "x"}\n]\n', b'{\n "text": "x"\n}\n'])
def test_a_json_document_is_refused_with_the_way_to_lines(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match=r"one JSON document.*jq -c"):
        list(make_corpus(make_input(tmp_path, "a.json", content)))


def test_json_lines_named_json_are_read(tmp_path: Path) -> None:
    assert len(list(make_corpus(make_input(tmp_path, "a.json", b'{"text": "x"}\n{"text": "y"}\n')))) == 2


def test_an_input_that_changes_between_two_readings_is_an_error(tmp_path: Path) -> None:
    input = make_input(tmp_path, "a.jsonl", b'{"text": "x"}\n')
    corpus = make_corpus(input)
    list(corpus)
    input.path.write_bytes(b'{"text": "y"}\n')
    with pytest.raises(InputError, match="changed while it was being read"):
        list(corpus)


def test_ids_fall_back_to_place_and_are_made_unique_in_input_order(tmp_path: Path) -> None:
    lines = [
        b'{"id": 7',
        b'{"id": "7"',
        b'{"id": ""',
        b'{"id": "7~2"',
        b'{"id": "7"',
        b'{"id": 1e2',
        b'{"id": {"a": 1}',
        b'{"id": true',
    ]
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", b"".join(line + b', "text": "x"}\n' for line in lines)))
    ids = [record.article.id for record in corpus if record.article]
    assert ids == ["7", "7~2", "a.jsonl#2", "7~2~2", "7~3", "1e2", "a.jsonl#6", "True"]
    assert [record.article.id for record in corpus if record.article] == ids


def test_many_equal_ids_do_not_take_quadratic_time(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.jsonl", b'{"id": 1, "text": "x"}\n' * 20_000))
    assert [record.article.id for record in corpus if record.article][-1] == "1~20000"


def test_a_text_file_is_called_by_its_relative_path(tmp_path: Path) -> None:
    make_input(tmp_path / "in", "sub/a.txt", b"x")
    assert [record.article.id for record in make_corpus(*discover_inputs([tmp_path / "in"]).inputs) if record.article] == [
        "sub/a.txt"
    ]


def test_the_encoding_option_is_honoured_and_a_mark_overrules_it(tmp_path: Path) -> None:
    settings = ReadSettings(encoding="cp1252")
    inputs = [
        make_input(tmp_path, "a.csv", b"id,text\n1,caf\xe9\n"),
        make_input(tmp_path, "b.csv", b"\xef\xbb\xbfid,text\n1,caf\xc3\xa9\n"),
        make_input(tmp_path, "c.txt", b"caf\xe9"),
    ]
    corpus = read_records(inputs, settings, detect_fields(inputs, settings))
    assert [record.article.text for record in corpus if record.article] == ["café"] * 3


@pytest.mark.parametrize("encoding", ["utf-16", "no-such", "rot13"])
def test_an_encoding_that_cannot_be_split_into_lines_is_refused(tmp_path: Path, encoding: str) -> None:
    input = make_input(tmp_path, "a.jsonl", b"{}")
    with pytest.raises(UsageError, match=r"encoding|convert it to UTF-8"):
        detect_fields([input], ReadSettings(encoding=encoding))


def test_a_file_that_vanished_is_an_input_error(tmp_path: Path) -> None:
    input = make_input(tmp_path, "a.jsonl", b"{}")
    input.path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        list(make_corpus(input))


BODY = "A storm came over the sea and the harbour was closed. " * 3


def choose(**rows: object) -> tuple[str, str]:
    choice = choose_fields([rows] * 3, ReadSettings(), "a.jsonl")
    return choice.text, choice.runner_up


def test_the_text_field_is_detected_by_name_and_content() -> None:
    assert choose(maintext=BODY, title="A storm", text=None) == ("maintext", "")
    assert choose(Content=BODY) == ("Content", "")
    assert choose(content=BODY[:60] + "[+120 chars]", full_content=BODY) == ("full_content", "content")
    assert choose(content={"rendered": BODY}) == ("content.rendered", "")
    assert choose(body=f"<p>{BODY}</p><p>{BODY[:30]}</p>", text=BODY) == ("text", "body")
    assert choose(text=BODY, content=BODY) == ("content", "text")


def test_two_fields_that_may_be_the_text_are_refused_with_the_flag() -> None:
    with pytest.raises(UsageError, match=r"'content' \(median.*'body' \(median.*--text-field"):
        choose(content=BODY, body=BODY[:-30])


def test_no_field_that_may_be_the_text_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"--text-field \(fields with text: blurb\)"):
        choose(blurb=BODY, n=1)


def test_the_other_fields_are_detected_and_announced() -> None:
    row = {
        "_id": {"$oid": "5f"},
        "url": "https://example.org/1",
        "source": "The Harbour Post",
        "date_publish": "2026-01-01",
        "headline": "A storm",
        "body": BODY,
    }
    choice = choose_fields([row] * 2, ReadSettings(), "a.jsonl")
    assert (choice.id, choice.title, choice.url, choice.source, choice.date) == (
        "_id.$oid",
        "headline",
        "url",
        "source",
        "date_publish",
    )
    assert choice.message.startswith("a.jsonl: text from 'body', id from '_id.$oid'")


def test_trafilaturas_source_is_a_url() -> None:
    row = {"source": "https://example.org/1", "hostname": "example.org", "text": BODY}
    choice = choose_fields([row], ReadSettings(), "a.jsonl")
    assert (choice.id, choice.url, choice.source) == ("source", "source", "hostname")


def test_named_fields_win_and_a_wrong_name_is_refused() -> None:
    rows = [{"text": BODY, "lead": BODY, "nr": "1"}]
    choice = choose_fields(rows, ReadSettings(text_field="lead", id_field="nr"), "a.jsonl")
    assert (choice.text, choice.id) == ("lead", "nr")
    with pytest.raises(UsageError, match=r"no field 'txt' .*--text-field.*did you mean 'text'"):
        choose_fields(rows, ReadSettings(text_field="txt"), "a.jsonl")


def test_the_string_none_of_news_please_is_absent(tmp_path: Path) -> None:
    line = json.dumps({"maintext": BODY, "title": "None", "date_publish": "None", "url": "https://www.example.org/a"})
    inputs = [make_input(tmp_path, "a.jsonl", line.encode())]
    [record] = read_records(inputs, ReadSettings(), detect_fields(inputs, ReadSettings()))
    assert record.article is not None
    assert (record.article.title, record.article.date, record.article.source) == ("", "", "www.example.org")


def test_further_fields_are_kept_for_repair(tmp_path: Path) -> None:
    inputs = [make_input(tmp_path, "a.jsonl", b'{"text": "x", "description": "y", "n": 1}')]
    [record] = read_records(inputs, ReadSettings(), detect_fields(inputs, ReadSettings()), ["description", "caption"])
    assert record.article is not None
    assert record.article.fields == {"description": "y"}


def test_each_format_has_its_own_fields_and_garbage_alone_stops_nothing(tmp_path: Path) -> None:
    inputs = [
        make_input(tmp_path, "a.jsonl", b"garbage\n"),
        make_input(tmp_path, "b.jsonl", b'{"body": "x"}\n'),
        make_input(tmp_path, "c.csv", b"content\nx\n"),
        make_input(tmp_path, "d.tsv", b""),
        make_input(tmp_path, "e.txt", b"x"),
    ]
    choices = detect_fields(inputs, ReadSettings())
    assert {format: choice.text for format, choice in choices.items()} == {
        "jsonl": "body",
        "csv": "content",
        "tsv": "text",
        "txt": "text",
    }
    assert [record.article is not None for record in read_records(inputs, ReadSettings(), choices)] == [False, True, True, True]


def test_a_table_with_semicolons_is_read(tmp_path: Path) -> None:
    corpus = make_corpus(make_input(tmp_path, "a.csv", b'id;text\n1;"a; b"\n'))
    assert [record.article.text for record in corpus if record.article] == ["a; b"]
