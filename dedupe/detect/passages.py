"""Passages: where two related texts say the same, word for word, as aligned spans of both.

The texts of the pairs are read again, once for the order of their shingles and once for the places of their words.
Pairs that are related anyhow list every shared run of LEAST_WORDS words. A pair that only shares passages is an
*overlap* if one of them is long enough without the boilerplate in it; it lists those. Runs of boilerplate are told by
their places, too: the choice of a canonical does not count their words, and each is listed once for the whole corpus.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter

import numpy as np

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import HOLDERS, LEAST_RUN, NO_BOILERPLATE, Boilerplate, CommonPassage, make_boilerplate
from dedupe.detect.distinct import keep_distinct
from dedupe.detect.find import Found
from dedupe.detect.furniture import find_wrapping
from dedupe.detect.places import Read, Spans
from dedupe.detect.readings import Readings, find_stretches, in_batches, read_in_order
from dedupe.detect.relation import Measured
from dedupe.detect.runs import Runs, choose_enough
from dedupe.detect.sharing import count_enough
from dedupe.detect.shingles import hash_in_order
from dedupe.model import Article, Pair, Passage
from dedupe.text.normal import tokenize

# Versions of a text with which it is aligned.
TRACED_VERSIONS = 8
_CLINGING = re.compile(r"[^\w\s]+")

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Traced:
    """The pairs with their passages, overlaps among them; the boilerplate of the corpus; and where it stands in articles.

    `furniture` holds spans in code points of the text of each related article that has some.
    """

    pairs: tuple[Pair, ...]
    boilerplate: tuple[CommonPassage, ...]
    furniture: Mapping[str, Sequence[_Span]]


def trace_passages(found: Found, ids: Sequence[str], read: Read, settings: FindSettings) -> Traced:
    """The passages of the found pairs, except `exact` ones, which share everything; overlaps are added to them.

    Of an article with many versions only the pairs with the TRACED_VERSIONS closest are traced, so that work stays linear.
    ids: the id of each row that `found` speaks of; read: gives the articles of some ids, in any order.
    """
    related, sharing = _choose_closest([pair for pair in found.pairs if pair.kind != "exact"]), found.sharing
    examples = _choose_examples(found.boilerplate, ids, settings.shingle_words)
    rows = keep_distinct(np.concatenate([sharing.a, sharing.b]))
    wanted = {id for pair in related for id in (pair.a, pair.b)}.union((ids[row] for row in rows.tolist()), examples)
    readings = read_in_order(read(wanted), found.boilerplate, settings)
    place = np.zeros(len(ids), np.int64)
    place[rows] = readings.rows(ids[row] for row in rows.tolist())
    a, b = readings.rows(pair.a for pair in related), readings.rows(pair.b for pair in related)
    shared = Runs.align(readings, a, b, settings.shingle_words)
    long = Runs.align(readings, place[sharing.a], place[sharing.b], settings.shingle_words, choose_enough)
    # Everything is known in words now; what is reported gets its places in the text.
    furniture = find_wrapping(shared, readings)
    listed = list(_list_boilerplate(examples, readings, found.boilerplate, ids, settings.shingle_words))
    spans = Spans()
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
    readings = read_in_order(articles, NO_BOILERPLATE, settings)
    runs = Runs.align(readings, readings.rows("a"), readings.rows("b"), settings.shingle_words)
    spans = Spans()
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
    for batch in in_batches(articles):
        readings, spans = read_in_order(batch, boilerplate, settings), Spans()
        held = {
            article.id: stretches
            for article in batch
            if (stretches := find_stretches(readings.common[readings.words_of(article.id)]))
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


def _choose_examples(boilerplate: Boilerplate, ids: Sequence[str], shingle_words: int) -> list[str]:
    """The ids of the first holders of enough frequent shingles for a run: together they show all boilerplate there is."""
    rows, counts = np.unique(boilerplate.holders[:, 0], return_counts=True)
    return sorted(ids[row] for row in rows[counts > LEAST_RUN - shingle_words].tolist())


def _list_boilerplate(
    examples: Iterable[str],
    readings: Readings,
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
        for begin, count in find_stretches(marks):
            words = count + shingle_words - 1
            if words >= LEAST_RUN:
                held = places[begin : begin + count]
                shown[held] = True
                most = int(held[np.argmax(boilerplate.texts[held])])
                texts, sources = (int(np.median(column[held])) for column in (boilerplate.texts, boilerplate.sources))
                holders = [ids[row] for row in boilerplate.holders[most].tolist() if row >= 0]
                yield id, begin, words, CommonPassage("", words, texts, sources, tuple(holders))
