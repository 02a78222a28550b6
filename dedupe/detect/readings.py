"""Readings: texts in numbers, laid end to end: their shingles in order, and what is known of each word."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import LEAST_RUN, Boilerplate
from dedupe.detect.columns import Columns, chain_sizes
from dedupe.detect.shingles import hash_in_order
from dedupe.model import Article
from dedupe.text.normal import Tokens, tokenize

# Words from which a paragraph that ends in a full stop is prose.
PROSE_WORDS = 12
# Characters of text, or shingles, worked on at once.
BATCH = 400_000
_STOPS = (".", "!", "?", "…", '"', "”", "’", ")")

_Mask = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Readings:
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


def read_in_order(articles: Iterable[Article], boilerplate: Boilerplate, settings: FindSettings) -> Readings:
    """The readings of some articles, a row each in their order."""
    columns, row = Columns(), dict[str, int]()
    for batch in itertools.chain(in_batches(articles), [[]]):  # there is one at least
        tokens, prose = _tokenize_paragraphs([article.text for article in batch])
        hashes, counts = hash_in_order(tokens, settings.shingle_words, settings.hash)
        common = _cover_words(boilerplate.marks(hashes), chain_sizes(counts), tokens.documents, settings.shingle_words)
        stops = np.array([article.text.rstrip().endswith(_STOPS) for article in batch], np.bool_)
        sizes = {"shingles": counts, "words": tokens.counts(), "stops": stops}
        columns.append({"hashes": hashes.copy(), "common": common, "prose": prose, **sizes})
        row.update((article.id, number) for number, article in enumerate(batch, len(row)))
    made = columns.finish()
    offsets, words = chain_sizes(made["shingles"]), chain_sizes(made["words"])
    return Readings(row, made["hashes"], offsets, made["common"], made["prose"], words, made["stops"])


def in_batches(articles: Iterable[Article]) -> Iterator[list[Article]]:
    """The articles in lists of about BATCH characters."""
    batch: list[Article] = []
    size = 0
    for article in articles:
        batch.append(article)
        size += len(article.text)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


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
    return cover_places(begins, ends - begins, int(words[-1]))


def cover_places(begins: _Numbers, sizes: _Numbers, total: int) -> _Mask:
    """Which of so many places lie in one of some stretches."""
    changes = np.bincount(begins, minlength=total + 1) - np.bincount(begins + sizes, minlength=total + 1)
    return np.cumsum(changes[:-1]) > 0


def find_stretches(flags: _Mask) -> list[_Span]:
    """Where each stretch of true values begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).view(np.int8)))
    return list(zip(edges[::2].tolist(), (edges[1::2] - edges[::2]).tolist(), strict=True))
