"""Passages: where two related texts say the same, word for word, as aligned spans of both.

The texts of the pairs are read again, once for the order of their shingles and once for the places of their words.
Pairs that are related anyhow list every shared run of LEAST_WORDS words. A pair that only shares passages is an
*overlap* if one of them is long enough without the boilerplate in it; it lists those. Runs of boilerplate are told by
their places, too: the choice of a canonical does not count their words, and each is listed once for the whole corpus.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.align import align_pairs
from dedupe.detect.boilerplate import HOLDERS, LEAST_RUN, NO_BOILERPLATE, Boilerplate, CommonPassage, make_boilerplate
from dedupe.detect.columns import Columns, chain_sizes
from dedupe.detect.distinct import keep_distinct
from dedupe.detect.find import Found
from dedupe.detect.relation import Measured
from dedupe.detect.sharing import count_enough
from dedupe.detect.shingles import hash_in_order
from dedupe.kernel import compiled_kernel
from dedupe.model import Article, Pair, Passage
from dedupe.text.locate import locate_words
from dedupe.text.normal import Tokens, tokenize

# Versions of a text with which it is aligned.
TRACED_VERSIONS = 8
# Words from which a shared run is listed.
LEAST_WORDS = 10
# Words before or after another whole version that count as furniture, and words it may have there itself (a byline).
WRAPPING_WORDS = 80
EDGE_WORDS = 12
# Words from which a paragraph that ends in a full stop is prose.
PROSE_WORDS = 12
_CLINGING = re.compile(r"[^\w\s]+")
_STOPS = (".", "!", "?", "…", '"', "”", "’", ")")
# Characters of text, or shingles, worked on at once.
_BATCH = 400_000

_Mask = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]
_Span = tuple[int, int]
Read = Callable[[Collection[str]], Iterable[Article]]
Choose = Callable[[_Numbers, "_Readings", _Numbers, _Numbers], _Numbers]


@dataclass(frozen=True, slots=True)
class Traced:
    """The pairs with their passages, overlaps among them; the boilerplate of the corpus; and where it stands in articles.

    `furniture` holds spans in code points of the text of each related article that has some.
    """

    pairs: tuple[Pair, ...]
    boilerplate: tuple[CommonPassage, ...]
    furniture: Mapping[str, Sequence[_Span]]


@dataclass(frozen=True, slots=True)
class _Readings:
    """Texts in numbers, laid end to end, by the `row` of each id.

    hashes, offsets: the shingle hashes of text d in order are hashes[offsets[d] : offsets[d + 1]] (uint32, int64).
    common, prose: which words are boilerplate, and which stand in a paragraph that ends as sentences do (bool); those of text
    d are at words[d] to words[d + 1] (int64). stops: whether each text ends so (bool).
    """

    row: Mapping[str, int]
    hashes: npt.NDArray[np.uint32]
    offsets: _Numbers
    common: _Mask
    prose: _Mask
    words: _Numbers
    stops: _Mask

    def rows(self, ids: Iterable[str]) -> _Numbers:
        """The rows of some ids: int64."""
        return np.array([self.row[id] for id in ids], np.int64)

    def hashes_of(self, id: str) -> npt.NDArray[np.uint32]:
        """The shingle hashes of a text in order."""
        return self.hashes[self.offsets[self.row[id]] : self.offsets[self.row[id] + 1]]

    def words_of(self, id: str) -> slice:
        """Where the words of a text lie in `common` and `prose`."""
        return slice(int(self.words[self.row[id]]), int(self.words[self.row[id] + 1]))


def trace_passages(found: Found, ids: Sequence[str], read: Read, settings: FindSettings) -> Traced:
    """The passages of the found pairs, except `exact` ones, which share everything; overlaps are added to them.

    Of an article with many versions only the pairs with the TRACED_VERSIONS closest are traced, so that work stays linear.
    ids: the id of each row that `found` speaks of; read: gives the articles of some ids, in any order.
    """
    related, sharing = _choose_closest([pair for pair in found.pairs if pair.kind != "exact"]), found.sharing
    examples = _choose_examples(found.boilerplate, ids, settings.shingle_words)
    rows = keep_distinct(np.concatenate([sharing.a, sharing.b]))
    wanted = {id for pair in related for id in (pair.a, pair.b)}.union((ids[row] for row in rows.tolist()), examples)
    readings = _read_in_order(read(wanted), found.boilerplate, settings)
    place = np.zeros(len(ids), np.int64)
    place[rows] = readings.rows(ids[row] for row in rows.tolist())
    a, b = readings.rows(pair.a for pair in related), readings.rows(pair.b for pair in related)
    shared = _Runs.align(readings, a, b, settings.shingle_words)
    long = _Runs.align(readings, place[sharing.a], place[sharing.b], settings.shingle_words, _choose_enough)
    # Everything is known in words now; what is reported gets its places in the text.
    furniture = _find_wrapping(shared, readings)
    listed = list(_list_boilerplate(examples, readings, found.boilerplate, ids, settings.shingle_words))
    spans = _Spans()
    for runs in (shared, long):
        spans.ask_runs(runs)
    for id, begin, words, _ in listed:
        spans.ask(readings.row[id], begin, words)
    spans.ask_stretches(furniture)
    samples = spans.locate(read, readings.row, {(id, begin, words) for id, begin, words, _ in listed})
    passages = spans.passages(shared)
    traced = dict(zip(((pair.a, pair.b) for pair in related), passages, strict=True))
    pairs = [replace(pair, passages=traced[pair.a, pair.b]) if traced.get((pair.a, pair.b)) else pair for pair in found.pairs]
    pairs += _make_overlaps(sharing, ids, spans.passages(long))
    pairs.sort(key=attrgetter("a", "b"))
    return Traced(
        pairs=tuple(pairs),
        boilerplate=tuple(replace(passage, text=samples[id, begin, words]) for id, begin, words, passage in listed),
        furniture=spans.spans_of(furniture, list(readings.row)),
    )


def _make_overlaps(sharing: Measured, ids: Sequence[str], passages: Iterable[tuple[Passage, ...]]) -> Iterator[Pair]:
    """The pairs that share passages that are long enough."""
    numbers = zip(sharing.jaccard.tolist(), sharing.containment.tolist(), sharing.despun.tolist(), strict=True)
    for a, b, (jaccard, containment, despun), shared in zip(
        sharing.a.tolist(), sharing.b.tolist(), numbers, passages, strict=True
    ):
        if shared:
            known = None if math.isnan(despun) else despun
            yield Pair(ids[a], ids[b], "overlap", jaccard, containment, known, shared)


def align_texts(a: str, b: str, settings: FindSettings) -> tuple[Passage, ...]:
    """The passages that two texts share, in the order of the first, whatever else they are to each other.

    >>> story = "the minister said on friday that the talks would go on until both sides agree"
    >>> align_texts("Talks: " + story, story.upper(), FindSettings())
    (Passage(a_start=7, a_end=84, b_start=0, b_end=77, words=15),)
    """
    articles = [Article("a", a), Article("b", b)]
    readings = _read_in_order(articles, NO_BOILERPLATE, settings)
    runs = _Runs.align(readings, readings.rows("a"), readings.rows("b"), settings.shingle_words)
    spans = _Spans()
    spans.ask_runs(runs)
    spans.locate(lambda ids: [article for article in articles if article.id in ids], readings.row, ())
    return next(spans.passages(runs))


def find_shared(pairs: Iterable[tuple[str, str]], settings: FindSettings) -> Boilerplate:
    """The shingles of the passages that the two texts of each pair share, as boilerplate."""
    pieces = [a[passage.a_start : passage.a_end] for a, b in pairs for passage in align_texts(a, b, settings)]
    hashes = np.unique(hash_in_order(tokenize(pieces), settings.shingle_words, settings.hash)[0])
    counts = np.full(len(hashes), 2, np.int64), np.zeros(len(hashes), np.int64)
    return make_boilerplate(hashes, *counts, np.full((len(hashes), HOLDERS), -1, np.int64))


def cut_boilerplate(
    articles: Iterable[Article], boilerplate: Boilerplate, settings: FindSettings
) -> Iterator[tuple[Article, str]]:
    """The articles whose texts hold passages of boilerplate, each with its text without them.

    >>> menu = "home news sport weather video podcasts shop jobs help contact terms"
    >>> articles = [Article("a", f"{menu}. The port shut."), Article("b", "Home and news.")]
    >>> shared = find_shared([(menu, menu)], FindSettings())
    >>> [(article.id, cut) for article, cut in cut_boilerplate(articles, shared, FindSettings())]
    [('a', ' The port shut.')]
    """
    for batch in _in_batches(articles):
        readings, spans = _read_in_order(batch, boilerplate, settings), _Spans()
        held = {
            article.id: stretches
            for article in batch
            if (stretches := _find_stretches(readings.common[readings.words_of(article.id)]))
        }
        for id, stretches in held.items():
            for stretch in stretches:
                spans.ask(readings.row[id], *stretch)
        holders = [article for article in batch if article.id in held]
        spans.locate(partial(_ignore_ids, holders), readings.row, ())
        for article in holders:
            places = [spans.span(readings.row[article.id], *stretch) for stretch in held[article.id]]
            yield article, cut_spans(article.text, places)


def _ignore_ids(articles: Sequence[Article], ids: Collection[str]) -> Sequence[Article]:
    return articles


def is_overlap(a: str, b: str, settings: FindSettings) -> bool:
    """Whether two texts share a passage that is long enough for an overlap, nothing left out of account."""
    enough = count_enough(tokenize([a, b]).counts().min())
    return any(passage.words >= enough for passage in align_texts(a, b, settings))


def _choose_closest(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that are among the closest of at least one of their two texts."""
    traced = Counter[str]()
    chosen = []
    for pair in sorted(pairs, key=lambda pair: (-pair.jaccard, -pair.containment, pair.a, pair.b)):
        if min(traced[pair.a], traced[pair.b]) < TRACED_VERSIONS:
            traced.update((pair.a, pair.b))
            chosen.append(pair)
    return chosen


