"""Recall and precision of near-duplicates by similarity, on copies edited by a program that knows nothing of the detector.

    python benchmarks/near_truth.py --data DIR [--copies 5] [--seed 1]

Each article of `DIR/*.jsonl` is copied several times, each copy edited on its own by a random mixture of what editors and
scrapers do: words swapped, left out, put in, sentences or paragraphs moved, dropped or doubled, the end cut off, a
paragraph of another article put in. How much is random, too. What is related is then computed exactly, for all pairs,
with plain Python sets of 5 words of `\\w+`, lower-cased, no hashes, no code of `dedupe`: pairs whose Jaccard similarity is at
least the threshold are the truth. The pairs that share the text of one article need no search: all are compared. Those
of different articles go through an inverted index.
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

from dedupe.config import FindSettings
from dedupe.detect.find import find_pairs
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier

WORD = re.compile(r"\w+")
BANDS = (0.7, 0.8, 0.9, 1.0)
Pairs = dict[tuple[str, str], float]


def read_texts(folder: Path) -> list[str]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return list(dict.fromkeys(json.loads(line)["text"].strip() for line in lines))


class Editor:
    """Edits a text at random; `vocabulary` are words to put in, `others` articles to take paragraphs from."""

    def __init__(self, chooser: random.Random, texts: list[str]) -> None:
        self._chooser, self._others = chooser, texts
        self._vocabulary = [word for text in chooser.sample(texts, min(100, len(texts))) for word in text.split()]

    def edit(self, text: str) -> str:
        chooser = self._chooser
        words = text.split()
        for _ in range(chooser.randint(1, 3)):
            edit = chooser.choice((self._touch, self._touch, self._touch, self._move, self._drop, self._cut, self._insert))
            words = edit(words, chooser.random() ** 2 * 0.25)
        return " ".join(words)

    def _touch(self, words: list[str], share: float) -> list[str]:
        """Single words swapped, left out or put in, all over the text."""
        edited = []
        for word in words:
            if self._chooser.random() >= share / 5:
                edited.append(word)
            else:
                edited += self._chooser.choice(([], [self._word()], [word, self._word()], [word.upper() + "!"]))
        return edited

    def _move(self, words: list[str], share: float) -> list[str]:
        start, end = self._span(words, share)
        rest = words[:start] + words[end:]
        at = self._chooser.randint(0, len(rest))
        return rest[:at] + words[start:end] + rest[at:]

    def _drop(self, words: list[str], share: float) -> list[str]:
        start, end = self._span(words, share)
        return words[:start] + words[end:]

    def _cut(self, words: list[str], share: float) -> list[str]:
        return words[: max(1, round(len(words) * (1 - share)))]

    def _insert(self, words: list[str], share: float) -> list[str]:
        other = self._chooser.choice(self._others).split()
        start, end = self._span(other, min(1.0, share * len(words) / max(len(other), 1)))
        at = self._chooser.randint(0, len(words))
        return words[:at] + other[start:end] + words[at:]

    def _span(self, words: list[str], share: float) -> tuple[int, int]:
        length = round(len(words) * share)
        start = self._chooser.randint(0, max(0, len(words) - length))
        return start, start + length

    def _word(self) -> str:
        return self._chooser.choice(self._vocabulary)


def shingle_set(text: str) -> frozenset[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return frozenset(tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4)))


def exact_jaccards(articles: dict[str, str], least: float) -> Pairs:
    sets = {id: shingle_set(text) for id, text in articles.items()}
    families: defaultdict[str, list[str]] = defaultdict(list)
    for id in sorted(articles):
        families[id.partition("-")[0]].append(id)
    pairs = [pair for family in families.values() for pair in itertools.combinations(family, 2)]
    # Of two related texts of different families the originals, or the paragraphs put in, share shingles.
    holders: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for id, shingles in sets.items():
        for shingle in shingles:
            holders[shingle].add(id.partition("-")[0])
    shared = Counter(two for names in holders.values() if len(names) > 1 for two in itertools.combinations(sorted(names), 2))
    for a, b in (two for two, count in shared.items() if count >= 10):
        pairs += [(min(x, y), max(x, y)) for x in families[a] for y in families[b]]
    jaccards = {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs}
    return {pair: jaccard for pair, jaccard in jaccards.items() if jaccard >= least}


def found_jaccards(articles: dict[str, str], settings: FindSettings) -> tuple[Pairs, float]:
    ids = list(articles)
    start = time.perf_counter()
    profiles = profile_texts(articles.values(), settings)
    pairs = find_pairs(profiles, ids, Verifier(profiles, ids, settings), settings).pairs
    seconds = time.perf_counter() - start
    # Identical texts are joined to the smallest id among them, which stands for all.
    copies: defaultdict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if pair.kind == "exact":
            copies[pair.a].append(pair.b)
    found: Pairs = {}
    for pair in pairs:
        if pair.kind in {"exact", "near"}:
            left, right = [pair.a, *copies[pair.a]], [pair.b, *copies[pair.b]]
            found |= {(min(a, b), max(a, b)): pair.jaccard for a in left for b in right if a != b}
    return found, seconds


def report(truth: Pairs, found: Pairs, near: float) -> None:
    for low, high in itertools.pairwise((*BANDS, 1.1)):
        wanted = {pair for pair, jaccard in truth.items() if max(low, near) <= jaccard < high}
        hits = len(wanted & found.keys())
        name = f"[{low}, {high})" if low < 1 else "1"
        print(f"  J in {name:10}  {len(wanted):7,} pairs, found {hits:7,}, recall {hits / max(1, len(wanted)):.5f}")
    right = sum(truth.get(pair, 0.0) >= near for pair in found)
    print(f"  precision {right:,}/{len(found):,} = {right / max(1, len(found)):.5f}")
    differ = sum(abs(truth.get(pair, 0.0) - jaccard) > 1e-9 for pair, jaccard in found.items())
    print(f"  similarity reported other than exact: {differ}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clean articles in *.jsonl")
    parser.add_argument("--copies", type=int, default=5, help="edited copies of each article")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chooser = random.Random(options.seed)
    texts = read_texts(options.data)
    editor = Editor(chooser, texts)
    articles = {
        f"{n:05}-{copy}": editor.edit(t) if copy else t for n, t in enumerate(texts) for copy in range(options.copies + 1)
    }
    shuffled = list(articles)
    chooser.shuffle(shuffled)
    articles = {id: articles[id] for id in shuffled}
    truth = exact_jaccards(articles, 0.5)
    for kinds in (("exact", "near"), ("exact", "near", "contained", "overlap")):
        settings = FindSettings(kinds=kinds)
        found, seconds = found_jaccards(articles, settings)
        print(f"{','.join(kinds)}: {len(articles):,} articles, {seconds:.1f} s")
        report(truth, found, settings.near)


if __name__ == "__main__":
    main()
