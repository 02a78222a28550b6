"""The settings of a run: one frozen value, built once, passed by hand.

Precedence: the defaults below < a TOML file (`dedupe.toml`, or `[tool.dedupe]` of a pyproject.toml) < environment
variables `DEDUPE_<SECTION>_<NAME>` < command-line flags. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dedupe.errors import UsageError, did_you_mean

EmitFormat = Literal["same", "jsonl", "csv", "txt", "parquet"]


@dataclass(frozen=True)
class ReadSettings:
    """How records are read. An empty field name means: detect it and announce the choice."""

    text_field: str = ""
    id_field: str = ""
    title_field: str = ""
    url_field: str = ""
    source_field: str = ""
    date_field: str = ""
    encoding: str = "utf-8"
    max_record_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True)
class FindSettings:
    """How overlaps are found.

    `near` is the Jaccard similarity of `shingle_words`-word shingles from which two articles are near-duplicates.
    A signature has `permutations` values of the scheme affine32 over the named hash. `bands` x `rows` of 0 means:
    the coarsest bands whose expected recall at the threshold is at least `recall`. `spun` is the similarity after undoing
    synonyms from which an article can be a spun copy of another. From the share `contained` of its shingles on a text is
    contained in another. What more than `boilerplate` distinct texts share is boilerplate. Dated reports of one event are at
    most `story_days` days apart.
    """

    kinds: tuple[str, ...] = ("exact", "near", "spun", "contained", "template", "overlap", "story")
    near: float = 0.7
    spun: float = 0.12
    shingle_words: int = 5
    permutations: int = 128
    seed: int = 1
    hash: Literal["xxh32", "sha1"] = "xxh32"
    bands: int = 0
    rows: int = 0
    recall: float = 0.999
    contained: float = 0.8
    boilerplate: int = 20
    story_days: float = 3.0


@dataclass(frozen=True)
class ChooseSettings:
    """Which member of a cluster survives: the first preference that tells two members apart decides.

    Known preferences: unspun, complete, trusted, longest, barest, earliest, smallest-id. `trusted_sources` feeds `trusted`.
    """

    prefer: tuple[str, ...] = ("unspun", "complete", "trusted", "longest", "barest", "earliest", "smallest-id")
    trusted_sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class RepairSettings:
    """What repair may do.

    `spin`: auto (the gate decides), assume (treat every document as spun), off (no spin repair).
    `quotes`: spun (repair quotations in documents classed as spun), safe (only tier safe there), ask (propose only).
    `rules`: folders of user tables, later ones win per rule id. `disable`: rule ids, or prefixes ending in "*".
    `allow`: phrases that are never touched. `regex_timeout` is in seconds, per rule and document.
    `context`: in spun text, known forms that no rule undoes are weighed by their whole sentence. `model`: the language model
    that has the last word there, "smollm2" or a GGUF file; none, if empty.
    """

    enabled: bool = True
    spin: Literal["auto", "assume", "off"] = "auto"
    quotes: Literal["spun", "safe", "ask"] = "spun"
    fields: tuple[str, ...] = ("text", "title")
    language: str = "en"
    encoding: bool = True
    layout: bool = True
    context: bool = True
    model: str = ""
    rules: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    regex_timeout: float = 0.25


@dataclass(frozen=True)
class EmitSettings:
    """What is written. `format` "same" keeps each input's layout and format."""

    format: EmitFormat = "same"


@dataclass(frozen=True)
class StreamSettings:
    """How articles are taken in one after the other, with an index that remembers those before.

    `index` is its URL. `duplicates`: tag (they go out like all others, named as what they are) or drop (they go to files
    of their own). `edits`: none, embed (in the record's tag), files (beside it). `tag_field` is the member that tells of
    the result. A batch is committed after `batch_records` records or `batch_seconds` seconds. `wait` is how many seconds to
    wait for another worker.
    """

    index: str = ""
    duplicates: Literal["tag", "drop"] = "tag"
    edits: Literal["none", "embed", "files"] = "none"
    tag_field: str = "dedupe"
    batch_records: int = 500
    batch_seconds: float = 2.0
    wait: float = 60.0


