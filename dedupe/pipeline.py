"""START READING HERE. The whole job as one sentence:

    read → profile → find → cluster → choose → repair → emit        (→ review, which feeds `apply`)

Each word is a function or a call below, and a folder or a file of its own elsewhere. The inputs are read once to profile
and once more to emit; texts are not kept in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from dedupe.config import Settings
from dedupe.corpus.fields import detect_fields
from dedupe.corpus.inputs import Input, discover_inputs
from dedupe.corpus.reader import Corpus, read_records
from dedupe.corpus.writer import CorpusWriter, check_output_folder
from dedupe.detect.canonical import Candidate, choose_canonical
from dedupe.detect.clusters import Clustering, find_clusters
from dedupe.detect.find import Found, find_pairs
from dedupe.detect.profile import Profiler
from dedupe.emit import DryRun, Emission, Writer, describe_finding, emit_records, finish_emission, run_details
from dedupe.model import Article, Repair
from dedupe.repair.layout import is_truncated
from dedupe.repair.repairer import Repairer
from dedupe.review.ledger import Ledger
from dedupe.review.summary import Summary
from dedupe.texts import make_repairer

T = TypeVar("T")


class Track(Protocol):
    """Wraps what a step iterates over, so that a caller can show progress; the library itself knows no progress bar."""

    def __call__(self, items: Iterable[T], step: str) -> Iterable[T]:
        """The same items. `step` says what is being done with them."""
        ...


def untracked(items: Iterable[T], step: str) -> Iterable[T]:
    """The items as they are: no progress is shown."""
    return items


@dataclass(frozen=True)
class Relations:
    """What finding gives: the verified pairs with how they were found, the clusters, and what is known of their members.

    `unreadable` counts the records that are no articles; `notes` tell how the inputs were read.
    """

    articles: int
    found: Found
    clustering: Clustering
    candidates: Mapping[str, Candidate]
    unreadable: int = 0
    notes: tuple[str, ...] = ()


def run(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    spooled: Input | None = None,
    track: Track = untracked,
) -> Summary:
    """The summary of the whole job: `inputs` cleaned into the folder `out`.

    `dry_run` writes nothing and tells what would be done. `overwrite` lets a finished run in `out` be replaced. `spooled` is
    what the input "-" stands for. Raises UsageError for wrong settings or paths, InputError for damaged input,
    ConservationError when a record would be lost; in each case nothing is committed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("The minister said on Friday that the talks would go on.")
    >>> _ = (folder / "b.txt").write_text("The minister said on Friday that the talks would go on!")
    >>> summary = run([folder], folder / "out")
    >>> (summary.counts["read"], summary.counts["kept"], summary.counts["duplicate"])
    (2, 1, 1)
    """
    settings = settings or Settings()
    if not dry_run:
        check_output_folder(Path(out), overwrite=overwrite)
    corpus, notes = read(inputs, settings, spooled=spooled, exclude=[Path(out)])
    repairer = make_repairer(settings.repair)
    relations = relate(corpus, settings, repairer, track)
    witnesses = collect_witnesses(corpus, relations)
    found, ledger = relations.found, Ledger.load(Path(out))
    emission = Emission(found.pairs, relations.clustering, describe_finding(found), notes, settings.emit.format)

    def repair(article: Article) -> Repair:
        if settings.repair.enabled:
            return repairer.repair(article, witnesses.get(article.id, ()))
        verdict, score, _ = repairer.judge(article)
        return Repair(article.id, "", verdict=verdict, score=score)

    def emit(writer: Writer) -> Summary:
        emit_records(writer, track(corpus, "repair and write"), emission, repair, ledger)
        emission.notes += [*found.describe_hot(), *repairer.describe_skipped()]
        return finish_emission(writer, emission, ledger, run_details(settings, repairer))

    if dry_run:
        return emit(DryRun())
    with CorpusWriter(Path(out), corpus, format=settings.emit.format, overwrite=overwrite) as writer:
        return emit(writer)


def find(
    inputs: Sequence[str | Path],
    settings: Settings | None = None,
    *,
    spooled: Input | None = None,
    track: Track = untracked,
) -> Relations:
    """The verified pairs and the clusters among `inputs`; nothing is written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("One and the same text, twice.")
    >>> _ = (folder / "b.txt").write_text("One and the same text: twice!")
    >>> [(pair.a, pair.b, pair.kind) for pair in find([folder]).found.pairs]
    [('a.txt', 'b.txt', 'exact')]
    """
    settings = settings or Settings()
    corpus, notes = read(inputs, settings, spooled=spooled)
    relations = relate(corpus, settings, make_repairer(settings.repair), track)
    return dataclasses.replace(relations, notes=(*notes, *relations.found.describe_hot()))


def read(
    inputs: Sequence[str | Path], settings: Settings, *, spooled: Input | None = None, exclude: Sequence[Path] = ()
) -> tuple[Corpus, list[str]]:
    """The corpus that the inputs hold, and what the user should be told about how it is read."""
    discovery = discover_inputs(inputs, spooled=spooled, exclude=exclude)
    choices = detect_fields(discovery.inputs, settings.read)
    notes = [choice.message for choice in choices.values() if choice.message]
    if discovery.skipped:
        notes.append(f"passed over {len(discovery.skipped)} files of unknown extension, such as {discovery.skipped[0]}")
    further = [field for field in settings.repair.fields if field not in {"text", "title"}]
    return read_records(discovery.inputs, settings.read, choices, further), notes


def relate(corpus: Corpus, settings: Settings, repairer: Repairer, track: Track = untracked) -> Relations:
    """Profile, find, cluster, choose: all relations between the articles of the corpus."""
    profiler, ids, unreadable = Profiler(settings.find), [], 0
    for record in track(corpus, "read and profile"):
        if record.article is not None:
            profiler.add(record.article.text)
            ids.append(record.article.id)
        else:
            unreadable += not record.rest
    profiles = profiler.finish()
    found = find_pairs(profiles, ids, settings.find)
    candidates = assess_candidates(corpus, {id for pair in found.pairs for id in (pair.a, pair.b)}, repairer)

    def choose(members: Sequence[str]) -> tuple[str, str]:
        return choose_canonical([candidates[id] for id in members], settings.choose)

    clustering = find_clusters(found.pairs, profiles, ids, settings.find.near, choose)
    return Relations(len(ids), found, clustering, candidates, unreadable)


def assess_candidates(corpus: Corpus, wanted: set[str], repairer: Repairer) -> dict[str, Candidate]:
    """What the choice of a canonical must know of each wanted article; without any the corpus is not read."""
    candidates: dict[str, Candidate] = {}
    for record in corpus if wanted else ():
        article = record.article
        if article is not None and article.id in wanted:
            verdict, score, _ = repairer.judge(article)
            candidates[article.id] = Candidate(
                id=article.id,
                length=len(article.text.split()),
                verdict=verdict,
                score=score,
                truncated=is_truncated(article.text),
                source=article.source,
                date=article.date,
            )
    return candidates


def collect_witnesses(corpus: Corpus, relations: Relations) -> dict[str, list[str]]:
    """The texts of the other versions, for each canonical that is not clean: evidence of its original wording."""
    spun = [c for c in relations.clustering.clusters if relations.candidates[c.canonical].verdict != "clean"]
    canonical_of = {member: cluster.canonical for cluster in spun for member in cluster.members if member != cluster.canonical}
    texts: dict[str, list[str]] = {}
    for record in corpus if canonical_of else ():
        if record.article is not None and record.article.id in canonical_of:
            texts.setdefault(canonical_of[record.article.id], []).append(record.article.text)
    return texts
