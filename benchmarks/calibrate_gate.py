"""Calibrate the spin gate: how much likelier is each form of the tables in spun text than in clean text?

    python benchmarks/calibrate_gate.py --clean wikinews.jsonl grimmer_aug2006.jsonl --types spun_types_dev.tsv --write

How often a form stands in clean text is counted on the clean corpora (and, for single words, read from a list of general
frequencies, so that no corpus' subject counts as style). How often it stands in spun text follows from the tables: an original
is swapped in a SWAPPED share of its places, and its spun forms share these. What was counted on spun pages (types file)
goes beside that. The odds of a form are the logarithm of the ratio, in nats: positive for what a spinner puts in, negative
for what it takes out.

The second half prints what the gate then says of the clean corpora, whole and in pieces, and how near the nearest come to the
thresholds. With --hold-out each corpus is judged with odds counted on the others.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dedupe.config import RepairSettings
from dedupe.model import Article
from dedupe.repair.folding import fold
from dedupe.repair.match import expand_rules
from dedupe.repair.repairer import Repairer
from dedupe.repair.synonyms import expand_synonyms
from dedupe.text.lexicon import Lexicon, builtin_rules, load_lexicon

SWAPPED = 0.3  # of the places of a word that has an entry, the share that a spinner swaps
LEAST, MOST, LEAST_SHOWN = -1.5, 3.0, 0.2  # odds beyond these are cut, and near 0 left out
SEEN_ONCE = 0.7  # of what was counted on a few spun pages, the share that is believed
WORDS_OF_TYPES = 11_400  # the words of the spun pages that the types file was counted on
PSEUDO_WORDS, PSEUDO_COUNT, GENERAL_WORDS = 300_000, 0.3, 1_000_000
LONGEST = 5
PIECES = (80, 150, 300)
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[^\w\s]")


def read_texts(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """The (id, text) of every record of some JSONL files."""
    for path in paths:
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            yield str(record["id"]), record["text"]


def count_forms(paths: Iterable[Path], forms: set[str]) -> tuple[Counter[str], int]:
    """How often each form stands in the texts, and the number of their tokens."""
    counts, total = Counter[str](), 0
    for _, text in read_texts(paths):
        tokens = _TOKEN.findall(fold(text))
        total += len(tokens)
        for size in range(1, LONGEST + 1):
            counts.update(form for i in range(len(tokens) - size + 1) if (form := " ".join(tokens[i : i + size])) in forms)
    return counts, total


def gather_swaps(lexicon: Lexicon) -> dict[str, dict[str, float]]:
    """For each original the spun forms that the tables know, each with a weight: 1 where it is the first guess."""
    swaps: dict[str, dict[str, float]] = {}
    for form in expand_rules(lexicon):
        if form.rule.rule.tier != "flag":
            for place, original in enumerate(form.originals):
                spun, known = _spaced(form.text), swaps.setdefault(_spaced(original), {})
                known[spun] = max(known.get(spun, 0.0), 1 / (place + 1))
    for spun, original, rank in expand_synonyms(lexicon):
        known = swaps.setdefault(_spaced(original), {})
        if _spaced(spun) != _spaced(original):
            known[_spaced(spun)] = max(known.get(_spaced(spun), 0.0), 1 / (rank + 0.5))
    return swaps


def weigh(lexicon: Lexicon, clean: Sequence[Path], general: Mapping[str, float], types: Path | None) -> dict[str, float]:
    """The odds in nats of every form of the tables, spun or original, that are not near 0."""
    swaps = gather_swaps(lexicon)
    forms = set(swaps) | {spun for known in swaps.values() for spun in known}
    counts, total = count_forms(clean, forms)

    def clean_rate(form: str) -> float:
        if " " in form or not general:
            return (counts[form] + PSEUDO_COUNT) / (total + PSEUDO_WORDS)
        return (counts[form] + PSEUDO_COUNT + general.get(form, 0.0)) / (total + GENERAL_WORDS)

    rates = {form: clean_rate(form) for form in forms}
    put_in = Counter[str]()
    for original, known in swaps.items():
        shares = sum(known.values()) + 0.5
        for spun, weight in known.items():
            put_in[spun] += rates[original] * SWAPPED * weight / shares
    for form, occurrences in _count_types(types) if types else ():
        put_in[form] = max(put_in[form], (occurrences - SEEN_ONCE) * SEEN_ONCE / WORDS_OF_TYPES)
    safe = {_spaced(form.text) for form in expand_rules(lexicon) if form.rule.rule.tier == "safe" and not form.rule.rule.when}
    odds = {}
    for form in sorted(forms):
        left = 1 - SWAPPED if form in swaps else 1.0
        value = math.log(left + put_in[form] / rates[form])
        if form in safe and not counts[form]:
            value = MOST
        if abs(value) >= LEAST_SHOWN:
            odds[fold(form)] = round(min(MOST, max(LEAST, value)), 1)
    return odds


def write_odds(odds: Mapping[str, float]) -> None:
    """Replaces the rows of rules/en/odds.tsv, keeping its comment."""
    path = Path(str(builtin_rules() / "en" / "odds.tsv"))
    comments = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    rows = [f"{form}\t{value}" for form, value in sorted(odds.items())]
    path.write_text("\n".join([*comments, "form\todds", *rows, ""]), "utf-8")


def report(lexicon: Lexicon, clean: Iterable[Path], most: int) -> None:
    """Prints the gate's verdicts on the clean corpora, whole and cut into pieces, and the highest scores."""
    repairer = Repairer(lexicon, RepairSettings())
    texts = list(read_texts(clean))
    for words in (0, *PIECES):
        pieces = [(id, piece) for id, text in texts for piece in cut(text, words)]
        judged = [(repairer.judge(Article(id, piece)), id) for id, piece in pieces]
        print(f"{f'pieces of {words} words' if words else 'whole texts'}: {dict(Counter(j.verdict for j, _ in judged))}")
        for judgement, id in sorted(judged, key=lambda item: -item[0].score)[:most]:
            numbers = f"{judgement.score:6.2f} per 100 words, {judgement.odds:6.2f} nats, {judgement.strong} strong"
            print(f"  {numbers}  {judgement.verdict:8} {id}")


