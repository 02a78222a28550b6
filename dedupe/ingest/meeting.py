"""A batch of texts meets those of the index: candidates by band keys, then the same exact verification as in a batch run.

Texts are numbered in the order in which they came, and each is related to older ones only. So what is said of a text does
not depend on what came after it, nor on how the stream was cut into batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.despun import DESPUN_BANDS, tell_likely
from dedupe.detect.find import settle_bands
from dedupe.detect.lsh import all_band_keys, find_candidates
from dedupe.detect.profile import Profiles
from dedupe.detect.relation import Verifier
from dedupe.index.contract import BUCKET_CAP, KEY_BITS, Index, Keys, Link, Numbers, Text
from dedupe.ingest.bodies import Body, cut_body, join_bodies
from dedupe.model import Pair

_DESPUN_FAMILY = np.uint64(0x5350554E << 32)  # sets the keys of despun bands apart from the others
_COLUMNS = 4096  # candidate pairs whose sketches are compared at once

Related = Mapping[int, Link]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A text of the batch: its number (new, or that of the same text in the index), its row, and who brought it first."""

    number: int
    row: int
    owner: str
    digest: bytes
    known: Text | None


class Meeting:
    """The relations of the newcomers of a batch to older texts; used inside a transaction of `index`.

    profiles: those of the batch. keys: the band keys of each newcomer, `full` which belong to full buckets; both of
    shape (newcomers, bands). related: the links of each newcomer to older texts, by number. texts: those of the index among the
    newcomers and the related ones, and the survivors of these.
    """

    def __init__(self, index: Index, profiles: Profiles, newcomers: Sequence[Newcomer], settings: FindSettings) -> None:
        self._index, self._settings = index, settings
        self._newcomers = newcomers
        self._rows = np.array([newcomer.row for newcomer in newcomers], np.int64)
        self._numbers = np.array([newcomer.number for newcomer in newcomers], np.int64)
        self._profiles = profiles
        self._bodies: dict[int, Body] = {newcomer.number: cut_body(profiles, newcomer.row) for newcomer in newcomers}
        self._verifier: Verifier | None = None
        self.keys = cut_keys(profiles, self._rows, settings)
        found = index.find_postings(self.keys.ravel())
        self.full = found.full.reshape(self.keys.shape)
        newer, older = self._gather(found.places // max(1, self.keys.shape[1]), found.places, found.numbers)
        self._load(older.tolist())
        self.related: dict[int, dict[int, Link]] = defaultdict(dict)
        for pair in self._measure(newer.tolist(), older.tolist()):
            low, high = sorted((int(pair.a), int(pair.b)))
            self.related[high][low] = _as_link(pair)
        self.texts: dict[int, Text] = {newcomer.number: newcomer.known for newcomer in newcomers if newcomer.known}
        numbers = {number for links in self.related.values() for number in links} - set(self._numbers.tolist())
        self.texts |= index.read_texts(sorted(numbers))
        survivors = {text.survivor for text in self.texts.values()} - self.texts.keys()
        self.texts |= index.read_texts(sorted(survivors))
        self._load(sorted(survivors))

    def verify(self, number: int, other: int) -> Link | None:
        """How two texts are related, if they are; both are newcomers, related to some, or survivors of such."""
        return next((_as_link(pair) for pair in self._measure([number], [other])), None)

    def is_copy_of(self, older: int, number: int) -> bool:
        """Whether the older of two spun versions is the spun one."""
        pair = Pair(_as_id(min(older, number)), _as_id(max(older, number)), "spun", 0.0, 0.0)
        return _as_id(older) in self._verify_all().tell_copies([pair])

    def encode(self, number: int) -> bytes:
        """The body of a newcomer as an index keeps it."""
        return self._bodies[number].encode()

    def _gather(self, rows: Numbers, places: Numbers, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """The distinct candidates: numbers of newcomers, and of older texts worth comparing with them."""
        bands = self.keys.shape[1]
        despun = self._profiles.despun
        near_bands = bands - (DESPUN_BANDS if despun is not None else 0)
        older = numbers < self._numbers[rows]
        is_near = places % max(1, bands) < near_bands
        pairs = [_distinct(self._numbers[rows[older & is_near]], numbers[older & is_near])]
        if despun is not None:
            newer, theirs = _distinct(rows[older & ~is_near], numbers[older & ~is_near])
            likely = self._compare_sketches(newer, theirs)
            pairs.append((self._numbers[newer[likely]], theirs[likely]))
        pairs += self._gather_within()
        return _distinct(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))

    def _gather_within(self) -> Iterable[tuple[Numbers, Numbers]]:
        """The candidates among the newcomers themselves."""
        if len(self._rows) < 2:
            return
        if "near" in self._settings.kinds:
            near = find_candidates(self._profiles.signatures[self._rows], *settle_bands(self._settings), cap=BUCKET_CAP)
            yield self._order(near.a, near.b)
        if self._profiles.despun is not None:
            keys = self._profiles.despun.keys[self._rows]
            spun = find_candidates(keys, DESPUN_BANDS, 1, cap=BUCKET_CAP)
            likely = tell_likely(keys, spun.a, keys, spun.b, self._settings.spun)
            yield self._order(spun.a[likely], spun.b[likely])

    def _order(self, a: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
        one, other = self._numbers[a], self._numbers[b]
        return np.maximum(one, other), np.minimum(one, other)

    def _compare_sketches(self, newer: Numbers, older: Numbers) -> npt.NDArray[np.bool_]:
        """Which pairs of a newcomer (by place) and an older text (by number) may be spun copies."""
        assert self._profiles.despun is not None
        ours = self._profiles.despun.keys[self._rows]
        likely = np.zeros(len(newer), np.bool_)
        order = np.argsort(older, kind="stable")
        for low in range(0, len(order), _COLUMNS):
            some = order[low : low + _COLUMNS]
            numbers, places = np.unique(older[some], return_inverse=True)
            sketches = self._index.read_sketches(numbers.tolist())
            blank = bytes(ours.shape[1] * ours.itemsize)
            theirs = np.frombuffer(b"".join(sketches.get(number, blank) for number in numbers.tolist()), np.uint32)
            likely[some] = tell_likely(ours, newer[some], theirs.reshape(len(numbers), -1), places, self._settings.spun)
        return likely

    def _load(self, numbers: Sequence[int]) -> None:
        """Learn the bodies of further texts."""
        missing = sorted(set(numbers) - self._bodies.keys())
        if missing:
            self._bodies |= {number: Body.decode(content) for number, content in self._index.read_bodies(missing).items()}
            self._verifier = None

    def _measure(self, newer: Sequence[int], older: Sequence[int]) -> list[Pair]:
        verifier = self._verify_all()
        held = [(a, b) for a, b in zip(newer, older, strict=True) if b in self._bodies]
        a, b = (
            np.array([self._row_of[number] for number in side], np.int64)
            for side in ([a for a, _ in held], [b for _, b in held])
        )
        return [pair for pair in verifier.verify(a, b) if pair.kind in self._settings.kinds]

    def _verify_all(self) -> Verifier:
        if self._verifier is None:
            numbers = sorted(self._bodies)
            self._row_of = {number: row for row, number in enumerate(numbers)}
            profiles = join_bodies([self._bodies[number] for number in numbers], despun=self._profiles.despun is not None)
            self._verifier = Verifier(profiles, [_as_id(number) for number in numbers], self._settings)
        return self._verifier


def cut_keys(profiles: Profiles, rows: Numbers, settings: FindSettings) -> Keys:
    """The band keys of some rows: uint64 below 2^36, shape (rows, bands): those of the near bands, then of the despun ones."""
    keys = [all_band_keys(profiles.signatures[rows], *settle_bands(settings))]
    if profiles.despun is not None:
        keys.append(all_band_keys(profiles.despun.keys[rows], DESPUN_BANDS, 1) ^ _DESPUN_FAMILY)
    return np.concatenate(keys, axis=1) >> np.uint64(64 - KEY_BITS)


def _distinct(a: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
    codes = np.unique(a << 32 | b)
    return codes >> 32, codes & 0xFFFFFFFF


def _as_link(pair: Pair) -> Link:
    return Link(pair.kind, pair.jaccard, pair.containment, pair.despun)


def _as_id(number: int) -> str:
    return f"{number:010}"
