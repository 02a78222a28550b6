"""All or nothing on disk: files are written to a staging folder, made durable, and renamed into place, manifest last.

Files are written to <staging>/new. When all are durable, one rename to <staging>/ready decides: whoever comes next, even
after a crash between two later renames, finishes the installation. Before that, a leftover is worth nothing and is removed.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dedupe.corpus.record import Compression
from dedupe.errors import InputError, UsageError

MANIFEST = "manifest.json"
STAGING = ".dedupe-staging"
_READY = "ready"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that was written: its name below the folder, its size in bytes, the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str


class Output:
    """A file being written; `close` makes it durable. With compression "gz" the bytes depend on the content alone."""

    def __init__(self, path: Path, name: str, compression: Compression = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._file = path.open("xb")
        self._digest, self._size = hashlib.sha256(), 0
        self._gzip = gzip.GzipFile("", "wb", 6, _Tap(self), mtime=0) if compression else None

    def write(self, content: bytes) -> None:
        """Append bytes, to be compressed first if so asked."""
        if self._gzip:
            self._gzip.write(content)
        else:
            self.write_through(content)

    def write_through(self, content: bytes) -> None:
        """Append bytes as they stand on disk."""
        self._digest.update(content)
        self._size += len(content)
        self._file.write(content)

    def close(self) -> OutputFile:
        """What was written, flushed and synced to disk."""
        if self._gzip:
            self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return OutputFile(self.name, self._size, self._digest.hexdigest())

    def discard(self) -> None:
        """Give the file up, if it is not closed."""
        with contextlib.suppress(OSError, ValueError):
            if self._gzip:
                self._gzip.close()
            self._file.close()


class _Tap:
    """The file object that gzip writes to."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, content: bytes) -> None:
        self._output.write_through(content)

    def flush(self) -> None:
        pass


class Staging:
    """The staging folder inside `folder`: fresh when made, gone after `install` or `discard`.

    The caller has seen to it that no interrupted installation is pending there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made_folder = not folder.exists()
        self._staging, self._new = folder / STAGING, folder / STAGING / "new"
        shutil.rmtree(self._staging, ignore_errors=True)
        self._new.mkdir(parents=True)

    def create(self, name: str, compression: Compression = "") -> Output:
        """A new file, to be installed as `name`. Raises UsageError for a name that leads outside the folder."""
        return Output(self._new / check_name(name), name, compression)

    def install(self) -> None:
        """Put the files in place; a staged manifest goes last and replaces the files that the earlier one names."""
        _sync_folders(Path(parent) for parent, _, _ in os.walk(self._new))
        os.replace(self._new, self._staging / _READY)
        _sync_folders([self._staging, self.folder])
        finish_installation(self.folder)

    def discard(self) -> None:
        """Remove what was staged, if its installation is not decided, and the folder if it was made for it."""
        if not is_interrupted(self.folder):
            shutil.rmtree(self._staging, ignore_errors=True)
        if self._made_folder and not any(self.folder.iterdir()):
            self.folder.rmdir()


def check_name(name: str) -> str:
    """The name, if it is a relative path that stays below its folder; UsageError otherwise.

    >>> check_name("canonical/a.txt")
    'canonical/a.txt'
    """
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute() or set(path.parts) & {"..", STAGING} or Path(name).anchor:
        raise UsageError(f"{name!r} cannot name an output: it leads outside the output folder")
    return name


def is_interrupted(folder: Path) -> bool:
    """Whether an installation in the folder was decided but not finished."""
    return (folder / STAGING / _READY).is_dir()


def finish_installation(folder: Path) -> None:
    """Rename everything staged in the folder into place and drop the staging folder; safe to repeat after a crash."""
    staging = folder / STAGING / _READY
    staged = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
    if MANIFEST in staged:
        staged.remove(MANIFEST)
        _remove_old_files(folder, keep={file["name"] for file in _read_outputs(staging)})
        staged.append(MANIFEST)
    for name in staged:
        _refuse_symlinks(folder, name)
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == MANIFEST:
            _sync_folders({(folder / other).parent for other in staged})
        os.replace(staging / name, target)
    _sync_folders({(folder / name).parent for name in staged} | {folder})
    shutil.rmtree(folder / STAGING)


def read_json(path: Path) -> Any:
    """The content of a JSON file; InputError when it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be read: {error}", path=str(path)) from None


def _read_outputs(folder: Path) -> list[dict[str, Any]]:
    path = folder / MANIFEST
    outputs: list[dict[str, Any]] = read_json(path)["outputs"] if path.is_file() else []
    return outputs


def _remove_old_files(folder: Path, keep: set[str]) -> None:
    for file in _read_outputs(folder):
        name = check_name(file["name"])
        if name not in keep:
            _refuse_symlinks(folder, name)
            (folder / name).unlink(missing_ok=True)
            for parent in PurePosixPath(name).parents[:-1]:
                if (folder / parent).is_dir() and not any((folder / parent).iterdir()):
                    (folder / parent).rmdir()


def _refuse_symlinks(folder: Path, name: str) -> None:
    path = PurePosixPath(name)
    for place in (path, *path.parents):
        if (folder / place).is_symlink():
            raise UsageError("is a symbolic link; outputs are written to real files only", path=str(folder / place))


def _sync_folders(folders: Iterable[Path]) -> None:
    for folder in sorted(folders):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
