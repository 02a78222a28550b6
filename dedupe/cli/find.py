"""`dedupe find`: the relations only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from dedupe.cli.inputs import spooled_stdin
from dedupe.cli.options import build_settings, settings_options
from dedupe.cli.progress import track
from dedupe.cli.terminal import echo
from dedupe.findings import find, write_findings
from dedupe.model import as_dict


@click.command("find")
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="folder for pairs, clusters and boilerplate.jsonl")
@click.option("--judge-spin", is_flag=True, help="ask the spin gate too, so that an unspun version is preferred; slower")
@settings_options("read", "find", "choose")
def command(inputs: tuple[str, ...], out: Path | None, judge_spin: bool, config: Path | None, **flags: Any) -> None:
    """Find the articles of INPUTS that overlap. Without -o the pairs go to standard output, one JSON object a line.

    The canonical of a cluster is chosen without a look at the rule tables, unless --judge-spin; `dedupe run` always looks.
    Exit code 3 says that some records could not be read.

    \b
    Example:
      dedupe find crawl/ --near 0.6 | head
    """
    settings = build_settings(config, flags)
    with spooled_stdin(inputs) as spooled:
        relations = find(inputs, settings, judge_spin=judge_spin, spooled=spooled, track=track)
    found, clusters = relations.found, relations.clustering.clusters
    if out is None:
        for pair in found.pairs:
            click.echo(json.dumps(as_dict(pair)))
    else:
        write_findings(out, found.pairs, relations.clustering, relations.boilerplate)
    echo(
        f"{len(relations.places):,} articles: {len(found.pairs):,} pairs, {len(clusters):,} clusters"
        f" ({found.candidates:,} candidates compared, {found.bands} bands of {found.rows} rows)",
        err=True,
    )
    for note in relations.notes:
        echo(f"note: {note}", err=True)
    if relations.unreadable:
        echo(f"note: {relations.unreadable:,} records could not be read; `dedupe run` tells why", err=True)
        raise click.exceptions.Exit(3)
