"""The ledger: people's decisions, one line each in an append-only `decisions.jsonl`; the latest on a target counts.

    target                          what it decides on                           precedence
    edit:<id>                       one edit                                     first
    article:<id>                    every edit of an article
    pair@<source>:<before>→<after>  the same replacement in articles of a source
    pair:<before>→<after>           the same replacement anywhere
    rule@<source>:<rule id>         whatever a rule proposes for a source
    rule:<rule id>                  whatever a rule proposes                     last
    articles:["<id>","<id>"]        whether two articles are versions of one text
    canonical:<id>                  that an article survives, of its cluster

Undo is one more line, with the verdict `revert`: it takes back the reviewer's last decision on the target. Ledgers merge by
concatenation: lines are put in the order of their times, and where two reviewers disagree, neither knowing of the other,
neither verdict counts until somebody decides again.
"""

from __future__ import annotations

import bisect
import dataclasses
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, BinaryIO, Protocol, get_args

from dedupe.errors import InputError, UsageError, did_you_mean
from dedupe.model import Decision, Edit, Verdict, as_dict
from dedupe.repair.grammar import match_case

FILE_NAME = "decisions.jsonl"
_ON_EDITS: tuple[Verdict, ...] = ("accept", "reject", "replace", "skip", "flag", "revert")
# The verdicts that a target of each kind may have.
_VERDICTS: dict[str, tuple[Verdict, ...]] = {
    **dict.fromkeys(("edit", "article", "pair", "rule"), _ON_EDITS),
    "articles": ("same", "different", "boilerplate", "skip", "flag", "revert"),
    "canonical": ("accept", "revert"),
}
# Verdicts that leave the decision to others: to the next target, to a second reader.
_OPEN = frozenset({"skip", "flag"})


