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

from dedupe.detect.columns import chain_sizes, encode_values, find_spread, take_rows
from dedupe.detect.terms import CAPITAL, NUMBER, OTHER, Terms, judge_figures
from dedupe.kernel import compiled_kernel

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
_Codes = npt.NDArray[np.uint32]
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
    return [link for block in index.select(a[near], b[near]) for link in index.link(*block)]


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
        self._rows = rows
        self._offsets = chain_sizes(terms.offsets[rows + 1] - terms.offsets[rows])
        marks = take_rows(terms.marks, terms.offsets, rows)
        self._hashes, self._codes, self._frequencies = encode_values(take_rows(terms.terms, terms.offsets, rows))
        cased = terms.cased[rows]
        kinds = self._classify(marks, cased)
        self._numeric = kinds == NUMBER
        figures = take_rows(terms.figures, terms.figure_bounds, rows)
        self._weights = self._weigh(kinds, self._codes[marks == NUMBER], figures)
        self._squares = self._weights**2
        # What counts as a name: names, and in a text without telling capitals every rare term.
        self._naming, norms = self._find_names(kinds == CAPITAL, (kinds == OTHER) & (self._weights >= _RARE), cased)
        self._norms, self._name_norms, self._number_norms = np.sqrt(norms).T
        self._numbers = np.diff(terms.figure_bounds)[rows]
        # The occurrences of names and numbers that do not stand in boilerplate.
        bounds = chain_sizes(terms.bounds[rows + 1] - terms.bounds[rows])
        contexts = take_rows(terms.contexts, terms.bounds, rows)
        fresh = ~find_spread(contexts, bounds, _RECURRING)
        self._contexts, self._sightings = contexts[fresh], take_rows(terms.sightings, terms.bounds, rows)[fresh]
        self._bounds = np.searchsorted(np.flatnonzero(fresh), bounds)

    def propose(self) -> tuple[_Rows, _Rows]:
        """The pairs of texts, a < b, that share enough rare names."""
        useful = (self._frequencies > 1) & (self._frequencies <= _POSTING_CAP)
        places = np.flatnonzero(self._naming & useful[self._codes])
        codes = self._codes[places].astype(np.int64)
        texts = np.searchsorted(self._offsets, places, side="right") - 1
        # The codes of a text ascend: they settle ties.
        order = np.argsort(texts << 32 | self._frequencies[codes], kind="stable")
        rank = np.arange(len(places)) - np.searchsorted(texts, texts)
        rarest = order[rank < _PROPOSING]
        postings = np.sort(codes[rarest] << 32 | texts[rarest])
        codes, texts = postings >> 32, postings & 0xFFFFFFFF
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

    def select(self, a: _Rows, b: _Rows) -> Iterator[tuple[_Rows, _Rows, _Floats]]:
        """The pairs that may be linked if nothing of what they share was copied, in blocks: a, b and the cosines."""
        sizes = np.diff(self._offsets)
        work = np.cumsum(sizes[a] + sizes[b])
        low = 0
        while low < len(a):
            done = int(work[low - 1]) if low else 0
            high = max(low + 1, int(np.searchsorted(work, done + _BLOCK, side="right")))
            yield self._select_block(a[low:high], b[low:high])
            low = high

    def link(self, a: _Rows, b: _Rows, cosines: _Floats) -> Iterator[StoryLink]:
        """The links of the pairs of texts of which each found out enough by itself."""
        codes, counts = self._find_evidence(a, b)
        pair, is_number, weights = np.repeat(np.arange(len(a)), counts), self._numeric[codes], self._weights[codes]
        names = np.bincount(pair[~is_number], minlength=len(a))
        of_names, of_numbers = (np.bincount(pair[side], weights[side], len(a)) for side in (~is_number, is_number))
        enough = (names >= _NAMES) & (counts > names) & (of_names >= _NAME_WEIGHT) & (of_numbers > self._chance(a, b))
        # Names before numbers, the rarest first.
        told = self._hashes[codes][np.lexsort((self._hashes[codes], -weights, is_number, pair))]
        ends = np.cumsum(counts)
        for i in np.flatnonzero(enough).tolist():
            evidence = tuple(told[ends[i] - counts[i] : ends[i]].tolist())
            yield StoryLink(int(self._rows[a[i]]), int(self._rows[b[i]]), float(cosines[i]), evidence)

    def _classify(self, marks: _Marks, cased: _Flags) -> _Marks:
        """Whether each term is a number, a name (mostly with a capital inside sentences) or another word."""
        capital = np.bincount(self._codes[marks == CAPITAL], minlength=len(self._hashes))
        elsewhere = self._codes[np.repeat(~cased, np.diff(self._offsets))]
        seen = self._frequencies - np.bincount(elsewhere, minlength=len(self._hashes))
        kinds = np.where((capital > 0) & (2 * capital >= seen), CAPITAL, OTHER).astype(np.uint8)
        kinds[self._codes[marks == NUMBER]] = NUMBER
        return kinds

    def _weigh(self, kinds: _Marks, numbers: _Codes, figures: _Codes) -> _Floats:
        prior = np.where(kinds == CAPITAL, _NAME_PRIOR, _WORD_PRIOR)
        worth = np.ones(len(prior))
        prior[numbers], worth[numbers] = judge_figures(figures)
        weights: _Floats = worth * np.log((len(self._rows) + _PRIOR_TEXTS) / (self._frequencies + _PRIOR_TEXTS * prior))
        return np.maximum(weights, 0)

    def _find_names(self, named: _Flags, rare: _Flags, cased: _Flags) -> tuple[_Flags, _Floats]:
        """Which terms of which texts count as names, and the sums of the squared weights: of all terms, names, numbers."""
        norms = np.empty((len(self._rows), 3))
        kernel = compiled_kernel()
        if kernel:
            naming = np.empty(len(self._codes), np.bool_)
            tables = named, rare, self._numeric, self._squares
            kernel.weigh_texts(self._codes, self._offsets, cased, *tables, naming, norms)
            return naming, norms
        texts = np.repeat(np.arange(len(self._rows)), np.diff(self._offsets))
        naming = named[self._codes] | (rare[self._codes] & ~cased[texts])
        squares = self._squares[self._codes]
        for column, part in enumerate((squares, squares * naming, squares * self._numeric[self._codes])):
            norms[:, column] = np.bincount(texts, part, len(self._rows))
        return naming, norms

    def _select_block(self, a: _Rows, b: _Rows) -> tuple[_Rows, _Rows, _Floats]:
        squares, name_squares, number_squares, numbers, names = self._compare(a, b).T
        cosines = squares / np.maximum(self._norms[a] * self._norms[b], 1e-9)
        possible = np.flatnonzero(
            (cosines >= _COSINE)
            & (name_squares >= _NAME_COSINE * self._name_norms[a] * self._name_norms[b])
            & (number_squares >= _NUMBER_COSINE * self._number_norms[a] * self._number_norms[b])
            & (numbers >= self._chance(a, b))
            & (names >= _NAME_WEIGHT)
        )
        return a[possible], b[possible], cosines[possible]

    def _compare(self, a: _Rows, b: _Rows) -> _Floats:
        """Sums over the terms each pair shares: squared weights of all, of names, of numbers; weights of numbers, of names."""
        sums = np.empty((len(a), 5))
        kernel = compiled_kernel()
        if kernel:
            terms = self._codes, self._offsets, self._naming, self._numeric, self._weights, self._squares
            kernel.compare_terms(*terms, a, b, sums)
            return sums
        places, offsets = _gather(self._offsets, np.concatenate([a, b]))
        pairs = np.repeat(np.tile(np.arange(len(a)), 2), np.diff(offsets))
        keys = pairs << 32 | self._codes[places]
        order = np.argsort(keys, kind="stable")
        twice = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        one, two = places[order[twice]], places[order[twice + 1]]
        pair, codes = pairs[order[twice]], self._codes[one]
        weights = self._weights[codes]
        squares = weights**2
        is_name, is_number = self._naming[one] & self._naming[two], self._numeric[codes]
        parts = squares, squares * is_name, squares * is_number, weights * is_number, weights * is_name
        for column, part in enumerate(parts):
            sums[:, column] = np.bincount(pair, part, len(a))
        return sums

    def _find_evidence(self, a: _Rows, b: _Rows) -> tuple[_Codes, _Rows]:
        """The codes of the names and numbers that both texts of each pair found out, and how many each pair has."""
        kernel = compiled_kernel()
        if kernel:
            counts = np.empty(len(a), np.int64)
            terms = self._codes, self._offsets, self._naming, self._numeric, self._hashes
            found = kernel.find_evidence(*terms, self._sightings, self._contexts, self._bounds, a, b, counts)
            return np.frombuffer(found, np.uint32), counts
        both = [
            np.intersect1d(self._find_own(one, two), self._find_own(two, one), assume_unique=True)
            for one, two in zip(a.tolist(), b.tolist(), strict=True)
        ]
        return np.concatenate([np.empty(0, np.uint32), *both]), np.array(list(map(len, both)), np.int64)

    def _chance(self, a: _Rows | int, b: _Rows | int) -> _Floats:
        """The weight of shared numbers to be expected of chance.

        Among n · m pairs of numbers one coincidence of weight log(n · m) is to be expected, the weight being the logarithm of
        how seldom it happens.
        """
        chance: _Floats = np.log(np.maximum(self._numbers[a], 1) * np.maximum(self._numbers[b], 1))
        return chance

    def _find_own(self, text: int, other: int) -> _Codes:
        """The names and numbers that a text has in words of its own: not in five words of the other."""
        own, its = (slice(self._bounds[which], self._bounds[which + 1]) for which in (text, other))
        fresh = self._sightings[own][~np.isin(self._contexts[own], self._contexts[its])]
        terms = slice(self._offsets[text], self._offsets[text + 1])
        codes = self._codes[terms]
        found: _Codes = codes[np.isin(self._hashes[codes], fresh) & (self._naming[terms] | self._numeric[codes])]
        return found


def _gather(offsets: _Rows, rows: _Rows) -> tuple[_Rows, _Rows]:
    """The places of the items of some rows, and the offsets of the rows among them."""
    sizes = offsets[rows + 1] - offsets[rows]
    ends = np.cumsum(sizes)
    return np.arange(int(sizes.sum())) + np.repeat(offsets[rows] - (ends - sizes), sizes), np.concatenate([[0], ends])
