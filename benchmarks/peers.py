"""Speed, memory, precision and recall of finding near-duplicates, beside other tools from PyPI, in one run.

    python benchmarks/peers.py --data DIR_OR_FILE [--articles 20000] [--rounds 3] [--cores 0] [--tools dedupe datasketch ...]

A corpus is built in a temporary folder from the articles in DIR_OR_FILE (.jsonl with a field "text", .txt): four fifths
are originals put together from paragraphs at random, in which every fifth word is replaced, one fifth are edited copies of
them, or of copies. A million articles take 4 GB of memory to build, which is not the tools'. Each tool then
reads the same file in a process of its own and writes its pairs, in turn, --rounds times, on the cores given; each in
the fastest way its documents show, with 5-word shingles over lower-cased `\\w+`, 128 permutations and a threshold of 0.7.

Recall is over the pairs of a family with an exact Jaccard similarity of 0.7; originals share single paragraphs only, so
true pairs lie within families. Precision is over all pairs a tool reports. Memory is the peak of anonymous memory of the
process and its children (Linux). Times are of whole processes, start included. Where others use the machine, too, only the
ratios of the medians say anything, those of the seconds that the cores worked for a tool more than those of its wall.
Tools that are not installed are passed over; text-dedup and datatrove, which take minutes, and the whole of `dedupe run`, with
repair and report, only run if named. With several numbers of --articles there is a table for each, and a scaling curve at
the end, drawn by --plot.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plot import draw_curves

THRESHOLD = 0.7
WORD = re.compile(r"\w+")
BOILERPLATE = "Sign up for our newsletter. All rights reserved. Read more stories like this one on our pages."
Family = list[list[str]]  # versions of a text, each a list of paragraphs

_DEDUPE = "from dedupe.cli import main; main(['find', sys.argv[1], '-o', sys.argv[2], '--kinds', {kinds!r}])"
_READ = """
import json, os, re, sys
words = re.compile(r"\\w+").findall
def read():
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            yield record["id"], record["text"]
def shingle(text):
    tokens = words(text.lower())
    return {" ".join(tokens[i:i + 5]) for i in range(max(len(tokens) - 4, 1))}
