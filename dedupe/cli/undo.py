"""`dedupe undo`: the input of a run, restored."""

from __future__ import annotations

from pathlib import Path

import click

from dedupe.cli.terminal import echo
from dedupe.corpus.undo import undo


@click.command("undo")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("-o", "--to", "destination", required=True, type=click.Path(path_type=Path), help="an empty or new folder")
def command(out: Path, destination: Path) -> None:
    """Restore the input of the run in OUT, byte for byte, each file checked by its SHA-256.

    \b
    Example:
      dedupe undo clean/ -o restored/
    """
    report = undo(out, destination)
    echo(f"restored {len(report.inputs):,} files with {report.records:,} records ({report.size:,} bytes) in {destination}")
