"""The lexicon: every table of a rules folder as frozen values. The only reader of `rules/`.

A folder of tables holds one sub-folder per language. The built-in one lists its rule tables in `manifest.toml`; in a
user's folder every `.tsv` is a rule table, except `allow.tsv` and `layout.tsv`. Later folders win per rule id.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, get_args

from dedupe.errors import RuleError, did_you_mean
from dedupe.model import RoleName, Rule, Tier
from dedupe.text.classes import ClassMap
from dedupe.text.inflect import Irregulars, PartOfSpeech
from dedupe.text.spelling import SpellingPair
from dedupe.text.trigrams import Trigrams, unpack_trigrams

RULE_COLUMNS = ("id", "spun", "original", "tier", "when", "unless", "example", "counterexample", "source")
CLASSES = "classes.tsv"
TRIGRAMS = "trigrams.bin"
SYNONYMS = "synonyms."  # begins what names a row of synonyms.tsv; the original follows, or * for all
NO_RULES = frozenset({"allow.tsv", "layout.tsv"})  # tables of a user's folder that hold other things than rules
_TIERS = get_args(Tier)
LineRole = RoleName | Literal["menu-item"]  # a word of a menu; three lines of them are a menu
_LINE_ROLES = (*get_args(RoleName), "menu-item")


@dataclass(frozen=True)
class GateSettings:
    """The thresholds of the spin gate; rules/settings.toml says what each means."""

    strong: float
    spun_strong: int
    spun_odds: float
    spun_score: float
    suspect_strong: int
    suspect_odds: float
    suspect_score: float
    splice_strong: int
    splice_odds: float
    island_odds: float


@dataclass(frozen=True)
class ContextSettings:
    """How known forms are judged by their sentence; rules/settings.toml says what each means."""

    swapped: float
    neighbours: float
    auto: float
    assume: float
    model_auto: float
    model_assume: float


@dataclass(frozen=True)
class Lexicon:
    """All tables of one language.

    `rules` are sorted by id. `word_lists` maps the names of neighbour classes to their words. `odds` maps a form to how much
    likelier it is in spun text than in clean text, in nats. `allow` holds phrases nothing may touch. `layout` pairs the role of
    a line with the pattern that tells it. `spelling` pairs American with British forms. `unspoken` names rows of synonyms
    that are switched off.
    """

    rules: tuple[Rule, ...]
    allow: tuple[str, ...]
    irregulars: Irregulars
    word_lists: dict[str, frozenset[str]]
    odds: dict[str, float]
    layout: tuple[tuple[LineRole, re.Pattern[str]], ...]
    gate: GateSettings
    context: ContextSettings
    spelling: tuple[SpellingPair, ...] = ()
    unspoken: frozenset[str] = frozenset()

    @cached_property
    def any_layout(self) -> re.Pattern[str]:
        """One pattern that matches what any of the layout patterns matches: hardly a line does."""
        bare = (
            pattern.pattern[3:-1] for _, pattern in self.layout
        )  # without "(?:" and ")": what begins otherwise is passed over faster
        return re.compile("|".join(bare) or r"(?!)")

    @cached_property
    def words(self) -> frozenset[str]:
        """Every single word that the tables hold, in small letters; no dictionary, but what news English is mostly made of."""
        phrases = [*self.odds, *self.allow, *(phrase for rule in self.rules for phrase in (rule.spun, *rule.originals))]
        return frozenset(re.findall(r"[^\W\d_]{2,}", " ".join(phrases).lower())).union(*self.word_lists.values())


def builtin_rules() -> Traversable:
    """The folder of rule tables that ship with dedupe: dedupe/rules when installed, rules/ beside dedupe/ in a checkout.

    Raises RuleError when neither is there.

    >>> (builtin_rules() / "manifest.toml").is_file()
    True
    """
    for folder in (files("dedupe") / "rules", Path(__file__).resolve().parents[2] / "rules"):
        if (folder / "manifest.toml").is_file():  # never take somebody else's site-packages/rules
            return folder
    raise RuleError("the rule tables are missing from this installation; reinstall article-dedupe")


def load_lexicon(
    language: str = "en", folders: Sequence[str | Path] = (), disable: Collection[str] = (), allow: Iterable[str] = ()
) -> Lexicon:
    """The built-in tables of `language` with the users' folders laid over them, later ones winning per rule id.

    `disable` names rule ids, or prefixes ending in "*", or rows of synonyms as edits name them ("synonyms.say").
    Raises RuleError, with file and line, for a table that is not well formed or an unknown id in `disable`.
    """
    builtin = builtin_rules()
    if not folders and language not in (known := builtin_languages()):
        raise RuleError(f"there are no built-in tables for the language {language!r}; {did_you_mean(language, known)}")
    rules = {rule.id: rule for table in builtin_tables(language) for rule in read_rules(table)}
    allowed = list(allow) + [row[0] for _, row in _rows(builtin / language / "allow.tsv", ("phrase", "reason"))]
    layout = [pattern for code in dict.fromkeys((language, "en")) for pattern in _layout(builtin / code / "layout.tsv")]
    for folder in folders:
        for table in user_tables(Path(folder), language):
            if table.name == "layout.tsv":
                layout = [*_layout(table), *layout]
            elif table.name == "allow.tsv":
                allowed += [row[0] for _, row in _rows(table, ("phrase", "reason"))]
            else:
                rules |= {rule.id: rule for rule in read_rules(table)}
    unspoken = {name for name in disable if name.startswith(SYNONYMS)}
    for name in (name for name in disable if name not in unspoken):
        hit = [rule_id for rule_id in rules if rule_id == name or (name.endswith("*") and rule_id.startswith(name[:-1]))]
        if not hit:
            raise RuleError(f"cannot disable {name!r}: no such rule; {did_you_mean(name, list(rules)[:5000])}")
        for rule_id in hit:
            del rules[rule_id]
    grammar = builtin / "en"
    settings = tomllib.loads((builtin / "settings.toml").read_text("utf-8"))
    return Lexicon(
        rules=tuple(rules[rule_id] for rule_id in sorted(rules)),
        allow=tuple(dict.fromkeys(allowed)),
        irregulars=dict(_irregulars(grammar / "irregular.tsv")),
        word_lists={row[0]: frozenset(row[1].split()) for _, row in _rows(grammar / "wordlists.tsv", ("class", "words"))},
        odds={row[0]: float(row[1]) for _, row in _rows(builtin / language / "odds.tsv", ("form", "odds"))},
        layout=tuple(layout),
        gate=GateSettings(**settings["gate"]),
        context=ContextSettings(**settings["context"]),
        spelling=tuple(SpellingPair(*row) for _, row in _rows(grammar / "spelling.tsv", SpellingPair._fields)),
        unspoken=frozenset(unspoken),
    )


def load_classes(language: str = "en") -> ClassMap:
    """The built-in synonym classes of a language; without any for a language that has no table of them.

    Raises RuleError, with file and line, for a table that is not well formed.

    >>> len(load_classes().classes) > 1000
    True
    """
    return read_classes(builtin_rules() / language / CLASSES)


def read_classes(table: Traversable) -> ClassMap:
    """The synonym classes of one table. Raises RuleError, with file and line, for a table that is not well formed."""
    classes, dropped, starred = [], list[str](), set[str]()
    for line, (use, forms) in _rows(table, ("use", "forms")):
        if use not in {"class", "drop"}:
            raise RuleError(f"unknown use {use!r}; write class or drop", path=str(table), line=line)
        parts = _parts(forms, "|")
        plain = tuple(form.removesuffix("*") for form in parts)
        starred.update(form for form, part in zip(plain, parts, strict=True) if form != part)
        if use == "class":
            classes.append(plain)
        else:
            dropped += plain
    return ClassMap(tuple(classes), tuple(dropped), frozenset(starred))


def load_trigrams(language: str = "en") -> Trigrams | None:
    """The built-in trigrams of a language; None for a language that has none.

    Raises RuleError for a file that is not such a table.
    """
    table = builtin_rules() / language / TRIGRAMS
    if not table.is_file():
        return None
    try:
        return Trigrams(unpack_trigrams(table.read_bytes()))
    except ValueError as error:
        raise RuleError(f"no table of trigrams: {error}", path=str(table)) from None


def load_function_words(language: str = "en") -> frozenset[str]:
    """The function words of a language, which no synonym class may hold."""
    rows = _rows(builtin_rules() / language / "function.tsv", ("group", "words"))
    return frozenset(word for _, (_, words) in rows for word in words.split())


def builtin_languages() -> list[str]:
    """The languages that have tables of their own: of rules, or of the layout alone, where wording is left as it is.

    >>> builtin_languages()
    ['de', 'en', 'fr', 'ja']
    """
    return sorted(folder.name for folder in builtin_rules().iterdir() if (folder / "layout.tsv").is_file())


def builtin_tables(language: str) -> list[Traversable]:
    """The built-in rule tables of a language, in the order of the manifest."""
    builtin = builtin_rules()
    return [builtin / language / entry["file"] for entry in _manifest(builtin).get(language, [])]


def _manifest(builtin: Traversable) -> dict[str, list[dict[str, str]]]:
    return tomllib.loads((builtin / "manifest.toml").read_text("utf-8"))


def user_tables(folder: Path, language: str) -> list[Path]:
    """The tables of a user's folder: its own `.tsv` files and those of its sub-folder for the language, sorted.

    Raises RuleError for a folder that is missing or holds no table.
    """
    if not folder.is_dir():
        raise RuleError("no such rules folder; make one with `dedupe rules init DIR`", path=str(folder))
    tables = sorted(folder.glob("*.tsv")) + sorted((folder / language).glob("*.tsv"))
    if not tables:
        raise RuleError("holds no .tsv table; make a starter with `dedupe rules init DIR`", path=str(folder))
    return tables


def read_rules(table: Traversable) -> list[Rule]:
    """The rules of one TSV table, in file order.

    Raises RuleError with file and line for a missing column, an unknown tier, an empty spun form, an id used twice.
    """
    rules, seen, name = [], set[str](), str(table)
    for line, row in _rows(table, RULE_COLUMNS):
        id, spun, original, tier, when, unless, example, counterexample, source = row
        if tier not in _TIERS:
            raise RuleError(f"unknown tier {tier!r}; {did_you_mean(tier, _TIERS)}", path=name, line=line)
        if not id or not spun or not (original or tier == "flag"):
            raise RuleError("a rule needs an id, a spun form and an original", path=name, line=line)
        if id in seen:
            raise RuleError(f"the id {id!r} is used twice; give the second sense the ending .2", path=name, line=line)
        seen.add(id)
        rules.append(
            Rule(
                id=id,
                spun=spun,
                originals=_parts(original, "|"),
                tier=tier,  # type: ignore[arg-type]  # checked above
                when=_parts(when, ";"),
                unless=_parts(unless, ";"),
                example=_parts(example, "||"),
                counterexample=_parts(counterexample, "||"),
                source=source,
                origin=f"{name}:{line}",
            )
        )
    return rules


def read_synonyms(language: str = "en") -> list[tuple[str, str, tuple[str, ...]]]:
    """What a spinner makes of ordinary words: original, part of speech (n v a, x for none), the words put in its place.

    Most are too ordinary themselves for a rule; they tell the gate and the synonym classes what to expect. The word that is
    inflected is the first of a verb phrase and the last of any other, or the one marked with ~.
    Raises RuleError with file and line for an unknown part of speech.
    """
    table, rows = builtin_rules() / language / "synonyms.tsv", []
    for line, (original, part, synonyms) in _rows(table, ("original", "part", "synonyms")):
        if part not in {"n", "v", "a", "x"}:
            raise RuleError(f"unknown part of speech {part!r}; write n, v, a, or x", path=str(table), line=line)
        rows.append((original, part, _parts(synonyms, "|")))
    return rows


def _parts(cell: str, separator: str) -> tuple[str, ...]:
    if separator not in cell:
        return (cell,) if cell else ()
    return tuple(part.strip() for part in cell.split(separator) if part.strip())


def _rows(table: Traversable, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The (line number, cells) of a table; extra columns are ignored, lost trailing tabs put back, comments skipped."""
    if not table.is_file():
        return
    header = None
    for number, line in enumerate(table.read_text("utf-8-sig").split("\n"), 1):
        cells = line.rstrip("\r").split("\t")
        if line.startswith("#") or not line.strip():
            continue
        if header is None:
            header = cells
            if tuple(cells[: len(columns)]) != columns:
                raise RuleError(
                    f"the header must be the columns {', '.join(columns)}, split by tabs", path=str(table), line=number
                )
            continue
        if len(cells) > len(header):
            raise RuleError(f"{len(cells)} columns where the header has {len(header)}", path=str(table), line=number)
        if len(cells) != len(columns):
            cells = (cells + [""] * len(columns))[: len(columns)]
        if "\t " in line or " \t" in line or line[0] == " " or line[-1] in " \r":
            cells = [cell.strip() for cell in cells]
        yield number, cells


