"""Power loss: of what was not synced, any part may be gone or torn. What a manifest names must be there all the same.

The operations of a run on its folder are taken down: files written, synced, renamed, removed, folders made and synced. Then the
power fails after any of them: a file holds what was synced of it and any part of the rest; of the changes to a folder those
since its last sync are there or not, each by itself. Only a rename is all or nothing, as journals have it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import pytest
from conftest import ARTICLES
from formats import make_jsonl

from dedupe import Settings, examine, run
from dedupe.corpus import staging
from dedupe.corpus.staging import STAGING, is_interrupted

SCHEDULES = int(os.environ.get("SCHEDULES", "40"))
ROOT = 0  # the number of the folder that everything lies in; numbers of files and folders are never used twice


@dataclass
class Disk:
    """What is on a disk: by folder and name what stands there; of each file its bytes, None for a folder."""

    entries: dict[tuple[int, str], int] = field(default_factory=dict)
    contents: dict[int, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """What was done to a file or folder `of`.

    `entry`: in that folder `name` now stands for `inode`, None: for nothing. `bytes`: the file holds `content`, None: it is a
    folder. `sync`: of the file's bytes, or of the folder's entries. The entries of a rename have one `group`.
    """

    kind: Literal["entry", "bytes", "sync"]
    of: int
    name: str = ""
    inode: int | None = None
    content: bytes | None = None
    group: int = 0


class Recorder:
    """Takes down what is done below `root`; `before` is what was there."""

    def __init__(self, root: Path) -> None:
        self.root, self.operations, self.before = root, list[Operation](), Disk()
        self._numbers = {root.stat().st_ino: ROOT}
        self._groups = itertools.count(1)
        for path in sorted(root.rglob("*")):
            number = self._new(path)
            self.before.entries[self._number(path.parent), path.name] = number
            self.before.contents[number] = path.read_bytes() if path.is_file() else None

    def holds(self, path: Any) -> bool:
        return isinstance(path, str | Path) and Path(path).is_relative_to(self.root)

    def create(self, path: Path, content: bytes | None) -> None:
        number = self._new(path)
        self.operations.append(Operation("bytes", number, content=content))
        self.operations.append(Operation("entry", self._number(path.parent), path.name, number, group=next(self._groups)))

    def write(self, path: Path) -> None:
        self.operations.append(Operation("bytes", self._number(path), content=path.read_bytes()))

    def sync(self, path: Path) -> None:
        self.operations.append(Operation("sync", self._number(path)))

    def rename(self, source: Path, target: Path) -> None:
        group = next(self._groups)
        self.operations.append(Operation("entry", self._number(source.parent), source.name, None, group=group))
        self.operations.append(Operation("entry", self._number(target.parent), target.name, self._number(target), group=group))

    def remove(self, path: Path) -> None:
        self.operations.append(Operation("entry", self._number(path.parent), path.name, None, group=next(self._groups)))

    def _new(self, path: Path) -> int:
        number = self._numbers[path.stat().st_ino] = len(self._numbers) + len(self.operations)
        return number

    def _number(self, path: Path) -> int:
        return self._numbers[path.stat().st_ino]


@contextlib.contextmanager
def recording(root: Path) -> Iterator[Recorder]:
    recorder = Recorder(root)
    replace, unlink, rmdir, mkdir, fsync = os.replace, os.unlink, os.rmdir, os.mkdir, os.fsync
    create, write_text = staging.Output.__init__, Path.write_text

    def recorded_replace(source: Any, target: Any) -> None:
        replace(source, target)
        recorder.rename(Path(source), Path(target))

    def recorded_mkdir(path: Any, *arguments: Any) -> None:
        mkdir(path, *arguments)
        if recorder.holds(path):
            recorder.create(Path(path), None)

    def recorded_removal(remove: Any) -> Any:
        def removal(path: Any, *, dir_fd: int | None = None) -> None:
            whole = Path(path) if dir_fd is None else Path(os.readlink(f"/proc/self/fd/{dir_fd}")) / path
            remove(path, dir_fd=dir_fd)
            if recorder.holds(whole):
                recorder.remove(whole)

        return removal

    def recorded_fsync(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if recorder.holds(path):
            if path.is_file():
                recorder.write(path)
            recorder.sync(path)

    def recorded_create(self: Any, path: Path, *arguments: Any) -> None:
        create(self, path, *arguments)
        recorder.create(path, b"")

    def recorded_write_text(self: Path, data: str, *arguments: Any) -> int:
        number = write_text(self, data, *arguments)
        if recorder.holds(self):
            recorder.create(self, data.encode())
        return number

    patches: list[tuple[Any, str, Any]] = [
        (os, "replace", recorded_replace),
        (os, "mkdir", recorded_mkdir),
        (os, "unlink", recorded_removal(unlink)),
        (os, "rmdir", recorded_removal(rmdir)),
        (os, "fsync", recorded_fsync),
        (staging.Output, "__init__", recorded_create),
        (Path, "write_text", recorded_write_text),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, function in patches:
            stack.enter_context(mock.patch.object(owner, name, function))
        yield recorder


def fail_power(before: Disk, operations: list[Operation], chance: random.Random) -> Disk:
    """What may be found on a disk when the power fails after these operations."""
    synced = {operation.of: at for at, operation in enumerate(operations) if operation.kind == "sync"}
    certain = {
        operation.group
        for at, operation in enumerate(operations)
        if operation.kind == "entry" and at < synced.get(operation.of, -1)
    }
    done: dict[int, bool] = dict.fromkeys(certain, True)
    after = Disk(dict(before.entries), dict(before.contents))
    for at, operation in enumerate(operations):
        content = operation.content
        if operation.kind == "bytes":
            if content is not None and at > synced.get(operation.of, -1):
                content = chance.choice([b"", content, content[: chance.randrange(len(content) + 1)]])
            after.contents[operation.of] = content
        elif operation.kind == "entry" and done.setdefault(operation.group, chance.random() < 0.5):
            if operation.inode is None:
                after.entries.pop((operation.of, operation.name), None)
            else:
                after.entries[operation.of, operation.name] = operation.inode
    return after


def lay_out(disk: Disk, target: Path, folder: int = ROOT) -> None:
    """Make the files and folders that can be reached on a disk."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for (parent, name), number in disk.entries.items():
        content = disk.contents[number]
        if parent == folder and content is None:
            lay_out(disk, target / name, number)
        elif parent == folder:
            (target / name).write_bytes(content or b"")


