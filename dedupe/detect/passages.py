"""Passages: where two related texts say the same, word for word, as aligned spans of both.

The texts of the pairs are read again, once for the order of their shingles and once for the places of their words.
Pairs that are related anyhow list every shared run of LEAST_WORDS words. A pair that only shares passages is an
*overlap* if one of them is long enough without the boilerplate in it; it lists those. Runs of boilerplate are told by
their places, too: the choice of a canonical does not count their words, and each is listed once for the whole corpus.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.align import Aligner, Run
from dedupe.detect.boilerplate import HOLDERS, LEAST_RUN, NO_BOILERPLATE, Boilerplate, CommonPassage, make_boilerplate
from dedupe.detect.find import Found
from dedupe.detect.fingerprints import SURE_WORDS
from dedupe.detect.shingles import hash_in_order
from dedupe.model import Article, Pair, Passage
from dedupe.text.locate import locate_words
from dedupe.text.normal import Tokens, tokenize

# Versions of a text with which it is aligned.
TRACED_VERSIONS = 8
# Words from which a shared run is listed.
LEAST_WORDS = 10
# A passage makes an overlap if it has as many words, or this share of the shorter text and at least SURE_WORDS.
ENOUGH_WORDS = 40
ENOUGH_SHARE = 0.15
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
_Span = tuple[int, int]
Read = Callable[[Collection[str]], Iterable[Article]]


@dataclass(frozen=True, slots=True)
class Traced:
    """The pairs with their passages, overlaps among them; the boilerplate of the corpus; and where it stands in articles.

    `furniture` holds spans in code points of the text of each related article that has some.
    """

    pairs: tuple[Pair, ...]
    boilerplate: tuple[CommonPassage, ...]
    furniture: Mapping[str, Sequence[_Span]]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text in numbers: its shingle hashes in order (uint32); which of its words are boilerplate, and which stand in a
    paragraph that ends as sentences do (bool); whether the whole ends so."""

    hashes: npt.NDArray[np.uint32]
    common: _Mask
    prose: _Mask
    stops: bool


def trace_passages(found: Found, ids: Sequence[str], read: Read, settings: FindSettings) -> Traced:
    """The passages of the found pairs, except `exact` ones, which share everything; overlaps are added to them.

    Of an article with many versions only the pairs with the TRACED_VERSIONS closest are traced, so that work stays linear.
    ids: the id of each row that `found` speaks of; read: gives the articles of some ids, in any order.
    """
    related = _choose_closest([pair for pair in found.pairs if pair.kind != "exact"])
    examples = _choose_examples(found.boilerplate, ids, settings.shingle_words)
    wanted = {id for pair in (*related, *found.sharing) for id in (pair.a, pair.b)}.union(examples)
    readings = dict(_read_in_order(read(wanted), found.boilerplate, settings))
    runs = {
        (pair.a, pair.b): kept
        for pair, aligned in _align_pairs((*related, *found.sharing), readings, settings.shingle_words)
        if (kept := aligned if pair.kind != "overlap" else _choose_enough(aligned, readings[pair.a], readings[pair.b]))
    }
    overlaps = [pair for pair in found.sharing if (pair.a, pair.b) in runs]
    # Everything is known in words now; what is reported gets its places in the text.
    spans = _Spans()
    for (a, b), shared in runs.items():
        spans.ask_runs(a, b, shared)
    _mark_wrapping(related, runs, readings)
    furniture = {id: _find_stretches(readings[id].common) for id in {id for pair in related for id in (pair.a, pair.b)}}
    listed = list(_list_boilerplate(examples, readings, found.boilerplate, ids, settings.shingle_words))
    for id, begin, words, _ in listed:
        spans.ask(id, begin, words)
    for id, stretches in furniture.items():
        for begin, words in stretches:
            spans.ask(id, begin, words)
    samples = spans.locate(read, {(id, begin, words) for id, begin, words, _ in listed})
    traced = [
        replace(pair, passages=tuple(spans.passage(pair, run) for run in runs[pair.a, pair.b]))
        if (pair.a, pair.b) in runs
        else pair
        for pair in (*found.pairs, *overlaps)
    ]
    return Traced(
        pairs=tuple(sorted(traced, key=lambda pair: (pair.a, pair.b))),
        boilerplate=tuple(replace(passage, text=samples[id, begin, words]) for id, begin, words, passage in listed),
        furniture={id: [spans.span(id, *s) for s in stretches] for id, stretches in furniture.items() if stretches},
    )


