"""Linking: articles that belong together though none stands for another, pages of one template and reports of one event.

Both need the texts again: a template is learnt by aligning some of its pages and read from all; what the reports of an
event share is told in the words of the reports. Only the articles concerned are read.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from dedupe.config import FindSettings
from dedupe.corpus.reader import Source
from dedupe.detect.dates import parse_date
from dedupe.detect.find import represent_copies
from dedupe.detect.profile import Profiles
from dedupe.detect.stories import StoryLink, group_stories, link_stories
from dedupe.detect.templates import Frame, choose_sample, is_same_page, learn_frame, propose_templates
from dedupe.detect.terms import Terms, spell_terms
from dedupe.detect.verify import measure_pairs
from dedupe.model import Article, Cluster, Pair

Places = Mapping[str, tuple[str, int]]
Verify = Callable[[str, Sequence[str]], Iterable[Pair]]
# The lead among some articles, and why it is that.
ChooseLead = Callable[[Sequence[str]], tuple[str, str]]

_AT_ONCE = 64  # articles whose words are looked for together
_SHOWN = 6  # names, numbers or values that a reason tells of


@dataclass(frozen=True)
class Templates:
    """The templates of a corpus, and for each of their pages the template's number and what stands in its slots."""

    clusters: tuple[Cluster, ...] = ()
    pages: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def concerning(self, own: Collection[str]) -> Templates:
        """The same, with the clusters alone that hold some of the articles."""
        return replace(self, clusters=tuple(cluster for cluster in self.clusters if any(id in own for id in cluster.members)))

    def tell_apart(self, a: str, b: str) -> bool:
        """Whether two articles are different pages of one template."""
        one, two = self.pages.get(a), self.pages.get(b)
        return one is not None and two is not None and one[0] == two[0] and not is_same_page(one[1], two[1])

    def mark(self, pairs: Iterable[Pair]) -> list[Pair]:
        """The pairs, those between different pages of one template as `template`."""
        return [replace(pair, kind="template") if self.tell_apart(pair.a, pair.b) else pair for pair in pairs]

    def guard(self, verify: Verify) -> Verify:
        """The verification that never takes one page of a template for another."""
        return lambda first, others: verify(first, [other for other in others if not self.tell_apart(first, other)])


def find_templates(corpus: Source, places: Places, profiles: Profiles, ids: Sequence[str], pairs: Sequence[Pair]) -> Templates:
    """The templates among the profiled articles; `pairs` are those found alike so far."""
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    first = represent_copies(profiles.digests[order]) == np.arange(len(order))
    rows = order[first & (profiles.words[order] > 0)]
    row_of = {ids[row]: row for row in rows.tolist()}
    alike = [(row_of[pair.a], row_of[pair.b]) for pair in pairs if pair.a in row_of and pair.b in row_of]
    groups = propose_templates(profiles, rows, alike)
    sampled = {places[ids[row]]: ids[row] for group in groups for row in choose_sample(group)}
    texts = {article.id: article.text for article in corpus.select(sampled)}
    frames, names, claimed = dict[int, Frame](), list[list[str]](), set[int]()
    for group in groups:
        if claimed.isdisjoint(group) and (frame := learn_frame([texts[ids[row]] for row in choose_sample(group)])):
            frames[len(names)] = frame
            names.append([ids[row] for row in group])
            claimed.update(group)
    wanted = {id: number for number in frames for id in names[number]}
    pages: dict[str, tuple[int, tuple[str, ...]]] = {}
    for article in corpus.select({places[id]: id for id in wanted}):
        number = wanted[article.id]
        values = frames[number].read(article.text)
        if values is not None:
            pages[article.id] = (number, values)
    return Templates(tuple(_describe_templates(frames, names, pages)), pages)


def _describe_templates(
    frames: Mapping[int, Frame], names: Sequence[Sequence[str]], pages: Mapping[str, tuple[int, tuple[str, ...]]]
) -> Iterable[Cluster]:
    for number, frame in sorted(frames.items()):
        members = tuple(id for id in names[number] if id in pages)
        words = sum(len(block.split()) for block in frame.blocks)
        values = [value for id in members[:2] for value in pages[id][1][:_SHOWN]]
        reason = (
            f"{len(members):,} pages of one frame of {words} words, which differ in {len(frame.slots)} slots"
            f" ({', '.join(dict.fromkeys(value for value in values if value))}); all are kept"
        )
        yield Cluster(members[0], "template", members, (), members[0], reason)


def parse_moments(dates: Iterable[str]) -> list[float]:
    """The moments that date strings name, in days; NaN for those that name none."""
    moments = (parse_date(date) if date else None for date in dates)
    return [moment.timestamp() / 86400 if moment else math.nan for moment in moments]


