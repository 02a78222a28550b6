"""`dedupe stream`: articles as they arrive, each told at once what it is."""

from __future__ import annotations

import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from dedupe.cli.options import build_settings, settings_options
from dedupe.cli.terminal import echo
from dedupe.config import Settings
from dedupe.errors import UsageError
from dedupe.index.opening import index_exists
from dedupe.ingest.lines import ArticleReader, LineSource
from dedupe.ingest.metrics import Metrics
from dedupe.ingest.parts import Output, PartFolder, PrintedOutput, run_stream
from dedupe.ingest.stream import Stream


@click.command("stream")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="folder for part files, each record exactly once")
@click.option("--run", "run", default="", help="name of the run in the ledger  [default: the path of OUT]")
@click.option("--metrics", type=click.Path(path_type=Path), help="file to keep up to date in the text format of Prometheus")
@click.option("--no-repair", is_flag=True, help="find duplicates only")
@click.option("--check-config", is_flag=True, help="check the settings and the index, and stop")
@settings_options("stream", "read", "find", "repair")
def command(
    out: Path | None,
    run: str,
    metrics: Path | None,
    no_repair: bool,
    check_config: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Take in articles as they come: JSON lines on standard input, the same lines with their results on standard output.

    Each record is repaired, and tagged with what it is: new, or a copy of which article that the index has seen. With -o the
    lines go to part files instead, and an attempt that was killed is taken up where it stopped when the same input comes
    again. SIGTERM finishes the batch and exits with 143. Exit code 3 says that some records could not be read, 5 that the
    index is locked or was made with other settings.

    \b
    Examples:
      crawler | dedupe stream --index sqlite:seen.db > tagged.jsonl
      dedupe stream --index sqlite:seen.db --drop -o today/ < today.jsonl
    """
    settings = build_settings(config, flags)
    if no_repair:
        settings = replace(settings, repair=replace(settings.repair, enabled=False))
    if settings.stream.duplicates == "drop" and out is None:
        raise UsageError("duplicates that are dropped need a place to go: name a folder with -o")
    if settings.stream.edits == "files" and out is None:
        raise UsageError("files beside the stream need a folder: name one with -o")
    if check_config:
        _check(settings)
        return
    with Stream(settings) as stream:
        beside = [kind for kind, wanted in _beside(settings.stream.duplicates, settings.stream.edits) if wanted]
        output: Output = PartFolder(out, run or str(out.resolve()), beside) if out else PrintedOutput(_print)
        stopping: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))

        announced: list[str] = []

        def after_batch(counts: Metrics, reader: ArticleReader) -> None:
            if reader.announcement and not announced:
                announced.append(reader.announcement)
                echo(reader.announcement, err=True)
            if metrics:
                counts.write(metrics)

        lines = LineSource(sys.stdin.fileno(), settings.read.max_record_bytes)
        counts = run_stream(lines, stream, output, lambda: bool(stopping), after_batch)
    _print_summary(counts)
    if stopping:
        echo("stopped: the same command goes on from here when the same input comes again" if out else "stopped", err=True)
        raise click.exceptions.Exit(128 + stopping[0])
    raise click.exceptions.Exit(3 if counts.records["quarantined"] else 0)


def _check(settings: Settings) -> None:
    """Prints that all is in order, or raises what the stream would raise; makes no index."""
    url = settings.stream.index
    exists = bool(url) and index_exists(url)
    with tempfile.TemporaryDirectory(prefix="dedupe-") as folder:
        elsewhere = replace(settings.stream, index=url if exists or not url else f"sqlite:{folder}/index.db")
        Stream(replace(settings, stream=elsewhere)).close()
    click.echo(f"settings and index {url} are in order" if exists else f"settings are in order; {url} will be made")


def _beside(duplicates: str, edits: str) -> list[tuple[str, bool]]:
    return [("aside", duplicates == "drop"), ("edits", edits == "files")]


def _print(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _print_summary(counts: Metrics) -> None:
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.kinds.items()))
    records = counts.records
    told = f"{records['duplicate']:,} duplicates" + (f" ({kinds})" if kinds else "")
    echo(f"{records.total():,} records: {records['kept']:,} kept, {told}, {records['quarantined']:,} unreadable", err=True)
