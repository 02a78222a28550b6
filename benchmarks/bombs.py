"""Bombs: inputs that are small, or odd, and would take all memory or time. Prints exit code, peak memory and seconds of each.

    python benchmarks/bombs.py [NAME ...]      # all of them: half an hour, 3 GB of disk for a while

Every command is a process of its own; its peak is what the system counted (ru_maxrss). Exit code 1 if one took 300 MiB or more,
was neither refused with nothing written (exit code 4) nor cleaned (0 or 3) and given back.
"""

from __future__ import annotations

import bz2
import gzip
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEBIBYTE = 1 << 20
MOST_MEMORY = 300  # MiB
GOOD = b'{"text": "A word or two that anybody may read."}\n'
Maker = Callable[[Path], None]


def main() -> None:
    failed = 0
    print(f"{'bomb':34} {'bytes':>13}  code  MiB  seconds   undo: MiB  seconds")
    chosen = [maker for maker in BOMBS if not sys.argv[1:] or maker.__name__ in sys.argv[1:]]
    for maker in chosen:
        with tempfile.TemporaryDirectory() as folder:
            failed += not try_bomb(Path(folder), maker)
    print(f"{len(chosen) - failed} of {len(chosen)} bombs did no harm")
    sys.exit(bool(failed))


def try_bomb(folder: Path, maker: Maker) -> bool:
    """Whether a bomb does no harm; prints what it cost."""
    (folder / "in").mkdir()
    child = os.fork()  # so that the memory that making it takes is not counted
    if child == 0:
        maker(folder / "in")
        os._exit(0)
    os.waitpid(child, 0)
    (path,) = (folder / "in").iterdir()
    size = path.stat().st_size
    code, memory, seconds = measure("run", folder / "in", "-o", folder / "out")
    undone, undo_memory, undo_seconds = measure("undo", folder / "out", "-o", folder / "back")
    same = undone == 0 and digest(folder / "back" / path.name) == digest(path)
    refused = code == 4 and not (folder / "out").exists()
    harmless = (refused or (code in (0, 3) and same)) and max(memory, undo_memory) < MOST_MEMORY
    label = f"{maker.__name__.replace('_', ' '):34} {size:13,}  {code:4} {memory:4}  {seconds:7.1f}"
    print(f"{label}        {undo_memory:4}  {undo_seconds:7.1f}  {'' if harmless else 'HARM'}", flush=True)
    return harmless


def measure(*arguments: str | Path) -> tuple[int, int, float]:
    """Exit code, peak memory in MiB and seconds of a command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "dedupe", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss // 1024, time.perf_counter() - start


def digest(path: Path) -> int:
    """A checksum of a file's content, decompressed."""
    if path.suffix == ".zst":
        import zstandard

        stream = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
    else:
        stream = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)(path, "rb")
    value = 0
    with stream:
        while chunk := stream.read(MEBIBYTE):
            value = zlib.crc32(chunk, value)
    return value


def blow_up(path: Path, parts: Iterator[bytes]) -> None:
    """Write compressed parts, by the extension of the path."""
    if path.suffix == ".zst":
        import zstandard

        compressor = zstandard.ZstdCompressor().compressobj()
        with path.open("wb") as file:
            for part in parts:
                file.write(compressor.compress(part))
            file.write(compressor.flush())
        return
    with {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)(path, "wb") as file:
        for part in parts:
            file.write(part)


def gigabyte(before: bytes, after: bytes, filling: bytes = b"A", mebibytes: int = 1024) -> Iterator[bytes]:
    yield before
    for _ in range(mebibytes):
        yield filling * (MEBIBYTE // len(filling))
    yield after


def line_of_a_gigabyte_in_gzip(folder: Path) -> None:
    blow_up(folder / "a.jsonl.gz", gigabyte(b'{"text": "', b'"}\n' + GOOD))


def line_of_a_gigabyte_in_bzip2(folder: Path) -> None:
    blow_up(folder / "a.jsonl.bz2", gigabyte(b'{"text": "', b'"}\n' + GOOD))


def line_of_a_gigabyte_in_zstandard(folder: Path) -> None:
    blow_up(folder / "a.jsonl.zst", gigabyte(b'{"text": "', b'"}\n' + GOOD))


def text_of_a_gigabyte(folder: Path) -> None:
    blow_up(folder / "a.txt.gz", gigabyte(b"", b"", b"word " * 8))


def page_of_a_gigabyte(folder: Path) -> None:
    blow_up(folder / "a.html.gz", gigabyte(b"<html><p>", b"</p>", b"<div>text</div> "))


def cell_of_a_gigabyte(folder: Path) -> None:
    blow_up(folder / "a.csv.gz", gigabyte(b'id,text\n1,"', b'"\n2,A word or two that anybody may read.\n'))


def quotation_mark_never_closed(folder: Path) -> None:
    blow_up(folder / "a.csv.gz", gigabyte(b'id,text\n1,"', b"", b"one,two\n", 64))


def blank_lines_of_64_mebibytes(folder: Path) -> None:
    blow_up(folder / "a.jsonl.gz", gigabyte(GOOD, GOOD, b"\n", 64))


def archive_record_of_a_gigabyte(folder: Path) -> None:
    head = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (1 << 30)
    blow_up(folder / "a.warc.gz", gigabyte(head, b"\r\n\r\n"))


def archive_head_of_a_gigabyte(folder: Path) -> None:
    blow_up(
        folder / "a.warc.gz", gigabyte(b"WARC/1.0\r\nWARC-Type: conversion\r\nX: ", b"\r\nContent-Length: 0\r\n\r\n\r\n\r\n")
    )


def parquet_row_of_a_gigabyte(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["x" * (1 << 30)]}), folder / "a.parquet", use_dictionary=False)


