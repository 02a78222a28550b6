"""Neighbours: the words around a hit, and the patterns over them that a rule's `when` and `unless` hold.

The notation is described in rules/README.md. A pattern has items left and right of `_`; each item must match one
neighbouring word (`...` up to four). Quotation marks and brackets are looked through, other punctuation is a word of
its own, and the ends of the sentence are marked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import regex

from dedupe.errors import RuleError, did_you_mean
from dedupe.text.inflect import Irregulars, add_s, inflect
from dedupe.text.lexicon import Lexicon

BORDER = "\n"  # the token that stands for the beginning or the end of a sentence
REACH = 5  # neighbours read on each side
_WINDOW = 80  # characters that a regular expression sees on each side
_GAP = 4

WORD = re.compile(
    r"(?:[A-Za-z]\.){2,}"  # U.S., a.m.
    r"|(?:Mr|Mrs|Ms|Dr|St|Sen|Rep|Gov|Gen|Lt|Sgt|Col|Prof|Inc|Corp|Co|Ltd|No|vs|Jan|Feb|Mar|Apr|Aug|Sept|Oct|Nov|Dec)\.(?=\s)"
    r"|[$€£¥]?\d[\d.,:]*\d(?:%|\w+)?|[$€£¥]?\d\w*%?"
    r"|[^\W_]+(?:['’][^\W_]+)*['’]?(?=\W|$|_)"
    r"|\S"
)
_TRANSPARENT = frozenset("\"'“”‘’«»()[]")
_SENTENCE_ENDS = frozenset(".?!…")
_ADJECTIVE_ENDINGS = ("ive", "ous", "ful", "ical", "able", "ible", "less", "ary", "ic", "ish")


class Neighbourhood(NamedTuple):
    """The words around the hit `text[start:end]`, nearest first: REACH on each side, or fewer and BORDER for a sentence end.

    `before` and `after` are the readings of the nearest ones: in small letters, and without the 's of a possessive.
    """

    text: str
    start: int
    end: int
    left: list[str]
    right: list[str]
    before: tuple[str, ...]
    after: tuple[str, ...]


class ParagraphWords:
    """The words of one paragraph with their places.

    >>> place = ParagraphWords("It rained. “The mayor's (second) plan” failed.").around(16, 21)
    >>> place.left, place.right
    (['The', '\\n'], ['second', 'plan', 'failed', '\\n'])
    """

    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        self._text = text
        self._words, self._starts = [BORDER], [-1]
        for match in WORD.finditer(text, start, len(text) if end is None else end):
            word = match[0]
            if word not in _TRANSPARENT:
                self._words.append(BORDER if word in _SENTENCE_ENDS else word)
                self._starts.append(match.start())
        self._words.append(BORDER)

    def around(self, start: int, end: int) -> Neighbourhood:
        """The neighbourhood of a hit in this paragraph; the 's of a possessive is no neighbour."""
        word_end = end + 2 if self._text[end : end + 2] in {"'s", "’s"} else end
        first, behind = bisect_left(self._starts, start), bisect_left(self._starts, word_end)
        left = _sentence(self._words[max(0, first - REACH) : first][::-1])
        right = _sentence(self._words[behind : behind + REACH])
        return Neighbourhood(self._text, start, end, left, right, _readings(left[0]), _readings(right[0]))


def _sentence(words: list[str]) -> list[str]:
    return words[: words.index(BORDER) + 1] if BORDER in words else words


def _readings(word: str) -> tuple[str, ...]:
    """The word in small letters, and without the 's of a possessive."""
    folded = word.lower().replace("’", "'")
    return (folded, folded[:-2]) if folded.endswith("'s") else (folded,)


Test = Callable[[str, str], bool]  # (word, the next word further out) -> does it match?


@dataclass(frozen=True)
class Item:
    """What one neighbour must be: one of some words in small letters, or of some spelt just so, or what a test says."""

    words: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    tests: tuple[Test, ...] = ()

    def matches(self, word: str, further: str) -> bool:
        """Whether a word is such a neighbour; `further` is the word behind it."""
        if not self.words.isdisjoint(_readings(word)) or word in self.exact:
            return True
        return any(test(word, further) for test in self.tests)


