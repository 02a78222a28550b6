"""Relating: profile, find, cluster and choose, joined: which articles of a corpus belong together, and which survives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from dedupe.config import Settings
from dedupe.corpus.reader import Corpus
from dedupe.detect.boilerplate import CommonPassage
from dedupe.detect.canonical import Candidate, choose_canonical, rank_candidates
from dedupe.detect.clusters import Clustering, find_clusters
from dedupe.detect.find import Found, find_pairs
from dedupe.detect.passages import cut_spans, trace_passages
from dedupe.detect.profile import PASSAGE_KINDS, Profiler
from dedupe.detect.relation import Verifier
from dedupe.model import Article, Pair
from dedupe.repair.endings import is_truncated
from dedupe.repair.layout import count_body_words
from dedupe.repair.repairer import Repairer

# The kinds of which one may stand for the other; the rest are links between articles that are all kept.
VERSION_KINDS = frozenset({"exact", "near", "contained"})

T = TypeVar("T")
Place = tuple[str, int]  # input name, record number
Assess = Callable[[Article, str], Candidate]


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
    boilerplate: tuple[CommonPassage, ...] = ()
    unreadable: int = 0
    notes: tuple[str, ...] = ()


def relate(corpus: Corpus, settings: Settings, assess: Assess, track: Track) -> Relations:
    """All relations between the articles of the corpus, which is read once whole, and once more where articles are related.

    `assess` tells of each related article, and its text without boilerplate, what the choice of a canonical must know.
    """
    profiler, places, unreadable = Profiler(settings.find), dict[str, Place](), 0
    sources, source_of = dict[str, int](), list[int]()
    for record in track(corpus, "read and profile"):
        if record.article is not None:
            profiler.add(record.article.text)
            places[record.article.id] = (record.where.input, record.where.record)
            source = _name_source(record.article)
            source_of.append(sources.setdefault(source, len(sources)) if source else -1)
        else:
            unreadable += not record.rest
    profiles, ids = profiler.finish(), list(places)
    verifier = Verifier(profiles, ids, settings.find)
    found = find_pairs(profiles, ids, verifier, settings.find, source_of)

    def read(wanted: Collection[str]) -> Iterator[Article]:
        return corpus.select({places[id]: id for id in wanted})

    boilerplate: tuple[CommonPassage, ...] = ()
    furniture: Mapping[str, Sequence[tuple[int, int]]] = {}
    if not PASSAGE_KINDS.isdisjoint(settings.find.kinds):
        traced = trace_passages(found, ids, read, settings.find)
        found, boilerplate, furniture = replace(found, pairs=traced.pairs), traced.boilerplate, traced.furniture
    versions = [pair for pair in found.pairs if pair.kind in VERSION_KINDS]
    related = {id for pair in versions for id in (pair.a, pair.b)}
    candidates = {
        article.id: assess(article, cut_spans(article.text, furniture.get(article.id, ()))) for article in read(related)
    }

    def explain(members: Sequence[str]) -> str:
        return choose_canonical([candidates[id] for id in members], settings.choose)[1]

    rank = rank_candidates(candidates.values(), settings.choose)

    def stands_for(survivor: str, pair: Pair) -> bool:
        """A text must not go for one that is contained in it, whatever speaks for that one."""
        removed = pair.b if pair.a == survivor else pair.a
        fuller = candidates[survivor].length >= settings.find.contained * candidates[removed].length
        return pair.kind != "contained" or fuller

    clustering = find_clusters(versions, verifier.verify_with, rank, explain, stands_for)
    return Relations(places, found, clustering, candidates, boilerplate, unreadable)


def _name_source(article: Article) -> str:
    """Who published an article, as far as it says: its source, or the host of its address."""
    try:
        return article.source or urlsplit(article.url).netloc
    except ValueError:  # no address
        return ""


def assess_plainly(article: Article, body: str) -> Candidate:
    """What the choice of a canonical can know of an article without any rule table: it counts as unspun.

    >>> article = Article("a", "The talks went on until Friday and will resume in")
    >>> assess_plainly(article, article.text).truncated
    True
    """
    return Candidate(
        id=article.id,
        length=len(body.split()),
        furniture=len(article.text.split()) - len(body.split()),
        truncated=is_truncated(article.text),
        source=article.source,
        date=article.date,
    )


def assess_spin(repairer: Repairer) -> Assess:
    """The assessment that also asks the spin gate, and counts the words of the body without furniture."""

    def assess(article: Article, body: str) -> Candidate:
        judgement = repairer.judge(article)
        length = count_body_words(body, repairer.lexicon)
        furniture = len(article.text.split()) - length
        plainly = assess_plainly(article, body)
        return replace(plainly, length=length, furniture=furniture, verdict=judgement.verdict, score=judgement.score)

    return assess


def collect_witnesses(corpus: Corpus, relations: Relations) -> dict[str, list[str]]:
    """The texts of the other versions, for each canonical that is not clean: evidence of its original wording."""
    spun = [c for c in relations.clustering.clusters if relations.candidates[c.canonical].verdict != "clean"]
    canonical_of = {member: cluster.canonical for cluster in spun for member in cluster.members if member != cluster.canonical}
    texts: dict[str, list[str]] = {}
    for article in corpus.select({relations.places[id]: id for id in canonical_of}):
        texts.setdefault(canonical_of[article.id], []).append(article.text)
    return texts
