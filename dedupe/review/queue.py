"""The queue: every edit of a run with what was decided on it, in the order in which a person should look.

Rules come first by what is at stake: how many of their edits wait, and how doubtful they are. Of a rule the first SAMPLE edits
are a random sample, for what is seen there can be said of all; the others follow by their before→after pair, in file order. Of
an edit only what grouping needs is kept; the rest is read from edits.jsonl when it is shown.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dedupe.errors import UsageError, did_you_mean
from dedupe.model import Decision, Tier, Verdict
from dedupe.review.ledger import LiveLedger, split_articles
from dedupe.review.report import EditView, read_views

EDITS = "edits.jsonl"
SAMPLE = 60  # edits of a rule in random order; 60 accepted ones bound its error rate at 5 %
# How likely an edit of a tier wants a person's verdict: made though it may be wrong, before proposed, before certain.
_DOUBT: dict[Tier, float] = {"spun": 0.5, "witness": 0.35, "context": 0.3, "ask": 0.25, "safe": 0.05, "flag": 0.01}
_QUOTED = 2.0  # words put into somebody's mouth


class Item(NamedTuple):
    """An edit as the queue keeps it; `offset` is where its line begins in edits.jsonl."""

    id: str
    article: str
    before: str
    after: str
    rules: tuple[str, ...]
    tier: Tier
    in_quote: bool
    made: bool
    source: str
    offset: int

    @property
    def rule(self) -> str:
        """The rule that counts for grouping."""
        return self.rules[0]

    @property
    def pair(self) -> str:
        """What is replaced by what."""
        return f"{self.before}→{self.after}"


@dataclass(frozen=True, slots=True)
class Group:
    """The edits of one rule, as indexes of the queue's items in the order of review."""

    rule: str
    members: tuple[int, ...]
    risk: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many edits there are in all, wait, and were accepted, rejected or replaced."""

    all: int
    pending: int
    accepted: int
    rejected: int
    replaced: int


class Queue:
    """The edits of the run in `out` and the verdicts on them. Decisions go to the ledger at once.

    `reviewer` signs them. `clock` tells the time. Safe to be used by several threads.
    """

    def __init__(self, out: Path, reviewer: str = "", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.out, self.reviewer, self.clock = out, reviewer, clock
        self.lock = threading.RLock()
        self.live = LiveLedger(out)
        self.reload()

    def reload(self) -> None:
        """Read the edits and the verdicts again, as after `apply`."""
        path = self.out / EDITS
        if not path.is_file():
            raise UsageError(f"holds no {EDITS}; name the output folder of `dedupe run`", path=str(self.out))
        with self.lock:
            self._signature = _sign_file(path)
            self.items = list(_read_items(path))
            self.made = sum(item.made for item in self.items)
            self.place = {item.id: number for number, item in enumerate(self.items)}
            self._indexes: dict[str, dict[str, list[int]]] = {}
            self.live.refresh()
            self.verdicts: list[Decision | None] = [None] * len(self.items)
            self._tally = Counter[str]()
            self._settle({number for decision in self.live.ledger for number in self.concerned(decision.target)})
            self.groups = sorted(self._make_groups(), key=lambda group: (-group.risk, group.rule))
            self.group_of = {group.rule: group for group in self.groups}

    def counts(self, members: Iterable[int] | None = None) -> Counts:
        """The counts of some edits, or of all."""
        if members is None:
            tally, total = self._tally, len(self.items)
        else:
            chosen = list(members)
            tally, total = Counter(self.status(number) for number in chosen), len(chosen)
        return Counts(
            total, total - sum(tally[s] for s in _STATES.values()), tally["accepted"], tally["rejected"], tally["replaced"]
        )

    def status(self, number: int) -> str:
        """What was decided on an edit: accepted, rejected, replaced, or pending."""
        decision = self.verdicts[number]
        return _STATES[decision.verdict] if decision else "pending"

    def concerned(self, target: str) -> list[int]:
        """The edits that a target speaks of, whatever governs them."""
        head, _, name = target.partition(":")
        kind, _, source = head.partition("@")
        if kind == "edit":
            return [self.place[name]] if name in self.place else []
        found = self._index(kind).get(name, [])
        return [number for number in found if not source or self.items[number].source == source]

    def decide(self, target: str, verdict: Verdict, replacement: str | None = None, note: str = "") -> Decision:
        """The decision, on disk and in effect."""
        return self.take([Decision(target, verdict, replacement, self.reviewer, self._now(), note)])[-1]

    def decide_all(self, targets: Iterable[str], verdict: Verdict, replacement: str | None = None) -> None:
        """The same verdict on several targets, written at once; one `undo` takes them all back."""
        at = self._now()
        self.take([Decision(target, verdict, replacement, self.reviewer, at) for target in targets])

    def take(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Decisions that are made already, on disk and in effect; with them what others decided meanwhile."""
        with self.lock:
            news = self.live.append(decisions)
            self._note(news)
            return news

    def refresh(self) -> bool:
        """Whether the run was written anew since the last look, so that its edits have other numbers.

        What others decided meanwhile is in effect from now on.
        """
        with self.lock:
            if _sign_file(self.out / EDITS) != self._signature:
                self.reload()
                return True
            self._note(self.live.refresh())
            return False

    def undo(self) -> list[Decision]:
        """The reviewer's latest decision that still stands, taken back, with all that were made by the same act."""
        with self.lock:
            standing = self.standing()
            act = [decision for decision in standing if decision.at and decision.at == standing[-1].at] or standing[-1:]
            self.decide_all([decision.target for decision in reversed(act)], "revert")
            return act

    def standing(self) -> list[Decision]:
        """The reviewer's own decisions that were not taken back, in their order."""
        stack: list[Decision] = []
        for decision in self.live.history:
            if decision.by != self.reviewer:
                continue
            if decision.verdict != "revert":
                stack.append(decision)
                continue
            last = next((n for n in range(len(stack) - 1, -1, -1) if stack[n].target == decision.target), None)
            if last is not None:
                del stack[last]
        return stack

    def views(self, numbers: Sequence[int]) -> list[EditView]:
        """The edits with the text around them, read from the file."""
        if not numbers:
            return []
        with (self.out / EDITS).open("rb") as file:
            lines = []
            for number in numbers:
                file.seek(self.items[number].offset)
                lines.append(json.loads(file.readline()))
        return list(read_views(lines))

    def sample(self, members: Sequence[int], most: int = 10) -> list[int]:
        """Up to `most` of the edits that wait, at random: ids are hashes, so their order is one, and always the same."""
        waiting = [number for number in members if self.verdicts[number] is None]
        return sorted(waiting, key=lambda number: self.items[number].id)[:most]

    def bound(self, group: Group) -> tuple[int, float] | None:
        """How many edits of the rule's random sample were accepted, none rejected, and the share that may be wrong at most.

        The bound holds with 95 % confidence. None after a rejection, or when nothing was decided one by one.
        """
        seen = [d for n in group.members[:SAMPLE] if (d := self.verdicts[n]) is not None and d.target.startswith("edit:")]
        if not seen or any(decision.verdict != "accept" for decision in seen):
            return None
        return len(seen), error_bound(len(seen))

    def check_target(self, target: str) -> None:
        """Nothing, if the run holds what the target speaks of; UsageError otherwise."""
        kind = target.partition(":")[0].partition("@")[0]
        if kind in {"articles", "canonical"}:
            if kind == "articles":
                split_articles(target)
            return
        if not self.concerned(target):
            name = target.partition(":")[2]
            hint = did_you_mean(name, self._index(kind)) if kind != "edit" else "edits.jsonl holds the ids"
            raise UsageError(f"the run holds no edit of the {kind} {name!r}; {hint}", path=str(self.out))

    def _index(self, kind: str) -> dict[str, list[int]]:
        """The edits by article, pair or rule; made when it is first asked for, so that the first edit is seen sooner."""
        names: dict[str, Callable[[Item], Iterable[str]]] = {
            "article": lambda item: [item.article],
            "pair": lambda item: [item.pair],
            "rule": lambda item: item.rules,
        }
        if kind not in names:
            return {}
        if kind not in self._indexes:
            index = defaultdict[str, list[int]](list)
            for number, item in enumerate(self.items):
                for name in names[kind](item):
                    index[name].append(number)
            self._indexes[kind] = index
        return self._indexes[kind]

    def _now(self) -> str:
        return self.clock().isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _note(self, news: Iterable[Decision]) -> None:
        for decision in news:
            self._settle(self.concerned(decision.target))

    def _settle(self, numbers: Iterable[int]) -> None:
        """Find out again what governs some edits."""
        ledger, tally = self.live.ledger, self._tally
        for number in numbers:
            if earlier := self.verdicts[number]:
                tally[_STATES[earlier.verdict]] -= 1
            item = self.items[number]
            decision = self.verdicts[number] = ledger.find(item, item.source)
            if decision:
                tally[_STATES[decision.verdict]] += 1

    def _make_groups(self) -> Iterator[Group]:
        members: dict[str, list[int]] = {}
        for number, item in enumerate(self.items):
            members.setdefault(item.rule, []).append(number)
        for rule, numbers in members.items():
            waiting = [self.items[number] for number in numbers if self.verdicts[number] is None]
            risk = sum(_DOUBT[item.tier] * (_QUOTED if item.in_quote else 1.0) for item in waiting)
            yield Group(rule, tuple(self._arrange(numbers)), risk)

    def _arrange(self, numbers: list[int]) -> list[int]:
        """A random sample, then the rest by pair, the most frequent first, and those in quotations before others."""
        items = self.items
        order = sorted(numbers, key=lambda number: items[number].id)[:SAMPLE]
        sampled = set(order)
        by_pair = defaultdict[tuple[str, str], list[int]](list)
        for number in numbers:
            by_pair[items[number].before, items[number].after].append(number)
        for _, found in sorted(by_pair.items(), key=lambda entry: (-len(entry[1]), entry[0])):
            rest = [number for number in found if number not in sampled]
            order += sorted(rest, key=lambda number: not items[number].in_quote)
        return order