@dataclass(frozen=True)
class Pattern:
    """One alternative of `when` or `unless`. The items are nearest first; None stands for a gap of up to four words."""

    left: tuple[Item | None, ...]
    right: tuple[Item | None, ...]
    left_regex: Any = None
    right_regex: Any = None

    def holds(self, place: Neighbourhood, timeout: float) -> bool:
        """Whether the neighbours of the hit match. Raises TimeoutError when a `/regex/` takes longer than `timeout` seconds."""
        if not _fits(self.left, place.left, 0) or not _fits(self.right, place.right, 0):
            return False
        if self.left_regex is not None:
            window = place.text[max(0, place.start - _WINDOW) : place.start]
            if self.left_regex.search(window, timeout=timeout) is None:
                return False
        if self.right_regex is not None:
            window = place.text[place.end : place.end + _WINDOW]
            if self.right_regex.match(window, timeout=timeout) is None:
                return False
        return True


class Alternatives:
    """The patterns of a `when` or an `unless`, one of which must hold.

    They are filed by the word next to the hit: nearly all patterns name it, and nearly none fits a given place.
    """

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._by_left: dict[str, list[Pattern]] = {}
        self._by_right: dict[str, list[Pattern]] = {}
        self._others: list[Pattern] = []
        for pattern in patterns:
            for items, filed in ((pattern.left, self._by_left), (pattern.right, self._by_right)):
                nearest = items[0] if items else None
                if nearest is not None and not nearest.exact and not nearest.tests:
                    for word in nearest.words:
                        filed.setdefault(word, []).append(pattern)
                    break
            else:
                self._others.append(pattern)

    def hold(self, place: Neighbourhood, timeout: float) -> bool:
        """Whether any of the patterns holds. Raises TimeoutError when a `/regex/` takes longer than `timeout` seconds."""
        for filed, readings in ((self._by_left, place.before), (self._by_right, place.after)):
            for word in readings:
                if word in filed and any(pattern.holds(place, timeout) for pattern in filed[word]):
                    return True
        return bool(self._others) and any(pattern.holds(place, timeout) for pattern in self._others)


def _fits(items: tuple[Item | None, ...], words: list[str], position: int) -> bool:
    for number, item in enumerate(items):
        if item is None:
            rest = items[number + 1 :]
            reach = range(position, min(position + _GAP, len(words)) + 1)
            return any(_fits(rest, words, p) for p in reach if BORDER not in words[position:p])
        if position >= len(words):
            return False
        further = words[position + 1] if position + 1 < len(words) else ""
        if not item.matches(words[position], further):
            return False
        position += 1
    return True


