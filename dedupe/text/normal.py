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
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel

LONGEST_WORD = 128

_SEPARATOR, _WORD, _UNSPACED = 0, 1, 2
_SPACE, _NEWLINE = 0x20, 0x0A
_LAST_CLASS, _REORDERS, _COMPOSES, _TAKES_MARKS = 0xFF, 0x100, 0x200, 0x400  # as in the compiled kernel
_NOT_TOLD = 2  # as in the compiled kernel
# Latin letters and punctuation: what most texts hold, and no others.
_COMMON_BLOCKS = (0x00, 0x20)
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
# Runs of characters beyond ASCII, with the one before, which may take a mark; the next ASCII character takes none of theirs.
_BEYOND_ASCII = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+(?:[\x00-\x7f][^\x00-\x7f]+)*")
# ASCII letters to lower case, every other ASCII character that is no word to a space; the newline stays.
_ASCII_FORMS = bytes(
    code + 32
    if 65 <= code <= 90
    else code
    if code >= 128 or code == _NEWLINE or chr(code).isalnum() or chr(code) == "_"
    else _SPACE
    for code in range(256)
)
# Where more than every 16th byte begins a character to replace, one pass over all is faster and takes less memory.
_DENSE = 16
# What folds apart from the rest of a text: up to an ASCII character, which takes no mark of those before it.
_PIECE = re.compile(r".{1,50000}+[^\x00-\x7f]*+", re.DOTALL)
_GROUP = 200_000  # characters of pieces that are folded at once
_TOO_LONG = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")

