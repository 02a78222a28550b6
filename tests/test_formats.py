"""Every format in, out and back: Parquet, pages, crawl archives, compressed files; whole or an error."""

from __future__ import annotations

import builtins
import gzip
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from conftest import ARTICLES, EXAMPLES, REPAIRED, SPUN, Cli
from formats import compress, decompress, make_jsonl, make_page, make_parquet, make_warc, make_wet
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from dedupe import Decision, InputError, Settings, UsageError, append_decision, apply_decisions, examine, run, undo
from dedupe.config import with_values
from dedupe.corpus.compression import open_decompressed
from dedupe.corpus.content import split_content
from dedupe.corpus.inputs import LOOKED_FOR, discover_inputs

Tree = Callable[[Path], dict[str, bytes]]
COUNTS = {"read": 5, "kept": 2, "repaired": 1, "duplicate": 2, "quarantined": 0}
COMPRESSIONS = ["gz", "bz2", "zst"]


def make_html(folder: Path) -> Path:
    folder.mkdir()
    for article in ARTICLES:
        (folder / f"{article['id']}.html").write_bytes(make_page(article))
    return folder


def make_parquet_file(path: Path) -> Path:
    make_parquet(path, ARTICLES)
    return path


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "parquet": lambda tmp: make_parquet_file(tmp / "news.parquet"),
    "html": lambda tmp: make_html(tmp / "pages"),
    "warc": lambda tmp: put(tmp / "crawl.warc", make_warc(ARTICLES)),
    "warc.gz": lambda tmp: put(tmp / "crawl.warc.gz", make_warc(ARTICLES, packed=True)),
    "wet": lambda tmp: put(tmp / "crawl.warc.wet", make_wet(ARTICLES)),
    "wet.bz2": lambda tmp: put(tmp / "crawl.wet.bz2", compress(make_wet(ARTICLES), "bz2")),
    "jsonl.gz": lambda tmp: put(tmp / "news.jsonl.gz", compress(make_jsonl(ARTICLES), "gz")),
    "jsonl.bz2": lambda tmp: put(tmp / "news.jsonl.bz2", compress(make_jsonl(ARTICLES), "bz2")),
    "jsonl.zst": lambda tmp: put(tmp / "news.jsonl.zst", compress(make_jsonl(ARTICLES), "zst")),
}