def write(pairs):
    os.makedirs(sys.argv[2])
    with open(os.path.join(sys.argv[2], "pairs.jsonl"), "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"a": min(a, b), "b": max(a, b)}) + "\\n" for a, b in pairs)
"""
# The tools that only give clusters are asked for all pairs inside them.
_CLUSTERS = """
import collections, itertools
def inside(members):
    clusters = collections.defaultdict(list)
    for cluster, id in members:
        if cluster != -1:
            clusters[cluster].append(id)
    return (pair for members in clusters.values() for pair in itertools.combinations(members, 2))
"""
# 16 bands of 8 values, filtered by the estimated similarity: what the tools that only give candidates are asked to do.
_BANDS = """
import numpy as np
def link(ids, signatures):
    codes = []
    for band in range(16):
        rows = np.ascontiguousarray(signatures[:, 8 * band : 8 * band + 8]).view("V32").ravel()
        order = np.argsort(rows, kind="stable")
        starts = np.flatnonzero(np.append(True, rows[order][1:] != rows[order][:-1]))
        for low, high in zip(starts, np.append(starts[1:], len(order))):
            if high - low > 1:
                members = np.sort(order[low:high])
                a, b = np.triu_indices(high - low, 1)
                codes.append(members[a] << 32 | members[b])
    codes = np.unique(np.concatenate([np.empty(0, np.int64), *codes]))
    for low in range(0, len(codes), 4096):
        a, b = codes[low : low + 4096] >> 32, codes[low : low + 4096] & 0xFFFFFFFF
        like = np.mean(signatures[a] == signatures[b], axis=1) >= 0.7
        yield from ((ids[i], ids[j]) for i, j in zip(a[like].tolist(), b[like].tolist()))
"""
PROGRAMS = {
    "floor": """
import hashlib, json, sys
with open(sys.argv[1], "rb") as lines:
    for line in lines:
        hashlib.blake2b(json.loads(line)["text"].encode()).digest()
""",
    "dedupe": "import sys\n" + _DEDUPE.format(kinds="exact,near"),
    "dedupe numpy": "import sys\nsys.modules['dedupe._kernel'] = None\n" + _DEDUPE.format(kinds="exact,near"),
    "dedupe all kinds": "import sys\n" + _DEDUPE.format(kinds="exact,near,spun,contained,template,overlap,story"),
    "dedupe run": "import sys; from dedupe.cli import main; main(['run', sys.argv[1], '-o', sys.argv[2], '--jobs', '1'])",
    "datasketch": _READ
    + """
from datasketch import MinHash, MinHashLSH
ids = []
def shingles():
    for id, text in read():
        ids.append(id)
        yield [shingle.encode("utf-8") for shingle in shingle(text)]
lsh, sketches = MinHashLSH(threshold=0.7, num_perm=128), []
with lsh.insertion_session() as session:
    for sketch in MinHash.generator(shingles(), num_perm=128):
        session.insert(ids[-1], sketch)
        sketches.append(sketch)
write((id, other) for id, sketch in zip(ids, sketches) for other in lsh.query(sketch) if id < other)
""",
    "rensa": _READ
    + """
from rensa import RMinHash, RMinHashLSH
ids, sketches = [], []
def flush(batch):
    sketches.extend(RMinHash.from_token_sets(batch, 128, 42))
batch = []
for id, text in read():
    ids.append(id)
    batch.append(list(shingle(text)))
    if len(batch) == 1000:
        flush(batch)
        batch = []
flush(batch)
lsh = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
lsh.insert_many(sketches)
found = ((i, j) for i, others in enumerate(lsh.query_all(sketches)) for j in others if i < j)
write((ids[i], ids[j]) for i, j in found if sketches[i].jaccard(sketches[j]) >= 0.7)
""",
    "gaoya": _READ
    + """
from gaoya.minhash import MinHashStringIndex
index = MinHashStringIndex(hash_size=32, jaccard_threshold=0.7, num_bands=16, band_size=8, num_hashes=128,
                           analyzer="word", lowercase=True, ngram_range=(5, 5))
ids, texts = zip(*read())
index.par_bulk_insert_docs(list(range(len(ids))), list(texts))
write((ids[i], ids[j]) for i, found in enumerate(index.par_bulk_query(list(texts))) for j in found if i < j)
""",
    "text-dedup": _READ
    + _CLUSTERS
    + """
import pickle, subprocess, tempfile
with tempfile.TemporaryDirectory() as folder:
    kept = os.path.join(folder, "kept")
    options = {"path": "json", "data_files": sys.argv[1], "split": "train", "cache_dir": folder, "output": kept,
               "column": "text", "ngram": 5, "num_perm": 128, "threshold": 0.7, "hash_func": "xxh3",
               "num_proc": len(os.sched_getaffinity(0))}
    words = [word for name, value in options.items() for word in ("--" + name, str(value))]
    subprocess.run([sys.executable, "-m", "text_dedup.minhash", *words, "--debug"], check=True)
    with open(os.path.join(kept, "uf.pkl"), "rb") as file:
        clusters = pickle.load(file)
write(inside((clusters.find(number), id) for number, (id, _) in enumerate(read())))
""",
    "datatrove": _READ
    + _CLUSTERS
    + """
import tempfile
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
def main():
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=9)
        source = JsonlReader(os.path.dirname(sys.argv[1]), glob_pattern=os.path.basename(sys.argv[1]))
        out = lambda name: JsonlWriter(at(name), compression=None)
        stages = [
            (1, [source, MinhashDedupSignature(at("signatures"), config=config)]),
            (config.num_buckets, [MinhashDedupBuckets(at("signatures"), at("buckets"), config=config)]),
            (1, [MinhashDedupCluster(at("buckets"), at("removed"), config=config, save_cluster_id=True)]),
            (1, [source, MinhashDedupFilter(at("removed"), out("dropped"), load_cluster_ids=True), out("kept")]),
        ]
        for number, (tasks, pipeline) in enumerate(stages):
            workers = min(tasks, len(os.sched_getaffinity(0)))
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=workers, logging_dir=at(f"logs{number}")).run()
        files = [at(name + "/" + part) for name in ("kept", "dropped") for part in os.listdir(at(name))]
        told = [json.loads(line) for file in files for line in open(file, encoding="utf-8")]
    write(inside((record["metadata"].get("minhash_cluster_id", -1), record["id"]) for record in told))
if __name__ == "__main__":
    main()
""",
    "daft": _READ
    + _BANDS
    + """
