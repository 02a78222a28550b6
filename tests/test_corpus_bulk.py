"""Lines of JSON read many at a time give the articles that they give one by one."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernel import compiled, without_kernel

from dedupe.config import ReadSettings
from dedupe.corpus import bulk
from dedupe.corpus.bulk import Stretch, line_reader
from dedupe.corpus.fields import FieldChoice
from dedupe.corpus.inputs import discover_inputs
from dedupe.corpus.reader import Corpus, read_records
from dedupe.errors import InputError
from dedupe.kernel import compiled_kernel
from dedupe.model import Article
from dedupe.text.normal import as_text

CHOICE = FieldChoice("text", "id", "title", "url", "source", "date")
STRINGS = st.text(max_size=8) | st.sampled_from(
    ["None", "a", "b", "\ud800", "\U0001f600", 'say "so"\n', "http://u/v", "http://[", "é"]
)
VALUES = STRINGS | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=2)
RECORDS = st.dictionaries(
    st.sampled_from(["text", "id", "title", "url", "source", "date", "more", 'odd "key"']),
    VALUES | st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(STRINGS, inner, max_size=2)),
)
PLAIN = st.fixed_dictionaries({"id": st.sampled_from("abc"), "text": STRINGS.map(lambda text: f"word {text}")})
LINES = st.one_of(
    st.builds(lambda record, ascii: json.dumps(record, ensure_ascii=ascii), RECORDS | PLAIN, st.booleans()),
    PLAIN.map(json.dumps),
    st.sampled_from(
        [
            "",
            "  ",
            "[1]",
            "{",
            '{"text": "a"',
            '{"text": "a"} x',
            '{"text": "\\ud83d\\ude00 \\ud83d a"}',
            '{"text": "\\ude00\\ud83d a"}',
            '{"text": "tab\there"}',
            '{"text": "bad \\x escape"}',
            '{"text": "\\u00zz"}',
            '{"text": "one", "text": "two", "id": 01}',
            '{"text": "one", "text": "two", "id": -1.50e+3}',
            '{"text": "a", "id": 1.}',
            '{"text": "a", "id": NaN}',
            '\t{ "id" : "a" ,\t"text":"spaced" }\r',
            '{"te\\u0078t": "escaped key"}',
            '{"text": "deep", "x": ' + "[" * 40 + "]" * 40 + "}",
            '{"text": "' + "long " * 60 + '"}',
            '{"text": "trailing",}',
            '{"text": "a" "id": "b"}',
            "{}",
        ]
    ),
).map(lambda line: line.encode("utf-8", "surrogatepass"))
RAW = LINES | st.binary(max_size=12).map(lambda raw: b'{"text": "a' + raw + b'"}')


def open_bulk(path: Path, *, further: tuple[str, ...] = (), limit: int = 200) -> Corpus:
    inputs = discover_inputs([path]).inputs
    return read_records(inputs, ReadSettings(max_record_bytes=limit), {"jsonl": CHOICE}, further)


def spread(stretches: list[Stretch]) -> list[tuple[object, ...]]:
    return [
        (stretch.input, number, id, as_text(text), source, date)
        for stretch in stretches
        for number, id, text, source, date in zip(
            stretch.numbers, stretch.ids, stretch.texts, stretch.sources, stretch.dates, strict=True
        )
    ]


def read_both_ways(path: Path) -> tuple[Corpus, Corpus]:
    fast = open_bulk(path)
    stretches = list(fast.stretches())
    with without_kernel():
        slow = open_bulk(path)
        expected = list(slow.stretches())
    assert spread(stretches) == spread(expected)
    for count in ("unreadable", "records", "size"):
        assert sum(getattr(s, count) for s in stretches) == sum(getattr(s, count) for s in expected)
    assert fast.contents == slow.contents
    return fast, slow


@given(st.lists(RAW, max_size=30), st.sampled_from([b"", b"\n"]), st.booleans(), st.data())
@settings(max_examples=400, deadline=None)
def test_stretches_hold_what_the_records_hold(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes, bom: bool, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("bulk") / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" * bom + b'{"text": "first"}\n' + b"\n".join(lines) + end)
    fast, slow = read_both_ways(path)
    articles = [record.article for record in slow if record.article]
    chosen = sorted(data.draw(st.sets(st.integers(0, len(articles) - 1), max_size=9)))
    wanted = {(articles[at].where.input, articles[at].where.record): articles[at].id for at in chosen}
    for corpus in (fast, slow):
        assert [tell(article) for article in corpus.select(wanted)] == [tell(articles[at]) for at in chosen]


def tell(article: Article) -> tuple[str, ...]:
    return article.id, article.text, article.title, article.url, article.source, article.date


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_long_file_is_read_the_same_across_the_buffers(tmp_path: Path, pack: object) -> None:
    lines = [
        {"id": number % 9000, "text": f"Article {number}. " + "Es heißt “so” and so. " * (number % 90)}
        for number in range(10_000)
    ]
    odd = [b"", b"not json", b'{"text": "' + b"x" * 3000 + b'"}']
    content = b"".join(
        json.dumps(line, ensure_ascii=False).encode() + b"\n" + (odd[i % 3] + b"\n") * (i % 50 == 0)
        for i, line in enumerate(lines)
    )
    suffix = {gzip.compress: ".gz", bz2.compress: ".bz2"}.get(pack, "")  # type: ignore[call-overload]
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(pack(content))  # type: ignore[operator]
    fast = open_bulk(path, limit=2500)
    stretches = list(fast.stretches())
    slow = open_bulk(path, limit=2500)
    expected = [record.article for record in slow if record.article]
    assert [row[2] for row in spread(stretches)] == [article.id for article in expected]
    assert [row[3] for row in spread(stretches)] == [article.text for article in expected]
    assert fast.contents["a.jsonl" + suffix].sha256 == slow.contents["a.jsonl" + suffix].sha256
    if compiled_kernel():
        assert len(stretches) < len(expected) / 4


def test_a_file_that_changes_before_it_is_read_again_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "text": "one article"}\n{"id": "b", "text": "another"}\n')
    corpus = open_bulk(path)
    assert sum(stretch.records for stretch in corpus.stretches()) == 2
    path.write_text('{"id": "a", "text": "one article, longer"}\n{"id": "b", "text": "another"}\n')
    with pytest.raises(InputError, match="changed while it was being read"):
        list(corpus.select({("a.jsonl", 1): "b"}))


def test_further_fields_are_there_when_an_article_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "text": "one article", "description": "what it is"}\n')
    corpus = open_bulk(path, further=("description",))
    assert [len(stretch.ids) for stretch in corpus.stretches()] == [1]
    assert [article.fields for article in corpus.select({("a.jsonl", 0): "a"})] == [{"description": "what it is"}]


@compiled
def test_names_with_dots_and_other_encodings_are_read_one_by_one() -> None:
    assert line_reader(FieldChoice("content.rendered"), "utf-8", 100) is None
    assert line_reader(CHOICE, "cp1252", 100) is None
    assert line_reader(CHOICE, "utf-8", 100) is not None


@compiled
def test_where_no_line_is_plain_the_file_is_not_looked_at_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": true}\n' * 20_000)
    tried = 0

    def peek(stream: object) -> bytes:
        nonlocal tried
        tried += 1
        return b""

    monkeypatch.setattr(bulk, "peek", peek)
    assert sum(stretch.unreadable for stretch in open_bulk(path).stretches()) == 20_000
    assert tried < 50
