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
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.batches import Batches
from dedupe.detect.columns import Columns, chain_sizes
from dedupe.detect.shingles import xxh32_spans
from dedupe.text.normal import Tokens, tokenize

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
_PUNCTUATION = ".,;:!?…()[]{}<>\"'“”‘’„«»‹›–—-।。，、；：？！（）「」『』"

_Words = npt.NDArray[np.uint32]
_Keys = npt.NDArray[np.uint64]
_Marks = npt.NDArray[np.uint8]
_Rows = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of all texts, in the order the texts came.

    terms, marks, offsets: distinct term hashes of text d from offsets[d] to offsets[d + 1], ascending (uint32); their marks
    (uint8): NUMBER, CAPITAL or OTHER.
    sightings, contexts, bounds: every occurrence of a number or capital of text d from bounds[d] to bounds[d + 1] (of any term,
    if d is not `cased`): its term and the hash of the five tokens around it (uint32). A number next to another is part of a
    telephone number, a date or a table, and is left out.
    numbers: by number term the share of texts expected to hold it, and what a coincidence in it is worth.
    cased: whether the capitals of a text tell names from other words.
    """

    terms: _Words
    marks: _Marks
    offsets: _Rows
    sightings: _Words
    contexts: _Words
    bounds: _Rows
    numbers: dict[int, tuple[float, float]]
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
        self._columns, self._numbers = Columns(), dict[int, tuple[float, float]]()
        self._batches = Batches(extract_terms, self._take)

    def extend(self, texts: Iterable[str]) -> None:
        """Take texts; the row of each is the number of texts taken before."""
        for text in texts:
            self._batches.add(text)

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
            self._numbers,
            columns["cased"],
        )

    def _take(self, batch: Terms) -> None:
        whole = {name: getattr(batch, name) for name in ("terms", "marks", "sightings", "contexts", "cased")}
        self._columns.append(whole | {"sizes": np.diff(batch.offsets), "seen": np.diff(batch.bounds)})
        self._numbers |= batch.numbers


def extract_terms(texts: list[str]) -> Terms:
    """The terms of a batch of texts."""
    tokens = read_tokens(texts)
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
    return Terms(
        (packed >> np.uint64(2)).astype(np.uint32),
        (packed & np.uint64(3)).astype(np.uint8),
        np.searchsorted(packed, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(34)),
        hashes[seen],
        _hash_contexts(tokens, seen, documents[seen].astype(np.int64)),
        np.searchsorted(seen, tokens.documents),
        _look_at_numbers(tokens, hashes, is_number),
        cased,
    )


def read_tokens(texts: list[str]) -> Tokens:
    """The tokens of the texts with each number as one token: "9,400" reads 9_400, "117th" reads 117 th."""
    return tokenize(list(map(_read_numbers, texts)))


def _read_numbers(text: str) -> str:
    return _NUMBER_UNIT.sub(r"\g<0> ", _NUMBER_SEPARATOR.sub("_", text))


def spell_terms(text: str, hashes: Iterable[int]) -> dict[int, str]:
    """The words of a text that have these term hashes, as it spells them.

    >>> sorted(spell_terms("In Velsing 9,400 came.", extract_terms(["9,400 velsing"]).terms.tolist()).values())
    ['9,400', 'Velsing']
    """
    wanted, spelled = set(hashes), dict[int, str]()
    pieces = (piece.strip(_PUNCTUATION) for piece in text.split())
    words = list(dict.fromkeys([*_SPELLED.findall(text), *pieces, *_SIGN_PAIR.findall(text)]))
    tokens = tokenize(_read_numbers("\n".join(words)).split("\n") if words else [])
    terms, useful = hash_terms(tokens)
    for word, first, last in zip(words, tokens.documents[:-1].tolist(), tokens.documents[1:].tolist(), strict=True):
        if last > first and useful[first] and int(terms[first]) in wanted:
            spelled.setdefault(int(terms[first]), word)
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
    capitals = tokenize([" ".join(_INNER_CAPITAL.findall(text)) for text in texts])
    hashes, useful = hash_terms(capitals)
    documents = np.repeat(np.arange(len(texts), dtype=np.uint64), capitals.counts())
    return np.unique((documents << np.uint64(32) | hashes)[useful]), capitals.counts()


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


def _look_at_numbers(tokens: Tokens, hashes: _Words, is_number: _Flags) -> dict[int, tuple[float, float]]:
    """How rare each distinct number of a batch may be expected to be, by its term, and what a coincidence in it is worth.

    A number n stands in about 0.6 / n of the articles, n without its trailing zeros ("2,600" is as rare as 26): round
    numbers and small ones are everywhere. Days of the month and years are worth half: all that happens on one day
    shares them.
    """
    distinct, first = np.unique(hashes[is_number], return_index=True)
    places = np.flatnonzero(is_number)[first]
    looks = {}
    for term, start, end in zip(distinct.tolist(), tokens.starts[places].tolist(), tokens.ends[places].tolist(), strict=True):
        word = tokens.buffer[start:end].tobytes()
        digits = bytes(byte for byte in word if byte in b"0123456789")
        calendar = digits == word and ((len(word) <= 2 and int(word) <= 31) or (len(word) == 4 and word[:2] in (b"19", b"20")))
        looks[term] = (min(0.3, 0.6 / int(digits.strip(b"0")[:6] or b"1")), 0.5 if calendar else 1.0)
    return looks
