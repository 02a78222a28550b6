"""`dedupe apply`: the corpus again, with the decisions of a review."""

from __future__ import annotations

from pathlib import Path

import click

from dedupe.apply import apply_decisions
from dedupe.cli.terminal import echo
from dedupe.review.summary import describe_summary


@click.command("apply")
@click.argument("out", type=click.Path(path_type=Path))
def command(out: Path) -> None:
    """Write the corpus of the run in OUT again with the decisions in OUT/decisions.jsonl.

    Exit code 3 says that some decisions are stale: they speak of edits that the run does not hold.

    \b
    Example:
      dedupe apply clean/
    """
    summary = apply_decisions(out)
    for target in summary.stale:
        echo(f"note: not in effect: {target}", err=True)
    echo(describe_summary(summary, str(out)))
    raise click.exceptions.Exit(summary.exit_code)
