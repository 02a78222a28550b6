"""Emitting: every record to its place, and beside the corpus what was found and done.

canonical/  duplicates.jsonl  quarantine.jsonl  originals.jsonl      by corpus.writer
pairs.jsonl  clusters.jsonl  boilerplate.jsonl                       the findings, line by line
edits.jsonl  repairs.jsonl                                           the repairs
summary.json  report.html  manifest.json                             the whole at a glance, and the proof
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dedupe import __version__
from dedupe.config import EmitFormat, Settings, as_toml
from dedupe.corpus.layout import corpus_name
from dedupe.corpus.record import Record
from dedupe.detect.boilerplate import CommonPassage
from dedupe.detect.clusters import Clustering
from dedupe.detect.find import Found
from dedupe.findings import BOILERPLATE, CLUSTERS, PAIRS, join_findings
from dedupe.kernel import kernel_name
from dedupe.model import Article, Edit, Pair, Repair, article_fields, as_dict
from dedupe.review.ledger import Ledger
from dedupe.review.report import CONTEXT, EditPages, EditView, ReportData, build_report
from dedupe.review.summary import Summary

if TYPE_CHECKING:
    from dedupe.repair.repairer import Repairer

EDITS, REPAIRS = "edits.jsonl", "repairs.jsonl"
FOUND = "found.jsonl"  # the clusters as the run found them, where people decided otherwise
SUMMARY, REPORT = "summary.json", "report.html"
_EXAMPLES = 12
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False)
_SMALLEST_SOURCE = 5  # articles; a smaller source that loses its half is no news


class Writer(Protocol):
    """Where records go: `corpus.writer.CorpusWriter`, or a `DryRun` that only counts."""

    @property
    def counts(self) -> dict[str, int]: ...
    def keep(self, record: Record) -> None: ...
    def repair(self, record: Record, edits: Sequence[Edit]) -> None: ...
    def duplicate(self, record: Record, dup_of: str, kind: str, jaccard: float, containment: float) -> None: ...
    def quarantine(self, record: Record) -> None: ...
    def append(self, name: str, chunk: bytes) -> None: ...
    def finish(self, details: Mapping[str, Any]) -> object: ...


class DryRun:
    """A writer that counts and writes nothing."""

    def __init__(self) -> None:
        self._counts = {"read": 0, "kept": 0, "repaired": 0, "duplicate": 0, "quarantined": 0}

    @property
    def counts(self) -> dict[str, int]:
        """The records counted so far: read, kept, repaired, duplicate, quarantined."""
        return dict(self._counts)

    def keep(self, record: Record) -> None:
        """Count a kept record."""
        self._count("kept")

    def repair(self, record: Record, edits: Sequence[Edit]) -> None:
        """Count a repaired record, or a kept one if there are no edits."""
        self._count("repaired" if edits else "kept")

    def duplicate(self, record: Record, dup_of: str, kind: str, jaccard: float, containment: float) -> None:
        """Count a duplicate."""
        self._count("duplicate")

    def quarantine(self, record: Record) -> None:
        """Count a quarantined record; the further pieces of a huge one are not counted."""
        if not record.rest:
            self._count("quarantined")

    def append(self, name: str, chunk: bytes) -> None:
        """Drop what would be written."""

    def finish(self, details: Mapping[str, Any]) -> None:
        """Nothing is left to do."""

    def _count(self, outcome: str) -> None:
        self._counts["read"] += 1
        self._counts[outcome] += 1


class Emission:
    """What emission knows before it starts, and the numbers and examples it gathers on its way.

    `run` is the name of the run (`corpus.folder.name_run`), by which a browser knows the pages of its report.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        clustering: Clustering,
        finding: Mapping[str, Any],
        notes: Sequence[str],
        format: EmitFormat,
        boilerplate: Sequence[CommonPassage] = (),
        run: str = "",
    ) -> None:
        self.pairs, self.clustering, self.finding, self.boilerplate = pairs, clustering, finding, boilerplate
        self.notes, self.corpus = list(notes), corpus_name(format)
        self.canonical_of = {m: c.canonical for c in clustering.clusters for m in c.members if m != c.canonical}
        self.verdicts, self.tiers, self.rules = Counter[str](), Counter[str](), Counter[str]()
        self.made = 0
        self.sources, self.removed = Counter[str](), Counter[str]()
        self.known_edits: set[str] = set()
        self.known_articles = {id for pair in pairs for id in (pair.a, pair.b)}  # and those that decisions name
        self.withheld: Mapping[str, Repair] = {}  # of articles that were set aside by a decision, to be known again
        self.report, self.edit_pages = ReportData.of_clusters(clustering.clusters, run), EditPages(run)

    def note_repair(self, article: Article, repair: Repair, made: Sequence[Edit]) -> list[EditView]:
        """Count what was proposed and made; the edits as they are shown, each with some text around it."""
        self.verdicts[repair.verdict] += 1
        made_ids = {(e.field, e.start, e.end) for e in made}
        views = [_view(article, edit, (edit.field, edit.start, edit.end) in made_ids) for edit in repair.edits]
        for view in views:
            self.made += view.made
            if view.made == view.edit.automatic:  # else a person decided against the tier
                self.tiers[view.edit.tier] += 1
            self.rules.update(view.edit.rules[:1])
            self.report.add_edit(view)
        if repair.verdict != "clean" or repair.flags:
            self.report.add_article(repair)
        return views