def cut(text: str, words: int) -> Iterator[str]:
    """The text in pieces of so many words, what is left over dropped; the whole text for 0."""
    if not words:
        yield text
        return
    places = [match.span() for match in re.finditer(r"\S+", text)]
    for first in range(0, len(places) - words + 1, words):
        yield text[places[first][0] : places[first + words - 1][1]]


def _count_types(path: Path) -> Iterator[tuple[str, int]]:
    with path.open(encoding="utf-8", newline="") as file:
        counts = Counter[str]()
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            counts[_spaced(row["spun"])] += int(row["occurrences"])
    yield from counts.items()


def _spaced(form: str) -> str:
    return " ".join(_TOKEN.findall(fold(form)))


def _read_general(path: Path | None) -> dict[str, float]:
    lines = path.read_text("utf-8").splitlines() if path else []
    return {word: float(rate) for word, rate in (line.split("\t") for line in lines)}


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", type=Path, nargs="+", required=True, help="JSONL files of clean articles")
    parser.add_argument("--types", type=Path, help="TSV with the columns spun and occurrences, counted on spun pages")
    parser.add_argument("--frequencies", type=Path, help="TSV without header: a word, its occurrences in a million words")
    parser.add_argument("--write", action="store_true", help="replace rules/en/odds.tsv")
    parser.add_argument("--hold-out", action="store_true", help="judge each corpus with odds counted on the others")
    parser.add_argument("--most", type=int, default=5, help="print so many of the highest scores of each kind (default 5)")
    arguments = parser.parse_args()
    lexicon, general = load_lexicon(), _read_general(arguments.frequencies)
    if arguments.write:
        odds = weigh(lexicon, arguments.clean, general, arguments.types)
        write_odds(odds)
        print(f"{len(odds):,} odds, {sum(value < 0 for value in odds.values()):,} of them below 0")
        lexicon = load_lexicon()
    if not arguments.hold_out:
        report(lexicon, arguments.clean, arguments.most)
        return
    for held in arguments.clean:
        others = [path for path in arguments.clean if path != held]
        print(f"{held.name}, odds counted on {', '.join(path.name for path in others)}")
        odds = weigh(lexicon, others, general, arguments.types)
        report(dataclasses.replace(lexicon, odds=odds), [held], arguments.most)


if __name__ == "__main__":
    main()
