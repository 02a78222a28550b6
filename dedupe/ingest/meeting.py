"""A batch of texts meets those of the index: candidates by band keys, then the same exact verification as in a batch run.

Texts are numbered in the order in which they came, and each is related to older ones only. So what is said of a text does
not depend on what came after it, nor on how the stream was cut into batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.despun import DESPUN_BANDS, tell_likely, tell_plausible
from dedupe.detect.find import settle_bands
from dedupe.detect.lsh import all_band_keys
from dedupe.detect.profile import Profiles
from dedupe.detect.relation import Verifier
from dedupe.index.contract import BUCKET_CAP, KEY_BITS, OUTLINE_STEP, Index, Keys, Link, Numbers, Outlines, Text
from dedupe.ingest.bodies import Body, cut_body, join_bodies
from dedupe.model import Pair

_DESPUN_FAMILY = np.uint64(0x5350554E << 32)  # sets the keys of despun bands apart from the others
_COLUMNS = 4096  # candidate pairs that are compared at once

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

    profiles: those of the batch, or of more; without `among` newcomers are related to texts of the index only. keys: the band
    keys of each newcomer, `full` which belong to full buckets; both of shape (newcomers, bands). related: the links of each
    newcomer to older texts, by number. texts: those of the index among the newcomers and the related ones, and the
    survivors of these.
    """

    def __init__(
        self,
        index: Index,
        profiles: Profiles,
        newcomers: Sequence[Newcomer],
        settings: FindSettings,
        *,
        among: bool = True,
    ) -> None:
        self._index, self._settings, self._among = index, settings, among
        self._newcomers = newcomers
        self._rows = np.array([newcomer.row for newcomer in newcomers], np.int64)
        self._numbers = np.array([newcomer.number for newcomer in newcomers], np.int64)
        self._profiles = profiles
        self._bodies: dict[int, Body] = {newcomer.number: cut_body(profiles, newcomer.row) for newcomer in newcomers}
        self._verifier: Verifier | None = None
        self.keys = cut_keys(profiles, self._rows, settings)
        newer, older = self._gather()
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

    def _gather(self) -> tuple[Numbers, Numbers]:
        """The distinct candidates: numbers of newcomers, and of older texts worth comparing with them."""
        bands = self.keys.shape[1]
        near_bands = bands - (DESPUN_BANDS if self._profiles.despun is not None else 0)
        found = self._index.find_postings(self.keys.ravel())
        rows, is_near = found.places // bands, found.places % bands < near_bands
        older = found.numbers < self._numbers[rows]
        pairs = [(self._numbers[rows[older & is_near]], found.numbers[older & is_near])]
        held = np.bincount(found.places, minlength=self.keys.size)
        is_new = np.array([self._among and newcomer.known is None for newcomer in self._newcomers], np.bool_)
        full, a, b = meet_within(self.keys.ravel(), np.repeat(is_new, bands), held)
        of_two = a // bands != b // bands  # two keys of one text may be the same by chance
        a, b = a[of_two], b[of_two]
        self.full = full.reshape(self.keys.shape)
        is_near_within = b % bands < near_bands
        pairs.append((self._numbers[b[is_near_within] // bands], self._numbers[a[is_near_within] // bands]))
        if self._profiles.despun is not None:
            newer, theirs = rows[older & ~is_near], found.numbers[older & ~is_near]
            newer, theirs = self._pick_plausible(newer, theirs, self._index.read_outlines)
            likely = self._compare_sketches(newer, theirs)
            pairs.append((self._numbers[newer[likely]], theirs[likely]))
            later, earlier = b[~is_near_within] // bands, a[~is_near_within] // bands
            keys = self._profiles.despun.keys[self._rows]
            later, earlier = self._pick_plausible(later, earlier, lambda places: _outline(keys[places]))
            likely = tell_likely(keys, later, keys, earlier, self._settings.spun)
            pairs.append((self._numbers[later[likely]], self._numbers[earlier[likely]]))
        return _distinct(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))

    def _pick_plausible(
        self, newer: Numbers, older: Numbers, outlines_of: Callable[[Numbers], Outlines]
    ) -> tuple[Numbers, Numbers]:
        """Of pairs that share a despun band, there as often as they do, the distinct ones worth comparing by their sketches.

        The more texts an index holds, the more of them share one band with a newcomer by chance, and hardly any shares two.
        newer: places of newcomers; outlines_of: gives the outlines of older texts.
        """
        assert self._profiles.despun is not None
        codes = np.sort(newer << 32 | older)
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        newer, older, bands = codes[starts] >> 32, codes[starts] & 0xFFFFFFFF, np.diff(starts, append=len(codes))
        plausible = bands > 1
        once = np.flatnonzero(~plausible)
        ours = _outline(self._profiles.despun.keys[self._rows])
        for low in range(0, len(once), _COLUMNS):
            some = once[low : low + _COLUMNS]
            theirs, places = outlines_of(older[some]), np.arange(len(some))
            plausible[some] = tell_plausible(ours, newer[some], theirs, places, self._settings.spun)
        return newer[plausible], older[plausible]

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


def meet_within(keys: Keys, is_new: npt.NDArray[np.bool_], held: Numbers) -> tuple[npt.NDArray[np.bool_], Numbers, Numbers]:
    """How the keys of a batch meet one another, as if their texts had come one by one.

    keys: of all newcomers, oldest first; is_new: whether each will enter its bucket; held: how many texts the bucket holds
    already. Returns for each key whether it finds its bucket full (bool, shape (keys,)), and the places a < b of keys that
    meet: equal ones of which the first enters the bucket.

    >>> full, a, b = meet_within(np.array([5, 6, 5, 5], np.uint64), np.ones(4, np.bool_), np.array([62, 0, 62, 62]))
    >>> full.tolist(), a.tolist(), b.tolist()
    ([False, False, False, True], [0, 0, 2], [2, 3, 3])
    """
    shift = np.uint64(64 - KEY_BITS)  # what a key leaves free is enough for its place
    codes = np.sort(keys << shift | np.arange(len(keys), dtype=np.uint64))
    order = (codes & ((np.uint64(1) << shift) - np.uint64(1))).astype(np.int64)
    starts = np.flatnonzero(np.diff(codes >> shift, prepend=~keys[order[:1]]))
    sizes = np.diff(starts, append=len(order))
    before: Numbers = np.cumsum(is_new[order]) - is_new[order]
    entered = before - np.repeat(before[starts], sizes) + held[order]
    enters = is_new[order] & (entered < BUCKET_CAP)
    full = np.zeros(len(keys), np.bool_)
    full[order] = is_new[order] & ~enters
    pairs = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for size in np.unique(sizes[sizes > 1]).tolist():
        first, second = np.triu_indices(size, 1, size)
        for start in starts[sizes == size].tolist():
            meets = enters[start + first]
            pairs.append((order[start + first[meets]], order[start + second[meets]]))
    return full, np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def cut_keys(profiles: Profiles, rows: Numbers, settings: FindSettings) -> Keys:
    """The band keys of some rows: uint64 below 2^36, shape (rows, bands): those of the near bands, then of the despun ones."""
    keys = [all_band_keys(profiles.signatures[rows], *settle_bands(settings))]
    if profiles.despun is not None:
        keys.append(all_band_keys(profiles.despun.keys[rows], DESPUN_BANDS, 1) ^ _DESPUN_FAMILY)
    return np.concatenate(keys, axis=1) >> np.uint64(64 - KEY_BITS)


def _outline(keys: npt.NDArray[np.uint32]) -> Outlines:
    return keys.view(np.uint8)[:, ::OUTLINE_STEP]


def _distinct(a: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
    codes = np.sort(a << 32 | b)
    codes = codes[np.diff(codes, prepend=-1) != 0]
    return codes >> 32, codes & 0xFFFFFFFF


def _as_link(pair: Pair) -> Link:
    return Link(pair.kind, pair.jaccard, pair.containment, pair.despun)


def _as_id(number: int) -> str:
    return f"{number:010}"
