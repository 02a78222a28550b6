"""Spacing: a space before a comma or a stop, sentences glued together, words cut at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dedupe.model import Flag
from dedupe.repair.defects import Change
from dedupe.repair.shape import (
    ALL,
    CUT,
    DOUBLED,
    GLUED_QUOTE,
    GLUED_STOP,
    GLUED_WORDS,
    INVISIBLE,
    NEVER_TWICE,
    SPACED_MARK,
    Shapes,
)
from dedupe.text.lexicon import Lexicon

# A stripped link leaves its space before the comma or the stop. French sets one before ; : ! ? and «»: these are left alone.
_BEFORE_COMMA = re.compile(r"(?<=[^\W\d_])[ \N{NO-BREAK SPACE}]+(?=,[\s\"”’])|(?<=[’”\"\d])[ \N{NO-BREAK SPACE}]+(?=,\s[a-z])")
_BEFORE_STOP = re.compile(r"(?<=[^\W\d_][^\W\d_])[ \N{NO-BREAK SPACE}]+(?=\.(?:\s+[A-Z“\"]|[”\"]?[ \t]*$))", re.MULTILINE)
# A stop between a small and a capital letter: not an address, a file or a brand (Booking.com, Node.js, Vue.Js).
_GLUED_STOP = re.compile(r"[.!?](?<=[a-z]{3}[.!?])[”’)]?(?=(?:[A-Z][a-z]+|[AI])[ ,’'](?!\())")
_GLUED_QUOTE = re.compile(r"”(?<=[.,!?]”)(?=[A-Za-z])")
_GLUED_WORDS = re.compile(r"[TBAWHM](?<=[a-z]{3}[A-Z])(?:h(?:e|is|ey|ese)|ut|nd|hen|hile|owever|eanwhile|fter)\b(?![.(/])")
_WORD_BEFORE = re.compile(r"(?<![\w.@/#-])[a-z]{3,}$")
_DOUBLED = [(word, f" {word} {word} ") for word in NEVER_TWICE]
_LONGEST_WORD = 30
_CUT_WORD = re.compile(r"(?<![\w-])([^\W\d_]{2,})(-|\N{SOFT HYPHEN})[ \t]*\n[ \t]*([a-zß-öø-ÿ]+)(?![\w-])")
# "pre- and post-war": a hyphen that is meant to hang.
_HANGING = frozenset("and or to nor und oder bzw et ou y o e".split())
# Beginnings that are words of their own by accident: "inter-national" is no compound of "inter".
_BOUND = frozenset("com con dis en im inter mis sub sur trans un".split())


def find_spacing(text: str, shapes: Shapes = ALL) -> Iterator[Change]:
    """Spaces before commas and stops, and stops without the space after them, as changes. `shapes` are those of the text.

    >>> sorted((c.start, c.after) for c in find_spacing("In Norway , it ended.The mayor left ."))
    [(9, ''), (21, ' '), (35, '')]
    """
    if shapes & SPACED_MARK and (" ," in text or "\N{NO-BREAK SPACE}," in text):
        yield from _take_spaces(text, ",", _BEFORE_COMMA, "layout.space-before-comma")
    if shapes & SPACED_MARK and (" ." in text or "\N{NO-BREAK SPACE}." in text):
        yield from _take_spaces(text, ".", _BEFORE_STOP, "layout.space-before-stop")
    if shapes & GLUED_STOP:
        for match in _GLUED_STOP.finditer(text):
            if _word_before(text, match.start()):
                yield Change(match.end(), match.end(), " ", "layout.glued-sentences")
    if shapes & GLUED_QUOTE:
        yield from (Change(match.end(), match.end(), " ", "layout.glued-sentences") for match in _GLUED_QUOTE.finditer(text))


def _take_spaces(text: str, mark: str, pattern: re.Pattern[str], name: str) -> Iterator[Change]:
    """The changes that take out the spaces before a mark where they fit the pattern, which is slow and asked there alone."""
    for run in re.finditer(rf"(?<![ \xa0])[ \xa0]+(?=[{mark}])", text):
        if match := pattern.match(text, run.start()):
            yield Change(*match.span(), "", name)


def flag_spacing(text: str, field: str, shapes: Shapes = ALL) -> Iterator[Flag]:
    """`glued-words` (regionThe) and `doubled-word` (the the), which only the author can mend.

    >>> [flag.kind for flag in flag_spacing("in the regionThe mayor of of Oslo", "text")]
    ['glued-words', 'doubled-word']
    """
    for match in _GLUED_WORDS.finditer(text) if shapes & GLUED_WORDS else ():
        if before := _word_before(text, match.start()):
            yield Flag("glued-words", field, match.start() - len(before), match.end(), "two words without a space or stop")
    for word, twice in _DOUBLED if shapes & DOUBLED else ():
        if twice in text:
            for match in re.finditer(f"(?<= ){word} {word}(?= )", text):
                yield Flag("doubled-word", field, *match.span(), f"{word!r} stands twice")


def find_cut_words(text: str, field: str, lexicon: Lexicon, shapes: Shapes = ALL) -> Iterator[Change | Flag]:
    """Words cut by a hyphen at the end of a line: joined where the text or the tables know the word, else flagged.

    A compound that the text has elsewhere with its hyphen keeps it; of two halves that are words themselves only the
    text can tell whether they are one word.

    >>> from dedupe.text.lexicon import load_lexicon
    >>> [c.after for c in find_cut_words("an inter-\\nnational deal", "text", load_lexicon())]
    ['']
    """
    if not shapes & (CUT | INVISIBLE):
        return
    if "-\n" not in text and "\N{SOFT HYPHEN}\n" not in text and re.search(r"- +\n", text) is None:
        return
    folded = text.lower()
    for match in _CUT_WORD.finditer(text):
        first, second = match[1].lower(), match[3]
        if second in _HANGING:
            continue
        joined, compound = first + second, f"{first}-{second}"
        is_compound, is_joined = _occurs(compound, folded), _occurs(joined, folded)
        line_break = (match.end(2), match.start(3))
        if (
            match[2] == "\N{SOFT HYPHEN}"
            or (is_joined and not is_compound)
            or (not is_compound and joined in lexicon.words and not _are_words(first, second, lexicon))
        ):
            yield Change(match.start(2), match.start(3), "", "layout.cut-word")
        elif is_compound and not is_joined:
            yield Change(*line_break, "", "layout.cut-word")
        else:
            yield Flag("cut-word", field, *match.span(), f"perhaps {match[1] + second!r} or {match[1] + '-' + second!r}")


def _word_before(text: str, end: int) -> str:
    """The word in small letters that stops at `end`; empty if it is none, or part of an address or a name."""
    match = _WORD_BEFORE.search(text[max(0, end - _LONGEST_WORD) : end])
    return match[0] if match else ""


def _occurs(word: str, folded: str) -> bool:
    return word in folded and re.search(rf"(?<![\w-]){re.escape(word)}(?:s|es|ed|ing|ly)?(?![\w-])", folded) is not None


def _are_words(first: str, second: str, lexicon: Lexicon) -> bool:
    return first not in _BOUND and first in lexicon.words and second in lexicon.words