import daft
from daft.functions import minhash, regexp_replace
clean = regexp_replace(daft.col("text").lower(), r"\\W+", " ")
sketch = minhash(clean, num_hashes=128, ngram_size=5, hash_function="xxhash")
frame = daft.read_json(sys.argv[1]).select("id", sketch.alias("s"))
table = frame.to_arrow()
signatures = table["s"].combine_chunks().flatten().to_numpy().reshape(-1, 128)
write(link(table["id"].to_pylist(), signatures))
""",
}
# Asked for by name only: they take minutes.
SLOW = ("dedupe run", "text-dedup", "datatrove")


def read_paragraphs(data: Path) -> list[str]:
    """Paragraphs of 150 to 700 characters, cut at blank lines or at the ends of sentences."""
    files = sorted([*data.rglob("*.jsonl"), *data.rglob("*.txt")]) if data.is_dir() else [data]
    paragraphs = []
    for file in files:
        content = file.read_text("utf-8")
        texts = [json.loads(line).get("text", "") for line in content.splitlines()] if file.suffix == ".jsonl" else [content]
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


def vary_paragraph(paragraph: str, vocabulary: list[str], chooser: random.Random) -> str:
    """The paragraph with every fifth word another: articles of one corpus do not share whole passages, unless they quote."""
    words = paragraph.split(" ")
    places = range(chooser.randrange(5), len(words), 5)
    for place, word in zip(places, chooser.choices(vocabulary, k=len(places)), strict=True):
        words[place] = word
    return " ".join(words)


def build_families(paragraphs: list[str], articles: int, seed: int) -> list[Family]:
    """The originals, each with its copies. One original in twenty quotes a paragraph of another one."""
    chooser = random.Random(seed)
    vocabulary = [word for paragraph in paragraphs for word in paragraph.split(" ")]
    families: list[Family] = []
    for number in range(articles * 4 // 5):
        length, original = chooser.randint(2000, 3600), list[str]()
        if number and not chooser.randrange(20):
            original.append(chooser.choice(chooser.choice(families)[0]))
        while sum(map(len, original)) < length:
            original.append(vary_paragraph(chooser.choice(paragraphs), vocabulary, chooser))
        families.append([original])
    for _ in range(articles - len(families)):
        family = chooser.choice(families)
        family.append(edit_copy(chooser.choice(family), chooser))
    return families


def name_version(number: int, version: int) -> str:
    return f"{number:07}-{version}"


def text_of(families: list[Family], id: str) -> str:
    number, version = id.split("-")
    return "\n\n".join(families[int(number)][int(version)])


def write_corpus(families: list[Family], path: Path, seed: int) -> int:
    """Writes the articles in random order; their bytes."""
    places = [(number, version) for number, family in enumerate(families) for version in range(len(family))]
    random.Random(seed).shuffle(places)
    with path.open("w", encoding="utf-8") as out:
        for place in places:
            id = name_version(*place)
            out.write(json.dumps({"id": id, "text": text_of(families, id)}, ensure_ascii=False) + "\n")
    return path.stat().st_size


def jaccard(a: str, b: str) -> float:
    sets = []
    for text in (a, b):
        words = WORD.findall(text.lower())
        sets.append({" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def true_pairs(families: list[Family]) -> set[tuple[str, str]]:
    pairs = (
        (name_version(number, a), name_version(number, b))
        for number, family in enumerate(families)
        for a, b in itertools.combinations(range(len(family)), 2)
    )
    return {(min(a, b), max(a, b)) for a, b in pairs if jaccard(text_of(families, a), text_of(families, b)) >= THRESHOLD}


def anonymous_memory(process: int) -> int:
    """Kilobytes of anonymous memory of a process and all below it, as it is now."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return 0
    own = re.search(r"RssAnon:\s+(\d+)", status)
    return (int(own.group(1)) if own else 0) + sum(anonymous_memory(int(child)) for child in children)


class Cost(NamedTuple):
    """What a whole process took: seconds of wall and of all cores, peak megabytes of anonymous memory."""

    wall: float
    cpu: float
    memory: float


def run_process(command: list[str], cores: set[int]) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        command, preexec_fn=lambda: os.sched_setaffinity(0, cores), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], anonymous_memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, said = process.communicate()
    wall = time.perf_counter() - start
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"failed: {said.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, peak[0] / 1024)


