"""Terms: what a text is about, as numbers: its words, with a mark for numbers and for names, and where those stand.

A number is a token that begins with a digit; separators inside it are kept ("9,400", "3-2" and "6:40" are one each). A
word counts as a capital of a text where it has one in the middle of a sentence. Whether a word is a *name* is decided later,
over the whole corpus, so that a headline in title case makes no names. Capitals say nothing in a text that is full of
them (German nouns, headlines only) or has none (Arabic, Chinese, all lower case): such a text is not `cased`.

Scripts without spaces give one token per code point (`text.normal`); their terms are pairs of neighbouring ones.

For names and numbers the five tokens around each occurrence are hashed too: two reports that share a name in the same
five words share a copied line, not a fact that both found out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from types import ModuleType

import numpy as np
import numpy.typing as npt

from dedupe.detect.batches import Batches
from dedupe.detect.columns import Columns, chain_sizes
from dedupe.detect.shingles import xxh32_spans
from dedupe.kernel import compiled_kernel
from dedupe.text.normal import Tokens, as_text, find_combining, fold_texts, prepare_texts, tokenize

OTHER, NUMBER, CAPITAL = 0, 1, 2
# Of the words of English news 6 to 24 in 100 are capitals inside a sentence (the inner nine tenths of 295 articles); of
# German, where all nouns are, some 30.
_FULL_OF_CAPITALS = 0.27
_NO_CAPITALS = 0.005
_AROUND = 2  # tokens on either side of an occurrence that belong to its context
# The look-behind stands inside, so that the search runs from separator to separator.
_NUMBER_SEPARATOR = re.compile(r"[.,:\u2009\u202f'’–-](?<=\d.)(?=\d)")
_NUMBER_UNIT = re.compile(r"\d(?=[^\W\d_])")
# The letters that have a capital form of their own; `re` has no class for them.
_CAPITALS = "".join(filter(str.isupper, map(chr, range(0x2C00))))
# Here too the look-behind stands inside: the search runs from capital to capital.
_INNER_CAPITAL = re.compile(rf"[{_CAPITALS}](?:(?<=[\w,;][ \u00a0].)|(?<=[\w,;][ \u00a0][(“\"‘'].))[^\W\d_]+")
_SPELLED = re.compile(r"\d+(?:[.,:\u2009\u202f'’–-]\d+)*|[^\W\d]+")
_SIGN_PAIR = re.compile(r"(?=([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]{2}))")
_DECIMAL, _WORDY, _CAPITAL = 1, 2, 4  # of a character, as the compiled kernel is told
_CALENDAR = 1  # the bit of a figure that tells days of the month and years
_PUNCTUATION = ".,;:!?…()[]{}<>\"'“”‘’„«»‹›–—-।。，、；：？！（）「」『』"

_Words = npt.NDArray[np.uint32]
_Keys = npt.NDArray[np.uint64]
_Marks = npt.NDArray[np.uint8]
_Rows = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of all texts, in the order the texts came.

    terms, marks, offsets: distinct term hashes of text d from offsets[d] to offsets[d + 1], ascending (uint32); their marks
    (uint8): NUMBER, CAPITAL or OTHER.
    sightings, contexts, bounds: every occurrence of a number or capital of text d from bounds[d] to bounds[d + 1] (of any term,
    if d is not `cased`): its term and the hash of the five tokens around it (uint32). A number next to another is part of a
    telephone number, a date or a table, and is left out.
    figures, figure_bounds: of the number terms of text d, in their order, those from figure_bounds[d] to figure_bounds[d + 1]
    (uint32): what `judge_figures` takes.
    cased: whether the capitals of a text tell names from other words.
    """

    terms: _Words
    marks: _Marks
    offsets: _Rows
    sightings: _Words
    contexts: _Words
    bounds: _Rows
    figures: _Words
    figure_bounds: _Rows
    cased: _Flags

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.cased)