class Proposed(Protocol):
    """What the ledger needs to know of an edit to find the decision that governs it."""

    @property
    def id(self) -> str: ...
    @property
    def article(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...
    @property
    def rules(self) -> tuple[str, ...]: ...


class Ledger:
    """The decisions in force, and how they settle edits.

    `decisions` come in the order in which they were made. `cut_off` tells that the last line of the file was incomplete, as
    after a crash, and was left out.

    >>> edit = Edit("a", "text", 0, 5, "extra", "additional", ("word.extra",), "ask")
    >>> ledger = Ledger([Decision("rule:word.extra", "accept"), Decision(f"edit:{edit.id}", "replace", "further")])
    >>> [settled.after for settled in ledger.settle([edit], source="")]
    ['further']
    """

    def __init__(self, decisions: Iterable[Decision] = (), cut_off: bool = False) -> None:
        self.cut_off = cut_off
        self.conflicts: dict[str, tuple[Decision, Decision]] = {}
        self._made: dict[str, list[Decision]] = {}
        self._in_force: dict[str, Decision] = {}
        for decision in decisions:
            self.add(decision)

    @classmethod
    def load(cls, out: Path) -> Ledger:
        """The ledger of an output folder, empty if it has none. Raises InputError for a line that is no decision."""
        decisions, cut_off = read_decisions(out / FILE_NAME)
        return cls(in_order(decisions), cut_off)

    def __len__(self) -> int:
        return len(self._in_force)

    def __iter__(self) -> Iterator[Decision]:
        """The decisions in force."""
        return iter(self._in_force.values())

    def add(self, decision: Decision) -> None:
        """Take one more decision into account, the latest so far."""
        target = decision.target
        made = self._made.setdefault(target, [])
        if decision.verdict == "revert":
            own = [place for place, earlier in enumerate(made) if earlier.by == decision.by]
            if made:
                made.pop(own[-1] if own else -1)
        else:
            made.append(decision)
        self._in_force.pop(target, None)
        self.conflicts.pop(target, None)
        if made and (rival := _find_rival(made)):
            self.conflicts[target] = (rival, made[-1])
        elif made:
            self._in_force[target] = made[-1]

    def get(self, target: str) -> Decision | None:
        """The decision in force on exactly this target."""
        return self._in_force.get(target)

    def reviewers(self, target: str) -> tuple[str, ...]:
        """Who has a decision on this target that was not taken back."""
        return tuple(sorted({decision.by for decision in self._made.get(target, ()) if decision.by}))

    def find(self, edit: Proposed, source: str) -> Decision | None:
        """The decision that governs an edit in an article of `source`, by precedence; None if there is none."""
        if not self._in_force:
            return None
        for target in targets_of(edit, source):
            decision = self._in_force.get(target)
            if decision is not None and decision.verdict not in _OPEN:
                return decision
        return None

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
                taken.append(dataclasses.replace(edit, after=word_edit(edit, decision)))
        return sorted(taken, key=lambda edit: (edit.field, edit.start, edit.end))

    def articles(self) -> set[str]:
        """The ids of the articles that decisions name."""
        ids = set[str]()
        for target in self._in_force:
            kind, _, name = target.partition(":")
            if kind == "articles":
                ids.update(split_articles(target))
            elif kind in {"article", "canonical"}:
                ids.add(name)
        return ids

    def stale_decisions(self, edits: set[str], articles: AbstractSet[str] = frozenset()) -> list[str]:
        """What is not in effect, in words: decisions on edits or articles that the run does not hold, for their text changed;
        verdicts in conflict; a torn line.

        `edits` are the ids of all edits of the run; `articles` those of its articles that the ledger names.
        """
        told = []
        for target in self._in_force:
            kind, _, name = target.partition(":")
            named = split_articles(target) if kind == "articles" else (name,)
            if (kind == "edit" and name not in edits) or (
                kind in {"article", "articles", "canonical"} and not articles >= set(named)
            ):
                told.append(target)
        told += [describe_conflict(*rivals) for rivals in self.conflicts.values()]
        return sorted(told) + (["the last line, which is incomplete"] if self.cut_off else [])


class LiveLedger:
    """The ledger of a folder while people decide: what others append is seen, what is decided here is on disk at once.

    Several processes may hold one for the same folder: each line is written whole, under a lock, after the lines of all others.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / FILE_NAME
        self.history: list[Decision] = []
        self.ledger = Ledger()
        self._read = 0
        self.refresh()

    def refresh(self) -> list[Decision]:
        """The decisions that came in since the last look, in effect from now on."""
        if not self.path.is_file():
            return []
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return self._catch_up(file)

    def append(self, decisions: Iterable[Decision], *, made_elsewhere: bool = False) -> list[Decision]:
        """Write decisions at the end and wait until they are on disk; a line torn by a crash is cut away.

        Each is marked with the other reviewers whose verdict it overrules, unless they were `made_elsewhere`, without knowing
        this ledger. What others wrote meanwhile is taken in first. Returns all that is new, the own decisions last. Raises
        UsageError for a decision that is none; then none is written.
        """
        decisions = list(decisions)
        for decision in decisions:
            check_decision(decision)
        is_new = not self.path.exists()
        with self.path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            news = self._catch_up(file)
            file.truncate(self._read)
            gap = b"" if self._read == 0 or _last_byte(file) == b"\n" else b"\n"
            signed = decisions if made_elsewhere else [self._sign(decision) for decision in decisions]
            content = gap + b"".join(encode_decision(decision) for decision in signed)
            if file.write(content) != len(content):
                file.truncate(self._read)
                raise OSError(f"{self.path}: the disk took only a part of a decision; nothing was written")
            os.fsync(file.fileno())
            self._read += len(content)
        if is_new:
            _sync_folder(self.path.parent)
        return news + self._take(signed)

    def _sign(self, decision: Decision) -> Decision:
        others = tuple(name for name in self.ledger.reviewers(decision.target) if name != decision.by)
        return dataclasses.replace(decision, over=others)

    def _catch_up(self, file: BinaryIO | Any) -> list[Decision]:
        """Reads what stands behind the last line that was read, all of it if the file is another one by now."""
        if os.fstat(file.fileno()).st_size < self._read:
            self.history, self.ledger, self._read = [], Ledger(), 0
        file.seek(self._read)
        content = file.read()
        whole = content[: len(content) - _torn_bytes(content)]
        news = list(_parse_lines(whole.decode("utf-8", "replace").split("\n"), str(self.path)))
        self._read += len(whole)
        return self._take(news)

    def _take(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Take decisions into account; if some are older than what is known, all are put in order, and are news."""
        latest = max((decision.at for decision in self.history), default="")
        times = [latest, *(decision.at or latest for decision in decisions)]
        self.history += decisions
        if times != sorted(times):
            self.history = list(in_order(self.history))
            self.ledger = Ledger(self.history)
            return self.history
        for decision in decisions:
            self.ledger.add(decision)
        return list(decisions)


def append_decision(out: Path, decision: Decision) -> None:
    """Writes one decision at the end of the ledger and waits until it is on disk; a line torn by a crash is cut away.

    Raises UsageError for a target of unknown kind, a verdict that it cannot have, or a replacement missing from `replace`.
    """
    LiveLedger(out).append([decision])


def import_decisions(out: Path, file: Path, *, known: Callable[[str], bool] = lambda target: True) -> Imported:
    """What became of the decisions in `file`, made for this or another run, on being taken into the ledger of `out`.

    Those that the ledger holds already are passed over, and those whose target is not `known` to the run are left out.
    """
    if not file.is_file():
        raise UsageError("no such file of decisions", path=str(file))
    decisions, _ = read_decisions(file)
    live = LiveLedger(out)
    held = set(live.history)
    new = [decision for decision in decisions if decision not in held]
    fitting = [decision for decision in new if known(decision.target)]
    earlier = set(live.ledger.conflicts)
    if fitting:
        live.append(fitting, made_elsewhere=True)
    conflicts = tuple(describe_conflict(*two) for target, two in live.ledger.conflicts.items() if target not in earlier)
    return Imported(len(fitting), len(decisions) - len(new), len(new) - len(fitting), conflicts)


@dataclasses.dataclass(frozen=True)
class Imported:
    """How many decisions were taken in, were there before, or are stale: on what the run does not hold; the new conflicts."""

    taken: int
    known: int
    stale: int
    conflicts: tuple[str, ...]


def targets_of(edit: Proposed, source: str) -> list[str]:
    """The targets that speak of an edit, the narrowest first."""
    pair = f"{edit.before}→{edit.after}"
    targets = [f"edit:{edit.id}", f"article:{edit.article}", f"pair@{source}:{pair}", f"pair:{pair}"]
    return targets + [f"rule@{source}:{rule}" for rule in edit.rules] + [f"rule:{rule}" for rule in edit.rules]


def word_edit(edit: Edit, decision: Decision | None) -> str:
    """What an edit puts in under the decision that governs it: its own wording, or the reviewer's.

    Words for all that a rule proposes begin as each place of the text begins: with a capital, or with none.

    >>> edit = Edit("a", "text", 0, 5, "Extra", "Additional", ("word.extra",), "ask")
    >>> word_edit(edit, Decision("rule:word.extra", "replace", "more")), word_edit(edit, Decision("edit:1", "replace", "more"))
    ('More', 'more')
    """
    if decision is None or decision.verdict != "replace":
        return edit.after
    words = decision.replacement or ""
    return match_case(edit.before, words) if decision.target.startswith("rule") else words


def articles_target(a: str, b: str) -> str:
    """The target that speaks of two articles.

    >>> articles_target("b.txt", "a.txt")
    'articles:["a.txt","b.txt"]'
    """
    return "articles:" + json.dumps(sorted((a, b)), ensure_ascii=False, separators=(",", ":"))


def split_articles(target: str) -> tuple[str, str]:
    """The two ids in a target that speaks of two articles. Raises UsageError when there are not two."""
    try:
        a, b = json.loads(target.partition(":")[2])
    except (ValueError, TypeError):
        a = b = None
    if not isinstance(a, str) or not isinstance(b, str) or a >= b:
        raise UsageError(f'{target!r} does not name two articles; write articles:["a","b"], the smaller id first')
    return a, b


def check_decision(decision: Decision) -> None:
    """Nothing, if the decision is well formed; UsageError otherwise."""
    head, colon, name = decision.target.partition(":")
    kind, _, source = head.partition("@")
    if not colon or not name or kind not in _VERDICTS or (source and kind not in {"pair", "rule"}):
        raise UsageError(f"unknown target {decision.target!r}; it begins with one of {', '.join(k + ':' for k in _VERDICTS)}")
    if decision.verdict not in get_args(Verdict):
        raise UsageError(f"unknown verdict {decision.verdict!r}; {did_you_mean(str(decision.verdict), get_args(Verdict))}")
    if decision.verdict not in _VERDICTS[kind]:
        raise UsageError(f"{decision.verdict!r} is no verdict on {decision.target!r}; it takes {', '.join(_VERDICTS[kind])}")
    if kind == "articles":
        split_articles(decision.target)
    if decision.verdict == "replace" and decision.replacement is None:
        raise UsageError(f"the verdict replace on {decision.target!r} needs a replacement")
    if not isinstance(decision.replacement, str | None):
        raise UsageError(f"the replacement for {decision.target!r} is no string")


def encode_decision(decision: Decision) -> bytes:
    """The decision as a line of the ledger."""
    return json.dumps(as_dict(decision)).encode() + b"\n"


def describe_conflict(one: Decision, other: Decision) -> str:
    """Two verdicts that exclude each other, in words."""
    told = (f"{d.by}: {d.verdict}" + (f" {d.replacement!r}" if d.verdict == "replace" else "") for d in (one, other))
    return f"{one.target} ({'; '.join(told)})"


def read_decisions(path: Path) -> tuple[list[Decision], bool]:
    """The decisions of a file in its own order, none if there is no file; and whether its last line is incomplete.

    Raises InputError for any other line that is no decision.
    """
    if not path.is_file():
        return [], False
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        content = file.read()
    whole = content[: len(content) - _torn_bytes(content)]
    return list(_parse_lines(whole.decode("utf-8", "replace").split("\n"), str(path))), len(whole) < len(content)


def in_order(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """The decisions in the order of their times, so that it does not matter how files were concatenated.

    One without a time has that of the line before. What stands there twice, time and all, counts once.
    """
    timed, latest = list[tuple[str, Decision]](), ""
    for decision in decisions:
        latest = decision.at or latest
        timed.append((latest, decision))
    seen = set[Decision]()
    for _, decision in sorted(timed, key=lambda item: item[0]):
        if not decision.at or decision not in seen:
            seen.add(decision)
            yield decision


def _find_rival(made: Sequence[Decision]) -> Decision | None:
    """The last verdict of another reviewer that the latest decision contradicts without knowing of it."""
    latest = made[-1]
    if not latest.by or latest.verdict in _OPEN:
        return None
    known = {latest.by, *latest.over, ""}
    for other in reversed(made[:-1]):
        if other.by not in known:
            known.add(other.by)
            differs = (other.verdict, other.replacement) != (latest.verdict, latest.replacement)
            if other.verdict not in _OPEN and differs:
                return other
    return None


def _parse_lines(lines: Sequence[str], path: str) -> Iterator[Decision]:
    known = {field.name for field in dataclasses.fields(Decision)}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = {key: value for key, value in json.loads(line).items() if key in known}
            decision = Decision(**{**values, "over": tuple(values.get("over", ()))})
            check_decision(decision)
            if not all(isinstance(text, str) for text in (decision.by, decision.at, decision.note, *decision.over)):
                raise ValueError("by, at, note and over hold strings")
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


def _last_byte(file: BinaryIO | Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
