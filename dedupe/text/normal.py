"""The normal form: what two texts must share to count as the same, and its tokens as arrays.

Normal form = NFKC, casefold, invisible characters dropped, everything that is not a word turned into one space. It is
lossy and is never emitted; it only serves comparison. Words are runs of letters, digits, marks and underscores (as
`\\w`, plus marks, so that Indic words stay whole). An apostrophe of any shape is a separator: scraped pages lose it to
a space, a question mark or a backtick, and so "don't", "don’t" and "don t" are the same two words. Scripts written
without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) give one token per code point, so that they shingle too. A word
of more than LONGEST_WORD code points (encoded data, mostly) is cut.

All texts of a batch are worked on together in arrays; there is no Python object per token.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LONGEST_WORD = 128

_SEPARATOR, _WORD, _UNSPACED = 0, 1, 2
_SPACE, _NEWLINE = 0x20, 0x0A
# Letters to Unicode, apostrophes to who writes them.
_APOSTROPHE_LETTERS = "\N{MODIFIER LETTER TURNED COMMA}\N{MODIFIER LETTER APOSTROPHE}"
# Default-ignorable marks and letters; the format characters (category Cf) are found by their category.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# Han, Hiragana and Katakana with their supplements; Thai; Lao; Myanmar; Khmer.
_UNSPACED_SCRIPTS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]"
)
# Conjoining Hangul vowels and finals compose with what stands before them, as marks do.
_JAMO = re.compile("[\u1160-\u11ff]")
_ASCII_WORD = np.array([chr(code).isalnum() or chr(code) == "_" for code in range(128)])
# Beyond so many, one pass over a table of all characters beats one fast pass per character.
_MANY_CHARACTERS = 64
_TOO_LONG = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")

_Codes = npt.NDArray[Any]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a batch of texts.

    buffer: uint8, UTF-8 of all tokens in order, each followed by one space.
    starts, ends: int64 byte offsets into `buffer`, one per token; `starts[i + 1] == ends[i] + 1`.
    documents: int64, shape (texts + 1,); the tokens of text d are documents[d] to documents[d + 1].

    A run of tokens within one text is therefore one slice of the buffer, joined by single spaces.
    """

    buffer: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.documents) - 1

    def counts(self) -> npt.NDArray[np.int64]:
        """The number of tokens of each text: int64, shape (texts,)."""
        return np.diff(self.documents)

    def normal_form(self, document: int) -> bytes:
        """The normal form of one text: its tokens in UTF-8, joined by single spaces."""
        first, last = int(self.documents[document]), int(self.documents[document + 1])
        return self.buffer[self.starts[first] : self.ends[last - 1]].tobytes() if last > first else b""


def tokenize(texts: Sequence[str]) -> Tokens:
    """The tokens of the texts' normal forms, as arrays.

    >>> tokens = tokenize(["Don’t  PANIC!", "", "naïve ﬁle"])
    >>> [tokens.normal_form(d).decode() for d in range(len(tokens))]
    ['don t panic', '', 'naïve file']
    >>> tokens.documents.tolist()
    [0, 3, 3, 5]
    """
    # The newline divides texts from here on; at the end it also closes the last word.
    joined = "".join([text.replace("\n", " ") + "\n" for text in texts])
    codes, is_word = _ascii_words(joined) if joined.isascii() else _unicode_words(joined)
    tokens = _assemble(codes, is_word)
    if np.any(tokens.ends - tokens.starts > LONGEST_WORD):
        tokens = _assemble(*_cut_long_words(codes, is_word))
    return tokens


def digest_texts(tokens: Tokens) -> npt.NDArray[np.uint8]:
    """A 128-bit BLAKE2b digest of each text's normal form: uint8, shape (texts, 16).

    Equal digests mean: the same text after folding case, spacing and punctuation.

    >>> same = digest_texts(tokenize(["A deal, at last!", "a deal   at last"]))
    >>> bool((same[0] == same[1]).all())
    True
    """
    data = tokens.buffer.tobytes()
    bounds = np.concatenate([tokens.starts, [len(tokens.buffer)]])[tokens.documents].tolist()
    digests = [
        hashlib.blake2b(data[start : max(start, stop - 1)], digest_size=16).digest()
        for start, stop in itertools.pairwise(bounds)
    ]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)


