"""Fuzzing: random corpora through run, apply, doctor and undo, and random texts through repair; for as long as asked.

    python benchmarks/fuzz_runs.py --hours 1 --seed 1

A corpus is some files of any format, written well and then damaged, or of random bytes from the start. What may end a run is an
error that says what is wrong; anything else, a hang, a record lost, or an input that does not come back is a finding: it is
kept below --keep, and the exit code is 1. Of a text every edit must fit, and the repair must invert. Prints the counts every
minute and at the end.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from formats import compress, decompress, make_jsonl, make_page, make_parquet, make_warc, make_wet

from dedupe import (
    Article,
    Decision,
    DedupeError,
    RepairSettings,
    Settings,
    append_decision,
    apply_decisions,
    examine,
    run,
    undo,
)
from dedupe.config import with_values
from dedupe.corpus.manifest import load_manifest
from dedupe.repair.repairer import Repairer
from dedupe.text.edits import Span, apply_spans, invert_spans
from dedupe.texts import make_repairer

SEEDS = Path(__file__).resolve().parent.parent / "seeds/corpus"
HANG = 60  # seconds, on a busy machine
RULE = [
    "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource",
    "my.getty\tGetty Pictures\tGetty Images\task\t\t\t\t\tuser",
    "my.the\tinternational minister\tforeign minister\tspun\t\t\t\t\tuser",
]
PARTS = (
    "the a of minister said talks Getty Pictures international minister extra {a|b} {photograph} <b> </b> <p "
    "class=x> &amp; &nbsp; &#8211; %%name%% {{city}} three% $43.Eight donâ€™t Ã© caf\ufffd don?t http://a.b/c a@b.c "
    "@x #y `code` [sic] [caption id=1] (AP) “ ” ‘ ’ \" ' \u200b \u200d \u00ad \u202e \u2066 \u2028 \u0085 \x00 "
    "\x1b[2J \ufeff \ufffe \ud800 \udfff \U0010ffff \U0001f468\u200d\U0001f469 e\u0301 \u0301\u0316\u0300 שלום "
    "مرحبا नमस्ते สวัสดี 港口 항구 ﷺ İ ß ﬁ ½ 1,000 2024-01-02 x=y; <!-- --> =1+1 \\ \\u0041 \\ud83d NaN 1e5"
).split(" ")
FORMATS = ("jsonl", "csv", "tsv", "txt", "html", "warc", "wet", "parquet", "bytes")
COMPRESSIONS = ("", "", "gz", "bz2", "zst")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("findings"))
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, stop_hang)
    chance, counts, start, shown = random.Random(options.seed), Counter[str](), time.process_time(), time.monotonic()
    repairer = make_repairer(RepairSettings())
    while time.process_time() - start < options.hours * 3600:
        seed = chance.getrandbits(64)
        job: Callable[[Path, random.Random, Counter[str]], None] = try_corpus if seed % 4 else make_text_job(repairer)
        with tempfile.TemporaryDirectory() as folder:
            signal.alarm(HANG)
            try:
                job(Path(folder), random.Random(seed), counts)
            except Exception:
                counts["findings"] += 1
                keep(options.keep / str(seed), Path(folder))
            finally:
                signal.alarm(0)
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print(describe(counts, time.process_time() - start), flush=True)
    print(describe(counts, time.process_time() - start))
    sys.exit(bool(counts["findings"]))


def describe(counts: Counter[str], seconds: float) -> str:
    return f"{seconds / 3600:.2f} CPU hours: " + ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))


def stop_hang(number: int, frame: FrameType | None) -> None:
    raise TimeoutError("hangs")


def keep(place: Path, folder: Path) -> None:
    """Keep what led to a finding."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "traceback.txt").write_text(traceback.format_exc(), "utf-8", errors="backslashreplace")
    if (folder / "in").is_dir():
        shutil.copytree(folder / "in", place / "in", dirs_exist_ok=True)
    print(f"finding: {place}", flush=True)


def try_corpus(folder: Path, chance: random.Random, counts: Counter[str]) -> None:
    """Clean, review and give back a corpus; raises whatever is not as it should be."""
    (folder / "in").mkdir()
    (folder / "rules").mkdir()
    (folder / "rules/my.tsv").write_text("\n".join(RULE) + "\n")
    formats = [write_input(folder / "in", chance, number) for number in range(chance.randrange(1, 4))]
    values: dict[str, dict[str, object]] = {
        "repair": {"language": "xx", "rules": [str(folder / "rules")]},
        "emit": {"format": chance.choice(["same", "same", "same", "jsonl", "csv", "txt", "parquet"])},
        "read": {"max_record_bytes": chance.choice([20, 300, 1 << 20])},
    }
    if chance.random() < 0.8:
        values["read"]["text_field"] = "content.rendered" if formats == ["parquet"] else "text"
    counts["corpora"] += 1
    before, out = contents(folder / "in"), folder / "out"
    try:
        read = run([folder / "in"], out, with_values(Settings(), values)).counts
    except DedupeError:
        counts["refused"] += 1
        assert not out.exists(), "a refused run left a folder"
        assert contents(folder / "in") == before
        return
    assert read["read"] == sum(number for name, number in read.items() if name != "read")
    counts["records"] += read["read"]
    counts["quarantined"] += read["quarantined"]
    for target in ("rule:my.the", "pair:Getty Pictures→Getty Images", "article:1", "canonical:2"):
        if chance.random() < 0.3:
            verdict = "accept" if target.startswith("canonical") else chance.choice(["accept", "reject"])
            append_decision(out, Decision(target, verdict))  # type: ignore[arg-type]
    apply_decisions(out)
    assert examine(out).faults == ()
    undo(out, folder / "back")
    restored = contents(folder / "back")
    assert restored == {name: content for name, content in before.items() if name in restored}
    assert set(restored) == {entry.name for entry in load_manifest(out).inputs}
    counts["given back"] += 1


