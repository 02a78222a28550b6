"""`dedupe eval`: judge a finished run by a truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from dedupe.evaluate.clusters import describe_clusters, evaluate_clusters
from dedupe.evaluate.describe import describe_cases, describe_edits
from dedupe.evaluate.edits import evaluate_edits
from dedupe.evaluate.pairs import describe_pairs, evaluate_pairs
from dedupe.evaluate.report import CaseKind

_CASES_IN_JSON = 100

out_argument = click.argument("out", type=click.Path(path_type=Path))
truth_argument = click.argument("truth", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="print the report as JSON, with cases of each kind")


@click.group("eval")
def command() -> None:
    """Judge a finished run by a truth: its edits, its pairs, its clusters. docs/evaluation.md describes the truth files.

    \b
    Example:
      dedupe run seeds/corpus -o out && dedupe eval edits out seeds/truth/edits.tsv
    """


@command.command("edits")
@out_argument
@truth_argument
@json_option
@click.option(
    "--show",
    nargs=2,
    type=(click.Choice(get_args(CaseKind)), click.IntRange(min=1)),
    metavar="wrong|missed|harm N",
    help="print N cases instead, the most frequent first",
)
def edits(out: Path, truth: Path, as_json: bool, show: tuple[CaseKind, int] | None) -> None:
    """Judge the edits of the run in OUT by TRUTH, a TSV of what was changed where."""
    report = evaluate_edits(out, truth)
    if as_json:
        _print_json(report.as_dict(show[1] if show else _CASES_IN_JSON))
    else:
        click.echo(describe_cases(report, *show) if show else describe_edits(report))


@command.command("pairs")
@out_argument
@truth_argument
@json_option
def pairs(out: Path, truth: Path, as_json: bool) -> None:
    """Judge the pairs found in OUT by TRUTH, a TSV of related documents."""
    report = evaluate_pairs(out, truth)
    if as_json:
        _print_json(report.as_dict(_CASES_IN_JSON))
    else:
        click.echo(describe_pairs(report))


@command.command("clusters")
@out_argument
@truth_argument
@json_option
def clusters(out: Path, truth: Path, as_json: bool) -> None:
    """Judge the clusters in OUT, and which member of each survived, by TRUTH, a TSV of documents and their cluster."""
    report = evaluate_clusters(out, truth)
    if as_json:
        _print_json(report.as_dict(_CASES_IN_JSON))
    else:
        click.echo(describe_clusters(report))


def _print_json(report: dict[str, Any]) -> None:
    click.echo(json.dumps(report, ensure_ascii=False, indent=1))
