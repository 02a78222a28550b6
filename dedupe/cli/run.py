"""`dedupe run`: the whole job."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from dedupe.cli.inputs import spooled_stdin
from dedupe.cli.options import build_settings, settings_options
from dedupe.cli.progress import track
from dedupe.cli.terminal import echo
from dedupe.pipeline import run
from dedupe.review.summary import describe_summary


@click.command("run")
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="folder for the results; new, empty or with --force")
@click.option("--dry-run", is_flag=True, help="write nothing; tell what would be done, with examples")
@click.option("--no-repair", is_flag=True, help="find and set aside duplicates only")
@click.option("--force", is_flag=True, help="replace a finished run in the output folder")
@click.option("--jobs", type=click.IntRange(0), default=0, help="processes that repair; 0: one a core, for a large corpus")
@click.option("--index", default="", help="an index, sqlite:PATH: copies of its articles are duplicates, survivors enter it")
@click.option("--against", multiple=True, help="a corpus whose copies in INPUTS are duplicates; nothing of it is emitted")
@click.option("--wait", "stream_wait", type=float, help="seconds to wait for another worker on the index  [default: 60]")
@settings_options("read", "find", "choose", "repair", "emit")
def command(
    inputs: tuple[str, ...],
    out: Path | None,
    dry_run: bool,
    no_repair: bool,
    force: bool,
    jobs: int,
    index: str,
    against: tuple[str, ...],
    config: Path | None,
    **flags: Any,
) -> None:
    """Clean the corpus in INPUTS (files, folders, globs, or - for standard input) into a folder.

    Reads .txt (an article a file), .jsonl, .csv and .tsv, each also .gz. Duplicates and unreadable records are set aside, never
    dropped; `dedupe undo` restores the input. Exit code 3 says that some records are in quarantine.

    \b
    Examples:
      dedupe run crawl/ -o clean/
      dedupe run news.jsonl.gz --text-field body -o clean/ --dry-run
      dedupe run june/ --index sqlite:seen.db -o june-clean/
    """
    settings = build_settings(config, flags)
    if no_repair:
        settings = dataclasses.replace(settings, repair=dataclasses.replace(settings.repair, enabled=False))
    if out is None and not dry_run:
        raise click.UsageError("name a folder for the results: -o clean/ (or --dry-run to write nothing)")
    target = out or Path("dedupe-out")
    with spooled_stdin(inputs) as spooled:
        summary = run(
            inputs,
            target,
            settings,
            dry_run=dry_run,
            overwrite=force,
            jobs=jobs,
            index=index,
            against=against,
            spooled=spooled,
            track=track,
        )
    for note in summary.notes:
        echo(f"note: {note}", err=True)
    echo(describe_summary(summary, str(target), dry_run))
    raise click.exceptions.Exit(summary.exit_code)
