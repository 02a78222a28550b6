"""Explaining: why two articles of a finished run are linked, why one of a cluster was kept, why an edit was made or not.

All comes from the run's folder: pairs.jsonl and clusters.jsonl, and for shared passages the original texts, which are read
back. A folder of `dedupe find -o` holds no texts: it can tell of the numbers only.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dedupe.apply import load_clustering, load_pairs
from dedupe.config import FindSettings, Settings, with_values
from dedupe.corpus.manifest import load_manifest
from dedupe.corpus.staging import MANIFEST
from dedupe.corpus.undo import read_back
from dedupe.detect.clusters import Clustering
from dedupe.detect.profile import profile_texts
from dedupe.detect.verify import measure_pairs
from dedupe.emit import EDITS, REPAIRS
from dedupe.errors import UsageError, did_you_mean
from dedupe.findings import CLUSTERS, PAIRS
from dedupe.model import LINKING_KINDS, Cluster, Decision, Pair, Passage, Rule
from dedupe.review.ledger import Ledger
from dedupe.review.report import EditView, read_views
from dedupe.text.lexicon import load_lexicon

_MEANINGS = {
    "exact": "the same text after folding case, spacing and punctuation",
    "near": "versions of one text: most runs of five words stand in both",
    "spun": "the same text once synonyms are undone, though not as it stands",
    "contained": "nearly all of the smaller text stands in the other",
    "same": "versions of one text, by a reviewer's word",
    "template": "different pages of one template: one frame, other values in its slots",
    "overlap": "shared passages, beside what each has for itself",
    "story": "reports of one event: names and numbers in common that neither copied from the other",
}
_TIERS = {
    "safe": "made anywhere",
    "context": "made beside the neighbours that the rule names",
    "spun": "made where the text is judged spun",
    "witness": "made where another version of the text has the wording",
    "ask": "made only when a person accepts it",
    "flag": "made only when a person accepts it",
}
_EVIDENCE = {
    "witness": "another version of the text has this wording",
    "article": "the a or an before it fits this wording",
    "context": "the whole sentence is likelier with this wording",
}
_WIDTH = 100
_PASSAGES, _PASSAGE_WORDS = 6, 60  # shown
_MEMBERS = 30  # shown
_RUN = 5  # words; a shorter run is no shared passage
_ALIGNED = 5000  # words of each text that are aligned where the run left no passages
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class PairExplanation:
    """What two articles have to do with each other.

    `pair` is the relation that was found, None if there is none; `jaccard` and `containment` are then None where the texts
    are not at hand. `passages` are shared texts side by side, the longest first; `clusters` those that hold both. `fates`
    say what became of each.
    """

    a: str
    b: str
    pair: Pair | None
    jaccard: float | None
    containment: float | None
    passages: tuple[tuple[str, str], ...]
    clusters: tuple[Cluster, ...]
    fates: tuple[str, ...]

    def describe(self) -> str:
        """The explanation in words and columns."""
        return "\n".join(_describe_pair(self))


@dataclass(frozen=True)
class ArticleExplanation:
    """What an article has to do with others: the clusters it is in, the links to their canonicals, its own pairs beside."""

    id: str
    fate: str
    clusters: tuple[Cluster, ...]
    pairs: tuple[Pair, ...]
    links: Mapping[str, Pair]
    reasons: Mapping[str, str]

    def describe(self) -> str:
        """The explanation in words and columns."""
        return "\n".join(_describe_article(self))


@dataclass(frozen=True)
class EditExplanation:
    """Why an edit was proposed, and whether it is made.

    `rules` are the rules that proposed it, as the tables have them now, by id; a built-in pass, or a rule that is gone, is not
    among them. `verdict` is the gate's on the article. `decision` governs the edit, None where no person decided.
    """

    view: EditView
    rules: Mapping[str, Rule]
    verdict: str
    decision: Decision | None

    def describe(self) -> str:
        """The explanation in words."""
        return "\n".join(_describe_edit(self))


def explain(out: str | Path, id: str, other: str = "") -> PairExplanation | ArticleExplanation | EditExplanation:
    """Why two articles of the run in the folder `out` are linked, what one has to do with others, or why an edit is made.

    A cluster is named by any of its members, an edit by `edit:` and its id. Raises UsageError for an id that the run does not
    hold, and for a folder without findings.
    """
    folder = Path(out)
    if id.startswith("edit:") and not other:
        return _explain_edit(folder, id.removeprefix("edit:"))
    for name in (PAIRS, CLUSTERS):
        if not (folder / name).is_file():
            raise UsageError(f"holds no {name}; name the output folder of `dedupe run` or `dedupe find`", path=str(out))
    if id == other:
        raise UsageError(f"{id!r} is one article; name two, or it alone")
    pairs, clustering = load_pairs(folder), load_clustering(folder)
    texts = _read_texts(folder, [id, other] if other else [id], pairs, clustering)
    if other:
        return _explain_pair(min(id, other), max(id, other), pairs, clustering, texts)
    clusters = _clusters_of(clustering, id)
    inside = {member for cluster in clusters for member in cluster.members}
    beside = tuple(pair for pair in pairs if id in (pair.a, pair.b) and not {pair.a, pair.b} <= inside)
    return ArticleExplanation(id, _tell_fate(id, clustering), clusters, beside, clustering.links, clustering.reasons)


def _explain_edit(folder: Path, id: str) -> EditExplanation:
    details = load_manifest(folder).details
    with (folder / EDITS).open("rb") as file:
        view = next((view for view in read_views(map(json.loads, file)) if view.edit.id == id), None)
    if view is None:
        raise UsageError(f"no edit {id!r}; edits.jsonl and the report name them", path=str(folder))
    repair = with_values(Settings(), tomllib.loads(details["settings"])).repair
    known = {rule.id: rule for rule in load_lexicon(repair.language, repair.rules).rules}
    verdicts = {line["article"]: line["verdict"] for line in map(json.loads, (folder / REPAIRS).read_bytes().splitlines())}
    decision = Ledger.load(folder).find(view.edit, view.source)
    rules = {name: known[name] for name in view.edit.rules if name in known}
    return EditExplanation(view, rules, verdicts.get(view.edit.article, "clean"), decision)


def _read_texts(folder: Path, ids: Sequence[str], pairs: Sequence[Pair], clustering: Clustering) -> dict[str, str]:
    """The original texts of the articles, none where the folder holds no texts."""
    texts: dict[str, str] = {}
    known = {id for pair in pairs for id in (pair.a, pair.b)}
    known |= {id for cluster in (*clustering.clusters, *clustering.linked) for id in cluster.members}
    if (folder / MANIFEST).is_file():
        for record in read_back(folder):
            if record.article is not None:
                known.add(record.article.id)
                if record.article.id in ids:
                    texts[record.article.id] = record.article.text
    for id in ids:
        if id not in known:
            raise UsageError(f"no article {id!r}; {did_you_mean(id, known)}", path=str(folder))
    return texts


def _explain_pair(a: str, b: str, pairs: Sequence[Pair], clustering: Clustering, texts: Mapping[str, str]) -> PairExplanation:
    found = next((pair for pair in pairs if (pair.a, pair.b) == (a, b)), None)
    if found is None:
        found = next((link for link in clustering.links.values() if (link.a, link.b) == (a, b)), None)
    jaccard, containment = (found.jaccard, found.containment) if found else (None, None)
    passages: Sequence[Passage] = found.passages if found else ()
    if len(texts) == 2:
        if found is None:
            jaccard, containment = _measure(texts[a], texts[b])
        passages = passages or list(_align(texts[a], texts[b]))
    ordered = sorted(passages, key=lambda passage: (-passage.words, passage.a_start))
    shown = tuple((texts[a][p.a_start : p.a_end], texts[b][p.b_start : p.b_end]) for p in ordered) if len(texts) == 2 else ()
    clusters = tuple(cluster for cluster in _clusters_of(clustering, a) if cluster in _clusters_of(clustering, b))
    fates = tuple(f"{id} {_tell_fate(id, clustering)}" for id in (a, b))
    return PairExplanation(a, b, found, jaccard, containment, shown, clusters, fates)


def _measure(a: str, b: str) -> tuple[float, float]:
    profiles = profile_texts([a, b], FindSettings())
    jaccard, containment = measure_pairs(profiles.hashes, profiles.offsets, np.array([0]), np.array([1]))
    return float(jaccard[0]), float(containment[0])


def _align(a: str, b: str) -> Iterator[Passage]:
    """The runs of words that both texts share, in their order (Ratcliff and Obershelp, as difflib has it)."""
    left, right = (list(itertools.islice(_WORD.finditer(text), _ALIGNED)) for text in (a, b))
    one, two = ([match[0].casefold() for match in matches] for matches in (left, right))
    for i, j, size in difflib.SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks():
        if size >= _RUN:
            yield Passage(left[i].start(), left[i + size - 1].end(), right[j].start(), right[j + size - 1].end(), size)


def _clusters_of(clustering: Clustering, id: str) -> tuple[Cluster, ...]:
    """The clusters that hold an article, or link the canonical that stands for it."""
    stand_in = _stand_in(clustering, id)
    versions = (cluster for cluster in clustering.clusters if id in cluster.members)
    return (*versions, *(cluster for cluster in clustering.linked if {id, stand_in} & set(cluster.members)))


def _stand_in(clustering: Clustering, id: str) -> str:
    link = clustering.links.get(id)
    return id if link is None else link.a if link.b == id else link.b


def _tell_fate(id: str, clustering: Clustering) -> str:
    stand_in = _stand_in(clustering, id)
    return "is kept" if stand_in == id else f"is a duplicate of {stand_in}, which stands for it"


def _describe_pair(told: PairExplanation) -> Iterator[str]:
    kind = told.pair.kind if told.pair else "not linked"
    yield f"{told.a}"
    yield f"{told.b}"
    yield f"  {kind}" + (f": {_MEANINGS[told.pair.kind]}" if told.pair else "")
    yield ""
    if told.jaccard is not None and told.containment is not None:
        yield f"  jaccard      {told.jaccard:.4f}  shared runs of five words, of all in both"
        yield f"  containment  {told.containment:.4f}  of those of the smaller text"
    if told.pair and told.pair.despun is not None:
        yield f"  despun       {told.pair.despun:.4f}  similarity once synonyms are undone"
    if told.pair and told.pair.cosine is not None:
        yield f"  cosine       {told.pair.cosine:.4f}  of all terms, weighted by their rarity"
        yield from _wrap("  in common    ", ", ".join(told.pair.shared))
    yield ""
    yield from (f"  {fate}" for fate in told.fates)
    for cluster in told.clusters:
        yield from _wrap(f"  {cluster.kind:11}  ", f"{_name_lead(cluster)}: {cluster.reason}")
    if told.passages:
        words = [len(left.split()) for left, _ in told.passages]
        yield ""
        yield f"  {len(words):,} shared passage{'s' * (len(words) != 1)}, {sum(words):,} words"
        for number, (left, right) in enumerate(told.passages[:_PASSAGES], 1):
            yield ""
            yield f"  {number:2}. {len(left.split()):,} words"
            yield from _set_side_by_side(left, right)
        if len(words) > _PASSAGES:
            yield f"      and {len(words) - _PASSAGES:,} more"


def _describe_edit(told: EditExplanation) -> Iterator[str]:
    edit, decision = told.view.edit, told.decision
    yield f"edit:{edit.id}"
    yield f"  {edit.article}, {edit.field}, characters {edit.start:,} to {edit.end:,}"
    yield from _wrap("  ", f"{told.view.left}[-{edit.before}-]{{+{edit.after}+}}{told.view.right}")
    yield ""
    yield f"  {'made' if told.view.made else 'not made'}"
    yield f"  tier         {edit.tier}: {_TIERS[edit.tier]}{', in a quotation' if edit.in_quote else ''}"
    yield f"  article      judged {told.verdict}"
    for name in edit.evidence:
        yield f"  evidence     {name}: {_EVIDENCE.get(name, '')}"
    if decision:
        when = f", {decision.at}" if decision.at else ""
        yield from _wrap("  decision     ", f"{decision.verdict} by {decision.by or 'somebody'}{when}, on {decision.target}")
        if decision.note:
            yield from _wrap("  note         ", decision.note)
    for name in edit.rules:
        rule = told.rules.get(name)
        yield ""
        yield f"  {name}" + ("" if rule else "  a built-in pass, or a rule that the tables no longer have")
        if rule:
            yield from _wrap("    says       ", f"{rule.spun} → {' | '.join(rule.originals)}, tier {rule.tier}")
            yield from (
                f"    {label:9}  {' ; '.join(what)}" for label, what in (("when", rule.when), ("unless", rule.unless)) if what
            )
            yield from _wrap("    from       ", f"{rule.source}, {rule.origin}")


def _describe_article(told: ArticleExplanation) -> Iterator[str]:
    yield told.id
    yield f"  {told.fate}"
    for cluster in told.clusters:
        yield ""
        yield f"{cluster.kind} cluster of {len(cluster.members):,}, {_name_lead(cluster)}"
        yield from _wrap("  why        ", cluster.reason)
        others = [id for id in cluster.members if id != cluster.canonical]
        for id in others[:_MEMBERS]:
            yield from _describe_member(id, cluster, told)
        if len(others) > _MEMBERS:
            yield f"  and {len(others) - _MEMBERS:,} more"
    if told.pairs:
        yield ""
        yield f"{len(told.pairs):,} pair{'s' * (len(told.pairs) != 1)} beside the clusters"
        for pair in told.pairs[:_MEMBERS]:
            yield f"  {pair.kind:9}  {_number(pair)}  {pair.b if pair.a == told.id else pair.a}"
        if len(told.pairs) > _MEMBERS:
            yield f"  and {len(told.pairs) - _MEMBERS:,} more"
    if not told.clusters and not told.pairs:
        yield "  is related to no other article"


def _describe_member(id: str, cluster: Cluster, told: ArticleExplanation) -> Iterator[str]:
    link = told.links.get(id)
    if cluster.kind in LINKING_KINDS or link is None:
        yield f"  {'kept':9}  {id}"
        return
    yield f"  {link.kind:9}  {_number(link)}  {id}"
    if reason := told.reasons.get(id):
        yield from _wrap("             not kept: ", f"{cluster.canonical} {reason}")


def _name_lead(cluster: Cluster) -> str:
    return f"{'lead' if cluster.kind in LINKING_KINDS else 'canonical'} {cluster.canonical}"


def _number(pair: Pair) -> str:
    despun = f"  despun {pair.despun:.3f}" if pair.despun is not None else ""
    cosine = f"  cosine {pair.cosine:.3f}" if pair.cosine is not None else ""
    return f"jaccard {pair.jaccard:.3f}  containment {pair.containment:.3f}{despun}{cosine}"


def _set_side_by_side(left: str, right: str) -> Iterator[str]:
    half = (_WIDTH - 9) // 2
    columns = [textwrap.wrap(_shorten(text), half, break_on_hyphens=False) for text in (left, right)]
    for one, two in itertools.zip_longest(*columns, fillvalue=""):
        yield f"      {one:{half}} | {two}"


def _shorten(text: str) -> str:
    words = text.split()
    if len(words) <= _PASSAGE_WORDS:
        return " ".join(words)
    half = _PASSAGE_WORDS // 2
    return f"{' '.join(words[:half])} […] {' '.join(words[-half:])}"


def _wrap(label: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH - len(label), break_on_hyphens=False, break_long_words=False) or [""]
    return [label + lines[0], *(" " * len(label) + line for line in lines[1:])]
