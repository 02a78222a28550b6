"""Clusters in the terminal: each version that was set aside beside the one that was kept, aligned; one key a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dedupe.errors import DedupeError
from dedupe.model import LINKING_KINDS, Verdict
from dedupe.review.articles import ArticleStore
from dedupe.review.clusters import ClusterView, Row, align_versions, load_clusters, tell_verdict
from dedupe.review.ledger import articles_target
from dedupe.review.marks import Mark
from dedupe.review.pane import Pane
from dedupe.review.queue import Queue
from dedupe.review.screen import Line, Painter, Span, Terminal, break_lines, fill_line

_NARROW = 60  # columns, below which versions stand one in the other
_KEYS = "y same · n not · x keep this · b boilerplate · u undo · j k · space - · 1 edits · ? q"
_HELP = """\
 y         the same text: this version goes for the one that is kept
 n         not the same: both are kept, and the next run keeps them apart
 x         keep this version instead
 b         what the two share is boilerplate: it counts no longer, for no pair
 u s       take back your last decision; skip
 j k J K   next, previous that waits; next, previous of all
 space -   further down, up              c v  whole texts; in one column
 / f       search ids, kinds, reasons    g    go to a cluster by its number
 1 2       edits, clusters               q    stop; everything is saved"""
_TOLD = {
    "": "waits",
    "same": "decided: the same text",
    "different": "decided: not the same, both are kept",
    "boilerplate": "decided: they share boilerplate, which counts no longer",
    "canonical": "decided: to be kept instead",
    "flag": "marked for a second reader",
    "skip": "left open",
}


class ClusterPane(Pane):
    """The review of a run's clusters, those of versions first, then those that are only linked."""

    def __init__(self, queue: Queue, articles: ArticleStore, terminal: Terminal, painter: Painter) -> None:
        super().__init__(queue, articles, terminal, painter)
        self._clusters: list[ClusterView] = []
        self._order: list[tuple[int, str]] = []
        self._place = self._top = 0
        self._filter = ""
        self._whole = self._inline = False
        self._load()

    def draw(self) -> str:
        """The screen."""
        if not self._order:
            what = (
                f"no cluster has {self._filter!r}; f changes it" if self._filter else "no two articles are versions of one text"
            )
            return self.compose([[self.painter.text(what)]], [], [], "1 edits · q stops · ? helps")
        cluster, member = self._here()
        lines = self._draw_versions(cluster, member)
        room = self._room()
        self._top = max(0, min(self._top, len(lines) - room))
        told: list[Line] = [[self.painter.text(cluster.reason, "quiet")]]
        if len(lines) > room:
            shown = f"lines {self._top + 1}-{min(self._top + room, len(lines))} of {len(lines)}"
            told.append([Span(f"{shown}; space goes on, - back", "quiet")])
        return self.compose_lines(self._draw_head(cluster, member), lines, self._top + room // 2, told, _KEYS)

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        actions: dict[str, Callable[[], None]] = {
            "y": lambda: self._decide_pair("same"),
            "n": lambda: self._decide_pair("different"),
            "b": lambda: self._decide_pair("boilerplate"),
            "x": self._keep_this,
            "u": self.undo,
            "j": lambda: self._move(1, waiting=True),
            "s": lambda: self._move(1, waiting=True),
            "k": lambda: self._move(-1, waiting=True),
            "J": lambda: self._move(1),
            "K": lambda: self._move(-1),
            " ": lambda: self._scroll(1),
            "-": lambda: self._scroll(-1),
            "\x1b[6~": lambda: self._scroll(1),
            "\x1b[5~": lambda: self._scroll(-1),
            "c": self._toggle_whole,
            "v": self._toggle_inline,
            "/": self._narrow,
            "f": self._narrow,
            "g": self._go,
            "?": lambda: self.say(_HELP),
        }
        if key not in actions:
            self.say(f"{key} does nothing; ? lists the keys")
        elif self._order or key in "/f?u":
            actions[key]()

    def arrange_anew(self) -> None:
        """The clusters as they are now, at the same article."""
        here = self._here()[1] if self._order else ""
        self._load()
        self._show(lambda cluster, member: member == here)

    def show_target(self, target: str) -> None:
        """Go to the version that a target names."""
        self._show(lambda cluster, member: target in {articles_target(member, cluster.canonical), f"canonical:{member}"})

    def _load(self) -> None:
        self._clusters = load_clusters(self.queue.out)
        self._arrange()

    def _arrange(self) -> None:
        words = self._filter.casefold()
        self._order = [
            (number, member)
            for number, cluster in enumerate(self._clusters)
            if not words or any(words in text.casefold() for text in (*cluster.members, cluster.kind, cluster.reason))
            for member in cluster.others
        ]
        self._place = self._top = 0

    def _here(self) -> tuple[ClusterView, str]:
        return self._at(self._place)

    def _at(self, place: int) -> tuple[ClusterView, str]:
        number, member = self._order[place]
        return self._clusters[number], member

    def _verdict(self, place: int) -> str:
        return tell_verdict(self.queue.live.ledger, *self._at(place))

    def _show(self, wanted: Callable[[ClusterView, str], bool]) -> None:
        places = range(len(self._order))
        self._place = next((place for place in places if wanted(*self._at(place))), self._place if self._order else 0)
        self._top = 0

    # What is drawn.

    def _draw_head(self, cluster: ClusterView, member: str) -> list[Line]:
        number = self._order[self._place][0]
        link = cluster.links.get(member)
        numbers = f" · Jaccard {link['jaccard']:.2f}, containment {link['containment']:.2f}" if link else ""
        version = f"version {cluster.others.index(member) + 1:,}/{len(cluster.others):,}"
        head = f"cluster {number + 1:,}/{len(self._clusters):,} · {version} · {link['kind'] if link else cluster.kind}{numbers}"
        narrowed = f" · filter {self._filter} ({len(self._order):,})" if self._filter else ""
        name = "leads" if self._is_linked(cluster) else "kept"
        text = self.painter.text
        return [
            [text(head + narrowed, "strong")],
            [text(f"{name}: {cluster.canonical}")],
            [text(f"this: {member} ({_TOLD[self._verdict(self._place)]})")],
        ]

    def _room(self) -> int:
        """Lines for the versions: what a screen has beside head, reason, keys and message."""
        return max(3, self.terminal.size()[1] - 12)

    def _draw_versions(self, cluster: ClusterView, member: str) -> list[Line]:
        try:
            articles = [self.articles.get(id) for id in (cluster.canonical, member)]
        except DedupeError as error:
            return [[self.painter.text(str(error))]]
        one, two = (article.fields.get("text", "") if article else None for article in articles)
        if one is None or two is None:
            missing = cluster.canonical if one is None else member
            return [[self.painter.text(f"the run does not hold the text of {missing}")]]
        if one == two:
            return [[Span("The two are the same, letter by letter.")]]
        columns = self.terminal.size()[0]
        lines: list[Line] = []
        for row, hidden in _fold_rows(align_versions(one, two), whole=self._whole):
            if hidden:
                lines.append([Span(f"… {hidden:,} paragraph{'s are' if hidden > 1 else ' is'} the same; c shows all", "quiet")])
            elif self._inline or columns < _NARROW:
                lines += break_lines(map(self.painter.mark, _merge(*row)), columns)
            else:
                lines += self._draw_columns(row, (columns - 3) // 2)
        return lines

    def _draw_columns(self, row: Row, width: int) -> Iterator[Line]:
        left, right = (break_lines(map(self.painter.mark, half), width) for half in row)
        for number in range(max(len(left), len(right))):
            halves = [half[number] if number < len(half) else [] for half in (left, right)]
            yield [*fill_line(halves[0], width), Span(" │ ", "quiet"), *halves[1]]

    # What keys do.

    def _decide_pair(self, verdict: Verdict) -> None:
        cluster, member = self._here()
        self.queue.decide(articles_target(member, cluster.canonical), verdict)
        self._go_on(_TOLD[verdict])

    def _keep_this(self) -> None:
        cluster, member = self._here()
        if self._is_linked(cluster):
            self.say("these articles are only linked: all of them are kept")
        else:
            self.queue.decide(f"canonical:{member}", "accept")
            self._go_on(_TOLD["canonical"])

    def _go_on(self, told: str) -> None:
        self.decided += 1
        name = self._here()[1]
        self._move(1, waiting=True)
        rest = "" if self._waits() else "\nevery version is decided; 1 goes to the edits"
        self.say(f"{name} {told}; u takes it back{rest}")

    def _waits(self) -> bool:
        return any(not self._verdict(place) for place in range(len(self._order)))

    def _move(self, step: int, waiting: bool = False) -> None:
        places = range(self._place + step, len(self._order) if step > 0 else -1, step)
        around = [*places, *range(self._place)] if waiting and step > 0 else places
        found = next((place for place in around if not waiting or not self._verdict(place)), None)
        if found is None:
            self.say("there is none further")
        else:
            self._place, self._top = found, 0

    def _scroll(self, pages: int) -> None:
        self._top += pages * (self._room() - 1)

    def _narrow(self) -> None:
        words = self.terminal.ask("search ids, kinds and reasons (nothing: all)")
        if words is not None:
            self._filter = words.strip()
            self._arrange()

    def _go(self) -> None:
        typed = self.terminal.ask(f"cluster, 1 to {len(self._clusters):,}") or ""
        found = [place for place, (number, _) in enumerate(self._order) if str(number + 1) == typed.strip()]
        if found:
            self._place, self._top = found[0], 0
        else:
            self.say("there is no such number")

    def _toggle_whole(self) -> None:
        self._whole, self._top = not self._whole, 0

    def _toggle_inline(self) -> None:
        self._inline = not self._inline

    @staticmethod
    def _is_linked(cluster: ClusterView) -> bool:
        return cluster.kind in LINKING_KINDS


def _fold_rows(rows: Sequence[Row], *, whole: bool) -> Iterator[tuple[Row, int]]:
    """The rows; unless the `whole` is wanted, those in which nothing differs only as a number."""
    hidden = 0
    for row in rows:
        if not whole and all(mark.change == "same" for half in row for mark in half):
            hidden += 1
            continue
        if hidden:
            yield ([], []), hidden
            hidden = 0
        yield row, 0
    if hidden:
        yield ([], []), hidden


def _merge(left: Sequence[Mark], right: Sequence[Mark]) -> Iterator[Mark]:
    """Both halves of a row in one: what they share once, what differs one after the other."""
    others = iter(right)
    for mark in left:
        if mark.change == "same":
            for other in others:
                if other.change == "same":
                    break
                yield other
        yield mark
    yield from others
