"""The stream at size: speed at the start and at the end, bytes, memory, latency, recall and precision, against a batch run.

    python benchmarks/stream.py --data DIR [--articles 50000] [--queries 5000] [--kinds exact,near,spun] [--batch-run]

Articles are put together from the sentences of `DIR/*.jsonl`, each of some 20 sentences drawn at random, so that no two are
versions of each other. They go into a fresh index; then come queries, of which 30 % are copies of articles in the index: as
they are but for case and punctuation, edited (of Jaccard 0.7 at least, computed with plain sets), and spun by
benchmarks/spinner. The last queries go one by one. Repair is off: it costs the same wherever it is done.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "spinner"))

from spin import spin_text
from vocabulary import build_vocabulary, load_entries

from dedupe import Article, FindSettings, RepairSettings, Result, Settings, Stream, find

WORD = re.compile(r"\w+")
VOCABULARY = build_vocabulary(load_entries())
BATCH = 1000
ONE_BY_ONE = 500


def read_sentences(folder: Path) -> list[str]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    found = [s for line in lines for s in re.split(r"(?<=[.!?])\s+", json.loads(line)["text"])]
    return sorted({sentence for sentence in found if 8 <= len(sentence.split()) <= 50})


def compose(number: int, sentences: list[str]) -> str:
    pick = random.Random(number)
    return " ".join(pick.choice(sentences) for _ in range(pick.randint(10, 30)))


def shingle_set(text: str) -> frozenset[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return frozenset(tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4)))


def edit(text: str, pick: random.Random) -> str:
    """The text with words replaced, of Jaccard 0.7 at least."""
    words, original = text.split(), shingle_set(text)
    for _ in range(pick.randint(1, len(words) // 25)):
        changed = [*words]
        changed[pick.randrange(len(words))] = pick.choice(words)
        ours = shingle_set(" ".join(changed))
        if len(ours & original) < 0.7 * len(ours | original):
            break
        words = changed
    return " ".join(words)


def make_queries(articles: int, queries: int, sentences: list[str]) -> Iterator[tuple[Article, str, str]]:
    """Query, what it is ("new", "exact", "near", "spun"), and the id of its original."""
    pick = random.Random(7)
    for n in range(queries):
        id, original = f"q{n:07}", pick.randrange(articles)
        what = pick.choice(["exact", "near", "spun"]) if pick.random() < 0.3 else "new"
        text = compose(original, sentences) if what != "new" else compose(articles + n, sentences)
        if what == "exact":
            text = text.upper() + " !"
        elif what == "near":
            text = edit(text, pick)
        elif what == "spun":
            text = spin_text(text, VOCABULARY, 0.3, pick)[0]
        yield Article(id, text), what, f"a{original:07}" if what != "new" else ""


def memory(name: str) -> float:
    """A number of /proc/self/status in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def take_in(stream: Stream, options: argparse.Namespace, sentences: list[str]) -> list[Result]:
    results, speeds = list[Result](), list[float]()
    for low in range(0, options.articles, BATCH):
        batch = [Article(f"a{n:07}", compose(n, sentences)) for n in range(low, min(low + BATCH, options.articles))]
        start = time.perf_counter()
        results += [replace(result, article=Article(result.article.id, "")) for result in stream.process_batch(batch)]
        speeds.append(len(batch) / (time.perf_counter() - start))
    tenth = max(1, len(speeds) // 10)
    first, last = (sorted(some)[len(some) // 2] for some in (speeds[:tenth], speeds[-tenth:]))
    print(
        f"{options.articles:,} articles taken in; articles/s {first:.0f} in the first tenth of batches, {last:.0f} in the last"
    )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with articles in *.jsonl")
    parser.add_argument("--articles", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--kinds", default="exact,near,spun")
    parser.add_argument("--batch-run", action="store_true", help="compare the pairs with those of a batch run on the same")
    options = parser.parse_args()
    sentences = read_sentences(options.data)
    kinds = tuple(options.kinds.split(","))
    settings = Settings(find=FindSettings(kinds=kinds), repair=RepairSettings(enabled=False))
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(settings, f"sqlite:{folder}/index.db")
        began = memory("RssAnon")
        results = take_in(stream, options, sentences)
        with stream.index.transaction():
            stats = stream.index.stats()
        print(
            f"index: {stats.size:,} bytes, {stats.size // stats.texts:,} an article, {stats.runs} runs,"
            f" {stats.hot_buckets} full buckets"
        )
        print(
            f"anonymous memory: {began:.0f} MB before, {memory('RssAnon'):.0f} MB after; most resident {memory('VmHWM'):.0f} MB"
        )
        print(f"false duplicates among the articles taken in: {sum(r.status == 'duplicate' for r in results):,}")
        queries = list(make_queries(options.articles, options.queries, sentences))
        answers, latencies = list[Result](), list[float]()
        in_batches = max(0, len(queries) - ONE_BY_ONE)
        start = time.perf_counter()
        for low in range(0, in_batches, BATCH):
            answers += stream.process_batch([query for query, _, _ in queries[low : min(low + BATCH, in_batches)]])
        print(f"queries in batches: {in_batches / (time.perf_counter() - start):.0f} articles/s")
        for query, _, _ in queries[in_batches:]:
            start = time.perf_counter()
            answers.append(stream.process(query))
            latencies.append(1000 * (time.perf_counter() - start))
        latencies.sort()
        print(f"one by one: p50 {latencies[len(latencies) // 2]:.0f} ms, p99 {latencies[int(len(latencies) * 0.99)]:.0f} ms")
        wanted, hit, wrong = Counter[str](), Counter[str](), 0
        for (_, what, original), answer in zip(queries, answers, strict=True):
            wanted[what] += 1
            hit[what] += answer.dup_of == original
            wrong += answer.status == "duplicate" and answer.dup_of != original
        for what in ("exact", "near", "spun"):
            print(f"recall {what}: {hit[what]:,} of {wanted[what]:,}")
        duplicates = sum(answer.status == "duplicate" for answer in answers)
        print(f"precision: {duplicates - wrong:,} of {duplicates:,}")
        stream.close()
        if options.batch_run:
            path = Path(folder) / "all.jsonl"
            with path.open("w") as file:
                texts = [(f"a{n:07}", compose(n, sentences)) for n in range(options.articles)]
                for id, text in (*texts, *((query.id, query.text) for query, _, _ in queries)):
                    file.write(json.dumps({"id": id, "text": text}) + "\n")
            start = time.perf_counter()
            batch = {(p.a, p.b, p.kind, p.jaccard, p.despun) for p in find([path], settings).found.pairs}
            ours = {(p.a, p.b, p.kind, p.jaccard, p.despun) for r in [*results, *answers] for p in r.related}
            print(
                f"a batch run finds {len(batch):,} pairs in {time.perf_counter() - start:.0f} s; the stream found {len(ours):,}"
            )
            print(f"only in the batch run {len(batch - ours):,}, only in the stream {len(ours - batch):,}")


if __name__ == "__main__":
    main()
