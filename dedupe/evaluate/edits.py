"""Wording repairs judged by a truth: right, wrong, missed, and the harm done to words that nobody had changed.

Wording is what `spin` rows tell of. Encoding and layout are counted apart: they are another job, with other risks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from dedupe.corpus.undo import read_back
from dedupe.corpus.writer import DUPLICATES
from dedupe.emit import EDITS, REPAIRS
from dedupe.errors import InputError, UsageError
from dedupe.evaluate.gate import judge_gate
from dedupe.evaluate.report import Case, EditReport, Furniture, Tally
from dedupe.evaluate.similarity import edit_similarity, word_jaccard
from dedupe.evaluate.truth import TruthEdit, read_truth_edits
from dedupe.evaluate.windows import TrimmedEdit, Window, compare, count_words
from dedupe.model import Edit, Role, article_fields
from dedupe.repair.gate import Verdict
from dedupe.review.report import read_views
from dedupe.text.edits import Span, apply_spans

_CONTEXT = 40  # characters shown on either side of a case
_ROLE_SHARE = 0.5  # of a furniture row, from which a role span recognises it


@dataclass(frozen=True)
class JudgedDocument:
    """What is known of one document: its fields as read, the edits that were made, the gate's verdict, the truth rows."""

    id: str
    fields: Mapping[str, str]
    edits: Sequence[Edit] = ()
    rows: Sequence[TruthEdit] = ()
    verdict: Verdict = "clean"
    score: float = 0.0
    roles: Sequence[Role] = ()


def evaluate_edits(out: str | Path, truth: str | Path) -> EditReport:
    """The report on the edits of the finished run in `out`, judged by the truth file.

    A document of the truth is an article of the run by its id. Documents without spin rows are clean. Raises UsageError when
    `out` holds no finished run or no document of the truth, InputError when a row does not fit the text it speaks of.
    """
    rows = {name: list(group) for name, group in groupby(read_truth_edits(Path(truth)), key=lambda row: row.document)}
    folder = Path(out)
    seen, set_aside = set[str](), set[str]()

    def survivors() -> Iterator[JudgedDocument]:
        for document, survives in _read_documents(folder, rows):
            seen.add(document.id)
            if survives:
                yield document
            elif document.rows:
                set_aside.add(document.id)

    report = judge_documents(survivors())
    if rows and not rows.keys() & seen:
        first = next(iter(rows))
        raise UsageError(f"the run in {folder} holds no document of this truth, such as {first!r}", path=str(truth))
    report.set_aside, report.absent = len(set_aside), len(rows.keys() - seen)
    return report


def judge_documents(documents: Iterable[JudgedDocument]) -> EditReport:
    """The report on documents at hand: what `evaluate_edits` does with those of a run.

    >>> row = TruthEdit("d", "text", 2, 7, "trade", "deal")
    >>> edit = Edit("d", "text", 2, 7, "trade", "deal", ("word.trade",), "spun")
    >>> judge_documents([JudgedDocument("d", {"text": "a trade"}, [edit], [row])]).wording.precision
    1.0
    """
    report = EditReport()
    gate: dict[bool, list[tuple[Verdict, float]]] = {True: [], False: []}
    words, before, after = 0, 0, 0
    similarities: dict[str, list[tuple[float, float]]] = {"word_jaccard": [], "edit_similarity": []}
    for document in documents:
        is_spun = any(row.kind == "spin" for row in document.rows)
        gate[is_spun].append((document.verdict, document.score))
        missed = _judge_document(report, document, is_spun)
        if is_spun:
            words += sum(map(count_words, document.fields.values()))
            before += sum(row.kind == "spin" for row in document.rows)
            after += missed
            source, repaired, original = _versions(document)
            for name, measure in (("word_jaccard", word_jaccard), ("edit_similarity", edit_similarity)):
                similarities[name].append((measure(source, original), measure(repaired, original)))
    report.gate = judge_gate(gate[True], gate[False])
    report.residual = (100 * before / max(1, words), 100 * after / max(1, words))
    report.similarity = {name: _means(pairs) for name, pairs in similarities.items() if pairs}
    return report