_STATES: dict[Verdict, str] = {"accept": "accepted", "reject": "rejected", "replace": "replaced"}


def error_bound(accepted: int) -> float:
    """The share of wrong edits that a random sample of accepted ones without a rejection leaves possible, at 95 %.

    1 − 0.05^(1/n), nearly 3/n (Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?").

    >>> [round(error_bound(n), 3) for n in (1, 10, 60, 300)]
    [0.95, 0.259, 0.049, 0.01]
    """
    return float(1 - 0.05 ** (1 / accepted))


def _sign_file(path: Path) -> tuple[int, int, int]:
    """What differs when a file was replaced."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read_items(path: Path) -> Iterator[Item]:
    kept: dict[Any, Any] = {}
    keep = kept.setdefault  # one copy of each text
    parse = json.JSONDecoder().raw_decode
    with path.open("rb") as file:
        offset = 0
        for raw in file:
            line, _ = parse(raw.decode())
            rules = tuple(line["rules"])
            before, after, source, tier = line["before"], line["after"], line.get("source", ""), line["tier"]
            yield Item(
                line["id"],
                keep(line["article"], line["article"]),
                keep(before, before),
                keep(after, after),
                keep(rules, rules),
                keep(tier, tier),
                line["in_quote"],
                line["made"],
                keep(source, source),
                offset,
            )
            offset += len(raw)
