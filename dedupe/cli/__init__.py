"""The command line: parse, one call of the Python API, print. The only folder that prints.

Commands are loaded when they are asked for, so that `dedupe --help` is quick.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from typing import Any

import click

from dedupe import __version__
from dedupe.cli.terminal import LOG_FORMAT, echo
from dedupe.errors import DedupeError
from dedupe.kernel import kernel_name

COMMANDS = {
    "run": "the whole job: find, choose, repair, write a clean corpus and a report",
    "find": "find overlapping articles; write pairs and clusters only",
    "repair": "repair texts only; a filter by default",
    "stream": "take in articles as they arrive, with an index that remembers those before",
    "index": "look at such an index, check it, tidy it, take somebody out of it",
    "review": "decide on edits and clusters, in the terminal or in the browser",
    "decide": "decide by command: on a rule, a pair, an edit, a cluster; take in a colleague's decisions",
    "decisions": "list decisions and conflicts; export them as rules",
    "apply": "write the clean corpus again with the decisions of a review",
    "explain": "tell why two articles are linked, or why this one of a cluster was kept",
    "undo": "restore the input of a run",
    "doctor": "check that a finished run is whole: digests, counts, every input restorable",
    "eval": "judge a finished run by a truth: its edits, pairs, clusters",
    "rules": "make, list, check and tidy rule tables",
}


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Pairs and articles are many, and hold no cycles: looking through all of them as often as usual took a tenth of the time.
_NEW_OBJECTS = 1_000_000


class LazyGroup(click.Group):
    """A group that imports `dedupe.cli.<name>` when the command <name> is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"dedupe.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands with their one-line helps, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; an expected error becomes one line on stderr and its exit code."""
        before = signal.signal(signal.SIGTERM, _terminate)
        gc.set_threshold(_NEW_OBJECTS)
        try:
            return super().invoke(ctx)
        except DedupeError as error:
            echo(f"dedupe: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            way_out = "; make room, then the same command begins again" if error.errno in _FULL else ""
            echo(f"dedupe: {place}{error.strerror or error}{way_out}", err=True)
            ctx.exit(DedupeError.exit_code)
        except KeyboardInterrupt as error:
            echo("dedupe: interrupted; the same command begins again", err=True)
            ctx.exit(128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT))
        finally:
            signal.signal(signal.SIGTERM, before)


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM): it tidies up as after Ctrl-C."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dedupe", message=f"%(prog)s, version %(version)s, {kernel_name()} kernel")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", help="what goes to stderr: words, or JSON lines"
)
@click.pass_context
def main(ctx: click.Context, log_format: str) -> None:
    """Turn a scraped news corpus into a clean one: find overlapping articles, repair spun text, keep one version of each.

    \b
    Example:
      dedupe run crawl/ -o clean/
    """
    ctx.meta[LOG_FORMAT] = log_format
