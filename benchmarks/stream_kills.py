"""Exactly once, the hard way: streams killed at random moments and tried again, and two workers on one index.

    python benchmarks/stream_kills.py [--kills 200] [--pairs 20] [--seed 1]

Each attempt is killed by SIGKILL after a random time and started again with the same input, until it comes to its end; then the
part files must hold the very bytes of an undisturbed run, and the index the same texts and survivors. Two workers take in
overlapping, shuffled input: every record must come out once from each, and every duplicate must have a survivor that was kept.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "pages"))

from pages import FRAMES, edit, fill

from dedupe.index.sqlite import SqliteIndex

Records = list[dict[str, Any]]


def crawl(pick: random.Random, number: int) -> Records:
    pages = [fill(FRAMES[pick.choice(sorted(FRAMES))], pick) for _ in range(number)]
    pages += [edit(pick.choice(pages), pick.randint(0, 2), pick) for _ in range(number // 2)]
    pick.shuffle(pages)
    return [{"id": f"p{n:05}", "text": text} for n, text in enumerate(pages)]


def encode(records: Records) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def start(folder: Path, index: str, out: str, batch: int) -> subprocess.Popen[bytes]:
    options = ["--no-repair", "--kinds", "exact,near,spun", "--batch-records", str(batch)]
    command = [
        sys.executable,
        "-m",
        "dedupe",
        "stream",
        "--index",
        f"sqlite:{folder}/{index}",
        "-o",
        str(folder / out),
        *options,
    ]
    return subprocess.Popen(command, stdin=(folder / f"{out}.in").open("rb"), stderr=subprocess.DEVNULL)


def read_parts(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("part-*.jsonl")))


def describe(path: Path) -> tuple[Any, ...]:
    index = SqliteIndex(path)
    with index.transaction():
        faults, stats = index.verify(), index.stats()
        texts = index.read_texts(range(1, index.next_number()))
    index.close()
    assert faults == [], faults
    return stats.articles, stats.postings, {t.digest: (t.owner, texts[t.survivor].owner, t.link) for t in texts.values()}


def kill_and_retry(pick: random.Random, seconds: float) -> int:
    """One stream, killed until it gets through; the number of kills."""
    with tempfile.TemporaryDirectory() as name:
        folder, kills = Path(name), 0
        content = encode(crawl(pick, 200))
        for out in ("whole", "out"):
            (folder / f"{out}.in").write_bytes(content)
        start(folder, "whole.db", "whole", 7).wait()
        while True:
            process = start(folder, "index.db", "out", pick.randint(2, 20))
            deadline = time.monotonic() + seconds * pick.uniform(0.3, 1.1 + kills / 50)
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            if process.poll() is not None:
                assert process.returncode == 0
                break
            process.kill()
            process.wait()
            kills += 1
        assert read_parts(folder / "out") == read_parts(folder / "whole")
        assert describe(folder / "index.db") == describe(folder / "whole.db")
        return kills


def run_two(pick: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, records = Path(name), crawl(pick, 200)
        inputs = [pick.sample(records, 200), pick.sample(records, 200)]
        for n, some in enumerate(inputs):
            (folder / f"out{n}.in").write_bytes(encode(some))
        workers = [start(folder, "index.db", f"out{n}", pick.randint(2, 20)) for n in range(2)]
        assert [worker.wait() for worker in workers] == [0, 0]
        lines = [[json.loads(line) for line in read_parts(folder / f"out{n}").splitlines()] for n in range(2)]
        assert [[r["id"] for r in some] for some in lines] == [[r["id"] for r in some] for some in inputs]
        told = [r["dedupe"] for r in lines[0] + lines[1]]
        kept = {t["id"] for t in told if t["status"] == "kept"}
        assert all(t["dup_of"] in kept - {t["id"]} for t in told if t["status"] == "duplicate")
        assert describe(folder / "index.db")[0] == len({t["id"] for t in told})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pick, kills, streams = random.Random(options.seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "out.in").write_bytes(encode(crawl(pick, 200)))
        began = time.monotonic()
        start(Path(name), "index.db", "out", 7).wait()
        seconds = time.monotonic() - began
    while kills < options.kills:
        kills += kill_and_retry(pick, seconds)
        streams += 1
    print(f"{streams} streams killed {kills} times in all: outputs and indexes as in undisturbed runs")
    for _ in range(options.pairs):
        run_two(pick)
    print(f"{options.pairs} pairs of workers: nothing lost, every duplicate has its survivor")


if __name__ == "__main__":
    main()