class TermProfiler:
    """Takes texts one by one and gives their `Terms` at the end.

    >>> profiler = TermProfiler()
    >>> profiler.extend(["On Monday the mayor of Velsing opened 9,400 flats."])
    >>> terms = profiler.finish()
    >>> np.bincount(terms.marks).tolist()     # the mayor of opened flats on; 9,400; Monday Velsing
    [6, 1, 2]
    """

    def __init__(self) -> None:
        self._columns = Columns()
        self._batches = Batches(extract_terms, self._take)

    def extend(self, texts: Sequence[str | bytes]) -> None:
        """Take texts, str or UTF-8; the row of each is the number of texts taken before."""
        self._batches.extend(texts)

    def finish(self) -> Terms:
        """The terms of all texts taken."""
        self._batches.finish()
        columns = self._columns.finish()
        return Terms(
            columns["terms"],
            columns["marks"],
            chain_sizes(columns["sizes"]),
            columns["sightings"],
            columns["contexts"],
            chain_sizes(columns["seen"]),
            columns["figures"],
            chain_sizes(columns["counted"]),
            columns["cased"],
        )

    def _take(self, batch: Terms) -> None:
        whole = {name: getattr(batch, name) for name in ("terms", "marks", "sightings", "contexts", "figures", "cased")}
        sizes = {"sizes": batch.offsets, "seen": batch.bounds, "counted": batch.figure_bounds}
        self._columns.append(whole | {name: np.diff(offsets) for name, offsets in sizes.items()})


def extract_terms(batch: Sequence[str | bytes]) -> Terms:
    """The terms of a batch of texts, str or UTF-8."""
    kernel = compiled_kernel()
    if kernel:
        return _extract_compiled(kernel, tuple(batch))
    texts = list(map(as_text, batch))
    tokens = tokenize(list(map(_read_numbers, texts)))
    hashes, useful = hash_terms(tokens)
    documents = np.repeat(np.arange(len(texts), dtype=np.uint64), tokens.counts())
    keys = documents << np.uint64(32) | hashes
    is_number = _begins_with_digit(tokens)
    capital_keys, capitals = _find_capitals(texts)
    is_capital = _find(keys, capital_keys) & ~is_number & useful
    counts = tokens.counts()
    cased = (capitals >= _NO_CAPITALS * counts) & (capitals <= _FULL_OF_CAPITALS * counts)
    is_capital &= np.repeat(cased, counts)
    marks = np.where(is_number, NUMBER, np.where(is_capital, CAPITAL, OTHER)).astype(np.uint8)
    # A term has one mark in a text, so key and mark can be sorted as one number.
    packed = keys[useful] << np.uint64(2) | marks[useful]
    packed.sort()
    packed = packed[np.diff(packed, prepend=~packed[:1]) != 0]
    beside = np.zeros(len(keys), np.bool_)  # another number in the same text
    together = is_number[1:] & is_number[:-1] & (documents[1:] == documents[:-1])
    beside[1:] |= together
    beside[:-1] |= together
    seen = np.flatnonzero(np.where(is_number, ~beside, (is_capital | ~np.repeat(cased, counts)) & useful))
    terms, marks = (packed >> np.uint64(2)).astype(np.uint32), (packed & np.uint64(3)).astype(np.uint8)
    offsets = np.searchsorted(packed, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(34))
    return Terms(
        terms,
        marks,
        offsets,
        hashes[seen],
        _hash_contexts(tokens, seen, documents[seen].astype(np.int64)),
        np.searchsorted(seen, tokens.documents),
        _read_figures(tokens, hashes, is_number, terms[marks == NUMBER]),
        np.searchsorted(np.flatnonzero(marks == NUMBER), offsets),
        cased,
    )


def _extract_compiled(kernel: ModuleType, texts: tuple[str | bytes, ...]) -> Terms:
    """The same in one pass over each text. Texts whose characters combine are folded here, and their capitals with them."""
    found, forms = find_combining(kernel, texts)
    combining = found.tolist()
    mixed: list[str | bytes | bytearray] = list(texts)
    capitals = [b""] * len(texts)
    apart = [as_text(texts[number]) for number in combining]
    for number, text, folded in zip(combining, apart, fold_texts(list(map(_read_numbers, apart))), strict=True):
        mixed[number], capitals[number] = folded, _join_capitals(text).encode()
    kinds = {block: _describe_characters(block) for block in (0, *forms)}
    capital_texts, capital_forms = prepare_texts(kernel, tuple(capitals))
    columns = kernel.terms(tuple(mixed), capital_texts, forms | capital_forms, kinds)
    types = np.uint32, np.uint8, np.int64, np.uint32, np.uint32, np.int64, np.uint32, np.int64, np.bool_
    return Terms(*(np.frombuffer(column, type) for column, type in zip(columns, types, strict=True)))


