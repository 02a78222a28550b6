"""Clusters as people decide them: apply and the next run obey alike, and everything can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import CLEAN, HARBOUR, REPAIRED, SPUN, Cli

from dedupe import Decision, Settings, append_decision, apply_decisions, run, undo
from dedupe.detect.clusters import Clustering
from dedupe.model import Cluster, Pair, RelationKind, Verdict
from dedupe.review.ledger import FILE_NAME, articles_target
from dedupe.review.regroup import Grouping, part_linked, regroup

Tree = Callable[[Path], dict[str, bytes]]
Lines = Callable[[Path], list[dict[str, Any]]]
Texts = Callable[[Path], Mapping[str, str]]


def pair(a: str, b: str, kind: RelationKind = "near", jaccard: float = 0.8) -> Pair:
    return Pair(a, b, kind, jaccard, jaccard)


PAIRS = [pair("a", "b", jaccard=0.9), pair("a", "c"), pair("b", "c"), pair("p", "q"), pair("c", "p", "overlap", 0.1)]
CLUSTERING = Clustering(
    (
        Cluster("a", "near", ("a", "b", "c"), (("a", "b"), ("a", "c"), ("b", "c")), "a", "longest"),
        Cluster("p", "near", ("p", "q"), (("p", "q"),), "q", "longest"),
    ),
    {"b": PAIRS[0], "c": PAIRS[1], "p": PAIRS[3]},
    {"b": "is longer", "c": "is longer", "p": "is longer"},
    (Cluster("a", "story", ("a", "q", "z"), (("a", "q"), ("q", "z")), "a", "one event"),),
)


def homes(grouping: Grouping) -> dict[str, str]:
    """The canonical of every member of every cluster."""

    def measure(pairs: Any) -> list[Pair]:
        return [pair(a, b, "same", 0.25) for a, b in pairs]

    made = regroup(CLUSTERING, PAIRS, grouping, measure)
    for cluster in made.clusters:
        for id in set(cluster.members) - {cluster.canonical}:
            link = made.links[id]
            assert (link.a, link.b) == tuple(sorted((id, cluster.canonical)))
            assert id in made.reasons
    return {id: cluster.canonical for cluster in made.clusters for id in cluster.members}


FOUND = {"a": "a", "b": "a", "c": "a", "p": "q", "q": "q"}


def test_without_decisions_the_clusters_are_those_that_were_found() -> None:
    assert regroup(CLUSTERING, PAIRS, Grouping(), lambda pairs: []) == CLUSTERING


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        (Grouping(apart=frozenset({("a", "c")})), {"a": "a", "b": "a", "p": "q", "q": "q"}),
        (Grouping(apart=frozenset({("b", "c")})), {"a": "a", "b": "a", "p": "q", "q": "q"}),
        (Grouping(apart=frozenset({("a", "b"), ("a", "c")})), {"b": "b", "c": "b", "p": "q", "q": "q"}),
        (Grouping(apart=frozenset({("p", "q")})), {"a": "a", "b": "a", "c": "a"}),
        (Grouping(canonical=("c",)), {"a": "c", "b": "c", "c": "c", "p": "q", "q": "q"}),
        (Grouping(canonical=("b", "c")), {"a": "c", "b": "c", "c": "c", "p": "q", "q": "q"}),
        (Grouping(same=(("c", "p"),)), dict.fromkeys("abcpq", "a")),
        (Grouping(same=(("c", "p"),), canonical=("p",)), dict.fromkeys("abcpq", "p")),
        (Grouping(same=(("a", "z"),)), {**FOUND, "z": "a"}),
        (Grouping(same=(("y", "z"),)), {**FOUND, "y": "y", "z": "y"}),
        (Grouping(same=(("c", "p"),), apart=frozenset({("b", "q")})), FOUND),
        (Grouping(canonical=("z",)), FOUND),
    ],
)
def test_clusters_are_as_people_decide(grouping: Grouping, expected: dict[str, str]) -> None:
    assert homes(grouping) == expected


def test_who_is_set_aside_on_a_persons_word_has_measured_numbers() -> None:
    made = regroup(CLUSTERING, PAIRS, Grouping(same=(("a", "z"),)), lambda pairs: [pair(a, b, "same", 0.25) for a, b in pairs])
    assert made.links["z"] == pair("a", "z", "same", 0.25)
    assert (made.clusters[0].kind, made.links["b"]) == ("same", PAIRS[0])


def test_a_linked_group_loses_who_stands_apart_from_its_lead_or_was_set_aside() -> None:
    (story,) = part_linked(CLUSTERING, Grouping(apart=frozenset({("a", "q")}))).linked
    assert (story.members, story.pairs) == (("a", "z"), ())
    merged = regroup(CLUSTERING, PAIRS, Grouping(same=(("a", "z"),)), lambda pairs: [pair(*p, "same") for p in pairs])
    (story,) = part_linked(merged, Grouping(same=(("a", "z"),))).linked
    assert story.members == ("a", "q")


# On a real run.


@pytest.fixture
def finished(jsonl_file: Path, tmp_path: Path, settings: Settings) -> Path:
    run([jsonl_file], tmp_path / "out", settings)
    return tmp_path / "out"


def decide(out: Path, target: str, verdict: Verdict) -> None:
    append_decision(out, Decision(target, verdict, by="Ann", at="2026-01-02T03:04:05Z"))


DECISIONS: list[list[tuple[str, Verdict]]] = [
    [(articles_target("harbour", "harbour2"), "different")],
    [(articles_target("harbour", "harbour3"), "boilerplate")],
    [("canonical:harbour3", "accept")],
    [(articles_target("choir", "spun"), "same")],
    [(articles_target("choir", "spun"), "same"), ("canonical:choir", "accept")],
    [(articles_target("harbour", "harbour2"), "different"), (articles_target("choir", "harbour2"), "same")],
]


@pytest.mark.parametrize("decisions", DECISIONS)
def test_apply_and_the_next_run_obey_alike_and_undo_gives_every_byte(
    decisions: list[tuple[str, Verdict]], finished: Path, jsonl_file: Path, tmp_path: Path, settings: Settings, read_tree: Tree
) -> None:
    for target, verdict in decisions:
        decide(finished, target, verdict)
    summary = apply_decisions(finished)
    assert (summary.stale, summary.exit_code) == ((), 0)
    applied = read_tree(finished)
    undo(finished, tmp_path / "back")
    assert read_tree(tmp_path / "back") == read_tree(jsonl_file)
    run([jsonl_file], finished, settings, overwrite=True)
    anew = read_tree(finished)
    for name in ("canonical/news.jsonl", "duplicates.jsonl"):
        assert applied[name] == anew[name]
    members = [[json.loads(line)[k] for k in ("members", "canonical")] for line in applied["clusters.jsonl"].splitlines()]
    assert members == [[json.loads(line)[k] for k in ("members", "canonical")] for line in anew["clusters.jsonl"].splitlines()]


@pytest.mark.parametrize("decisions", DECISIONS)
def test_decisions_on_clusters_taken_back_leave_no_trace(
    decisions: list[tuple[str, Verdict]], finished: Path, read_tree: Tree
) -> None:
    before = read_tree(finished)
    for target, verdict in decisions:
        decide(finished, target, verdict)
    apply_decisions(finished)
    apply_decisions(finished)
    for target, _ in decisions:
        decide(finished, target, "revert")
    apply_decisions(finished)
    assert {name: content for name, content in read_tree(finished).items() if name != FILE_NAME} == before


def test_an_article_that_a_decision_keeps_is_repaired(
    jsonl_file: Path, tmp_path: Path, settings: Settings, canonical_texts: Texts
) -> None:
    copy = {"id": "zz", "text": SPUN.replace("ready", "now ready"), "source": "mirror"}
    jsonl_file.write_text(jsonl_file.read_text("utf-8") + json.dumps(copy) + "\n", "utf-8")
    run([jsonl_file], tmp_path / "out", settings)
    assert "zz" in canonical_texts(tmp_path / "out")
    decide(tmp_path / "out", "canonical:spun", "accept")
    apply_decisions(tmp_path / "out")
    texts = canonical_texts(tmp_path / "out")
    assert texts["spun"] == REPAIRED
    assert "zz" not in texts


def test_when_the_tables_changed_it_is_kept_as_it_came_and_that_is_told(
    jsonl_file: Path, tmp_path: Path, settings: Settings, rules: Path, canonical_texts: Texts
) -> None:
    copy = {"id": "zz", "text": SPUN.replace("ready", "now ready"), "source": "mirror"}
    jsonl_file.write_text(jsonl_file.read_text("utf-8") + json.dumps(copy) + "\n", "utf-8")
    run([jsonl_file], tmp_path / "out", settings)
    (rules / "my.tsv").write_text((rules / "my.tsv").read_text("utf-8").replace("Getty Images", "Getty Image"), "utf-8")
    decide(tmp_path / "out", "canonical:spun", "accept")
    for _ in range(2):
        summary = apply_decisions(tmp_path / "out")
        assert len([note for note in summary.notes if "rule tables changed" in note]) == 1
    assert canonical_texts(tmp_path / "out")["spun"] == SPUN


MENU = (
    "Home news politics business sport weather video podcasts newsletters puzzles recipes travel property jobs shop help "
    "contact terms privacy cookies accessibility sitemap advertise careers licensing archive corrections and complaints "
    "horoscopes crosswords obituaries letters cartoons events deals coupons apps radio live radar traffic lottery. "
)
BODIES = {
    "m1": "The ferry to Orm sank at its berth.",
    "m2": "Two bakers in Velsing won a prize.",
    "m3": "A bridge in Tarn will be painted green.",
    "m4": "A bridge in Tarn will be painted green!",
}


def test_marked_boilerplate_counts_for_no_pair_and_taken_back_counts_again(
    tmp_path: Path, settings: Settings, canonical_texts: Texts
) -> None:
    rows = [{"id": id, "text": MENU + body} for id, body in BODIES.items()]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    out = tmp_path / "out"
    run([tmp_path / "pages.jsonl"], out, settings)
    assert len(canonical_texts(out)) == 1
    decide(out, articles_target("m1", "m2"), "boilerplate")
    apply_decisions(out)
    assert set(canonical_texts(out)) in ({"m1", "m2", "m3"}, {"m1", "m2", "m4"})
    applied = canonical_texts(out)
    run([tmp_path / "pages.jsonl"], out, settings, overwrite=True)
    assert canonical_texts(out) == applied
    rows.append({"id": "m5", "text": MENU + "Rain is likely on Friday in the hills."})
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run([tmp_path / "pages.jsonl"], out, settings, overwrite=True)
    assert set(canonical_texts(out)) == {*applied, "m5"}
    decide(out, articles_target("m1", "m2"), "revert")
    run([tmp_path / "pages.jsonl"], out, settings, overwrite=True)
    assert len(canonical_texts(out)) == 1


def test_marked_boilerplate_beside_copies_of_what_stands_elsewhere(
    tmp_path: Path, settings: Settings, canonical_texts: Texts
) -> None:
    rows = [{"id": id, "text": MENU + body} for id, body in BODIES.items()] + [{"id": "h", "text": HARBOUR}]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "before.jsonl").write_text(json.dumps({"id": "old", "text": HARBOUR}) + "\n", "utf-8")
    out = tmp_path / "out"
    run([tmp_path / "pages.jsonl"], out, settings, against=[tmp_path / "before.jsonl"])
    assert len(canonical_texts(out)) == 1
    decide(out, articles_target("m1", "m2"), "boilerplate")
    apply_decisions(out)
    applied = canonical_texts(out)
    assert len(applied) == 3
    run([tmp_path / "pages.jsonl"], out, settings, against=[tmp_path / "before.jsonl"], overwrite=True)
    assert canonical_texts(out) == applied


def test_an_overlap_that_is_marked_boilerplate_is_not_reported_again(
    tmp_path: Path, settings: Settings, read_lines: Lines
) -> None:
    note = (
        "The figures for the quarter were collected by the statistics office of the province from all firms that pay into the "
        "common fund, and weighted by the number of people who worked there on the last day of the month before the count, "
        "as the law on public registers has asked since the reform of the year in which the two offices were joined."
    )
    bodies = [HARBOUR, SPUN, CLEAN]
    rows = [{"id": f"o{n}", "text": f"{body}\n{note}"} for n, body in enumerate(bodies)]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    out = tmp_path / "out"
    run([tmp_path / "pages.jsonl"], out, settings)
    assert [(pair["a"], pair["b"], pair["kind"]) for pair in read_lines(out / "pairs.jsonl")] == [
        ("o0", "o1", "overlap"),
        ("o0", "o2", "overlap"),
        ("o1", "o2", "overlap"),
    ]
    decide(out, articles_target("o0", "o1"), "boilerplate")
    run([tmp_path / "pages.jsonl"], out, settings, overwrite=True)
    assert read_lines(out / "pairs.jsonl") == []


def test_decisions_on_articles_that_are_gone_are_stale(finished: Path, cli: Cli) -> None:
    decide(finished, articles_target("choir", "gone"), "different")
    decide(finished, "canonical:nobody", "accept")
    outcome = cli("apply", finished)
    assert outcome.code == 3
    assert outcome.err == 'note: not in effect: articles:["choir","gone"]\nnote: not in effect: canonical:nobody\n'
