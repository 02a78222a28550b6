"""The stream at size: speed at the start and at the end, bytes, memory, latency, recall and precision, against a batch run.

    python benchmarks/stream.py --data DIR [--articles 50000] [--queries 5000] [--words 200-600] [--batch 1000]
        [--kinds exact,near,spun] [--batch-run] [--folder DIR]

Articles are walks over the words of the texts in `DIR/*.jsonl`: each word is followed by one that follows it somewhere there.
So they share words and phrases as articles do, and however many there are, no two are versions of each other. They go into a
fresh index; then come queries, of which 30 % are copies of articles in the index: as they are but for case and punctuation,
edited (of Jaccard 0.7 at least, computed with plain sets), and spun by benchmarks/spinner. The last queries go one by one.
Repair is off: it costs the same wherever it is done. Beside the time by the clock stands that of the processor, which a busy
machine does not falsify.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent / "spinner"))

from spin import spin_text
from vocabulary import build_vocabulary, load_entries

from dedupe import Article, FindSettings, RepairSettings, Result, Settings, Stream, find

WORD = re.compile(r"\w+")
VOCABULARY = build_vocabulary(load_entries())
ONE_BY_ONE = 500
Told = tuple[str, str, str, float, float | None]  # a pair


class Composer:
    """Makes the articles: the same number is always the same article."""

    def __init__(self, folder: Path, length: str) -> None:
        self._low, self._high = map(int, length.split("-"))
        followers: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text("utf-8").splitlines():
                words = json.loads(line)["text"].split()
                for word, following in itertools.pairwise([*words, words[0]]):
                    followers[word].append(following)
        self._followers, self._words = dict(followers), sorted(followers)

    def compose(self, number: int) -> str:
        pick = random.Random(number)
        words = [pick.choice(self._words)]
        for _ in range(pick.randint(self._low, self._high)):
            following = self._followers[words[-1]]
            words.append(following[int(pick.random() * len(following))])
        return " ".join(words)


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


def make_queries(articles: int, queries: int, composer: Composer) -> Iterator[tuple[Article, str, str]]:
    """Query, what it is ("new", "exact", "near", "spun"), and the id of its original."""
    pick = random.Random(7)
    for n in range(queries):
        id, original = f"q{n:07}", pick.randrange(articles)
        what = pick.choice(["exact", "near", "spun"]) if pick.random() < 0.3 else "new"
        text = composer.compose(original if what != "new" else articles + n)
        if what == "exact":
            text = text.upper() + " !"
        elif what == "near":
            text = edit(text, pick)
        elif what == "spun":
            text = spin_text(text, VOCABULARY, 0.3, pick)[0]
        yield Article(id, text), what, f"a{original:07}" if what != "new" else ""


def pairs_of(results: Sequence[Result]) -> Iterator[Told]:
    return ((p.a, p.b, p.kind, p.jaccard, p.despun) for result in results for p in result.related)


class Watch:
    """How long something took, in seconds: by the clock, and of the processor."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._start[0], time.process_time() - self._start[1]


