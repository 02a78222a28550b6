"""Measure what is found by shared passages: bodies in pages, and planted runs of words; and that overlap never merges.

    python benchmarks/passages.py --data DIR [--pages 2000] [--planted 10000] [--seed 1]

*Pages*: each article of `DIR/*.jsonl` once as it is and once as a page of one of 40 invented sites, with that site's menu,
cookie line, newsletter box and footer and with headlines of other stories, some of it between the article's paragraphs:
10 to 60 % of the page's words. The pair must be found (contained, or near where little was added), and the article,
not the page, should survive. *Alone* is the same with furniture that no other page has.

*Planted*: pairs of unrelated texts of random words, 60 to 20,000 words long, that share one run of 40 to 200 words, set in
other case and punctuation. The pair must be found, with a passage that covers the run in both texts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from dedupe.config import FindSettings, Settings
from dedupe.findings import find
from dedupe.model import Pair
from dedupe.relate import Relations

SITES = 40


def read_texts(folder: Path) -> list[str]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    texts = [json.loads(line)["text"].strip() for line in lines]
    distinct = {" ".join(re.findall(r"\w+", text.lower())): text for text in texts}
    return [text for text in distinct.values() if len(text.split()) >= 100]


class Words:
    """Random words with the frequencies of a language: a few are most of all text."""

    def __init__(self, chooser: random.Random, size: int = 20_000) -> None:
        syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "an", "er", "ist", "on")]
        words = {"".join(chooser.choices(syllables, k=chooser.randint(1, 4))) for _ in range(size)}
        self._words = sorted(words)
        self._weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(self._words))))
        self._chooser = chooser

    def draw(self, count: int) -> list[str]:
        return self._chooser.choices(self._words, cum_weights=self._weights, k=count)

    def sentence(self, count: int) -> str:
        return " ".join(self.draw(count)).capitalize() + "."


class Site:
    """The furniture of a site: the same on every page, but for the headlines of other stories."""

    def __init__(self, words: Words, chooser: random.Random) -> None:
        self._words, self._chooser = words, chooser
        self._top = [" ".join(words.draw(chooser.randint(1, 3))).title() for _ in range(12)]
        self._boxes = [words.sentence(chooser.randint(12, 40)) for _ in range(40)]

    def wrap(self, body: str, share: float) -> str:
        """The body in a page of which furniture is about `share` of the words."""
        wanted = int(len(body.split()) * share / (1 - share))
        top, bottom, boxes = [], [], iter(self._boxes)
        while (added := sum(len(line.split()) for line in (*top, *bottom))) < wanted:
            kind = self._chooser.random()
            if kind < 0.2:
                line = " ".join(self._words.draw(self._chooser.randint(6, 12))).capitalize()  # another story
            else:
                line = next(boxes, "") or self._words.sentence(30)
            line = " ".join(line.split()[: wanted - added])
            (top if self._chooser.random() < 0.4 else bottom).append(line)
        paragraphs = [part for part in body.split("\n") if part.strip()]
        if len(paragraphs) > 3 and bottom:
            paragraphs.insert(len(paragraphs) // 2, bottom.pop())
        return "\n".join([" | ".join(self._top[: wanted // 8]), *top, *paragraphs, *bottom])


def find_all(records: list[dict[str, str]], **settings: object) -> tuple[Relations, float]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        start = time.perf_counter()
        relations = find([path], Settings(find=FindSettings(**settings)))  # type: ignore[arg-type]
        return relations, time.perf_counter() - start


def measure_pages(texts: list[str], count: int, chooser: random.Random, alone: bool) -> None:
    words = Words(chooser)
    sites = [Site(words, chooser) for _ in range(count if alone else SITES)]
    records, shares = [], {}
    for number in range(count):
        body, share = texts[number % len(texts)], 0.1 + 0.5 * number / count
        if number >= len(texts):  # not the same body twice: only the first or the last part of it
            half = body.find(" ", len(body) // 2)
            body = body[:half] if number // len(texts) == 1 else body[half:]
        site = number if alone else chooser.randrange(SITES)
        records.append({"id": f"{number:05}-body", "text": body, "source": ""})
        records.append({"id": f"{number:05}-page", "text": sites[site].wrap(body, share), "source": f"site{site}"})
        shares[f"{number:05}"] = share
    chooser.shuffle(records)
    relations, seconds = find_all(records)
    kinds = {(pair.a, pair.b): pair.kind for pair in relations.found.pairs}
    canonical = {member: c.canonical for c in relations.clustering.clusters for member in c.members}
    found, kept, total = Counter[int](), Counter[int](), Counter[int]()
    for name, share in shares.items():
        band = int(share * 10)
        total[band] += 1
        found[band] += kinds.get((f"{name}-body", f"{name}-page")) in {"contained", "near", "exact"}
        kept[band] += canonical.get(f"{name}-page", "").endswith("-body")
    print(
        f"pages, {'furniture of their own' if alone else f'{SITES} sites'}: {len(records):,} texts in {seconds:.1f} s,", end=" "
    )
    print(f"{len(relations.boilerplate)} passages of boilerplate, pairs {count_kinds(relations)}")
    for band in sorted(total):
        print(f"  {band * 10}-{band * 10 + 10} % furniture: recall {found[band]}/{total[band]}", end=" ")
        print(f"= {found[band] / total[band]:.4f}, the body survives in {kept[band] / total[band]:.3f}")
    print(f"  all: recall {sum(found.values()) / count:.4f}, the body survives in {sum(kept.values()) / count:.3f}")


def count_kinds(relations: Relations) -> dict[str, int]:
    return dict(sorted(Counter(pair.kind for pair in relations.found.pairs).items()))


def measure_planted(count: int, chooser: random.Random) -> None:
    words = Words(chooser)
    records, planted = [], {}
    for number in range(count):
        run = words.draw(chooser.choice((40, 41, 45, 60, 90, 200)))
        for side in "ab":
            lengths = [chooser.randint(30, 400), chooser.randint(30, 400)]
            if chooser.random() < 0.01:
                lengths[chooser.randrange(2)] = chooser.randint(5_000, 20_000)
            before, after = (words.draw(length) for length in lengths)
            shown = run if side == "a" else [disguise(word, chooser) for word in run]
            parts = [" ".join(part) for part in (before, shown, after)]
            id = f"{number:05}-{side}"
            records.append({"id": id, "text": " ".join(parts)})
            planted[id] = (len(parts[0]) + 1, len(parts[0]) + 1 + len(parts[1]), len(run))
    chooser.shuffle(records)
    relations, seconds = find_all(records)
    pairs = {(pair.a, pair.b): pair for pair in relations.found.pairs}
    missed: defaultdict[int, int] = defaultdict(int)
    for number in range(count):
        a, b = f"{number:05}-a", f"{number:05}-b"
        missed[planted[a][2]] += not covers(pairs.get((a, b)), planted[a], planted[b])
    false = sum(pair.a[:5] != pair.b[:5] for pair in relations.found.pairs)
    merged = sum(len(cluster.members) - 1 for cluster in relations.clustering.clusters)
    print(f"planted: {count:,} runs in {len(records):,} texts, {seconds:.1f} s; missed {sum(missed.values())}", end=" ")
    print(f"(by words of the run: {dict(sorted(missed.items()))})")
    print(f"  pairs {count_kinds(relations)}, false {false}; removed as copies {merged}")


def disguise(word: str, chooser: random.Random) -> str:
    shape = chooser.random()
    return word.upper() if shape < 0.1 else f"“{word}”," if shape < 0.2 else word + "\n" if shape < 0.3 else word


def covers(pair: Pair | None, a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
    """Whether a passage holds the planted run in both texts (but for punctuation round its ends)."""
    return pair is not None and any(
        p.a_start <= a[0] and p.a_end >= a[1] and p.b_start <= b[0] + 1 and p.b_end >= b[1] - 2 and p.words >= a[2]
        for p in pair.passages
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clean articles in *.jsonl")
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--planted", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    texts = read_texts(options.data)
    for alone in (False, True):
        measure_pages(texts, options.pages, random.Random(options.seed), alone)
    measure_planted(options.planted, random.Random(options.seed))


if __name__ == "__main__":
    main()
