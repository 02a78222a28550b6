"""How well spun copies are found, and what else is taken for one.

    python benchmarks/spun_copies.py --data DIR [--unrelated 30000] [--hold-out 0.2]
        [--only recall,clusters,stream,real,made,cost]

DIR holds clean articles in *.jsonl (id, text) and, in *.txt, independent reports of one event. Printed are

  recall    copies by benchmarks/spinner, with a share of its word types taken out of the classes (and the share of the changed
            words that the classes then do not know): original and copy, two copies of one original, and each with a copy that
            is cut to 60 % or wrapped in as many words of another article. A pair counts as found if it is reported as spun, or
            as near when the two are that close. Spun pairs of different originals are listed if these have little in common
  clusters  whether an original and its two copies end in one cluster, and whether the clean one survives
  stream    whether `dedupe stream` finds the spun pairs of a batch run: original, two copies, one of them cut, and wrapped
  real      all pairs of the articles of DIR and of seeds/ as they are: but for the spun copies of seeds/ nothing was spun, so
            every other spun pair is a false link. Joint releases, templates and reports of one event are among them
  made      articles made of sentences of all articles, none used twice, so that no two share any text (as many as that gives);
            then as many as wanted, of sentences joined from halves of two: each half comes back in some ten articles, so that
            two of them share a few words more than unrelated articles do. Neither has the inner coherence of real articles
  cost      the time of `find` with and without the kind, on 20,000 articles made in the second way
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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent / "spinner"))
from spin import Row, spin_text
from vocabulary import HERE, Entry, Vocabulary, build_vocabulary, hold_out, inflect, load_entries

from dedupe.config import FindSettings, RepairSettings, Settings
from dedupe.detect.find import Found, find_pairs
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier
from dedupe.findings import find
from dedupe.ingest.stream import Stream
from dedupe.model import Article, Pair
from dedupe.text.classes import ClassMap
from dedupe.text.lexicon import load_classes

SEEDS = Path(__file__).resolve().parent.parent / "seeds" / "corpus"
KINDS = ("exact", "near", "spun")
DEFAULTS = FindSettings(kinds=KINDS)
BANDS = ((0.15, 0.20, (0.17, 0.19, 0.21)), (0.30, 0.40, (0.36, 0.42, 0.5)))  # share changed: from, to, and what to ask for
SHORTEST = 60  # words
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")


class Copy(NamedTuple):
    """A spun copy and what was changed in it."""

    text: str
    rows: list[Row]
    share: float


def read_articles(folder: Path) -> dict[str, str]:
    """The texts of every JSONL record and text file of a folder, by id."""
    texts = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                record = json.loads(line)
                texts[str(record.get("id", f"{path.stem}-{number}"))] = record["text"]
    for path in sorted(folder.glob("*.txt")):
        texts[f"{folder.name}/{path.name}"] = path.read_text("utf-8")
    return texts


def hold_out_classes(classes: ClassMap, held: Iterable[Entry]) -> ClassMap:
    """The classes without any form of the held-out types."""
    irregulars = {}
    for line in (HERE / "irregular.tsv").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            part, _, words = line.partition("\t")
            irregulars[part, words.split()[0]] = tuple(words.split())
    gone = {_normal(form) for entry in held for form in inflect(entry.original, entry.part, irregulars)}
    kept = [tuple(form for form in forms if form not in gone) for forms in classes.classes]
    dropped = tuple(form for form in classes.dropped if form not in gone or " " not in form)
    return ClassMap(tuple(forms for forms in kept if len(forms) > 1), dropped, classes.replacements)


def _normal(phrase: str) -> str:
    return " ".join(re.findall(r"\w+", phrase.lower()))


def share_unknown(rows: Sequence[Row], classes: ClassMap) -> tuple[float, float]:
    """The share of the changed words that read as another class than before, and the share that is dropped before and after."""
    read = _Reader(classes)
    words = unknown = function = 0
    for row in rows:
        before, after, count = read(row.original), read(row.spun), len(row.original.split())
        words += count
        unknown += count * (before != after)
        function += count * (not before and not after)
    return unknown / words, function / words


class _Reader:
    """A phrase as its classes, worked out apart from the package: a form as it stands, else word by word."""

    def __init__(self, classes: ClassMap) -> None:
        self.of = {form: (forms[0],) for forms in classes.classes for form in forms}
        self.of |= dict.fromkeys(classes.dropped, ())

    def __call__(self, phrase: str) -> tuple[str, ...]:
        normal = _normal(phrase)
        if normal in self.of:
            return self.of[normal]
        return tuple(name for word in normal.split() for name in self.of.get(word, (word,)))


def spin_within(text: str, vocabulary: Vocabulary, low: float, high: float, asks: Sequence[float], seed: str) -> Copy | None:
    """A spun copy with a share of the words changed between the two bounds; None if the text does not allow it."""
    for ask in asks:
        spun, rows = spin_text(text, vocabulary, ask, random.Random(f"{seed}:{ask}"))
        share = sum(len(row.original.split()) for row in rows) / max(1, len(_WORD.findall(text)))
        if low <= share <= high:
            return Copy(spun, rows, share)
    return None


def relate_texts(
    texts: dict[str, str], classes: ClassMap, settings: FindSettings = DEFAULTS
) -> tuple[Found, dict[tuple[str, str], Pair], float]:
    """What is found among the texts, the pairs by ids, and the seconds it took."""
    ids = list(texts)
    start = time.perf_counter()
    profiles = profile_texts(texts.values(), settings, classes)
    found = find_pairs(profiles, ids, Verifier(profiles, ids, settings), settings)
    return found, {(pair.a, pair.b): pair for pair in found.pairs}, time.perf_counter() - start


def report_recall(articles: dict[str, str], classes: ClassMap, fraction: float, seed: int) -> None:
    """Prints recall by share of words changed, with types held out."""
    entries = load_entries()
    vocabulary = build_vocabulary(entries)
    _, held = hold_out(entries, fraction, random.Random(seed))
    reduced = hold_out_classes(classes, held)
    forms = [sum(map(len, some.classes)) for some in (classes, reduced)]
    print(f"recall: {fraction:.0%} of the simulator's types held out, with them {forms[0] - forms[1]:,} of {forms[0]:,} forms")
    plain, _, _ = relate_texts(articles, reduced, FindSettings(kinds=KINDS[:2], near=0.3))
    alike = {(pair.a, pair.b) for pair in plain.pairs}
    for low, high, asks in BANDS:
        texts: dict[str, str] = {}
        copies: list[Copy] = []
        for id, text in articles.items():
            pair = [spin_within(text, vocabulary, low, high, asks, f"{seed}:{n}:{id}") for n in range(2)]
            if len(text.split()) >= SHORTEST and pair[0] and pair[1]:
                copies += [copy for copy in pair if copy]
                texts |= {f"{id}#0": text, f"{id}#1": pair[0].text, f"{id}#2": pair[1].text}
        originals = [id[:-2] for id in texts if id.endswith("#0")]
        unknown, function = share_unknown([row for copy in copies for row in copy.rows], reduced)
        print(
            f"  {low:.0%}-{high:.0%} changed (mean {sum(copy.share for copy in copies) / len(copies):.3f}), {len(originals):,}"
            f" originals; of the changed words {unknown:.3f} unknown to the classes, {function:.3f} mere function words"
        )
        found, pairs, seconds = relate_texts(texts, reduced)
        print_recall(pairs, originals, (("original, copy", "#0", "#1"), ("copy, copy", "#1", "#2")))
        false = [p for p in found.pairs if p.kind == "spun" and p.a[:-2] != p.b[:-2] and (p.a[:-2], p.b[:-2]) not in alike]
        print(
            f"    across originals that are no versions of one text: {len(false)}"
            f" ({found.candidates:,} candidates, {seconds:.1f} s)"
        )
        for p in false[:10]:
            print(f"      {describe(p)}")
        damaged = dict(zip(originals, damage([texts[f"{id}#2"] for id in originals]), strict=True))
        for n, name in enumerate(("cut", "wrapped")):
            part = {id: text for id, text in texts.items() if not id.endswith("#2")}
            _, pairs, _ = relate_texts(part | {f"{id}#2": damaged[id][n] for id in originals}, reduced)
            print_recall(pairs, originals, ((f"original, {name}", "#0", "#2"), (f"copy, {name}", "#1", "#2")))


def print_recall(pairs: Mapping[tuple[str, str], Pair], originals: list[str], ends: Sequence[tuple[str, str, str]]) -> None:
    """Prints the share of originals whose versions with the two endings are linked, and as what."""
    for name, a, b in ends:
        kinds = Counter(pair.kind if (pair := pairs.get((id + a, id + b))) else "missed" for id in originals)
        print(f"    {name:18} recall {1 - kinds['missed'] / len(originals):.4f}   {dict(sorted(kinds.items()))}")


def report_stream(articles: dict[str, str], seed: int) -> None:
    """Prints how many of the spun pairs of a batch run a stream finds over the same articles."""
    vocabulary = build_vocabulary(load_entries())
    settings = Settings(find=DEFAULTS, repair=RepairSettings(enabled=False))
    for low, high, asks in BANDS:
        versions = {}
        for id, text in articles.items():
            one, other = (spin_within(text, vocabulary, low, high, asks, f"{seed}:{n}:{id}") for n in range(2))
            if len(text.split()) >= SHORTEST and one and other:
                versions[id] = (text, one.text, other.text)
        damaged = damage([other for _, _, other in versions.values()])
        rows = [(id, (*texts, *more)) for (id, texts), more in zip(versions.items(), damaged, strict=True)]
        records = [{"id": f"{n}#{id}", "text": texts[n]} for n in range(5) for id, texts in rows]
        related = list[Pair]()
        with tempfile.TemporaryDirectory() as name:
            batch = find([write_records(Path(name), records)], settings).found.pairs
            with Stream(settings, f"sqlite:{name}/index.db") as stream:
                waiting = (Article(record["id"], record["text"]) for record in records)
                while some := list(itertools.islice(waiting, 500)):
                    related += [pair for result in stream.process_batch(some) for pair in result.related]
        wanted, told = ({(pair.a, pair.b) for pair in pairs if pair.kind == "spun"} for pairs in (batch, related))
        print(
            f"stream: {low:.0%}-{high:.0%} changed, {len(records):,} texts: {len(wanted):,} spun pairs in a batch run,"
            f" {len(told):,} in the stream; {len(wanted - told)} in the first only, {len(told - wanted)} in the second"
        )


def damage(texts: list[str]) -> Iterator[tuple[str, str]]:
    """Each text cut to 60 %, and wrapped in as many words of the next."""
    for text, other in zip(texts, texts[1:] + texts[:1], strict=True):
        words = text.split()
        around = (other.split() * (1 + len(words) // max(1, len(other.split()))))[: len(words)]
        half = len(around) // 2
        yield " ".join(words[: len(words) * 3 // 5]), " ".join((*around[:half], text, *around[half:]))


def report_clusters(articles: dict[str, str], number: int, seed: int) -> None:
    """Prints in how many cases an original and two copies end in one cluster, the clean one surviving."""
    vocabulary = build_vocabulary(load_entries())
    for low, high, asks in BANDS:
        records, ids = list[dict[str, str]](), list[str]()
        for id in random.Random(seed).sample(sorted(articles), min(number, len(articles))):
            pair = [spin_within(articles[id], vocabulary, low, high, asks, f"{seed}:{n}:{id}") for n in range(2)]
            if len(articles[id].split()) >= SHORTEST and pair[0] and pair[1]:
                ids.append(id)
                versions = (articles[id], pair[0].text, pair[1].text)
                records += [{"id": f"{id}#{n}", "text": text} for n, text in enumerate(versions)]
        with tempfile.TemporaryDirectory() as folder:
            relations = find([write_records(Path(folder), records)], Settings(find=FindSettings(kinds=KINDS)))
        home = {member: cluster for cluster in relations.clustering.clusters for member in cluster.members}
        together = [
            id for id in ids if all(f"{id}#{n}" in home and home[f"{id}#{n}"] is home.get(f"{id}#0") for n in (0, 1, 2))
        ]
        clean = [id for id in together if home[f"{id}#0"].canonical.endswith("#0")]
        print(
            f"clusters: {low:.0%}-{high:.0%} changed, {len(ids)} originals: {len(together) / len(ids):.3f} with both copies"
            f" in one cluster, {len(clean) / len(together):.3f} of these keep a clean text"
        )


def write_records(folder: Path, records: Iterable[dict[str, str]]) -> Path:
    """The path of a JSONL file with the records."""
    path = folder / "articles.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def report_real(articles: dict[str, str], classes: ClassMap) -> None:
    """Prints every spun pair among real articles and the sample corpus, and how the spun copies of the latter fare."""
    texts = articles | {f"seeds/{path.name}": path.read_text("utf-8") for path in sorted(SEEDS.glob("*.txt"))}
    found, _, seconds = relate_texts(texts, classes)
    spun = [pair for pair in found.pairs if pair.kind == "spun"]
    true = [pair for pair in spun if _story(pair.a) and _story(pair.a) == _story(pair.b) and "-spun-" in pair.a + pair.b]
    all_pairs = len(texts) * (len(texts) - 1) // 2
    print(f"real: {len(texts):,} articles, {all_pairs:,} pairs, {found.candidates:,} candidates, {seconds:.1f} s")
    print(f"  spun pairs: {len(true)} between versions of one text of seeds/, {len(spun) - len(true)} false")
    for pair in [pair for pair in spun if pair not in true][:20]:
        print(f"    {describe(pair)}")


def _story(id: str) -> str:
    name = id.removeprefix("seeds/")
    return "" if name == id or "independent" in name or "nextweek" in name else name.split("-")[0]


def report_made(articles: dict[str, str], classes: ClassMap, number: int, seed: int) -> None:
    """Prints the spun pairs among made-up articles."""
    sentences = split_sentences(articles)
    for name, texts in (
        ("of sentences, none used twice", chunk(random.Random(seed).sample(sentences, len(sentences)), 10)),
        ("of halves of sentences", make_articles(sentences, number, random.Random(seed))),
    ):
        found, _, seconds = relate_texts({f"{n:06}": text for n, text in enumerate(texts)}, classes)
        kinds = dict(Counter(pair.kind for pair in found.pairs))
        words = sum(len(text.split()) for text in texts) / len(texts)
        size = f"{len(texts):,} of {words:.0f} words"
        print(f"made {name}: {size}, {found.candidates:,} candidates, {seconds:.1f} s: {kinds or 'no pair'}")
        for pair in found.pairs[:10]:
            print(f"    {pair.kind} {describe(pair)}")


def split_sentences(articles: dict[str, str]) -> list[str]:
    """The different sentences of 6 to 60 words."""
    parts = (part for text in articles.values() for part in re.split(r"(?<=[.?!])\s+(?=[A-Z“\"])|\n+", text))
    return sorted({" ".join(part.split()) for part in parts if 6 <= len(part.split()) <= 60})


def make_articles(sentences: list[str], number: int, rng: random.Random) -> list[str]:
    """Articles of ten sentences, each the beginning of one sentence and the end of another; all are used equally often."""
    halves = [(words[: len(words) // 2], words[len(words) // 2 :]) for words in map(str.split, sentences)]
    made: list[str] = []
    while len(made) < 10 * number:
        ends = rng.sample(halves, len(halves))
        made += [" ".join(a[0] + b[1]) for a, b in zip(rng.sample(halves, len(halves)), ends, strict=True)]
    return chunk(made[: 10 * number], 10)


def chunk(sentences: list[str], size: int) -> list[str]:
    """The sentences in texts of `size` each."""
    return [" ".join(sentences[start : start + size]) for start in range(0, len(sentences), size)]


def describe(pair: Pair) -> str:
    """A pair with its numbers."""
    return f"{pair.a} {pair.b} jaccard {pair.jaccard:.3f} containment {pair.containment:.3f} despun {pair.despun or 0:.3f}"


def report_cost(articles: dict[str, str], number: int, seed: int) -> None:
    """Prints the time of `find` with and without the kind."""
    texts = make_articles(split_sentences(articles), number, random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        path = write_records(Path(folder), ({"id": f"{n:06}", "text": text} for n, text in enumerate(texts)))
        seconds: dict[tuple[str, ...], list[float]] = {KINDS[:2]: [], KINDS: []}
        for kinds in [*seconds] * 3:
            start = time.perf_counter()
            find([path], Settings(find=FindSettings(kinds=kinds)))
            seconds[kinds].append(time.perf_counter() - start)
    plain, both = (sorted(times)[1] for times in seconds.values())
    print(
        f"cost: {number:,} articles, exact,near {plain:.1f} s, with spun {both:.1f} s: {both / plain:.2f} times (medians of 3)"
    )


def main() -> None:
    """Parses the command line and prints the reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, action="append", help="folder of clean articles; repeatable")
    parser.add_argument("--unrelated", type=int, default=30_000)
    parser.add_argument("--hold-out", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="recall,clusters,stream,real,made,cost")
    arguments = parser.parse_args()
    articles = {id: text for folder in arguments.data for id, text in read_articles(folder).items()}
    classes = load_classes()
    only = arguments.only.split(",")
    if "recall" in only:
        report_recall(articles, classes, arguments.hold_out, arguments.seed)
    if "clusters" in only:
        report_clusters(articles, 300, arguments.seed)
    if "stream" in only:
        report_stream(articles, arguments.seed)
    if "real" in only:
        report_real(articles, classes)
    if "made" in only:
        report_made(articles, classes, arguments.unrelated, arguments.seed)
    if "cost" in only:
        report_cost(articles, 20_000, arguments.seed)


if __name__ == "__main__":
    main()
