"""Checking rule tables: every rule carries its own proof, and the proof is run.

A rule's example must come out as marked when the rule acts alone in a spun text, its counterexample must not change, and
no repaired example may hold what another automatic rule would change again.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Sequence

from dedupe.config import RepairSettings
from dedupe.errors import RuleError
from dedupe.model import Article, Repair, Rule
from dedupe.repair.match import expand_rule
from dedupe.repair.neighbours import PatternParser
from dedupe.repair.repairer import Repairer
from dedupe.text.edits import Span, apply_spans
from dedupe.text.lexicon import RULE_COLUMNS, Lexicon

_MARKED = re.compile(r"\[\[([^\[\]\n]+?)=>([^\[\]\n]*)\]\]")
_ALONE = RepairSettings(spin="assume", encoding=False, layout=False, context=False, fields=("text",))


def check_rules(lexicon: Lexicon) -> Iterator[RuleError]:
    """Every fault of the lexicon's rules, each naming file and line; nothing when all is well."""
    parser = PatternParser(lexicon)
    sound = [rule for rule in lexicon.rules if _is_sound(rule, lexicon, parser)]
    repairer = Repairer(dataclasses.replace(lexicon, rules=tuple(sound)), dataclasses.replace(_ALONE, spin="auto"), parser)
    seen: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Rule] = {}
    for rule in lexicon.rules:
        try:
            faults = [*_check_rule(rule, lexicon, parser), *_check_chains(rule, repairer)]
        except RuleError as error:
            faults = [error.message]
        key = (rule.spun, rule.originals[0] if rule.originals else "", rule.when, rule.unless)
        if key in seen:
            faults.append(f"says the same as {seen[key].id}; make them one row")
        seen[key] = rule
        for fault in faults:
            place, _, line = rule.origin.rpartition(":")
            yield RuleError(f"rule {rule.id}: {fault}", path=place, line=int(line or 0))


def _is_sound(rule: Rule, lexicon: Lexicon, parser: PatternParser) -> bool:
    try:
        for form in expand_rule(rule, lexicon, parser):
            form.rule.parse()
    except RuleError:
        return False
    return True


def _check_rule(rule: Rule, lexicon: Lexicon, parser: PatternParser) -> Iterator[str]:
    if rule.tier in {"safe", "context"} and not (rule.example and rule.counterexample):
        yield f"tier {rule.tier} must carry an example and a counterexample"
    if rule.tier == "context" and not (rule.when or rule.unless):
        yield "tier context must name neighbours in `when` or `unless`"
    for form in expand_rule(rule, lexicon, parser):
        if form.text in form.originals:
            yield f"{form.text!r} is its own original"
        form.rule.parse()
    alone = Repairer(dataclasses.replace(lexicon, rules=(rule,), allow=(), odds={}), _ALONE, parser)
    for example in rule.example:
        yield from _check_example(rule, example, alone)
    for counterexample in rule.counterexample:
        repaired = _applied(counterexample, alone.repair(Article("", counterexample)))
        if repaired != counterexample:
            yield f"the counterexample is changed to: {repaired}"


def _check_example(rule: Rule, example: str, alone: Repairer) -> Iterator[str]:
    if not _MARKED.search(example):
        yield f"the example marks no hit; write [[{rule.spun}=>{(rule.originals or ('',))[0]}]]: {example}"
        return
    before, expected = _MARKED.sub(r"\1", example), _MARKED.sub(r"\2", example)
    repair = alone.repair(Article("", before))
    if rule.tier == "flag":
        if not repair.flags:
            yield f"the example is not flagged: {before}"
        return
    repaired = apply_spans(before, [Span(edit.start, edit.end, edit.after) for edit in repair.edits])
    if repaired != expected:
        yield f"the example comes out as: {repaired}"


def _check_chains(rule: Rule, repairer: Repairer) -> Iterator[str]:
    """Whether a repaired example would be changed again by rules that act in clean text."""
    if rule.tier not in {"safe", "context", "spun"}:
        return
    for example in rule.example:
        expected = _MARKED.sub(r"\2", example)
        for edit in repairer.repair(Article("", expected)).edits:
            if edit.automatic:
                yield f"its result is changed again by {edit.rules[0]}: {edit.before!r} to {edit.after!r} in: {expected}"


def _applied(text: str, repair: Repair) -> str:
    return apply_spans(text, [Span(edit.start, edit.end, edit.after) for edit in repair.edits if edit.automatic])


def format_table(text: str) -> str:
    """The text of a rule table in its one form: NFC, one header, nine columns, rows sorted by id.

    What spreadsheets do (a BOM, CRLF, lost trailing tabs, quoted cells) is undone.

    >>> format_table("\\ufeffid\\tspun\\r\\nb\\tx\\r\\na\\tx \\r\\n").splitlines()[1].rstrip()
    'a\\tx'
    """
    lines = unicodedata.normalize("NFC", text.removeprefix("\ufeff")).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    comments = [line.rstrip() for line in lines if line.startswith("#")]
    rows = [_tidy_row(line) for line in lines if line.strip() and not line.startswith("#")]
    body = sorted((row for row in rows if row[0] != "id"), key=lambda row: row[0])
    return "\n".join([*comments, *("\t".join(row) for row in [list(RULE_COLUMNS), *body]), ""])


def _tidy_row(line: str) -> Sequence[str]:
    cells = [re.sub(r"\s+", " ", cell).strip() for cell in line.split("\t")]
    cells = [
        cell[1:-1].replace('""', '"') if re.fullmatch(r'"[^"]*(?:""[^"]*)*"', cell) and '""' in cell else cell for cell in cells
    ]
    return (cells + [""] * len(RULE_COLUMNS))[: len(RULE_COLUMNS)]
