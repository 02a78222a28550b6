"""The benchmark of the repair: fragments as they were written, folds that know nothing of their own sites, strict verdicts."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.repair_quality import (
    FOLDS,
    Substitution,
    build_fragment,
    has_original,
    judge_substitution,
    own_rules,
    split_hosts,
    without_hosts,
)
from dedupe import RepairSettings, Rule
from dedupe.repair.repairer import Repairer
from dedupe.text.lexicon import Lexicon, load_lexicon


def substitution(spun: str, original: str, left: str = "", right: str = "", host: str = "a.com") -> Substitution:
    return Substitution(spun, original, left, right, host, "aligned")


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    rules = [
        Rule("r.assault", "assault", ("attack",), "spun", source="data:a.com"),
        Rule("r.both", "mentioned", ("said",), "spun", source="data:a.com,data:b.com"),
        Rule("r.getty", "getty pictures", ("Getty Images",), "spun", source="own"),
        Rule("r.ensures", "safety ensures", ("security guarantees",), "spun", source="own,data:a.com"),
    ]
    return dataclasses.replace(load_lexicon(), rules=tuple(rules))


@pytest.mark.parametrize(
    ("row", "text", "hit"),
    [
        (substitution("vary", "range", "VRVP ( Seen", ") is"), "VRVP (Seen vary) is", "vary"),
        (substitution("Actually", "In fact", "", ", the coin"), "Actually, the coin", "Actually"),
        (substitution("degree", "level", "$ 18,000", "% up"), "$18,000 degree% up", "degree"),
    ],
)
def test_marks_stand_where_they_were_written(row: Substitution, text: str, hit: str) -> None:
    fragment, start, end = build_fragment(row)
    assert (fragment, fragment[start:end]) == (text, hit)


def test_every_site_is_in_one_fold() -> None:
    rows = [substitution("x", "y", host=f"{n}.com") for n in range(12) for _ in range(n)]
    folds = split_hosts(rows)
    assert len(folds) == FOLDS
    assert sorted(host for fold in folds for host in fold) == sorted({row.host for row in rows})


def test_a_fold_drops_what_only_its_sites_tell_of(lexicon: Lexicon) -> None:
    assert [rule.id for rule in without_hosts(lexicon, {"a.com"}).rules] == ["r.both", "r.getty", "r.ensures"]
    assert [rule.id for rule in without_hosts(lexicon, {"a.com", "b.com"}).rules] == ["r.getty", "r.ensures"]
    assert [rule.id for rule in own_rules(lexicon).rules] == ["r.getty", "r.ensures"]


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (substitution("raid", "attack", "a drone", "on"), "none"),
        (substitution("assault", "attack", "a drone", "on"), "right"),
        (substitution("assault", "raid", "a drone", "on"), "wrong"),
        (substitution("ensures", "guarantees", "deal on safety", "for"), "right"),
        (substitution("ensures", "promises", "deal on safety", "for"), "wrong"),
        (substitution("safety", "security", "deal on", "ensures for"), "right"),
    ],
)
def test_a_fragment_is_judged_at_its_spun_form(row: Substitution, outcome: str, lexicon: Lexicon) -> None:
    repairer = Repairer(lexicon, RepairSettings(spin="assume"))
    assert judge_substitution(row, repairer).outcome == outcome


def test_the_original_counts_only_on_its_own_side_of_a_longer_edit() -> None:
    assert has_original("security guarantees", "guarantees", reaches_left=True, reaches_right=False)
    assert not has_original("security guarantees", "guarantees", reaches_left=False, reaches_right=True)
    assert not has_original("security guarantees", "guarantees", reaches_left=False, reaches_right=False)
    assert not has_original("insecurity", "security", reaches_left=True, reaches_right=False)