_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a batch of texts.

    buffer: uint8, UTF-8 of all tokens in order, each followed by one space.
    starts, ends: int64 byte offsets into `buffer`, one per token; `starts[i + 1] == ends[i] + 1`.
    documents: int64, shape (texts + 1,); the tokens of text d are documents[d] to documents[d + 1].

    A run of tokens within one text is therefore one slice of the buffer, joined by single spaces.
    """

    buffer: _Bytes
    starts: _Places
    ends: _Places
    documents: _Places

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


def tokenize(texts: Sequence[str | bytes]) -> Tokens:
    """The tokens of the texts' normal forms, as arrays. Bytes are taken as UTF-8.

    >>> tokens = tokenize(["Don’t  PANIC!", "", "naïve ﬁle"])
    >>> [tokens.normal_form(d).decode() for d in range(len(tokens))]
    ['don t panic', '', 'naïve file']
    >>> tokens.documents.tolist()
    [0, 3, 3, 5]
    """
    kernel = compiled_kernel()
    if kernel:
        return _tokenize_compiled(kernel, tuple(texts))
    joined = _join_lines(list(map(as_text, texts)))
    spaced = _space_ascii(joined) if joined.isascii() else _space_unicode(joined)
    tokens = _assemble(spaced)
    if np.any(tokens.ends - tokens.starts > LONGEST_WORD):
        tokens = _assemble(_cut_long_words(spaced))
    return tokens


def as_text(text: str | bytes) -> str:
    """A text that may be UTF-8 bytes."""
    return text if isinstance(text, str) else text.decode()


def _join_lines(texts: Sequence[str]) -> str:
    """The newline divides texts from here on; at the end it also closes the last word."""
    return "".join([text.replace("\n", " ") + "\n" for text in texts])


def _tokenize_compiled(kernel: ModuleType, texts: tuple[str | bytes, ...]) -> Tokens:
    buffer, ends, documents = kernel.tokenize(*prepare_texts(kernel, texts))
    token_ends = np.frombuffer(ends, np.int64)
    token_starts = np.zeros_like(token_ends)
    token_starts[1:] = token_ends[:-1] + 1
    return Tokens(np.frombuffer(buffer, np.uint8), token_starts, token_ends, np.frombuffer(documents, np.int64))


def prepare_texts(
    kernel: ModuleType, texts: tuple[str | bytes, ...]
) -> tuple[tuple[str | bytes | bytearray, ...], dict[int, bytes]]:
    """The texts as the kernel takes them, and the forms of their characters. Texts with such as combine are folded here."""
    mixed: list[str | bytes | bytearray] = list(texts)
    combining, forms = find_combining(kernel, texts)
    at = combining.tolist()
    for number, folded in zip(at, fold_texts([as_text(texts[number]) for number in at]), strict=True):
        mixed[number] = folded
    return tuple(mixed), forms


def find_combining(kernel: ModuleType, texts: tuple[str | bytes, ...]) -> tuple[_Places, dict[int, bytes]]:
    """Which texts hold characters that combine with their neighbours: int64; and the forms of all characters for the kernel."""
    forms = {block: _block_forms(block) for block in _COMMON_BLOCKS}
    combine = np.frombuffer(kernel.combining(texts, forms), np.uint8)
    if len(at := np.flatnonzero(combine == _NOT_TOLD)):
        others = tuple(texts[number] for number in at.tolist())
        blocks = np.flatnonzero(np.frombuffer(kernel.blocks(others), np.uint8)).tolist()
        forms |= {block: _block_forms(block) for block in blocks}
        combine = combine.copy()
        combine[at] = np.frombuffer(kernel.combining(others, forms), np.uint8)
    return np.flatnonzero(combine), forms


def fold_texts(texts: Sequence[str]) -> list[bytearray]:
    """The texts folded, as the kernel takes those whose characters combine."""
    whole = [bytearray() for _ in texts]
    for group in _group_pieces((number, piece) for number, text in enumerate(texts) for piece in _PIECE.findall(text)):
        folded = _space_unicode(_join_lines([piece for _, piece in group])).tobytes().split(b"\n")[:-1]
        for (number, _), spaced in zip(group, folded, strict=True):
            whole[number].extend(spaced)
    return whole


def _group_pieces(pieces: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """The pieces in groups of some length, since folding takes much memory."""
    group, length = list[tuple[int, str]](), 0
    for piece in pieces:
        group.append(piece)
        length += len(piece[1])
        if length >= _GROUP:
            yield group
            group, length = [], 0
    if group:
        yield group


@cache
def _block_forms(block: int) -> bytes:
    """What each of 256 code points folds to, as the kernel reads it: offsets and manners ("<u2"), then the forms in UTF-8."""
    characters = [chr(code) if code >= 128 else " " for code in range(256 * block, 256 * (block + 1))]
    forms = _space_unicode(_join_lines(characters)).tobytes().split(b"\n")[:-1]
    offsets = np.cumsum([0, *map(len, forms)])
    manners = np.array([_describe_neighbours(character) for character in characters])
    return offsets.astype("<u2").tobytes() + manners.astype("<u2").tobytes() + b"".join(forms)


@cache
def _describe_neighbours(character: str) -> int:
    """What the kernel must know of a character beyond ASCII to tell whether it folds apart from those beside it.

    The lower byte is the combining class of what it ends with. _REORDERS: a mark that may change places with marks before
    it, and nothing else. _COMPOSES: it may also become one with what stands before it. Both: not even that is known.
    _TAKES_MARKS: what comes after it may become one with it.
    """
    whole = unicodedata.normalize("NFKD", character)
    last = unicodedata.combining(whole[-1])
    if not _is_scripted(character):
        return last | (_REORDERS | _COMPOSES if _combines(character) else 0)
    firsts, seconds = _compositions()
    manner = last | (_TAKES_MARKS if {character, *_fold_case(character), *whole} & firsts else 0)
    if _INVISIBLE.match(whole) or not (_combines(character) or whole[0] in seconds):
        return manner
    if whole != character or _fold_case(character) != character or _JAMO.match(character):
        return manner | _REORDERS | _COMPOSES
    if character in seconds:
        return manner | _COMPOSES
    return manner | (_REORDERS if last else 0)


def _is_scripted(character: str) -> bool:
    """Whether it is of a block of letters with marks of their own. The marks of Latin letters mostly combine."""
    return ord(character) >= 0x0590 and not 0x1E00 <= ord(character) < 0x3000


@cache
def _compositions() -> tuple[frozenset[str], frozenset[str]]:
    """The characters that compose with one after them, and those that compose with one before them."""
    decompositions = map(unicodedata.decomposition, map(chr, range(0xC0, 0x20000)))
    parts = [decomposition.split() for decomposition in decompositions if decomposition]
    pairs = [(chr(int(one, 16)), chr(int(other, 16))) for one, other in (p for p in parts if len(p) == 2) if one[0] != "<"]
    composing = [pair for pair in pairs if len(unicodedata.normalize("NFC", "".join(pair))) == 1]
    return frozenset(first for first, _ in composing), frozenset(second for _, second in composing)


def digest_texts(tokens: Tokens) -> npt.NDArray[np.uint8]:
    """A 128-bit BLAKE2b digest of each text's normal form: uint8, shape (texts, 16).

    Equal digests mean: the same text after folding case, spacing and punctuation.

    >>> same = digest_texts(tokenize(["A deal, at last!", "a deal   at last"]))
    >>> bool((same[0] == same[1]).all())
    True
    """
    bounds = np.concatenate([tokens.starts, [len(tokens.buffer)]])[tokens.documents]
    lengths = np.maximum(np.diff(bounds) - 1, 0)
    kernel = compiled_kernel()
    if kernel:
        compiled = np.empty((len(lengths), 16), np.uint8)
        kernel.digest(tokens.buffer, bounds[:-1], lengths, compiled)
        return compiled
    data, spans = tokens.buffer.tobytes(), zip(bounds.tolist(), lengths.tolist(), strict=False)
    digests = [hashlib.blake2b(data[start : start + length], digest_size=16).digest() for start, length in spans]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)


def _assemble(spaced: _Bytes) -> Tokens:
    """The tokens of folded text in which all separators are spaces: of each run of those, one stays."""
    is_word = spaced > _SPACE
    ends = np.flatnonzero(is_word[:-1] > is_word[1:]) + 1
    documents = np.searchsorted(ends, np.flatnonzero(spaced == _NEWLINE), side="right")
    kept = is_word.copy()
    kept[1:] |= is_word[:-1]
    buffer = spaced[kept]
    buffer[buffer == _NEWLINE] = _SPACE
    token_ends = np.flatnonzero(buffer == _SPACE)
    token_starts = np.zeros_like(token_ends)
    token_starts[1:] = token_ends[:-1] + 1
    return Tokens(buffer, token_starts, token_ends, np.concatenate([[0], documents]))


def _space_ascii(joined: str) -> _Bytes:
    return np.frombuffer(joined.encode("ascii").translate(_ASCII_FORMS), np.uint8)


def _space_unicode(joined: str) -> _Bytes:
    """The folded text in UTF-8 with all separators turned into spaces, and spaces round letters of unspaced scripts."""
    text = _fold(_spread(joined.encode("utf-8", "replace")))  # lone surrogates become question marks
    spaced = np.frombuffer(text.data.translate(_ASCII_FORMS), np.uint8).copy()
    classes = np.array([_character_class(character) for character in text.characters], np.uint8)[text.which]
    separators = classes == _SEPARATOR
    for byte in range(4):
        spaced[text.places[separators & (text.sizes > byte)] + byte] = _SPACE
    unspaced = classes == _UNSPACED
    if unspaced.any():
        around = np.concatenate([text.places[unspaced], (text.places + text.sizes)[unspaced]])
        spaced = np.insert(spaced, around, _SPACE)
    return spaced


@dataclass(frozen=True, slots=True)
class _Spread:
    """UTF-8 text and its characters beyond ASCII: where they stand, their sizes in bytes, the distinct ones, which is
    where. They are few in most scripts' punctuation and in all of English, and so cost little."""

    data: bytes
    places: _Places
    sizes: _Places
    characters: list[str]
    which: _Places