@cache
def _describe_characters(block: int) -> bytes:
    """Of each of 256 code points whether it is a decimal digit, part of a word, a capital: bits, one byte each."""
    characters = [chr(code) for code in range(256 * block, 256 * (block + 1))]
    is_wordy = [character.isalnum() or character == "_" for character in characters]
    return bytes(
        _DECIMAL * character.isdecimal() | _WORDY * wordy | _CAPITAL * (character in _CAPITALS)
        for character, wordy in zip(characters, is_wordy, strict=True)
    )


def judge_figures(figures: _Words) -> tuple[_Floats, _Floats]:
    """How rare each number may be expected to be, and what a coincidence in it is worth.

    A number n stands in about 0.6 / n of the articles, n without its trailing zeros ("2,600" is as rare as 26): round
    numbers and small ones are everywhere. Days of the month and years are worth half: all that happens on one day
    shares them.
    """
    return np.minimum(0.3, 0.6 / (figures >> 1)), np.where(figures & _CALENDAR, 0.5, 1.0)


def _read_numbers(text: str) -> str:
    """A text with each number as one word: "9,400" reads 9_400, "117th" reads 117 th."""
    return _NUMBER_UNIT.sub(r"\g<0> ", _NUMBER_SEPARATOR.sub("_", text))


def spell_terms(texts: Sequence[str], hashes: Sequence[Collection[int]]) -> list[dict[int, str]]:
    """The words of each text that have the term hashes asked for of it, as it spells them.

    >>> [spelled] = spell_terms(["In Velsing 9,400 came."], [extract_terms(["9,400 velsing"]).terms.tolist()])
    >>> sorted(spelled.values())
    ['9,400', 'Velsing']
    """
    spelled: list[dict[int, str]] = [{} for _ in texts]
    # Nearly always all are found by the first way.
    for find in (_find_words, _strip_pieces, _pair_signs):
        wanted = [set(some).difference(known) for some, known in zip(hashes, spelled, strict=True)]
        at = [number for number, some in enumerate(wanted) if some]
        missing = [wanted[number] for number in at]
        words = [list(dict.fromkeys(found)) for found in find([texts[number] for number in at], missing)]
        for number, found in zip(at, _spell_words(words, missing), strict=True):
            spelled[number] |= found
    return spelled


def _find_words(texts: Sequence[str], wanted: Sequence[Collection[int]]) -> list[list[str]]:
    """The words of each text; of those that have none of its term hashes the compiled kernel leaves most out."""
    kernel = compiled_kernel()
    if not kernel:
        return [_SPELLED.findall(text) for text in texts]
    blocks = np.flatnonzero(np.frombuffer(kernel.blocks(tuple(texts)), np.uint8)).tolist()
    kinds = {block: _describe_characters(block) for block in (0, *blocks)}
    sieved = (kernel.sieve_words(text, np.fromiter(some, np.uint32), kinds) for text, some in zip(texts, wanted, strict=True))
    return [_SPELLED.findall(text) if words is None else words for text, words in zip(texts, sieved, strict=True)]


def _strip_pieces(texts: Sequence[str], wanted: Sequence[Collection[int]]) -> list[list[str]]:
    return [[piece.strip(_PUNCTUATION) for piece in text.split()] for text in texts]


def _pair_signs(texts: Sequence[str], wanted: Sequence[Collection[int]]) -> list[list[str]]:
    return [_SIGN_PAIR.findall(text) for text in texts]


