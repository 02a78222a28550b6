"""Columns: arrays that grow batch by batch, in memory up to a limit, and beyond it in a file without a name.

The file is mapped into memory: what is looked up often stays there, and the system may drop the rest when it needs the room. So
a corpus of any size leaves little behind that only memory holds. The folder of temporary files (TMPDIR) takes the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dedupe.errors import DedupeError

# Bytes of one column; a column of 10,000 articles, about.
IN_MEMORY = 16 << 20


class Columns:
    """Columns by name, all grown together.

    >>> columns = Columns()
    >>> columns.append({"words": np.array([9, 8]), "hashes": np.array([1, 2, 3])})
    >>> columns.append({"words": np.array([7]), "hashes": np.array([4])})
    >>> {name: column.tolist() for name, column in columns.finish().items()}
    {'words': [9, 8, 7], 'hashes': [1, 2, 3, 4]}
    """

    def __init__(self) -> None:
        self._columns: dict[str, Column] = {}

    def append(self, parts: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put a part at the end of each column."""
        for name, part in parts.items():
            self._columns.setdefault(name, Column()).append(part)

    def finish(self) -> dict[str, npt.NDArray[Any]]:
        """The whole columns."""
        return {name: column.finish() for name, column in self._columns.items()}


class Column:
    """An array that grows at its end. Raises DedupeError where the folder of temporary files is full.

    >>> column = Column()
    >>> column.append(np.array([1, 2]))
    >>> column.append(np.array([3]))
    >>> column.finish().tolist()
    [1, 2, 3]
    """

    def __init__(self) -> None:
        self._parts: list[npt.NDArray[Any]] = []
        self._rows = self._pending = 0
        self._file: IO[bytes] | None = None

    def append(self, part: npt.NDArray[Any]) -> None:
        """Put rows at the end; all parts have the same type and the same number of columns."""
        self._parts.append(part)
        self._rows += len(part)
        self._pending += part.nbytes
        if self._pending > IN_MEMORY:
            self._write()

    def finish(self) -> npt.NDArray[Any]:
        """All rows; of at least one part."""
        if self._file is None:
            return np.concatenate(self._parts)
        last = self._parts[-1]
        self._write()
        self._file.flush()
        return np.asarray(np.memmap(self._file, last.dtype, "r", shape=(self._rows, *last.shape[1:])))

    def _write(self) -> None:
        try:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 as long as the array lives
            for part in self._parts:
                self._file.write(np.ascontiguousarray(part).data)
        except OSError as error:
            reason = f"{error.strerror}; what is known of the articles needs room there, some 10 KB an article"
            raise DedupeError(f"{reason}; point TMPDIR at a folder on a larger disk", path=tempfile.gettempdir()) from None
        self._parts, self._pending = self._parts[-1:], 0
        self._parts[0] = self._parts[0][:0]


def chain_sizes(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The offsets of rows of these sizes that are laid end to end.

    >>> chain_sizes(np.array([3, 0, 2])).tolist()
    [0, 3, 3, 5]
    """
    return np.concatenate([[0], np.cumsum(sizes)])
