"""Places: where words that are known by their numbers stand in their texts."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dedupe.detect.columns import chain_sizes
from dedupe.detect.distinct import keep_distinct
from dedupe.detect.furniture import Stretches
from dedupe.detect.readings import in_batches
from dedupe.detect.runs import Runs
from dedupe.model import Article, Passage
from dedupe.text.locate import locate_words

_Numbers = npt.NDArray[np.int64]
_Span = tuple[int, int]
Read = Callable[[Collection[str]], Iterable[Article]]


class Spans:
    """Collects stretches of words, asks for the places of their first and last words all at once, and then tells them."""

    def __init__(self) -> None:
        self._asked = [np.empty(0, np.int64)]  # the row of a text in the upper 32 bits, a word in the lower
        self._single: list[int] = []
        self._codes = self._starts = self._ends = np.empty(0, np.int64)

    def ask(self, row: int, begin: int, words: int) -> None:
        """Notes one stretch: of the text of a row so many words from the word `begin` on."""
        self._single += (row << 32 | begin, row << 32 | (begin + words - 1))

    def ask_runs(self, runs: Runs) -> None:
        """Notes all runs, in both of their texts."""
        for rows, places in ((runs.rows(runs.a), runs.places_a), (runs.rows(runs.b), runs.places_b)):
            self.ask_stretches(Stretches(rows, places, runs.sizes))

    def ask_stretches(self, some: Stretches) -> None:
        """Notes many stretches."""
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
        for batch in in_batches(read({id for id, n in row.items() if bounds[n] < bounds[n + 1]})):
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
        """Where a stretch that was asked for begins and ends in its text, in code points."""
        first, last = np.searchsorted(self._codes, [row << 32 | begin, row << 32 | (begin + words - 1)])
        return int(self._starts[first]), int(self._ends[last])

    def spans_of(self, some: Stretches, ids: Sequence[str]) -> dict[str, list[_Span]]:
        """The spans of the stretches of each text that has some, by its id; ids: of the rows."""
        found: defaultdict[str, list[_Span]] = defaultdict(list)
        for row, *span in zip(some.rows.tolist(), *(column.tolist() for column in self._look_up(some)), strict=True):
            found[ids[row]].append((span[0], span[1]))
        return dict(found)

    def _look_up(self, some: Stretches) -> tuple[_Numbers, _Numbers]:
        """Where the stretches begin and end in their texts."""
        first = np.searchsorted(self._codes, some.rows << 32 | some.begins)
        last = np.searchsorted(self._codes, some.rows << 32 | (some.begins + some.sizes - 1))
        return self._starts[first], self._ends[last]

    def passages(self, runs: Runs) -> Iterator[tuple[Passage, ...]]:
        """The passages of each pair."""
        columns = list[_Numbers]()
        for rows, places in ((runs.rows(runs.a), runs.places_a), (runs.rows(runs.b), runs.places_b)):
            columns += self._look_up(Stretches(rows, places, runs.sizes))
        made = map(Passage, *(column.tolist() for column in (*columns, runs.sizes)))
        for count in np.diff(runs.bounds).tolist():
            yield tuple(itertools.islice(made, count))