def align_texts(a: str, b: str, settings: FindSettings) -> tuple[Passage, ...]:
    """The passages that two texts share, in the order of the first, whatever else they are to each other.

    >>> story = "the minister said on friday that the talks would go on until both sides agree"
    >>> align_texts("Talks: " + story, story.upper(), FindSettings())
    (Passage(a_start=7, a_end=84, b_start=0, b_end=77, words=15),)
    """
    articles, pair = [Article("a", a), Article("b", b)], Pair("a", "b", "overlap", 0.0, 0.0)
    readings = dict(_read_in_order(articles, NO_BOILERPLATE, settings))
    [(_, runs)] = _align_pairs([pair], readings, settings.shingle_words)
    spans = _Spans()
    spans.ask_runs("a", "b", runs)
    spans.locate(lambda ids: [article for article in articles if article.id in ids], ())
    return tuple(spans.passage(pair, run) for run in runs)


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
        spans = _Spans()
        held = {}
        for id, reading in _read_in_order(batch, boilerplate, settings):
            if stretches := _find_stretches(reading.common):
                held[id] = stretches
                for begin, words in stretches:
                    spans.ask(id, begin, words)
        holders = [article for article in batch if article.id in held]
        spans.locate(partial(_ignore_ids, holders), ())
        for article in holders:
            yield article, cut_spans(article.text, [spans.span(article.id, *stretch) for stretch in held[article.id]])


def _ignore_ids(articles: Sequence[Article], ids: Collection[str]) -> Sequence[Article]:
    return articles


def is_overlap(a: str, b: str, settings: FindSettings) -> bool:
    """Whether two texts share a passage that is long enough for an overlap, nothing left out of account."""
    words = int(tokenize([a, b]).counts().min())
    return any(passage.words >= _count_enough(words) for passage in align_texts(a, b, settings))


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


def _read_in_order(
    articles: Iterable[Article], boilerplate: Boilerplate, settings: FindSettings
) -> Iterator[tuple[str, _Reading]]:
    for batch in _in_batches(articles):
        tokens, prose = _tokenize_paragraphs([article.text for article in batch])
        hashes, counts = hash_in_order(tokens, settings.shingle_words, settings.hash)
        marks = boilerplate.marks(hashes)
        bounds = itertools.pairwise([0, *np.cumsum(counts).tolist()])
        words = itertools.pairwise(tokens.documents.tolist())
        for article, (low, high), (first, last) in zip(batch, bounds, words, strict=True):
            common = _cover_words(marks[low:high], last - first, settings.shingle_words)
            stops = article.text.rstrip().endswith(_STOPS)
            yield article.id, _Reading(hashes[low:high].copy(), common, prose[first:last].copy(), stops)


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


def _cover_words(marks: _Mask, words: int, shingle_words: int) -> _Mask:
    """Which words of a text are boilerplate: those under frequent shingles that make a run of at least LEAST_RUN words."""
    common = np.zeros(words, np.bool_)
    if marks.any():
        for begin, count in _find_stretches(marks):
            if count + shingle_words - 1 >= LEAST_RUN:
                common[begin : begin + count + shingle_words - 1] = True
    return common


