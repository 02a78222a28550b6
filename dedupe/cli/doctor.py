"""`dedupe doctor`: is a finished run still whole?"""

from __future__ import annotations

from pathlib import Path

import click

from dedupe.cli.terminal import echo
from dedupe.corpus.doctor import examine
from dedupe.errors import DedupeError


@click.command("doctor")
@click.argument("out", type=click.Path(path_type=Path))
def command(out: Path) -> None:
    """Check the run in OUT: every file against the manifest, every record counted, every input restorable. Changes nothing.

    Exit code 4 says that something is damaged or missing.

    \b
    Example:
      dedupe doctor clean/
    """
    diagnosis = examine(out)
    echo(diagnosis.describe())
    raise click.exceptions.Exit(DedupeError.exit_code if diagnosis.faults else 0)
