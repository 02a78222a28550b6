"""`dedupe decide`: decisions without a terminal or a browser."""

from __future__ import annotations

from pathlib import Path

import click

from dedupe.cli.review import name_user
from dedupe.cli.terminal import echo
from dedupe.errors import UsageError
from dedupe.model import Verdict
from dedupe.review.ledger import articles_target, import_decisions
from dedupe.review.queue import Queue

_VERDICTS: tuple[Verdict, ...] = ("accept", "reject", "skip", "flag", "revert")


@click.command("decide")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--rule", "rules", multiple=True, metavar="ID", help="whatever a rule proposes; repeatable")
@click.option("--pair", "pairs", multiple=True, metavar="'OLD=>NEW'", help="one wording replaced by another; repeatable")
@click.option("--edit", "edits", multiple=True, metavar="ID", help="one edit, by its id in edits.jsonl; repeatable")
@click.option("--article", "articles", multiple=True, metavar="ID", help="every edit of an article; repeatable")
@click.option("--source", metavar="NAME", help="of --rule and --pair only what stands in articles of this source")
@click.option("--accept", "verdict", flag_value="accept", help="make these edits")
@click.option("--reject", "verdict", flag_value="reject", help="leave the text as it is")
@click.option("--replace", "replacement", metavar="WORDS", help="put in your own words")
@click.option("--skip", "verdict", flag_value="skip", help="leave it to the next wider decision")
@click.option("--flag", "verdict", flag_value="flag", help="leave it to a second reader")
@click.option("--revert", "verdict", flag_value="revert", help="take your last decision on this back")
@click.option("--same", nargs=2, metavar="ID ID", help="the two articles are versions of one text")
@click.option("--different", nargs=2, metavar="ID ID", help="the two articles are not; both are kept, in the next run too")
@click.option(
    "--boilerplate", nargs=2, metavar="ID ID", help="what the two share is boilerplate, and counts for no pair; both are kept"
)
@click.option("--canonical", metavar="ID", help="the version to keep of its cluster")
@click.option("--import", "file", type=click.Path(path_type=Path), help="take in a file of decisions; conflicts are listed")
@click.option("--by", help="who decides  [default: the login name]")
@click.option("--note", default="", help="why")
def command(
    out: Path,
    rules: tuple[str, ...],
    pairs: tuple[str, ...],
    edits: tuple[str, ...],
    articles: tuple[str, ...],
    source: str | None,
    verdict: Verdict | None,
    replacement: str | None,
    same: tuple[str, str] | None,
    different: tuple[str, str] | None,
    boilerplate: tuple[str, str] | None,
    canonical: str | None,
    file: Path | None,
    by: str | None,
    note: str,
) -> None:
    """Decide by command on the run in OUT: on rules, pairs, edits, articles or clusters, or take in a colleague's decisions.

    Exit code 3 says that imported decisions are stale or contradict others; `dedupe decisions list OUT` shows those.

    \b
    Examples:
      dedupe decide clean/ --rule verb.mention --reject
      dedupe decide clean/ --pair "extra=>further" --accept
      dedupe decide clean/ --different a1.txt b7.txt
      dedupe decide clean/ --import ann.jsonl
    """
    queue = Queue(out, by if by is not None else name_user())
    at = f"@{source}" if source else ""
    targets = [f"edit:{id}" for id in edits] + [f"article:{id}" for id in articles]
    targets += [f"pair{at}:{pair.replace('=>', '→', 1)}" for pair in pairs] + [f"rule{at}:{id}" for id in rules]
    on_clusters: list[tuple[str, Verdict]] = []
    for ids, opinion in ((same, "same"), (different, "different"), (boilerplate, "boilerplate")):
        if ids:
            on_clusters.append((articles_target(*ids), verdict if verdict == "revert" else opinion))  # type: ignore[arg-type]
    if canonical:
        on_clusters.append((f"canonical:{canonical}", verdict if verdict == "revert" else "accept"))
    if replacement is not None:
        verdict = "replace"
    if targets and verdict is None:
        raise UsageError("say what is decided: --accept, --reject, --replace WORDS, --skip, --flag or --revert")
    if not targets and not on_clusters and file is None:
        raise UsageError("say what is decided on: --rule, --pair, --edit, --article, --same, --different, ... or --import")
    for target in targets:
        queue.check_target(target)
    for target in targets:
        assert verdict is not None
        number = len(queue.concerned(target))
        decision = queue.decide(target, verdict, replacement, note)
        echo(f"{decision.verdict} {target}: speaks of {number:,} edit{'s' * (number != 1)}")
    for target, opinion in on_clusters:
        queue.decide(target, opinion, note=note)
        echo(f"{opinion} {target}")
    fits = file is None or take_in(queue, file)
    echo(f"next          `dedupe apply {out}` writes the corpus with them")
    if not fits:
        raise click.exceptions.Exit(3)


def take_in(queue: Queue, file: Path) -> bool:
    """Imports a file of decisions and tells what became of them; whether all fit the run and each other."""

    def is_known(target: str) -> bool:
        return target.partition(":")[0] not in {"edit", "article"} or bool(queue.concerned(target))

    imported = import_decisions(queue.out, file, known=is_known)
    stale = f", {imported.stale:,} are stale: on what this run does not hold" if imported.stale else ""
    echo(f"took in {imported.taken:,} decisions from {file}; {imported.known:,} were there before{stale}")
    for conflict in imported.conflicts:
        echo(f"in conflict, and not in effect until somebody decides: {conflict}", err=True)
    return not (imported.stale or imported.conflicts)