def _find_stretches(flags: _Mask) -> list[_Span]:
    """Where each stretch of true values begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).view(np.int8)))
    return list(zip(edges[::2].tolist(), (edges[1::2] - edges[::2]).tolist(), strict=True))


def _align_pairs(
    pairs: Iterable[Pair], readings: Mapping[str, _Reading], shingle_words: int
) -> Iterator[tuple[Pair, list[Run]]]:
    """The shared runs of each pair, from the first text's words to the second's; a longer text is sorted for all its pairs."""
    partners: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        longer = max(pair.a, pair.b, key=lambda id: (len(readings[id].hashes), id))
        partners[longer].append(pair)
    for longer, group in partners.items():
        aligner = Aligner(readings[longer].hashes, shingle_words)
        for batch in _in_portions(group, longer, readings):
            others = [readings[_other(pair, longer)].hashes for pair in batch]
            for pair, runs in zip(batch, aligner.align(others, LEAST_WORDS), strict=True):
                yield pair, runs if pair.a == longer else sorted(Run(run.b, run.a, run.words) for run in runs)


def _in_portions(group: Sequence[Pair], longer: str, readings: Mapping[str, _Reading]) -> Iterator[list[Pair]]:
    work = itertools.accumulate(len(readings[_other(pair, longer)].hashes) for pair in group)
    for _, portion in itertools.groupby(zip(work, group, strict=True), key=lambda item: item[0] // _BATCH):
        yield [pair for _, pair in portion]


def _other(pair: Pair, id: str) -> str:
    return pair.b if pair.a == id else pair.a


def _choose_enough(runs: Iterable[Run], a: _Reading, b: _Reading) -> list[Run]:
    """The runs that are long enough for an overlap without the boilerplate in them."""
    enough = _count_enough(min(len(a.common), len(b.common)))

    def count_own(run: Run) -> int:
        of_a, of_b = a.common[run.a : run.a + run.words], b.common[run.b : run.b + run.words]
        return run.words - int(np.count_nonzero(of_a | of_b))

    return [run for run in runs if run.words >= enough and count_own(run) >= enough]


def _count_enough(shorter: int) -> float:
    """The words that make an overlap with a text of so many words."""
    return min(ENOUGH_WORDS, max(SURE_WORDS, ENOUGH_SHARE * shorter))


def _mark_wrapping(
    versions: Sequence[Pair], runs: Mapping[tuple[str, str], Sequence[Run]], readings: Mapping[str, _Reading]
) -> None:
    """Marks as boilerplate what a text alone has, of all its versions, and what looks like furniture.

    That is what is no prose; and prose before the beginning, or after the end, of other versions, of which each allows for
    WRAPPING_WORDS: where there is more, the other may be the one that is cut.
    """
    shared = {id: np.zeros(len(readings[id].common), np.bool_) for pair in versions for id in (pair.a, pair.b)}
    heads, tails = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for pair in versions:
        for run in runs.get((pair.a, pair.b), ()):
            for (inner, begin), (outer, place) in itertools.permutations(((pair.a, run.a), (pair.b, run.b))):
                shared[outer][place : place + run.words] = True
                if begin <= EDGE_WORDS:
                    heads[outer].append(place)
                if begin + run.words >= len(shared[inner]) - EDGE_WORDS and readings[inner].stops:
                    tails[outer].append(place + run.words)
    for id, flags in shared.items():
        reading, words = readings[id], len(flags)
        alone = ~flags
        spare = alone & reading.prose & ~reading.common
        for part, versions_there in (
            (slice(0, min(heads[id], default=0)), heads[id]),
            (slice(max(tails[id], default=words), words), tails[id]),
        ):
            if np.count_nonzero(spare[part]) <= WRAPPING_WORDS * len(versions_there):
                spare[part] = False
        reading.common[alone & ~spare] = True


class _Spans:
    """Collects stretches of words, asks for the places of their first and last words all at once, and then tells them."""

    def __init__(self) -> None:
        self._asked: defaultdict[str, set[int]] = defaultdict(set)
        self._places: dict[str, dict[int, _Span]] = {}

    def ask(self, id: str, begin: int, words: int) -> None:
        self._asked[id].update((begin, begin + words - 1))

    def ask_runs(self, a: str, b: str, runs: Iterable[Run]) -> None:
        for run in runs:
            self.ask(a, run.a, run.words)
            self.ask(b, run.b, run.words)

    def locate(self, read: Read, quoted: Collection[tuple[str, int, int]]) -> dict[tuple[str, int, int], str]:
        """Finds all places; the texts of the stretches (id, begin, words) that are to be quoted."""
        quotes: defaultdict[str, list[_Span]] = defaultdict(list)
        for id, begin, count in quoted:
            quotes[id].append((begin, count))
        texts = {}
        for batch in _in_batches(read(self._asked.keys())):
            asked = [sorted(self._asked[article.id]) for article in batch]
            for article, words, spans in zip(batch, asked, locate_words([a.text for a in batch], asked), strict=True):
                self._places[article.id] = dict(zip(words, spans, strict=True))
                for begin, count in quotes[article.id]:
                    texts[article.id, begin, count] = article.text[slice(*self.span(article.id, begin, count))]
        return texts

    def span(self, id: str, begin: int, words: int) -> _Span:
        places = self._places[id]
        return places[begin][0], places[begin + words - 1][1]

    def passage(self, pair: Pair, run: Run) -> Passage:
        return Passage(*self.span(pair.a, run.a, run.words), *self.span(pair.b, run.b, run.words), run.words)


def _choose_examples(boilerplate: Boilerplate, ids: Sequence[str], shingle_words: int) -> list[str]:
    """The ids of the first holders of enough frequent shingles for a run: together they show all boilerplate there is."""
    rows, counts = np.unique(boilerplate.holders[:, 0], return_counts=True)
    return sorted(ids[row] for row in rows[counts > LEAST_RUN - shingle_words].tolist())


def _list_boilerplate(
    examples: Iterable[str],
    readings: Mapping[str, _Reading],
    boilerplate: Boilerplate,
    ids: Sequence[str],
    shingle_words: int,
) -> Iterator[tuple[str, int, int, CommonPassage]]:
    """Each passage of boilerplate once, with the article, the first word and the number of words that show it."""
    shown = np.zeros(len(boilerplate.hashes), np.bool_)
    for id in examples:
        hashes = readings[id].hashes
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