class PatternParser:
    """Reads the patterns of `when` and `unless`; knows the word classes of one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._irregulars = lexicon.irregulars
        self._classes = _word_classes(lexicon)

    def parse(self, pattern: str) -> Pattern:
        """The pattern as matchers.

        Raises RuleError for a pattern without exactly one `_`, an unknown class, or a regular expression that does not compile.
        """
        items = _split_items(pattern)
        if items.count("_") != 1:
            raise RuleError(f"the pattern {pattern!r} needs exactly one _ for the hit, with spaces around it")
        hit = items.index("_")
        left, left_regex = self._side(items[:hit][::-1], left=True)
        right, right_regex = self._side(items[hit + 1 :], left=False)
        return Pattern(left, right, left_regex, right_regex)

    def _side(self, items: list[str], left: bool) -> tuple[tuple[Item | None, ...], Any]:
        if len(items) == 1 and len(items[0]) > 2 and items[0][0] == items[0][-1] == "/":
            expression = items[0][1:-1]
            try:
                return (), regex.compile(expression + r"\Z" if left else expression)
            except regex.error as error:
                raise RuleError(f"the regular expression {items[0]} does not compile: {error}") from None
        return tuple(None if item == "..." else self._item(item, left) for item in items), None

    def _item(self, item: str, left: bool) -> Item:
        if item == "*":
            return Item(tests=(lambda word, further: word != BORDER,))
        words, exact, tests = set[str](), set[str](), list[Test]()
        for part in item.split("|"):
            if part.startswith("<"):
                tests.append(self._class(part, left))
            elif part.startswith("~"):
                words.update(inflections(part[1:], self._irregulars))
            elif part != part.lower():
                exact.add(part)
            else:
                words.add(part.replace("’", "'"))
        return Item(frozenset(words), frozenset(exact), tuple(tests))

    def _class(self, name: str, left: bool) -> Test:
        if name == "<Name>":
            # to the left, the first word of a sentence is capitalised anyway
            return lambda word, further: word[:1].isupper() and not (left and further == BORDER) and word != "I"
        test = self._classes.get(name.strip("<>"))
        if test is None:
            raise RuleError(f"unknown class {name}; {did_you_mean(name, [f'<{known}>' for known in (*self._classes, 'Name')])}")
        return lambda word, further: test(word)


def inflections(word: str, irregulars: Irregulars) -> set[str]:
    """All forms of a word, taken as a verb and as a noun.

    >>> sorted(inflections("strike", {}))
    ['strike', 'striked', 'strikes', 'striking']
    """
    return {*inflect(word, "v", irregulars), *inflect(word, "n", irregulars)}


def _split_items(pattern: str) -> list[str]:
    """The items of a pattern; a `/regex/` may hold spaces."""
    return re.findall(r"/(?:\\/|[^/])+/(?=\s|$)|\S+", pattern)


def _word_classes(lexicon: Lexicon) -> dict[str, Callable[[str], bool]]:
    lists = lexicon.word_lists
    irregular_pasts = {form for (part, _), forms in lexicon.irregulars.items() if part == "v" for form in forms[2:4]}
    irregular_plurals = {forms[1] for (part, _), forms in lexicon.irregulars.items() if part == "n"}
    verbs = {form for verb in lists["Verb"] for form in (verb, add_s(verb))} | lists["Do"] | lists["Have"]

    def fold(word: str) -> str:
        return word.lower().replace("’", "'")

    def in_list(name: str) -> Callable[[str], bool]:
        return lambda word: fold(word) in lists[name]

    def possessive(word: str) -> bool:
        return fold(word) in lists["Poss"] or fold(word).endswith(("'s", "s'"))

    def plural(word: str) -> bool:
        folded = fold(word)
        regular = len(folded) > 3 and folded.endswith("s") and not folded.endswith(("ss", "us", "is", "'s"))
        return (regular or folded in irregular_plurals) and folded not in lists["Prep"]

    named = {name: in_list(name) for name in ("Month", "Day", "Modal", "Pronoun", "Prep", "Have", "Do", "Be")}
    return named | {
        "Start": lambda word: word == BORDER,
        "End": lambda word: word == BORDER,
        "Lower": lambda word: word[:1].islower(),
        "Number": lambda word: word[:1].isdigit() or fold(word) in lists["Number"],
        "Money": lambda word: word[:1] in "$€£¥",
        "Percent": lambda word: word.endswith("%") or fold(word) in {"percent", "pct"},
        "Plural": plural,
        "Singular": lambda word: word[:1].isalpha() and not plural(word),
        "Past": lambda word: (len(word) > 3 and fold(word).endswith("ed")) or fold(word) in irregular_pasts,
        "Ing": lambda word: len(word) > 4 and fold(word).endswith("ing"),
        "Verb": lambda word: fold(word) in verbs,
        "Poss": possessive,
        "Det": lambda word: fold(word) in lists["Det"] or possessive(word),
        "Adj": lambda word: fold(word) in lists["Adj"] or fold(word).endswith(_ADJECTIVE_ENDINGS),
        "Adv": lambda word: len(word) > 4 and fold(word).endswith("ly"),
        "Comma": lambda word: word == ",",
    }
