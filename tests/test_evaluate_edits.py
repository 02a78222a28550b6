"""The judgement on edits: by the text they produce; strict where a tool could flatter itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SPUN, Cli
from hypothesis import given
from hypothesis import strategies as st

from dedupe import InputError, Settings, UsageError, run
from dedupe.config import FindSettings
from dedupe.evaluate.edits import JudgedDocument, evaluate_edits, judge_documents
from dedupe.evaluate.gate import judge_gate
from dedupe.evaluate.report import EditReport
from dedupe.evaluate.similarity import edit_similarity, word_jaccard
from dedupe.evaluate.truth import TruthEdit, read_truth_edits
from dedupe.evaluate.windows import compare, numbers_in, trim_edit
from dedupe.model import Edit, Role
from dedupe.text.edits import Span, apply_spans


def edit(text: str, before: str, after: str, rule: str = "word.x", tier: Any = "spun", nth: int = 0) -> Edit:
    start = -1
    for _ in range(nth + 1):
        start = text.index(before, start + 1)
    return Edit("d", "text", start, start + len(before), before, after, (rule,), tier)


def row(
    text: str, spun: str, original: str, *alternatives: str, kind: Any = "spin", note: str = "", start: int = -1
) -> TruthEdit:
    start = text.index(spun) if start < 0 else start
    return TruthEdit("d", "text", start, start + len(spun), spun, original, alternatives, kind, note=note)


def judge(text: str, edits: Sequence[Edit], rows: Sequence[TruthEdit], **more: Any) -> EditReport:
    return judge_documents([JudgedDocument("d", {"text": text}, edits, rows, **more)])


def verdicts(text: str, edits: Sequence[Edit], rows: Sequence[TruthEdit]) -> list[str]:
    return [window.verdict for window in compare(text, edits, rows)]


def test_without_edits_and_rows_there_is_nothing_to_judge() -> None:
    report = judge("A clean text.", [], [])
    assert (report.wording.edits, report.wording.rows, report.wording.precision, report.wording.recall) == (0, 0, None, None)
    assert report.clean.per_10_000 == 0.0


TRADE = "It is an trade of the drone assault kind."


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("trade", "industry", "exact"),
        ("an trade", "an industry", "exact"),
        ("is an trade of", "is an industry of", "exact"),
        ("an trade", "a business", "equivalent"),
        ("trade", "business", "wrong"),  # the article is left to clash
        ("trade", "commerce", "wrong"),
        ("trade of", "industry in", "wrong"),
    ],
)
def test_an_edit_is_judged_by_the_text_it_produces(before: str, after: str, expected: str) -> None:
    rows = [row(TRADE, "trade", "industry", "business")]
    assert verdicts(TRADE, [edit(TRADE, before, after)], rows) == [expected]


def test_edits_that_cover_a_row_together_are_judged_together() -> None:
    rows = [row(TRADE, "drone assault", "drone attack wave")]
    edits = [edit(TRADE, "drone", "drone"), edit(TRADE, "assault", "attack wave")]
    assert verdicts(TRADE, edits, rows) == ["exact"]
    halves = [edit(TRADE, "drone", "air"), edit(TRADE, "assault", "raid")]
    report = judge(TRADE, halves, [row(TRADE, "drone assault", "air raid")])
    assert (report.wording.exact, report.wording.restored, report.wording.precision) == (2, 1, 1.0)


def test_spans_that_only_touch_are_judged_apart() -> None:
    text = "a half-baked plan"
    assert verdicts(text, [edit(text, "-baked", " done")], [row(text, "half", "well")]) == ["missed", "harm"]


def test_an_edit_that_changes_nothing_is_none() -> None:
    assert verdicts(TRADE, [edit(TRADE, "trade", "trade")], [row(TRADE, "trade", "industry")]) == ["missed"]


def test_one_edit_over_two_rows_restores_both_or_none() -> None:
    text = "on safety ensures for"
    rows = [row(text, "safety", "security"), row(text, "ensures", "guarantees")]
    assert judge(text, [edit(text, "safety ensures", "security guarantees")], rows).wording.restored == 2
    half = judge(text, [edit(text, "safety ensures", "security ensures for sure")], rows).wording
    assert (half.restored, half.wrong, half.detection_recall) == (0, 1, 1.0)


def test_an_apostrophe_may_be_curly_and_case_may_not_differ() -> None:
    text = "they are not there"
    rows = [row(text, "are not", "aren’t")]
    assert verdicts(text, [edit(text, "are not", "aren't")], rows) == ["exact"]
    assert verdicts(text, [edit(text, "are not", "Aren’t")], rows) == ["wrong"]


def test_an_edit_where_nothing_was_changed_is_harm() -> None:
    report = judge("The extra time was short.", [edit("The extra time was short.", "extra", "additional")], [])
    assert (report.wording.harmful, report.wording.precision) == (1, 0.0)
    assert (report.clean.edits, report.clean.touched, report.clean.per_10_000) == (1, 1, 2000.0)


def test_white_space_alone_is_no_harm_unless_words_are_joined() -> None:
    text = "One line  here\n\n\n"
    assert verdicts(text, [edit(text, "  ", " "), edit(text, "\n\n\n", "\n")], []) == ["neutral", "neutral"]
    assert verdicts(text, [edit(text, "  ", "")], []) == ["harm"]
    assert verdicts(text, [edit(text, "  ", ", ")], []) == ["harm"]


def test_harm_on_the_clean_words_of_a_spun_text_counts_wrong_edits_that_reach_over_them() -> None:
    rows = [row(TRADE, "trade", "industry")]
    assert judge(TRADE, [edit(TRADE, "trade", "commerce")], rows).spun.edits == 0
    assert judge(TRADE, [edit(TRADE, "trade of", "commerce in")], rows).spun.edits == 1
    assert judge(TRADE, [edit(TRADE, "an trade", "a deal")], rows).spun.edits == 0  # an article goes with its noun


def test_a_flag_row_may_be_edited_but_its_number_may_not_change() -> None:
    text = "It may rise by a pair of% in 4 days."
    may, pair = row(text, "may", "could", kind="flag"), row(text, "a pair of%", "2%", kind="flag")
    report = judge(text, [edit(text, "may", "might")], [may, pair])
    assert (report.flags_touched, report.wording.edits, report.wording.rows) == (1, 0, 0)
    assert judge(text, [edit(text, "a pair of%", "2%")], [may, pair]).wording.wrong == 1
    four = row(text, "4", "four", kind="flag")
    assert judge(text, [edit(text, "4", "four")], [four]).flags_touched == 1
    assert judge(text, [edit(text, "4", "5")], [four]).wording.wrong == 1


def test_a_flag_row_beside_a_repaired_one_may_stay_or_be_repaired() -> None:
    text = "costs may go up"
    rows = [row(text, "costs", "prices"), row(text, "may", "could", kind="flag")]
    assert verdicts(text, [edit(text, "costs may", "prices may")], rows) == ["exact", "neutral"]
    assert verdicts(text, [edit(text, "costs may", "prices could")], rows) == ["equivalent"]
    assert verdicts(text, [edit(text, "costs may", "prices shall")], rows) == ["wrong"]


FURNITURE = "By Ann Foster\nThe trade grew .\nShare this: mentioned widely\n"


def test_a_guessed_number_makes_the_whole_window_wrong() -> None:
    text = "costs a pair of% more"
    rows = [row(text, "costs", "prices"), row(text, "a pair of%", "2%", kind="flag")]
    assert verdicts(text, [edit(text, "costs a pair of%", "prices 2%")], rows) == ["wrong"]


def test_page_furniture_is_counted_apart() -> None:
    byline = row(FURNITURE, "By Ann Foster\n", "", kind="layout", note="byline")
    share = row(FURNITURE, "\nShare this: mentioned widely", "", kind="layout", note="share")
    inside = row(FURNITURE, "mentioned", "said")
    stop = row(FURNITURE, " .", ".", kind="layout")
    removal = edit(FURNITURE, "Share this: mentioned widely\n", "", "layout.promotion", "safe")
    space = edit(FURNITURE, " ", "", "layout.space", "safe", nth=4)
    roles = [Role("byline", "text", 0, 13)]
    report = judge(FURNITURE, [space, removal], [byline, stop, share, inside], roles=roles)
    assert report.furniture == (2, 1, 2)
    assert (report.kinds["layout"].exact, report.kinds["layout"].rows) == (1, 1)
    assert "spin" not in report.kinds  # the row in the furniture went with it


def test_a_role_over_a_small_part_does_not_recognise_furniture() -> None:
    byline = row(FURNITURE, "By Ann Foster\n", "", kind="layout", note="byline")
    assert judge(FURNITURE, [], [byline], roles=[Role("heading", "text", 0, 6)]).furniture == (1, 0, 0)
    assert judge(FURNITURE, [], [byline], roles=[Role("byline", "text", 3, 13)]).furniture == (1, 0, 1)


def test_furniture_taken_out_does_not_lower_the_similarity_to_the_original() -> None:
    byline = row(FURNITURE, "By Ann Foster\n", "", kind="layout", note="byline")
    edits = [edit(FURNITURE, "By Ann Foster\n", "", "layout.byline", "safe"), edit(FURNITURE, "mentioned", "said")]
    report = judge(FURNITURE, edits, [byline, row(FURNITURE, "mentioned", "said")])
    assert [after for _, after in report.similarity.values()] == [1.0, 1.0]


def test_taking_out_more_than_the_furniture_is_harm_to_the_layout() -> None:
    byline = row(FURNITURE, "By Ann Foster\n", "", kind="layout", note="byline")
    report = judge(FURNITURE, [edit(FURNITURE, "By Ann Foster\nThe trade", "", "layout.byline", "safe")], [byline])
    assert (report.furniture.removed, report.kinds["layout"].harmful, report.clean.edits) == (0, 1, 0)


def test_tiers_quotations_and_rules_are_told_apart() -> None:
    rows = [row(TRADE, "trade", "industry"), row(TRADE, "assault", "attack")]
    edits = [edit(TRADE, "trade", "industry", "noun.trade", "safe"), edit(TRADE, "assault", "raid", "noun.assault", "context")]
    report = judge(TRADE, edits, rows)
    assert {tier: tally.precision for tier, tally in report.tiers.items()} == {"safe": 1.0, "context": 0.0}
    assert report.worst_rules(5)[0][0] == "noun.assault"
    assert [rule for rule, _ in report.worst_rules(5)] == ["noun.assault"]
    assert report.quotes["elsewhere"].recall == 0.5


def test_the_shares_are_what_their_names_say() -> None:
    edits = [edit(TRADE, "trade", "industry"), edit(TRADE, "kind", "sort")]
    rows = [row(TRADE, "trade", "industry"), row(TRADE, "assault", "attack")]
    report = judge(TRADE, edits, rows)
    wording = report.wording
    assert (wording.precision, wording.recall, wording.f05) == (0.5, 0.5, 0.5)
    assert (wording.detection_precision, wording.detection_recall) == (0.5, 0.5)
    assert report.spun.words == 7  # nine, less the two that rows cover
    assert judge(TRADE, edits[:1], rows).wording.f05 == pytest.approx(1.25 * 0.5 / 0.75)


def test_an_added_word_is_harm() -> None:
    assert judge(TRADE, [edit(TRADE, "kind", "kind also")], []).clean.edits == 1


def test_similarity_and_residual_spin_tell_before_and_after() -> None:
    rows = [row(TRADE, "trade", "industry"), row(TRADE, "assault", "attack")]
    report = judge(TRADE, [edit(TRADE, "trade", "industry")], rows, verdict="spun", score=4.0)
    assert report.residual == (pytest.approx(200 / 9), pytest.approx(100 / 9))
    before, after = report.similarity["edit_similarity"]
    assert (before, after) == (pytest.approx(7 / 9), pytest.approx(8 / 9))
    assert report.gate is not None
    assert (report.gate.tpr, report.gate.fpr) == (1.0, None)


words = st.lists(st.sampled_from("a b c d".split()), max_size=9)


@given(words, words)
def test_the_edit_similarity_is_that_of_the_textbook_recursion(a: list[str], b: list[str]) -> None:
    def distance(i: int, j: int) -> int:
        table = [[max(x, y) for y in range(j + 1)] for x in range(i + 1)]
        for x in range(1, i + 1):
            for y in range(1, j + 1):
                swap = table[x - 1][y - 1] + (a[x - 1] != b[y - 1])
                table[x][y] = min(swap, table[x - 1][y] + 1, table[x][y - 1] + 1)
        return table[i][j]

    longest = max(len(a), len(b), 1)
    assert edit_similarity(" ".join(a), " ".join(b)) == pytest.approx(1 - distance(len(a), len(b)) / longest)
    assert (word_jaccard(" ".join(a), " ".join(b)) == 1.0) == (set(a) == set(b))


pieces = st.lists(st.tuples(st.sampled_from(["the", "old", "trade", "an", "deal", "of"]), st.sampled_from(["-", "x", "y z"])))


@given(pieces)
def test_making_exactly_the_rows_is_perfect(parts: list[tuple[str, str]]) -> None:
    text, rows, position = " ".join(word for word, _ in parts), [], 0
    for word, original in parts:
        if original != "-":
            rows.append(TruthEdit("d", "text", position, position + len(word), word, original))
        position += len(word) + 1
    edits = [Edit("d", "text", r.start, r.end, r.spun, r.original, ("r",), "spun") for r in rows]
    report = judge(text, edits, rows)
    assert (report.wording.exact, report.wording.restored, report.spun.edits) == (len(rows), len(rows), 0)
    assert all(after == 1.0 for _, after in report.similarity.values())


@given(st.text("ab .", max_size=12), st.text("ab .", max_size=12))
def test_trimming_an_edit_changes_nothing_of_what_it_does(before: str, after: str) -> None:
    text = f"x {before} y"
    trimmed = trim_edit(Edit("d", "text", 2, 2 + len(before), before, after, ("r",), "spun"))
    assert apply_spans(text, [Span(trimmed.start, trimmed.end, trimmed.after)]) == f"x {after} y"


def test_numbers_are_compared_by_value() -> None:
    assert numbers_in("Four of 1,000") == numbers_in("4 of 1000")
    assert numbers_in("a pair of%") != numbers_in("2%")


def test_the_gate_at_no_false_positive_counts_only_scores_above_every_clean_one() -> None:
    report = judge_gate([("spun", 9.0), ("suspect", 2.0)], [("clean", 2.0), ("clean", 0.0)])
    assert (report.tpr_at_no_fpr, report.threshold, report.auc) == (0.5, 2.0, 0.875)
    json.dumps(vars(report), allow_nan=False)


def test_a_gate_without_documents_has_no_rates() -> None:
    report = judge_gate([], [])
    assert (report.tpr, report.fpr, report.auc, report.tpr_at_no_fpr) == (None, None, None, None)


HEADER = "document\tfield\tstart\tend\tspun\toriginal\talternatives\tkind\tin_quote\tnote\n"


def write_truth(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("d\ttext\t5\t3\tx\ty", "is no span"),
        ("d\ttext\tfive\t3\tx\ty", "start is 'five', not a number"),
        ("d\ttext\t0\t1\tx\ty\t\tspinn", "unknown kind 'spinn'; did you mean 'spin'"),
        ("d\ttext\t0\t1\tx\ty\t\tspin\tno\t\tmore", "11 columns where the header has 10"),
    ],
)
def test_a_bad_line_of_a_truth_is_an_error_with_its_place(line: str, complaint: str, tmp_path: Path) -> None:
    path = write_truth(tmp_path / "edits.tsv", line)
    with pytest.raises(InputError, match=f"edits.tsv:2: .*{complaint.split(';')[0]}"):
        read_truth_edits(path)


def test_a_truth_without_a_header_or_a_column_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        read_truth_edits(write_truth(tmp_path / "a.tsv", header=""))
    with pytest.raises(InputError, match="lacks the column 'spun'"):
        read_truth_edits(write_truth(tmp_path / "b.tsv", header="document\tfield\tstart\tend\n"))
    with pytest.raises(InputError, match="cannot be read"):
        read_truth_edits(tmp_path / "c.tsv")


def test_values_of_a_truth_may_hold_escaped_tabs_and_lines(tmp_path: Path) -> None:
    path = write_truth(tmp_path / "edits.tsv", "d\ttext\t0\t3\ta\\tb\ta\\nb\\\\\tc|d", "e\ttext\t0\t1\tx\ty\t\t\tyes")
    found, quoted = read_truth_edits(path)
    assert (found.in_quote, quoted.in_quote) == (False, True)
    assert (found.spun, found.original, found.alternatives, found.kind) == ("a\tb", "a\nb\\", ("c", "d"), "spin")


@pytest.fixture
def finished(jsonl_file: Path, settings: Settings, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    run([jsonl_file], out, settings)
    return out


def truth_of_spun(path: Path, *more: str) -> Path:
    swaps = [("international minister", "foreign minister"), ("safety treaty", "security treaty"), ("assault", "attack")]
    places = [(SPUN.index(spun), spun, original) for spun, original in [*swaps, ("depot", "store")]]
    lines = [f"spun\ttext\t{at}\t{at + len(spun)}\t{spun}\t{original}" for at, spun, original in sorted(places)]
    return write_truth(path, *lines, *more)


def test_a_finished_run_is_judged_by_article_id(finished: Path, tmp_path: Path) -> None:
    report = evaluate_edits(finished, truth_of_spun(tmp_path / "edits.tsv", "elsewhere\ttext\t0\t1\tx\ty"))
    assert (report.wording.rows, report.wording.restored) == (4, 3)
    assert [case.before for case in report.cases_of("missed")] == ["depot"]
    assert {case.before for case in report.cases_of("harm")} == {
        "mentioned",
        "Pictures",
        "assault",
    }  # the last one in the title
    assert (report.clean.documents, report.spun.documents, report.absent) == (2, 1, 1)


def test_a_document_set_aside_as_a_duplicate_is_not_judged(
    finished: Path, tmp_path: Path, read_lines: Callable[[Path], list[dict[str, Any]]]
) -> None:
    duplicate = read_lines(finished / "duplicates.jsonl")[0]
    first = duplicate["record"]["text"][:3]
    report = evaluate_edits(finished, truth_of_spun(tmp_path / "edits.tsv", f"{duplicate['id']}\ttext\t0\t3\t{first}\tA"))
    assert (report.set_aside, report.wording.rows) == (1, 4)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("spun\ttext\t0\t3\tAll\tx", "spun reads 'The' at"),
        ("spun\tabstract\t0\t3\tAll\tx", "has no field 'abstract'"),
        ("spun\ttext\t5\t10\tntern\tx", "overlaps the row before"),
    ],
)
def test_a_row_that_does_not_fit_the_text_is_an_error(line: str, complaint: str, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        evaluate_edits(finished, truth_of_spun(tmp_path / "edits.tsv", line))


def test_a_truth_of_other_documents_is_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no document of this truth, such as 'other'"):
        evaluate_edits(finished, write_truth(tmp_path / "edits.tsv", "other\ttext\t0\t1\tx\ty"))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        evaluate_edits(tmp_path, truth_of_spun(tmp_path / "edits.tsv"))


def test_the_command_prints_a_table_json_or_cases(finished: Path, tmp_path: Path, cli: Cli) -> None:
    truth = truth_of_spun(tmp_path / "edits.tsv")
    table = cli("eval", "edits", finished, truth)
    assert table.code == 0
    assert "0.7500" in table.out  # recall: 3 of 4
    report = json.loads(cli("eval", "edits", finished, truth, "--json").out)
    assert report["wording"]["restored"] == 3
    assert {case["kind"] for case in report["cases"]} == {"missed", "harm"}
    missed = cli("eval", "edits", finished, truth, "--show", "missed", "5").out
    assert "1 of 1" in missed
    assert "[-depot-]" in missed
    bad = cli("eval", "edits", finished, tmp_path / "none.tsv")
    assert bad.code == 4
    assert bad.err.startswith("dedupe: ")


def test_the_truth_of_the_seeds_fits_a_run_on_them(tmp_path: Path, read_lines: Callable[[Path], list[dict[str, Any]]]) -> None:
    settings = Settings(find=FindSettings(kinds=("exact",)))  # with more kinds the spun copies are set aside, not repaired
    run([ROOT / "seeds" / "corpus"], tmp_path / "out", settings)
    report = evaluate_edits(tmp_path / "out", ROOT / "seeds" / "truth" / "edits.tsv")
    made = sum(line["made"] for line in read_lines(tmp_path / "out" / "edits.jsonl"))
    assert report.wording.rows > 1000
    assert report.furniture.rows > 20  # most wrapped copies go as duplicates and are not repaired
    judged = sum(tally.edits for tally in report.kinds.values()) + report.flags_touched
    assert 0 < judged <= made
    assert json.dumps(report.as_dict(3), allow_nan=False)