def _spread(data: bytes) -> _Spread:
    buffer = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(buffer >= 0xC0)
    leads = buffer[places]
    sizes = 2 + (leads >= 0xE0) + (leads >= 0xF0)
    codes = leads.astype(np.int64) & (0x7F >> sizes)
    for byte in range(1, 4):
        longer = sizes > byte
        codes[longer] = codes[longer] << 6 | (buffer[places[longer] + byte] & 0x3F)
    ranks = np.zeros(int(codes.max(initial=0)) + 1, np.int64)
    ranks[codes] = 1
    distinct = np.flatnonzero(ranks)
    ranks[distinct] = np.arange(len(distinct))
    return _Spread(data, places, sizes, list(map(chr, distinct.tolist())), ranks[codes])


def _fold(text: _Spread) -> _Spread:
    """NFKC and casefold with invisible characters dropped; ASCII letters and separators may stay as they are.

    Characters fold one by one, except in a line that holds one which may combine with what stands before it: there all runs
    beyond ASCII are normalised as a whole. Both ways give the same result.
    """
    text = _fold_combining_lines(_rewrite(text, _visible))
    return _rewrite(text, _folded_character)


def _rewrite(text: _Spread, form: Callable[[str], str]) -> _Spread:
    """The text with each character beyond ASCII replaced by its form."""
    forms = [form(character).encode() for character in text.characters]
    is_other = np.array([form.decode() != c for form, c in zip(forms, text.characters, strict=True)], np.bool_)
    changed = np.flatnonzero(is_other[text.which])
    if not len(changed):
        return text
    if len(changed) * _DENSE > len(text.data):
        table = {ord(character): form.decode() for character, form in zip(text.characters, forms, strict=True)}
        return _spread(text.data.decode().translate(table).encode())
    starts, ends = text.places[changed].tolist(), (text.places + text.sizes)[changed].tolist()
    pieces = [text.data[: starts[0]]]
    for which, begin, end in zip(text.which[changed].tolist(), ends, [*starts[1:], len(text.data)], strict=True):
        pieces += (forms[which], text.data[begin:end])
    return _spread(b"".join(pieces))