def emit_records(
    writer: Writer,
    records: Iterable[Record],
    emission: Emission,
    repair: Callable[[Article], Repair],
    ledger: Ledger,
) -> None:
    """Sends every record to its place: quarantine, duplicates, or the canonical corpus, repaired as the ledger allows."""
    named = ledger.articles()
    for record in records:
        article = record.article
        if article is None:
            writer.quarantine(record)
            if not record.rest:
                emission.report.add_quarantined(record.where, record.error)
            continue
        if article.id in named:
            emission.known_articles.add(article.id)
        emission.report.add_text(article)
        emission.sources[article.source] += 1
        if article.id in emission.canonical_of:
            link = emission.clustering.links[article.id]
            emission.removed[article.source] += 1
            writer.duplicate(record, emission.canonical_of[article.id], link.kind, link.jaccard, link.containment)
            if article.id in emission.withheld:
                _write_repair(writer, article, emission.withheld[article.id], (), emission)
        else:
            emit_repaired(writer, record, article, repair(article), emission, ledger)


def emit_repaired(writer: Writer, record: Record, article: Article, repair: Repair, emission: Emission, ledger: Ledger) -> None:
    """Writes one surviving record with the edits that the ledger lets pass, and the lines that tell of them."""
    made = ledger.settle(repair.edits, article.source)
    writer.repair(record, made)
    _write_repair(writer, article, repair, made, emission)


def _write_repair(writer: Writer, article: Article, repair: Repair, made: Sequence[Edit], emission: Emission) -> None:
    for view in emission.note_repair(article, repair, made):
        writer.append(EDITS, _encode(view.as_dict()))
        _append_pages(writer, emission.edit_pages.add(view))
        emission.known_edits.add(view.edit.id)
    if repair.edits or repair.flags or repair.roles or repair.verdict != "clean":
        writer.append(REPAIRS, _encode(_repair_line(article, repair)))


def finish_emission(writer: Writer, emission: Emission, ledger: Ledger, details: Mapping[str, Any]) -> Summary:
    """Writes pairs, clusters, summary and report, then commits; the summary of it all."""
    for name in (EDITS, REPAIRS, PAIRS, CLUSTERS, BOILERPLATE):
        writer.append(name, b"")
    for name, lines in join_findings(emission.pairs, emission.clustering, emission.boilerplate):
        writer.append(name, lines)
    summary, clustering = summarize(writer.counts, emission, ledger), emission.clustering
    writer.append(SUMMARY, _encode(dataclasses.asdict(summary), indent=1))
    report = emission.report
    report.sources = {source: (number, emission.removed[source]) for source, number in emission.sources.items()}
    if report.shown < sum(summary.rules.values()):
        _append_pages(writer, emission.edit_pages.finish())
        report.pages = emission.edit_pages.number
    _append_pages(writer, [(REPORT, build_report(summary, [*clustering.clusters, *clustering.linked], report))])
    writer.finish(details)
    return summary


