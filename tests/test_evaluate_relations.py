"""The judgement on pairs and clusters, against counts made by hand and against definitions written out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from conftest import ROOT, Cli
from hypothesis import given
from hypothesis import strategies as st

from dedupe import InputError, Settings, UsageError, run
from dedupe.evaluate.clusters import compare_partitions, evaluate_clusters, judge_clusters
from dedupe.evaluate.pairs import evaluate_pairs, judge_pairs
from dedupe.evaluate.truth import TruthMember, TruthPair, read_truth_clusters, read_truth_pairs

NEAR, EXACT = TruthPair("a", "b", "near", 0.85), TruthPair("c", "d", "exact", 1.0)


def test_nothing_found_of_nothing_has_no_shares() -> None:
    report = judge_pairs([], [])
    assert (report.overall.precision, report.overall.recall, report.overall.f1) == (None, None, None)


def test_a_pair_of_another_kind_is_related_but_not_right_of_its_kind() -> None:
    report = judge_pairs([TruthPair("a", "b", "contained", 0.85)], [NEAR])
    assert report.overall.f1 == 1.0
    assert (report.kinds["contained"].precision, report.kinds["near"].recall) == (0.0, 0.0)
    assert report.confusion == {("near", "contained"): 1}


def test_spurious_and_missed_pairs_are_listed() -> None:
    report = judge_pairs([NEAR, TruthPair("a", "x", "near", 0.71)], [NEAR, EXACT])
    assert (report.spurious, report.missed) == ((("a", "x", "near"),), (("c", "d", "exact"),))
    assert report.confusion == {("near", "near"): 1, ("none", "near"): 1, ("exact", "none"): 1}


def test_bands_take_the_similarity_of_the_truth_for_recall_and_of_the_run_for_precision() -> None:
    report = judge_pairs(
        [TruthPair("a", "b", "near", 0.79), EXACT],
        [NEAR, EXACT, TruthPair("e", "f", "near", 0.7), TruthPair("g", "h", "near", 0.99)],
    )
    assert {band: (m.found, m.related) for band, m in report.bands.items()} == {
        "0.7-0.8": (1, 1),
        "0.8-0.9": (0, 1),
        "0.9-1.0": (0, 1),
        "1.0": (1, 1),
    }
    assert report.bands["0.8-0.9"].recall == 1.0
    assert report.bands["0.7-0.8"].recall == 0.0


def test_identical_texts_may_be_reported_by_one_of_them() -> None:
    found = [TruthPair("a", "b", "exact", 1.0), TruthPair("a", "c", "exact", 1.0), TruthPair("a", "x", "near", 0.8)]
    truth = [TruthPair(*ids, "exact", 1.0) for ids in ("ab", "ac", "bc")] + [TruthPair(i, "x", "near", 0.8) for i in "abc"]
    report = judge_pairs(found, truth)
    assert (report.overall.found, report.overall.right, report.overall.recalled) == (3, 3, 6)
    assert report.kinds["exact"].recall == 1.0


def test_pairs_are_told_apart_by_the_length_of_what_they_share() -> None:
    truth = [
        TruthPair("a", "b", "overlap", 0.1, 45),
        TruthPair("a", "c", "overlap", 0.1, 79),
        TruthPair("a", "d", "overlap", 0.2, 400),
    ]
    report = judge_pairs([TruthPair("a", "b", "overlap", 0.1, 45), TruthPair("x", "y", "overlap", 0.1, 50)], truth)
    assert {length: (m.right, m.found, m.recalled, m.related) for length, m in report.lengths.items()} == {
        "40-79": (1, 2, 1, 2),
        "320-": (0, 0, 0, 1),
    }
    assert judge_pairs([NEAR], [NEAR]).lengths == {}


def test_the_words_of_a_truth_are_read_and_those_of_a_run_are_its_longest_passage(tmp_path: Path) -> None:
    (tmp_path / "truth.tsv").write_text("id_a\tid_b\tkind\twords\nb\ta\toverlap\t60\n")
    assert read_truth_pairs(tmp_path / "truth.tsv") == [TruthPair("a", "b", "overlap", 0.0, 60)]
    passages = [{"words": 30}, {"words": 61}]
    line = {"a": "a", "b": "b", "kind": "overlap", "jaccard": 0.1, "passages": passages}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(line) + "\n")
    report = evaluate_pairs(tmp_path, tmp_path / "truth.tsv")
    assert report.lengths["40-79"].f1 == 1.0


labels = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=8)


@given(labels)
def test_b_cubed_and_rand_are_what_their_definitions_say(pairs: list[tuple[str, str]]) -> None:
    found, wanted = [a for a, _ in pairs], [b for _, b in pairs]
    size = len(pairs)

    def mean_share(of: list[str], by: list[str]) -> float:
        shares = []
        for i in range(size):
            same = [j for j in range(size) if of[j] == of[i]]
            shares.append(sum(by[j] == by[i] for j in same) / len(same))
        return sum(shares) / size

    result = compare_partitions(found, wanted)
    assert result.precision == pytest.approx(mean_share(found, wanted))
    assert result.recall == pytest.approx(mean_share(wanted, found))
    both = [(found[i] == found[j], wanted[i] == wanted[j]) for i, j in itertools.combinations(range(size), 2)]
    a, b = sum(x for x, _ in both), sum(y for _, y in both)
    expected, most = a * b / max(1, len(both)), (a + b) / 2
    rand = (sum(x and y for x, y in both) - expected) / (most - expected) if most != expected else 1.0
    assert result.rand == pytest.approx(rand)


def test_equal_partitions_are_perfect_whatever_the_names() -> None:
    result = compare_partitions("aabbc", "xxyyz")
    assert (result.precision, result.recall, result.f1, result.rand) == (1.0, 1.0, 1.0, 1.0)


MEMBERS = [
    TruthMember("a", "s", "canonical", "a"),
    TruthMember("b", "s", "near", "a"),
    TruthMember("c", "s", "story", "a"),
    TruthMember("d", "t", "single", "d"),
]


def test_a_story_is_linked_and_its_reports_are_kept() -> None:
    report = judge_clusters([("near", ("a", "b"), "a"), ("story", ("a", "c"), "a")], MEMBERS)
    assert (report.copies.f1, report.stories.f1, report.canonical_accuracy, report.lost) == (1.0, 1.0, 1.0, ())


def test_an_independent_report_taken_for_a_copy_costs_precision() -> None:
    report = judge_clusters([("near", ("a", "b", "c"), "a")], MEMBERS)
    assert report.copies.precision == pytest.approx((3 * 5 / 9 + 1) / 4)
    assert report.stories.f1 == 1.0


def test_another_canonical_is_told_and_an_unfound_group_is_not_held_against_it() -> None:
    report = judge_clusters([("near", ("a", "b"), "b")], MEMBERS)
    assert (report.groups, report.found, report.right, report.lost) == (1, 1, 0, (("a", "b"),))
    assert judge_clusters([], MEMBERS).canonical_accuracy is None


def test_a_truth_with_an_unknown_kind_or_an_id_twice_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "truth.tsv"
    path.write_text("id_a\tid_b\tkind\na\tb\tnaer\n", "utf-8")
    with pytest.raises(InputError, match=r"truth.tsv:2: unknown kind 'naer'; did you mean 'near'"):
        read_truth_pairs(path)
    path.write_text("id\tcluster\tkind\tcanonical\na\ts\tnear\tb\na\ts\tnear\tb\n", "utf-8")
    with pytest.raises(InputError, match=r"truth.tsv:3: the id 'a' stands here twice"):
        read_truth_clusters(path)


def test_the_ids_of_a_pair_may_stand_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "truth.tsv"
    path.write_text("id_a\tid_b\tkind\tjaccard\nb\ta\tnear\t0.9\n", "utf-8")
    assert read_truth_pairs(path) == [TruthPair("a", "b", "near", 0.9)]


def test_a_folder_without_findings_or_a_truth_of_other_documents_is_refused(jsonl_file: Path, tmp_path: Path) -> None:
    pairs, clusters = tmp_path / "pairs.tsv", tmp_path / "clusters.tsv"
    pairs.write_text("id_a\tid_b\tkind\nx\ty\tnear\n", "utf-8")
    clusters.write_text("id\tcluster\tkind\tcanonical\nx\ts\tsingle\tx\n", "utf-8")
    with pytest.raises(UsageError, match=r"holds no pairs.jsonl"):
        evaluate_pairs(tmp_path, pairs)
    with pytest.raises(UsageError, match=r"holds no clusters.jsonl"):
        evaluate_clusters(tmp_path, clusters)
    run([jsonl_file], tmp_path / "out", Settings())
    with pytest.raises(UsageError, match="speaks of no document"):
        evaluate_pairs(tmp_path / "out", pairs)
    with pytest.raises(UsageError, match="speaks of no document"):
        evaluate_clusters(tmp_path / "out", clusters)


def test_the_commands_judge_a_run_on_the_seeds(tmp_path: Path, cli: Cli) -> None:
    out, truth = tmp_path / "out", ROOT / "seeds" / "truth"
    assert cli("find", ROOT / "seeds" / "corpus", "-o", out).code == 0
    pairs = json.loads(cli("eval", "pairs", out, truth / "pairs.tsv", "--json").out)
    assert pairs["overall"]["precision"] == 1.0
    assert pairs["kinds"]["exact"]["recall"] == 1.0
    clusters = json.loads(cli("eval", "clusters", out, truth / "clusters.tsv", "--json").out)
    assert clusters["copies"]["precision"] == 1.0
    assert clusters["canonical"]["groups"] == 12
    assert "related" in cli("eval", "pairs", out, truth / "pairs.tsv").out
    assert "canonical" in cli("eval", "clusters", out, truth / "clusters.tsv").out


def test_pages_of_a_template_are_no_copies_and_no_story() -> None:
    rows = [("a", "canonical", "a"), ("b", "template", "a"), ("c", "template", "a"), ("c2", "near", "c"), ("x", "single", "x")]
    truth = [TruthMember(id, "x" if id == "x" else "frame", kind, canonical) for id, kind, canonical in rows]
    right = [("template", ("a", "b", "c"), "a"), ("template", ("c2", "c"), "c"), ("near", ("c", "c2"), "c")]
    report = judge_clusters(right, truth)
    assert (report.copies.f1, report.stories.f1, report.templates.f1) == (1.0, 1.0, 1.0)
    wrong = judge_clusters([("near", ("a", "b", "c", "c2"), "a")], truth)
    assert wrong.copies.precision < 1
    assert wrong.templates.recall < 1
