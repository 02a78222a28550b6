"""Exporting: verdicts as rows of rule tables, so that the next crawl is not asked the same again.

    pair accepted               a row of reviewed.tsv, of the tier spun
    pair replaced               the same; of the tier of the rule that it corrects, where that acts in other texts, too
    pair rejected               a phrase of allow.tsv
    rule accepted               its row in reviewed.tsv, made to act by itself
    rule replaced               the same, with the reviewer's words for its own
    rule rejected               an entry of `disable` in reviewed.toml

What already acts by itself needs no row. Verdicts on single edits, articles and sources say nothing of other articles.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dedupe.config import RepairSettings, Settings, with_values
from dedupe.corpus.manifest import load_manifest
from dedupe.model import AUTOMATIC_TIERS, Decision, Rule
from dedupe.repair.grammar import match_case
from dedupe.review.queue import Queue
from dedupe.text.lexicon import RULE_COLUMNS, load_lexicon

TABLE, ALLOW, SETTINGS = "reviewed.tsv", "allow.tsv", "reviewed.toml"
_HEAD = "# Made of the verdicts of a review by `dedupe decisions export`; it is written anew each time.\n"
_HIT = re.compile(r"\[\[(.*?)=>.*?\]\]")  # where a rule acts, in an example
_WORDS = re.compile(r"\w+(?:[ '’-]\w+)*")  # what a table can hold: words, not line ends or marks of its own notation


@dataclass(frozen=True)
class Exported:
    """How many rules and allowed phrases were written, which rules are switched off, how many verdicts went into no table."""

    rules: int
    allowed: int
    disabled: tuple[str, ...]
    left: int


def export_rules(out: str | Path, folder: str | Path) -> Exported:
    """What the verdicts on pairs and rules of the run in `out` became in the rules folder `folder`.

    Writes reviewed.tsv and reviewed.toml and adds to allow.tsv; other tables there stay as they are. Use them by
    `dedupe run --config FOLDER/reviewed.toml`. Raises UsageError when `out` holds no finished run.
    """
    queue, target = Queue(Path(out)), Path(folder)
    details = load_manifest(Path(out)).details
    repair = with_values(Settings(), tomllib.loads(details["settings"])).repair
    known = {rule.id: rule for rule in load_lexicon(repair.language, repair.rules).rules}
    rows, allowed, disabled, left = list[tuple[str, ...]](), list[tuple[str, str]](), list[str](), 0
    for decision in sorted(queue.live.ledger, key=lambda decision: decision.target):
        kind, _, name = decision.target.partition(":")
        if kind == "rule" and decision.verdict == "reject":
            disabled.append(name)
        elif kind == "rule" and decision.verdict == "accept" and name in known:
            rows += [_promote(known[name])] if known[name].tier not in AUTOMATIC_TIERS else []
        elif (
            kind == "rule" and decision.verdict == "replace" and name in known and _WORDS.fullmatch(decision.replacement or "")
        ):
            rows.append(_reword(known[name], decision.replacement or ""))
        elif kind == "pair" and _WORDS.fullmatch(before := name.partition("→")[0]):
            after = decision.replacement if decision.verdict == "replace" else name.partition("→")[2]
            if decision.verdict == "reject":
                allowed.append((before, _reason(decision)))
            elif decision.verdict in {"accept", "replace"} and _WORDS.fullmatch(after or ""):
                if decision.verdict == "replace":
                    rows.append(_correct(queue, decision.target, known, _row(before, after or "", len(rows))))
                elif not _acts(queue, decision.target):
                    rows.append(_prefer(queue, decision.target, known) or _row(before, after or "", len(rows)))
            else:
                left += 1
        else:
            left += 1
    target.mkdir(parents=True, exist_ok=True)
    (target / TABLE).write_text(_HEAD + _table([RULE_COLUMNS, *{row[0]: row for row in rows}.values()]), "utf-8")
    _add_allowed(target / ALLOW, allowed)
    (target / SETTINGS).write_text(_settings(repair, target, disabled), "utf-8")
    return Exported(len({row[0] for row in rows}), len(allowed), tuple(disabled), left)


def _promote(rule: Rule, tier: str = "spun") -> tuple[str, ...]:
    """The row of a rule, as one of a tier that acts by itself."""
    cells = (" ; ".join(rule.when), " ; ".join(rule.unless), " || ".join(rule.example), " || ".join(rule.counterexample))
    return (rule.id, rule.spun, "|".join(rule.originals), tier, *cells, rule.source)


def _reword(rule: Rule, words: str) -> tuple[str, ...]:
    """The row of a rule that puts in the reviewer's words, with examples that say so."""

    def reword(match: re.Match[str]) -> str:
        return f"[[{match[1]}=>{match_case(match[1], words)}]]"

    example = tuple(_HIT.sub(reword, text) for text in rule.example)
    return _promote(replace(rule, originals=(words,), example=example), rule.tier if rule.tier in AUTOMATIC_TIERS else "spun")


