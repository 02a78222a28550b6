"""`dedupe repair`: repair texts, as a filter by default."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import click

from dedupe.cli.options import build_settings, settings_options
from dedupe.cli.terminal import echo
from dedupe.errors import InputError
from dedupe.model import as_dict
from dedupe.repair.repairer import Repairer
from dedupe.review.markup import show_invisible
from dedupe.texts import RepairedText, make_repairer, repair_text


@click.command("repair")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--diff", is_flag=True, help="print what would change, paragraph by paragraph, instead of the text")
@click.option("--check", is_flag=True, help="print nothing but a line a file; exit 1 if anything would change")
@click.option("--edits", is_flag=True, help="print the edits as JSON lines instead of the text")
@settings_options("repair")
def command(files: tuple[Path, ...], diff: bool, check: bool, edits: bool, config: Path | None, **flags: Any) -> None:
    """Repair plain texts: standard input, or FILES, to standard output. For a corpus use `dedupe run`.

    \b
    Examples:
      dedupe repair < article.txt > repaired.txt
      dedupe repair --diff *.txt
    """
    repairer = make_repairer(build_settings(config, flags).repair)
    pending = False
    for path in files or (Path("-"),):
        text = _read_text(path)
        repaired = repair_text(text, repairer=repairer, id=str(path))
        pending |= repaired.text != text
        _print_result(path, text, repaired, diff=diff, check=check, edits=edits)
    _warn_skipped(repairer)
    raise click.exceptions.Exit(1 if check and pending else 0)


def _print_result(path: Path, text: str, repaired: RepairedText, *, diff: bool, check: bool, edits: bool) -> None:
    if edits:
        for edit in repaired.repair.edits:
            click.echo(json.dumps(as_dict(edit), ensure_ascii=True))
    elif check:
        if repaired.text != text:
            number = sum(edit.automatic for edit in repaired.repair.edits)
            echo(f"{path}: {number} edits ({repaired.repair.verdict}, score {repaired.repair.score:.1f})")
    elif diff:
        _print_diff(str(path), text, repaired.text)
    else:
        sys.stdout.buffer.write(repaired.text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()


def _print_diff(name: str, before: str, after: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (repaired)", lineterm="", n=0)
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in lines:
        click.secho(show_invisible(line), fg=colours.get(line[:1]))


def _read_text(path: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=str(path)) from None
    return raw.decode("utf-8", "surrogateescape")


def _warn_skipped(repairer: Repairer) -> None:
    for note in repairer.describe_skipped():
        echo(f"note: {note}", err=True)
