"""`dedupe index`: look at an index, check it, tidy it, take somebody out of it."""

from __future__ import annotations

import dataclasses
import json

import click

from dedupe.cli.terminal import echo
from dedupe.errors import IndexStateError
from dedupe.index.contract import Stats
from dedupe.index.opening import open_index

url_argument = click.argument("url")
_RUNS = 10  # shown
wait_option = click.option("--wait", default=60.0, show_default=True, help="seconds to wait for another worker")


@click.group("index")
def command() -> None:
    """Look at an index that `dedupe stream` keeps, check it, tidy it, take somebody out of it.

    \b
    Example:
      dedupe index stats sqlite:seen.db
    """


@command.command("stats")
@url_argument
@wait_option
@click.option("--json", "as_json", is_flag=True, help="print the numbers as JSON")
def stats(url: str, wait: float, as_json: bool) -> None:
    """Tell what the index at URL holds: articles, duplicates by kind, bytes, full buckets, finished parts, settings."""
    index = open_index(url, wait=wait)
    with index.snapshot():
        found = index.stats()
    index.close()
    click.echo(json.dumps(dataclasses.asdict(found), indent=1) if as_json else _describe(found))


@command.command("verify")
@url_argument
@wait_option
def verify(url: str, wait: float) -> None:
    """Check the index at URL: the file itself, and that all in it belongs together; exit 5 if something is wrong."""
    index = open_index(url, wait=wait)
    with index.snapshot():
        faults, texts = index.verify(), index.stats().texts
    index.close()
    for fault in faults:
        echo(fault, err=True)
    if faults:
        raise IndexStateError(f"{len(faults)} faults; make it anew from the articles, or restore a copy", path=url)
    click.echo(f"{url}: {texts:,} texts, all in order")


@command.command("compact")
@url_argument
@wait_option
def compact(url: str, wait: float) -> None:
    """Merge all runs of the index at URL and give back what space it does not use."""
    index = open_index(url, wait=wait)
    with index.snapshot():
        before = index.stats().size
    index.compact()
    with index.snapshot():
        after = index.stats().size
    index.close()
    click.echo(f"{url}: {before:,} bytes before, {after:,} now")


@command.command("forget")
@url_argument
@click.argument("owners", nargs=-1, required=True)
@wait_option
def forget(url: str, owners: tuple[str, ...], wait: float) -> None:
    """Remove every trace of the articles with the ids OWNERS from the index at URL.

    Articles that had been duplicates of one that goes are printed: nothing stands for them any more, so they count as kept now.
    """
    index = open_index(url, wait=wait)
    with index.transaction():
        forgotten = index.forget(owners)
    index.close()
    if forgotten.unknown:
        echo(f"note: not in the index: {', '.join(forgotten.unknown)}", err=True)
    click.echo(f"forgot {len(set(owners)) - len(forgotten.unknown):,} articles")
    for owner in forgotten.orphans:
        echo(f"stands for itself now: {owner}")


def _describe(found: Stats) -> str:
    runs = [f"run {run}: {number:,} parts" for run, number in found.parts.items()]
    if len(runs) > _RUNS:
        runs[_RUNS:] = [f"and {len(runs) - _RUNS:,} more runs (--json tells all)"]
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in found.kinds.items()) or "no duplicates"
    lines = [
        f"{found.articles:,} articles, {found.texts:,} different texts, {found.survivors:,} survivors; {kinds}",
        f"{found.size:,} bytes, {found.size // max(1, found.texts):,} a text; {found.postings:,} postings in {found.runs} runs",
        f"{found.hot_buckets:,} full buckets have turned texts away {found.turned_away:,} times",
        *(f"  {number:,} times, among them {owner} (boilerplate?)" for number, owner in found.hot),
        *runs,
        *(f"{name} = {value}" for name, value in found.settings.items()),
    ]
    return "\n".join(lines)
