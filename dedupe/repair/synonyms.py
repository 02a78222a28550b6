"""The synonyms of ordinary words in all their inflections: what a spinner may put where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dedupe.text.inflect import Irregulars, PartOfSpeech, inflect
from dedupe.text.lexicon import Lexicon, read_synonyms


def expand_synonyms(lexicon: Lexicon, language: str = "en") -> Iterator[tuple[str, str, int]]:
    """Every (spun form, original form, rank) of the table of synonyms; rank 1 is the likeliest.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> ("deserted", "abandoned", 3) in expand_synonyms(load_lexicon())
    True
    """
    for spun, original, rank, _ in expand_rows(lexicon, language):
        yield spun, original, rank


def expand_rows(lexicon: Lexicon, language: str = "en") -> Iterator[tuple[str, str, int, str]]:
    """The same, and the base form of the original, which names the row."""
    for base, part, synonyms in read_synonyms(language):
        originals = inflect_phrase(base, part, lexicon.irregulars)
        for rank, synonym in enumerate(synonyms, 1):
            for spun, original in zip(inflect_phrase(synonym, part, lexicon.irregulars), originals, strict=True):
                yield spun, original, rank, base


def inflect_phrase(phrase: str, part: str, irregulars: Irregulars) -> list[str]:
    """The forms of a phrase, slot by slot: the word marked with ~ is inflected, else the first of a verb, the last of others.

    >>> inflect_phrase("seek out", "v", {})[:3]
    ['seek out', 'seeks out', 'seeked out']
    """
    words = phrase.split()
    marked = [place for place, word in enumerate(words) if word.startswith("~")]
    at = marked[0] if marked else 0 if part == "v" else len(words) - 1
    words[at] = words[at].removeprefix("~")
    if part == "x":
        return [" ".join(words)]
    forms = inflect(words[at], cast(PartOfSpeech, part), irregulars)
    return [" ".join([*words[:at], form, *words[at + 1 :]]) for form in forms]
