"""Review in a terminal: a pane of edits and one of clusters, and the loop that shows them and reads keys.

What the screen shows and what a key does is decided in the panes; how a screen is drawn and a key read is the caller's.
"""

from __future__ import annotations

from dedupe.review.articles import ArticleStore
from dedupe.review.cluster_pane import ClusterPane
from dedupe.review.edit_pane import EditPane
from dedupe.review.pane import Pane
from dedupe.review.queue import Queue
from dedupe.review.screen import Painter, Terminal


class TerminalReview:
    """The review of a run at a terminal; it begins with the edits, or with the `clusters`."""

    def __init__(
        self, queue: Queue, articles: ArticleStore, terminal: Terminal, painter: Painter, *, clusters: bool = False
    ) -> None:
        self._queue, self._terminal = queue, terminal
        self._panes: dict[str, Pane] = {
            "1": EditPane(queue, articles, terminal, painter),
            "2": ClusterPane(queue, articles, terminal, painter),
        }
        self._pane = self._panes["2" if clusters else "1"]

    def run(self) -> int:
        """Show edits and clusters and take verdicts until the reviewer stops; how many decisions were made."""
        try:
            while True:
                if self._queue.refresh():
                    for pane in self._panes.values():
                        pane.arrange_anew()
                self._terminal.show(self._pane.draw())
                self._pane.message = ""
                key = self._terminal.read_key()
                if key == "q":
                    break
                if key in self._panes:
                    self._pane = self._panes[key]
                else:
                    self._pane.press(key)
        except (KeyboardInterrupt, EOFError):
            pass
        return sum(pane.decided for pane in self._panes.values())
