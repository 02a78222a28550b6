"""The quality of the repair in one go: on clean text, on simulated spin, on substitutions seen on real spun pages.

    python benchmarks/repair_quality.py --data DIR [--misses 40] [--only clean,simulator,pairs] [--model smollm2]

DIR holds clean articles in *.jsonl (id, text) and, in spun_pairs*.tsv, substitutions with a few words of context (columns
spun, original, left, right, url_host, certainty). Printed are

  clean      the gate's verdicts on the clean articles, and every automatic edit of wording made there: it should be none
  simulator  benchmarks/spinner on the originals of seeds/ and on the clean articles: the gate's true-positive rate by length,
             precision, recall and F0.5 of the edits
  pairs      each substitution as a fragment, in a document taken as spun; then cross-validated by site: for each of five folds
             of sites, every rule that only these sites tell of is dropped (column `source` of the tables); the same by how
             often the other sites hold the form, and what the tables know of the misses
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent / "spinner"))
from spin import spin_text
from vocabulary import Vocabulary, build_vocabulary, load_entries

from dedupe.config import RepairSettings
from dedupe.errors import RuleError
from dedupe.evaluate.describe import columns, describe_case, share
from dedupe.evaluate.edits import JudgedDocument, judge_documents
from dedupe.evaluate.report import EditReport
from dedupe.evaluate.truth import TruthEdit
from dedupe.model import Article, Edit, Rule
from dedupe.repair.match import expand_rule
from dedupe.repair.neighbours import PatternParser
from dedupe.repair.repairer import Repairer
from dedupe.repair.synonyms import expand_rows
from dedupe.text.edits import Span, apply_spans
from dedupe.text.lexicon import Lexicon, load_lexicon

SHARES = (0.15, 0.25, 0.35)
LENGTHS = (150, 300, 600)
FOLDS = 5
BANDS = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 10**9))
SEEDS = Path(__file__).resolve().parent.parent / "seeds" / "corpus"
_TOLD = ("P told", "R told", "harm told")
_NO_SPACE_BEFORE, _NO_SPACE_AFTER = re.compile(r"[,.;:!?%)\]’”…]"), re.compile(r".*[(\[“‘$£€]$")


class Substitution(NamedTuple):
    """One row of the pairs file."""

    spun: str
    original: str
    left: str
    right: str
    host: str
    certainty: str


class Verdict(NamedTuple):
    """What became of a substitution: none, right or wrong, and the text that stands there now."""

    outcome: str
    text: str
    rules: tuple[str, ...]


def read_articles(path: Path) -> Iterator[tuple[str, str]]:
    """The (id, text) of every record of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            record = json.loads(line)
            yield str(record.get("id", f"{path.stem}-{number}")), record["text"]


def is_wording(edit: Edit) -> bool:
    """Whether an automatic edit changes words and not layout or encoding."""
    return edit.automatic and not edit.rules[0].startswith("layout.")


def report_clean(files: Sequence[Path], repairer: Repairer, most: int) -> None:
    """Prints the verdicts, the worst scores, and the automatic edits of wording on clean articles."""
    for path in files:
        verdicts, scores, edits = Counter[str](), [], []
        characters, start = 0, time.perf_counter()
        for id, text in read_articles(path):
            repair = repairer.repair(Article(id, text))
            characters += len(text)
            verdicts[repair.verdict] += 1
            scores.append((repair.score, repair.verdict, id))
            edits += [(edit, text) for edit in repair.edits if is_wording(edit)]
        rate = characters / 1e6 / (time.perf_counter() - start)
        print(f"\n{path.name}: {sum(verdicts.values()):,} articles, {dict(verdicts)}, {rate:.2f} MB/s")
        print("  highest scores: " + ", ".join(f"{score:.2f} {verdict} {id}" for score, verdict, id in sorted(scores)[:-6:-1]))
        print(f"  automatic edits of wording: {len(edits)}")
        for edit, text in edits[:most]:
            left, right = text[max(0, edit.start - 40) : edit.start], text[edit.end : edit.end + 30]
            shown = " ".join(f"{left}[-{edit.before}-]{{+{edit.after}+}}{right}".split())
            print(f"    {edit.article}: {shown} ({', '.join(edit.rules)}, {edit.tier})")


