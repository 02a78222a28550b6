"""Whatever stops a run, at any write, fsync or rename: nothing is committed or everything; repeated it gives the same bytes."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import ARTICLES, ROOT, Cli
from crash import OPERATIONS, fault_at, in_child, killed_at
from formats import make_jsonl, make_parquet

from dedupe import Decision, LockedError, Settings, UsageError, append_decision, apply_decisions, run, undo
from dedupe.corpus.lock import FolderLock
from dedupe.corpus.manifest import load_manifest, verify_outputs
from dedupe.corpus.staging import STAGING

Tree = Callable[[Path], dict[str, bytes]]
KILLS = int(os.environ.get("KILLS", "50"))
MOST = 1000  # operations; far more than any of these jobs has


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "news.jsonl").write_bytes(make_jsonl(ARTICLES) + b"garbage\n")
    return [folder]


def is_whole(out: Path) -> bool:
    """Whether there is a run whose files are those that its manifest names."""
    verify_outputs(out, load_manifest(out).outputs)
    return True


def repeat(work: Callable[[], Any], out: Path) -> None:
    """What a user does after a crash: the same again."""
    work()
    assert not (out / STAGING).exists()


def test_a_run_killed_at_any_operation_and_repeated_gives_the_same_bytes(
    tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    run(inputs, tmp_path / "whole", settings)
    wanted, states = read_tree(tmp_path / "whole"), set()
    for call in range(1, MOST):
        out = tmp_path / f"out{call}"

        def work(out: Path = out) -> Any:
            return run(inputs, out, settings)

        if not killed_at(call, work):
            break
        states.add((out / "manifest.json").exists() and is_whole(out))
        repeat(work, out)
        assert read_tree(out) == wanted, call
    assert call > 60
    assert states == {False, True}


def test_a_run_killed_at_any_operation_never_mixes_with_the_one_that_it_replaces(
    tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    other = tmp_path / "in2"
    other.mkdir()
    make_parquet(other / "news.parquet", ARTICLES)
    run([other], tmp_path / "old", settings)
    run(inputs, tmp_path / "new", settings)
    wanted = read_tree(tmp_path / "new")
    for call in range(1, MOST, 2):
        out = tmp_path / f"out{call}"
        run([other], out, settings)

        def work(out: Path = out) -> Any:
            return run(inputs, out, settings, overwrite=True)

        if not killed_at(call, work):
            break
        undo(out, tmp_path / f"back{call}")
        back = read_tree(tmp_path / f"back{call}")
        assert back in (read_tree(other), read_tree(inputs[0])), call
        repeat(work, out)
        assert read_tree(out) == wanted, call
    assert call > 60


def test_decisions_applied_and_killed_at_any_operation_are_applied_again(
    tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    def prepare(out: Path) -> None:
        run(inputs, out, settings)
        append_decision(out, Decision("rule:my.said", "reject"))

    prepare(tmp_path / "whole")
    apply_decisions(tmp_path / "whole")
    wanted = read_tree(tmp_path / "whole")
    for call in range(2, MOST, 2):
        out = tmp_path / f"out{call}"
        prepare(out)
        if not killed_at(call, lambda out=out: apply_decisions(out)):  # type: ignore[misc]
            break
        apply_decisions(out)
        assert read_tree(out) == wanted, call
        undo(out, tmp_path / f"back{call}")
        assert read_tree(tmp_path / f"back{call}") == read_tree(inputs[0])
    assert call > 60


def test_an_undo_killed_at_any_operation_ends_the_same_when_repeated(
    tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    run(inputs, tmp_path / "out", settings)
    for call in range(1, MOST):
        back = tmp_path / f"back{call}"
        if not killed_at(call, lambda back=back: undo(tmp_path / "out", back)):  # type: ignore[misc]
            break
        repeat(lambda back=back: undo(tmp_path / "out", back), back)  # type: ignore[misc]
        assert read_tree(back) == read_tree(inputs[0]), call
    assert call > 5


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()],
    ids=["full disk", "I/O error", "Ctrl-C"],
)
def test_a_fault_at_any_operation_commits_nothing_or_everything(
    error: BaseException, tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    run(inputs, tmp_path / "whole", settings)
    wanted = read_tree(tmp_path / "whole")

    def fail() -> None:
        raise error

    clean = 0
    for call in range(1, MOST, 2):
        out = tmp_path / f"out{call}"
        finished = False
        with contextlib.suppress(type(error)), fault_at(call, fail) as count:
            run(inputs, out, settings)
            finished = True  # even so, if it was a folder to be made that was there
        if count[0] < call:
            break
        clean += not out.exists()
        if not finished:
            repeat(lambda out=out: run(inputs, out, settings), out)  # type: ignore[misc]
        assert read_tree(out) == wanted, call
    assert call > 60
    assert clean > 10, "a failed run leaves no folder"


def test_random_kills_never_leave_a_differing_byte(
    tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    run(inputs, tmp_path / "first", settings)  # the children find ready what a process loads once
    start = time.perf_counter()
    run(inputs, tmp_path / "whole", settings)
    takes = time.perf_counter() - start
    wanted, chance, killed = read_tree(tmp_path / "whole"), random.Random(5), 0
    for number in range(KILLS):
        out = tmp_path / f"out{number}"

        def work(out: Path = out) -> Any:
            return run(inputs, out, settings)

        if in_child(work, kill_after=chance.uniform(0.2, 1.3) * takes):
            killed += 1
            if (out / STAGING).exists() or not (out / "manifest.json").exists():
                repeat(work, out)
        assert read_tree(out) == wanted, number
    assert killed >= KILLS / 2


def test_every_operation_on_the_disk_is_among_the_faults() -> None:
    text = (ROOT / "dedupe/corpus/staging.py").read_text("utf-8") + (ROOT / "dedupe/corpus/lock.py").read_text("utf-8")
    for name in ("fsync", "replace"):
        assert f"os.{name}(" in text
    assert {"fsync", "replace", "unlink", "rmdir", "mkdir"} == set(OPERATIONS)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_ends_the_command_with_its_code_and_nothing_is_left(
    sign: int, code: int, tmp_path: Path, inputs: list[Path]
) -> None:
    (inputs[0] / "more.jsonl").write_bytes(b"".join(make_jsonl(ARTICLES) for _ in range(20_000)))
    command = [sys.executable, "-m", "dedupe", "run", str(inputs[0]), "-o", str(tmp_path / "out")]
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        while not (tmp_path / "out").exists():
            time.sleep(0.05)
        process.send_signal(sign)
        _, said = process.communicate()
    assert process.returncode == code, said
    assert said.splitlines()[-1].startswith("dedupe: interrupted")
    assert not (tmp_path / "out").exists()


def test_a_file_system_that_takes_no_more_ends_the_command_with_4_and_nothing_is_left(
    tmp_path: Path, inputs: list[Path]
) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # less than the report

    command = [sys.executable, "-m", "dedupe", "run", str(inputs[0]), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 4
    assert "make room, then the same command begins again" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_goes_on(
    tmp_path: Path, inputs: list[Path], settings: Settings, cli: Cli
) -> None:
    out = tmp_path / "out"
    with FolderLock(out):
        for work in (lambda: run(inputs, out, settings), lambda: run(inputs, out, settings, overwrite=True)):
            with pytest.raises(LockedError, match="another process is writing"):
                work()
        assert cli("run", inputs[0], "-o", out).code == 5
        assert list(out.iterdir()) == []
    run(inputs, out, settings)
    with FolderLock(out), pytest.raises(LockedError):
        apply_decisions(out)
    with FolderLock(tmp_path / "back"), pytest.raises(LockedError):
        undo(out, tmp_path / "back")


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    assert in_child(lambda: (FolderLock(tmp_path / "out"), os.kill(os.getpid(), signal.SIGKILL))) == -signal.SIGKILL
    FolderLock(tmp_path / "out").release()


def kill_in_the_middle(inputs: list[Path], out: Path, settings: Settings) -> None:
    assert killed_at(40, lambda: run(inputs, out, settings))
    assert (out / STAGING).exists()


def test_the_leftover_of_another_run_is_refused_with_the_way_out(
    tmp_path: Path, inputs: list[Path], settings: Settings, read_tree: Tree
) -> None:
    out = tmp_path / "out"
    kill_in_the_middle(inputs, out, settings)
    (tmp_path / "other.jsonl").write_bytes(make_jsonl(ARTICLES[:2]))
    left = read_tree(out)
    for others, changed in (([tmp_path / "other.jsonl"], settings), (inputs, Settings())):
        with pytest.raises(UsageError, match=r"another run left.*repeat that run.*choose another folder.*--force"):
            run(others, out, changed)
        assert read_tree(out) == left
    run([tmp_path / "other.jsonl"], out, settings, overwrite=True)
    assert load_manifest(out).counts["read"] == 2


def test_a_torn_label_of_a_leftover_is_no_obstacle(tmp_path: Path, inputs: list[Path], settings: Settings) -> None:
    kill_in_the_middle(inputs, tmp_path / "out", settings)
    label = tmp_path / "out" / STAGING / "run.json"
    label.write_bytes(label.read_bytes()[:50])
    run(inputs, tmp_path / "out", settings)
    assert is_whole(tmp_path / "out")
