"""`dedupe decisions`: what was decided, and what becomes of it elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from dedupe.cli.terminal import echo
from dedupe.errors import UsageError
from dedupe.review.export import SETTINGS, export_rules
from dedupe.review.ledger import LiveLedger, describe_conflict, encode_decision
from dedupe.review.markup import show_invisible

out_argument = click.argument("out", type=click.Path(path_type=Path))


@click.group("decisions")
def command() -> None:
    """List the decisions on a run and where reviewers disagree; turn them into rules for the next crawl.

    \b
    Example:
      dedupe decisions export clean/ --as rules --to my-rules
    """


@command.command("list")
@out_argument
@click.option("--conflicts", is_flag=True, help="only where reviewers disagree; exit 1 if they do")
def list_decisions(out: Path, conflicts: bool) -> None:
    """List the decisions in force on the run in OUT, a line each: verdict, target, own words, who, when, note."""
    ledger = LiveLedger(out).ledger
    for decision in () if conflicts else ledger:
        cells = (decision.verdict, decision.target, decision.replacement or "", decision.by, decision.at, decision.note)
        click.echo("\t".join(map(show_invisible, cells)).rstrip("\t"))
    for rivals in ledger.conflicts.values():
        click.echo(f"conflict\t{show_invisible(describe_conflict(*rivals))}")
    if conflicts and ledger.conflicts:
        raise click.exceptions.Exit(1)


@command.command("export")
@out_argument
@click.option("--as", "form", type=click.Choice(["rules", "jsonl"]), required=True, help="rule tables, or one line a decision")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="the rules folder to write into; made if need be")
def export(out: Path, form: str, folder: Path | None) -> None:
    """Export the decisions on the run in OUT: as rows of rule tables and an allow list, or as they stand in force."""
    if form == "jsonl":
        for decision in LiveLedger(out).ledger:
            click.echo(encode_decision(decision), nl=False)
        return
    if folder is None:
        raise UsageError("name the folder for the tables: --to my-rules")
    made = export_rules(out, folder)
    echo(f"wrote {made.rules:,} rules, {made.allowed:,} allowed phrases, {len(made.disabled):,} rules switched off to {folder}")
    if made.left:
        echo(f"{made.left:,} verdicts speak of single edits, articles or sources, which no table can say")
    echo(f"use them with: dedupe run --config {folder / SETTINGS} ...")
