"""START READING HERE. The whole job as one sentence:

    read → profile → find → cluster → choose → repair → emit        (→ review, which feeds `apply`)

The middle of it, from profile to choose, is `relate`. Each word has a folder or a file of its own. The inputs are read
once to profile and once more to emit; texts are not kept in between. What stood before the run is in `earlier`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dedupe.assess import assess_spin
from dedupe.config import Settings
from dedupe.corpus.folder import OutputFolder, identify_run, name_run
from dedupe.corpus.inputs import Input
from dedupe.corpus.opening import open_corpus
from dedupe.corpus.writer import CorpusWriter
from dedupe.earlier import Past
from dedupe.emit import DryRun, Emission, Writer, describe_finding, emit_records, finish_emission, load_summary, run_details
from dedupe.findings import untracked
from dedupe.model import Article, Repair
from dedupe.relate import Track, collect_witnesses, relate
from dedupe.repairing import Crew, Task, count_workers
from dedupe.review.ledger import Ledger
from dedupe.review.regroup import Grouping
from dedupe.review.summary import Summary
from dedupe.texts import make_repairer


def run(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    jobs: int = 1,
    index: str = "",
    against: Sequence[str | Path] = (),
    spooled: Input | None = None,
    track: Track = untracked,
) -> Summary:
    """The summary of the whole job: `inputs` cleaned into the folder `out`.

    `dry_run` writes nothing and tells what would be done. `overwrite` lets a finished run in `out` be replaced. With
    `jobs` other than 1 the repair of a large corpus is shared by as many processes, 0 for one a core. Copies of
    articles in the index of the URL `index`, or in the corpus `against`, are duplicates of those; survivors enter the index.
    `spooled` is what the input "-" stands for. Raises UsageError for wrong settings or paths, InputError for damaged input,
    IndexStateError for an index that cannot be used, ConservationError when a record would be lost; in each case
    nothing is committed.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("The minister said on Friday that the talks would go on.")
    >>> _ = (folder / "b.txt").write_text("The minister said on Friday that the talks would go on!")
    >>> summary = run([folder], folder / "out")
    >>> (summary.counts["read"], summary.counts["kept"], summary.counts["duplicate"])
    (2, 1, 1)
    """
    settings = settings or Settings()
    with Past(index, against, settings, Path(out), dry_run=dry_run) as past:
        if dry_run:
            return clean(inputs, Path(out), None, settings, jobs, spooled, track, past)
        with OutputFolder(Path(out), overwrite=overwrite, repeat=bool(index)) as folder:
            return clean(inputs, Path(out), folder, settings, jobs, spooled, track, past)


def clean(
    inputs: Sequence[str | Path],
    out: Path,
    folder: OutputFolder | None,
    settings: Settings,
    jobs: int,
    spooled: Input | None,
    track: Track,
    past: Past,
) -> Summary:
    """The summary of the sentence above, said into a folder that is held, or into nothing.

    What a run of the same inputs and settings had completed when it was interrupted is not done again.
    """
    corpus, notes = open_corpus(inputs, settings, spooled=spooled, exclude=[out])
    repairer = make_repairer(settings.repair)
    details, ledger = run_details(settings, repairer) | past.details, Ledger.load(out)
    reviewed = {"decisions": len(ledger)} if len(ledger) else {}  # what people decided makes it another run
    identity = identify_run({**details, **reviewed}, corpus.inputs)
    is_finished = past.is_finished(identity, corpus)
    if folder and folder.begin(identity) and is_finished:
        return load_summary(out)
    relations = relate(corpus, settings, assess_spin(repairer), track, Grouping.read(ledger), past, past.reference)
    witnesses, found = collect_witnesses(corpus, relations), relations.found
    finding, run = describe_finding(found), name_run(details, corpus.inputs)
    emission = Emission(found.pairs, relations.clustering, finding, notes, settings.emit.format, relations.boilerplate, run)

    def repair(article: Article) -> Repair:
        if settings.repair.enabled:
            return repairer.repair(article, witnesses.get(article.id, ()))
        judgement = repairer.judge(article)
        return Repair(article.id, "", verdict=judgement.verdict, score=judgement.score)

    def ask(article: Article) -> Task | None:
        return None if article.id in emission.canonical_of else (article, tuple(witnesses.get(article.id, ())))

    def emit(writer: Writer) -> Summary:
        records = track(corpus, "repair and write")
        workers = count_workers(jobs, len(relations.places)) if settings.repair.enabled else 0
        if workers:
            with Crew(settings.repair, workers) as crew:
                emit_records(writer, crew.look_ahead(records, ask), emission, crew.take, ledger)
            repairer.skipped.update(crew.skipped)
        else:
            emit_records(writer, records, emission, repair, ledger)
        emission.notes += [*found.describe_hot(), *repairer.describe_skipped(), *relations.notes]
        return finish_emission(writer, emission, ledger, details)

    if folder is None:
        return emit(DryRun())
    with CorpusWriter(folder, corpus, format=settings.emit.format) as writer:
        summary = emit(writer)
    past.take_in(relations.places.keys() - emission.canonical_of.keys(), identity, summary.counts)
    return summary
