"""Endings: whether paragraphs and texts end as sentences do, or break off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel
from dedupe.model import Flag
from dedupe.repair.outline import Paragraph
from dedupe.text.normal import as_text

_STOPS = frozenset(".!?…:;。！？．；：।۔؟" + "\"”’“‘»›」』）】〉》')]")  # closing marks stand behind a stop, or do without
STOP_CODES = frozenset(map(ord, _STOPS))
_CUT_WORDS = frozenset(
    "a an the and or but nor of in on at to for by with from as than into over under between among about against during"
    " which that who whose when while where because if although is are was were be been has have had will would".split()
)
# What news services and previews put where they cut: "[+2345 chars]", "[…]", "… Read more".
_CUT_MARK = re.compile(r"\[\+\d+ chars\]$|\[(?:…|\.\.\.)\]$|(?:…|\.\.\.) ?(?:Read more|Continue reading|\(more\))\.?$")
_CUT_ENDINGS = ("]", "more", "reading", "(more)", "more.", "reading.", "(more).")  # of what that matches
# Whatever breaks off ends in one of these, as the compiled kernel is told: a space stands where a word begins.
_CUT_TAILS = (b",", *(ending.encode() for ending in _CUT_ENDINGS), *(f" {word}".encode() for word in sorted(_CUT_WORDS)))
_LIST_ITEM = re.compile(r"(?:[-*•·▪●–—>]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.):])\s|\d{1,2}:\d\d|\S{1,3}\)")
_SALUTATION = re.compile(r"Dear |Sincerely|Regards|cc:")
_INNER_STOP = re.compile(r"[a-z0-9]{2}[.!?][”\"’')\]]* +[A-Z“\"]")
_TITLE_WORDS = (5, 14)
_LONGEST_MARK = 24  # characters
_MARK_CODES = frozenset(map(ord, ".])"))  # what marks of previews end with, if it is no letter
_WORDS_CUT, _WORDS_COMMA, _WORDS_OPEN, _WORDS_LONG = 6, 8, 12, 12


def is_stopped(line: str) -> bool:
    """Whether a paragraph ends as sentences, quotations or lists do.

    >>> is_stopped("He said so.”"), is_stopped("Trump response")
    (True, False)
    """
    return line[-1:] in _STOPS


def ends_in_cut_word(line: str) -> bool:
    """Whether the last word is one that no sentence or title ends with."""
    last = line.rsplit(None, 1)[-1:]
    return bool(last) and last[0].lower().strip(",") in _CUT_WORDS


def count_words(line: str, most: int) -> int:
    """How many words a line has, or `most` and one if they are more: the rest of a long line need not be split.

    >>> count_words("The talks went on until Friday.", 3)
    4
    """
    return len(line.split(None, most))


def is_truncated(text: str) -> bool:
    """Whether the text breaks off: its last paragraph of some length ends in a word that no sentence ends with, in a comma,
    or in the mark of a preview.

    >>> is_truncated("The talks went on until Friday. They will resume in")
    True
    """
    text = text.rstrip()
    return _breaks_off(text[text.rfind("\n") + 1 :].strip())


def find_truncated(texts: Sequence[str | bytes]) -> npt.NDArray[np.bool_]:
    """Which of some texts, str or UTF-8, break off: bool, shape (texts,). The compiled kernel passes over most of the others.

    >>> find_truncated(["The talks went on until Friday.", b"They will resume on Monday or on"]).tolist()
    [False, True]
    """
    kernel = compiled_kernel()
    flags = np.ones(len(texts), np.bool_)
    if kernel:
        kernel.may_end_in(tuple(texts), _CUT_TAILS, flags)
    for at in np.flatnonzero(flags).tolist():
        flags[at] = is_truncated(as_text(texts[at]))
    return flags


def flag_endings(text: str, field: str, body: Sequence[Paragraph]) -> Iterator[Flag]:
    """`truncated` for a paragraph that breaks off, `maybe-truncated` for one without a stop where the others have one.

    body: the paragraphs that are body text, without sign-offs glued to them. Wrapped lines, lists, addresses and
    titles are left alone. `maybe-headline`: a last line that may be the headline of this or another article.
    """
    open_ends = [
        at
        for at, paragraph in enumerate(body)
        if paragraph.ending not in STOP_CODES
        or (paragraph.ending in _MARK_CODES and _is_marked(text, paragraph.first, paragraph.last))
    ]
    if not open_ends:
        return
    long = [paragraph.ending in STOP_CODES for paragraph in body if paragraph.spaces >= _WORDS_LONG - 1]
    stopped = sum(long)
    last = len(body) - 1
    for at in open_ends:
        paragraph, line = body[at], _line_of(text, body[at])
        following = _line_of(text, body[at + 1]) if at < last else ""
        if following[:1].islower() or _LIST_ITEM.match(line) or _LIST_ITEM.match(following) or _SALUTATION.match(line):
            continue
        start, end = paragraph.start, paragraph.end
        if _breaks_off(line):
            yield Flag("truncated", field, start, end, "the paragraph breaks off")
        elif stopped >= 3 and stopped >= 0.8 * len(long) and _is_open(line):
            yield Flag("maybe-truncated", field, start, end, "the paragraph ends without a stop")
        elif at == last and stopped >= 4 and stopped == len(long) and _TITLE_WORDS[0] <= paragraph.words <= _TITLE_WORDS[1]:
            yield Flag("maybe-headline", field, start, end, "a last line like a title, of words that the text does not have")


def _line_of(text: str, paragraph: Paragraph) -> str:
    return text[paragraph.first : paragraph.last]


def _is_marked(text: str, first: int, last: int) -> bool:
    """Whether the line at [first, last) ends in the mark of a preview."""
    return (
        text.endswith(_CUT_ENDINGS, first, last) and _CUT_MARK.search(text, max(first, last - _LONGEST_MARK), last) is not None
    )


def _breaks_off(line: str) -> bool:
    if _is_marked(line, 0, len(line)):
        return True
    last = line[line.rfind(" ") + 1 :].split()[-1:]
    if not last:
        return False
    if line.endswith(","):
        return last[0][:-1].isalpha() and last[0].islower() and count_words(line, _WORDS_COMMA) >= _WORDS_COMMA
    return last[0].lower() in _CUT_WORDS and count_words(line, _WORDS_CUT) >= _WORDS_CUT and not _is_title(line.split())


def _is_open(line: str) -> bool:
    """Whether a line without a stop reads like sentences and not like a title, a name or an address."""
    words = line.split()
    if not words[-1].isalpha() or _is_title(words):
        return False
    return _INNER_STOP.search(line) is not None or (len(words) >= _WORDS_OPEN and words[-1].islower())


def _is_title(words: Sequence[str]) -> bool:
    initials = list(filter(str.isalpha, [word[0] for word in words if len(word) >= 4]))
    return sum(map(str.isupper, initials)) > 0.6 * len(initials)