def memory(name: str) -> float:
    """A number of /proc/self/status in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def take_in(stream: Stream, options: argparse.Namespace, composer: Composer) -> set[Told]:
    """The pairs found among the articles on their way into the index."""
    pairs, seconds, duplicates = set[Told](), list[tuple[float, float]](), 0
    tenth = max(1, options.articles // options.batch // 10)
    for low in range(0, options.articles, options.batch):
        numbers = range(low, min(low + options.batch, options.articles))
        batch = [Article(f"a{n:07}", composer.compose(n)) for n in numbers]
        watch = Watch()
        results = stream.process_batch(batch)
        seconds.append(watch.read())
        pairs.update(pairs_of(results))
        duplicates += sum(result.status == "duplicate" for result in results)
        if len(seconds) % tenth == 0:
            clock, processor = (options.batch * tenth / sum(some) for some in zip(*seconds[-tenth:], strict=True))
            print(f"{numbers.stop:,} in the index: {clock:.0f} articles/s, {processor:.0f} per processor second", flush=True)
    print(f"false duplicates among the articles taken in: {duplicates:,}", flush=True)
    return pairs


def ask(stream: Stream, options: argparse.Namespace, composer: Composer) -> set[Told]:
    """The pairs found by the queries."""
    pairs, latencies, seconds, asked = set[Told](), list[tuple[float, float]](), [0.0, 0.0], 0
    wanted, hit, duplicates, wrong = Counter[str](), Counter[str](), 0, 0
    queries = make_queries(options.articles, options.queries, composer)
    in_batches = max(0, options.queries - ONE_BY_ONE)
    while some := list(itertools.islice(queries, max(1, min(options.batch, in_batches - asked)))):
        watch = Watch()
        answers = stream.process_batch([query for query, _, _ in some])
        taken = watch.read()
        if asked < in_batches:
            seconds = [a + b for a, b in zip(seconds, taken, strict=True)]
        else:
            latencies.append(taken)
        asked += len(some)
        pairs.update(pairs_of(answers))
        for (_, what, original), answer in zip(some, answers, strict=True):
            wanted[what] += 1
            hit[what] += answer.dup_of == original
            duplicates += answer.status == "duplicate"
            wrong += answer.status == "duplicate" and answer.dup_of != original
    clock, processor = (in_batches / some for some in seconds)
    print(f"queries in batches: {clock:.0f} articles/s, {processor:.0f} per processor second")
    for what, some in zip(("by the clock", "of the processor"), zip(*latencies, strict=True), strict=True):
        ordered = sorted(1000 * taken for taken in some)
        print(f"one by one: p50 {median(ordered):.1f} ms, p99 {ordered[int(len(ordered) * 0.99)]:.1f} ms {what}")
    for what in ("exact", "near", "spun"):
        print(f"recall {what}: {hit[what]:,} of {wanted[what]:,}")
    print(f"precision: {duplicates - wrong:,} of {duplicates:,}", flush=True)
    return pairs


def compare(folder: Path, options: argparse.Namespace, settings: Settings, composer: Composer, ours: set[Told]) -> None:
    """Print how the pairs of the stream differ from those of a batch run over the same articles."""
    path = folder / "all.jsonl"
    with path.open("w") as file:
        for n in range(options.articles):
            file.write(json.dumps({"id": f"a{n:07}", "text": composer.compose(n)}) + "\n")
        for query, _, _ in make_queries(options.articles, options.queries, composer):
            file.write(json.dumps({"id": query.id, "text": query.text}) + "\n")
    start = time.perf_counter()
    batch = {(p.a, p.b, p.kind, p.jaccard, p.despun) for p in find([path], settings).found.pairs}
    print(f"a batch run finds {len(batch):,} pairs in {time.perf_counter() - start:.0f} s; the stream found {len(ours):,}")
    print(f"only in the batch run {len(batch - ours):,}, only in the stream {len(ours - batch):,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with articles in *.jsonl")
    parser.add_argument("--articles", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--words", default="200-600", help="of an article, from and to")
    parser.add_argument("--batch", type=int, default=1000, help="articles of a batch")
    parser.add_argument("--kinds", default="exact,near,spun")
    parser.add_argument("--batch-run", action="store_true", help="compare the pairs with those of a batch run on the same")
    parser.add_argument("--folder", type=Path, help="where the index is made, and removed again")
    options = parser.parse_args()
    composer = Composer(options.data, options.words)
    kinds = tuple(options.kinds.split(","))
    settings = Settings(find=FindSettings(kinds=kinds), repair=RepairSettings(enabled=False))
    words = [len(composer.compose(n).split()) for n in range(min(1000, options.articles))]
    print(f"{options.articles:,} articles of {sum(words) / len(words):.0f} words, {options.queries:,} queries", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        with Stream(settings, f"sqlite:{folder}/index.db") as stream:
            began = memory("RssAnon")
            pairs = take_in(stream, options, composer)
            with stream.index.transaction():
                stats = stream.index.stats()
            size = f"{stats.size:,} bytes, {stats.size // stats.texts:,} an article"
            print(f"index: {size}, {stats.runs} runs, {stats.hot_buckets} full buckets")
            after, most = memory("RssAnon"), memory("VmHWM")
            print(f"anonymous memory: {began:.0f} MB before, {after:.0f} MB after; most resident {most:.0f} MB", flush=True)
            pairs |= ask(stream, options, composer)
        if options.batch_run:
            compare(Path(folder), options, settings, composer, pairs)


if __name__ == "__main__":
    main()
