"""START READING HERE. The whole job as one sentence:

    read → profile → find → cluster → choose → repair → emit        (→ review, which feeds `apply`)

The middle of it, from profile to choose, is `relate`. Each word has a folder or a file of its own. The inputs are read
once to profile and once more to emit; texts are not kept in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from dedupe.config import Settings
from dedupe.corpus.fields import detect_fields
from dedupe.corpus.folder import OutputFolder, identify_run, name_run
from dedupe.corpus.inputs import Input, discover_inputs
from dedupe.corpus.reader import Corpus, read_records
from dedupe.corpus.writer import CorpusWriter
from dedupe.emit import DryRun, Emission, Writer, describe_finding, emit_records, finish_emission, load_summary, run_details
from dedupe.model import Article, Repair
from dedupe.relate import Relations, Track, assess_plainly, assess_spin, collect_witnesses, relate
from dedupe.review.ledger import Ledger
from dedupe.review.regroup import Grouping
from dedupe.review.summary import Summary
from dedupe.texts import make_repairer

T = TypeVar("T")


def untracked(items: Iterable[T], step: str) -> Iterable[T]:
    """The items as they are: no progress is shown."""
    return items


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
    if dry_run:
        return clean(inputs, Path(out), None, settings, spooled, track)
    with OutputFolder(Path(out), overwrite=overwrite) as folder:
        return clean(inputs, Path(out), folder, settings, spooled, track)


def clean(
    inputs: Sequence[str | Path],
    out: Path,
    folder: OutputFolder | None,
    settings: Settings,
    spooled: Input | None,
    track: Track,
) -> Summary:
    """The summary of the sentence above, said into a folder that is held, or into nothing.

    What a run of the same inputs and settings had completed when it was interrupted is not done again.
    """
    corpus, notes = read(inputs, settings, spooled=spooled, exclude=[out])
    repairer = make_repairer(settings.repair)
    details, ledger = run_details(settings, repairer), Ledger.load(out)
    reviewed = {"decisions": len(ledger)} if len(ledger) else {}  # what people decided makes it another run
    if folder and folder.begin(identify_run({**details, **reviewed}, corpus.inputs)):
        return load_summary(out)
    relations = relate(corpus, settings, assess_spin(repairer), track, Grouping.read(ledger))
    witnesses, found = collect_witnesses(corpus, relations), relations.found
    finding, run = describe_finding(found), name_run(details, corpus.inputs)
    emission = Emission(found.pairs, relations.clustering, finding, notes, settings.emit.format, relations.boilerplate, run)

    def repair(article: Article) -> Repair:
        if settings.repair.enabled:
            return repairer.repair(article, witnesses.get(article.id, ()))
        judgement = repairer.judge(article)
        return Repair(article.id, "", verdict=judgement.verdict, score=judgement.score)

    def emit(writer: Writer) -> Summary:
        emit_records(writer, track(corpus, "repair and write"), emission, repair, ledger)
        emission.notes += [*found.describe_hot(), *repairer.describe_skipped()]
        return finish_emission(writer, emission, ledger, details)

    if folder is None:
        return emit(DryRun())
    with CorpusWriter(folder, corpus, format=settings.emit.format) as writer:
        return emit(writer)


def find(
    inputs: Sequence[str | Path],
    settings: Settings | None = None,
    *,
    judge_spin: bool = False,
    spooled: Input | None = None,
    track: Track = untracked,
) -> Relations:
    """The verified pairs and the clusters among `inputs`; nothing is written.

    Without `judge_spin` no rule table is read: the canonicals are chosen by the other preferences, in half the time.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("One and the same text, twice.")
    >>> _ = (folder / "b.txt").write_text("One and the same text: twice!")
    >>> [(pair.a, pair.b, pair.kind) for pair in find([folder]).found.pairs]
    [('a.txt', 'b.txt', 'exact')]
    """
    settings = settings or Settings()
    corpus, notes = read(inputs, settings, spooled=spooled)
    assess = assess_spin(make_repairer(settings.repair)) if judge_spin else assess_plainly
    relations = relate(corpus, settings, assess, track)
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
