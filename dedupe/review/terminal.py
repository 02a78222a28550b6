"""Review in a terminal: one edit at a time, one key a verdict, each on disk before the next edit is shown.

What the screen shows and what a key does is decided here; how a screen is drawn and a key read is the caller's. Texts of
articles pass through `show_invisible`, so that nothing in them can move the cursor, colour or reorder the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dedupe.errors import DedupeError
from dedupe.model import Verdict
from dedupe.review.articles import ArticleStore
from dedupe.review.filters import filter_edits
from dedupe.review.marks import Change, Mark, mark_changes
from dedupe.review.markup import show_invisible
from dedupe.review.queue import SAMPLE, Group, Queue
from dedupe.review.report import EditView

_TYPED_ABOVE = 1_000  # edits; more than these are decided at once only when their number is typed
_LEAST_SAMPLE = 10  # accepted edits, from which on something can be said of the rest
_WIDE = 600  # characters of context on each side after "c"
_LONGEST = 1_500  # characters of a wording that are shown
_VIEWS = ("marked", "original", "final")
_COLOURS: dict[Change, str] = {"gone": "\x1b[31;9m", "new": "\x1b[32;1m"}
_PLAIN: dict[Change, tuple[str, str]] = {"gone": ("[-", "-]"), "new": ("{+", "+}")}
HELP = """\
 y n       accept, reject, and on to the next        u         take back the last decision
 s space   skip for now                              U         take back the decision on this rule or pair
 e         your own words instead                    m         mark for a second reader, with a note
 a d       accept, reject the rest of this rule      p P       accept, reject this pair everywhere
 j k       next, previous that waits                 J K       next, previous of all
 / f       search words or /expression/, filter      g         go to edit number ... of the rule
 w c i     words or characters, context, spaces      v         marked, original, final
 q Ctrl-C  stop; everything is saved                 ?         this help

 filters:  tier:ask status:pending rule:verb.* source:... article:... "pair:extra=>further" quote:yes"""


class Terminal(Protocol):
    """What the review needs of a terminal."""

    def show(self, text: str) -> None:
        """Put a text on the screen, in place of what was there."""

    def read_key(self) -> str:
        """The next key; KeyboardInterrupt for Ctrl-C, EOFError when there are no more."""

    def ask(self, question: str, default: str = "") -> str | None:
        """A line of text; None when the answer is refused."""


class Painter:
    """Marks texts up: by colour, or by git's [-old-]{+new+} where there is none."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self.show_spaces = False

    def plain(self, text: str) -> str:
        """A text of an article, safe to be shown."""
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
        shown = show_invisible(text)
        return shown.replace(" ", "·") if self.show_spaces else shown

    def mark(self, mark: Mark) -> str:
        """A mark, safe to be shown."""
        text = self.plain(mark.text)
        if mark.change not in _PLAIN:
            return text
        if self.colour:
            return f"{_COLOURS[mark.change]}{text}\x1b[0m"
        return text.join(_PLAIN[mark.change])

    def strong(self, text: str) -> str:
        """A text that stands out."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def quiet(self, text: str) -> str:
        """A text that stands back."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text


