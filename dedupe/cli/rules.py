"""`dedupe rules`: make, list, check and tidy rule tables."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from dedupe.cli.terminal import echo
from dedupe.errors import RuleError, UsageError
from dedupe.model import Tier
from dedupe.repair.check import check_rules, format_table
from dedupe.repair.classes import build_classes, check_classes, format_classes
from dedupe.repair.match import expand_rules
from dedupe.repair.synonyms import expand_synonyms
from dedupe.text.lexicon import (
    CLASSES,
    NO_RULES,
    RULE_COLUMNS,
    Lexicon,
    builtin_rules,
    builtin_tables,
    load_classes,
    load_function_words,
    load_lexicon,
    user_tables,
)

folders_argument = click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
language_option = click.option("--language", default="en", show_default=True, help="language of the tables")

_STARTER = """# My rules. README.md explains the columns. Check with: dedupe rules check {folder}
{header}
my.example\tsafety ensures\tsecurity guarantees\tspun\ton|for _\t\ta deal on [[safety ensures=>security guarantees]]\t\tuser
"""
_STARTER_ALLOW = "# Phrases that no rule may touch, and why. Capitals match exactly.\nphrase\treason\n"


@click.group("rules")
def command() -> None:
    """Make, list, check and tidy rule tables.

    \b
    Example:
      dedupe rules init my-rules && dedupe rules check my-rules
    """


@command.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a starter FOLDER with a table of your own, an allow list and the guide; use it by `--rules FOLDER`."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError("is not empty; name a new folder", path=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "my.tsv").write_text(_STARTER.format(folder=folder, header="\t".join(RULE_COLUMNS)), "utf-8")
    (folder / "allow.tsv").write_text(_STARTER_ALLOW, "utf-8")
    (folder / "README.md").write_text((builtin_rules() / "README.md").read_text("utf-8"), "utf-8")
    click.echo(f"made {folder}/my.tsv, allow.tsv and README.md; use them with: dedupe run --rules {folder} ...")


@command.command("list")
@folders_argument
@language_option
@click.option("--tier", type=click.Choice(get_args(Tier)), help="only rules of this tier")
def list_rules(folders: tuple[Path, ...], language: str, tier: str | None) -> None:
    """List every rule in force with the table it comes from; FOLDERS are users' tables laid over the built-in ones."""
    for rule in load_lexicon(language, folders).rules:
        if tier in {None, rule.tier}:
            click.echo(f"{rule.id}\t{rule.tier}\t{rule.spun}\t{'|'.join(rule.originals)}\t{rule.origin}")


@command.command("expand")
@click.argument("rule_ids", nargs=-1, required=True)
@click.option("--rules", "folders", multiple=True, type=click.Path(path_type=Path), help="a folder of your own tables")
@language_option
def expand(rule_ids: tuple[str, ...], folders: tuple[Path, ...], language: str) -> None:
    """Print every inflected form that the rules RULE_IDS cover, with its originals."""
    lexicon = load_lexicon(language, folders)
    known = {rule.id for rule in lexicon.rules}
    if missing := [rule_id for rule_id in rule_ids if rule_id not in known]:
        raise UsageError(f"no rule {missing[0]!r}; `dedupe rules list` shows them")
    for form in expand_rules(lexicon):
        if form.rule.rule.id in rule_ids:
            click.echo(f"{form.rule.rule.id}\t{form.text}\t{'|'.join(dict.fromkeys(form.originals + form.participles))}")


@command.command("check")
@folders_argument
@language_option
@click.option("--table", "only", help="only the rules of tables whose path ends so, e.g. verbs.tsv")
def check(folders: tuple[Path, ...], language: str, only: str | None) -> None:
    """Run every example and counterexample of the built-in tables and of FOLDERS; exit 2 if any rule is at fault."""
    lexicon = load_lexicon(language, folders)
    table, words = str(builtin_rules() / language / CLASSES), load_function_words(language)
    class_faults = [RuleError(fault, path=table) for fault in check_classes(load_classes(language), words)]
    faults = [fault for fault in [*check_rules(lexicon), *class_faults] if only is None or fault.path.endswith(only)]
    for fault in faults:
        echo(str(fault), err=True)
    if faults:
        raise UsageError(f"{len(faults)} faults in {_counted(lexicon)}")
    click.echo(f"{_counted(lexicon)}: all examples hold")


@command.command("classes")
@language_option
@click.option("--write", is_flag=True, help="write them to the classes.tsv of the built-in tables instead of printing them")
def classes(language: str, write: bool) -> None:
    """Make the synonym classes, by which spun copies are found, from the built-in tables; they change only by this command."""
    lexicon = load_lexicon(language)
    made = format_classes(build_classes(lexicon, load_function_words(language), expand_synonyms(lexicon, language)))
    if not write:
        click.echo(made, nl=False)
        return
    path = Path(str(builtin_rules() / language / CLASSES))
    path.write_text(made, "utf-8")
    click.echo(f"wrote {path}: {made.count(chr(10) + 'class')} classes; indexes made with other ones must be made anew")


@command.command("fmt")
@folders_argument
@language_option
@click.option("--check", "check_only", is_flag=True, help="change nothing; exit 1 if a table is not in its one form")
def fmt(folders: tuple[Path, ...], language: str, check_only: bool) -> None:
    """Put tables into their one form: sorted, tabs right, what spreadsheets did undone. Without FOLDERS: the built-in ones."""
    tables = [table for folder in folders for table in user_tables(folder, language) if table.name not in NO_RULES]
    if not folders:
        tables = [Path(str(table)) for table in builtin_tables(language)]
    untidy = []
    for table in tables:
        text = table.read_text("utf-8")
        tidy = format_table(text)
        if tidy != text:
            untidy.append(table)
            if not check_only:
                table.write_text(tidy, "utf-8")
    for table in untidy:
        click.echo(f"{'would tidy' if check_only else 'tidied'} {table}")
    if check_only and untidy:
        raise click.exceptions.Exit(1)


def _counted(lexicon: Lexicon) -> str:
    return f"{len(lexicon.rules):,} rules, {len(lexicon.allow):,} allowed phrases"
