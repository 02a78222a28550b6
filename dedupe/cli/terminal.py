"""Text for people: what comes from articles, file names or fields cannot move the cursor, hide, or fail to print."""

from __future__ import annotations

import click

from dedupe.review.markup import show_invisible


def echo(text: str, *, err: bool = False) -> None:
    """Prints the lines of a text with control and other invisible characters written as ⟦U+XXXX⟧."""
    click.echo("\n".join(show_invisible(line) for line in text.split("\n")), err=err)
