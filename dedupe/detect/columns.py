"""Columns: arrays that grow batch by batch, in memory up to a limit, and beyond it in a file without a name.

The file is mapped into memory: what is looked up often stays there, and the system may drop the rest when it needs the room. So
a corpus of any size leaves little behind that only memory holds. The folder of temporary files (TMPDIR) takes the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from dedupe.errors import DedupeError
from dedupe.kernel import compiled_kernel

T = TypeVar("T", bound=np.generic)

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


def take_rows(values: npt.NDArray[T], offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[T]:
    """The values of some rows, laid end to end; row d has those from offsets[d] to offsets[d + 1].

    >>> take_rows(np.array([7, 8, 9, 10]), np.array([0, 1, 3, 4]), np.array([2, 1])).tolist()
    [10, 8, 9]
    """
    sizes = offsets[rows + 1] - offsets[rows]
    kernel = compiled_kernel()
    if kernel:
        copied = np.empty(int(sizes.sum()), values.dtype)
        kernel.take_rows(values, values.itemsize, offsets, np.ascontiguousarray(rows), copied)
        return copied
    places = np.arange(int(sizes.sum())) + np.repeat(offsets[rows] - (np.cumsum(sizes) - sizes), sizes)
    taken: npt.NDArray[T] = values[places]
    return taken


def find_spread(values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.bool_]:
    """Which of the values (uint32) at least so many rows hold, up to 255; row d has those from offsets[d] to offsets[d + 1].

    >>> find_spread(np.array([5, 5, 6, 5, 6], np.uint32), np.array([0, 3, 5]), 2).tolist()
    [True, True, True, True, True]
    >>> find_spread(np.array([5, 5, 6, 7, 6], np.uint32), np.array([0, 3, 5]), 2).tolist()
    [False, False, True, False, True]
    """
    flags = np.zeros(len(values), np.bool_)
    kernel = compiled_kernel()
    if kernel:
        kernel.spread(values, offsets, least, flags)
        return flags
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint64), np.diff(offsets))
    keys = values.astype(np.uint64) << np.uint64(32) | rows
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    starts = np.flatnonzero(np.diff(keys[first] >> np.uint64(32), prepend=~(keys[:1] >> np.uint64(32))))
    enough = np.diff(starts, append=len(first)) >= least
    flags[order] = np.repeat(enough, np.diff(first[starts], append=len(keys)))
    return flags


def encode_values(
    values: npt.NDArray[np.uint32],
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The distinct values, ascending; the place among them of each value (both uint32); how often each occurs (int64).

    >>> [part.tolist() for part in encode_values(np.array([7, 3, 7], np.uint32))]
    [[3, 7], [1, 0, 1], [1, 2]]
    """
    codes = np.empty(len(values), np.uint32)
    kernel = compiled_kernel()
    if kernel:
        distinct, counts = kernel.encode(values, codes)
        return np.frombuffer(distinct, np.uint32), codes, np.frombuffer(counts, np.int64)
    # As numpy.unique does, but by one sort of values packed with their places, which takes a third of the time.
    packed = values.astype(np.uint64) << np.uint64(32) | np.arange(len(values), dtype=np.uint64)
    packed.sort()
    ordered, order = (packed >> np.uint64(32)).astype(np.uint32), (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    sizes = np.diff(starts, append=len(ordered))
    codes[order] = np.repeat(np.arange(len(starts), dtype=np.uint32), sizes)
    return ordered[starts], codes, sizes
