"""Figures on stories and templates: what is found, what is linked falsely, and what it costs.

    python benchmarks/stories.py --data DIR [--stories DIR_OF_TXT] [--pages 5000]

DIR holds clean articles as *.jsonl with `id` and `text`; dates are not used. DIR_OF_TXT holds reports of one event as *.txt:
mixed into the articles they should come out as one story with nothing else in it. Without it there are the figures on
the sample corpus and on templates only. Whether the other stories found among the articles are stories has to be read: `--show`
prints them with their reasons.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dedupe.config import Settings, with_values
from dedupe.evaluate.clusters import describe_clusters, evaluate_clusters
from dedupe.findings import find, write_findings
from dedupe.relate import Relations

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks" / "pages"))
from pages import FRAMES, edit, fill, make_frame  # noqa: E402

SEEDS = ROOT / "seeds"
PREFIX = "story/"


def relate(texts: Mapping[str, str], kinds: str = "exact,near,template,story") -> tuple[Relations, float]:
    """The relations of the texts, found through the pipeline, and the seconds it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps({"id": id, "text": text}) + "\n" for id, text in texts.items()), "utf-8")
        start = time.perf_counter()
        relations = find([path], with_values(Settings(), {"find": {"kinds": kinds.split(",")}}))
        return relations, time.perf_counter() - start


def linked(relations: Relations, kind: str) -> list[tuple[str, ...]]:
    """The members of each cluster of the kind."""
    return [cluster.members for cluster in relations.clustering.linked if cluster.kind == kind]


def removed(relations: Relations) -> int:
    """The number of articles that would be set aside."""
    return sum(len(cluster.members) - 1 for cluster in relations.clustering.clusters)


def judge_mixture(event: Mapping[str, str], articles: Mapping[str, str]) -> str:
    """What became of the reports of one event among the articles, in words."""
    relations, seconds = relate({**event, **articles})
    stories = [members for members in linked(relations, "story") if any(id in event for id in members)]
    sizes = ", ".join(f"{sum(id in event for id in s)} of them and {sum(id not in event for id in s)} others" for s in stories)
    return (
        f"{len(event)} reports among {len(articles):,} articles: {len(stories)} story with {sizes or 'none'}; {seconds:.1f} s"
    )


def judge_stories(event: Mapping[str, str], articles: Mapping[str, str], show: bool) -> None:
    """Prints the figures on the reports of one event, alone and among the articles."""
    print(judge_mixture(event, {}))
    print(judge_mixture(event, articles))
    pick, whole = random.Random(1), 0
    for _ in range(40):
        chosen = pick.sample(sorted(articles), pick.randint(5, min(400, len(articles))))
        relations, _ = relate({**event, **{id: articles[id] for id in chosen}}, "exact,near,story")
        whole += tuple(sorted(event)) in linked(relations, "story")
    print(f"among 40 random sets of 5 to 400 articles: whole, and with nothing else in it, in {whole}")
    if show:
        relations, _ = relate(articles)
        for cluster in relations.clustering.linked:
            print(f"  {cluster.kind}: {cluster.reason}\n    {' '.join(cluster.members)}")


def judge_small_sets(articles: Mapping[str, str]) -> None:
    """Prints how often articles drawn at random are linked when there is no corpus to learn from."""
    for size in (5, 20):
        pick, links = random.Random(size), Counter[tuple[str, str]]()
        for _ in range(100):
            chosen = pick.sample(sorted(articles), size)
            relations, _ = relate({id: articles[id] for id in chosen}, "exact,near,story")
            links.update((pair.a, pair.b) for pair in relations.found.pairs if pair.kind == "story")
        pairs = 100 * size * (size - 1) // 2
        print(f"100 random sets of {size}: {links.total()} of {pairs:,} pairs linked; to be read: {sorted(links)}")


def judge_seeds() -> None:
    """Prints B-cubed and ARI on the sample corpus, and whether the near misses stay apart."""
    relations = find([SEEDS / "corpus"])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found"
        write_findings(out, relations.found.pairs, relations.clustering)
        print(describe_clusters(evaluate_clusters(out, SEEDS / "truth" / "clusters.tsv")))
    for path in sorted((SEEDS / "corpus").glob("*-nextweek.txt")):
        joined = [members for members in linked(relations, "story") if path.name in members]
        print(f"{path.name}: {'joined to ' + ' '.join(joined[0]) if joined else 'apart'}")


def judge_templates(pages: int) -> None:
    """Prints what becomes of pages of generated templates, of edited copies of one text, and of a great many pages."""
    text = (SEEDS / "corpus" / "ferry-original.txt").read_text("utf-8")
    frames = {**FRAMES, **{f"notice, {slots} slots": make_frame(text, slots) for slots in (2, 3, 4, 6, 8)}}
    for name, frame in frames.items():
        results = []
        for number in (4, 12, 100):
            pick = random.Random(number)
            relations, _ = relate({f"{n:03}": fill(frame, pick) for n in range(number)}, "exact,near,template")
            results.append(f"{sum(map(len, linked(relations, 'template')))}/{number} linked, {removed(relations)} removed")
        print(f"{name:16} {'; '.join(results)}")
    for edits in (1, 3, 8):
        pick = random.Random(edits)
        texts = {f"{n:02}": edit(text, edits, pick) for n in range(50)}
        (found, _), (without, _) = relate(texts, "exact,near,template"), relate(texts, "exact,near")
        same = found.clustering == without.clustering
        print(
            f"50 copies, {edits} edits each: {removed(found)} removed, {'as' if same else 'NOT as'} without the kind template"
        )
    for number in (pages // 5, pages):
        pick = random.Random(number)
        relations, seconds = relate({f"{n:06}": fill(FRAMES["sale"], pick) for n in range(number)}, "exact,near,template,story")
        sizes = [len(members) for members in linked(relations, "template")]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{number:,} pages of one template: linked {sizes}, {removed(relations)} removed; {seconds:.1f} s, {memory:.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of *.jsonl with id and text")
    parser.add_argument("--stories", type=Path, help="folder of *.txt, reports of one event")
    parser.add_argument("--pages", type=int, default=5000, help="pages of the largest template")
    parser.add_argument("--show", action="store_true", help="print the stories and templates found among the articles")
    arguments = parser.parse_args()
    records = [json.loads(line) for path in sorted(arguments.data.glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    articles = {record["id"]: record["text"] for record in records}
    if arguments.stories:
        event = {PREFIX + path.stem: path.read_text("utf-8") for path in sorted(arguments.stories.glob("*.txt"))}
        judge_stories(event, articles, arguments.show)
    judge_small_sets(articles)
    judge_seeds()
    judge_templates(arguments.pages)


if __name__ == "__main__":
    main()
