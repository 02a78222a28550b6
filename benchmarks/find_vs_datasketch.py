"""Whole-process speed of finding near-duplicates against a plain datasketch script, with recall beside it.

    python benchmarks/find_vs_datasketch.py --data DIR_OR_FILE [--articles 20000] [--rounds 3] [--command "..."]

A corpus is built in a temporary folder from the articles in DIR_OR_FILE (.jsonl with a field "text", .txt): four fifths
are originals put together from paragraphs at random, one fifth are edited copies of them, or of copies. Both programs
then read the same file and write their pairs, in turn, on one core. The medians of wall time and their ratio are
printed, and recall and precision against the exact Jaccard similarity (0.7, 5-word shingles over lower-cased `\\w+`) of
all pairs within a family; originals share single paragraphs only, so true pairs lie within families.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

THRESHOLD = 0.7
WORD = re.compile(r"\w+")
BOILERPLATE = "Sign up for our newsletter. All rights reserved. Read more stories like this one on our pages."

OURS = """
import json, os, sys
from dedupe.config import FindSettings
from dedupe.detect.find import find_pairs
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier
ids = []
def texts():
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            ids.append(record["id"])
            yield record["text"]
profiles = profile_texts(texts(), FindSettings())
os.makedirs(sys.argv[2])
with open(os.path.join(sys.argv[2], "pairs.jsonl"), "w", encoding="utf-8") as out:
    for pair in find_pairs(profiles, ids, Verifier(profiles, ids, FindSettings()), FindSettings()).pairs:
        out.write(json.dumps({"a": pair.a, "b": pair.b, "kind": pair.kind, "jaccard": pair.jaccard}) + "\\n")
"""

DATASKETCH = """
import json, os, re, sys
from datasketch import MinHash, MinHashLSH
lsh = MinHashLSH(threshold=0.7, num_perm=128)
os.makedirs(sys.argv[2])
with open(sys.argv[1], encoding="utf-8") as lines, \\
        open(os.path.join(sys.argv[2], "pairs.jsonl"), "w", encoding="utf-8") as out:
    for line in lines:
        record = json.loads(line)
        words = re.findall(r"\\w+", record["text"].lower())
        shingles = {" ".join(words[i:i + 5]).encode("utf-8") for i in range(max(len(words) - 4, 1))}
        sketch = MinHash(num_perm=128)
        sketch.update_batch(shingles)
        for other in lsh.query(sketch):
            out.write(json.dumps({"a": other, "b": record["id"]}) + "\\n")
        lsh.insert(record["id"], sketch)
"""


def read_paragraphs(data: Path) -> list[str]:
    """Paragraphs of 150 to 700 characters, cut at blank lines or at the ends of sentences."""
    files = sorted([*data.rglob("*.jsonl"), *data.rglob("*.txt")]) if data.is_dir() else [data]
    paragraphs = []
    for file in files:
        content = file.read_text("utf-8")
        texts = [json.loads(line)["text"] for line in content.splitlines()] if file.suffix == ".jsonl" else [content]
        for text in texts:
            paragraph = ""
            for sentence in re.split(r"(?<=[.!?”\"])\s+(?=[A-Z“\"])|\n\s*\n", text):
                paragraph = f"{paragraph} {sentence}".strip()
                if len(paragraph) >= 300:
                    paragraphs.append(paragraph[:700])
                    paragraph = ""
    return list(dict.fromkeys(paragraph for paragraph in paragraphs if len(paragraph) >= 150))


def edit_copy(paragraphs: list[str], chooser: random.Random) -> list[str]:
    """One to three of the edits that copies undergo: cut, wrapped, reworded, reordered, shouted."""
    copy = list(paragraphs)
    for _ in range(chooser.randint(1, 3)):
        place = chooser.randrange(len(copy))
        edit = chooser.choice(("drop", "reword", "wrap", "case", "punctuation", "swap", "truncate"))
        if edit == "drop" and len(copy) > 3:
            del copy[place]
        elif edit == "reword":
            words = copy[place].split(" ")
            for _ in range(chooser.randint(1, 5)):
                words[chooser.randrange(len(words))] = chooser.choice(("officials", "reportedly", "since", "2024"))
            copy[place] = " ".join(words)
        elif edit == "wrap":
            copy.append(BOILERPLATE)
        elif edit == "case":
            copy[place] = copy[place].upper()
        elif edit == "punctuation":
            copy[place] = copy[place].replace(",", " -").replace('"', "“")
        elif edit == "swap":
            copy.insert(chooser.randrange(len(copy)), copy.pop(place))
        elif edit == "truncate" and len(copy) > 4:
            copy[-1] = copy[-1][: len(copy[-1]) // 2] + "..."
    return copy


def build_corpus(paragraphs: list[str], articles: int, seed: int) -> tuple[dict[str, str], list[list[str]]]:
    """The texts by id in random order, and the families: ids of an original and all its copies."""
    chooser = random.Random(seed)
    families = []
    for _ in range(articles * 4 // 5):
        length, original = chooser.randint(2000, 3600), []
        while sum(map(len, original)) < length:
            original.append(chooser.choice(paragraphs))
        families.append([original])
    for _ in range(articles - len(families)):
        family = chooser.choice(families)
        family.append(edit_copy(chooser.choice(family), chooser))
    places = [(number, version) for number, family in enumerate(families) for version in range(len(family))]
    chooser.shuffle(places)
    texts = {f"{number:06}-{version}": "\n\n".join(families[number][version]) for number, version in places}
    return texts, [[f"{number:06}-{version}" for version in range(len(family))] for number, family in enumerate(families)]


def jaccard(a: str, b: str) -> float:
    sets = []
    for text in (a, b):
        words = WORD.findall(text.lower())
        sets.append({" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def true_pairs(texts: dict[str, str], families: list[list[str]]) -> set[tuple[str, str]]:
    within = (pair for family in families for pair in itertools.combinations(sorted(family), 2))
    return {(a, b) for a, b in within if jaccard(texts[a], texts[b]) >= THRESHOLD}


def run_process(command: list[str], core: int | None) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of a whole process."""
    pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    start = time.perf_counter()
    process = subprocess.Popen(command, preexec_fn=pin)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {shlex.join(command)[:200]}")
    return wall, usage.ru_maxrss / 1024


