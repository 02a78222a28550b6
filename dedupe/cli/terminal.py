"""Text for people: what comes from articles, file names or fields cannot move the cursor, hide, or fail to print.

What goes to stderr is, with `--log-format json`, one JSON object a line instead, for those who collect logs.
"""

from __future__ import annotations

import datetime
import json

import click

from dedupe.review.markup import show_invisible

LOG_FORMAT = "dedupe.log_format"  # where a context keeps the format, "text" or "json"
_LEVELS = {"note": "note", "dedupe": "error"}  # by the word that a message begins with


def echo(text: str, *, err: bool = False) -> None:
    """Prints the lines of a text with control and other invisible characters written as ⟦U+XXXX⟧."""
    if err and logs_json():
        word, colon, rest = text.partition(": ")
        level = _LEVELS.get(word, "info") if colon else "info"
        log({"level": level, "message": text if level == "info" else rest})
    else:
        click.echo("\n".join(show_invisible(line) for line in text.split("\n")), err=err)


def log(event: dict[str, object]) -> None:
    """Prints an event to stderr as a line of JSON in ASCII, with the time (UTC)."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    click.echo(json.dumps({"at": now, **event}), err=True)


def logs_json() -> bool:
    """Whether JSON lines were asked for."""
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(LOG_FORMAT) == "json"
