"""The screen of a review in a terminal: text in styles, broken at its words into lines that fit, and cut to the height.

Texts of articles become spans by a `Painter` only, which writes what cannot be seen as ⟦U+XXXX⟧; so nothing in them can
move the cursor, colour or reorder the screen.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from dedupe.review.marks import Mark
from dedupe.review.markup import show_invisible

Style = Literal["", "strong", "quiet", "gone", "new", "moved"]
_CODES: dict[Style, str] = {"strong": "1", "quiet": "2", "gone": "31;9", "new": "32;1", "moved": "36"}
_PLAIN: dict[Style, tuple[str, str]] = {"gone": ("[-", "-]"), "new": ("{+", "+}")}
_LONGEST = 1_500  # characters of a wording that are shown
_PIECES = re.compile(r"\n|[^\S\n]+|\S+")


class Terminal(Protocol):
    """What the review needs of a terminal."""

    def show(self, text: str) -> None:
        """Put a text on the screen, in place of what was there."""

    def read_key(self) -> str:
        """The next key; KeyboardInterrupt for Ctrl-C, EOFError when there are no more."""

    def ask(self, question: str, default: str = "") -> str | None:
        """A line of text; None when the answer is refused."""

    def size(self) -> tuple[int, int]:
        """Columns and rows."""


class Span(NamedTuple):
    """Some text, safe to be shown, in a style."""

    text: str
    style: Style = ""


Line = list[Span]


class Painter:
    """Makes texts safe, and marks them up: by colour, or by git's [-old-]{+new+} where there is none."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self.show_spaces = False

    def text(self, text: str, style: Style = "", *, most: int = _LONGEST) -> Span:
        """A text of an article in one line, cut when it is long."""
        text = text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
        shown = show_invisible(text)
        return Span(shown.replace(" ", "·") if self.show_spaces else shown, style)

    def lines(self, text: str) -> Span:
        """A text of an article with its line ends."""
        return Span("\n".join(self.text(line, most=len(line)).text for line in text.split("\n")))

    def mark(self, mark: Mark) -> Span:
        """A mark, by colour or by signs."""
        style: Style = {"gone": "gone", "new": "new", "moved-from": "moved", "moved-to": "moved"}.get(mark.change, "")  # type: ignore[assignment]
        span = self.text(mark.text, style)
        return span if self.colour or style not in _PLAIN else Span(span.text.join(_PLAIN[style]), style)

    def paint(self, line: Iterable[Span]) -> str:
        """The line as it is sent to the terminal."""
        parts = (
            (style, "".join(span.text for span in spans)) for style, spans in itertools.groupby(line, lambda span: span.style)
        )
        return "".join(
            f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and style and text else text for style, text in parts
        )


def break_lines(spans: Iterable[Span], width: int) -> list[Line]:
    """The spans as lines of at most `width` columns, broken between words, and where the text has line ends.

    >>> lines = break_lines([Span("a drone "), Span("assault", "gone"), Span(".")], 9)
    >>> ["".join(span.text for span in line) for line in lines]
    ['a drone', 'assault.']
    """
    lines: list[Line] = [[]]
    word: Line = []
    gap: Span | None = None
    used = 0

    def put_word() -> None:
        nonlocal gap, used, word
        length = sum(measure(piece.text) for piece in word)
        if word and lines[-1] and used + (measure(gap.text) if gap else 0) + length > width:
            lines.append([])
            gap, used = None, 0
        for span in [*([gap] if gap else []), *word]:
            for piece in _cut(span, width, used):
                if used + measure(piece.text) > width and lines[-1]:
                    lines.append([])
                    used = 0
                lines[-1].append(piece)
                used += measure(piece.text)
        gap, word = None, []

    for span in spans:
        for match in _PIECES.finditer(span.text):
            piece = match[0]
            if piece == "\n":
                put_word()
                lines.append([])
                used = 0
            elif piece.isspace():
                put_word()
                gap = Span(piece, span.style)
            else:
                word.append(Span(piece, span.style))
    put_word()
    return lines


def fill_line(line: Line, width: int) -> Line:
    """The line with spaces up to the width."""
    return [*line, Span(" " * max(0, width - sum(measure(span.text) for span in line)))]


def measure(text: str) -> int:
    """The columns that a text takes.

    >>> measure("abc"), measure("日本"), measure("e\\u0301")
    (3, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_measure_character, text))


def fit_lines(lines: Sequence[Line], height: int, focus: int) -> Sequence[Line]:
    """As many lines as there is room for, those around the one of number `focus`."""
    first = max(0, min(focus - height // 2, len(lines) - height))
    return lines[first : first + height]


def _measure_character(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(span: Span, width: int, used: int) -> Iterable[Span]:
    """A word in pieces of a line each, if it is longer than a line; the first fills up the line that was begun."""
    room, piece = width - used if measure(span.text) > width else width, ""
    for character in span.text:
        if measure(piece) + measure(character) > max(room, 1):
            yield Span(piece, span.style)
            room, piece = width, ""
        piece += character
    yield Span(piece, span.style)