def _read_documents(out: Path, rows: Mapping[str, Sequence[TruthEdit]]) -> Iterator[tuple[JudgedDocument, bool]]:
    """Every document of a run, and whether it survived; those that did not were not repaired."""
    corpus = read_back(out)
    edits: dict[str, list[Edit]] = {}
    for view in read_views(map(json.loads, (out / EDITS).open("rb"))):
        if view.made:
            edits.setdefault(view.edit.article, []).append(view.edit)
    repairs = {line["article"]: line for line in map(json.loads, (out / REPAIRS).open("rb"))}
    removed = {json.loads(line)["id"] for line in (out / DUPLICATES).open("rb")}
    for record in corpus:
        if (article := record.article) is not None:
            repair = repairs.get(article.id, {})
            roles = [Role(role["role"], role["field"], role["start"], role["end"]) for role in repair.get("roles", ())]
            document = JudgedDocument(
                id=article.id,
                fields=article_fields(article),
                edits=edits.get(article.id, ()),
                rows=rows.get(article.id, ()),
                verdict=repair.get("verdict", "clean"),
                score=repair.get("score", 0.0),
                roles=roles,
            )
            yield document, article.id not in removed


def _judge_document(report: EditReport, document: JudgedDocument, is_spun: bool) -> int:
    """Adds one document to the report; how many of its spin rows still read as spun."""
    harm, missed, made = report.spun if is_spun else report.clean, 0, 0
    harm.documents += 1
    for name, text in document.fields.items():
        edits = [edit for edit in document.edits if edit.field == name]
        rows = [row for row in document.rows if row.field == name and row.kind != "clean"]
        _check_rows(text, rows)
        edits, rows = _judge_furniture(report, document, name, text, edits, rows)
        harm.words += _count_clean_words(text, rows)
        for window in compare(text, edits, rows):
            kind = _kind(window)
            made += kind == "spin" and bool(window.edits)
            missed += window.verdict == "missed" and sum(row.kind == "spin" for row in window.rows)
            harm.edits += window.harmed if kind == "spin" else 0
            _count_window(report, window, kind)
            _keep_case(report, document.id, name, text, window, kind)
    harm.touched += bool(made)
    unknown = sorted({row.field for row in document.rows if row.kind != "clean"} - document.fields.keys())
    if unknown:
        raise InputError(f"{document.id} has no field {unknown[0]!r}", path=document.rows[0].origin[0])
    return missed


def _check_rows(text: str, rows: Sequence[TruthEdit]) -> None:
    """Raises InputError for a row that does not fit the text, or overlaps another one."""
    last: TruthEdit | None = None
    for row in rows:
        path, line = row.origin
        if text[row.start : row.end] != row.spun:
            found = text[row.start : row.end]
            message = f"{row.document} reads {found!r} at [{row.start}, {row.end}), not {row.spun!r}; is this another version?"
            raise InputError(message, path=path, line=line)
        if last is not None and row.start < last.end and not row.is_furniture:
            raise InputError("overlaps the row before it", path=path, line=line)
        if not row.is_furniture:
            last = row


def _judge_furniture(
    report: EditReport, document: JudgedDocument, name: str, text: str, edits: list[Edit], rows: list[TruthEdit]
) -> tuple[list[Edit], list[TruthEdit]]:
    """The edits and rows that are left when page furniture is settled: what was taken out takes its rows with it."""
    furniture = [row for row in rows if row.is_furniture]
    rest = [row for row in rows if not row.is_furniture]
    removals = [edit for edit in edits if not edit.after.strip() and _is_furniture(edit.start, edit.end, text, furniture)]
    removed = [row for row in furniture if any(e.start <= a and b <= e.end for e in removals for a, b in [_core(row)])]
    roles = [role for role in document.roles if role.field == name]
    recognised = sum(row in removed or _is_recognised(row, roles) for row in furniture)
    counted = (len(furniture), len(removed), recognised)
    report.furniture = Furniture(*(a + b for a, b in zip(report.furniture, counted, strict=True)))
    rest = [row for row in rest if not any(edit.start <= row.start and row.end <= edit.end for edit in removals)]
    return [edit for edit in edits if edit not in removals], rest


def _core(row: TruthEdit) -> tuple[int, int]:
    """The span of a row without the white space around it."""
    return row.start + len(row.spun) - len(row.spun.lstrip()), row.start + len(row.spun.rstrip())


def _is_furniture(start: int, end: int, text: str, furniture: Sequence[TruthEdit]) -> bool:
    """Whether a span holds furniture and, besides, white space only."""
    inside = [row for row in furniture if row.start < end and start < row.end]
    kept, position = [], start
    for row in inside:
        kept.append(text[position : max(position, row.start)])
        position = max(position, row.end)
    kept.append(text[position : max(position, end)])
    return bool(inside) and not "".join(kept).strip()


