"""What the panes of the terminal have in common: a screen put together to fit, a message, undo."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from dedupe.review.articles import ArticleStore
from dedupe.review.queue import Queue
from dedupe.review.screen import Line, Painter, Span, Terminal, break_lines, fit_lines

_LEAST_BODY = 3  # lines of text that are shown, however long all else is


class Pane(ABC):
    """One way to look at a run; `decided` counts the decisions made here, `message` is shown until the next key."""

    def __init__(self, queue: Queue, articles: ArticleStore, terminal: Terminal, painter: Painter) -> None:
        self.queue, self.articles, self.terminal, self.painter = queue, articles, terminal, painter
        self.decided, self.message = 0, ""

    @abstractmethod
    def draw(self) -> str:
        """The screen."""

    @abstractmethod
    def press(self, key: str) -> None:
        """Do what a key stands for."""

    @abstractmethod
    def arrange_anew(self) -> None:
        """Look at the run again, for it was written anew; at the same place, if it is still there."""

    @abstractmethod
    def show_target(self, target: str) -> None:
        """Go to what a target speaks of, if it is here."""

    def say(self, message: str) -> None:
        """Keep a message for the next screen."""
        self.message = message

    def undo(self) -> None:
        """Take back the reviewer's latest decision, wherever it was made."""
        undone = self.queue.undo()
        if not undone:
            self.say("there is nothing of yours to take back")
            return
        more = f" and {len(undone) - 1:,} more" if len(undone) > 1 else ""
        self.say(f"taken back: {undone[0].verdict} on {name_target(undone[0].target)}{more}")
        self.show_target(undone[0].target)

    def compose(self, head: Sequence[Line], body: Sequence[Span], told: Sequence[Line], keys: str) -> str:
        """A screen: the head, as much of the body as fits, around what is marked in it, what is told, the message, the keys."""
        lines = break_lines(body, self.terminal.size()[0])
        marked = [number for number, line in enumerate(lines) if any(span.style for span in line)]
        return self.compose_lines(head, lines, marked[0] if marked else 0, told, keys)

    def compose_lines(self, head: Sequence[Line], lines: Sequence[Line], focus: int, told: Sequence[Line], keys: str) -> str:
        """The same of a body that is in lines already."""
        columns, rows = self.terminal.size()
        message = [self.painter.text(line) for line in self.message.split("\n")]
        above = [broken for line in head for broken in break_lines(line, columns)]
        below = [broken for line in [*told, [], *([span] for span in message)] for broken in break_lines(line, columns)]
        below += break_lines([Span(keys, "quiet")], columns)
        room = max(_LEAST_BODY, rows - len(above) - len(below) - 3)
        shown = [*above, [], *fit_lines(lines, room, focus), [], *below]
        return "\n".join(map(self.painter.paint, shown))


def name_target(target: str) -> str:
    """A target in words."""
    kind, _, name = target.partition(":")
    return "this edit" if kind == "edit" else f"{kind} {name}"
