"""The rule tables: every rule carries its own proof; loading refuses what is not well formed."""

from pathlib import Path

import pytest

from dedupe.errors import RuleError
from dedupe.repair.check import check_rules, format_table
from dedupe.repair.match import expand_rules
from dedupe.text.lexicon import RULE_COLUMNS, builtin_tables, load_lexicon, read_rules

HEADER = "\t".join(RULE_COLUMNS) + "\n"


def write_table(folder: Path, *rows: str) -> Path:
    path = folder / "my.tsv"
    path.write_text(HEADER + "".join(row + "\n" for row in rows), "utf-8")
    return path


def test_every_example_and_counterexample_of_the_built_in_tables_holds() -> None:
    assert [str(fault) for fault in check_rules(load_lexicon())] == []


@pytest.mark.parametrize("table", builtin_tables("en"), ids=lambda table: table.name)
def test_built_in_tables_exist_and_stand_in_their_one_form(table: Path) -> None:
    assert read_rules(table)
    assert format_table(table.read_text("utf-8")) == table.read_text("utf-8")


def test_the_tables_hold_hundreds_of_forms() -> None:
    assert len({form.text for form in expand_rules(load_lexicon())}) >= 4_000


def test_ids_are_unique_over_all_tables() -> None:
    ids = [rule.id for table in builtin_tables("en") for rule in read_rules(table)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("my.a\tx\ty\tsave", "my.tsv:2: unknown tier 'save'; did you mean 'safe'?"),
        ("my.a\t\ty\tspun", "needs an id, a spun form and an original"),
        ("my.a\tx\t\tspun", "needs an id, a spun form and an original"),
        ("my.a\tx\ty\tspun\nmy.a\tz\ty\tspun", "my.tsv:3: the id 'my.a' is used twice"),
        ("my.a\tx\ty\tspun\t\t\t\t\t\t\textra", "columns where the header has 9"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(tmp_path: Path, row: str, message: str) -> None:
    write_table(tmp_path, row)
    with pytest.raises(RuleError) as caught:
        load_lexicon(folders=[tmp_path])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("my.a\tx\ty\tsafe", "must carry an example and a counterexample"),
        ("my.a\tx\ty\tcontext\t\t\tan [[x=>y]]\tno", "must name neighbours"),
        ("my.a\tx\ty\tspun\tan _\t\tthe [[x=>y]] is", "the example comes out as: the x is"),
        ("my.a\tx\ty\tspun\t\t\t\tthe x is", "the counterexample is changed to: the y is"),
        ("my.a\tx\ty\tspun\tno hit here", "needs exactly one _"),
        ("my.a\tx\ty\tspun\t<Plurals> _", "did you mean '<Plural>'?"),
        ("my.a\tx\ty\tspun\t/(/ _", "does not compile"),
        ("my.a\tx\tx\tspun", "'x' is its own original"),
        ("my.a\t~x ~y\tz\tspun", "at most one ~"),
    ],
)
def test_the_check_finds_a_faulty_rule(tmp_path: Path, row: str, message: str) -> None:
    write_table(tmp_path, row)
    faults = [str(fault) for fault in check_rules(load_lexicon(folders=[tmp_path])) if "my.a" in str(fault)]
    assert any(message in fault for fault in faults), faults


def test_a_users_rule_replaces_the_built_in_one_of_the_same_id(tmp_path: Path) -> None:
    some = load_lexicon().rules[0]
    write_table(tmp_path, f"{some.id}\tmy form\tmy original\tspun")
    assert next(rule for rule in load_lexicon(folders=[tmp_path]).rules if rule.id == some.id).spun == "my form"


def test_disabled_rules_are_gone_and_unknown_names_are_refused() -> None:
    some = load_lexicon().rules[0]
    assert some.id not in {rule.id for rule in load_lexicon(disable=[some.id]).rules}
    assert not any(rule.id.startswith("verb.") for rule in load_lexicon(disable=["verb.*"]).rules)
    with pytest.raises(RuleError, match="no such rule"):
        load_lexicon(disable=["no.such.rule"])


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"holds no \.tsv table"):
        load_lexicon(folders=[tmp_path])


def test_formatting_undoes_what_spreadsheets_do_and_is_idempotent() -> None:
    harmed = "\ufeff" + HEADER.replace("\n", "\r\n") + "b\tx\ty\tspun\r\na\t x  z\ty\tspun \r\n"
    tidy = format_table(harmed)
    assert tidy.splitlines()[1].split("\t")[:4] == ["a", "x z", "y", "spun"]
    assert format_table(tidy) == tidy