def report_simulator(sources: dict[str, list[tuple[str, str]]], repairer: Repairer, seed: int, most: int) -> None:
    """Prints gate and edit figures on spun versions of clean articles, by share of words changed."""
    vocabulary = build_vocabulary(load_entries())
    assuming = Repairer(repairer.lexicon, dataclasses.replace(repairer.settings, spin="assume"))
    rates_head = (*(f"TPR {n}w" for n in LENGTHS), "TPR full")
    rows: list[Sequence[str]] = [("simulator", "share", *rates_head, "P", "R", "F0.5", "harm", "left", *_TOLD)]
    cases = []
    for name, articles in sources.items():
        for part in SHARES:
            spun = [simulate(id, text, vocabulary, part, seed) for id, text in articles]
            rates = [gate_rate(spun, repairer, length) for length in LENGTHS]
            report = judge_documents(repaired(id, text, truth, repairer) for id, text, truth in spun)
            told = judge_documents(repaired(id, text, truth, assuming) for id, text, truth in spun)
            shares = (share(told.wording.precision), share(told.wording.recall), f"{told.spun.per_10_000 or 0:.2f}")
            rows.append((name, f"{part:.2f}", *map(share, rates), *_edit_figures(report), *shares))
            cases += report.cases_of("wrong") + report.cases_of("harm")
    print("\n" + "\n".join(columns(rows, first=18)))
    print("harm: harmful edits per 10,000 clean words of the spun articles; left: spun spans per 100 words after repair")
    print("told: with --spin assume, whatever the gate says")
    for case in random.Random(seed).sample(cases, min(most, len(cases))):
        print(f"    {case.kind} {describe_case(case)}")


def simulate(id: str, text: str, vocabulary: Vocabulary, part: float, seed: int) -> tuple[str, str, list[TruthEdit]]:
    """An article spun: its id, its text, its truth."""
    spun, rows = spin_text(text, vocabulary, part, random.Random(f"{seed}:{part}:{id}"))
    truth = [
        TruthEdit(id, "text", row.start, row.end, row.spun, row.original, (), row.kind, row.in_quote)  # type: ignore[arg-type]
        for row in rows
    ]
    return id, spun, truth


def repaired(id: str, text: str, truth: Sequence[TruthEdit], repairer: Repairer) -> JudgedDocument:
    """A spun article as the repairer leaves it, ready to be judged."""
    repair = repairer.repair(Article(id, text))
    edits = [edit for edit in repair.edits if edit.automatic]
    return JudgedDocument(id, {"text": text}, edits, truth, repair.verdict, repair.score, repair.roles)


def gate_rate(spun: Iterable[tuple[str, str, Sequence[TruthEdit]]], repairer: Repairer, words: int) -> float | None:
    """The share of the articles of at least `words` words whose first `words` words are classed as spun."""
    verdicts = []
    for id, text, _ in spun:
        ends = [match.end() for match in re.finditer(r"\S+", text)]
        if len(ends) >= words:
            verdicts.append(repairer.judge(Article(id, text[: ends[words - 1]])).verdict == "spun")
    return sum(verdicts) / len(verdicts) if verdicts else None


def _edit_figures(report: EditReport) -> tuple[str, ...]:
    assert report.gate is not None
    figures = (report.gate.tpr, report.wording.precision, report.wording.recall, report.wording.f05)
    return (*map(share, figures), f"{report.spun.per_10_000 or 0:.2f}", f"{report.residual[1]:.2f}")


