"""Discounting: what people marked as boilerplate counts no longer, for no pair of articles.

A reviewer says of two articles that all they share is boilerplate. The passages they share are taken out of every text that
holds them, and what was a version of another only by them stands apart from it. A run and `apply` do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from dedupe.config import Settings
from dedupe.detect.boilerplate import NO_BOILERPLATE
from dedupe.detect.clusters import Clustering
from dedupe.detect.passages import cut_boilerplate, find_shared, is_overlap
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier
from dedupe.model import Article, Pair
from dedupe.review.regroup import Grouping
from dedupe.text.lexicon import load_classes
from dedupe.text.normal import digest_texts, tokenize

Read = Callable[[Collection[str]], Iterable[Article]]
_Ids = tuple[str, str]


class Discount:
    """What a grouping marks as boilerplate, taken out of the members of clusters and of the overlaps among `pairs`.

    `read` gives the articles of some `known` ids; other articles stand elsewhere. Nothing is read where nothing is marked.
    """

    def __init__(
        self,
        grouping: Grouping,
        clustering: Clustering,
        pairs: Iterable[Pair],
        known: Collection[str],
        read: Read,
        settings: Settings,
    ) -> None:
        self._settings, self._language = settings.find, settings.repair.language
        self._texts: dict[str, tuple[str, str]] = {}  # of those that hold some: the whole, and the rest
        if grouping.boilerplate:
            marked = {article.id: article.text for article in read({id for pair in grouping.boilerplate for id in pair})}
            shared = find_shared(((marked[a], marked[b]) for a, b in sorted(grouping.boilerplate)), self._settings)
            ids = {id for cluster in clustering.clusters for id in cluster.members}
            ids |= {id for pair in pairs if pair.kind == "overlap" for id in (pair.a, pair.b)}
            held = cut_boilerplate(read(ids.intersection(known)), shared, self._settings)
            self._texts = {article.id: (article.text, cut) for article, cut in held}

    def put_apart(self, clustering: Clustering, grouping: Grouping) -> Grouping:
        """The grouping, with those apart, too, that are in one cluster only for what is marked."""
        if not self._texts:
            return grouping
        pairs = {
            pair
            for cluster in clustering.clusters
            for pair in (*cluster.pairs, *(_sort(id, cluster.canonical) for id in cluster.members if id != cluster.canonical))
            if all(id in self._texts for id in pair)
        }
        doubtful = sorted(pairs - grouping.apart - set(grouping.same))
        if not doubtful:
            return grouping
        return replace(grouping, apart=grouping.apart | set(doubtful) - self._find_related(doubtful))

    def drop_overlaps(self, pairs: Iterable[Pair]) -> tuple[Pair, ...]:
        """The pairs without the overlaps that share only what is marked."""
        if not self._texts:
            return tuple(pairs)
        return tuple(pair for pair in pairs if pair.kind != "overlap" or self._overlaps(pair.a, pair.b))

    def _overlaps(self, a: str, b: str) -> bool:
        held = a in self._texts and b in self._texts
        return not held or is_overlap(self._texts[a][1], self._texts[b][1], self._settings)

    def _find_related(self, pairs: Sequence[_Ids]) -> set[_Ids]:
        """The pairs that are versions of one text by what is left of them, or are the same as a whole."""
        ids = sorted({id for pair in pairs for id in pair})
        row = {id: number for number, id in enumerate(ids)}
        a, b = (np.array([row[pair[side]] for pair in pairs], np.int64) for side in (0, 1))
        whole = digest_texts(tokenize([self._texts[id][0] for id in ids]))
        same = (whole[a] == whole[b]).all(axis=1)
        classes = load_classes(self._language) if "spun" in self._settings.kinds else None
        rest = profile_texts([self._texts[id][1] for id in ids], self._settings, classes)
        verifier = Verifier(rest, ids, self._settings)
        verifier.discount(NO_BOILERPLATE)
        related = {(pair.a, pair.b) for pair in verifier.verify(a, b)}
        return related | {pair for pair, is_same in zip(pairs, same.tolist(), strict=True) if is_same}


def _sort(a: str, b: str) -> _Ids:
    return (a, b) if a < b else (b, a)