def _spell_words(lists: Sequence[Sequence[str]], wanted: Sequence[Collection[int]]) -> list[dict[int, str]]:
    """The first word of each list that has each of the term hashes wanted of it, by hash."""
    words = list(chain.from_iterable(lists))
    tokens = tokenize(_read_numbers("\n".join(words)).split("\n") if words else [])
    terms, useful = hash_terms(tokens)
    rows = np.flatnonzero(tokens.counts())
    firsts = tokens.documents[rows]
    owners = np.repeat(np.arange(len(lists)), list(map(len, lists)))[rows]
    asked = np.repeat(np.arange(len(lists)), list(map(len, wanted))) << 32 | np.fromiter(chain.from_iterable(wanted), np.int64)
    found = np.flatnonzero(useful[firsts] & np.isin(owners << 32 | terms[firsts], asked))
    spelled: list[dict[int, str]] = [{} for _ in lists]
    for place in found[::-1].tolist():
        spelled[owners[place]][int(terms[firsts[place]])] = words[rows[place]]
    return spelled


def hash_terms(tokens: Tokens) -> tuple[_Words, _Flags]:
    """The term hash that begins at each token, and whether it is one: single letters, and lone signs of scripts without
    spaces, are not."""
    lengths = tokens.ends - tokens.starts
    lead = tokens.buffer[tokens.starts]
    sign = ((lead >= 0xE0) & (lengths == 3)) | ((lead >= 0xF0) & (lengths == 4))
    last = np.zeros(len(lengths), np.bool_)
    last[tokens.documents[1:][tokens.counts() > 0] - 1] = True
    pair = sign & ~last
    pair[:-1] &= sign[1:]
    reach = tokens.ends.copy()
    reach[:-1][pair[:-1]] = tokens.ends[1:][pair[:-1]]
    useful = np.where(sign, pair, (lengths > 1) | _begins_with_digit(tokens))
    if not len(lengths):
        return np.empty(0, np.uint32), useful
    return xxh32_spans(tokens.buffer, tokens.starts, reach - tokens.starts), useful


def _find_capitals(texts: list[str]) -> tuple[_Keys, _Rows]:
    """The words that have a capital inside a sentence, as ascending keys of text and term; how many such places a text has."""
    capitals = tokenize(list(map(_join_capitals, texts)))
    hashes, useful = hash_terms(capitals)
    documents = np.repeat(np.arange(len(texts), dtype=np.uint64), capitals.counts())
    return np.unique((documents << np.uint64(32) | hashes)[useful]), capitals.counts()


def _join_capitals(text: str) -> str:
    return " ".join(_INNER_CAPITAL.findall(text))


def _begins_with_digit(tokens: Tokens) -> _Flags:
    lead = tokens.buffer[tokens.starts]
    return (lead >= ord("0")) & (lead <= ord("9"))


def _find(keys: _Keys, ascending: _Keys) -> _Flags:
    if not len(ascending):
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    found: _Flags = ascending[places] == keys
    return found


def _hash_contexts(tokens: Tokens, seen: _Rows, documents: _Rows) -> _Words:
    if not len(seen):
        return np.empty(0, np.uint32)
    first = np.maximum(seen - _AROUND, tokens.documents[documents])
    last = np.minimum(seen + _AROUND, tokens.documents[documents + 1] - 1)
    begins = tokens.starts[first]
    return xxh32_spans(tokens.buffer, begins, tokens.ends[last] - begins)


def _read_figures(tokens: Tokens, hashes: _Words, is_number: _Flags, terms: _Words) -> _Words:
    """The first six digits of each of these number terms, without zeros before and behind, and whether they are of a date."""
    distinct, first = np.unique(hashes[is_number], return_index=True)
    places = np.flatnonzero(is_number)[first]
    figures = []
    for start, end in zip(tokens.starts[places].tolist(), tokens.ends[places].tolist(), strict=True):
        word = tokens.buffer[start:end].tobytes()
        digits = bytes(byte for byte in word if byte in b"0123456789")
        calendar = digits == word and ((len(word) <= 2 and int(word) <= 31) or (len(word) == 4 and word[:2] in (b"19", b"20")))
        figures.append(int(digits.strip(b"0")[:6] or b"1") << 1 | _CALENDAR * calendar)
    return np.array(figures, np.uint32)[np.searchsorted(distinct, terms)]