def _is_recognised(row: TruthEdit, roles: Sequence[Role]) -> bool:
    start, end = _core(row)
    return any(min(end, role.end) - max(start, role.start) >= _ROLE_SHARE * (end - start) for role in roles)


def _count_clean_words(text: str, rows: Sequence[TruthEdit]) -> int:
    covered = [Span(row.start, row.end, " ") for row in rows]
    return count_words(apply_spans(text, covered))


def _kind(window: Window) -> str:
    """What a window is about: its rows tell, or the rules of its edits."""
    kinds = {row.kind for row in window.rows if row.kind != "flag"}
    if kinds:
        return "spin" if "spin" in kinds else min(kinds)
    rules = {edit.edit.rules[0] for edit in window.edits if edit.edit.rules}
    if rules and all(rule.startswith("layout.") for rule in rules):
        return "encoding" if "layout.encoding" in rules else "layout"
    return "spin"


def _count_window(report: EditReport, window: Window, kind: str) -> None:
    right = window.verdict in {"exact", "equivalent"}
    for row in window.rows:
        if row.kind != "flag":
            tallies = [report.kinds.setdefault(row.kind, Tally())]
            if row.kind == "spin":
                tallies += [report.wording, report.quotes.setdefault(_place(row.in_quote), Tally())]
            for tally in tallies:
                tally.rows += 1
                tally.touched += bool(window.edits)
                tally.restored += right
    if window.verdict == "neutral":
        report.flags_touched += len(window.edits) if window.rows else 0
        return
    for edit in window.edits:
        for tally in _edit_tallies(report, edit, kind):
            if window.verdict == "exact":
                tally.exact += 1
            elif window.verdict == "equivalent":
                tally.equivalent += 1
            elif window.rows and _touches(edit, window.rows):
                tally.wrong += 1
            else:
                tally.harmful += 1


def _edit_tallies(report: EditReport, edit: TrimmedEdit, kind: str) -> list[Tally]:
    tallies = [report.kinds.setdefault(kind, Tally())]
    if kind == "spin":
        tallies += [
            report.wording,
            report.quotes.setdefault(_place(edit.edit.in_quote), Tally()),
            report.tiers.setdefault(edit.edit.tier, Tally()),
        ]
    for rule in edit.edit.rules[:1]:
        tallies.append(report.rules.setdefault(rule, Tally()))
    return tallies


def _touches(edit: TrimmedEdit, rows: Sequence[TruthEdit]) -> bool:
    return any(
        (row.start < edit.end and edit.start < row.end) or (edit.start == edit.end and edit.start in (row.start, row.end))
        for row in rows
    )


def _place(in_quote: bool) -> str:
    return "in quotation" if in_quote else "elsewhere"


def _keep_case(report: EditReport, document: str, name: str, text: str, window: Window, kind: str) -> None:
    if window.verdict not in {"wrong", "missed", "harm"} or kind != "spin":
        return
    case = Case(
        kind=window.verdict,
        document=document,
        field=name,
        start=window.start,
        before=text[window.start : window.end],
        produced=window.produced,
        wanted=window.wanted,
        rules=tuple(rule for edit in window.edits for rule in edit.edit.rules),
        left=text[max(0, window.start - _CONTEXT) : window.start],
        right=text[window.end : window.end + _CONTEXT],
    )
    report.cases.append(case)


def _versions(document: JudgedDocument) -> tuple[str, str, str]:
    """The document as read, as repaired, and its original, all with their page furniture, fields one after the other."""
    versions: tuple[list[str], list[str], list[str]] = ([], [], [])
    for name, text in document.fields.items():
        edits = sorted((e for e in document.edits if e.field == name and not _is_removal(e)), key=lambda edit: edit.start)
        rows = [row for row in document.rows if row.field == name and row.kind != "clean" and not row.is_furniture]
        versions[0].append(text)
        versions[1].append(apply_spans(text, [Span(edit.start, edit.end, edit.after) for edit in edits]))
        versions[2].append(apply_spans(text, [Span(row.start, row.end, row.original) for row in rows]))
    return "\n".join(versions[0]), "\n".join(versions[1]), "\n".join(versions[2])


def _is_removal(edit: Edit) -> bool:
    return not edit.after.strip() and edit.rules[0].startswith("layout.")


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(before for before, _ in pairs) / len(pairs), sum(after for _, after in pairs) / len(pairs)