def make_text_job(repairer: Repairer) -> Callable[[Path, random.Random, Counter[str]], None]:
    """The repair of a random text, tried."""

    def try_text(folder: Path, chance: random.Random, counts: Counter[str]) -> None:
        (folder / "in").mkdir()
        text = make_text(chance, 400)
        (folder / "in/text.txt").write_text(text, "utf-8", errors="surrogatepass")
        counts["texts"] += 1
        repair = repairer.repair(Article("a", text, title=text[:50]))
        for edit in repair.edits:
            assert {"text": text, "title": text[:50]}[edit.field][edit.start : edit.end] == edit.before
        spans = [Span(edit.start, edit.end, edit.after) for edit in repair.edits if edit.automatic and edit.field == "text"]
        repaired = apply_spans(text, spans)
        assert apply_spans(repaired, invert_spans(text, spans)) == text
        counts["texts repaired"] += bool(spans)

    return try_text


def write_input(folder: Path, chance: random.Random, number: int) -> str:
    """Write a random file, perhaps damaged; its format."""
    format, compression = chance.choice(FORMATS), chance.choice(COMPRESSIONS)
    articles = [make_article(chance) for _ in range(chance.randrange(6))]
    name = f"{number}.{format if format != 'bytes' else chance.choice(FORMATS[:-1])}"
    if format == "parquet":
        plain = [{key: value.encode("utf-8", "replace").decode() for key, value in article.items()} for article in articles]
        make_parquet(folder / name, plain)
        content, compression = (folder / name).read_bytes(), ""
    elif format == "bytes":
        content = chance.randbytes(chance.randrange(2000))
    else:
        content = write_well(format, articles, chance)
    if chance.random() < 0.4 and content:
        content = damage(content, chance)
    if compression and not name.endswith("parquet"):
        name, content = f"{name}.{compression}", compress(content, compression)
        if chance.random() < 0.1:
            content = damage(content, chance)
    (folder / name).write_bytes(content)
    return format


def write_well(format: str, articles: list[dict[str, str]], chance: random.Random) -> bytes:
    if format == "jsonl":
        return make_jsonl(articles)
    if format in ("csv", "tsv"):
        delimiter = "," if format == "csv" else "\t"
        quoted = [['"' + value.replace('"', '""') + '"' for value in article.values()] for article in articles]
        rows = [["id", "title", "text"], *quoted]
        return chance.choice(["\n", "\r\n"]).join(delimiter.join(row) for row in rows).encode("utf-8", "surrogatepass")
    plain = [{key: value.encode("utf-8", "replace").decode() for key, value in article.items()} for article in articles]
    if format in ("warc", "wet"):
        urls = [{**article, "id": str(number)} for number, article in enumerate(plain)]
        return make_warc(urls, packed=False) if format == "warc" else make_wet(urls)
    if format == "html":
        return make_page(plain[0]) if plain else b""
    return "\n".join(article["text"] for article in articles).encode("utf-8", "surrogatepass")


def damage(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, taken out, doubled or cut off."""
    data = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                del data[at : at + chance.randrange(20)]
            case 2:
                data[at:at] = data[at : at + chance.randrange(200)]
            case 3:
                data[at:at] = chance.choice(
                    [b"\n", b"\0", b'"', b"\r\n", b"{", b"\xff", b"\xef\xbb\xbf", b"WARC/1.0\r\n", b"\x1f\x8b"]
                )
            case 4:
                del data[at:]
    return bytes(data)


def make_article(chance: random.Random) -> dict[str, str]:
    if chance.random() < 0.3:
        text = chance.choice(sorted(SEEDS.glob("*.txt"))).read_text("utf-8")[: chance.randrange(50, 3000)]
    else:
        text = make_text(chance, 120)
    return {"id": str(chance.randrange(9)), "title": make_text(chance, 6), "text": text}


def make_text(chance: random.Random, longest: int) -> str:
    """Words, marks and single characters of any plane."""
    words = [
        chance.choice(PARTS) if chance.random() < 0.9 else chr(chance.randrange(0x110000)) * chance.randrange(1, 4)
        for _ in range(chance.randrange(longest))
    ]
    return "".join(word + chance.choice([" ", " ", " ", "\n", ""]) for word in words)


def contents(folder: Path) -> dict[str, bytes]:
    """The content of each file, decompressed where it can be, for what was compressed comes back compressed anew."""
    found = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        try:
            found[path.name] = decompress(content, path.suffix[1:] if path.suffix[1:] in COMPRESSIONS else "")
        except Exception:
            found[path.name] = content
    return found


if __name__ == "__main__":
    main()
