"""Endings: whether paragraphs and texts end as sentences do, or break off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel
from dedupe.model import Flag
from dedupe.repair.spans import Range
from dedupe.text.normal import as_text

_STOPS = frozenset(".!?…:;。！？．；：।۔؟" + "\"”’“‘»›」』）】〉》')]")  # closing marks stand behind a stop, or do without
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


def flag_endings(text: str, field: str, body: Sequence[Range]) -> Iterator[Flag]:
    """`truncated` for a paragraph that breaks off, `maybe-truncated` for one without a stop where the others have one.

    body: the ranges of the paragraphs that are body text, without sign-offs glued to them. Wrapped lines, lists, addresses and
    titles are left alone. `maybe-headline`: a last line that may be the headline of this or another article.
    """
    lines = [text[start:end].strip() for start, end in body]
    open_ends = [at for at, line in enumerate(lines) if not is_stopped(line) or (line[-1] in ".])" and _is_marked(line))]
    if not open_ends:
        return
    long = [line for line in lines if line.count(" ") >= _WORDS_LONG - 1]
    stopped = sum(map(is_stopped, long))
    last = len(lines) - 1
    for at in open_ends:
        (start, end), line = body[at], lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if following[:1].islower() or _LIST_ITEM.match(line) or _LIST_ITEM.match(following) or _SALUTATION.match(line):
            continue
        if _breaks_off(line):
            yield Flag("truncated", field, start, end, "the paragraph breaks off")
        elif stopped >= 3 and stopped >= 0.8 * len(long) and _is_open(line):
            yield Flag("maybe-truncated", field, start, end, "the paragraph ends without a stop")
        elif at == last and stopped >= 4 and stopped == len(long) and _TITLE_WORDS[0] <= len(line.split()) <= _TITLE_WORDS[1]:
            yield Flag("maybe-headline", field, start, end, "a last line like a title, of words that the text does not have")


def _is_marked(line: str) -> bool:
    """Whether a line ends in the mark of a preview."""
    return line.endswith(_CUT_ENDINGS) and _CUT_MARK.search(line, max(0, len(line) - _LONGEST_MARK)) is not None


def _breaks_off(line: str) -> bool:
    if _is_marked(line):
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
