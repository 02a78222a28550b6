"""Edits inside records: only the spans of one field change, whatever the format."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dedupe.corpus.dialect import Dialect, Malformed, decode_record, parse_record, read_dialect
from dedupe.corpus.json_scan import find_value, member_spans
from dedupe.corpus.splice import splice_field
from dedupe.corpus.table import QuoteState, split_fields
from dedupe.errors import UsageError
from dedupe.text.edits import Span, apply_spans

JSONL = Dialect("jsonl")
TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('\\"/\n\r\t,\u2028é\U0001f600'), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def spans_in(draw: st.DrawFn, text: str) -> list[Span]:
    """Sorted, disjoint spans in a text."""
    offsets = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [Span(start, end, draw(TEXTS)) for start, end in zip(offsets[::2], offsets[1::2], strict=False)]


def write_literal(text: str, escapes: list[int]) -> str:
    """A JSON string, each character written in one of the ways that JSON allows."""
    ways = []
    for number, character in enumerate(text):
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        short = "\\/" if character == "/" else plain
        units = character.encode("utf-16-be")
        numeric = "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        ways.append((plain, short, numeric)[escapes[number % len(escapes)] if escapes else 0])
    return '"' + "".join(ways) + '"'


def test_no_spans_change_nothing_not_even_what_cannot_be_read() -> None:
    assert splice_field(b"\xff not JSON", JSONL, "text", []) == b"\xff not JSON"


@given(st.dictionaries(TEXTS, VALUES, max_size=4), TEXTS, st.lists(st.integers(0, 2), max_size=8), st.data())
def test_a_spliced_json_field_reads_as_the_edited_text_and_all_else_keeps_its_bytes(
    others: dict[str, object], text: str, escapes: list[int], data: st.DataObject
) -> None:
    others.pop("text", None)
    before = json.dumps(others)[:-1] + (", " if others else "") + '"text"\t:  '
    literal, after = write_literal(text, escapes), ' , "last": 1e5 }\r\n'
    spans = data.draw(spans_in(text))
    spliced = splice_field((before + literal + after).encode(), JSONL, "text", spans).decode()
    assert spliced.startswith(before)
    assert spliced.endswith(after)
    assert json.loads(spliced[len(before) : len(spliced) - len(after)]) == apply_spans(text, spans)


@pytest.mark.parametrize(
    ("literal", "span", "expected"),
    [
        (r"caf\u00e9 \/ assault", Span(7, 14, "caf\xe9"), r"caf\u00e9 \/ caf\u00e9"),
        ("café assault", Span(5, 12, "naïve"), "café naïve"),
        (r"\ud83d\ude00 ok", Span(2, 4, "no"), r"\ud83d\ude00 no"),
        (r"\ud83d ok", Span(2, 4, "no"), r"\ud83d no"),
        (r"\ud83d\ude00", Span(0, 1, "x"), "x"),
        ("é x", Span(2, 3, "\ud800"), r"é \ud800"),
        (r"a\\nb", Span(1, 2, "/"), "a/nb"),
        ("plain", Span(5, 5, '"'), r"plain\""),
    ],
)
def test_unchanged_parts_of_a_json_string_keep_their_escapes(literal: str, span: Span, expected: str) -> None:
    raw = b'{"text": "%b"}' % literal.encode()
    assert splice_field(raw, JSONL, "text", [span]) == b'{"text": "%b"}' % expected.encode()


@pytest.mark.parametrize(
    ("raw", "path", "expected"),
    [
        (b'{"text": "ab", "text": "ab"}', "text", b'{"text": "ab", "text": "Xb"}'),
        (b'{"c": {"r": "ab"}, "r": "ab"}', "c.r", b'{"c": {"r": "Xb"}, "r": "ab"}'),
        (b'{"c": {"r": "ab"}, "c.r": "ab"}', "c.r", b'{"c": {"r": "ab"}, "c.r": "Xb"}'),
        (b'{"c": {"r": "no"}, "c": {"r": "ab"}}', "c.r", b'{"c": {"r": "no"}, "c": {"r": "Xb"}}'),
        (b'{"x": ["text", {"text": "no"}], "te\\u0078t": "ab"}', "text", None),
    ],
)
def test_the_value_that_json_reads_is_the_one_that_is_spliced(raw: bytes, path: str, expected: bytes | None) -> None:
    wanted = expected or raw.replace(b'"ab"', b'"Xb"')
    assert splice_field(raw, JSONL, path, [Span(0, 1, "X")]) == wanted


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.sampled_from([None, 1]))
def test_member_spans_are_the_members_that_json_reads(row: dict[str, object], indent: int | None) -> None:
    text = json.dumps(row, indent=indent, ensure_ascii=False)
    found = {key: json.dumps(json.loads(text[slice(*span)])) for key, span in member_spans(text).items()}
    assert found == {key: json.dumps(value) for key, value in row.items()}


def test_nesting_of_any_depth_is_scanned_without_recursion() -> None:
    text = '{"deep": ' + "[" * 100_000 + "]" * 100_000 + ', "text": "x"}'
    assert text[slice(*(find_value(text, "text") or (0, 0)))] == '"x"'


CSV_TEXTS = st.text(st.sampled_from(',\t"\r\naé ') | st.characters(codec="utf-8"), max_size=12)


@pytest.mark.parametrize("delimiter", [",", "\t"])
@given(rows=st.lists(st.lists(CSV_TEXTS, min_size=2, max_size=4), min_size=1, max_size=5), data=st.data())
def test_split_fields_agree_with_the_csv_module(delimiter: str, rows: list[list[str]], data: st.DataObject) -> None:
    file = io.StringIO(newline="")
    # of a lone CR the csv module's writer takes care only where lines end with CRLF
    quoting, end = data.draw(st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")]))
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    state, record, found = QuoteState(delimiter), b"", []
    for line in io.BytesIO(file.getvalue().encode()):
        record += line
        if state.ends_record(line):
            found.append([field.value for field in split_fields(record.decode(), delimiter)])
            record = b""
    assert found == rows
    assert found == list(csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter))


@given(st.text(st.sampled_from(',"\r\nab'), max_size=14))
@example('"a"b,"c')
@example('a"b",\r\r\n')
def test_split_fields_read_what_the_csv_module_reads_of_any_line(text: str) -> None:
    line = text.replace("\n", "") + "\n" if text.strip("\r\n") else "a\n"
    if line.startswith("\r"):
        return  # the csv module sees an empty record there, the splitter a blank line
    try:
        expected = next(csv.reader([line]))
    except csv.Error:
        expected = None
    in_quotes = not QuoteState(",").ends_record(line.encode())
    try:
        found = [field.value for field in split_fields(line, ",")]
    except ValueError:
        found = None
    assert found == (None if in_quotes else expected)


@given(st.lists(CSV_TEXTS, min_size=1, max_size=4), st.data())
def test_a_spliced_table_field_reads_as_the_edited_text_and_the_others_keep_their_bytes(
    row: list[str], data: st.DataObject
) -> None:
    file = io.StringIO()
    csv.writer(file, quoting=data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))).writerow(row)
    raw = file.getvalue().encode()
    column = data.draw(st.integers(0, len(row) - 1))
    dialect = Dialect("csv", "utf-8", tuple(f"c{number}" for number in range(len(row))))
    spans = data.draw(spans_in(row[column]))
    spliced = splice_field(raw, dialect, f"c{column}", spans)
    edited = [*row[:column], apply_spans(row[column], spans), *row[column + 1 :]]
    assert next(csv.reader(io.StringIO(spliced.decode(), newline=""))) == edited
    fields = split_fields(raw.decode(), ",")
    assert spliced.decode().startswith(raw.decode()[: fields[column].start])
    assert spliced.decode().endswith(raw.decode()[fields[column].end :])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"])
def test_a_spliced_text_file_keeps_its_encoding_and_mark(encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    raw = mark + "a café assault\r\n".encode(encoding)
    dialect = Dialect("txt", "cp1252" if encoding == "cp1252" else "utf-8")
    expected = mark + "a café “attack”\r\n".encode(encoding)
    assert splice_field(raw, dialect, "text", [Span(7, 14, "“attack”")]) == expected
    assert decode_record(raw, dialect)[1] == "a café assault\r\n"


def test_a_repair_that_the_encoding_cannot_hold_is_refused_with_the_way_out() -> None:
    dialect = read_dialect("csv", b"text\n", "latin-1")
    with pytest.raises(UsageError, match=r"’.*latin-1.*--format jsonl"):
        splice_field(b"don't\n", dialect, "text", [Span(3, 4, "’")])
    assert (
        splice_field(b'{"text": "\xe9\'"}', Dialect("jsonl", "latin-1"), "text", [Span(1, 2, "’")])
        == b'{"text": "\xe9\\u2019"}'
    )


def test_an_unknown_field_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        splice_field(b'{"text": "x"}', JSONL, "body", [Span(0, 1, "")])
    with pytest.raises(KeyError):
        splice_field(b"x\n", Dialect("csv", columns=("text",)), "body", [Span(0, 1, "")])


@pytest.mark.parametrize("span", [Span(0, 9, ""), Span(7, 7, "")])
def test_a_span_outside_the_field_is_refused(span: Span) -> None:
    with pytest.raises(ValueError, match="leaves"):
        splice_field(b'{"text": "x\\u00e9y"}', JSONL, "text", [span])


def test_of_columns_with_one_name_the_last_is_read_and_spliced() -> None:
    dialect = read_dialect("csv", b"text,text\n", "utf-8")
    assert parse_record(b"a,b\n", dialect) == {"text": "b"}
    assert splice_field(b"a,b\n", dialect, "text", [Span(0, 1, "c")]) == b"a,c\n"


def test_an_emptied_row_of_one_column_does_not_become_a_blank_line() -> None:
    assert splice_field(b"x\n", Dialect("csv", columns=("text",)), "text", [Span(0, 1, "")]) == b'""\n'


def test_bytes_that_an_encoding_does_not_give_back_are_not_read() -> None:
    with pytest.raises(Malformed, match="iso2022_jp"):
        decode_record(b"\x1b(B\x1b(Bplain", Dialect("txt", "iso2022_jp"))
