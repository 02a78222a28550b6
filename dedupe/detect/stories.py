"""Stories: independent reports of one event, known by the names, numbers and rare terms they share.

    terms → weights by rarity → candidates that share rare names → evidence that was not copied → groups

Reports of one event share hardly a run of five words, but they cannot help naming the same people, places and figures.
People alone make no event: what they do next week shares them all. So a pair must share rare names *and* numbers, and
neither counts where both texts have it in the same five words, or where those five words recur over the corpus: that is a
copied line, or the press office's telephone number at the foot of every page.

Weights are inverse document frequencies, mixed with what is expected of such a term in any corpus, so that five articles
can be told apart as well as five million: with no corpus to speak of a name is rare, a round number is not, and of
other words little is known. In a text without telling capitals any rare term stands for a name.

Source: K. Spärck Jones, A statistical interpretation of term specificity, Journal of Documentation 28 (1972), for the
weights; the mixture is a Beta prior worth _PRIOR_TEXTS texts. docs/decisions/0011 argues for the thresholds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.terms import CAPITAL, NUMBER, OTHER, Terms, judge_figures

_PRIOR_TEXTS = 500
_NAME_PRIOR, _WORD_PRIOR = 0.004, 0.1
# Five words that stand in so many texts are boilerplate.
_RECURRING = 4
# A name that stands in more texts than this proposes no pairs, and a text proposes by that many of its rarest names: so
# there are at most 32 · 64 candidates a text, however the corpus is made.
_POSTING_CAP, _PROPOSING = 64, 32
# A pair must share names of at least this number and joint weight (in nats), which make up this part of all their names,
# and all terms together this part of all their terms, both as cosines.
_NAMES, _NAME_WEIGHT, _NAME_COSINE, _COSINE = 3, 18.0, 0.3, 0.22
_NUMBER_COSINE = 0.2
# An ordinary word that stands for a name in a text without capitals must be as rare as this.
_RARE = 4.0
# A group takes in what is linked to half of it; of a large group so many links are enough.
_LINKED, _ENOUGH = 0.5, 16
_BLOCK = 1 << 20

_Rows = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]
_Marks = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class StoryLink:
    """Two texts that report one event, by row: the cosine of their weighted terms, and the hashes of the names and numbers
    that both found out, the rarest first."""

    a: int
    b: int
    cosine: float
    evidence: tuple[int, ...]


def link_stories(terms: Terms, rows: _Rows, moments: _Floats, days: float) -> list[StoryLink]:
    """The pairs of texts that report one event.

    rows: int64, the texts to link, those that stand for themselves (of copies only one), in the order that ties are to be
    settled in. moments: float64, the date of each such text in days, NaN where none is known; dated texts more than `days`
    apart are not linked. The cost is bounded by 2,048 candidates a text, whatever the corpus is like.

    >>> from dedupe.detect.terms import extract_terms
    >>> one = "The mayor, Ada Brandt, told the press that 91 boats had left Velsing for a race that 4,120 people saw from the"
    >>> one += " quay, and that they were won by the eldest of them all, which belongs to Karin Holt and to nobody else."
    >>> two = "A crowd of 4,120 cheered on the quay when old Karin Holt, in a boat that has seen better days, beat 90 others"
    >>> two += " of the 91 that took part in the race from Velsing, and shook hands with the mayor, whose name is Ada Brandt."
    >>> next = "A week after the race the mayor, Ada Brandt, and its winner, Karin Holt, met on the quay again, to count what"
    >>> next += " it had cost the people of Velsing and to see where the money for another one might come from."
    >>> links = link_stories(extract_terms([one, two, next]), np.arange(3), np.full(3, np.nan), 3)
    >>> [(link.a, link.b) for link in links]
    [(0, 1)]
    """
    if len(rows) < 2:
        return []
    index = _Index(terms, rows)
    a, b = index.propose()
    near = ~(np.abs(moments[a] - moments[b]) > days)  # unknown dates are near
    links = [index.link(*pair) for pair in index.select(a[near], b[near])]
    return [link for link in links if link]


def group_stories(links: Sequence[StoryLink]) -> list[list[int]]:
    """The groups of rows that the links form, each ascending: no chains, every group is linked to half of what it took in.

    Closest first, two groups become one where at least half of the pairs between them are linked (average linkage over
    links; for large groups _ENOUGH links for each member of the smaller are enough).
    """
    neighbours: defaultdict[int, set[int]] = defaultdict(set)
    for link in links:
        neighbours[link.a].add(link.b)
        neighbours[link.b].add(link.a)
    group = {row: [row] for row in neighbours}
    merged = True
    while merged:
        merged = False
        for link in sorted(links, key=lambda link: (-link.cosine, link.a, link.b)):
            one, two = sorted((group[link.a], group[link.b]), key=len)
            if one is two:
                continue
            inside = set(two)
            between = sum(len(neighbours[row] & inside) for row in one)
            if between >= min(_LINKED * len(two), _ENOUGH) * len(one):
                two += one
                group.update(dict.fromkeys(one, two))
                merged = True
    return sorted(sorted(rows) for rows in {id(rows): rows for rows in group.values()}.values() if len(rows) > 1)


class _Index:
    """The weighted terms of the texts; texts are counted in the order of `rows`, terms by their place in `hashes`."""

    def __init__(self, terms: Terms, rows: _Rows) -> None:
        self._terms, self._rows = terms, rows
        places, self._offsets = _gather(terms.offsets, rows)
        self._hashes, self._codes, self._frequencies = _encode(terms.terms[places])
        self._texts = np.repeat(np.arange(len(rows)), np.diff(self._offsets))
        cased = terms.cased[rows]
        marks = terms.marks[places]
        self._kinds = self._classify(marks, cased[self._texts])
        self._weights = self._weigh(self._codes[marks == NUMBER], terms.figures[_gather(terms.figure_bounds, rows)[0]])
        kinds, weights = self._kinds[self._codes], self._weights[self._codes]
        # What counts as a name: names, and in a text without telling capitals every rare term.
        self._naming = (kinds == CAPITAL) | ((kinds == OTHER) & ~cased[self._texts] & (weights >= _RARE))
        self._norms = _norms(self._texts, weights, len(rows))
        self._name_norms = _norms(self._texts, np.where(self._naming, weights, 0), len(rows))
        self._number_norms = _norms(self._texts, np.where(kinds == NUMBER, weights, 0), len(rows))
        self._numbers = np.bincount(self._texts, kinds == NUMBER, len(rows))
        self._find_fresh()

    def propose(self) -> tuple[_Rows, _Rows]:
        """The pairs of texts, a < b, that share enough rare names."""
        frequencies = self._frequencies[self._codes]
        places = np.flatnonzero(self._naming & (frequencies > 1) & (frequencies <= _POSTING_CAP))
        places = places[np.lexsort((self._codes[places], frequencies[places], self._texts[places]))]
        rank = np.arange(len(places)) - np.searchsorted(self._texts[places], self._texts[places])
        places = places[rank < _PROPOSING]
        places = places[np.lexsort((self._texts[places], self._codes[places]))]
        codes, texts = self._codes[places], self._texts[places]
        later = np.searchsorted(codes, codes, side="right") - np.arange(len(codes)) - 1
        # In blocks of the first text, so that the pairs of one block are few.
        order = np.argsort(texts, kind="stable")
        work = np.cumsum(later[order])
        found, low = [np.empty(0, np.int64)], 0
        while low < len(order):
            done = int(work[low - 1]) if low else 0
            high = max(low + 1, int(np.searchsorted(work, done + _BLOCK, side="right")))
            high = int(np.searchsorted(texts[order], texts[order[high - 1]], side="right"))
            first = np.repeat(order[low:high], later[order[low:high]])
            starts = np.cumsum(later[order[low:high]]) - later[order[low:high]]
            second = first + 1 + np.arange(len(first)) - np.repeat(starts, later[order[low:high]])
            keys, counts = np.unique(texts[first] << 32 | texts[second], return_counts=True)
            found.append(keys[counts >= _NAMES])
            low = high
        pairs = np.concatenate(found)
        return pairs >> 32, pairs & 0xFFFFFFFF

    def select(self, a: _Rows, b: _Rows) -> Iterator[tuple[int, int, float]]:
        """The pairs (a, b, cosine) that may be linked if nothing of what they share was copied."""
        sizes = np.diff(self._offsets)
        work = np.cumsum(sizes[a] + sizes[b])
        low = 0
        while low < len(a):
            done = int(work[low - 1]) if low else 0
            high = max(low + 1, int(np.searchsorted(work, done + _BLOCK, side="right")))
            yield from self._select_block(a[low:high], b[low:high])
            low = high

    def link(self, a: int, b: int, cosine: float) -> StoryLink | None:
        """The link of two texts, if what each found out by itself is enough."""
        codes = self._codes_of(a)[self._is_found_out(a, b)]
        codes = np.intersect1d(codes, self._codes_of(b)[self._is_found_out(b, a)], assume_unique=True)
        is_number = self._kinds[codes] == NUMBER
        names, numbers = codes[~is_number], codes[is_number]
        if len(names) < _NAMES or self._weights[names].sum() < _NAME_WEIGHT or not self._is_chance_excluded(a, b, numbers):
            return None
        ranked = [part[np.lexsort((self._hashes[part], -self._weights[part]))] for part in (names, numbers)]
        evidence = tuple(self._hashes[np.concatenate(ranked)].tolist())
        return StoryLink(int(self._rows[a]), int(self._rows[b]), cosine, evidence)

    def _classify(self, marks: _Marks, cased: _Flags) -> _Marks:
        """Whether each term is a number, a name (mostly with a capital inside sentences) or another word."""
        capital = np.bincount(self._codes, marks == CAPITAL, len(self._hashes))
        seen = np.bincount(self._codes, cased, len(self._hashes))
        kinds = np.where((capital > 0) & (2 * capital >= seen), CAPITAL, OTHER).astype(np.uint8)
        kinds[self._codes[marks == NUMBER]] = NUMBER
        return kinds

    def _weigh(self, numbers: _Rows, figures: npt.NDArray[np.uint32]) -> _Floats:
        prior = np.where(self._kinds == CAPITAL, _NAME_PRIOR, _WORD_PRIOR)
        worth = np.ones(len(prior))
        prior[numbers], worth[numbers] = judge_figures(figures)
        weights: _Floats = worth * np.log((len(self._rows) + _PRIOR_TEXTS) / (self._frequencies + _PRIOR_TEXTS * prior))
        return np.maximum(weights, 0)

    def _find_fresh(self) -> None:
        """Keep the occurrences of names and numbers that do not stand in boilerplate: text by text, with their contexts."""
        places, bounds = _gather(self._terms.bounds, self._rows)
        texts = np.repeat(np.arange(len(self._rows), dtype=np.uint64), np.diff(bounds))
        contexts = self._terms.contexts[places]
        spread, which, _ = _encode(contexts)
        keys = which.astype(np.uint64) << np.uint64(32) | texts
        keys.sort()
        distinct = keys[np.diff(keys, prepend=~keys[:1]) != 0]
        fresh = np.bincount((distinct >> np.uint64(32)).astype(np.int64), minlength=len(spread))[which] < _RECURRING
        self._contexts, self._sightings = contexts[fresh], self._terms.sightings[places][fresh]
        self._bounds = np.searchsorted(np.flatnonzero(fresh), bounds)

    def _select_block(self, a: _Rows, b: _Rows) -> Iterator[tuple[int, int, float]]:
        places, offsets = _gather(self._offsets, np.concatenate([a, b]))
        pairs = np.repeat(np.tile(np.arange(len(a)), 2), np.diff(offsets))
        keys = pairs << 32 | self._codes[places]
        order = np.argsort(keys, kind="stable")
        twice = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        one, two = places[order[twice]], places[order[twice + 1]]
        pair, codes = pairs[order[twice]], self._codes[one]
        weights = self._weights[codes]
        is_name, is_number = self._naming[one] & self._naming[two], self._kinds[codes] == NUMBER
        squares = weights**2
        shared, shared_names, shared_numbers = (
            np.bincount(pair, part, len(a)) for part in (squares, squares * is_name, squares * is_number)
        )
        cosine = shared / np.maximum(self._norms[a] * self._norms[b], 1e-9)
        possible = np.flatnonzero(
            (cosine >= _COSINE)
            & (shared_names >= _NAME_COSINE * self._name_norms[a] * self._name_norms[b])
            & (shared_numbers >= _NUMBER_COSINE * self._number_norms[a] * self._number_norms[b])
            & (np.bincount(pair, weights * is_number, len(a)) >= self._chance(a, b))
            & (np.bincount(pair, weights * is_name, len(a)) >= _NAME_WEIGHT)
        )
        yield from zip(a[possible].tolist(), b[possible].tolist(), cosine[possible].tolist(), strict=True)

    def _chance(self, a: _Rows | int, b: _Rows | int) -> _Floats:
        """The weight of shared numbers to be expected of chance.

        Among n · m pairs of numbers one coincidence of weight log(n · m) is to be expected, the weight being the logarithm of
        how seldom it happens.
        """
        chance: _Floats = np.log(np.maximum(self._numbers[a], 1) * np.maximum(self._numbers[b], 1))
        return chance

    def _is_chance_excluded(self, a: int, b: int, numbers: _Rows) -> bool:
        return len(numbers) > 0 and bool(self._weights[numbers].sum() > self._chance(a, b))

    def _codes_of(self, text: int) -> _Rows:
        codes: _Rows = self._codes[self._offsets[text] : self._offsets[text + 1]]
        return codes

    def _is_found_out(self, text: int, other: int) -> _Flags:
        """Whether a text has each of its terms in words of its own: not in five words of the other, or of many."""
        own, its = (slice(self._bounds[which], self._bounds[which + 1]) for which in (text, other))
        fresh = self._sightings[own][~np.isin(self._contexts[own], self._contexts[its])]
        naming = self._naming[self._offsets[text] : self._offsets[text + 1]]
        codes = self._codes_of(text)
        found_out: _Flags = np.isin(self._hashes[codes], fresh) & (naming | (self._kinds[codes] == NUMBER))
        return found_out


def _encode(values: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], _Rows, _Rows]:
    """The distinct values, ascending; the place among them of each value; how often each occurs.

    As numpy.unique does, but by one sort of values packed with their places, which takes a third of the time.
    """
    packed = values.astype(np.uint64) << np.uint64(32) | np.arange(len(values), dtype=np.uint64)
    packed.sort()
    ordered, order = (packed >> np.uint64(32)).astype(np.uint32), (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    counts = np.diff(starts, append=len(ordered))
    codes = np.empty(len(values), np.int64)
    codes[order] = np.repeat(np.arange(len(starts)), counts)
    return ordered[starts], codes, counts


def _norms(texts: _Rows, weights: _Floats, count: int) -> _Floats:
    norms: _Floats = np.sqrt(np.bincount(texts, weights**2, count))
    return norms


def _gather(offsets: _Rows, rows: _Rows) -> tuple[_Rows, _Rows]:
    """The places of the items of some rows, and the offsets of the rows among them."""
    sizes = offsets[rows + 1] - offsets[rows]
    ends = np.cumsum(sizes)
    return np.arange(int(sizes.sum())) + np.repeat(offsets[rows] - (ends - sizes), sizes), np.concatenate([[0], ends])
