"""Mutants: one safeguard at a time is taken out of a copy of the source, and a test must notice.

    python benchmarks/mutants.py

Among them: an fsync dropped, the owner of a leftover not asked for, an escape left out. Prints a line a mutant; exit code 1 if
one survives, or if the source no longer holds what is to be taken out. Needs what the tests need.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# file, what stands there, what stands there in the mutant, the test that is to fail
MUTANTS = [
    ("corpus/staging.py", "        os.fsync(self._file.fileno())\n", "", "test_corpus_writer.py -k synced"),
    ("corpus/staging.py", "            os.fsync(descriptor)\n", "            pass\n", "test_corpus_writer.py -k synced"),
    (
        "corpus/staging.py",
        "        staged.append(MANIFEST)\n",
        "        staged.insert(0, MANIFEST)\n",
        "test_crash.py -k replaces",
    ),
    ("corpus/staging.py", "    _sync_folders(targets)  # a file", "    # a file", "test_power_loss.py"),
    ("corpus/staging.py", "known is not None and known != json", "False and known != json", "test_crash.py -k leftover"),
    (
        "corpus/staging.py",
        "            _refuse_symlinks(folder, name)\n            (folder",
        "            (folder",
        "test_corpus_writer.py -k symbolic",
    ),
    (
        "corpus/folder.py",
        "            self.completed = is_interrupted(path)\n",
        "            self.completed = False\n",
        "test_crash.py -k test_a_run_killed",
    ),
    ("corpus/lock.py", "        if fcntl:", "        if False:", "-k test_a_second_run test_crash.py"),
    ("corpus/manifest.py", 'counts["read"] != sum', "False and 1 != sum", "test_corpus_writer.py -k outcomes_that_do_not"),
    ("corpus/compression.py", "elif not content and not self._ready:", "elif False:", "test_formats.py -k truncated_anywhere"),
    (
        "corpus/undo.py",
        "if digest.hexdigest() != content_digest(entry):\n            raise",
        "if False:\n            raise",
        "test_corpus_writer.py -k proves",
    ),
    (
        "corpus/writer.py",
        "if _field(article, edit.field)[edit.start : edit.end] != edit.before:",
        "if False:",
        "test_corpus_writer.py -k does_not_fit",
    ),
    ("review/markup.py", "html.escape(show_invisible(text))", "show_invisible(text)", "test_hostile.py -k makes_a_tag"),
    ("review/charts.py", "{escape_attribute(shown)}", "{shown}", "test_hostile.py -k makes_a_tag"),
    ("review/report.py", "default-src 'none'; ", "", "test_report.py"),
    ("cli/terminal.py", "show_invisible(line) for", "line for", "test_hostile.py -k reaches_a_terminal"),
    ("review/ledger.py", "return False\n    places.insert", "pass\n    places.insert", "test_ledger.py"),
]


def main() -> None:
    """Try all mutants."""
    survivors = 0
    for file, old, new, test in MUTANTS:
        caught = is_caught(file, old, new, test)
        survivors += not caught
        print(f"{'caught  ' if caught else 'SURVIVED'} {file}: {old.strip()[:60]!r}  ({test})", flush=True)
    print(f"{len(MUTANTS) - survivors} of {len(MUTANTS)} mutants caught")
    sys.exit(bool(survivors))


def is_caught(file: str, old: str, new: str, test: str) -> bool:
    """Whether the test fails when `old` is replaced in a file of the package."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.egg-info"))
        path = copy / "dedupe" / file
        source = path.read_text("utf-8")
        if source.count(old) == 0:
            sys.exit(f"{file}: no longer holds {old!r}; bring the list of mutants up to date")
        path.write_text(source.replace(old, new, 1), "utf-8")
        arguments = [f"tests/{word}" if word.endswith(".py") else word for word in test.split()]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=900)
        return done.returncode == 1


if __name__ == "__main__":
    main()
