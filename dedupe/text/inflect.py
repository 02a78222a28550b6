"""English inflection: the forms of a verb, noun or adjective, by the regular rules and a table of irregulars.

The forms come as a tuple of *slots*, so that a form of one word can be answered with the same slot of another:

    verb       base, -s, past, participle, -ing
    noun       singular, plural
    adjective  positive, comparative, superlative
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

PartOfSpeech = Literal["v", "n", "a"]
Irregulars = Mapping[tuple[PartOfSpeech, str], tuple[str, ...]]

_VOWELS = "aeiou"
# Two-syllable verbs stressed at the end double their consonant, others do not; the ending cannot tell.
_DOUBLING = frozenset(
    "admit allot commit compel confer control defer deter equip excel expel extol forget incur infer occur omit outwit"
    " permit prefer program propel rebel recur refer regret repel submit transfer transmit upset begin".split()
)


def inflect(word: str, part: PartOfSpeech, irregulars: Irregulars) -> tuple[str, ...]:
    """All slots of `word` as the given part of speech; a phrase inflects its first word (verbs) or last (nouns).

    >>> inflect("assault", "v", {})
    ('assault', 'assaults', 'assaulted', 'assaulted', 'assaulting')
    >>> inflect("company", "n", {})
    ('company', 'companies')
    """
    if (part, word) in irregulars:
        return irregulars[part, word]
    for prefix in ("over", "under", "out", "re", "un", "mis", "with"):
        stem = word.removeprefix(prefix)
        if stem != word and (part, stem) in irregulars:
            return tuple(prefix + form for form in irregulars[part, stem])
    if part == "v":
        return word, add_s(word), _add_ed(word), _add_ed(word), _add_ing(word)
    if part == "n":
        return word, add_s(word)
    return word, *_compare(word)


def add_s(word: str) -> str:
    """The regular plural, or the third person of a verb.

    >>> [add_s(word) for word in ("strike", "clash", "city", "day", "veto")]
    ['strikes', 'clashes', 'cities', 'days', 'vetoes']
    """
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    if word in {"go", "do", "veto", "hero", "echo", "potato", "tomato", "undergo", "forgo", "embargo", "cargo"}:
        return word + "es"
    return word + "s"


def _doubles(word: str) -> bool:
    if not re.search(r"[^aeiou][aeiou][^aeiouwxy]$|^qu[aeiou][^aeiouwxy]$", word):
        return False
    return word in _DOUBLING or len(re.findall(r"[aeiouy]+", word)) == 1


def _add_ed(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ied"
    return word + (word[-1] if _doubles(word) else "") + "ed"


def _add_ing(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not re.search(r"(ee|oe|ye)$", word) and word != "be":
        return word[:-1] + "ing"
    return word + (word[-1] if _doubles(word) else "") + "ing"


def _compare(word: str) -> tuple[str, str]:
    if word.endswith("e"):
        return word + "r", word + "st"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ier", word[:-1] + "iest"
    if len(re.findall(r"[aeiouy]+", word)) > 1:
        return "more " + word, "most " + word
    stem = word + (word[-1] if _doubles(word) else "")
    return stem + "er", stem + "est"


# Sounds of first letters that their spelling hides. A silent h; u and eu read /juː/; one read /w/.
_H_SILENT = re.compile(r"hour|heir|honest|honor(?!if)|honour|hors\b|herb(?!ert|al?ist|iv|icid|ed)", re.IGNORECASE)
_CONSONANT_U = re.compile(
    r"uni(?!n|m[^o]|d[^i]|ss)|unanim|us[aeiu]|ut[aeio]|ur[aeiou]|eu|ewe|ubiq|uk|ugand|ufo|u[iy]g"
    r"|one(?![a-z])|oneself|once\b|ouija",
    re.IGNORECASE,
)
# Acronyms that are read as words and begin with a consonant, though the name of their first letter begins with a vowel.
_SPOKEN_ACRONYMS = frozenset(
    "FAFSA FARC FEMA FICA FIDE FIFA FISA FOMO HIPAA HUD LAN LASIK LEGO MAGA MENA MERS MINI NAFTA NASA NASCAR NASDAQ NATO NICE"
    " NIMBY NOAA NORAD RADAR RAM RICO ROM SALT SARS SEAL SETI SIM SNAP STEM SWAT SWIFT UEFA UNESCO UNICEF".split()
)
_LETTERS = re.compile(r"(?:[A-Z]\.)+|[A-Z][A-Z0-9]*(?:s|ers?)?(?![\w.])")


def takes_an(word: str) -> bool:
    """Whether the indefinite article before `word` is "an": by sound, with silent h, /juː/, digits and letter names.

    >>> [takes_an(word) for word in ("agreement", "hour", "union", "FBI", "UN", "8", "11", "180")]
    [True, True, False, True, False, True, True, False]
    """
    if word[:1].isdigit():
        # eight, eighty ...; eleven, eighteen, alone, in thousands (the comma ends the word) and as the first half of a year
        return word.startswith("8") or re.match(r"(?:11|18)(?:\d\d)?(?!\d)", word) is not None
    if word.isupper() or _LETTERS.match(word):
        letters = word.strip(".").removesuffix("s")
        if len(letters) > 5:
            return takes_an(word.lower())
        return letters[:1] in ("AEIO" if letters in _SPOKEN_ACRONYMS else "AEFHILMNORSX")
    if word[:1].lower() == "h":
        return _H_SILENT.match(word) is not None
    return word[:1].lower() in set(_VOWELS) and _CONSONANT_U.match(word) is None