def read_pairs(output: Path) -> Iterator[tuple[str, str]]:
    """The pairs of a run; identical texts, given as a star round the smallest id, are spread to all their pairs."""
    copies: defaultdict[str, list[str]] = defaultdict(list)
    records = [json.loads(line) for line in (output / "pairs.jsonl").read_text("utf-8").splitlines()]
    for record in records:
        if record.get("kind") == "exact":
            copies[record["a"]].append(record["b"])
    for a, others in copies.items():
        yield from itertools.combinations(sorted([a, *others]), 2)
    for record in records:
        if record.get("kind") != "exact":
            a, b = record["a"], record["b"]
            sides = itertools.product([a, *copies.get(a, [])], [b, *copies.get(b, [])])
            yield from ((min(pair), max(pair)) for pair in sides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="articles to build the corpus from")
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--core", type=int, default=0, help="the core both run on; -1 for all cores")
    parser.add_argument("--command", help='what to run in place of the Python API, as "dedupe find {input} -o {output}"')
    options = parser.parse_args()

    def ours(corpus: str, output: str) -> list[str]:
        if options.command:
            return [part.format(input=corpus, output=output) for part in shlex.split(options.command)]
        return [sys.executable, "-c", OURS, corpus, output]

    def datasketch(corpus: str, output: str) -> list[str]:
        return [sys.executable, "-c", DATASKETCH, corpus, output]

    texts, families = build_corpus(read_paragraphs(options.data), options.articles, options.seed)
    truth = true_pairs(texts, families)
    size = sum(len(text.encode("utf-8")) for text in texts.values())
    print(f"{len(texts)} articles, {size / 1e6:.1f} MB, {len(truth)} true pairs, seed {options.seed}")
    walls: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        with corpus.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps({"id": id, "text": text}, ensure_ascii=False) + "\n" for id, text in texts.items())
        for turn in range(options.rounds):
            for name, command in (("dedupe", ours), ("datasketch", datasketch)):
                output = Path(folder) / f"{name}-{turn}"
                wall, memory = run_process(command(str(corpus), str(output)), options.core if options.core >= 0 else None)
                walls[name].append(wall)
                found = set(read_pairs(output))
                true = sum(pair in truth or jaccard(texts[pair[0]], texts[pair[1]]) >= THRESHOLD for pair in found)
                print(
                    f"round {turn + 1} {name:10} {wall:7.2f} s {len(texts) / wall:8.0f} articles/s {memory:6.0f} MB"
                    f"  recall {len(truth & found) / len(truth):.4f}  precision {true / max(len(found), 1):.4f}",
                    flush=True,
                )
    medians = {name: statistics.median(seconds) for name, seconds in walls.items()}
    print(
        f"median: dedupe {medians['dedupe']:.2f} s, datasketch {medians['datasketch']:.2f} s,"
        f" dedupe is {medians['datasketch'] / medians['dedupe']:.1f} x faster"
    )


if __name__ == "__main__":
    main()
