"""Regrouping a finished run: its clusters as people decided, and the repair of the articles that are kept thereby.

A run repairs the articles that survive. When a decision keeps another one, it is repaired as the run would have done it, with
the settings in the manifest; the texts come from the run's folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from dedupe.config import Settings, with_values
from dedupe.corpus.reader import Corpus
from dedupe.detect.clusters import Clustering
from dedupe.detect.profile import profile_texts
from dedupe.detect.verify import measure_pairs
from dedupe.discount import Discount
from dedupe.emit import run_details
from dedupe.errors import UsageError
from dedupe.model import Article, Pair, Repair
from dedupe.repair.repairer import Repairer
from dedupe.review.ledger import Ledger
from dedupe.review.regroup import Grouping, part_linked, regroup
from dedupe.texts import make_repairer

UNREPAIRED = (
    "articles that decisions keep were left as they came, for the rule tables changed since the run; run again to repair them"
)


class Regrouping:
    """What the decisions of a ledger make of the clusters that a run `found`.

    `clustering` is the result. `kept` are the ids of articles that survive though they were duplicates, `set_aside` of those
    that are duplicates though they survived.
    """

    def __init__(
        self, corpus: Corpus, found: Clustering, pairs: Sequence[Pair], ledger: Ledger, details: Mapping[str, Any]
    ) -> None:
        self._corpus, self._details = corpus, details
        self.clustering = found
        self.kept, self.set_aside, self.notes = set[str](), set[str](), list[str]()
        grouping = Grouping.read(ledger)
        if not grouping.articles:
            return
        self._places = {
            record.article.id: (record.where.input, record.where.record) for record in corpus if record.article is not None
        }
        grouping = grouping.within(self._places, {cluster.canonical for cluster in found.clusters})
        grouping = Discount(grouping, found, (), self._places, self._select, self._settings).put_apart(found, grouping)
        self.clustering = part_linked(regroup(found, pairs, grouping, self._measure), grouping)
        before, after = (_removed(clustering) for clustering in (found, self.clustering))
        self.kept, self.set_aside = before - after, after - before
        if self.kept and self._repairer is None:
            self.notes.append(UNREPAIRED)

    def repair(self, article: Article) -> Repair:
        """The repair of an article that is kept by a decision, without edits if the tables changed since the run."""
        if self._repairer is None or not self._settings.repair.enabled:
            return Repair(article.id, "")
        cluster = next((c for c in self.clustering.clusters if c.canonical == article.id), None)
        others = (self._places.keys() & cluster.members) - {article.id} if cluster else ()
        witnesses = list(self._texts(others)) if others and self._repairer.judge(article).verdict != "clean" else []
        return self._repairer.repair(article, witnesses)

    @cached_property
    def _settings(self) -> Settings:
        return with_values(Settings(), tomllib.loads(self._details["settings"]))

    @cached_property
    def _repairer(self) -> Repairer | None:
        """The repairer of the run; None where its tables are not those of the run any more."""
        try:
            repairer = make_repairer(self._settings.repair)
        except UsageError:
            return None
        details = run_details(self._settings, repairer)
        return repairer if details["rules_sha256"] == self._details["rules_sha256"] else None

    def _measure(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Pair]:
        ids = sorted({id for pair in pairs for id in pair})
        texts = {article.id: article.text for article in self._select(ids)}
        profiles = profile_texts([texts[id] for id in ids], self._settings.find)
        row = {id: number for number, id in enumerate(ids)}
        a, b = (np.array([row[pair[side]] for pair in pairs], np.int64) for side in (0, 1))
        jaccard, containment = measure_pairs(profiles.hashes, profiles.offsets, a, b)
        for (one, other), alike, contained in zip(pairs, jaccard.tolist(), containment.tolist(), strict=True):
            yield Pair(one, other, "same", alike, contained)

    def _texts(self, ids: Collection[str]) -> Iterator[str]:
        return (article.text for article in self._select(ids))

    def _select(self, ids: Collection[str]) -> Iterator[Article]:
        # of what only an index knows there is no text
        return self._corpus.select({self._places[id]: id for id in ids if id in self._places})


def _removed(clustering: Clustering) -> set[str]:
    return {id for cluster in clustering.clusters for id in cluster.members if id != cluster.canonical}
