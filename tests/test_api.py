"""The public API: one page of names, loaded when they are used."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
from conftest import ROOT

import dedupe
from dedupe import RepairSettings, make_repairer, repair_text


def test_the_table_of_contents_is_sorted_and_every_name_is_there() -> None:
    assert dedupe.__all__ == sorted(dedupe.__all__)
    for name in dedupe.__all__:
        assert getattr(dedupe, name) is not None


def test_every_public_name_says_what_it_is() -> None:
    undescribed = [name for name in dedupe.__all__ if not inspect.getdoc(getattr(dedupe, name))]
    assert undescribed == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'clean'"):
        _ = dedupe.clean


@pytest.mark.parametrize(("command", "twin"), [("apply", "apply_decisions"), ("repair", "repair_text")])
def test_commands_and_functions_of_other_names_are_twins(command: str, twin: str) -> None:
    module = importlib.import_module(f"dedupe.cli.{command}")
    assert twin in inspect.getsource(module)
    assert twin in dedupe.__all__


@pytest.mark.parametrize("code", ["import dedupe", "import dedupe.cli; dedupe.cli.main.list_commands(None)"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    check = f"{code}\nimport sys\nprint(sorted({{'numpy', 'regex', 'ftfy', 'datasketch', 'scipy'}} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_a_clean_text_comes_back_as_it_is() -> None:
    text = "The choir sang in the rain.\r\n\r\n“Nobody went home,” said its leader \ud800 afterwards."
    repaired = repair_text(text, title="Rain")
    assert (repaired.text, repaired.title, repaired.repair.edits) == (text, "Rain", ())


def test_one_repairer_serves_many_texts(rules: object) -> None:
    repairer = make_repairer(RepairSettings(language="xx", rules=(str(rules),)))
    texts = ["A drone assault.", "An assault.", "Two drone assaults."]
    assert [repair_text(text, repairer=repairer).text for text in texts] == [
        "A drone attack.",
        "An assault.",
        "Two drone attacks.",
    ]


def test_edits_tell_which_rule_made_them(rules: object) -> None:
    repairer = make_repairer(RepairSettings(language="xx", rules=(str(rules),)))
    (edit,) = repair_text("A drone assault.", repairer=repairer, id="a1").repair.edits
    assert (edit.article, edit.before, edit.after, edit.rules) == ("a1", "assault", "attack", ("my.drone",))