def _append_pages(writer: Writer, pages: Iterable[tuple[str, str]]) -> None:
    for name, page in pages:
        writer.append(name, page.encode("utf-8", "replace"))


def summarize(counts: Mapping[str, int], emission: Emission, ledger: Ledger) -> Summary:
    """The summary of what was emitted."""
    stale = ledger.stale_decisions(emission.known_edits, emission.known_articles)
    emptied = {
        source: emission.removed[source] / number
        for source, number in sorted(emission.sources.items())
        if number >= _SMALLEST_SOURCE and emission.removed[source] > number / 2
    }
    return Summary(
        counts=dict(counts),
        relations=dict(Counter(pair.kind for pair in emission.pairs)),
        clusters=len(emission.clustering.clusters),
        linked=dict(sorted(Counter(cluster.kind for cluster in emission.clustering.linked).items())),
        verdicts=dict(sorted(emission.verdicts.items())),
        made=emission.made,
        edits=dict(sorted(emission.tiers.items())),
        rules=dict(sorted(emission.rules.items(), key=lambda item: (-item[1], item[0]))),
        emptied=emptied if len(emission.sources) > 1 else {},
        notes=tuple(emission.notes),
        examples=tuple(view.describe() for view in emission.report.examples(_EXAMPLES)),
        decisions=len(ledger),
        stale=tuple(stale),
        finding=dict(emission.finding),
        corpus=emission.corpus,
    )


def load_summary(out: Path) -> Summary:
    """The summary of a finished run, as summary.json has it."""
    plain: dict[str, Any] = json.loads((out / SUMMARY).read_bytes())
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Summary(**values)


def describe_finding(found: Found) -> dict[str, Any]:
    """How the pairs were found, for the summary: the kernel, the bands and their expected recall, the pairs compared."""
    return {
        "kernel": kernel_name(),
        "bands": found.bands,
        "rows": found.rows,
        "expected_recall": round(found.recall, 5),
        "candidates": found.candidates,
    }


def run_details(settings: Settings, repairer: Repairer) -> dict[str, Any]:
    """What the manifest tells of how the run was made: version, settings, a digest of the rules in force."""
    rules = hashlib.sha256()
    for r in repairer.lexicon.rules:
        says = (
            r.id,
            r.spun,
            r.originals,
            r.tier,
            r.when,
            r.unless,
            r.example,
            r.counterexample,
            r.source,
        )  # not where it stands
        rules.update(json.dumps(says, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return {"version": __version__, "settings": as_toml(settings), "rules_sha256": rules.hexdigest()}


def _repair_line(article: Article, repair: Repair) -> dict[str, Any]:
    fields = article_fields(article)
    roles = [{**as_dict(role), "text": fields[role.field][role.start : role.end]} for role in repair.roles]
    flags = [as_dict(flag) for flag in repair.flags]
    head = {"article": repair.article, "verdict": repair.verdict, "score": repair.score, "digest": repair.digest}
    return {**head, "edits": len(repair.edits), "flags": flags, "roles": roles}


def _view(article: Article, edit: Edit, made: bool) -> EditView:
    text = article_fields(article)[edit.field]
    left = text[max(0, edit.start - CONTEXT) : edit.start].rpartition("\n")[2]
    right = text[edit.end : edit.end + CONTEXT].partition("\n")[0]
    return EditView(edit, made, left, right, article.source)


def _encode(value: Mapping[str, Any], indent: int | None = None) -> bytes:
    """The value as JSON in UTF-8; a lone surrogate, which that cannot hold, becomes the escape that JSON has for it."""
    encoded = json.dumps(value, ensure_ascii=False, indent=indent) if indent else _ENCODER.encode(value)
    return encoded.encode("utf-8", "backslashreplace") + b"\n"
