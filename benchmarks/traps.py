"""The traps that real corpora hold, each at full size: what is found and removed, in what time and memory, at n and 2n.

    python benchmarks/traps.py [--only NAME ...] [--scale 1.0]

Every corpus is made of invented words and goes through `dedupe.find` in a process of its own, whose processor time and
peak memory are told.
The last column is the time at 2n over the time at n: near-linear work stays near 2.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

Record = dict[str, str]


class Words:
    """Random words; a few are most of all text, as in any language."""

    def __init__(self, seed: int) -> None:
        self.chooser = random.Random(seed)
        syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "an", "er", "ist", "on")]
        self._words = sorted({"".join(self.chooser.choices(syllables, k=self.chooser.randint(1, 4))) for _ in range(20_000)})
        self._weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(self._words))))

    def text(self, count: int) -> str:
        words = self.chooser.choices(self._words, cum_weights=self._weights, k=count)
        for start in range(0, count, 12):
            words[start] = words[start].capitalize()
        return " ".join(words) + "."


def make_template(n: int, words: Words) -> Iterator[Record]:
    """Pages of one frame (nine tenths of each) with other names and sums in the slots."""
    frame = [words.text(30) for _ in range(9)]
    for number in range(n):
        slots = [f"{words.text(2)} {words.chooser.randint(1000, 99999)}" for _ in frame]
        yield {"id": f"t{number:06}", "text": " ".join(itertools.chain(*zip(frame, slots, strict=True)))}


def make_site(n: int, words: Words) -> Iterator[Record]:
    """Articles of their own, each in the same frame of equal length, some of which have copies without the frame."""
    frame = [words.text(200), words.text(200)]
    for number in range(n):
        body = words.text(400)
        yield {"id": f"p{number:06}", "text": f"{frame[0]}\n{body}\n{frame[1]}", "source": "one"}
        if number % 10 == 0:
            yield {"id": f"b{number:06}", "text": body, "source": "two"}


def make_placeholder(n: int, words: Words) -> Iterator[Record]:
    """The same placeholder body under headlines of their own, beside real articles."""
    body = words.text(60)
    for number in range(n):
        yield {"id": f"h{number:06}", "text": f"{words.text(40)}\n{body}"}
        yield {"id": f"a{number:06}", "text": words.text(300)}


def make_notice(n: int, words: Words) -> Iterator[Record]:
    """One error page under many addresses, with a reference number, and a cookie notice before every article."""
    error, cookies = words.text(45), words.text(50)
    for number in range(n):
        yield {"id": f"e{number:06}", "text": f"{error} Reference {number * 7919}", "url": f"https://one.example/{number}"}
        yield {"id": f"c{number:06}", "text": f"{cookies}\n{words.text(250)}", "url": f"https://two.example/{number}"}


def make_debate(n: int, words: Words) -> Iterator[Record]:
    """A transcript of 20,000 words; articles that each quote some of it, one passage of which is in all."""
    speeches = [words.text(50) for _ in range(400)]
    yield {"id": "transcript", "text": "\n".join(speeches)}
    for number in range(n):
        quoted = [speeches[7], *words.chooser.sample(speeches, 2)]
        yield {"id": f"q{number:06}", "text": "\n".join(itertools.chain(*((words.text(80), quote) for quote in quoted)))}


def make_copies(n: int, words: Words) -> Iterator[Record]:
    """Exact copies of one article beside as many others."""
    body = words.text(400)
    for number in range(n):
        yield {"id": f"c{number:06}", "text": body}


def make_tiny(n: int, words: Words) -> Iterator[Record]:
    """Texts of three words, of one, and of punctuation alone, some the same; and articles that hold them."""
    for number in range(n):
        yield {"id": f"s{number:06}", "text": words.text(3) if number % 3 else words.text(1) if number % 2 else "?!"}
        yield {"id": f"l{number:06}", "text": words.text(30)}


def make_huge(n: int, words: Words) -> Iterator[Record]:
    """One article of 10 MB, which says much several times, and articles that quote 60 words of it."""
    parts = [words.text(60) for _ in range(5000)]
    text = " ".join(parts[words.chooser.randrange(5000)] for _ in range(30_000))[: 10 * 1024 * 1024]
    yield {"id": "huge", "text": text}
    for number in range(n):
        yield {"id": f"q{number:06}", "text": f"{words.text(150)} {parts[number % 5000]} {words.text(150)}"}


def make_chain(n: int, words: Words) -> Iterator[Record]:
    """Texts each of which is the one before, moved on by a twentieth: neighbours are alike, the ends share nothing."""
    stream = words.text(n * 10 + 200).split()
    for number in range(n):
        yield {"id": f"k{number:06}", "text": " ".join(stream[number * 10 : number * 10 + 200])}


def make_hot(n: int, words: Words) -> Iterator[Record]:
    """Near-duplicates of one article, each with a few words of its own: all agree in most bands."""
    body = words.text(300).split()
    for number in range(n):
        edited = list(body)
        for place in words.chooser.sample(range(300), 3):
            edited[place] = f"x{number}"
        yield {"id": f"n{number:06}", "text": " ".join(edited)}


TRAPS: dict[str, tuple[int, Callable[[int, Words], Iterator[Record]]]] = {
    "template": (5000, make_template),
    "site": (5000, make_site),
    "placeholder": (1500, make_placeholder),
    "notice": (3000, make_notice),
    "debate": (3000, make_debate),
    "copies": (50_000, make_copies),
    "tiny": (10_000, make_tiny),
    "huge": (1000, make_huge),
    "chain": (3000, make_chain),
    "hot": (5000, make_hot),
}


def run_trap(path: Path) -> None:
    """What a process of its own does: find, and tell of it as JSON."""
    from dedupe.config import FindSettings, Settings
    from dedupe.findings import find

    baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    relations = find([path], Settings(find=FindSettings()))
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {
        "articles": len(relations.places),
        "seconds": seconds,
        "mb": (peak - baseline) / 1024,
        "pairs": dict(sorted(Counter(pair.kind for pair in relations.found.pairs).items())),
        "removed": sum(len(cluster.members) - 1 for cluster in relations.clustering.clusters),
        "boilerplate": len(relations.boilerplate),
    }
    print(json.dumps(told))


def measure(name: str, n: int) -> dict[str, object]:
    make = TRAPS[name][1]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in make(n, Words(1)))
        command = [sys.executable, __file__, "--trap", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told: dict[str, object] = json.loads(done.stdout)
        return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TRAPS, default=list(TRAPS))
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes")
    parser.add_argument("--trap", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.trap:
        run_trap(options.trap)
        return
    for name in options.only:
        n = round(TRAPS[name][0] * options.scale)
        once, twice = measure(name, n), measure(name, 2 * n)
        for told in (once, twice):
            print(f"{name:12} {told['articles']:7,} articles {told['seconds']:7.2f} s {told['mb']:6.0f} MB", end="  ")
            print(f"removed {told['removed']:,}, pairs {told['pairs']}, boilerplate {told['boilerplate']}")
        print(f"{'':12} time at 2n / n: {float(str(twice['seconds'])) / float(str(once['seconds'])):.2f}", flush=True)


if __name__ == "__main__":
    main()