def _row(before: str, after: str, number: int) -> tuple[str, ...]:
    slug = re.sub(r"[\W_]+", "-", before.casefold()).strip("-")
    return (f"reviewed.{slug}.{number + 1}", before, after, "spun", "", "", "", "", "data:review")


def _prefer(queue: Queue, target: str, known: Mapping[str, Rule]) -> tuple[str, ...] | None:
    """The row of the rule that proposed a pair, if it is about these words alone, with the accepted wording first."""
    numbers = queue.concerned(target)
    item = queue.items[numbers[0]] if numbers else None
    rule = known.get(item.rule) if item else None
    if item is None or rule is None or rule.spun != item.before or item.after not in rule.originals:
        return None
    originals = (item.after, *(original for original in rule.originals if original != item.after))
    return _promote(replace(rule, originals=originals))


def _correct(queue: Queue, target: str, known: Mapping[str, Rule], row: tuple[str, ...]) -> tuple[str, ...]:
    """The row, made to act wherever the rule acts whose wording it corrects."""
    numbers = queue.concerned(target)
    rule = known.get(queue.items[numbers[0]].rule) if numbers else None
    if rule is None or rule.tier not in {"safe", "context"}:
        return row
    id, before, after = row[:3]
    (view,) = queue.views(numbers[:1])
    left, right = (view.left, view.right) if rule.when else ("", "")
    example = re.sub(r"\s+", " ", f"{left}[[{before}=>{after}]]{right}")
    return (id, before, after, rule.tier, " ; ".join(rule.when), " ; ".join(rule.unless), example, after, row[-1])


def _acts(queue: Queue, target: str) -> bool:
    """Whether every edit of a pair is made without a person."""
    concerned = [queue.items[number] for number in queue.concerned(target)]
    return bool(concerned) and all(item.tier in AUTOMATIC_TIERS for item in concerned)


def _reason(decision: Decision) -> str:
    words = f"rejected by {decision.by or 'a reviewer'}" + (f": {decision.note}" if decision.note else "")
    return re.sub(r"\s+", " ", words)


def _add_allowed(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Adds phrases to an allow list that people may have written in."""
    text = path.read_text("utf-8") if path.is_file() else "phrase\treason\n"
    held = {line.partition("\t")[0] for line in text.splitlines()}
    gap = "" if text.endswith("\n") else "\n"
    path.write_text(text + gap + _table(row for row in rows if row[0] not in held), "utf-8")


def _settings(repair: RepairSettings, folder: Path, disabled: Iterable[str]) -> str:
    folders = [*(rules for rules in repair.rules if Path(rules) != folder), str(folder)]
    lists = {"rules": folders, "disable": [*repair.disable, *(rule for rule in disabled if rule not in repair.disable)]}
    lines = [f"{key} = [{', '.join(map(_quote, values))}]\n" for key, values in lists.items()]
    return f"{_HEAD}[repair]\n{''.join(lines)}"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _table(rows: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)