@pytest.fixture(params=list(MAKERS))
def input(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return MAKERS[request.param](tmp_path)


def content_of(path: Path) -> dict[str, bytes]:
    """The files, decompressed."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {
        file.name: decompress(file.read_bytes(), file.suffix[1:] if file.suffix[1:] in COMPRESSIONS else "") for file in files
    }


def texts_of(out: Path) -> dict[str, str]:
    """The canonical articles of a run by the last part of their id."""
    texts = {}
    for file in sorted(path for path in (out / "canonical").rglob("*") if path.is_file()):
        if file.suffix == ".parquet":
            rows = [
                {"id": row["id"], "text": row["content"]["rendered"]} for row in pq.read_table(file).select([0, 1]).to_pylist()
            ]
        else:
            rows = [json.loads(line) for content in content_of(file).values() for line in content.splitlines()]
        texts |= {row["id"].rpartition("/")[2].removesuffix(".html"): row["text"] for row in rows}
    return texts


def test_a_corpus_is_cleaned_reviewed_and_given_back_whatever_its_format(
    input: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    summary = run([input], out, settings)
    assert summary.counts == COUNTS
    assert examine(out).faults == ()
    assert "foreign minister of Velsing said" in texts_of(out)["spun"]
    for number, decision in enumerate([None, Decision("rule:my.said", "reject"), Decision("rule:my.said", "revert")]):
        if decision:
            append_decision(out, decision)
        apply_decisions(out)
        assert ("Velsing mentioned" if number == 1 else "Velsing said") in texts_of(out)["spun"]
        undo(out, tmp_path / f"back{number}")
        assert content_of(tmp_path / f"back{number}") == content_of(input)
        assert examine(out).faults == ()


@pytest.mark.parametrize("format", ["jsonl", "csv", "txt", "parquet"])
def test_every_format_is_converted_and_still_given_back(input: Path, format: Any, tmp_path: Path, settings: Settings) -> None:
    out = tmp_path / "out"
    summary = run([input], out, with_values(settings, {"emit": {"format": format}}))
    assert summary.counts == COUNTS
    if format == "parquet":
        rows = pq.read_table(out / "canonical.parquet").to_pylist()
        assert list(rows[0]) == ["id", "title", "text", "url", "source", "date"]
        assert sum("foreign minister of Velsing said" in row["text"] for row in rows) == 1
    append_decision(out, Decision("rule:my.said", "reject"))
    apply_decisions(out)
    undo(out, tmp_path / "back")
    assert content_of(tmp_path / "back") == content_of(input)


def test_a_killed_parquet_run_is_given_back_byte_for_byte(tmp_path: Path, settings: Settings) -> None:
    path = make_parquet_file(tmp_path / "news.parquet")
    run([path], tmp_path / "out", settings)
    undo(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back/news.parquet").read_bytes() == path.read_bytes()


# Parquet


def test_parquet_keeps_schema_metadata_codecs_row_groups_and_every_untouched_value(tmp_path: Path, settings: Settings) -> None:
    path = make_parquet_file(tmp_path / "news.parquet")
    run([path], tmp_path / "out", settings)
    before, after = pq.ParquetFile(path), pq.ParquetFile(tmp_path / "out/canonical/news.parquet")
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.schema_arrow.metadata[b"made"] == b"for a test"
    assert after.num_row_groups == 2
    codecs = [[file.metadata.row_group(0).column(n).compression for n in range(5)] for file in (before, after)]
    assert codecs[0] == codecs[1]
    kept = before.read().take([0, 1, 4])
    rows, wanted = after.read(), kept
    changed = wanted.column("content").to_pylist()
    assert changed[2]["rendered"] == SPUN
    changed[2]["rendered"] = REPAIRED
    assert rows.column("content").to_pylist() == changed
    assert rows.column("title").to_pylist() == ["Choir", "Quay to close", "A drone attack"]
    for name in ("id", "seen", "price", "raw", "tags", "n"):
        assert rows.column(name).equals(wanted.column(name)), name


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_parquet_strings_of_every_kind_are_repaired(kind: pa.DataType, tmp_path: Path, settings: Settings) -> None:
    table = pa.table({"id": ["a", "b"], "text": pa.array([SPUN, None], pa.string())})
    table = table.set_column(
        1,
        "text",
        table.column("text").combine_chunks().cast(pa.string()).dictionary_encode()
        if pa.types.is_dictionary(kind)
        else table.column("text").cast(kind),
    )
    pq.write_table(table, tmp_path / "a.parquet")
    summary = run([tmp_path / "a.parquet"], tmp_path / "out", settings)
    assert summary.counts["repaired"] == summary.counts["quarantined"] == 1
    assert pq.read_table(tmp_path / "out/canonical/a.parquet").column("text").to_pylist() == [REPAIRED]


def test_parquet_rows_that_cannot_be_read_are_quarantined(tmp_path: Path, settings: Settings) -> None:
    bad = pa.array([b"The talks went on.", b"\xff\xfe broken", b"The talks went off."], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": ["a", "b", "c"], "text": bad}), tmp_path / "a.parquet")
    summary = run([tmp_path / "a.parquet"], tmp_path / "out", settings)
    assert (summary.counts["kept"], summary.counts["quarantined"]) == (2, 1)
    assert json.loads((tmp_path / "out/quarantine.jsonl").read_bytes())["reason"] == "column 'text' is not UTF-8"
    undo(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back/a.parquet").read_bytes() == (tmp_path / "a.parquet").read_bytes()


def test_a_parquet_row_above_the_limit_is_quarantined(tmp_path: Path, settings: Settings) -> None:
    long = "The talks went on and on. " * 4000
    pq.write_table(pa.table({"text": ["The talks went on.", long, "The talks went off."]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [long[::-1]]}), tmp_path / "b.parquet", use_dictionary=False, compression="none")
    limited = with_values(settings, {"read": {"max_record_bytes": 50_000}})
    summary = run([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "out", limited)
    assert (summary.counts["read"], summary.counts["quarantined"]) == (4, 2)
    assert examine(tmp_path / "out").faults == ()
    apply_decisions(tmp_path / "out")
    undo(tmp_path / "out", tmp_path / "back")
    for name in ("a.parquet", "b.parquet"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_an_empty_parquet_file_passes(tmp_path: Path, settings: Settings) -> None:
    make_parquet(tmp_path / "a.parquet", ARTICLES)
    empty = pq.read_table(tmp_path / "a.parquet").slice(0, 0)
    pq.write_table(empty, tmp_path / "b.parquet")
    summary = run([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "out", settings)
    assert summary.counts == COUNTS
    assert pq.read_table(tmp_path / "out/canonical/b.parquet").schema.equals(empty.schema, check_metadata=True)


# Pages and archives


def test_pages_give_their_title_text_and_address(tmp_path: Path, settings: Settings) -> None:
    run([make_html(tmp_path / "pages")], tmp_path / "out", settings)
    line = json.loads((tmp_path / "out/canonical/choir.html.jsonl").read_bytes())
    assert (line["id"], line["title"]) == ("choir.html", "Choir")
    assert "A choir of sixty sang in the rain" in line["text"]
    assert "Home" not in line["text"]


@pytest.mark.parametrize(
    "page",
    [b"", b"\x00\xff" * 99, b"<div>" * 100_000, b"<p>" * 5_000, b"<html><body></body></html>", b"<![CDATA[" * 999],
    ids=lambda page: page[:9].decode("latin-1"),
)
def test_a_page_without_an_article_is_quarantined(page: bytes, tmp_path: Path, settings: Settings) -> None:
    folder = make_html(tmp_path / "pages")
    (folder / "z.html").write_bytes(page)
    assert run([folder], tmp_path / "out", settings).counts == {**COUNTS, "read": 6, "quarantined": 1}
    undo(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back/z.html").read_bytes() == page


def test_what_an_archive_holds_beside_articles_is_neither_counted_nor_lost(tmp_path: Path, settings: Settings) -> None:
    path = put(tmp_path / "crawl.warc", make_warc(ARTICLES))
    summary = run([path], tmp_path / "out", settings)
    assert summary.exit_code == 0
    reasons = [json.loads(line).get("reason") for line in (tmp_path / "out/originals.jsonl").read_bytes().splitlines()]
    kinds = ["a record of kind 'request', no article", "a record of kind 'response', no article"]
    assert [reasons.count(kind) for kind in kinds] == [5, 5]
    line = json.loads((tmp_path / "out/canonical/crawl.warc.jsonl").read_text("utf-8").splitlines()[0])
    assert (line["id"], line["url"]) == ("https://news.example/choir",) * 2


def test_a_packed_archive_comes_back_with_a_member_a_record(tmp_path: Path, settings: Settings) -> None:
    path = put(tmp_path / "crawl.warc.gz", make_warc(ARTICLES, packed=True))
    run([path], tmp_path / "out", settings)
    undo(tmp_path / "out", tmp_path / "back")
    with open(tmp_path / "back/crawl.warc.gz", "rb") as file:  # which refuses archives packed as a whole
        urls = [record.rec_headers.get_header("WARC-Target-URI") for record in ArchiveIterator(file)]
    assert len(urls) == 16


def test_a_page_that_unpacks_to_too_much_is_quarantined(tmp_path: Path, settings: Settings) -> None:
    bomb = zlib.compress(bytes(80 << 20))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: deflate\r\n\r\n"
    block = head + bomb
    record = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\nContent-Type: application/http\r\n"
    path = put(tmp_path / "a.warc", record + b"Content-Length: %d\r\n\r\n" % len(block) + block + b"\r\n\r\n")
    assert run([path], tmp_path / "out", settings).counts["quarantined"] == 1
    assert "unpacks to more than" in (tmp_path / "out/quarantine.jsonl").read_text()


@pytest.mark.parametrize("limit", [40, 300, 500])
@pytest.mark.parametrize("name", ["crawl.warc", "crawl.wet"])
def test_an_archive_with_records_above_the_limit_comes_back_too(
    limit: int, name: str, tmp_path: Path, settings: Settings
) -> None:
    path = put(tmp_path / name, make_warc(ARTICLES) if name.endswith("warc") else make_wet(ARTICLES))
    pieces = list(split_content(path, "warc", "", limit))
    assert b"".join(piece.raw for piece in pieces) == path.read_bytes()
    assert all(len(piece.raw) <= limit + 1 for piece in pieces)
    summary = run([path], tmp_path / "out", with_values(settings, {"read": {"max_record_bytes": limit}}))
    assert summary.counts["read"] == 5
    assert summary.counts["quarantined"] > 0
    apply_decisions(tmp_path / "out")
    undo(tmp_path / "out", tmp_path / "back")
    assert (tmp_path / "back" / name).read_bytes() == path.read_bytes()


# Compression


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_all_members_are_read_whole(compression: str, tmp_path: Path, settings: Settings) -> None:
    lines = make_jsonl(ARTICLES).splitlines(keepends=True)
    members = [
        compress(member, compression) for member in (b"", lines[0] + lines[1][:9], b"", lines[1][9:], b"".join(lines[2:]), b"")
    ]
    if compression == "zst":
        members.insert(2, b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"to be")  # a skippable frame
    path = put(tmp_path / f"news.jsonl.{compression}", b"".join(members))
    assert run([path], tmp_path / "out", settings).counts == COUNTS


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rest", [b"garbage", b"\x01", b"BZ", b"\x1f\x8b"])
def test_what_follows_the_last_member_is_an_error(compression: str, rest: bytes, tmp_path: Path) -> None:
    path = put(tmp_path / f"a.jsonl.{compression}", compress(make_jsonl(ARTICLES), compression) + rest)
    with pytest.raises(InputError, match="truncated or damaged"):
        list(split_content(path, "jsonl", compression))  # type: ignore[arg-type]


def test_a_gzip_padded_with_zeros_is_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text": "x"}\n') + bytes(200_000))
    assert [piece.raw for piece in split_content(path, "jsonl", "gz")][1] == b'{"text": "x"}\n'


def truncations(content: bytes, seed: int) -> list[int]:
    """Two hundred places, the first twelve and the last among them; all of them where there are no more."""
    others = random.Random(seed).sample(range(12, len(content) - 1), k=min(187, len(content) - 13))
    return sorted([*range(12), *others, len(content) - 1])


CUT: dict[str, Callable[[Path], bytes]] = {
    "a.jsonl.gz": lambda tmp: compress(make_jsonl(ARTICLES * 9), "gz"),
    "a.jsonl.bz2": lambda tmp: compress(make_jsonl(ARTICLES * 9), "bz2"),
    "a.jsonl.zst": lambda tmp: compress(make_jsonl(ARTICLES * 9), "zst"),
    "a.warc": lambda tmp: make_warc(ARTICLES),
    "a.warc.gz": lambda tmp: make_warc(ARTICLES, packed=True),
    "a.wet": lambda tmp: make_wet(ARTICLES),
    "a.parquet": lambda tmp: make_parquet_file(tmp / "whole.parquet").read_bytes(),
}


@pytest.mark.parametrize("name", list(CUT))
def test_a_file_truncated_anywhere_is_an_error(name: str, tmp_path: Path) -> None:
    whole = CUT[name](tmp_path)
    path = tmp_path / name
    found = discover_inputs([put(path, whole)]).inputs[0]
    ends = {0} if name in ("a.warc", "a.wet") else set()  # where a shorter file is whole by itself, as no one can tell
    if name in ("a.warc", "a.wet", "a.warc.gz"):
        with open(path, "rb") as file:
            archive = ArchiveIterator(file)
            ends |= {archive.get_record_offset() for _ in archive}
    list(split_content(path, found.format, found.compression))
    passed = []
    assert len(truncations(whole, 3)) == 200
    for cut in truncations(whole, 3):
        path.write_bytes(whole[:cut])
        try:
            list(split_content(path, found.format, found.compression))
        except InputError:
            continue
        passed.append(cut)
    assert set(passed) <= ends


@pytest.mark.parametrize("name", list(CUT))
def test_of_a_truncated_file_nothing_is_committed(name: str, tmp_path: Path, cli: Cli) -> None:
    path = put(tmp_path / name, CUT[name](tmp_path)[:-3])
    outcome = cli("run", path, "-o", tmp_path / "out")
    assert outcome.code == 4
    assert "fetch the file again" in outcome.err
    assert not (tmp_path / "out").exists()


@examples(max_examples=max(150, EXAMPLES), deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.sampled_from(COMPRESSIONS))
@example([bytes(3 << 20)], "zst")
@example([bytes(3 << 20)], "gz")
@example([bytes(3 << 20)], "bz2")
def test_decompressed_bytes_are_those_that_were_compressed(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], compression: Any
) -> None:
    path = put(tmp_path_factory.mktemp("c") / "a", b"".join(compress(content, compression) for content in contents))
    with open_decompressed(path, compression) as stream:
        assert stream.read() == b"".join(contents)


def test_a_zstandard_frame_with_a_huge_window_is_an_error(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = put(tmp_path / "a.txt.zst", writer.compress(bytes(1 << 20)) + writer.flush())
    with pytest.raises(InputError, match="memory"):
        list(split_content(path, "txt", "zst"))


# Names and extras


def test_dotted_paths_and_standard_input_serve_every_format(tmp_path: Path, cli: Cli) -> None:
    cases = {
        "parquet": make_parquet_file(tmp_path / "a.parquet").read_bytes(),
        "warc": make_warc(ARTICLES),
        "warc.gz": make_warc(ARTICLES, packed=True),
        "jsonl.zst": compress(make_jsonl(ARTICLES), "zst"),
        "jsonl.bz2": compress(make_jsonl(ARTICLES), "bz2"),
        "html": make_page(ARTICLES[0]),
    }
    for name, content in cases.items():
        fields = ["--text-field", "content.rendered"] if name == "parquet" else []
        outcome = cli("run", "-", "-o", tmp_path / name, *fields, stdin=content)
        assert outcome.code == 0, outcome.err
        cli("undo", tmp_path / name, "-o", tmp_path / f"{name}.back")
        assert content_of(tmp_path / f"{name}.back") == {
            f"stdin.{name}": next(iter(content_of(put(tmp_path / f"x.{name}", content)).values()))
        }


@pytest.mark.parametrize(
    ("package", "name", "extra"),
    [
        ("pyarrow", "a.parquet", "parquet"),
        ("zstandard", "a.txt.zst", "zstd"),
        ("trafilatura", "a.html", "html"),
        ("warcio", "a.warc", "warc"),
    ],
)
def test_a_missing_extra_is_answered_with_the_line_that_installs_it(
    package: str, name: str, extra: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers = {
        "a.parquet": MAKERS["parquet"](tmp_path).read_bytes(),
        "a.txt.zst": compress(b"x", "zst"),
        "a.html": make_page(ARTICLES[0]),
    }
    path = put(tmp_path / name, makers.get(name) or make_warc(ARTICLES))
    real = builtins.__import__

    def importing(module: str, *rest: Any, **more: Any) -> Any:
        if module.partition(".")[0] == package:
            raise ImportError(module)
        return real(module, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", importing)
    outcome = cli("run", path, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert f"need {package}, which is not installed: pip install 'article-dedupe[{extra}]'" in outcome.err
    assert not (tmp_path / "out").exists()


def test_two_inputs_that_would_share_an_output_are_refused(tmp_path: Path, settings: Settings) -> None:
    folder = make_html(tmp_path / "pages")
    (folder / "choir.html.jsonl").write_bytes(b'{"text": "Another text altogether, of nothing else."}\n')
    with pytest.raises(UsageError, match=r"both be written as 'canonical/choir\.html\.jsonl'; rename"):
        run([folder], tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_every_extension_that_is_named_is_read(tmp_path: Path) -> None:
    for extension in [".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".html", ".htm", ".warc", ".wet"]:
        assert extension in LOOKED_FOR
        for packed in ("", ".gz", ".bz2", ".zst"):
            assert discover_inputs([put(tmp_path / f"a{extension}{packed}", b"")]).inputs