def cut_spans(text: str, spans: Sequence[_Span]) -> str:
    """The text without some disjoint spans of words, which are in ascending order, and the punctuation that clings to them.

    >>> cut_spans("“Menu.” The news.", [(1, 5)])
    ' The news.'
    """
    kept, at = [], 0
    for begin, end in spans:
        stop = begin
        while stop > at and _CLINGING.match(text, stop - 1, stop):
            stop -= 1
        kept.append(text[at:stop])
        match = _CLINGING.match(text, end)
        at = match.end() if match else end
    return "".join([*kept, text[at:]])


def _read_in_order(articles: Iterable[Article], boilerplate: Boilerplate, settings: FindSettings) -> _Readings:
    columns, row = Columns(), dict[str, int]()
    for batch in itertools.chain(_in_batches(articles), [[]]):  # there is one at least
        tokens, prose = _tokenize_paragraphs([article.text for article in batch])
        hashes, counts = hash_in_order(tokens, settings.shingle_words, settings.hash)
        common = _cover_words(boilerplate.marks(hashes), chain_sizes(counts), tokens.documents, settings.shingle_words)
        stops = np.array([article.text.rstrip().endswith(_STOPS) for article in batch], np.bool_)
        sizes = {"shingles": counts, "words": tokens.counts(), "stops": stops}
        columns.append({"hashes": hashes.copy(), "common": common, "prose": prose, **sizes})
        row.update((article.id, number) for number, article in enumerate(batch, len(row)))
    made = columns.finish()
    offsets, words = chain_sizes(made["shingles"]), chain_sizes(made["words"])
    return _Readings(row, made["hashes"], offsets, made["common"], made["prose"], words, made["stops"])