def _layout(table: Traversable) -> Iterator[tuple[LineRole, re.Pattern[str]]]:
    """The patterns of lines that are no body text, with their roles; the first that fits a line names its role."""
    for line, (role, pattern) in _rows(table, ("role", "pattern")):
        if role not in _LINE_ROLES:
            raise RuleError(f"unknown role {role!r}; {did_you_mean(role, _LINE_ROLES)}", path=str(table), line=line)
        try:
            compiled = re.compile(f"(?:{pattern})")
        except re.error as error:
            raise RuleError(f"not a regular expression: {error}", path=str(table), line=line) from None
        if compiled.groups:
            raise RuleError("the pattern captures a group; write (?:...) for (...)", path=str(table), line=line)
        yield role, compiled  # type: ignore[misc]  # checked above


def _irregulars(table: Traversable) -> Iterator[tuple[tuple[PartOfSpeech, str], tuple[str, ...]]]:
    slots: dict[str, tuple[PartOfSpeech, int]] = {"v": ("v", 5), "n": ("n", 2), "a": ("a", 3)}
    for line, (part, forms) in _rows(table, ("part", "forms")):
        words = tuple(forms.split())
        if part not in slots or len(words) != slots[part][1]:
            raise RuleError("write v and five forms, n and two, or a and three", path=str(table), line=line)
        yield (slots[part][0], words[0]), words
