"""`dedupe review`: people decide on edits and clusters, in the terminal or in the browser."""

from __future__ import annotations

import getpass
import importlib
import os
import select
import shutil
import sys
import termios
import tty
import webbrowser
from pathlib import Path

import click

from dedupe.cli.terminal import echo
from dedupe.errors import UsageError
from dedupe.review.articles import ArticleStore
from dedupe.review.markup import show_invisible
from dedupe.review.queue import Queue
from dedupe.review.screen import Painter
from dedupe.review.terminal import TerminalReview

_SEQUENCE_SECONDS = 0.02  # within which the rest of an escape sequence follows its first character


@click.command("review")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--web", is_flag=True, help="in the browser: edits, and clusters as well; needs article-dedupe[web]")
@click.option("--clusters", is_flag=True, help="in the terminal: begin with the clusters; keys 1 and 2 change between the two")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="port for --web  [default: any free one]")
@click.option("--browser/--no-browser", default=True, help="open the browser, or only print the address  [default: open]")
@click.option("--by", help="your name, which signs your decisions  [default: the login name]")
def command(out: Path, web: bool, clusters: bool, port: int, browser: bool, by: str | None) -> None:
    """Decide on the edits and clusters of the run in OUT, one key each; every decision is saved at once.

    The edits come by rule, the riskiest first. Nothing changes in the corpus before `dedupe apply OUT`. With --web a page on
    this machine does the same; nobody without the printed address can reach it.

    \b
    Examples:
      dedupe review clean/
      dedupe review clean/ --web
    """
    reviewer = by if by is not None else name_user()
    if web:
        review_in_browser(out, reviewer, port, browser)
    else:
        review_in_terminal(out, reviewer, clusters=clusters)


def review_in_terminal(out: Path, reviewer: str, *, clusters: bool = False) -> None:
    """The review at this terminal, if it is one."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "reviewing needs a terminal; without one decide by command, such as"
            f" `dedupe decide {out} --rule ID --accept` or `dedupe decide {out} --import decisions.jsonl`"
        )
    queue, articles = Queue(out, reviewer), ArticleStore(out)
    is_plain = "NO_COLOR" in os.environ or os.environ.get("TERM") in {None, "", "dumb"}
    articles.start()
    try:
        with Console(clear=not is_plain) as console:
            decided = TerminalReview(queue, articles, console, Painter(colour=not is_plain), clusters=clusters).run()
    finally:
        articles.close()
    counts = queue.counts()
    click.echo()
    echo(f"{decided:,} decisions made, {counts.pending:,} of {counts.all:,} edits wait; all is saved in {out}/decisions.jsonl")
    echo(f"next          `dedupe apply {out}` writes the corpus with them; `dedupe review {out}` goes on")


def review_in_browser(out: Path, reviewer: str, port: int, browser: bool) -> None:
    """The review at a page of this machine, until Ctrl-C."""
    try:
        serve = importlib.import_module("dedupe.cli.serve").serve
    except ImportError as error:
        if error.name not in {"flask", "werkzeug"}:
            raise
        raise UsageError("--web needs Flask; install it by: pip install 'article-dedupe[web]'") from None
    serve(out, reviewer, port, webbrowser.open if browser else None)


def name_user() -> str:
    """Who is at the keyboard, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


class Console:
    """The terminal that this process is attached to, in a mode in which each key arrives at once while it is entered.

    The mode holds between two keys, too, so that nothing typed ahead is lost; a question gets the usual line editing.
    """

    def __init__(self, *, clear: bool) -> None:
        self._clear = clear
        self._input = sys.stdin.fileno()
        self._usual = termios.tcgetattr(self._input)

    def __enter__(self) -> Console:
        tty.setcbreak(self._input, termios.TCSADRAIN)
        return self

    def __exit__(self, *error: object) -> None:
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._usual)

    def show(self, text: str) -> None:
        """Put a text on the screen, in place of what was there if the terminal can do that."""
        click.echo(("\x1b[2J\x1b[3J\x1b[H" if self._clear else "\n") + text)

    def read_key(self) -> str:
        """The next key; a whole escape sequence counts as one."""
        raw = self._read()
        while raw[0] >= 0xC0 and len(raw) < _utf8_length(raw[0]):
            raw += self._read()
        while raw[0] == 0x1B and select.select([self._input], [], [], _SEQUENCE_SECONDS)[0]:
            raw += self._read()
        return raw.decode("utf-8", "replace")

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return shutil.get_terminal_size()

    def ask(self, question: str, default: str = "") -> str | None:
        """A line of text; None after Ctrl-C."""
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._usual)
        try:
            shown = f"{question} [{show_invisible(default)}]" if default else question
            answer: str = click.prompt(show_invisible(shown), default=default, show_default=False)
        except click.Abort:
            return None
        finally:
            tty.setcbreak(self._input, termios.TCSADRAIN)
        return answer

    def _read(self) -> bytes:
        raw = os.read(self._input, 1)
        if not raw or raw == b"\x04":
            raise EOFError
        return raw


def _utf8_length(first: int) -> int:
    return 2 if first < 0xE0 else 3 if first < 0xF0 else 4