@dataclass(frozen=True)
class Settings:
    """All settings of a run, section by section.

    >>> Settings().find.near
    0.7
    """

    read: ReadSettings = field(default_factory=ReadSettings)
    find: FindSettings = field(default_factory=FindSettings)
    choose: ChooseSettings = field(default_factory=ChooseSettings)
    repair: RepairSettings = field(default_factory=RepairSettings)
    emit: EmitSettings = field(default_factory=EmitSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)


def with_values(settings: Settings, values: Mapping[str, Mapping[str, Any]], origin: str = "") -> Settings:
    """The settings with some values replaced, each checked against the type of its key.

    Raises UsageError for an unknown section or key, or a value of another type; `origin` names the culprit's file.

    >>> with_values(Settings(), {"find": {"near": 0.5}}).find.near
    0.5
    """
    sections = {}
    for name, keys in values.items():
        if name not in Settings.__dataclass_fields__:
            raise UsageError(f"unknown section [{name}]; {did_you_mean(name, Settings.__dataclass_fields__)}", path=origin)
        section = getattr(settings, name)
        hints = typing.get_type_hints(type(section))
        checked = {}
        for key, value in keys.items():
            if key not in hints:
                raise UsageError(f"unknown key {name}.{key}; {did_you_mean(key, hints)}", path=origin)
            checked[key] = _checked(value, hints[key], f"{name}.{key}", origin)
        sections[name] = dataclasses.replace(section, **checked)
    return dataclasses.replace(settings, **sections)


def load_settings(path: str | Path, base: Settings | None = None) -> Settings:
    """The settings of a TOML file over `base`: the whole file, or the table [tool.dedupe] of a pyproject.toml.

    Raises UsageError when the file is missing, is not TOML, or holds unknown keys.
    """
    try:
        tables = tomllib.loads(Path(path).read_text("utf-8-sig"))
    except FileNotFoundError:
        raise UsageError("no such settings file", path=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not a TOML file: {error}", path=str(path)) from None
    if Path(path).name == "pyproject.toml":
        tables = tables.get("tool", {}).get("dedupe", {})
    for name, keys in tables.items():
        if not isinstance(keys, dict):
            raise UsageError(f"key {name!r} stands outside a section; write it under [read], [find], ...", path=str(path))
    return with_values(base or Settings(), tables, str(path))


def settings_from_environment(environment: Mapping[str, str], base: Settings) -> Settings:
    """The settings with every `DEDUPE_<SECTION>_<NAME>` variable applied; lists are separated by commas.

    >>> settings_from_environment({"DEDUPE_FIND_NEAR": "0.6"}, Settings()).find.near
    0.6
    """
    values: dict[str, dict[str, Any]] = {}
    for variable, text in environment.items():
        section, _, key = variable.removeprefix("DEDUPE_").lower().partition("_")
        if variable.startswith("DEDUPE_") and section in Settings.__dataclass_fields__:
            hints = typing.get_type_hints(type(getattr(base, section)))
            values.setdefault(section, {})[key] = _parsed(text, hints.get(key, str), variable)
    return with_values(base, values, "environment")


def as_toml(settings: Settings) -> str:
    """The settings as TOML text that `load_settings` reads back to an equal value.

    >>> as_toml(Settings()).splitlines()[0]
    '[read]'
    """
    lines = []
    for name in Settings.__dataclass_fields__:
        lines.append(f"[{name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in dataclasses.asdict(getattr(settings, name)).items()]
        lines.append("")
    return "\n".join(lines)


def _checked(value: Any, hint: Any, name: str, origin: str) -> Any:
    if typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(map(repr, typing.get_args(hint)))
            raise UsageError(f"{name} is {value!r}; it takes one of {choices}", path=origin)
        return value
    if typing.get_origin(hint) is tuple:
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{name} takes a list of strings, not {value!r}", path=origin)
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise UsageError(f"{name} takes {hint.__name__}, not {value!r}", path=origin)
    return value


def _parsed(text: str, hint: Any, variable: str) -> Any:
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if hint is bool:
        known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.lower() not in known:
            raise UsageError(f"{variable} is {text!r}; it takes true or false")
        return known[text.lower()]
    if isinstance(hint, types.GenericAlias) or typing.get_origin(hint) is Literal:
        return text
    try:
        return hint(text)
    except ValueError:
        raise UsageError(f"{variable} is {text!r}; it takes {hint.__name__}") from None


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    return repr(value)