class TerminalReview:
    """The review of a queue's edits at a terminal."""

    def __init__(self, queue: Queue, articles: ArticleStore, terminal: Terminal, painter: Painter) -> None:
        self._queue, self._articles, self._terminal, self._painter = queue, articles, terminal, painter
        self._order: list[int] = []
        self._place = 0
        self._filter, self._message = "", ""
        self._view, self._characters, self._wide = 0, False, False
        self._decided = 0
        self._arrange()

    def run(self) -> int:
        """Show edits and take verdicts until the reviewer stops; how many decisions were made."""
        if self._current() is None or self._queue.status(self._order[self._place]) != "pending":
            self._move(1, waiting=True)
        try:
            while True:
                if self._queue.refresh():
                    self._arrange_anew()
                self._terminal.show(self.draw())
                self._message = ""
                key = self._terminal.read_key()
                if key == "q":
                    break
                self.press(key)
        except (KeyboardInterrupt, EOFError):
            pass
        return self._decided

    def draw(self) -> str:
        """The screen."""
        number = self._current()
        if number is None:
            what = f"no edit passes the filter {self._filter!r}; f changes it" if self._filter else "the run made no edits"
            return f"{what}\n\n{self._message}\nq stops, ? helps"
        view = self._queue.views([number])[0]
        parts = [self._draw_head(number), "", self._draw_edit(view), "", self._draw_facts(number, view)]
        if told := self._draw_bound(self._group(number)):
            parts += ["", told]
        if self._queue.counts().pending == 0:
            parts += ["", "every edit is decided; q stops"]
        parts += [
            "",
            self._message,
            self._painter.quiet("y n s e · a d rest of rule · p P pair · u undo · j k / f v c · ? help · q"),
        ]
        return "\n".join(parts)

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        actions: dict[str, Callable[[], None]] = {
            "y": lambda: self._decide("accept"),
            "n": lambda: self._decide("reject"),
            "s": lambda: self._move(1, waiting=True),
            " ": lambda: self._move(1, waiting=True),
            "e": self._replace,
            "m": self._flag,
            "a": lambda: self._decide_rest("accept"),
            "d": lambda: self._decide_rest("reject"),
            "p": lambda: self._decide_pair("accept"),
            "P": lambda: self._decide_pair("reject"),
            "u": self._undo,
            "U": self._undo_group,
            "j": lambda: self._move(1, waiting=True),
            "k": lambda: self._move(-1, waiting=True),
            "J": lambda: self._move(1),
            "K": lambda: self._move(-1),
            "/": lambda: self._narrow("search words, or /expression/ (nothing: all)"),
            "f": lambda: self._narrow("filter (nothing: all)"),
            "g": self._go,
            "w": self._toggle_characters,
            "c": self._toggle_context,
            "i": self._toggle_spaces,
            "v": self._next_view,
            "?": lambda: self._say(HELP),
        }
        if key not in actions:
            self._say(f"{key} does nothing; ? lists the keys")
        elif self._current() is not None or key in "/f?":
            actions[key]()

    def _arrange(self) -> None:
        everything = [number for group in self._queue.groups for number in group.members]
        self._order = filter_edits(self._queue, self._filter, everything) if self._filter else everything
        self._place = 0

    def _arrange_anew(self) -> None:
        """After a change of the run itself: the same edit, if it is still there."""
        number = self._current()
        self._arrange()
        self._place = self._order.index(number) if number in self._order else 0

    def _current(self) -> int | None:
        return self._order[self._place] if self._order else None

    def _here(self) -> int:
        return self._order[self._place]

    def _group(self, number: int) -> Group:
        return self._queue.group_of[self._queue.items[number].rule]

    def _say(self, message: str) -> None:
        self._message = "\n".join(show_invisible(line) for line in message.split("\n"))

    # What is drawn.

    def _draw_head(self, number: int) -> str:
        queue, group, counts = self._queue, self._group(number), self._queue.counts()
        decided = counts.all - counts.pending
        share = f"accepted {(counts.accepted + counts.replaced) / decided:.0%}" if decided else "nothing decided"
        rule = queue.groups.index(group) + 1
        head = (
            f"rule {rule}/{len(queue.groups)} · item {group.members.index(number) + 1:,}/{len(group.members):,}"
            f" · pending {counts.pending:,} · {share}"
        )
        narrowed = f" · filter {show_invisible(self._filter)} ({len(self._order):,})" if self._filter else ""
        conflicts = f" · {len(queue.live.ledger.conflicts)} in conflict" if queue.live.ledger.conflicts else ""
        return self._painter.strong(head + narrowed + conflicts)

    def _draw_edit(self, view: EditView) -> str:
        edit, paint = view.edit, self._painter
        left, right = self._context(view) if self._wide else (view.left, view.right)
        name = _VIEWS[self._view]
        if name == "original":
            middle = paint.strong(paint.plain(edit.before))
        elif name == "final":
            middle = paint.strong(paint.plain(edit.after))
        else:
            middle = "".join(paint.mark(mark) for mark in mark_changes(edit.before, edit.after, characters=self._characters))
        return f"{paint.plain(left)}{middle}{paint.plain(right)}"

    def _context(self, view: EditView) -> tuple[str, str]:
        edit = view.edit
        try:
            article = self._articles.get(edit.article)
        except DedupeError as error:
            self._say(str(error))
            article = None
        text = article.fields.get(edit.field, "") if article else ""
        if text[edit.start : edit.end] != edit.before:
            return view.left, view.right
        return text[max(0, edit.start - _WIDE) : edit.start], text[edit.end : edit.end + _WIDE]

    def _draw_facts(self, number: int, view: EditView) -> str:
        edit, decision = view.edit, self._queue.verdicts[number]
        facts = [", ".join(edit.rules), edit.tier + ("" if view.made else ", not made")]
        facts += ["in a quotation"] if edit.in_quote else []
        facts += [f"evidence: {', '.join(edit.evidence)}"] if edit.evidence else []
        facts += [f"view: {_VIEWS[self._view]}"] if self._view else []
        place = f"{edit.article} {edit.field} {edit.start}" + (f" ({view.source})" if view.source else "")
        state = "waits"
        if decision:
            words = f" {decision.replacement!r}" if decision.verdict == "replace" else ""
            state = f"{self._queue.status(number)}{words} by {decision.by or 'somebody'} ({_name_scope(decision.target)})"
        return self._painter.quiet(show_invisible(f"{' · '.join(facts)} · {place}")) + f"\n{show_invisible(state)}"

    def _draw_bound(self, group: Group) -> str:
        told = self._queue.bound(group)
        waiting = len(self._waiting(group.members))
        if told is None or told[0] < _LEAST_SAMPLE or not waiting or self._filter:
            return ""
        accepted, bound = told
        sample = min(SAMPLE, len(group.members))
        return (
            f"{accepted} of the random sample of {sample} accepted, none rejected: at most {bound:.0%} of this rule's edits"
            f" are wrong (95 %); a accepts the {waiting:,} that wait"
        )

    # What keys do.

    def _decide(self, verdict: Verdict, replacement: str | None = None, note: str = "") -> None:
        self._queue.decide(f"edit:{self._queue.items[self._here()].id}", verdict, replacement, note)
        self._decided += 1
        self._move(1, waiting=True)

    def _replace(self) -> None:
        item = self._queue.items[self._here()]
        words = self._terminal.ask("your words", item.after)
        if words is None:
            self._say("nothing was changed")
        else:
            self._decide("replace", words)

    def _flag(self) -> None:
        note = self._terminal.ask("note for the second reader")
        if note is not None:
            self._decide("flag", note=note)

    def _decide_rest(self, verdict: Verdict) -> None:
        """All that waits of this rule; of a filter only what passes it, edit by edit."""
        group = self._group(self._here())
        members = self._waiting(group.members)
        if self._filter:
            members = self._waiting(set(self._order).intersection(group.members))
            targets = [f"edit:{self._queue.items[number].id}" for number in members]
            what = f"of rule {group.rule} that pass the filter"
        else:
            targets, what = [f"rule:{group.rule}"], f"that wait of rule {group.rule}"
        if self._confirm(verdict, members, what):
            self._queue.decide_all(targets, verdict)
            self._decided += len(targets)
            self._say(f"{verdict}ed {len(members):,} edits {what}; u takes it back")
            self._move(1, waiting=True)

    def _decide_pair(self, verdict: Verdict) -> None:
        item = self._queue.items[self._here()]
        members = self._waiting(self._queue.concerned(f"pair:{item.pair}"))
        what = f"{item.before!r} → {item.after!r} everywhere"
        if self._confirm(verdict, members, what):
            self._queue.decide(f"pair:{item.pair}", verdict)
            self._decided += 1
            hint = "; `dedupe decisions export --as rules` puts it on the allow list" if verdict == "reject" else ""
            self._say(f"{verdict}ed {show_invisible(what)}: {len(members):,} edits{hint}")
            self._move(1, waiting=True)

    def _confirm(self, verdict: Verdict, members: Sequence[int], what: str) -> bool:
        """Whether the reviewer wants it, having seen the number and a sample."""
        if not members:
            self._say("nothing of it waits")
            return False
        views = self._queue.views(self._queue.sample(members))
        lines = [self._painter.strong(f"{verdict} {len(members):,} edits {show_invisible(what)}?"), ""]
        lines += [f"  {self._draw_line(view)}" for view in views]
        if len(members) > len(views):
            lines.append(self._painter.quiet(f"  … {len(views)} of them at random"))
        self._terminal.show("\n".join(lines) + "\n")
        if len(members) > _TYPED_ABOVE:
            typed = self._terminal.ask(f"type {len(members)} to {verdict} them all")
            agreed = typed is not None and typed.replace(",", "").strip() == str(len(members))
        else:
            agreed = (self._terminal.ask("y or n", "n") or "").lower() in {"y", "yes"}
        if not agreed:
            self._say("nothing was decided")
        return agreed

    def _draw_line(self, view: EditView) -> str:
        marks = "".join(self._painter.mark(mark) for mark in mark_changes(view.edit.before, view.edit.after))
        return f"{self._painter.plain(view.left[-30:])}{marks}{self._painter.plain(view.right[:30])}"

    def _undo(self) -> None:
        undone = self._queue.undo()
        if not undone:
            self._say("there is nothing of yours to take back")
            return
        more = f" and {len(undone) - 1:,} more" if len(undone) > 1 else ""
        self._say(f"taken back: {undone[0].verdict} on {_name_scope(undone[0].target)}{more}")
        self._show_first(self._queue.concerned(undone[0].target))

    def _undo_group(self) -> None:
        """Take back the reviewer's last decision on the rule or pair of the current edit."""
        item = self._queue.items[self._here()]
        targets = {f"pair:{item.pair}", *(f"rule:{rule}" for rule in item.rules)}
        own = [decision for decision in self._queue.standing() if decision.target in targets]
        if own:
            self._queue.decide(own[-1].target, "revert")
            self._say(f"taken back: {own[-1].verdict} on {_name_scope(own[-1].target)}")
        else:
            self._say("you decided neither on this rule nor on this pair")

    def _move(self, step: int, waiting: bool = False) -> None:
        place = self._place + step
        while 0 <= place < len(self._order):
            if not waiting or self._queue.status(self._order[place]) == "pending":
                self._place = place
                return
            place += step
        if waiting and step > 0:
            earlier = [n for n in range(self._place) if self._queue.status(self._order[n]) == "pending"]
            if earlier:
                self._place = earlier[0]
                self._say("back at the first that waits")
                return
        if not self._message:
            self._say("there is none further")

    def _show_first(self, numbers: Sequence[int]) -> None:
        wanted = set(numbers)
        self._place = next((place for place, number in enumerate(self._order) if number in wanted), self._place)

    def _narrow(self, question: str) -> None:
        text = self._terminal.ask(question)
        if text is None:
            return
        earlier = self._filter, self._order, self._place
        try:
            self._filter = text.strip()
            self._arrange()
        except DedupeError as error:
            self._filter, self._order, self._place = earlier
            self._say(str(error))

    def _go(self) -> None:
        members = self._group(self._here()).members
        typed = self._terminal.ask(f"number, 1 to {len(members)}") or ""
        if typed.isdecimal() and 1 <= int(typed) <= len(members):
            self._show_first([members[int(typed) - 1]])
        else:
            self._say("there is no such number")

    def _waiting(self, numbers: Sequence[int] | set[int]) -> list[int]:
        return [number for number in numbers if self._queue.status(number) == "pending"]

    def _toggle_characters(self) -> None:
        self._characters = not self._characters

    def _toggle_context(self) -> None:
        self._wide = not self._wide

    def _toggle_spaces(self) -> None:
        self._painter.show_spaces = not self._painter.show_spaces

    def _next_view(self) -> None:
        self._view = (self._view + 1) % len(_VIEWS)


def _name_scope(target: str) -> str:
    kind, _, name = target.partition(":")
    return "this edit" if kind == "edit" else show_invisible(f"{kind} {name}")
