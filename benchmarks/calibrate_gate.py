"""Calibrate the spin gate: how rare is each rule's form in clean text, and what follows for the markers.

    python benchmarks/calibrate_gate.py --clean wikinews.jsonl grimmer_aug2006.jsonl --types spun_types_dev.tsv --write

For every form of every automatic rule the share of clean documents that hold it is measured on the clean corpora (and read
from the types file, which was counted on 1,000 other clean documents). Its weight is the log of how much likelier the form
is in a spun article: log(SPUN_RATE / clean rate), smoothed. Forms that are common in clean text are no markers.
The second half prints what the gate then says of the clean corpora: every document that is not classed as clean, and the
margins to the thresholds.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dedupe.config import RepairSettings
from dedupe.model import Article
from dedupe.repair.match import FormIndex, expand_rules, fold
from dedupe.repair.repairer import Repairer
from dedupe.text.lexicon import builtin_rules, load_lexicon

# A form that the spinner makes stands in about one spun article of fifty; that is what the long tail of 35 pages shows.
SPUN_RATE = 0.02
LEAST_WEIGHT, MOST_WEIGHT = 1.0, 3.0
# A form that only these clean corpora were searched for may be at home in a genre they lack, the sooner the shorter it is.
UNCOUNTED_WEIGHTS = {1: 0.0, 2: 1.9}
PSEUDO_DOCUMENTS = 0.5  # a form never seen in n clean documents counts as seen half a time


def read_texts(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """The (id, text) of every record of some JSONL files."""
    for path in paths:
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            yield str(record["id"]), record["text"]


def weigh(clean: list[Path], types: Path | None) -> dict[str, float]:
    """The weight in nats of every form that may be a marker."""
    lexicon = load_lexicon()
    forms = [form for form in expand_rules(lexicon) if form.rule.rule.tier in {"safe", "context", "spun"}]
    index = FormIndex(forms)
    seen, documents = Counter[str](), 0
    for _, text in read_texts(clean):
        documents += 1
        seen.update({fold(text[hit.start : hit.end]) for hit in index.find(text)})
    elsewhere: dict[str, float] = {}
    if types:
        with types.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                elsewhere[fold(row["spun"])] = float(row["clean_docs_with_spun_per_1000"]) / 1000
    weights = {}
    for name in sorted({fold(form.text) for form in forms}):
        rate = max((seen[name] + PSEUDO_DOCUMENTS) / documents, elsewhere.get(name, 0.0))
        weight = min(MOST_WEIGHT, math.log(SPUN_RATE / rate))
        if name not in elsewhere:
            weight = min(weight, UNCOUNTED_WEIGHTS.get(len(name.split()), MOST_WEIGHT))
        if weight >= LEAST_WEIGHT:
            weights[name] = round(weight, 1)
    return weights


def write_markers(weights: dict[str, float]) -> None:
    """Replaces the rows of rules/en/markers.tsv, keeping its comment."""
    path = Path(str(builtin_rules() / "en" / "markers.tsv"))
    comments = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    rows = [f"{form}\t{weight}" for form, weight in sorted(weights.items())]
    path.write_text("\n".join([*comments, "form\tweight", *rows, ""]), "utf-8")


def report(clean: list[Path]) -> None:
    """Prints the gate's verdicts on the clean corpora."""
    repairer = Repairer(load_lexicon(), RepairSettings())
    judged = [(repairer.judge(Article(name, text)), name) for name, text in read_texts(clean)]
    print(Counter(judgement.verdict for judgement, _ in judged))
    for judgement, name in sorted(judged, key=lambda item: -item[0].score)[:15]:
        numbers = f"{judgement.score:7.2f} {judgement.density:6.2f} swaps {judgement.strong:3d} strong"
        print(f"{numbers}  {judgement.verdict:8} {name}")


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", type=Path, nargs="+", required=True, help="JSONL files of clean articles")
    parser.add_argument("--types", type=Path, help="TSV with the columns spun and clean_docs_with_spun_per_1000")
    parser.add_argument("--write", action="store_true", help="replace rules/en/markers.tsv")
    arguments = parser.parse_args()
    if arguments.write:
        weights = weigh(arguments.clean, arguments.types)
        write_markers(weights)
        print(f"{len(weights):,} markers")
    report(arguments.clean)


if __name__ == "__main__":
    main()