@pytest.mark.parametrize("replacing", [False, True], ids=["a new folder", "an earlier run"])
def test_a_power_failure_loses_nothing_that_was_committed_and_the_run_can_be_repeated(
    replacing: bool, tmp_path: Path, settings: Settings, read_tree: Callable[[Path], dict[str, bytes]]
) -> None:
    (tmp_path / "a.jsonl").write_bytes(make_jsonl(ARTICLES) + b"garbage\n")
    (tmp_path / "b.jsonl").write_bytes(make_jsonl(ARTICLES[:2]))
    root = tmp_path / "disk"
    (root / "x").mkdir(parents=True)
    if replacing:
        run([tmp_path / "b.jsonl"], root / "x/out", settings)
    with recording(root) as recorder:
        run([tmp_path / "a.jsonl"], root / "x/out", settings, overwrite=True)
    whole = read_tree(root / "x/out")
    operations, chance, states = recorder.operations, random.Random(11), set()
    assert len(operations) > 50
    for number in range(SCHEDULES):
        cut = len(operations) if number % 5 == 0 else chance.randrange(len(operations) + 1)
        if 0 < cut < len(operations) and operations[cut].group == operations[cut - 1].group != 0:
            cut += 1  # never within a rename
        lay_out(fail_power(recorder.before, operations[:cut], chance), tmp_path / "found")
        out = tmp_path / "found/x/out"
        manifest = (out / "manifest.json").read_bytes() if (out / "manifest.json").is_file() else b""
        if manifest and not is_interrupted(out):
            assert [fault for fault in examine(out).faults if STAGING not in fault] == [], (number, cut)
        run([tmp_path / "a.jsonl"], out, settings, overwrite=True)  # what a user does next
        assert read_tree(out) == whole, (number, cut)
        states.add(manifest == whole["manifest.json"])
        if cut == len(operations):
            assert manifest == whole["manifest.json"], "what was reported as done is lost"
    assert states == {False, True}
