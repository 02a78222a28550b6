"""The ledger: people's decisions, one line each in an append-only `decisions.jsonl`; the latest on a target counts.

    target                          what it decides on                           precedence
    edit:<id>                       one edit                                     first
    article:<id>                    every edit of an article
    pair@<source>:<before>→<after>  the same replacement in articles of a source
    pair:<before>→<after>           the same replacement anywhere
    rule@<source>:<rule id>         whatever a rule proposes for a source
    rule:<rule id>                  whatever a rule proposes                     last

Undo is one more line, with the verdict `revert`. Ledgers merge by concatenation.
"""

from __future__ import annotations

import bisect
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from dedupe.errors import InputError, UsageError
from dedupe.model import Decision, Edit, Verdict, as_dict

FILE_NAME = "decisions.jsonl"
_TARGET_KINDS = ("edit", "article", "pair", "rule")


class Ledger:
    """The decisions in force, and how they settle edits.

    `cut_off` tells that the last line was incomplete, as after a crash, and was left out.

    >>> edit = Edit("a", "text", 0, 5, "extra", "additional", ("word.extra",), "ask")
    >>> ledger = Ledger([Decision("rule:word.extra", "accept"), Decision(f"edit:{edit.id}", "replace", "further")])
    >>> [settled.after for settled in ledger.settle([edit], source="")]
    ['further']
    """

    def __init__(self, decisions: Iterable[Decision] = (), cut_off: bool = False) -> None:
        self.cut_off = cut_off
        self._by_target: dict[str, Decision] = {}
        for decision in decisions:
            if decision.verdict == "revert":
                self._by_target.pop(decision.target, None)
            else:
                self._by_target[decision.target] = decision

    @classmethod
    def load(cls, out: Path) -> Ledger:
        """The ledger of an output folder, empty if it has none. Raises InputError for a line that is no decision."""
        path = out / FILE_NAME
        content = path.read_bytes() if path.is_file() else b""
        whole = content[: len(content) - _torn_bytes(content)]
        return cls(_parse_lines(whole.decode("utf-8", "replace").split("\n"), str(path)), len(whole) < len(content))

    def __len__(self) -> int:
        return len(self._by_target)

    def find(self, edit: Edit, source: str) -> Decision | None:
        """The decision that governs an edit in an article of `source`, by precedence; None if there is none."""
        pair = f"{edit.before}→{edit.after}"
        targets = [f"edit:{edit.id}", f"article:{edit.article}", f"pair@{source}:{pair}", f"pair:{pair}"]
        targets += [f"rule@{source}:{rule}" for rule in edit.rules] + [f"rule:{rule}" for rule in edit.rules]
        found = (self._by_target[target] for target in targets if target in self._by_target)
        return next((decision for decision in found if decision.verdict != "skip"), None)

    def settle(self, edits: Sequence[Edit], source: str) -> list[Edit]:
        """The edits to be made: the automatic ones not rejected, the others if accepted; replacements put in.

        An edit that would overlap one already taken is left out: decisions on single edits come first, then the automatic
        ones in the order of the text.
        """
        taken: list[Edit] = []
        places: dict[str, list[tuple[int, int]]] = {}
        for edit, decision in sorted(((e, self.find(e, source)) for e in edits), key=_urgency):
            accepted = edit.automatic if decision is None else decision.verdict != "reject"
            if accepted and _take_place(places.setdefault(edit.field, []), (edit.start, edit.end)):
                replaced = decision is not None and decision.verdict == "replace"
                after = decision.replacement or "" if decision and replaced else edit.after
                taken.append(dataclasses.replace(edit, after=after))
        return sorted(taken, key=lambda edit: (edit.field, edit.start, edit.end))

    def stale_decisions(self, known: set[str]) -> list[str]:
        """What is not in effect: the targets of decisions on edits that are not `known` (their text changed); a torn line."""
        edits = (target for target in self._by_target if target.startswith("edit:"))
        stale = sorted(target for target in edits if target.removeprefix("edit:") not in known)
        return [*stale, "the last line, which is incomplete"] if self.cut_off else stale


def append_decision(out: Path, decision: Decision) -> None:
    """Writes one decision at the end of the ledger and waits until it is on disk; a line torn by a crash is cut away.

    Raises UsageError for a target of unknown kind, or a replacement missing from the verdict `replace`.
    """
    check_decision(decision)
    line = json.dumps(as_dict(decision)) + "\n"
    path = out / FILE_NAME
    with path.open("ab+") as file:
        file.seek(0)
        content = file.read()
        whole = content[: len(content) - _torn_bytes(content)]
        file.truncate(len(whole))
        file.write((b"\n" if whole and not whole.endswith(b"\n") else b"") + line.encode())
        file.flush()
        os.fsync(file.fileno())


def check_decision(decision: Decision) -> None:
    """Nothing, if the decision is well formed; UsageError otherwise."""
    kind = decision.target.partition(":")[0].partition("@")[0]
    if kind not in _TARGET_KINDS or ":" not in decision.target:
        raise UsageError(
            f"unknown target {decision.target!r}; it begins with one of {', '.join(k + ':' for k in _TARGET_KINDS)}"
        )
    if decision.verdict not in get_args(Verdict):
        raise UsageError(f"unknown verdict {decision.verdict!r}; known: {', '.join(get_args(Verdict))}")
    if decision.verdict == "replace" and decision.replacement is None:
        raise UsageError(f"the verdict replace on {decision.target!r} needs a replacement")


def _parse_lines(lines: Sequence[str], path: str) -> Iterator[Decision]:
    known = {field.name for field in dataclasses.fields(Decision)}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            decision = Decision(**{key: value for key, value in json.loads(line).items() if key in known})
            check_decision(decision)
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"is no decision ({error}); mend or remove the line", path=path, line=number) from None
        yield decision


def _torn_bytes(content: bytes) -> int:
    """The length of a last line that a crash left incomplete; one that merely lacks its newline is whole."""
    last = content.rpartition(b"\n")[2]
    try:
        json.loads(last or b"null")
    except ValueError:
        return len(last)
    return 0


def _urgency(item: tuple[Edit, Decision | None]) -> tuple[bool, bool, str, int, int, tuple[str, ...], str]:
    edit, decision = item
    on_edit = decision is not None and decision.target.startswith("edit:")
    return not on_edit, not edit.automatic, edit.field, edit.start, edit.end, edit.rules, edit.after


def _take_place(places: list[tuple[int, int]], place: tuple[int, int]) -> bool:
    """Whether a span overlaps none of the sorted, disjoint `places`; it is then one of them."""
    at = bisect.bisect_left(places, place)
    # At one offset an insertion and a span may stand, so the span that reaches over `place` is at most two before it.
    if any(_overlap(place, other) for other in places[max(0, at - 2) : at + 1]):
        return False
    places.insert(at, place)
    return True


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return (a[0] < b[1] and b[0] < a[1]) or a == b
