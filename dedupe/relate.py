"""Relating: profile, find, cluster and choose, joined: which articles of a corpus belong together, and which survives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from dedupe.config import Settings
from dedupe.corpus.reader import Corpus
from dedupe.detect.canonical import Candidate, choose_canonical, compare_candidates, rank_candidates
from dedupe.detect.clusters import Clustering, find_clusters
from dedupe.detect.find import Found, find_pairs
from dedupe.detect.profile import Profiler
from dedupe.detect.relation import Verifier
from dedupe.detect.terms import TermProfiler
from dedupe.linking import Stories, StoryFinder, Templates, find_templates
from dedupe.model import LINKING_KINDS, Article
from dedupe.repair.layout import count_body_words, is_truncated
from dedupe.repair.repairer import Repairer

T = TypeVar("T")
Place = tuple[str, int]  # input name, record number
Assess = Callable[[Article], Candidate]


class Track(Protocol):
    """Wraps what a step iterates over, so that a caller can show progress; the library itself knows no progress bar."""

    def __call__(self, items: Iterable[T], step: str) -> Iterable[T]:
        """The same items. `step` says what is being done with them."""
        ...


@dataclass(frozen=True)
class Relations:
    """What finding gives: the verified pairs with how they were found, the clusters, and what is known of their members.

    `places` tells where each article stands, by id. `unreadable` records were passed over; `notes` are for the user.
    """

    places: Mapping[str, Place]
    found: Found
    clustering: Clustering
    candidates: Mapping[str, Candidate]
    unreadable: int = 0
    notes: tuple[str, ...] = ()


def relate(corpus: Corpus, settings: Settings, assess: Assess, track: Track) -> Relations:
    """All relations between the articles of the corpus, which is read once whole, and once more where articles are related.

    `assess` tells of each related article what the choice of a canonical must know.
    """
    profiler, places, unreadable = Profiler(settings.find), dict[str, Place](), 0
    term_profiler, dates = TermProfiler() if "story" in settings.find.kinds else None, list[str]()
    for record in track(corpus, "read and profile"):
        if record.article is not None:
            profiler.add(record.article.text)
            if term_profiler:
                term_profiler.add(record.article.text)
                dates.append(record.article.date)
            places[record.article.id] = (record.where.input, record.where.record)
        else:
            unreadable += not record.rest
    profiles, ids = profiler.finish(), list(places)
    verifier = Verifier(profiles, ids, settings.find)
    found = find_pairs(profiles, ids, verifier, settings.find)
    templates = Templates()
    if "template" in settings.find.kinds:
        templates = find_templates(corpus, places, profiles, ids, found.pairs)
        found = replace(found, pairs=tuple(templates.mark(found.pairs)))
    versions = [pair for pair in found.pairs if pair.kind not in LINKING_KINDS]
    related = sorted({id for pair in versions for id in (pair.a, pair.b)})
    candidates = {article.id: assess(article) for article in corpus.select({places[id]: id for id in related})}

    def explain(members: Sequence[str]) -> str:
        return choose_canonical([candidates[id] for id in members], settings.choose)[1]

    rank = rank_candidates(candidates.values(), settings.choose)
    clustering = find_clusters(versions, templates.guard(verifier.verify_with), rank, explain)
    survivor = {id: cluster.canonical for cluster in clustering.clusters for id in cluster.members if id != cluster.canonical}
    reasons = {id: compare_candidates(candidates[other], candidates[id], settings.choose) for id, other in survivor.items()}
    stories = Stories()
    if term_profiler:

        def meet(article: Article) -> None:
            if article.id not in candidates:
                candidates[article.id] = assess(article)

        def choose_lead(members: Sequence[str]) -> tuple[str, str]:
            return choose_canonical([candidates[id] for id in members], settings.choose, "leads", "report")

        finder = StoryFinder(corpus, places, profiles, ids, settings.find)
        stories = finder.find(term_profiler.finish(), dates, survivor, templates, meet, choose_lead)
        known = {(pair.a, pair.b) for pair in found.pairs}
        pairs = (*found.pairs, *(pair for pair in stories.pairs if (pair.a, pair.b) not in known))
        found = replace(found, pairs=tuple(sorted(pairs, key=lambda pair: (pair.a, pair.b))))
    linked = sorted((*templates.clusters, *stories.clusters), key=lambda cluster: (cluster.id, cluster.kind))
    clustering = replace(clustering, reasons=reasons, linked=tuple(linked))
    return Relations(places, found, clustering, candidates, unreadable)


def assess_plainly(article: Article) -> Candidate:
    """What the choice of a canonical can know of an article without any rule table: it counts as unspun.

    >>> assess_plainly(Article("a", "The talks went on until Friday and will resume in")).truncated
    True
    """
    return Candidate(
        id=article.id,
        length=len(article.text.split()),
        truncated=is_truncated(article.text),
        source=article.source,
        date=article.date,
    )


def assess_spin(repairer: Repairer) -> Assess:
    """The assessment that also asks the spin gate, and counts the words of the body without furniture."""

    def assess(article: Article) -> Candidate:
        judgement = repairer.judge(article)
        length = count_body_words(article.text, repairer.lexicon)
        return replace(assess_plainly(article), length=length, verdict=judgement.verdict, score=judgement.score)

    return assess


def collect_witnesses(corpus: Corpus, relations: Relations) -> dict[str, list[str]]:
    """The texts of the other versions, for each canonical that is not clean: evidence of its original wording."""
    spun = [c for c in relations.clustering.clusters if relations.candidates[c.canonical].verdict != "clean"]
    canonical_of = {member: cluster.canonical for cluster in spun for member in cluster.members if member != cluster.canonical}
    texts: dict[str, list[str]] = {}
    for article in corpus.select({relations.places[id]: id for id in canonical_of}):
        texts.setdefault(canonical_of[article.id], []).append(article.text)
    return texts
