"""What is shipped: a wheel that works far from the checkout, and a source distribution that holds all that people edit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from dedupe.text.lexicon import load_lexicon

COMPILER = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of a copy of the tracked sources, so that nothing stale is packed."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("dedupe", "rules", "seeds", "docs"):
        copy_tree(ROOT / name, source / name)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            (source / path.name).write_bytes(path.read_bytes())
    build(source, out)
    return out


def build(source: Path, out: Path, *what: str, **environment: str) -> str:
    command = [sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# A kernel that was built in the checkout is not part of it.
BUILT = {".pyc", ".so", ".pyd"}


def copy_tree(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in BUILT:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel alone was installed; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    install(built, folder)
    return folder


def install(built: Path, folder: Path) -> None:
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)


def dedupe(installed: Path, *arguments: str, cwd: Path) -> str:
    """What the installed command prints, run in `cwd`, where no checkout is."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "dedupe", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout


def data_files(folder: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in BUILT
    }


def test_the_installed_command_lists_every_rule_of_the_checkout(installed: Path) -> None:
    listed = dedupe(installed, "rules", "list", cwd=Path("/")).splitlines()
    assert len(listed) == len(load_lexicon().rules)
    assert all(str(installed) in line for line in listed)


def test_the_installed_command_does_the_main_job(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The port will close its old quay in May. Photo: Getty Pictures\n")
    (tmp_path / "b.txt").write_text("The port will close its old quay in May! Photo: Getty Pictures\n")
    assert "duplicates  1" in dedupe(installed, "run", "a.txt", "b.txt", "-o", "out", cwd=tmp_path)
    assert "<style>" in (tmp_path / "out/report.html").read_text("utf-8")


def test_the_wheel_ships_the_package_and_its_data_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    data = {name for name in data_files("rules") if name.endswith((".tsv", ".toml", ".bin", "README.md"))}
    kernel = {name for name in names if name.startswith("dedupe/_kernel.")}
    package = {name for name in data_files("dedupe") if not name.startswith("dedupe/csrc/")}
    assert names - kernel == package | {f"dedupe/{name}" for name in data}
    assert len(kernel) == (1 if COMPILER else 0)
    assert {"dedupe/py.typed", "dedupe/review/report.css", "dedupe/rules/manifest.toml"} <= names


@pytest.mark.skipif(not COMPILER, reason="there is no C compiler here")
def test_the_wheel_holds_the_kernel_for_this_and_all_later_pythons(built: Path, installed: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    assert dedupe(installed, "--version", cwd=Path("/")).endswith(", compiled kernel\n")


def test_without_a_compiler_the_build_goes_on_and_the_version_says_so(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source")
    (source,) = (tmp_path / "source").iterdir()
    said = build(source, tmp_path / "dist", "--wheel", CC="no-such-compiler")
    assert "_kernel" in said
    (tmp_path / "installed").mkdir()
    install(tmp_path / "dist", tmp_path / "installed")
    assert dedupe(tmp_path / "installed", "--version", cwd=Path("/")).endswith(", numpy kernel\n")


def test_the_sdist_holds_tables_samples_and_documents(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = data_files("dedupe") | data_files("rules") | data_files("seeds") | data_files("docs")
    assert expected - names == set()
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "setup.cfg", "pyproject.toml"} <= names


def test_the_distribution_does_not_take_the_name_of_another_project(built: Path) -> None:
    assert {path.name.partition("-")[0] for path in built.iterdir()} == {"article_dedupe"}
