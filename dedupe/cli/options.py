"""Options that commands share, and how the settings of a command are put together from defaults, files, environment, flags."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dedupe.cli.terminal import echo
from dedupe.config import Settings, as_toml, load_settings, settings_from_environment, with_values

F = TypeVar("F", bound=Callable[..., Any])

_SPIN, _QUOTES = click.Choice(["auto", "assume", "off"]), click.Choice(["spun", "safe", "ask"])
_FORMAT = click.Choice(["same", "jsonl", "csv", "txt", "parquet"])
# flag, "section.key", help, and what click is told
Flag = tuple[str, str, str, dict[str, Any]]
_READ: list[Flag] = [
    ("--text-field", "read.text_field", "field that holds the article's text; detected if not given", {}),
    ("--id-field", "read.id_field", "field that holds the id", {}),
    ("--title-field", "read.title_field", "field that holds the title", {}),
    ("--url-field", "read.url_field", "field that holds the URL", {}),
    ("--source-field", "read.source_field", "field that holds the source or site", {}),
    ("--date-field", "read.date_field", "field that holds the date", {}),
    ("--encoding", "read.encoding", "encoding of the inputs  [default: utf-8]", {}),
    ("--max-record-bytes", "read.max_record_bytes", "larger records go to quarantine  [default: 4194304]", {"type": int}),
]
_FIND: list[Flag] = [
    ("--kinds", "find.kinds", "relations to look for, split by commas  [default: all]", {}),
    ("--near", "find.near", "Jaccard similarity from which texts are near-duplicates  [default: 0.7]", {"type": float}),
    ("--spun", "find.spun", "despun similarity from which a text can be a spun copy  [default: 0.12]", {"type": float}),
    ("--boilerplate", "find.boilerplate", "what more texts than this share is boilerplate  [default: 20]", {"type": int}),
    ("--story-days", "find.story_days", "days that reports of one event lie apart at most  [default: 3]", {"type": float}),
    ("--shingle-words", "find.shingle_words", "words in a shingle  [default: 5]", {"type": int}),
]
_CHOOSE: list[Flag] = [
    ("--prefer", "choose.prefer", "what makes a version the canonical one, split by commas, best first", {}),
    ("--trusted", "choose.trusted_sources", "sources preferred as canonical, split by commas, best first", {}),
]
_REPAIR: list[Flag] = [
    (
        "--spin",
        "repair.spin",
        "auto: the gate decides; assume: treat all as spun; off",
        {"type": _SPIN},
    ),
    ("--quotes", "repair.quotes", "what may be repaired in quotations", {"type": _QUOTES}),
    ("--repair-fields", "repair.fields", "fields to repair, split by commas  [default: text,title]", {}),
    ("--language", "repair.language", "language of the rule tables  [default: en]", {}),
    ("--rules", "repair.rules", "folder of your own rule tables; repeatable, later ones win", {"multiple": True}),
    ("--disable", "repair.disable", "rule id, or prefix ending in *, to switch off; repeatable", {"multiple": True}),
    ("--allow", "repair.allow", "phrase that nothing may touch; repeatable", {"multiple": True}),
    ("--layout/--no-layout", "repair.layout", "repair layout defects  [default: on]", {"default": None}),
    ("--context/--no-context", "repair.context", "weigh known forms by their sentence  [default: on]", {"default": None}),
    ("--model", "repair.model", "language model that weighs them better, and slowly: smollm2, or a GGUF file", {}),
]
_EMIT: list[Flag] = [
    (
        "--format",
        "emit.format",
        "format of the canonical corpus  [default: same]",
        {"type": _FORMAT},
    ),
]
_STREAM: list[Flag] = [
    ("--index", "stream.index", "the index, sqlite:PATH; made if there is none", {}),
    (
        "--tag",
        "stream.duplicates",
        "let duplicates go out like the others, named as what they are  [default]",
        {"flag_value": "tag"},
    ),
    (
        "--drop",
        "stream.duplicates",
        "set duplicates and unreadable records aside, in files of their own",
        {"flag_value": "drop"},
    ),
    ("--tag-field", "stream.tag_field", "the member of a record that tells its result  [default: dedupe]", {}),
    ("--embed-provenance", "stream.edits", "put every edit and related pair into the tag", {"flag_value": "embed"}),
    ("--side-files", "stream.edits", "write the edits to files beside the parts", {"flag_value": "files"}),
    (
        "--batch-records",
        "stream.batch_records",
        "commit after so many records  [default: 500]",
        {"type": click.IntRange(min=1)},
    ),
    ("--batch-seconds", "stream.batch_seconds", "or so many seconds after a batch began  [default: 2]", {"type": float}),
    ("--wait", "stream.wait", "seconds to wait for another worker on the index  [default: 60]", {"type": float}),
]
_SECTIONS = {"read": _READ, "find": _FIND, "choose": _CHOOSE, "repair": _REPAIR, "emit": _EMIT, "stream": _STREAM}
_LISTS = {"find.kinds", "choose.prefer", "choose.trusted_sources", "repair.fields"}


def settings_options(*sections: str) -> Callable[[F], F]:
    """A decorator that adds the flags of the named sections of the settings, --config and --show-config."""

    def decorate(function: F) -> F:
        function = click.option("--show-config", is_flag=True, help="print the settings in force as TOML and stop")(function)
        config_help = "settings file; without it ./dedupe.toml is read if there is one"
        function = click.option("--config", type=click.Path(path_type=Path), help=config_help)(function)
        for section in reversed(sections):
            for flag, key, text, extra in reversed(_SECTIONS[section]):
                function = click.option(flag, _parameter(key), help=text, **extra)(function)
        return function

    return decorate


def build_settings(config: Path | None, flags: dict[str, Any]) -> Settings:
    """The settings in force: defaults < file < environment < flags. `flags` are the parameters that `settings_options` added.

    Prints them and ends the program when --show-config was given.
    """
    show = flags.pop("show_config", False)
    if config is None and Path("dedupe.toml").is_file():
        config = Path("dedupe.toml")
        echo("settings from dedupe.toml", err=True)
    settings = load_settings(config) if config else Settings()
    settings = settings_from_environment(os.environ, settings)
    values: dict[str, dict[str, Any]] = {}
    for section, options in _SECTIONS.items():
        for _, key, _, _ in options:
            value = flags.get(_parameter(key))
            if value is not None and value != ():
                if key in _LISTS:
                    value = tuple(part.strip() for part in value.split(",") if part.strip())
                values.setdefault(section, {})[key.partition(".")[2]] = value
    settings = with_values(settings, values, "command line")
    if show:
        click.echo(as_toml(settings), nl=False)
        raise click.exceptions.Exit(0)
    return settings


def _parameter(key: str) -> str:
    return key.replace(".", "_")