def _tokenize_paragraphs(texts: Sequence[str]) -> tuple[Tokens, _Mask]:
    """The tokens of the texts, and of each whether its paragraph is prose: of some length, and ended as sentences are."""
    paragraphs = [text.split("\n") for text in texts]
    joined = list(itertools.chain.from_iterable(paragraphs))
    tokens = tokenize(joined)
    stops = np.array([paragraph.rstrip().endswith(_STOPS) for paragraph in joined], np.bool_)
    counts = tokens.counts()
    prose = np.repeat(stops & (counts >= PROSE_WORDS), counts)
    bounds = np.cumsum([0, *map(len, paragraphs)])
    return replace(tokens, documents=tokens.documents[bounds]), prose


def _in_batches(articles: Iterable[Article]) -> Iterator[list[Article]]:
    batch: list[Article] = []
    size = 0
    for article in articles:
        batch.append(article)
        size += len(article.text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _cover_words(marks: _Mask, offsets: _Numbers, words: _Numbers, shingle_words: int) -> _Mask:
    """Which words of all texts are boilerplate: those under frequent shingles that make a run of at least LEAST_RUN words.

    marks: which of the shingles are frequent; offsets, words: where the shingles and the words of each text begin, and the end.
    """
    at = np.flatnonzero(marks)
    text = np.searchsorted(offsets, at, side="right") - 1
    starts = np.flatnonzero((np.diff(at, prepend=-2) != 1) | (np.diff(text, prepend=-1) != 0))
    sizes = np.diff(starts, append=len(at)) + shingle_words - 1
    starts, sizes = starts[sizes >= LEAST_RUN], sizes[sizes >= LEAST_RUN]
    text = text[starts]
    begins = at[starts] - offsets[text] + words[text]
    ends = np.minimum(begins + sizes, words[text + 1])
    return _cover(begins, ends - begins, int(words[-1]))


def _find_stretches(flags: _Mask) -> list[_Span]:
    """Where each stretch of true values begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).view(np.int8)))
    return list(zip(edges[::2].tolist(), (edges[1::2] - edges[::2]).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Runs:
    """The shared runs of some pairs of rows of readings: of pair i, from row a[i] to row b[i], those with the numbers from
    bounds[i] to bounds[i + 1], in the order of the shorter text: `places_a`, `places_b` and `sizes` in words. All int64."""

    a: _Numbers
    b: _Numbers
    bounds: _Numbers
    places_a: _Numbers
    places_b: _Numbers
    sizes: _Numbers

    @classmethod
    def align(cls, readings: _Readings, a: _Numbers, b: _Numbers, shingle_words: int, choose: Choose | None = None) -> _Runs:
        """The runs of LEAST_WORDS words that each pair shares, or those that `choose` takes of them."""
        found = [np.empty((0, 4), np.int64)]
        for runs in align_pairs(readings.hashes, readings.offsets, a, b, shingle_words, LEAST_WORDS):
            found.append(choose(runs, readings, a[runs[:, 0]], b[runs[:, 0]]) if choose else runs)
        joined = np.concatenate(found)
        joined = joined[np.argsort(joined[:, 0], kind="stable")]
        bounds = np.searchsorted(joined[:, 0], np.arange(len(a) + 1))
        return cls(a, b, bounds, *(np.ascontiguousarray(column) for column in joined.T[1:]))

    def rows(self, side: _Numbers) -> _Numbers:
        """The row of each run; side: `a` or `b`."""
        return np.repeat(side, np.diff(self.bounds))

    def of(self, pair: int) -> Iterator[tuple[int, int, int]]:
        """The runs of one pair: the places in both texts, and the words."""
        part = slice(int(self.bounds[pair]), int(self.bounds[pair + 1]))
        return zip(self.places_a[part].tolist(), self.places_b[part].tolist(), self.sizes[part].tolist(), strict=True)


def _choose_enough(runs: _Numbers, readings: _Readings, a: _Numbers, b: _Numbers) -> _Numbers:
    """The runs that are long enough for an overlap without the boilerplate in them; a, b: the rows of their texts."""
    counts = np.diff(readings.words)
    enough = count_enough(np.minimum(counts[a], counts[b]))
    long = np.flatnonzero(runs[:, 3] >= enough)
    runs, a, b, enough = runs[long], a[long], b[long], enough[long]
    marked = _count_marked(readings.common, readings.words[a] + runs[:, 1], readings.words[b] + runs[:, 2], runs[:, 3])
    return runs[runs[:, 3] - marked >= enough]


def _count_marked(flags: _Mask, a: _Numbers, b: _Numbers, sizes: _Numbers) -> _Numbers:
    """At how many of sizes[i] places from a[i], and from b[i] on, a flag is set here or there: int64, shape (runs,)."""
    counts = np.zeros(len(a), np.int64)
    kernel = compiled_kernel()
    if kernel:
        kernel.count_marked(flags, a, b, np.ascontiguousarray(sizes), counts)
        return counts
    for i, (one, other, size) in enumerate(zip(a.tolist(), b.tolist(), sizes.tolist(), strict=True)):
        counts[i] = np.count_nonzero(flags[one : one + size] | flags[other : other + size])
    return counts


def _find_wrapping(runs: _Runs, readings: _Readings) -> _Stretches:
    """The stretches of each text that has versions which are boilerplate, or which it alone has, of all its versions, and which
    look like furniture."""
    sides = (runs.a, runs.places_a), (runs.b, runs.places_b)
    columns = [
        (runs.rows(one), places, runs.rows(other), begins, runs.sizes)
        for (one, places), (other, begins) in (sides, sides[::-1])
    ]
    shared = _Shared(*map(np.concatenate, zip(*columns, strict=True)))
    shared = shared.select(np.argsort(shared.rows, kind="stable"))
    related = np.zeros(len(readings.stops), np.bool_)
    related[np.concatenate([runs.a, runs.b])] = True
    found, low = [_Stretches(*(np.empty(0, np.int64),) * 3)], 0
    while low < len(related):
        high = max(low + 1, int(np.searchsorted(readings.words, readings.words[low] + _BATCH, side="right")) - 1)
        part = slice(*np.searchsorted(shared.rows, [low, high]))
        bounds = readings.words[low : high + 1] - readings.words[low]
        flags = np.repeat(related[low:high], np.diff(bounds))
        flags &= _mark_wrapping(shared.select(part), low, bounds, readings)
        found.append(_Stretches.of(flags, bounds, low))
        low = high
    return _Stretches(*(np.concatenate([getattr(some, name) for some in found]) for name in _Stretches.__slots__))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What texts share with versions of theirs: the row of a text and a place in it, the row of a version and the place there,
    and the size in words. All int64."""

    rows: _Numbers
    places: _Numbers
    versions: _Numbers
    begins: _Numbers
    sizes: _Numbers

    def select(self, which: _Numbers | slice) -> _Shared:
        """Some of it."""
        return _Shared(self.rows[which], self.places[which], self.versions[which], self.begins[which], self.sizes[which])


def _mark_wrapping(shared: _Shared, first: int, bounds: _Numbers, readings: _Readings) -> _Mask:
    """Which words of some rows, from `first` on, are boilerplate, or what a text alone has, of all its versions, and what looks
    like furniture. Their words begin at `bounds`.

    That is what is no prose; and prose before the beginning, or after the end, of other versions, of which each allows for
    WRAPPING_WORDS: where there is more, the other may be the one that is cut.
    """
    words = slice(int(readings.words[first]), int(readings.words[first] + bounds[-1]))
    common, prose = readings.common[words], readings.prose[words]
    counts, rows = np.diff(bounds), shared.rows - first
    lengths = readings.words[shared.versions + 1] - readings.words[shared.versions]
    ends = shared.places + shared.sizes
    alone = ~_cover(bounds[rows] + shared.places, shared.sizes, len(common))
    spare = alone & prose & ~common
    at_head = shared.begins <= EDGE_WORDS
    at_tail = (shared.begins + shared.sizes >= lengths - EDGE_WORDS) & readings.stops[shared.versions]
    head, tail = counts.copy(), np.zeros(len(counts), np.int64)
    np.minimum.at(head, rows[at_head], shared.places[at_head])
    np.maximum.at(tail, rows[at_tail], ends[at_tail])
    heads, tails = (np.bincount(rows[which], minlength=len(counts)) for which in (at_head, at_tail))
    for low, high, versions in (
        (bounds[:-1], bounds[:-1] + np.where(heads > 0, head, 0), heads),
        (bounds[:-1] + np.where(tails > 0, tail, counts), bounds[1:], tails),
    ):
        before = chain_sizes(spare.astype(np.int64))
        few = before[high] - before[low] <= WRAPPING_WORDS * versions
        spare &= ~_cover(low[few], (high - low)[few], len(spare))
    return common | (alone & ~spare)


def _cover(begins: _Numbers, sizes: _Numbers, total: int) -> _Mask:
    """Which of so many places lie in one of some stretches."""
    changes = np.bincount(begins, minlength=total + 1) - np.bincount(begins + sizes, minlength=total + 1)
    return np.cumsum(changes[:-1]) > 0


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Stretches of words: the rows of their texts, where they begin in them, and their words. All int64, ascending."""

    rows: _Numbers
    begins: _Numbers
    sizes: _Numbers

    @classmethod
    def of(cls, flags: _Mask, bounds: _Numbers, first: int) -> _Stretches:
        """The stretches of true values in texts whose words begin at `bounds`, the rows from `first` on."""
        firsts = np.zeros(len(flags) + 1, np.bool_)
        firsts[bounds] = True
        before = np.concatenate([[False], flags])
        after = np.concatenate([flags, [False]])
        begins = np.flatnonzero(after & (~before | firsts))
        ends = np.flatnonzero(before & (~after | firsts))
        rows = np.searchsorted(bounds, begins, side="right") - 1
        return cls(rows + first, begins - bounds[rows], ends - begins)


class _Spans:
    """Collects stretches of words, asks for the places of their first and last words all at once, and then tells them."""

    def __init__(self) -> None:
        self._asked = [np.empty(0, np.int64)]  # the row of a text in the upper 32 bits, a word in the lower
        self._single: list[int] = []
        self._codes = self._starts = self._ends = np.empty(0, np.int64)

    def ask(self, row: int, begin: int, words: int) -> None:
        self._single += (row << 32 | begin, row << 32 | (begin + words - 1))

    def ask_runs(self, runs: _Runs) -> None:
        for rows, places in ((runs.rows(runs.a), runs.places_a), (runs.rows(runs.b), runs.places_b)):
            self.ask_stretches(_Stretches(rows, places, runs.sizes))

    def ask_stretches(self, some: _Stretches) -> None:
        self._asked += (some.rows << 32 | some.begins, some.rows << 32 | (some.begins + some.sizes - 1))

    def locate(
        self, read: Read, row: Mapping[str, int], quoted: Collection[tuple[str, int, int]]
    ) -> dict[tuple[str, int, int], str]:
        """Finds all places; the texts of the stretches (id, begin, words) that are to be quoted. row: of each id."""
        self._codes = keep_distinct(np.concatenate([*self._asked, np.array(self._single, np.int64)]))
        self._starts, self._ends = np.empty((2, len(self._codes)), np.int64)
        quotes: defaultdict[str, list[_Span]] = defaultdict(list)
        for id, begin, count in quoted:
            quotes[id].append((begin, count))
        bounds = np.searchsorted(self._codes, np.arange(len(row) + 1) << 32)
        texts = {}
        for batch in _in_batches(read({id for id, n in row.items() if bounds[n] < bounds[n + 1]})):
            rows = np.array([row[article.id] for article in batch])
            sizes = bounds[rows + 1] - bounds[rows]
            offsets = chain_sizes(sizes)
            places = np.arange(int(offsets[-1])) + np.repeat(bounds[rows] - offsets[:-1], sizes)
            words = self._codes[places] & 0xFFFFFFFF
            self._starts[places], self._ends[places] = locate_words([article.text for article in batch], words, offsets)
            for article in batch:
                for begin, count in quotes[article.id]:
                    texts[article.id, begin, count] = article.text[slice(*self.span(row[article.id], begin, count))]
        return texts

    def span(self, row: int, begin: int, words: int) -> _Span:
        first, last = np.searchsorted(self._codes, [row << 32 | begin, row << 32 | (begin + words - 1)])
        return int(self._starts[first]), int(self._ends[last])

    def spans_of(self, some: _Stretches, ids: Sequence[str]) -> dict[str, list[_Span]]:
        """The spans of the stretches of each text that has some, by its id; ids: of the rows."""
        found: defaultdict[str, list[_Span]] = defaultdict(list)
        for row, *span in zip(some.rows.tolist(), *(column.tolist() for column in self._look_up(some)), strict=True):
            found[ids[row]].append((span[0], span[1]))
        return dict(found)

    def _look_up(self, some: _Stretches) -> tuple[_Numbers, _Numbers]:
        """Where the stretches begin and end in their texts."""
        first = np.searchsorted(self._codes, some.rows << 32 | some.begins)
        last = np.searchsorted(self._codes, some.rows << 32 | (some.begins + some.sizes - 1))
        return self._starts[first], self._ends[last]

    def passages(self, runs: _Runs) -> Iterator[tuple[Passage, ...]]:
        """The passages of each pair."""
        columns = list[_Numbers]()
        for rows, places in ((runs.rows(runs.a), runs.places_a), (runs.rows(runs.b), runs.places_b)):
            columns += self._look_up(_Stretches(rows, places, runs.sizes))
        made = map(Passage, *(column.tolist() for column in (*columns, runs.sizes)))
        for count in np.diff(runs.bounds).tolist():
            yield tuple(itertools.islice(made, count))


def _choose_examples(boilerplate: Boilerplate, ids: Sequence[str], shingle_words: int) -> list[str]:
    """The ids of the first holders of enough frequent shingles for a run: together they show all boilerplate there is."""
    rows, counts = np.unique(boilerplate.holders[:, 0], return_counts=True)
    return sorted(ids[row] for row in rows[counts > LEAST_RUN - shingle_words].tolist())


def _list_boilerplate(
    examples: Iterable[str],
    readings: _Readings,
    boilerplate: Boilerplate,
    ids: Sequence[str],
    shingle_words: int,
) -> Iterator[tuple[str, int, int, CommonPassage]]:
    """Each passage of boilerplate once, with the article, the first word and the number of words that show it."""
    shown = np.zeros(len(boilerplate.hashes), np.bool_)
    for id in examples:
        hashes = readings.hashes_of(id)
        marks = boilerplate.marks(hashes)
        places = boilerplate.places(hashes)
        marks &= ~shown[places]
        for begin, count in _find_stretches(marks):
            words = count + shingle_words - 1
            if words >= LEAST_RUN:
                held = places[begin : begin + count]
                shown[held] = True
                most = int(held[np.argmax(boilerplate.texts[held])])
                texts, sources = (int(np.median(column[held])) for column in (boilerplate.texts, boilerplate.sources))
                holders = [ids[row] for row in boilerplate.holders[most].tolist() if row >= 0]
                yield id, begin, words, CommonPassage("", words, texts, sources, tuple(holders))
