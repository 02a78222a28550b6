"""All or nothing on disk: files are written to a staging folder, made durable, and renamed into place, manifest last.

Files are written to <staging>/new. When all are durable, one rename to <staging>/ready decides: whoever comes next, even
after a crash between two later renames, finishes the installation. Before that, a leftover can only be begun again; it tells
in <staging>/run.json by what, so that another run does not take it for its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dedupe.corpus.compression import make_compressor
from dedupe.corpus.record import Compression
from dedupe.errors import InputError, UsageError

MANIFEST = "manifest.json"
STAGING = ".dedupe-staging"
_READY, _OWNER = "ready", "run.json"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that was written: its name below the folder, its size in bytes, the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str


class Output:
    """A file being written; `close` makes it durable. Compressed bytes depend on the content alone."""

    def __init__(self, path: Path, name: str, compression: Compression = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        try:
            self._file = path.open("xb")
        except FileExistsError:
            raise UsageError(f"two inputs would both be written as {name!r}; rename one of them") from None
        self._digest, self._size = hashlib.sha256(), 0
        self._compression, self._begun = compression, False
        self._compressor = make_compressor(compression)

    def begin_member(self) -> None:
        """What follows is a compressed member of its own, as every record of a crawl archive is."""
        if self._compressor and self._begun:
            self._write_through(self._compressor.flush())
            self._compressor, self._begun = make_compressor(self._compression), False

    def write(self, content: bytes) -> None:
        """Append bytes, to be compressed first if so asked."""
        self._begun = True
        self._write_through(self._compressor.compress(content) if self._compressor else content)

    def _write_through(self, content: bytes) -> None:
        self._digest.update(content)
        self._size += len(content)
        self._file.write(content)

    def close(self) -> OutputFile:
        """What was written, flushed and synced to disk."""
        if self._compressor:
            self._write_through(self._compressor.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return OutputFile(self.name, self._size, self._digest.hexdigest())

    def discard(self) -> None:
        """Give the file up, if it is not closed."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()


class Staging:
    """The staging folder inside `folder`: fresh when made, gone after `install` or `discard`.

    `owner` tells whose it is, for `refuse_leftover`. The caller holds the folder's lock and has seen to it that no interrupted
    installation is pending there.
    """

    def __init__(self, folder: Path, owner: Mapping[str, Any]) -> None:
        self.folder = folder
        self._staging, self._new = folder / STAGING, folder / STAGING / "new"
        if self._staging.exists():
            shutil.rmtree(self._staging)
        self._staging.mkdir(parents=True)
        (self._staging / _OWNER).write_text(json.dumps(owner), "utf-8")
        self._new.mkdir()

    def create(self, name: str, compression: Compression = "") -> Output:
        """A new file, to be installed as `name`. Raises UsageError for a name that leads outside the folder."""
        return Output(self._new / check_name(name), name, compression)

    def install(self) -> None:
        """Put the files in place; a staged manifest goes last and replaces the files that the earlier one names."""
        _sync_folders(Path(parent) for parent, _, _ in os.walk(self._new))
        os.replace(self._new, self._staging / _READY)
        _sync_folders([self._staging, self.folder, self.folder.absolute().parent])
        finish_installation(self.folder)

    def discard(self) -> None:
        """Remove what was staged, if its installation is not decided."""
        if not is_interrupted(self.folder):
            shutil.rmtree(self._staging, ignore_errors=True)


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
    """Whether an installation in the folder was decided but not finished, down to the removal of the staging folder."""
    staging = folder / STAGING
    return (staging / _READY).is_dir() or (staging.is_dir() and not any(staging.iterdir()))


def refuse_leftover(folder: Path, owner: Mapping[str, Any]) -> None:
    """Nothing, if what an interrupted run left in the folder is `owner`'s own and may be begun again.

    Raises UsageError when it is another's.
    """
    path = folder / STAGING / _OWNER
    try:
        known = json.loads(path.read_bytes()) if path.is_file() else None
    except ValueError:  # killed while it wrote this line
        known = None
    if known is not None and known != json.loads(json.dumps(owner)):
        raise UsageError(
            "holds what another run left when it was interrupted (other inputs or settings); repeat that run to complete it, "
            f"choose another folder, or give that run up: remove {STAGING} in it, or --force",
            path=str(folder),
        )


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
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    targets = {folder / parent for name in staged for parent in PurePosixPath(name).parents}
    _sync_folders(targets)  # a file that moves into a folder that is lost would be lost with it
    for name in staged:
        if name == MANIFEST:
            _sync_folders(targets)
        os.replace(staging / name, folder / name)
    _sync_folders(targets | {folder})
    (folder / STAGING / _OWNER).unlink(missing_ok=True)
    if staging.exists():
        shutil.rmtree(staging)  # last but one: as long as it is there, the installation counts as unfinished
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