def read_pairs(output: Path) -> Iterator[tuple[str, str]]:
    """The near pairs of a run; identical texts, given as a star round the smallest id, are spread to all their pairs."""
    copies: defaultdict[str, list[str]] = defaultdict(list)
    records = [json.loads(line) for line in (output / "pairs.jsonl").read_text("utf-8").splitlines()]
    records = [record for record in records if record.get("kind", "near") in {"exact", "near"}]
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


def is_installed(tool: str) -> bool:
    package = tool.partition(" ")[0].replace("-", "_")
    return package == "floor" or not subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True).returncode


def compare(
    families: list[Family], tools: list[str], rounds: int, cores: set[int], seed: int, folder: Path
) -> dict[str, float]:
    """Runs the tools in turn and prints a table; the median seconds of cores of each."""
    articles, truth = sum(map(len, families)), true_pairs(families)
    corpus = folder / f"corpus-{articles}.jsonl"
    size = write_corpus(families, corpus, seed) / 1e6
    print(f"\n{articles:,} articles, {size:.1f} MB, {len(truth):,} true pairs, seed {seed}, cores {sorted(cores)}", flush=True)
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    quality = {}
    for turn, tool in itertools.product(range(rounds), tools):
        output = folder / f"{tool}-{articles}-{turn}"
        cost = run_process([sys.executable, "-c", PROGRAMS[tool], str(corpus), str(output)], cores)
        costs[tool].append(cost)
        if tool != "floor" and not turn:
            found = set(read_pairs(output))
            true = sum(
                pair in truth or jaccard(text_of(families, pair[0]), text_of(families, pair[1])) >= THRESHOLD for pair in found
            )
            quality[tool] = true / max(len(found), 1), len(truth & found) / max(len(truth), 1)
        print(f"  round {turn + 1}  {tool:16} {cost.wall:8.2f} s, {cost.cpu:8.2f} s of cores", file=sys.stderr, flush=True)
    corpus.unlink()
    walls, cpus = (
        {tool: statistics.median(getattr(c, part) for c in costs[tool]) for tool in tools} for part in ("wall", "cpu")
    )
    print(
        f"{'tool':16} {'wall s':>8} {'core s':>8} {'articles/s':>10} {'MB/s':>6} {'anon MB':>8} {'precision':>9} {'recall':>7}"
        f"  wall, cores x {tools[0]}"
    )
    for tool in tools:
        precision, recall = (f"{number:.4f}" for number in quality[tool]) if tool in quality else ("", "")
        print(
            f"{tool:16} {walls[tool]:8.2f} {cpus[tool]:8.2f} {articles / walls[tool]:10,.0f} {size / walls[tool]:6.1f}"
            f" {max(cost.memory for cost in costs[tool]):8.0f} {precision:>9} {recall:>7}"
            f"  {walls[tool] / walls[tools[0]]:6.2f} {cpus[tool] / cpus[tools[0]]:6.2f}",
            flush=True,
        )
    return cpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="articles to build the corpus from")
    parser.add_argument("--articles", type=int, nargs="+", default=[20_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, nargs="+", default=[0], help="the cores that each tool may use")
    parser.add_argument("--tools", nargs="+", choices=PROGRAMS, default=["dedupe", *(set(PROGRAMS) - {"dedupe", *SLOW})])
    parser.add_argument("--plot", type=Path, help="an SVG for the scaling curve")
    options = parser.parse_args()
    tools = [tool for tool in options.tools if is_installed(tool)]
    for tool in sorted(set(options.tools) - set(tools)):
        print(f"{tool} is not installed; passed over")
    paragraphs, curve = read_paragraphs(options.data), {}
    with tempfile.TemporaryDirectory() as folder:
        for articles in options.articles:
            families = build_families(paragraphs, articles, options.seed)
            curve[articles] = compare(families, tools, options.rounds, set(options.cores), options.seed, Path(folder))
    if len(curve) > 1:
        print("\nmicroseconds of cores an article")
        print(f"{'articles':>10}  " + "  ".join(f"{tool:>16}" for tool in tools))
        for articles, cpus in curve.items():
            print(f"{articles:10,}  " + "  ".join(f"{cpus[tool] / articles * 1e6:16.1f}" for tool in tools))
    if options.plot:
        curves = {tool: {articles: cpus[tool] for articles, cpus in curve.items()} for tool in tools}
        options.plot.write_text(draw_curves(curves, "articles", "seconds of cores"), "utf-8")


if __name__ == "__main__":
    main()
