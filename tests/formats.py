"""Makers of small corpora in every format, for the tests of formats and faults."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

Articles = Sequence[Mapping[str, str]]


def compress(content: bytes, compression: str) -> bytes:
    makers = {"": bytes, "gz": lambda c: gzip.compress(c, mtime=0), "bz2": bz2.compress, "zst": zstandard.compress}
    return makers[compression](content)


def decompress(content: bytes, compression: str) -> bytes:
    if compression == "zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content), read_across_frames=True).read()
    return {"": bytes, "gz": gzip.decompress, "bz2": bz2.decompress}[compression](content)


def make_page(article: Mapping[str, str]) -> bytes:
    paragraphs = "".join(f"<p>{line}</p>" for line in article["text"].splitlines())
    return (
        f"<html><head><title>{article['title']}</title><meta charset='utf-8'></head><body><nav><a href='/'>Home</a></nav>"
        f"<article><h1>{article['title']}</h1>{paragraphs}</article></body></html>"
    ).encode()


def make_jsonl(articles: Articles) -> bytes:
    return b"".join(json.dumps(article).encode() + b"\n" for article in articles)


def make_wet(articles: Articles) -> bytes:
    return _archive(articles, "conversion", packed=False)


def make_warc(articles: Articles, *, packed: bool = False) -> bytes:
    return _archive(articles, "response", packed=packed)


def make_parquet(path: Path, articles: Articles, *, row_group_size: int = 2) -> None:
    """A file with columns of several types, metadata, two row groups, a struct, a dictionary."""
    table = pa.table(
        {
            "id": [article["id"] for article in articles],
            "content": pa.array([{"rendered": a["text"], "lang": "en"} for a in articles]),
            "title": pa.array([article["title"] for article in articles]).dictionary_encode(),
            "seen": pa.array([number * 10**9 + 1 for number in range(len(articles))], pa.timestamp("ns", tz="UTC")),
            "price": pa.array([number + 0.1 for number in range(len(articles))], pa.float32()),
            "raw": pa.array([b"\xff\x00"] * len(articles), pa.binary()),
            "tags": pa.array([["a", None]] * len(articles), pa.list_(pa.string())),
            "n": pa.array([None] * len(articles), pa.int64()),
        }
    ).replace_schema_metadata({"made": "for a test"})
    pq.write_table(table, path, row_group_size=row_group_size, compression={"id": "snappy", "title": "gzip"})


def _archive(articles: Articles, kind: str, *, packed: bool) -> bytes:
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=packed)
    writer.write_record(writer.create_warcinfo_record("test.warc", {"software": "a test"}))
    for number, article in enumerate(articles):
        url = f"https://news.example/{article['id']}"
        if kind == "conversion":
            writer.write_record(
                writer.create_warc_record(
                    url, "conversion", payload=io.BytesIO(article["text"].encode()), warc_content_type="text/plain"
                )
            )
            continue
        request = StatusAndHeaders("GET / HTTP/1.1", [("Host", "news.example")], is_http_request=True)
        writer.write_record(writer.create_warc_record(url, "request", http_headers=request))
        page, headers = make_page(article), [("Content-Type", "text/html; charset=utf-8")]
        if number % 2:
            page, headers = zlib.compress(page), [*headers, ("Content-Encoding", "deflate")]
        else:
            page = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (page[:50], page[50:])) + b"0\r\n\r\n"
            headers = [*headers, ("Transfer-Encoding", "chunked")]
        answer = StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
        writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(page), http_headers=answer))
        picture = StatusAndHeaders("200 OK", [("Content-Type", "image/png")], protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record(url + ".png", "response", payload=io.BytesIO(b"\x89PNG" * 50), http_headers=picture)
        )
    return buffer.getvalue()
