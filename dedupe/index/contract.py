"""The contract of an index: what the stream asks of it, whatever stores it. START READING HERE.

A *text* is what was compared: its digest, its band keys, and a body from which it can be verified; it has a number, and the
numbers ascend in the order in which texts came. A *claim* says that an owner (an article's id) has a text. The owner
who claimed a text first has it; the others hold exact copies. A text's *survivor* is the text that stands for it: itself, or
an older one that is its own survivor. What is said of an article follows from its claim alone, so whoever asks again hears
the same, however often.

Everything happens inside `transaction`, which is all or nothing, and which one worker holds at a time. An index knows
nothing of texts or similarity: keys, sketches and bodies are bytes to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dedupe.model import RelationKind

KEY_BITS, NUMBER_BITS = 36, 28  # a posting is a band key and a text's number in 64 bits
BUCKET_CAP = 64  # texts that a bucket holds; what finds it full does not enter it
OUTLINE_STEP = 8  # of so many bytes of a sketch its outline has the first

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Outlines = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Link:
    """How a text is related to its survivor: the kind and the exact numbers."""

    kind: RelationKind
    jaccard: float
    containment: float
    despun: float | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that the index holds. `owner` claimed it first; `link` is None for a survivor."""

    number: int
    digest: bytes
    owner: str
    survivor: int
    link: Link | None


@dataclass(frozen=True, slots=True)
class NewText:
    """A text to be taken in under `number`.

    keys: uint64 below 2^KEY_BITS, its band keys; full: those of its band keys that belong to full buckets. sketch: of the same
    size for all texts of an index; it may be empty.
    """

    number: int
    digest: bytes
    survivor: int
    link: Link | None
    keys: Keys
    full: Keys
    sketch: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Postings:
    """Who shares a band key: text `numbers[i]` holds the key at `places[i]` of those asked for; `full` marks full buckets.

    places, numbers: int64, shape (postings,); full: bool, shape (keys,).
    """

    places: Numbers
    numbers: Numbers
    full: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part of a run: `records` records from number `first` on. The digests are SHA-256, in hex.

    `source` is that of the records' bytes as they came, `output` that of the part file.
    """

    run: str
    number: int
    first: int
    records: int
    source: str
    output: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stats:
    """An index in numbers. `hot` are the fullest buckets: texts that found them full, and the owner of one text in them."""

    articles: int
    texts: int
    survivors: int
    kinds: Mapping[str, int]
    postings: int
    runs: int
    size: int
    hot_buckets: int
    turned_away: int
    hot: tuple[tuple[int, str], ...]
    parts: Mapping[str, int]
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting some owners came to, by id, in order.

    `unknown` the index did not know. `orphans` own texts that lost their survivor: they stand for themselves from now on.
    """

    unknown: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


class Index(Protocol):
    """What an index does. All methods but the first five are called inside `transaction` only, some inside `snapshot`, too."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What the index was made with; an index is only opened by those who have the same."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what was done inside is durable at its end, or undone if an exception leaves it.

        Raises IndexStateError when another worker holds the index for longer than the index was opened to wait.
        """
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """The index as it was last committed, however long one looks; waits for nobody, and nobody has to wait.

        Everything that changes nothing may be asked inside.
        """
        ...

    def compact(self) -> None:
        """Give back the space that is not used."""
        ...

    def close(self) -> None:
        """Give the index up; it is whole on disk."""
        ...

    def next_number(self) -> int:
        """A number above those of all texts there ever were; the texts taken in next are numbered from here."""
        ...

    def find_digests(self, digests: Sequence[bytes]) -> dict[bytes, Text]:
        """The texts that have these digests, by digest."""
        ...

    def find_claims(self, owners: Sequence[str]) -> set[tuple[str, int]]:
        """The claims of these owners: owner and text."""
        ...

    def find_postings(self, keys: Keys) -> Postings:
        """Who holds these band keys: of each at most BUCKET_CAP texts, the oldest."""
        ...

    def read_texts(self, numbers: Sequence[int]) -> dict[int, Text]:
        """The texts of these numbers that exist."""
        ...

    def read_outlines(self, numbers: Numbers) -> Outlines:
        """Of the sketch of each of these texts every OUTLINE_STEP-th byte, zeros for a text without one: (numbers, bytes).

        Asked for many texts at once, and to be answered from memory.
        """
        ...

    def read_sketches(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The sketches of these texts."""
        ...

    def read_bodies(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bodies of these texts."""
        ...

    def add(self, texts: Sequence[NewText], claims: Iterable[tuple[str, int]]) -> None:
        """Take texts in, numbers ascending, and claims, in their order; a claim that exists is left as it is."""
        ...

    def forget(self, owners: Sequence[str]) -> Forgotten:
        """Remove every trace of some owners, bytes included.

        The texts that nobody else claims go with them. If somebody else claims a survivor, that one takes its place and nobody
        is orphaned.
        """
        ...

    def read_parts(self, run: str) -> list[Part]:
        """The finished parts of a run, in order."""
        ...

    def last_part(self, run: str) -> Part | None:
        """The last finished part of a run, None before the first."""
        ...

    def add_part(self, part: Part) -> None:
        """Enter a finished part. Raises IndexStateError if it is not the one that follows on the last."""
        ...

    def stats(self) -> Stats:
        """The index in numbers."""
        ...

    def verify(self) -> list[str]:
        """What is wrong with the index, in words; nothing for a sound one."""
        ...