def _fold_combining_lines(text: _Spread) -> _Spread:
    places = text.places[~_stand_alone(text)]
    if not len(places):
        return text
    lines = text.data.split(b"\n")
    ends = np.cumsum([len(line) + 1 for line in lines])
    for number in np.unique(np.searchsorted(ends, places, side="right")).tolist():
        lines[number] = _BEYOND_ASCII.sub(lambda match: _fold_case(match[0]), lines[number].decode()).encode()
    return _spread(b"\n".join(lines))


def _stand_alone(text: _Spread) -> npt.NDArray[np.bool_]:
    """Which of the characters beyond ASCII fold as if they stood alone, after those before them."""
    manners = np.array([_describe_neighbours(character) for character in text.characters], np.uint16)[text.which]
    beside = text.places[1:] == text.places[:-1] + text.sizes[:-1]
    before = np.concatenate([np.zeros(1, np.uint16), np.where(beside, manners[:-1], 0).astype(np.uint16)])[: len(manners)]
    manner = manners & (_REORDERS | _COMPOSES)
    in_order = (manner == _REORDERS) & (before & _LAST_CLASS <= manners & _LAST_CLASS)
    takes_none = (manner == _COMPOSES) & (before & (_LAST_CLASS | _TAKES_MARKS) == 0)
    alone: npt.NDArray[np.bool_] = (manner == 0) | in_order | takes_none
    return alone


@cache
def _folded_character(character: str) -> str:
    form = "".join(map(_visible, _fold_case(character)))
    # What folds to separators alone (an ellipsis, a hard space) is one already.
    return form if not form or "_" in form or any(map(_character_class, form)) else character


def _fold_case(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@cache
def _visible(character: str) -> str:
    invisible = unicodedata.category(character) == "Cf" or _INVISIBLE.match(character)
    return "" if invisible else character


@cache
def _combines(character: str) -> bool:
    first = unicodedata.normalize("NFKD", character)[0]
    is_mark = unicodedata.category(first)[0] == "M" or bool(_JAMO.match(first))
    return is_mark and not _INVISIBLE.match(first)


@cache
def _character_class(character: str) -> int:
    if unicodedata.category(character)[0] not in "LNM" or character in _APOSTROPHE_LETTERS:
        return _SEPARATOR
    return _UNSPACED if _UNSPACED_SCRIPTS.match(character) else _WORD


def _cut_long_words(spaced: _Bytes) -> _Bytes:
    cut = _TOO_LONG.sub(r"\g<0> ", spaced.tobytes().decode())
    return np.frombuffer(cut.encode(), np.uint8)
