"""Relating: profile, find, cluster and choose, joined: which articles of a corpus belong together, and which survives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from operator import attrgetter
from typing import Protocol, TypeVar

import numpy as np

from dedupe.assess import Assess, Assessor, assess_plainly
from dedupe.config import FindSettings, Settings
from dedupe.corpus.joined import JoinedCorpus
from dedupe.corpus.reader import Corpus, Source
from dedupe.detect.boilerplate import CommonPassage
from dedupe.detect.canonical import Candidate, Choice, choose_canonical
from dedupe.detect.clusters import Clustering, StandsFor, Verify, find_clusters
from dedupe.detect.find import Found, find_pairs
from dedupe.detect.passages import cut_spans, trace_passages
from dedupe.detect.profile import PASSAGE_KINDS, Profiler, Profiles
from dedupe.detect.relation import Verifier
from dedupe.detect.terms import TermProfiler
from dedupe.discount import Discount
from dedupe.kernel import compiled_kernel
from dedupe.linking import Stories, StoryFinder, Templates, find_templates
from dedupe.model import LINKING_KINDS, Article, Pair
from dedupe.review.regroup import Grouping, part_linked, regroup
from dedupe.standing import Earlier, add_copies, describe_copies, find_reference_copies
from dedupe.text.lexicon import load_classes

T = TypeVar("T")
Place = tuple[str, int]  # input name, record number


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


@dataclass(frozen=True)
class Reading:
    """What the first reading of a corpus leaves, row by row: the ids, the numbers that finding needs, dates and sources.

    `sources` are numbers of `names`, -1 where an article names none. `terms` are gathered for stories only. `lengths` in words,
    and which texts are `truncated`, are known if all are assessed at once.
    """

    profiles: Profiles
    ids: Sequence[str]
    places: Mapping[str, Place]
    sources: Sequence[int]
    names: Sequence[str]
    dates: Sequence[str]
    lengths: Sequence[int]
    truncated: Sequence[bool]
    terms: TermProfiler | None
    unreadable: int

    def assess(self, rows: Iterable[int]) -> dict[str, Candidate]:
        """What `assess_plainly` tells of the articles of some rows, by id, none of which has boilerplate."""
        ids, lengths, truncated, dates = self.ids, self.lengths, self.truncated, self.dates
        sources, names = self.sources, (*self.names, "")
        return {
            ids[row]: Candidate(ids[row], lengths[row], "clean", 0.0, truncated[row], names[sources[row]], dates[row])
            for row in rows
        }


def relate(
    corpus: Corpus,
    settings: Settings,
    assess: Assess | None,
    track: Track,
    grouping: Grouping | None = None,
    earlier: Earlier | None = None,
    reference: Corpus | None = None,
) -> Relations:
    """All relations between the articles of the corpus, which is read once whole, and again where articles are related.

    `assess` tells of each related article, and its text without boilerplate, what the choice of a canonical must know; without
    it that is what `assess_plainly` tells.
    `grouping` is what people decided on clusters before. Who is a copy of an `earlier` article, or of one of a `reference`
    corpus, is that and nothing else.
    """
    joined = JoinedCorpus(corpus, reference) if reference else None
    source: Source = joined or corpus
    # Without the compiled kernel it takes longer to assess all texts than to read the related ones again.
    at_once = assess is None and compiled_kernel() is not None
    reading = read_through(source, settings, track, at_once=at_once)
    foreign, notes = (joined.foreign, joined.notes) if joined else (set[str](), ())
    profiles, ids, places = reading.profiles, reading.ids, reading.places
    own = {id: place for id, place in places.items() if id not in foreign} if foreign else places
    grouping = grouping or Grouping()
    verifier = Verifier(profiles, ids, settings.find)
    found = find_pairs(profiles, ids, verifier, settings.find, reading.sources)

    def read(wanted: Collection[str]) -> Iterator[Article]:
        # of what only an index knows there is no text
        return source.select({places[id]: id for id in wanted if id in places})

    templates = Templates()
    if "template" in settings.find.kinds:
        templates = find_templates(source, places, profiles, ids, found.pairs).concerning(own)
    if foreign:
        concerned_rows = np.array([id in own for id in ids], np.bool_)
        sharing = found.sharing.select(concerned_rows[found.sharing.a] | concerned_rows[found.sharing.b])
        found = replace(found, pairs=_concerning(own, found.pairs), sharing=sharing)
    boilerplate: tuple[CommonPassage, ...] = ()
    furniture: Mapping[str, Sequence[tuple[int, int]]] = {}
    if not PASSAGE_KINDS.isdisjoint(settings.find.kinds):
        traced = trace_passages(found, ids, read, settings.find)
        found, boilerplate, furniture = replace(found, pairs=traced.pairs), traced.boilerplate, traced.furniture
    found = replace(found, pairs=tuple(templates.mark(found.pairs)))
    versions = [pair for pair in found.pairs if pair.kind not in LINKING_KINDS]
    copies = verifier.tell_copies(versions)

    def judge(article: Article) -> Candidate:
        spans = furniture.get(article.id)
        candidate = (assess or assess_plainly)(article, cut_spans(article.text, spans) if spans else article.text)
        return replace(candidate, copy=True) if article.id in copies else candidate

    # In the order in which they will be looked at.
    concerned = dict.fromkeys(id for pair in versions for id in (pair.a, pair.b))
    concerned |= dict.fromkeys(grouping.articles & own.keys())
    known = [id for id in concerned if id not in furniture and id not in copies] if at_once else []
    candidates = reading.assess(verifier.rows_of(known))
    candidates |= {article.id: judge(article) for article in read(concerned.keys() - candidates.keys())}
    verify = templates.guard(verifier.verify_with)
    standing = earlier.find_copies(profiles, ids[: len(own)], templates.pages) if earlier else {}
    if foreign:
        standing |= find_reference_copies(versions, foreign, verify, keep_originals(candidates, settings.find))
    found = replace(found, pairs=_join(found.pairs, (copy.pair for copy in standing.values())))
    grouping = grouping.within(own, {copy.of for copy in standing.values()})
    free = own.keys() - standing.keys()
    versions = [pair for pair in versions if pair.a in free and pair.b in free]
    clustering = add_copies(choose_versions(versions, verify, candidates, settings), standing)
    discount = Discount(grouping, clustering, found.pairs, own, read, settings)
    found = replace(found, pairs=discount.drop_overlaps(found.pairs))
    grouping = discount.put_apart(clustering, grouping)
    clustering = regroup(clustering, versions, grouping, verifier.measure_decided)
    stories = Stories()
    if reading.terms:
        stories = find_stories(source, reading, clustering, foreign, templates, candidates, judge, settings)
        found = replace(found, pairs=_join(found.pairs, stories.pairs))
    linked = sorted((*templates.clusters, *stories.clusters), key=lambda cluster: (cluster.id, cluster.kind))
    clustering = part_linked(replace(clustering, linked=tuple(linked)), grouping)
    return Relations(own, found, clustering, candidates, boilerplate, reading.unreadable, (*notes, *describe_copies(standing)))


def _concerning(own: Collection[str], pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs of which one at least is of the run."""
    return tuple(pair for pair in pairs if pair.a in own or pair.b in own)


