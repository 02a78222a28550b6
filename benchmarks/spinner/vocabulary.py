"""The simulated spinner's dictionary: every inflected form with what may stand in its place.

Nothing of the package is imported, its inflection least of all: a fault the two shared would not show.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent

_DOUBLING = frozenset("admit commit compel control forget occur omit permit prefer propel refer regret submit transfer".split())

Irregulars = Mapping[tuple[str, str], tuple[str, ...]]


class Entry(NamedTuple):
    """One line of the table: a base form with its part of speech, and its synonyms."""

    original: str
    part: str
    synonyms: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """One form of one or more entries: what may replace it, and in the plural where a careless swap may use that.

    `types` are the base forms it belongs to; `neutral` says that every replacement is good English and means the same.
    """

    replacements: tuple[str, ...]
    plurals: tuple[str, ...]
    types: tuple[str, ...]
    neutral: bool


@dataclass(frozen=True)
class Vocabulary:
    """Forms by their lower-case words, and the number of words of the longest."""

    forms: Mapping[tuple[str, ...], Form]
    longest: int


def load_entries(path: Path = HERE / "vocabulary.tsv") -> list[Entry]:
    """The lines of a vocabulary table."""
    rows = list(_rows(path))[1:]
    return [Entry(original, part, tuple(synonyms.split("|"))) for original, part, synonyms in rows]


def build_vocabulary(entries: list[Entry]) -> Vocabulary:
    """The vocabulary that the entries make, in every inflection."""
    irregulars = {(part, words.split()[0]): tuple(words.split()) for part, words in list(_rows(HERE / "irregular.tsv"))[1:]}
    forms: dict[tuple[str, ...], Form] = {}
    for entry in entries:
        originals = inflect(entry.original, entry.part, irregulars)
        inflected = [inflect(synonym, entry.part, irregulars) for synonym in entry.synonyms]
        for slot, original in enumerate(originals):
            if entry.part == "v" and slot == 3 and originals[2] == originals[3]:
                continue  # past and participle look alike: the spinner takes the past
            key = tuple(original.lower().split())
            made = Form(
                replacements=tuple(forms_of[slot] for forms_of in inflected if forms_of[slot] != original),
                plurals=tuple(forms_of[1] for forms_of in inflected) if entry.part == "n" and slot == 0 else (),
                types=(entry.original,),
                neutral=entry.part == "g",
            )
            forms[key] = _joined(forms[key], made) if key in forms else made
    kept = {key: form for key, form in forms.items() if form.replacements}
    return Vocabulary(kept, max(map(len, kept)))


def hold_out(entries: list[Entry], fraction: float, rng: random.Random) -> tuple[list[Entry], list[Entry]]:
    """The entries in two lists, the second with a `fraction` of the word types (all entries of a type go together)."""
    types = sorted({entry.original for entry in entries})
    held = set(rng.sample(types, round(fraction * len(types))))
    return [entry for entry in entries if entry.original not in held], [entry for entry in entries if entry.original in held]


def inflect(phrase: str, part: str, irregulars: Irregulars) -> tuple[str, ...]:
    """All forms of a phrase; a verb phrase inflects its first word, any other its last."""
    if part in {"x", "g"}:
        return (phrase,)
    words = phrase.split()
    at = 0 if part == "v" else -1
    forms = irregulars.get((part, words[at])) or _regular(words[at], part)
    if part == "a" and len(words) > 1:
        return phrase, f"more {phrase}", f"most {phrase}"
    return tuple(" ".join([form, *words[1:]] if part == "v" else [*words[:-1], form]) for form in forms)


def _regular(word: str, part: str) -> tuple[str, ...]:
    stem = word[:-1] if word.endswith("e") else word
    to_i = word[:-1] + "i" if re.search(r"[^aeiou]y$", word) else ""
    doubled = word + word[-1] if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", word) or word in _DOUBLING else stem
    with_s = to_i + "es" if to_i else word + ("es" if re.search(r"(s|x|z|ch|sh)$", word) else "s")
    if part == "n":
        is_plural = re.search(r"[^aisu]s$", word) is not None  # "employees" for "staff"
        return word, word if is_plural else with_s
    if part == "a":
        if len(re.findall(r"[aeiouy]+", stem)) > 1 and not to_i:
            return word, f"more {word}", f"most {word}"
        return word, (to_i or doubled) + "er", (to_i or doubled) + "est"
    past = (to_i or doubled) + "ed"
    if word.endswith("ie"):
        return word, with_s, past, past, word[:-2] + "ying"
    return word, with_s, past, past, (word if to_i or word.endswith("ee") else doubled) + "ing"


def _joined(a: Form, b: Form) -> Form:
    return Form(
        tuple(dict.fromkeys(a.replacements + b.replacements)),
        tuple(dict.fromkeys(a.plurals + b.plurals)),
        tuple(dict.fromkeys(a.types + b.types)),
        a.neutral and b.neutral,
    )


def _rows(path: Path) -> Iterator[list[str]]:
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")
