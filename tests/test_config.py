"""Settings: defaults < file < environment < flags, and no typing error goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Cli
from hypothesis import given
from hypothesis import strategies as st

from dedupe import FindSettings, Settings, UsageError, load_settings
from dedupe.config import RepairSettings, as_toml, settings_from_environment, with_values


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path / "a.toml", "")) == Settings()


@given(st.text(), st.floats(0.01, 1), st.booleans(), st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_settings_written_as_toml_are_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, language: str, near: float, layout: bool, allow: list[str]
) -> None:
    language = language.encode("utf-8", "replace").decode()
    settings = Settings(
        find=FindSettings(near=near), repair=RepairSettings(language=language, layout=layout, allow=tuple(allow))
    )
    path = tmp_path_factory.mktemp("toml") / "a.toml"
    path.write_bytes(as_toml(settings).encode())
    assert load_settings(path) == settings


def test_a_pyproject_holds_them_in_its_own_table(tmp_path: Path) -> None:
    path = write(tmp_path / "pyproject.toml", '[project]\nname = "x"\n[tool.dedupe.find]\nnear = 0.5\n')
    assert load_settings(path).find.near == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fnid]\nnear = 1", "unknown section [fnid]; did you mean 'find'?"),
        ("[find]\nnaer = 1", "unknown key find.naer; did you mean 'near'?"),
        ("near = 1", "key 'near' stands outside a section"),
        ('[find]\nnear = "high"', "find.near takes float, not 'high'"),
        ("[find]\nnear = true", "find.near takes float, not True"),
        ('[repair]\nspin = "maybe"', "repair.spin is 'maybe'; it takes one of 'auto', 'assume', 'off'"),
        ('[repair]\nrules = "mine"', "repair.rules takes a list of strings, not 'mine'"),
        ("[find\n", "not a TOML file"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", text)
    with pytest.raises(UsageError) as error:
        load_settings(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such settings file"):
        load_settings(tmp_path / "a.toml")


def test_the_environment_speaks_every_type() -> None:
    environment = {
        "DEDUPE_FIND_NEAR": "0.5",
        "DEDUPE_REPAIR_LAYOUT": "no",
        "DEDUPE_REPAIR_ALLOW": "Home Office, World Wide Web",
        "DEDUPE_REPAIR_SPIN": "off",
        "DEDUPE_READ_MAX_RECORD_BYTES": "100",
        "DEDUPER": "someone else's",
    }
    settings = settings_from_environment(environment, Settings())
    assert (settings.find.near, settings.repair.layout, settings.repair.spin) == (0.5, False, "off")
    assert settings.repair.allow == ("Home Office", "World Wide Web")
    assert settings.read.max_record_bytes == 100


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DEDUPE_FIND_NAER", "1", "unknown key find.naer"),
        ("DEDUPE_FIND_NEAR", "high", "DEDUPE_FIND_NEAR is 'high'; it takes float"),
        ("DEDUPE_REPAIR_LAYOUT", "maybe", "DEDUPE_REPAIR_LAYOUT is 'maybe'; it takes true or false"),
        ("DEDUPE_REPAIR_SPIN", "maybe", "repair.spin is 'maybe'"),
    ],
)
def test_a_wrong_variable_is_refused(variable: str, value: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings_from_environment({variable: value}, Settings())


def test_later_values_win_and_the_rest_stays() -> None:
    first = with_values(Settings(), {"find": {"near": 0.5, "shingle_words": 3}})
    assert with_values(first, {"find": {"near": 0.9}}).find == FindSettings(near=0.9, shingle_words=3)


def test_flags_beat_the_environment_beats_the_file(
    cli: Cli, tmp_path: Path, text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.toml", "[find]\nnear = 0.1\nshingle_words = 3\n[repair]\nlanguage = 'xx'\n")
    monkeypatch.setenv("DEDUPE_FIND_NEAR", "0.2")
    monkeypatch.setenv("DEDUPE_FIND_SHINGLE_WORDS", "4")
    shown = cli("run", text_folder, "--show-config", "--config", file, "--near", "0.3")
    path = write(tmp_path / "shown.toml", shown.out)
    expected = Settings(find=FindSettings(near=0.3, shingle_words=4), repair=RepairSettings(language="xx"))
    assert (shown.code, load_settings(path)) == (0, expected)


def test_a_dedupe_toml_in_the_working_directory_is_read_and_announced(
    cli: Cli, tmp_path: Path, text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "dedupe.toml", "[find]\nnear = 0.4\n")
    monkeypatch.chdir(tmp_path)
    shown = cli("find", text_folder, "--show-config")
    assert "near = 0.4" in shown.out
    assert shown.err == "settings from dedupe.toml\n"
