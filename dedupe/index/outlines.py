"""Outlines of sketches: every eighth byte, kept in memory, so that telling most chance candidates costs no reading.

In the file they lie by the number of the text, in blocks of a page each. A look-up loads what it has not loaded yet: at first
all blocks, 64 MB for 1,000,000 texts with sketches of 512 bytes, and later those that were written since.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from dedupe.index.contract import OUTLINE_STEP, Numbers, Outlines

_BLOCK = 120  # texts: 120 outlines of 64 bytes fill a page

TABLES = "CREATE TABLE outline (block INTEGER PRIMARY KEY, content BLOB NOT NULL);"


class OutlineBlocks:
    """The outlines of an index in SQLite. No number is used twice, so what was loaded stays true while its text exists."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.forget_all()

    def refresh(self) -> None:
        """Look for further blocks before the next answer; called when a transaction begins."""
        self._is_fresh = False

    def forget_all(self) -> None:
        """Forget what was loaded: after a transaction that failed."""
        self._rows: Outlines = np.zeros((1, 0), np.uint8)  # by number; none has the number 0
        self._blocks, self._is_fresh = 0, False

    def find(self, numbers: Numbers) -> Outlines:
        """The outlines of these texts, zeros for a text that has none."""
        if not self._is_fresh:
            self._load()
        known = numbers < len(self._rows)
        rows = self._rows[np.where(known, numbers, 0)]
        rows[~known] = 0
        return rows

    def add(self, sketches: Mapping[int, bytes]) -> None:
        """Take in the outlines of new texts, by number."""
        self._change({number: sketch[::OUTLINE_STEP] for number, sketch in sketches.items()})
        self.refresh()

    def remove(self, numbers: Sequence[int]) -> None:
        """Overwrite the outlines of some texts."""
        blank = bytes(self.find(np.array(numbers)).shape[1])
        self._change(dict.fromkeys(numbers, blank) if blank else {})
        self.forget_all()

    def find_faults(self, sketches: Iterable[tuple[int, bytes]]) -> Iterator[str]:
        """What is wrong, in words. sketches: those of all texts, by number."""
        self.forget_all()
        for number, sketch in sketches:
            if self.find(np.array([number])).tobytes() != sketch[::OUTLINE_STEP]:
                yield f"the outline of text {number} is not that of its sketch"

    def _load(self) -> None:
        last = max(0, self._blocks - 1)  # more texts may have come into it
        query = "SELECT block, content FROM outline WHERE block >= ? ORDER BY block"
        for block, content in self._connection.execute(query, (last,)).fetchall():
            first, rows = block * _BLOCK, np.frombuffer(content, np.uint8).reshape(_BLOCK, -1)
            if first + _BLOCK > len(self._rows):
                grown = np.zeros((max(first + _BLOCK, 2 * len(self._rows)), rows.shape[1]), np.uint8)
                grown[: len(self._rows), : self._rows.shape[1]] = self._rows
                self._rows = grown
            self._rows[first : first + _BLOCK] = rows
            self._blocks = block + 1
        self._is_fresh = True

    def _change(self, outlines: Mapping[int, bytes]) -> None:
        """Put the outlines in their places, by number."""
        blocks: defaultdict[int, dict[int, bytes]] = defaultdict(dict)
        for number, outline in outlines.items():
            blocks[number // _BLOCK][number % _BLOCK] = outline
        for block, changed in blocks.items():
            size = max(map(len, changed.values()))
            row = self._connection.execute("SELECT content FROM outline WHERE block = ?", (block,)).fetchone()
            content = bytearray(row[0] if row else bytes(_BLOCK * size))
            for place, outline in changed.items():
                content[place * size : (place + 1) * size] = outline
            self._connection.execute("INSERT OR REPLACE INTO outline VALUES (?, ?)", (block, bytes(content)))
