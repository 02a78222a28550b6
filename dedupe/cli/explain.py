"""`dedupe explain`: why a pair is linked, why this one of a cluster was kept, why an edit was made."""

from __future__ import annotations

from pathlib import Path

import click

from dedupe.cli.terminal import echo
from dedupe.explanation import explain


@click.command("explain")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("id")
@click.argument("other", required=False, default="", metavar="[ID2]")
def command(out: Path, id: str, other: str) -> None:
    """Tell what the run in OUT found of an article: its clusters, why one was kept and not the others, stories, templates.

    With a second id: why the two are linked, in numbers and with their shared passages side by side, or how far they are from
    it. With edit:ID: why an edit was proposed, by which rule, and whether it is made. OUT may be the folder of
    `dedupe find -o`, too: there are no texts, and so no passages.

    \b
    Example:
      dedupe explain clean/ a1.txt b7.txt
      dedupe explain clean/ edit:0f3a5c6b7d8e9f0a1b2c3d4e
    """
    echo(explain(out, id, other).describe())
