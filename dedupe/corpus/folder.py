"""The output folder of a run: who may write into it, what an earlier or interrupted run left there, and the way out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from dedupe.corpus.lock import FolderLock
from dedupe.corpus.manifest import load_manifest
from dedupe.corpus.staging import MANIFEST, STAGING, Staging, finish_installation, is_interrupted, refuse_leftover
from dedupe.errors import UsageError


class Sized(Protocol):
    """An input, or its entry in a manifest."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...


class OutputFolder:
    """The sole right to write a run into a folder, until it is released; a context manager.

    An installation that a crash interrupted there is finished first, which `completed` tells. Raises LockedError while another
    process writes there, UsageError when the folder is a symbolic link or a file, or holds what is no run. With `repeat` a
    finished run there may be begun again by its like.
    """

    def __init__(self, path: Path, *, overwrite: bool = False, repeat: bool = False) -> None:
        if path.is_symlink() or (path / STAGING).is_symlink():
            raise UsageError("is or holds a symbolic link; give the real path of the output folder", path=str(path))
        if path.exists() and not path.is_dir():
            raise UsageError("is not a folder; choose another output folder", path=str(path))
        self.path, self._overwrite, self._repeat = path, overwrite, repeat and not overwrite
        self._owner: Mapping[str, Any] = {}
        self._lock = FolderLock(path)
        try:
            self.completed = is_interrupted(path)
            if self.completed:
                finish_installation(path)
            self._refuse_content()
        except BaseException:
            self._lock.release()
            raise

    def begin(self, owner: Mapping[str, Any]) -> bool:
        """Whether the run that `owner` identifies is complete already, its installation finished just now, or earlier.

        Raises UsageError when what stands there is another's, or a crash left another's unfinished output; with `overwrite`
        both are given up.
        """
        self._owner = owner
        if (self.completed or self._repeat) and (self.path / MANIFEST).exists():
            manifest = load_manifest(self.path)
            if identify_run(manifest.details, manifest.inputs) == owner:
                return True
            self._refuse_finished()
        if not self._overwrite:
            refuse_leftover(self.path, owner)
        return False

    def stage(self) -> Staging:
        """A fresh staging folder inside; what an interrupted run left is gone."""
        return Staging(self.path, self._owner)

    def release(self) -> None:
        """Give the folder free."""
        self._lock.release()

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _refuse_content(self) -> None:
        if (self.path / MANIFEST).exists():
            load_manifest(self.path)
            if not (self.completed or self._repeat):
                self._refuse_finished()
        elif any(entry.name != STAGING for entry in self.path.iterdir()):
            raise UsageError("is not empty and holds no finished run; choose another folder, or empty it", path=str(self.path))

    def _refuse_finished(self) -> None:
        if not self._overwrite:
            raise UsageError("holds a finished run; choose another folder, or --force to replace it", path=str(self.path))


def identify_run(details: Mapping[str, Any], inputs: Iterable[Sized]) -> dict[str, Any]:
    """What makes two runs the same: version, settings and rules (the manifest's `details`), and the inputs."""
    return {"details": dict(details), "inputs": [[input.name, input.size] for input in inputs]}


def name_run(details: Mapping[str, Any], inputs: Iterable[Sized]) -> str:
    """A name for a run, the same for every run of the same inputs in the same way, and for `apply` after it: 16 hex digits."""
    return hashlib.sha256(json.dumps(identify_run(details, inputs)).encode()).hexdigest()[:16]