def _assemble(codes: _Codes, is_word: _Mask) -> Tokens:
    """The tokens of folded characters: separators shrink to the one space after each word."""
    ends = np.flatnonzero(is_word[:-1] > is_word[1:]) + 1
    documents = np.searchsorted(ends, np.flatnonzero(codes == _NEWLINE), side="right")
    kept = is_word.copy()
    kept[1:] |= is_word[:-1]
    buffer = _utf8(np.where(is_word, codes, codes.dtype.type(_SPACE))[kept])
    token_ends = np.flatnonzero(buffer == _SPACE)
    token_starts = np.zeros_like(token_ends)
    token_starts[1:] = token_ends[:-1] + 1
    return Tokens(buffer, token_starts, token_ends, np.concatenate([[0], documents]))


def _ascii_words(joined: str) -> tuple[_Codes, _Mask]:
    """Lower-cased characters and where they are word characters, for a batch that is pure ASCII."""
    codes = np.frombuffer(joined.lower().encode("ascii"), np.uint8)
    return codes, _ASCII_WORD[codes]


def _unicode_words(joined: str) -> tuple[_Codes, _Mask]:
    """Folded code points and where they are word characters; code points of unspaced scripts are set apart."""
    codes = _code_points(_fold(joined))
    codes[(codes >= ord("A")) & (codes <= ord("Z"))] += ord("a") - ord("A")
    table = np.zeros(int(codes.max(initial=128)) + 1, np.uint8)
    table[:128] = _ASCII_WORD
    for character in _distinct_beyond_ascii(codes):
        table[ord(character)] = _character_class(character)
    classes = table[codes]
    unspaced = np.flatnonzero(classes == _UNSPACED)
    if len(unspaced):
        around = np.concatenate([unspaced, unspaced + 1])
        codes, classes = np.insert(codes, around, _SPACE), np.insert(classes, around, _SEPARATOR)
    return codes, classes != _SEPARATOR


def _fold(text: str) -> str:
    """NFKC and casefold with invisible characters dropped; ASCII letters stay as they are.

    Characters fold one by one (each distinct character is replaced throughout), except in a line that holds one which
    may combine with its neighbour: that line is normalised as a whole. Both ways give the same result.
    """
    characters = _distinct_beyond_ascii(_code_points(text))
    text = _replace(text, [(character, _visible(character)) for character in characters])
    combining = list(filter(_combines, characters))
    if combining:
        lines = text.split("\n")
        text = "\n".join([_fold_case(line) if any(map(line.__contains__, combining)) else line for line in lines])
        characters = _distinct_beyond_ascii(_code_points(text))
    return _replace(text, [(character, "".join(map(_visible, _fold_case(character)))) for character in characters])


def _replace(text: str, forms: list[tuple[str, str]]) -> str:
    changed = [(character, form) for character, form in forms if form != character]
    if len(changed) > _MANY_CHARACTERS:
        return text.translate({ord(character): form for character, form in changed})
    for character, form in changed:
        text = text.replace(character, form)
    return text


def _fold_case(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _visible(character: str) -> str:
    invisible = unicodedata.category(character) == "Cf" or _INVISIBLE.match(character)
    return "" if invisible else character


def _combines(character: str) -> bool:
    first = unicodedata.normalize("NFKD", character)[0]
    is_mark = unicodedata.category(first)[0] == "M" or bool(_JAMO.match(first))
    return is_mark and not _INVISIBLE.match(first)


def _character_class(character: str) -> int:
    if unicodedata.category(character)[0] not in "LNM" or character in _APOSTROPHE_LETTERS:
        return _SEPARATOR
    return _UNSPACED if _UNSPACED_SCRIPTS.match(character) else _WORD


def _cut_long_words(codes: _Codes, is_word: _Mask) -> tuple[_Codes, _Mask]:
    spaced = np.where(is_word | (codes == _NEWLINE), codes, _SPACE)
    cut = _code_points(_TOO_LONG.sub(r"\g<0> ", _decode(spaced)))
    return cut, cut > _SPACE


def _distinct_beyond_ascii(codes: _Codes) -> list[str]:
    seen = np.zeros(int(codes.max(initial=128)) + 1, np.bool_)
    seen[codes] = True
    return [chr(code) for code in (np.flatnonzero(seen[128:]) + 128).tolist()]


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)


def _decode(codes: _Codes) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


def _utf8(codes: _Codes) -> npt.NDArray[np.uint8]:
    return codes if codes.dtype == np.uint8 else np.frombuffer(_decode(codes).encode(), np.uint8)