def read_substitutions(path: Path) -> list[Substitution]:
    """The rows of a pairs file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Substitution(r["spun"], r["original"], r["left"], r["right"], r["url_host"], r["certainty"]) for r in rows]


def join_words(words: Iterable[str]) -> str:
    """Words and marks as they are written: "word ," becomes "word,"."""
    text = ""
    for word in words:
        glued = not text or _NO_SPACE_BEFORE.match(word) or _NO_SPACE_AFTER.match(text)
        text += word if glued else " " + word
    return text


def build_fragment(row: Substitution) -> tuple[str, int, int]:
    """The fragment around a substitution, and where in it the spun form stands."""
    before = join_words([*row.left.split(), *row.spun.split()])
    start = len(before) - len(join_words(row.spun.split()))
    return join_words([*row.left.split(), *row.spun.split(), *row.right.split()]), start, len(before)


def judge_substitution(row: Substitution, repairer: Repairer) -> Verdict:
    """What automatic edits make of the spun form.

    An edit may reach beyond it, over words of the context that are spun as well: then the original must stand at the edge of
    what the edit makes, on the side where it ends with the spun form.
    """
    text, start, end = build_fragment(row)
    edits = [e for e in repairer.repair(Article("", text)).edits if is_wording(e) and e.start < end and start < e.end]
    if not edits:
        return Verdict("none", text[start:end], ())
    left, right = min(start, edits[0].start), max(end, edits[-1].end)
    spans = [Span(edit.start - left, edit.end - left, edit.after) for edit in edits]
    made, wanted = fold(apply_spans(text[left:right], spans)), fold(row.original)
    is_right = has_original(made, wanted, left < start, right > end)
    return Verdict("right" if is_right else "wrong", made, tuple(rule for edit in edits for rule in edit.rules))


def has_original(made: str, wanted: str, reaches_left: bool, reaches_right: bool) -> bool:
    """Whether `made` is `wanted`, or holds it at the end where the edit does not reach into the context."""
    if reaches_left and reaches_right:
        return f" {wanted} " in f" {made} "
    if reaches_left:
        return f" {made}".endswith(f" {wanted}")
    if reaches_right:
        return f"{made} ".startswith(f"{wanted} ")
    return made == wanted


def fold(text: str) -> str:
    """The text in small letters, with straight apostrophes and single spaces."""
    return " ".join(text.lower().replace("’", "'").split())


def split_hosts(rows: Sequence[Substitution]) -> list[set[str]]:
    """The sites in folds of about as many rows each."""
    folds: list[set[str]] = [set() for _ in range(FOLDS)]
    sizes = [0] * FOLDS
    for host, count in sorted(Counter(row.host for row in rows).items(), key=lambda item: (-item[1], item[0])):
        smallest = sizes.index(min(sizes))
        folds[smallest].add(host)
        sizes[smallest] += count
    return folds


def load_sound_rules() -> Lexicon:
    """The built-in tables without the rules that are at fault, which are printed: tables may be in the middle of a change."""
    lexicon = load_lexicon()
    parser, sound = PatternParser(lexicon), []
    for rule in lexicon.rules:
        try:
            _ = [(form.rule.when, form.rule.unless) for form in expand_rule(rule, lexicon, parser)]  # parses them
            sound.append(rule)
        except RuleError as error:
            print(f"left out: {error}")
    return dataclasses.replace(lexicon, rules=tuple(sound))


def sources_of(rule: Rule) -> set[str]:
    """Who tells of a rule."""
    return {source.strip() for source in rule.source.split(",") if source.strip()}


def without_hosts(lexicon: Lexicon, hosts: set[str]) -> Lexicon:
    """The lexicon without the rules that only these sites tell of."""
    unseen = {f"data:{host}" for host in hosts}
    return dataclasses.replace(lexicon, rules=tuple(rule for rule in lexicon.rules if not sources_of(rule) <= unseen))


def own_rules(lexicon: Lexicon) -> Lexicon:
    """The lexicon with the rules of source `own` only."""
    return dataclasses.replace(lexicon, rules=tuple(rule for rule in lexicon.rules if "own" in sources_of(rule)))


def report_pairs(path: Path, lexicon: Lexicon, model: str, most: int) -> None:
    """Prints coverage, precision and recall in-sample, cross-validated by site, and for the `own` rules alone."""
    rows = read_substitutions(path)
    sources = Counter(source.partition(":")[0] for rule in lexicon.rules for source in sources_of(rule) or {"none"})
    print(f"\n{path.name}: {len(rows):,} substitutions; rules by source: {dict(sources)}")
    settings = RepairSettings(spin="assume", model=model)

    def judge(rules: Lexicon, wanted: Iterable[Substitution]) -> list[tuple[Substitution, Verdict]]:
        repairer = Repairer(rules, settings)
        return [(row, judge_substitution(row, repairer)) for row in wanted]

    judged = {"in-sample": judge(lexicon, rows), "own rules alone": judge(own_rules(lexicon), rows)}
    crossed: list[tuple[Substitution, Verdict]] = []
    causes: Counter[str] = Counter()
    for number, hosts in enumerate(split_hosts(rows), 1):
        known = without_hosts(lexicon, hosts)
        fold_judged = judge(known, [row for row in rows if row.host in hosts])
        causes.update(explain_misses([row for row, verdict in fold_judged if verdict.outcome == "none"], known))
        judged[f"  fold {number} ({len(hosts)} sites)"] = fold_judged
        crossed += fold_judged
    judged["cross-validated"] = crossed
    table: list[Sequence[str]] = [("", "rows", "coverage", "precision", "recall", "wrong", "missed")]
    for name, verdicts in judged.items():
        table.append((name, *_coverage(verdicts)))
        if not name.startswith(" "):
            for certainty in sorted({row.certainty for row, _ in verdicts}):
                table.append((f"  {certainty}", *_coverage([v for v in verdicts if v[0].certainty == certainty])))
    print("\n".join(columns(table, first=22, width=11)))
    print("\ncross-validated, by the number of times that the other sites hold the spun form")
    print(
        "\n".join(
            columns([("times", "rows", "coverage", "precision", "recall", "wrong", "missed"), *_bands(crossed)], width=11)
        )
    )
    print("\nwhy the cross-validated misses are missed")
    print("\n".join(f"  {count:5,}  {cause}" for cause, count in causes.most_common()))
    if most:
        print_cases(crossed, most)


def _bands(verdicts: Sequence[tuple[Substitution, Verdict]]) -> list[tuple[str, ...]]:
    """Coverage, precision and recall by how often the other sites hold the spun form: what a table must cover first."""
    everywhere = Counter(fold(row.spun) for row, _ in verdicts)
    at_host = Counter((fold(row.spun), row.host) for row, _ in verdicts)
    table = []
    for low, high in BANDS:
        inside = [
            verdict
            for verdict in verdicts
            if low <= everywhere[fold(verdict[0].spun)] - at_host[fold(verdict[0].spun), verdict[0].host] <= high
        ]
        table.append(
            (f"{low}-{high}" if high < BANDS[-1][1] and high > low else f"{low}{'+' if high > low else ''}", *_coverage(inside))
        )
    return table


def explain_misses(rows: Sequence[Substitution], lexicon: Lexicon) -> Iterator[str]:
    """For each substitution that is missed, what the tables of the lexicon know of it."""
    parser = PatternParser(lexicon)
    known: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for rule in lexicon.rules:
        for form in expand_rule(rule, lexicon, parser):
            known[fold(form.text)].append((rule.tier, tuple(map(fold, (*form.originals, *form.participles)))))
    for spun, original, *_ in expand_rows(lexicon):
        known[fold(spun)].append(("synonym", (fold(original),)))
    for row in rows:
        rules = known.get(fold(row.spun), [])
        tiers = {tier for tier, originals in rules if fold(row.original) in originals}
        if not rules:
            yield "neither rules nor synonyms know the form"
        elif tiers == {"synonym"}:
            yield "only synonyms know the pair, and its sentence does not speak for it"
        elif not tiers:
            yield "the form is known, this original of it is not"
        elif tiers <= {"ask", "flag", "witness", "synonym"}:
            yield "the pair is known, but both words fit too often: it only asks"
        else:
            yield "the pair is known, but its neighbours are none the rules name, or speak against it"


def _coverage(verdicts: Sequence[tuple[Substitution, Verdict]]) -> tuple[str, ...]:
    outcomes = Counter(verdict.outcome for _, verdict in verdicts)
    touched, total = outcomes["right"] + outcomes["wrong"], len(verdicts)
    shares = (touched / total if total else None, outcomes["right"] / touched if touched else None)
    recall = outcomes["right"] / total if total else None
    return (f"{total:,}", *map(share, (*shares, recall)), f"{outcomes['wrong']:,}", f"{outcomes['none']:,}")


def print_cases(verdicts: Sequence[tuple[Substitution, Verdict]], most: int) -> None:
    """Prints the most frequent misses and wrong repairs, each with one fragment."""
    for outcome, title in (("none", "misses"), ("wrong", "wrong")):
        groups: dict[tuple[str, str], list[tuple[Substitution, Verdict]]] = defaultdict(list)
        for row, verdict in verdicts:
            if verdict.outcome == outcome:
                groups[fold(row.spun), fold(row.original)].append((row, verdict))
        print(f"\n{title}: {sum(map(len, groups.values())):,} in {len(groups):,} types")
        for (spun, original), found in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:most]:
            row, verdict = found[0]
            made = f" made {verdict.text!r} by {', '.join(verdict.rules)};" if verdict.rules else ""
            print(f"  {len(found):3}  {spun} > {original};{made} {row.left} [{row.spun}] {row.right}")


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with *.jsonl of clean articles and spun_pairs*.tsv")
    parser.add_argument("--only", default="clean,simulator,pairs", help="which parts, split by commas")
    parser.add_argument("--sample", type=int, default=150, help="articles of each file that are spun (default 150; 0: all)")
    parser.add_argument("--model", default="", help="language model that has the last word, as of `dedupe repair --model`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", type=int, default=0, help="print so many misses and wrong edits of each part")
    arguments = parser.parse_args()
    parts = set(arguments.only.split(","))
    lexicon = load_sound_rules()
    repairer = Repairer(lexicon, RepairSettings(model=arguments.model))
    files = sorted(arguments.data.glob("*.jsonl"))
    print(f"{len(lexicon.rules):,} rules, {len(lexicon.odds):,} odds")
    if "clean" in parts:
        report_clean(files, repairer, arguments.misses or 10)
    if "simulator" in parts:
        originals = [(path.name, path.read_text("utf-8")) for path in sorted(SEEDS.glob("*-original.txt"))]
        sources = {"seeds": originals}
        for path in files:
            articles = list(read_articles(path))
            sample = random.Random(arguments.seed).sample(articles, min(arguments.sample or len(articles), len(articles)))
            sources[path.stem] = sample
        report_simulator(sources, repairer, arguments.seed, arguments.misses)
    if "pairs" in parts:
        for path in sorted(arguments.data.glob("spun_pairs*.tsv")):
            report_pairs(path, lexicon, arguments.model, arguments.misses)


if __name__ == "__main__":
    main()
