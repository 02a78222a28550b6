"""A lock on an output folder: two runs into one folder cannot mix.

The system holds it for as long as the process lives, so that nothing is left over after kill -9, and no file lies about.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from dedupe.errors import LockedError

try:
    import fcntl
except ImportError:  # a system without flock: there one must see to it oneself
    fcntl = None  # type: ignore[assignment]


class FolderLock:
    """The sole right to write into a folder, from making it to `release`; a context manager.

    A folder that does not exist is made, and removed again if it is empty at the end. Raises LockedError when another
    process has the lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made, self._descriptor = not folder.exists(), -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder, os.O_RDONLY)
            if fcntl:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise LockedError(
                "another process is writing into this folder; wait for it, or choose another folder", path=str(folder)
            ) from None
        except KeyboardInterrupt:
            self.release()
            raise

    def release(self) -> None:
        """Give the folder free, and remove it if it was made in vain."""
        if self._made and self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._made = -1, False

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
