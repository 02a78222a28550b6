"""Where the words of the normal form stand in the text they came from.

The normal form folds, drops and composes characters, so offsets do not carry over. White space separates words in every
script and nothing composes across it: the words of the text are those of its pieces between white space. Within a
piece, a word begins with the character that first brings some of it, and ends with the one that makes it and those
before it complete. Both are found by bisection with the tokenizer itself, for all asked words at once. In ASCII nothing folds
but case, and the words stand there to be counted. The compiled kernel counts in all texts whose characters fold apart.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel
from dedupe.text.normal import LONGEST_WORD, Tokens, find_combining, tokenize

_PIECE = re.compile(r"\S+")
_ASCII_WORD = re.compile(rf"[0-9A-Za-z_]{{1,{LONGEST_WORD}}}")

_Numbers = npt.NDArray[np.int64]


def locate_words(texts: Sequence[str], words: _Numbers, bounds: _Numbers) -> tuple[_Numbers, _Numbers]:
    """The spans [start, end) in code points of some words of each text's normal form: starts and ends, int64, as `words`.

    words: int64, the numbers from 0 of words, ascending within a text; bounds: int64, shape (texts + 1,), those of text d are
    words[bounds[d] : bounds[d + 1]].

    >>> text = "“Don’t  PANIC!” he said"
    >>> starts, ends = locate_words([text], np.array([0, 1, 2]), np.array([0, 3]))
    >>> [text[start:end] for start, end in zip(starts, ends)]
    ['Don', 't', 'PANIC']
    """
    kernel = compiled_kernel()
    starts, ends = np.empty((2, len(words)), np.int64)
    left = np.arange(len(texts))
    if kernel:
        # Where all characters fold apart, one reading tells of each word from which characters it comes.
        left, forms = find_combining(kernel, tuple(texts))
        apart = np.delete(np.arange(len(texts)), left)
        places = np.flatnonzero(~np.repeat(np.isin(np.arange(len(texts)), left), np.diff(bounds)))
        found = np.empty((2, len(places)), np.int64)
        counts = np.concatenate([[0], np.cumsum(np.diff(bounds)[apart])])
        kernel.locate(tuple(texts[n] for n in apart.tolist()), forms, words[places], counts, *found)
        starts[places], ends[places] = found
    asked = [words[bounds[n] : bounds[n + 1]].tolist() for n in left.tolist()]
    for n, spans in zip(left.tolist(), _search([texts[n] for n in left.tolist()], asked), strict=True):
        place = slice(bounds[n], bounds[n + 1])
        starts[place], ends[place] = [start for start, _ in spans], [end for _, end in spans]
    return starts, ends


def _search(texts: Sequence[str], words: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """The spans of some words of each text."""
    plain = {n: _count_off(text, words[n]) for n, text in enumerate(texts) if text.isascii()}
    questions: list[_Question] = []
    for n, text in enumerate(texts):
        questions += _place_words(text, words[n]) if n not in plain and words[n] else []
    starts, ends = _bisect(questions, _find_starts), _bisect(questions, _find_ends)
    spans = [(q.offset + start, q.offset + end + 1) for q, start, end in zip(questions, starts, ends, strict=True)]
    bounds = itertools.pairwise(
        itertools.accumulate((0 if n in plain else len(words[n]) for n in range(len(texts))), initial=0)
    )
    return [plain.get(n) or spans[low:high] for n, (low, high) in enumerate(bounds)]


def _count_off(text: str, asked: Sequence[int]) -> list[tuple[int, int]]:
    """The spans of some words of a text in ASCII."""
    spans = [match.span() for match in _ASCII_WORD.finditer(text)] if asked else []
    return [spans[number] for number in asked]


class _Question(NamedTuple):
    """Where is word `number` of `words`, the words of a piece of text without white space that begins at `offset`?"""

    piece: str
    offset: int
    words: list[bytes]
    number: int


def _place_words(text: str, asked: Sequence[int]) -> list[_Question]:
    pieces = [(match.start(), match[0]) for match in _PIECE.finditer(text)]
    tokens = tokenize([piece for _, piece in pieces])
    owners = (np.searchsorted(tokens.documents, np.array(asked), side="right") - 1).tolist()
    first = tokens.documents.tolist()
    return [
        _Question(pieces[owner][1], pieces[owner][0], _words_of(tokens, owner), number - first[owner])
        for owner, number in zip(owners, asked, strict=True)
    ]


def _find_starts(questions: Sequence[_Question], at: Sequence[int]) -> list[bool]:
    """Whether what stands before each place has none of the word."""
    heads = tokenize([q.piece[:place] for q, place in zip(questions, at, strict=True)])
    return [count <= q.number for q, count in zip(questions, heads.counts().tolist(), strict=True)]


def _find_ends(questions: Sequence[_Question], at: Sequence[int]) -> list[bool]:
    """Whether what stands before each place lacks the word or one before it."""
    heads = tokenize([q.piece[:place] for q, place in zip(questions, at, strict=True)])
    return [_words_of(heads, n)[: q.number + 1] != q.words[: q.number + 1] for n, q in enumerate(questions)]


def _bisect(questions: Sequence[_Question], holds: Callable[[Sequence[_Question], Sequence[int]], list[bool]]) -> list[int]:
    """The last place in each piece at which the condition holds; it holds from 0 up to there."""
    low, high = [0] * len(questions), [len(q.piece) for q in questions]
    while open := [n for n in range(len(questions)) if high[n] - low[n] > 1]:
        middle = [(low[n] + high[n]) // 2 for n in open]
        for n, place, held in zip(open, middle, holds([questions[n] for n in open], middle), strict=True):
            if held:
                low[n] = place
            else:
                high[n] = place
    return low


def _words_of(tokens: Tokens, text: int) -> list[bytes]:
    return tokens.normal_form(text).split()
