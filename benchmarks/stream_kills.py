"""Exactly once, the hard way: streams killed at random moments and tried again, and two workers on one index.

    python benchmarks/stream_kills.py [--kills 200] [--pairs 20] [--seed 1]

Each attempt is killed by SIGKILL after a random time and started again with the same input, until it comes to its end; then the
part files must hold the very bytes of an undisturbed run, and the index the same texts and survivors. Two workers take in
overlapping, shuffled input: every record must come out once from each, and every duplicate must have a survivor that was kept.
An attempt is a forked process that runs the command; so the kills meet the work, and not the start of the interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "pages"))

from pages import FRAMES, edit, fill

from dedupe import Article
from dedupe.cli import main as command_line
from dedupe.index.sqlite import SqliteIndex
from dedupe.ingest.stream import Stream

Records = list[dict[str, Any]]


def crawl(pick: random.Random, number: int) -> Records:
    pages = [fill(FRAMES[pick.choice(sorted(FRAMES))], pick) for _ in range(number)]
    pages += [edit(pick.choice(pages), pick.randint(0, 2), pick) for _ in range(number // 2)]
    pick.shuffle(pages)
    return [{"id": f"p{n:05}", "text": text} for n, text in enumerate(pages)]


def encode(records: Records) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


class Attempt:
    """`dedupe stream` in a process of its own."""

    def __init__(self, folder: Path, index: str, out: str, batch: int) -> None:
        options = ["--no-repair", "--kinds", "exact,near,spun", "--batch-records", str(batch)]
        command = ["stream", "--index", f"sqlite:{folder}/{index}", "-o", str(folder / out), *options]
        self._pid = os.fork()
        if self._pid == 0:
            code = 70
            try:
                os.dup2(os.open(folder / f"{out}.in", os.O_RDONLY), 0)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                command_line.main(command, prog_name="dedupe")
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                os._exit(code)

    def wait(self) -> int:
        """How it ended."""
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def kill_after(self, seconds: float) -> bool:
        """Whether it was still at work after so many seconds, and was killed; else it must have done all."""
        time.sleep(seconds)
        os.kill(self._pid, signal.SIGKILL)
        code = self.wait()
        assert code in {0, -signal.SIGKILL}, code
        return code != 0


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
        assert Attempt(folder, "whole.db", "whole", 7).wait() == 0
        while Attempt(folder, "index.db", "out", pick.randint(2, 20)).kill_after(seconds * pick.uniform(0, 0.5 + kills / 20)):
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
        workers = [Attempt(folder, "index.db", f"out{n}", pick.randint(2, 20)) for n in range(2)]
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
        with Stream(index=f"sqlite:{name}/first.db") as stream:
            stream.process_batch([Article("a", "Everything is loaded here, once for all attempts.")])
        (Path(name) / "out.in").write_bytes(encode(crawl(pick, 200)))
        began = time.monotonic()
        assert Attempt(Path(name), "index.db", "out", 7).wait() == 0
        seconds = time.monotonic() - began
    print(f"an undisturbed stream takes {seconds:.1f} s", flush=True)
    while kills < options.kills:
        kills += kill_and_retry(pick, seconds)
        streams += 1
        if streams % 10 == 0:
            print(f"{kills} kills so far", flush=True)
    print(f"{streams} streams killed {kills} times in all: outputs and indexes as in undisturbed runs")
    for _ in range(options.pairs):
        run_two(pick)
    print(f"{options.pairs} pairs of workers: nothing lost, every duplicate has its survivor")


if __name__ == "__main__":
    main()