def parquet_dictionary_of_64_mebibytes(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = pa.array(["x" * (1 << 20)]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 64, pa.int32()), row.dictionary)
    pq.write_table(pa.table({"text": many}), folder / "a.parquet")


def lists_nested_a_hundred_thousand_deep(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n" + GOOD)


def objects_nested_a_hundred_thousand_deep(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'{"a": ' * 100_000 + b"1" + b"}" * 100_000 + b"\n" + GOOD)


def empty_lists_to_the_limit(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'{"text": "Two words.", "a": [' + b"[]," * 1_390_000 + b"0]}\n" + GOOD)


def keys_to_the_limit(folder: Path) -> None:
    members = b"".join(b'"%d":0,' % number for number in range(420_000))
    (folder / "a.jsonl").write_bytes(b"{" + members + b'"text": "Two words."}\n' + GOOD)


def integer_of_five_thousand_digits(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'{"n": ' + b"7" * 5_000 + b', "text": "Two words."}\n' + GOOD)


def integer_to_the_limit(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'{"n": ' + b"7" * 4_000_000 + b', "text": "Two words."}\n' + GOOD)


def million_edits_in_a_text(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"&lt;" * 10 + b"&#8211;" * 590_000)


def quarter_million_spun_forms_in_a_text(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"Getty Pictures " * 270_000)


def edits_just_below_the_limit(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"Getty Pictures. " * 19_900)


def million_flags_in_a_text(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"the the " * 520_000)


def words_to_the_limit(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"".join(b"w%d " % number for number in range(530_000)))


def letters_that_combine_to_the_limit(folder: Path) -> None:
    (folder / "a.txt").write_bytes("a\u0300\u0316".encode() * 830_000)


def compressed_body_in_an_archive(folder: Path) -> None:
    body = zlib.compress(bytes(1 << 30))
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: deflate\r\n\r\n" + body
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\nContent-Type: application/http\r\n"
    (folder / "a.warc").write_bytes(head + b"Content-Length: %d\r\n\r\n" % len(block) + block + b"\r\n\r\n")


def page_nested_a_hundred_thousand_deep(folder: Path) -> None:
    (folder / "a.html").write_bytes(b"<div>" * 100_000 + b"text" + b"</div>" * 100_000)


def page_of_tags_to_the_limit(folder: Path) -> None:
    (folder / "a.html").write_bytes(b"<html><body>" + b"<p>a b c</p>" * 340_000)


BOMBS = [
    line_of_a_gigabyte_in_gzip,
    line_of_a_gigabyte_in_bzip2,
    line_of_a_gigabyte_in_zstandard,
    text_of_a_gigabyte,
    page_of_a_gigabyte,
    cell_of_a_gigabyte,
    quotation_mark_never_closed,
    blank_lines_of_64_mebibytes,
    archive_record_of_a_gigabyte,
    archive_head_of_a_gigabyte,
    parquet_row_of_a_gigabyte,
    parquet_dictionary_of_64_mebibytes,
    lists_nested_a_hundred_thousand_deep,
    objects_nested_a_hundred_thousand_deep,
    empty_lists_to_the_limit,
    keys_to_the_limit,
    integer_of_five_thousand_digits,
    integer_to_the_limit,
    million_edits_in_a_text,
    quarter_million_spun_forms_in_a_text,
    edits_just_below_the_limit,
    million_flags_in_a_text,
    words_to_the_limit,
    letters_that_combine_to_the_limit,
    compressed_body_in_an_archive,
    page_nested_a_hundred_thousand_deep,
    page_of_tags_to_the_limit,
]

if __name__ == "__main__":
    main()
