"""Edits in the terminal: one at a time, one key a verdict, each on disk before the next edit is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dedupe.errors import DedupeError
from dedupe.model import Decision, Verdict
from dedupe.review.articles import ArticleStore
from dedupe.review.filters import filter_edits
from dedupe.review.ledger import word_edit
from dedupe.review.marks import Mark, mark_changes
from dedupe.review.pane import Pane, name_target
from dedupe.review.queue import SAMPLE, Group, Queue
from dedupe.review.report import EditView
from dedupe.review.screen import Line, Painter, Span, Terminal

_TYPED_ABOVE = 1_000  # edits; more than these are decided at once only when their number is typed
_LEAST_SAMPLE = 10  # accepted edits, from which on something can be said of the rest
_WIDE = 1_500  # characters of context on each side after "c"; what fits is shown
_VIEWS = ("marked", "original", "final")
_DONE: dict[Verdict, str] = {"accept": "accepted", "reject": "rejected", "replace": "replaced"}
_KEYS = "y n e · a d R rest of rule · p P E pair · u undo · j k c v / · 2 clusters · ? q"
_HELP = """\
 y n e     accept, reject, your own words; and on to the next that waits
 a d R     the same for the rest of this rule, or of it what passes the filter
 A D       accept, reject what passes the filter, of all rules
 p P E     the same for this pair of wordings everywhere
 s space   skip for now           m    mark for a second reader, with a note
 u U       take back your last decision; that on this rule or pair
 j k J K   next, previous that waits; next, previous of all
 / f       search words or /expression/, filter    g  go to a number
 c w i v   whole article, characters, spaces, marked or original or final
 1 2       edits, clusters        q Ctrl-C  stop; everything is saved
 filters   tier:ask status:pending rule:verb.* source:... article:...
           "pair:extra=>further" quote:yes"""


class EditPane(Pane):
    """The review of a queue's edits."""

    def __init__(self, queue: Queue, articles: ArticleStore, terminal: Terminal, painter: Painter) -> None:
        super().__init__(queue, articles, terminal, painter)
        self._order: list[int] = []
        self._place = 0
        self._filter = ""
        self._view, self._characters, self._wide = 0, False, False
        self._arrange()
        if self._current() is not None and queue.status(self._here()) != "pending":
            self._move(1, waiting=True)

    def draw(self) -> str:
        """The screen."""
        number = self._current()
        if number is None:
            what = f"no edit passes the filter {self._filter!r}; f changes it" if self._filter else "the run made no edits"
            return self.compose([[self.painter.text(what)]], [], [], "2 clusters · q stops · ? helps")
        view = self.queue.views([number])[0]
        told = [self._draw_facts(view), [self.painter.text(self._tell_state(number))]]
        if bound := self._draw_bound(self._group(number)):
            told += [[], [Span(bound)]]
        if self.queue.counts().pending == 0:
            told += [[], [Span("every edit is decided; 2 shows the clusters, q stops")]]
        return self.compose([self._draw_head(number)], self._draw_edit(view), told, _KEYS)

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
            "R": lambda: self._decide_rest("replace"),
            "A": lambda: self._decide_passing("accept"),
            "D": lambda: self._decide_passing("reject"),
            "p": lambda: self._decide_pair("accept"),
            "P": lambda: self._decide_pair("reject"),
            "E": lambda: self._decide_pair("replace"),
            "u": self.undo,
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
            "?": lambda: self.say(_HELP),
        }
        if key not in actions:
            self.say(f"{key} does nothing; ? lists the keys")
        elif self._current() is not None or key in "/f?":
            actions[key]()

    def _arrange(self) -> None:
        everything = [number for group in self.queue.groups for number in group.members]
        self._order = filter_edits(self.queue, self._filter, everything) if self._filter else everything
        self._place = 0

    def arrange_anew(self) -> None:
        """After a change of the run itself: the same edit, if it is still there."""
        number = self._current()
        self._arrange()
        self._place = self._order.index(number) if number in self._order else 0

    def _current(self) -> int | None:
        return self._order[self._place] if self._order else None

    def _here(self) -> int:
        return self._order[self._place]

    def _group(self, number: int) -> Group:
        return self.queue.group_of[self.queue.items[number].rule]

    # What is drawn.

    def _draw_head(self, number: int) -> Line:
        queue, group, counts = self.queue, self._group(number), self.queue.counts()
        decided = counts.all - counts.pending
        share = f"accepted {(counts.accepted + counts.replaced) / decided:.0%}" if decided else "nothing decided"
        rule = queue.groups.index(group) + 1
        head = (
            f"rule {rule}/{len(queue.groups)} · item {group.members.index(number) + 1:,}/{len(group.members):,}"
            f" · pending {counts.pending:,} · {share}"
        )
        narrowed = f" · filter {self._filter} ({len(self._order):,})" if self._filter else ""
        conflicts = f" · {len(queue.live.ledger.conflicts)} in conflict" if queue.live.ledger.conflicts else ""
        return [self.painter.text(head + narrowed + conflicts, "strong")]

    def _draw_edit(self, view: EditView) -> list[Span]:
        edit, paint = view.edit, self.painter
        left, right = self._context(view) if self._wide else (view.left, view.right)
        name = _VIEWS[self._view]
        if name == "original":
            middle = [paint.text(edit.before, "strong")]
        elif name == "final":
            middle = [paint.text(edit.after, "strong")]
        else:
            middle = [paint.mark(mark) for mark in mark_changes(edit.before, edit.after, characters=self._characters)]
        return [paint.lines(left), *middle, paint.lines(right)]

    def _context(self, view: EditView) -> tuple[str, str]:
        edit = view.edit
        try:
            article = self.articles.get(edit.article)
        except DedupeError as error:
            self.say(str(error))
            article = None
        text = article.fields.get(edit.field, "") if article else ""
        if text[edit.start : edit.end] != edit.before:
            return view.left, view.right
        return text[max(0, edit.start - _WIDE) : edit.start], text[edit.end : edit.end + _WIDE]

    def _draw_facts(self, view: EditView) -> Line:
        edit = view.edit
        facts = [", ".join(edit.rules), edit.tier + ("" if view.made else ", not made")]
        facts += ["in a quotation"] if edit.in_quote else []
        facts += [f"evidence: {', '.join(edit.evidence)}"] if edit.evidence else []
        facts += [f"view: {_VIEWS[self._view]}"] if self._view else []
        place = f"{edit.article} {edit.field} {edit.start}" + (f" ({view.source})" if view.source else "")
        return [self.painter.text(f"{' · '.join(facts)} · {place}", "quiet")]

    def _tell_state(self, number: int) -> str:
        decision = self.queue.verdicts[number]
        if decision is None:
            return "waits"
        words = f" {decision.replacement!r}" if decision.verdict == "replace" else ""
        return f"{self.queue.status(number)}{words} by {decision.by or 'somebody'} ({name_target(decision.target)})"

    def _draw_bound(self, group: Group) -> str:
        told = self.queue.bound(group)
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
        self.queue.decide(f"edit:{self.queue.items[self._here()].id}", verdict, replacement, note)
        self.decided += 1
        self._move(1, waiting=True)

    def _replace(self) -> None:
        words = self._ask_words()
        if words is not None:
            self._decide("replace", words)

    def _ask_words(self) -> str | None:
        words = self.terminal.ask("your words", self.queue.items[self._here()].after)
        if words is None:
            self.say("nothing was changed")
        return words

    def _flag(self) -> None:
        note = self.terminal.ask("note for the second reader")
        if note is not None:
            self._decide("flag", note=note)

    def _decide_rest(self, verdict: Verdict) -> None:
        """All that waits of this rule; of a filter only what passes it, edit by edit."""
        group = self._group(self._here())
        members = self._waiting(group.members)
        if self._filter:
            members = self._waiting(set(self._order).intersection(group.members))
            targets = [f"edit:{self.queue.items[number].id}" for number in members]
            what = f"of rule {group.rule} that pass the filter"
        else:
            targets, what = [f"rule:{group.rule}"], f"that wait of rule {group.rule}"
        self._decide_many(targets, verdict, members, what)

    def _decide_passing(self, verdict: Verdict) -> None:
        """All that waits and passes the filter, of whatever rule, edit by edit."""
        members = self._waiting(self._order)
        targets = [f"edit:{self.queue.items[number].id}" for number in members]
        what = "of all rules that pass the filter" if self._filter else "of all rules"
        self._decide_many(targets, verdict, members, what)

    def _decide_pair(self, verdict: Verdict) -> None:
        item = self.queue.items[self._here()]
        members = self._waiting(self.queue.concerned(f"pair:{item.pair}"))
        self._decide_many([f"pair:{item.pair}"], verdict, members, f"{item.before!r} → {item.after!r} everywhere")
        if verdict == "reject" and self.message.startswith("rejected"):
            self.say(f"{self.message}; `dedupe decisions export --as rules` puts it on the allow list")

    def _decide_many(self, targets: Sequence[str], verdict: Verdict, members: Sequence[int], what: str) -> None:
        """A verdict on many edits, when the reviewer wants it, having seen the number and a sample."""
        if not members:
            self.say("nothing of it waits")
            return
        words = self._ask_words() if verdict == "replace" else None
        if verdict == "replace" and words is None:
            return
        if not self._confirm(Decision(targets[0], verdict, words), members, what):
            self.say("nothing was decided")
            return
        self.queue.decide_all(targets, verdict, words)
        self.decided += len(targets)
        self.say(f"{_DONE[verdict]} {len(members):,} edits {what}; u takes it back")
        self._move(1, waiting=True)

    def _confirm(self, decision: Decision, members: Sequence[int], what: str) -> bool:
        verdict = decision.verdict
        views = self.queue.views(self.queue.sample(members))
        lines: list[Line] = [[self.painter.text(f"{verdict} {len(members):,} edits {what}?", "strong")], []]
        lines += [[Span("  "), *self._draw_line(view, word_edit(view.edit, decision))] for view in views]
        if len(members) > len(views):
            lines.append([Span(f"  … {len(views)} of them at random", "quiet")])
        self.terminal.show("\n".join(map(self.painter.paint, lines)) + "\n")
        if len(members) > _TYPED_ABOVE:
            typed = self.terminal.ask(f"type {len(members)} to {verdict} them all")
            return typed is not None and typed.replace(",", "").strip() == str(len(members))
        return (self.terminal.ask("y or n", "n") or "").lower() in {"y", "yes"}

    def _draw_line(self, view: EditView, words: str) -> Line:
        marks = [Mark("gone", view.edit.before), Mark("new", words)]
        if words == view.edit.after:
            marks = mark_changes(view.edit.before, words)
        room = max(10, (self.terminal.size()[0] - 4 - sum(len(mark.text) for mark in marks)) // 2 - 4)
        left, right = self.painter.text(view.left[-room:]), self.painter.text(view.right[:room])
        return [left, *map(self.painter.mark, marks), right]

    def show_target(self, target: str) -> None:
        """Go to the first edit that a target speaks of."""
        self._show_first(self.queue.concerned(target))

    def _undo_group(self) -> None:
        """Take back the reviewer's last decision on the rule or pair of the current edit."""
        item = self.queue.items[self._here()]
        targets = {f"pair:{item.pair}", *(f"rule:{rule}" for rule in item.rules)}
        own = [decision for decision in self.queue.standing() if decision.target in targets]
        if own:
            self.queue.decide(own[-1].target, "revert")
            self.say(f"taken back: {own[-1].verdict} on {name_target(own[-1].target)}")
        else:
            self.say("you decided neither on this rule nor on this pair")

    def _move(self, step: int, waiting: bool = False) -> None:
        place = self._place + step
        while 0 <= place < len(self._order):
            if not waiting or self.queue.status(self._order[place]) == "pending":
                self._place = place
                return
            place += step
        if waiting and step > 0:
            earlier = [n for n in range(self._place) if self.queue.status(self._order[n]) == "pending"]
            if earlier:
                self._place = earlier[0]
                self.say("back at the first that waits")
                return
        if not self.message:
            self.say("there is none further")

    def _show_first(self, numbers: Sequence[int]) -> None:
        wanted = set(numbers)
        self._place = next((place for place, number in enumerate(self._order) if number in wanted), self._place)

    def _narrow(self, question: str) -> None:
        text = self.terminal.ask(question)
        if text is None:
            return
        earlier = self._filter, self._order, self._place
        try:
            self._filter = text.strip()
            self._arrange()
        except DedupeError as error:
            self._filter, self._order, self._place = earlier
            self.say(str(error))

    def _go(self) -> None:
        members = self._group(self._here()).members
        typed = self.terminal.ask(f"number, 1 to {len(members)}") or ""
        if typed.isdecimal() and 1 <= int(typed) <= len(members):
            self._show_first([members[int(typed) - 1]])
        else:
            self.say("there is no such number")

    def _waiting(self, numbers: Sequence[int] | set[int]) -> list[int]:
        return [number for number in numbers if self.queue.status(number) == "pending"]

    def _toggle_characters(self) -> None:
        self._characters = not self._characters

    def _toggle_context(self) -> None:
        self._wide = not self._wide

    def _toggle_spaces(self) -> None:
        self.painter.show_spaces = not self.painter.show_spaces

    def _next_view(self) -> None:
        self._view = (self._view + 1) % len(_VIEWS)