def _join(pairs: Sequence[Pair], further: Iterable[Pair]) -> tuple[Pair, ...]:
    """The pairs, and those of the further ones whose articles are not among them, in order."""
    more = tuple(further)
    if not more:
        return tuple(pairs)
    known = {(pair.a, pair.b) for pair in pairs}
    new = (pair for pair in more if (pair.a, pair.b) not in known)
    return tuple(sorted((*pairs, *new), key=attrgetter("a", "b")))


def read_through(corpus: Source, settings: Settings, track: Track, *, at_once: bool) -> Reading:
    """The corpus read once, each article profiled; and assessed, if that is to be done at once."""
    kinds = settings.find.kinds
    profiler = Profiler(settings.find, load_classes(settings.repair.language) if "spun" in kinds else None)
    terms = TermProfiler() if "story" in kinds else None
    assessor = Assessor()
    places, dates, sources, unreadable = dict[str, Place](), list[str](), list[int](), 0
    numbers = dict[str, int]()
    for stretch in track(corpus.stretches(), "read and profile"):
        profiler.extend(stretch.texts)
        if terms:
            terms.extend(stretch.texts)
        if at_once:
            assessor.extend(stretch.texts)
        places.update(zip(stretch.ids, zip(repeat(stretch.input), stretch.numbers, strict=False), strict=True))
        dates += stretch.dates
        sources += [numbers.setdefault(source, len(numbers)) if source else -1 for source in stretch.sources]
        unreadable += stretch.unreadable
    lengths, cut = (column.tolist() for column in assessor.finish())
    return Reading(profiler.finish(), list(places), places, sources, list(numbers), dates, lengths, cut, terms, unreadable)


