"""Check the recall and precision of `find_pairs` against an exact comparison of all pairs that shares no code with it.

    python benchmarks/exact_pairs.py --data ARTICLES.jsonl [--near 0.7 0.5] [--write PAIRS.tsv]

The independent side: 5-word shingles over lower-cased `\\w+`, 64-bit BLAKE2b hashes, an inverted index over all
articles, Jaccard from the counts of shared shingles. Its words differ from ours where ours fold more (NFKC, invisible
characters) or cut otherwise (marks, scripts without spaces); pairs that differ are listed with both numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

from dedupe.config import FindSettings
from dedupe.detect.find import find_pairs
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier

WORD = re.compile(r"\w+")


def read_articles(path: Path, text_field: str, id_field: str) -> dict[str, str]:
    with path.open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return {str(record.get(id_field, number)): record[text_field] for number, record in enumerate(records)}


def shingle_set(text: str, k: int = 5) -> set[bytes]:
    words = WORD.findall(text.lower())
    runs = [" ".join(words[i : i + k]) for i in range(max(len(words) - k + 1, 1))] if words else []
    return {hashlib.blake2b(run.encode("utf-8", "replace"), digest_size=8).digest() for run in runs}


def exact_jaccards(articles: dict[str, str], least: float) -> dict[tuple[str, str], float]:
    """Every pair of articles with a Jaccard similarity of at least `least`, by counting through an inverted index."""
    ids = sorted(articles)
    sets = [shingle_set(articles[id]) for id in ids]
    holders: defaultdict[bytes, list[int]] = defaultdict(list)
    shared: Counter[tuple[int, int]] = Counter()
    for row, shingles in enumerate(sets):
        for shingle in shingles:
            for other in holders[shingle]:
                shared[other, row] += 1
            holders[shingle].append(row)
    jaccards = {(a, b): count / (len(sets[a]) + len(sets[b]) - count) for (a, b), count in shared.items()}
    return {(ids[a], ids[b]): jaccard for (a, b), jaccard in jaccards.items() if jaccard >= least}


def found_jaccards(articles: dict[str, str], near: float) -> tuple[dict[tuple[str, str], float], str]:
    """What `find_pairs` reports, with the stars of identical texts spread out to all their pairs."""
    settings = FindSettings(kinds=("exact", "near"), near=near)
    ids = list(articles)
    profiles = profile_texts(articles.values(), settings)
    found = find_pairs(profiles, ids, Verifier(profiles, ids, settings), settings)
    copies: defaultdict[str, list[str]] = defaultdict(list)
    for pair in found.pairs:
        if pair.kind == "exact":
            copies[pair.a].append(pair.b)
    jaccards = {}
    groups = [([pair.a, *copies[pair.a]], [pair.b, *copies[pair.b]], pair.jaccard) for pair in found.pairs]
    groups += [([a, *others], others, 1.0) for a, others in copies.items()]
    for left, right, jaccard in groups:
        jaccards.update({(min(a, b), max(a, b)): jaccard for a in left for b in right if a != b})
    how = f"{found.bands}x{found.rows} bands, {found.candidates} candidates, {len(found.hot)} hot buckets"
    return jaccards, how


def report(truth: dict[tuple[str, str], float], articles: dict[str, str], near: float) -> None:
    expected = {pair for pair, jaccard in truth.items() if jaccard >= near}
    found, how = found_jaccards(articles, near)
    hits = expected & found.keys()
    print(f"near {near}: {how}")
    print(f"  true {len(expected)}, found {len(found)}, recall {len(hits)}/{len(expected)} =", end=" ")
    print(f"{len(hits) / max(len(expected), 1):.4f}, precision {len(hits) / max(len(found), 1):.4f}")
    for pair in sorted(expected ^ found.keys()):
        side = "missed" if pair in expected else "extra "
        print(f"  {side} {pair[0]} {pair[1]}: exact {truth.get(pair, 0):.4f}, ours {found.get(pair, 0):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of articles")
    parser.add_argument("--near", type=float, nargs="+", default=[0.7, 0.5], help="thresholds to check")
    parser.add_argument("--text-field", default="text")
    parser.add_argument("--id-field", default="id")
    parser.add_argument("--write", type=Path, help="write the exact pairs as TSV: id_a, id_b, jaccard")
    options = parser.parse_args()
    articles = read_articles(options.data, options.text_field, options.id_field)
    # A little below the lowest threshold, so that a pair our words put on the other side shows its number.
    truth = exact_jaccards(articles, min(options.near) * 0.8)
    if options.write:
        rows = [f"{a}\t{b}\t{jaccard:.4f}\n" for (a, b), jaccard in sorted(truth.items()) if jaccard >= min(options.near)]
        options.write.write_text("".join(rows), encoding="utf-8")
    print(f"{len(articles)} articles")
    for near in options.near:
        report(truth, articles, near)


if __name__ == "__main__":
    main()