@dataclass(frozen=True)
class Stories:
    """The stories of a corpus: the pairs of reports that are linked, and their groups."""

    pairs: tuple[Pair, ...] = ()
    clusters: tuple[Cluster, ...] = ()


class StoryFinder:
    """Links the articles of a corpus that report one event.

    `dates` are the articles' own strings, by row. `choose_lead` is asked once the articles concerned have been shown to `meet`.
    """

    def __init__(self, corpus: Source, places: Places, profiles: Profiles, ids: Sequence[str], settings: FindSettings) -> None:
        self._corpus, self._places, self._profiles = corpus, places, profiles
        self._ids, self._settings = ids, settings

    def find(
        self,
        terms: Terms,
        dates: Sequence[str],
        removed: Mapping[str, str],
        templates: Templates,
        meet: Callable[[Article], None],
        choose_lead: ChooseLead,
    ) -> Stories:
        """The stories among the articles that are not `removed` as versions of others."""
        ids = self._ids
        rows = [
            row for row in sorted(range(len(ids)), key=ids.__getitem__) if ids[row] not in removed and self._profiles.words[row]
        ]
        moments = np.array(parse_moments(dates[row] for row in rows), np.float64)
        links = link_stories(terms, np.array(rows, np.int64), moments, self._settings.story_days)
        links = [link for link in links if not templates.tell_apart(ids[link.a], ids[link.b])]
        groups = group_stories(links)
        group_of = {row: number for number, group in enumerate(groups) for row in group}
        links = [link for link in links if link.a in group_of and group_of[link.a] == group_of.get(link.b)]
        words = self._spell(links, meet)
        pairs = self._make_pairs(links, words)
        inside: defaultdict[int, list[Pair]] = defaultdict(list)
        for link, pair in zip(links, pairs, strict=True):
            inside[group_of[link.a]].append(pair)
        clusters = [
            _describe_story(sorted(ids[row] for row in group), inside[n], choose_lead) for n, group in enumerate(groups)
        ]
        return Stories(tuple(sorted(pairs, key=lambda p: (p.a, p.b))), tuple(sorted(clusters, key=lambda c: c.id)))

    def _spell(self, links: Sequence[StoryLink], meet: Callable[[Article], None]) -> dict[str, dict[int, str]]:
        """The words of the evidence as the articles spell them, by article."""
        wanted: defaultdict[str, set[int]] = defaultdict(set)
        for link in links:
            for row in (link.a, link.b):
                wanted[self._ids[row]].update(link.evidence)
        words = dict[str, dict[int, str]]()
        articles = iter(self._corpus.select({self._places[id]: id for id in wanted}))
        while some := list(islice(articles, _AT_ONCE)):
            spelled = spell_terms([article.text for article in some], [wanted[article.id] for article in some])
            for article, found in zip(some, spelled, strict=True):
                words[article.id] = found
                meet(article)
        return words

    def _make_pairs(self, links: Sequence[StoryLink], words: Mapping[str, Mapping[int, str]]) -> list[Pair]:
        a, b = (np.array([getattr(link, side) for link in links], np.int64) for side in ("a", "b"))
        jaccard, containment = measure_pairs(self._profiles.hashes, self._profiles.offsets, a, b)
        pairs = []
        for link, alike, contained in zip(links, jaccard.tolist(), containment.tolist(), strict=True):
            first, second = sorted((self._ids[link.a], self._ids[link.b]))
            shared = tuple(words[first][term] for term in link.evidence if term in words[first])
            pairs.append(Pair(first, second, "story", alike, contained, cosine=link.cosine, shared=shared))
        return pairs


def _describe_story(members: Sequence[str], pairs: Sequence[Pair], choose_lead: ChooseLead) -> Cluster:
    named = Counter(word for pair in pairs for word in pair.shared)
    first = {word: place for pair in reversed(pairs) for place, word in enumerate(pair.shared)}
    told = sorted(named, key=lambda word: (-named[word], first[word], word))
    names = [word for word in told if not word[0].isdigit()][:_SHOWN]
    numbers = [word for word in told if word[0].isdigit()][: _SHOWN // 2]
    lead, why = choose_lead(members)
    return Cluster(
        id=members[0],
        kind="story",
        members=tuple(members),
        pairs=tuple(sorted((pair.a, pair.b) for pair in pairs)),
        canonical=lead,
        reason=f"{len(members):,} reports of one event, which share {', '.join(names)} and {', '.join(numbers)}; {lead} {why}",
    )