def keep_fuller(candidates: Mapping[str, Candidate], settings: FindSettings) -> StandsFor:
    """Whether one may stand for another: a text must not go for one that is contained in it, whatever speaks for that one."""

    def stands_for(survivor: str, pair: Pair) -> bool:
        if pair.kind != "contained":
            return True
        removed = pair.b if pair.a == survivor else pair.a
        return candidates[survivor].length >= settings.contained * candidates[removed].length

    return stands_for


def keep_originals(candidates: Mapping[str, Candidate], settings: FindSettings) -> StandsFor:
    """The same where there is no choice who survives: nor must a text go for a spun copy of it."""
    stands_for = keep_fuller(candidates, settings)
    return lambda survivor, pair: stands_for(survivor, pair) and not (pair.kind == "spun" and candidates[survivor].copy)


def choose_versions(
    versions: Sequence[Pair], verify: Verify, candidates: Mapping[str, Candidate], settings: Settings
) -> Clustering:
    """The clusters that the pairs of versions form, with the canonical of each, and why it is preferred to each other."""
    choice = Choice(candidates.values(), settings.choose)
    return find_clusters(versions, verify, choice.ranks, choice.tell, keep_fuller(candidates, settings.find))


def find_stories(
    corpus: Source,
    reading: Reading,
    clustering: Clustering,
    foreign: Collection[str],
    templates: Templates,
    candidates: dict[str, Candidate],
    judge: Callable[[Article], Candidate],
    settings: Settings,
) -> Stories:
    """The stories among the articles that survive, those of a `foreign` corpus left out.

    What the choice of a lead needs to know goes into `candidates`.
    """
    assert reading.terms is not None
    removed = {id: cluster.canonical for cluster in clustering.clusters for id in cluster.members if id != cluster.canonical}
    removed |= dict.fromkeys(foreign, "")

    def meet(article: Article) -> None:
        if article.id not in candidates:
            candidates[article.id] = judge(article)

    def choose_lead(members: Sequence[str]) -> tuple[str, str]:
        return choose_canonical([candidates[id] for id in members], settings.choose, "leads", "report")

    finder = StoryFinder(corpus, reading.places, reading.profiles, reading.ids, settings.find)
    return finder.find(reading.terms.finish(), reading.dates, removed, templates, meet, choose_lead)


def collect_witnesses(corpus: Corpus, relations: Relations) -> dict[str, list[str]]:
    """The texts of the other versions, for each canonical that is not clean: evidence of its original wording."""
    candidates = relations.candidates
    spun = [
        c for c in relations.clustering.clusters if c.canonical in candidates and candidates[c.canonical].verdict != "clean"
    ]
    canonical_of = {member: cluster.canonical for cluster in spun for member in cluster.members if member != cluster.canonical}
    texts: dict[str, list[str]] = {}
    for article in corpus.select({relations.places[id]: id for id in canonical_of if id in relations.places}):
        texts.setdefault(canonical_of[article.id], []).append(article.text)
    return texts
