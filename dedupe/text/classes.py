"""Synonym classes: texts as runs of class tokens, so that a spun copy and its original read alike.

A form of up to four words belongs to one class at most; phrases count before words, leftmost-longest. Function words, and
phrases that stand for them ("the place" for "where"), are dropped. A word of no class stands for itself. Ambiguity does no
harm: both texts are mapped alike, and nothing mapped is ever emitted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel
from dedupe.text.normal import Tokens, tokenize

LONGEST_FORM = 4  # words; the compiled kernel knows it, too
LARGEST_CLASS = 12  # forms

NUMBER = np.uint32(1)  # the bit of a class code that tells numbers, which a spinner leaves alone, from words

_SLOT_BITS = 18  # of a hash, say where to look for it
_KNOWN = np.uint64(1 << 36)  # the bit of what is known of a hash that tells it from nothing
_FILTER_BITS = 17  # of a hash, the upper ones, say whether to look at all; the compiled kernel knows it, too

_Numbers = npt.NDArray[np.uint64]
_Codes = npt.NDArray[np.uint32]
_Places = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DespunTokens:
    """The texts of a batch as runs of class tokens, function words dropped.

    classes: uint32, one per class token: equal for the forms of one class, odd for numbers.
    surfaces: uint32, one per class token: equal for equal forms only.
    documents: int64, shape (texts + 1,); the class tokens of text d are documents[d] to documents[d + 1].
    replacements: int64, shape (texts,), how many forms of each text are rather written by the spinner than replaced by it.
    """

    classes: _Codes
    surfaces: _Codes
    documents: _Places
    replacements: _Places


@dataclass(frozen=True)
class ClassMap:
    """Synonym classes ready to be applied: each is a tuple of forms; `dropped` forms are left out.

    `replacements` are forms of both that a spinner rather writes than replaces: of two versions, the spun one has more of them.

    >>> classes = ClassMap([("lawmaker", "member of parliament"), ("big", "large")], ["the", "a", "was", "the place"])
    >>> despun = classes.despin(tokenize(["The large lawmaker", "A big Member of Parliament", "the place was big"]))
    >>> bool((despun.classes[0:2] == despun.classes[2:4]).all()), bool((despun.surfaces[0:2] == despun.surfaces[2:4]).any())
    (True, False)
    >>> despun.documents.tolist()
    [0, 2, 4, 5]
    """

    classes: Sequence[tuple[str, ...]]
    dropped: Sequence[str]
    replacements: Collection[str] = ()
    _words: _Lookup = field(init=False, repr=False)
    _phrases: _Lookup = field(init=False, repr=False)

    def __post_init__(self) -> None:
        forms = [form for forms in self.classes for form in forms]
        tokens = tokenize([*forms, *self.dropped])
        hashes = hash_tokens(tokens)
        counts, firsts = tokens.counts(), tokens.documents[:-1]
        heads = np.repeat(np.cumsum([0, *map(len, self.classes)])[:-1], [len(forms) for forms in self.classes])
        keys = hashes[np.minimum(firsts, max(0, len(hashes) - 1))] if len(hashes) else np.zeros(len(counts), np.uint64)
        prefixes = [keys]  # by length - 1
        for length in range(2, LONGEST_FORM + 1):
            long = np.flatnonzero(counts >= length)
            keys = keys.copy()
            keys[long] = _joined(keys[long], hashes[firsts[long] + length - 1])
            prefixes.append(keys)
        whole = prefixes[-1]
        codes = np.concatenate([whole[heads], np.zeros(len(self.dropped), np.uint64)]).astype(np.uint32)
        is_dropped = np.arange(len(counts)) >= len(forms)
        is_replacement = np.array([form in self.replacements for form in (*forms, *self.dropped)], np.bool_)
        usable, single = (counts > 0) & (counts <= LONGEST_FORM), counts == 1
        starts = np.unique(prefixes[0][usable & ~single])
        beginnings = np.unique(np.concatenate([prefixes[n - 1][usable & (counts > n)] for n in range(2, LONGEST_FORM)]))
        object.__setattr__(self, "_words", _Lookup.build(whole, codes, is_dropped, is_replacement, usable & single, starts))
        object.__setattr__(
            self, "_phrases", _Lookup.build(whole, codes, is_dropped, is_replacement, usable & ~single, beginnings)
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of the classes and the dropped forms: what an index depends on, whatever the rules say."""
        lines = ["\t".join(forms) for forms in (*self.classes, tuple(self.dropped), sorted(self.replacements))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def despin(self, tokens: Tokens) -> DespunTokens:
        """The class tokens of the texts."""
        kernel = compiled_kernel()
        if kernel:
            room, texts = len(tokens.starts), len(tokens)
            codes, forms = np.empty((2, room), np.uint32)
            bounds, written = np.empty(texts + 1, np.int64), np.empty(texts, np.int64)
            tables = *self._words.compiled, *self._phrases.compiled
            places = tokens.starts, tokens.ends, tokens.documents
            kept = kernel.despin(tokens.buffer, *places, *tables, codes, forms, bounds, written)
            return DespunTokens(codes[:kept].copy(), forms[:kept].copy(), bounds, written)
        surfaces = hash_tokens(tokens)
        place = self._words.find(surfaces)
        classes = np.where(self._words.ends[place], self._words.codes[place], surfaces.astype(np.uint32))
        classes = classes & ~NUMBER | is_number(tokens)
        kept = ~(self._words.ends[place] & self._words.dropped[place])
        replacements = self._words.replacement[place]
        starts, lengths, entries, phrases = self._find_phrases(tokens, surfaces, np.flatnonzero(self._words.goes_on[place]))
        for offset in range(1, LONGEST_FORM):
            kept[starts[lengths > offset] + offset] = replacements[starts[lengths > offset] + offset] = False
        classes[starts] = self._phrases.codes[entries] & ~NUMBER
        kept[starts] = ~self._phrases.dropped[entries]
        replacements[starts] = self._phrases.replacement[entries]
        surfaces[starts] = phrases
        before, written = (np.concatenate([[0], np.cumsum(flags)])[tokens.documents] for flags in (kept, replacements))
        return DespunTokens(classes[kept], surfaces[kept].astype(np.uint32), before, np.diff(written))

    def _find_phrases(self, tokens: Tokens, hashes: _Numbers, starts: _Places) -> tuple[_Places, _Places, _Places, _Numbers]:
        """Where phrases stand, leftmost-longest: first tokens, lengths in tokens, entries in `_phrases`, hashes."""
        limits = tokens.documents[1:][np.searchsorted(tokens.documents, starts, side="right") - 1]
        keys = hashes[starts]
        found = [(starts[:0], starts[:0], starts[:0], keys[:0])]
        for length in range(2, LONGEST_FORM + 1):
            inside = starts + length <= limits
            starts, limits = starts[inside], limits[inside]
            keys = _joined(keys[inside], hashes[starts + length - 1])
            entries = self._phrases.find(keys)
            ends, goes_on = self._phrases.ends[entries], self._phrases.goes_on[entries]
            found.append((starts[ends], np.full(int(ends.sum()), length), entries[ends], keys[ends]))
            starts, limits, keys = starts[goes_on], limits[goes_on], keys[goes_on]
        begins, lengths, entries, keys = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((-lengths, begins))
        order = order[np.diff(begins[order], prepend=-1) > 0]
        order = order[_leftmost(begins[order], lengths[order])]
        return begins[order], lengths[order], entries[order], keys[order]


@dataclass(frozen=True)
class _Lookup:
    """Hashes with what is known of them; the last entry stands for all that are unknown.

    ends: a form ends here, of class `codes`, or `dropped`, or a `replacement` by the spinner; goes_on: a longer form begins so.
    """

    keys: _Numbers
    codes: _Codes
    ends: _Flags
    dropped: _Flags
    replacement: _Flags
    goes_on: _Flags

    @classmethod
    def build(
        cls, keys: _Numbers, codes: _Codes, dropped: _Flags, replacement: _Flags, chosen: _Flags, beginnings: _Numbers
    ) -> _Lookup:
        distinct = np.unique(np.concatenate([keys[chosen], beginnings]))
        ends, drops, replaces, goes_on = np.zeros((4, len(distinct) + 1), np.bool_)
        values = np.zeros(len(distinct) + 1, np.uint32)
        goes_on[np.searchsorted(distinct, beginnings)] = True
        places = np.searchsorted(distinct, keys[chosen])
        ends[places], drops[places], replaces[places] = True, dropped[chosen], replacement[chosen]
        values[places] = codes[chosen]
        return cls(np.concatenate([distinct, np.zeros(1, np.uint64)]), values, ends, drops, replaces, goes_on)

    @cached_property
    def compiled(self) -> tuple[npt.NDArray[np.uint8], _Numbers]:
        """All of it, as the compiled kernel takes it.

        First a bit for each key, few enough for the nearest cache: most hashes that are no key are told by it. Then each key,
        and what is known of it as one number, in the slot that its lower bits name, or in the next that is free.
        """
        keys = self.keys[:-1]
        bits = np.zeros(1 << _FILTER_BITS, np.uint8)
        bits[keys >> np.uint64(64 - _FILTER_BITS)] = 1
        known = self.codes[:-1].astype(np.uint64)
        for bit, flags in enumerate((self.ends, self.dropped, self.replacement, self.goes_on)):
            known |= flags[:-1].astype(np.uint64) << np.uint64(32 + bit)
        last = (1 << (2 * len(keys)).bit_length()) - 1
        table, places = np.zeros((last + 1, 2), np.uint64), np.arange(len(keys))
        slots = (keys & np.uint64(last)).astype(np.int64)
        while len(places):
            free, first = np.unique(slots, return_index=True)
            taken = first[table[free, 1] == 0]
            table[slots[taken]] = np.column_stack([keys[places[taken]], known[places[taken]] | _KNOWN])
            slots, places = (np.delete(slots, taken) + 1) & last, np.delete(places, taken)
        return np.packbits(bits, bitorder="little"), table

    @cached_property
    def slots(self) -> npt.NDArray[np.int32]:
        """Tables from the slots of keys to their places; where two keys share a slot, the second goes to the next table."""
        keys = self.keys[:-1]
        tables: list[npt.NDArray[np.int32]] = []
        places = np.arange(len(keys), dtype=np.int32)
        while len(places) or not tables:
            table = np.full(1 << _SLOT_BITS, len(keys), np.int32)
            slots = _slot(keys[places], len(tables))
            table[slots[::-1]] = places[::-1]
            places = places[table[slots] != places]
            tables.append(table)
        return np.stack(tables)

    def find(self, hashes: _Numbers) -> _Places:
        """The entry of each hash."""
        entries: _Places = self.slots[0][_slot(hashes, 0)].astype(np.int64)
        for table in range(1, len(self.slots) + 1):
            wrong = np.flatnonzero((self.keys[entries] != hashes) & (entries < len(self.keys) - 1))
            entries[wrong] = self.slots[table][_slot(hashes[wrong], table)] if table < len(self.slots) else len(self.keys) - 1
        return entries


def _slot(hashes: _Numbers, table: int) -> _Places:
    """The bits that say where in a table a hash may stand: others for each of the first tables."""
    return (hashes >> np.uint64(16 * table % 48) & np.uint64((1 << _SLOT_BITS) - 1)).astype(np.int64)


def _leftmost(begins: _Places, lengths: _Places) -> _Flags:
    """Which of the spans a reading from left to right takes, each excluding those that begin within it; begins ascend."""
    taken, open_ = np.zeros(len(begins), np.bool_), np.ones(len(begins), np.bool_)
    while open_.any():
        at = np.flatnonzero(open_)
        ends = begins[at] + lengths[at]
        reach = np.maximum.accumulate(np.concatenate([[0], ends[:-1]]))
        free = begins[at] >= reach
        taken[at[free]] = True
        # what begins within a span just taken is out; what begins within one that is not decided yet waits
        last = np.maximum.accumulate(np.where(free, ends, 0))
        open_[at] = ~free & (begins[at] >= last)
    return taken


def is_number(tokens: Tokens) -> _Codes:
    """Whether each token begins with a digit: uint32, shape (tokens,), NUMBER or 0."""
    lead = tokens.buffer[tokens.starts]
    return ((lead >= ord("0")) & (lead <= ord("9"))).astype(np.uint32)


def hash_tokens(tokens: Tokens) -> _Numbers:
    """A 64-bit hash of each token: uint64, shape (tokens,). Eight bytes of all tokens are taken in at a time."""
    lengths = tokens.ends - tokens.starts
    padded = np.zeros(len(tokens.buffer) + 8, np.uint8)
    padded[: len(tokens.buffer)] = tokens.buffer
    words = np.ndarray((len(tokens.buffer) + 1,), "<u8", padded, strides=(1,))
    hashes = lengths.astype(np.uint64)
    rest = np.arange(len(lengths))
    for taken in range(0, int(lengths.max(initial=0)), 8):
        if taken:
            rest = rest[lengths[rest] > taken]
        unused = np.maximum(8 - (lengths[rest] - taken), 0).astype(np.uint64) * np.uint64(8)
        chunk = words[tokens.starts[rest] + taken] << unused
        hashes[rest] = _joined(hashes[rest], chunk)
    return hashes


def _joined(left: _Numbers, right: _Numbers) -> _Numbers:
    """A hash of the two in this order: the finaliser of splitmix64 after each."""
    mixed = left * np.uint64(0x9E3779B97F4A7C15) ^ right
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
