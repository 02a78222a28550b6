"""Kill -9 at random moments, repeat, compare: how many of so many kills end in other bytes than an undisturbed run.

    python benchmarks/kill_runs.py --kills 1000

Four jobs in turn, on a small corpus of JSON lines made here and a table of one rule: `run` into a new folder, `run --force`
over another run, `apply` of a decision, `undo`. A job is killed up to three times at random moments, half of them in its last
third, where files are put in place, and then repeated as a user would. Prints a line every hundred kills and the count of
folders that differ; exit code 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from crash import in_child

from dedupe import Decision, Settings, append_decision, apply_decisions, run, undo
from dedupe.config import with_values
from dedupe.corpus.staging import STAGING, is_interrupted

SENTENCES = [
    "The harbour board of Velsing will close the old north quay from the first of May.",
    "Engineers found cracks in nine of the forty pillars that carry the cranes.",
    "Fishing boats move to the south basin, where the board has leased room from a shipyard.",
    "Photo: Getty Pictures.",
    "Nobody went home, said the leader of the choir, who wanted extra chairs.",
]
RULE = [
    "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource",
    "my.getty\tGetty Pictures\tGetty Images\task\t\t\t\t\tuser",
]
TIMES_IN_A_ROW = 3


@dataclass(frozen=True)
class Job:
    """What is killed: what there is before it, the work itself, the seconds it takes, and what it leaves when undisturbed."""

    prepare: Callable[[Path], Any]
    work: Callable[[Path], Any]
    takes: float
    wanted: dict[str, bytes]


@dataclass
class Counts:
    """What happened: kills, of those the ones before any file was staged, in the midst of it, and with the files half in place;
    and folders that differed in the end."""

    kills: int = 0
    before: int = 0
    staged: int = 0
    installing: int = 0
    differing: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills:,} kills ({self.before:,} before anything was staged, {self.staged:,} while files were staged, "
            f"{self.installing:,} while they were put in place); {self.differing:,} differing folders"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        counts = kill(Path(folder), options.kills, chance)
    print(counts)
    sys.exit(bool(counts.differing))


def kill(folder: Path, kills: int, chance: random.Random) -> Counts:
    """The counts after so many kills."""
    jobs, counts = list(make_jobs(folder, make_corpus(folder / "in", chance))), Counts()
    shown = 0
    while counts.kills < kills:
        for job in jobs:
            kill_job(job, folder / "killed", chance, counts)
            shutil.rmtree(folder / "killed")
        if counts.kills // 100 > shown:
            shown = counts.kills // 100
            print(counts, flush=True)
    return counts


def kill_job(job: Job, out: Path, chance: random.Random, counts: Counts) -> None:
    """Kill a job a few times, repeat it, and compare what it left with what it leaves when undisturbed."""
    job.prepare(out)
    for _ in range(TIMES_IN_A_ROW):
        moment = chance.uniform(*chance.choice([(0, 1), (2 / 3, 1.1)])) * job.takes
        if in_child(lambda: job.work(out), kill_after=moment) == 0:
            break
        counts.kills += 1
        counts.installing += is_interrupted(out)
        counts.staged += (out / STAGING / "new").exists()
        counts.before += not (out / STAGING).exists()
        if not (out / STAGING).exists() and read_tree(out) == job.wanted:
            break  # it was done, and the process was ending
    else:
        job.work(out)
    counts.differing += read_tree(out) != job.wanted


def make_jobs(folder: Path, inputs: Path) -> Iterator[Job]:
    """The jobs, each done once undisturbed, in a child as they are when killed."""
    rules = folder / "rules"
    rules.mkdir()
    (rules / "my.tsv").write_text("\n".join(RULE) + "\n")
    repair = {"language": "xx", "rules": [str(rules)]}  # a language without tables of its own, which take long to load
    settings = with_values(Settings(), {"find": {"kinds": ["exact", "near"]}, "repair": repair})
    other = folder / "other.jsonl"
    other.write_text('{"id": "x", "text": "Another corpus, of one article."}\n')
    run([inputs], folder / "finished", settings)

    def review(out: Path) -> None:
        shutil.copytree(folder / "finished", out)
        append_decision(out, Decision("pair:Getty Pictures→Getty Images", "accept"))

    pairs: list[tuple[Callable[[Path], Any], Callable[[Path], Any]]] = [
        (lambda out: None, lambda out: run([inputs], out, settings)),
        (lambda out: run([other], out, settings), lambda out: run([inputs], out, settings, overwrite=True)),
        (review, lambda out: apply_decisions(out)),
        (lambda out: None, lambda out: undo(folder / "finished", out)),
    ]
    for number, (prepare, work) in enumerate(pairs):
        out = folder / f"whole{number}"
        prepare(out)
        start = time.perf_counter()
        if in_child(lambda work=work, out=out: work(out)):  # type: ignore[misc]
            sys.exit("a job failed though nothing disturbed it")
        yield Job(prepare, work, time.perf_counter() - start, read_tree(out))


def make_corpus(folder: Path, chance: random.Random) -> Path:
    """Two files of articles, some of them copies of others."""
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        lines = [{"id": f"{name}{n}", "text": " ".join(chance.choices(SENTENCES, k=4 + n % 9))} for n in range(40)]
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    main()
