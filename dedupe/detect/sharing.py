"""Texts that share a passage: candidates by shared fingerprints, and what they turn out to be.

The fingerprints of all texts are inverted by sorting: a bucket holds the texts that have one in common. A bucket with
the texts of more than `most` groups is boilerplate and proposes nothing. A bucket of few groups but many texts (copies
of one article, with what quotes it) compares all with its smallest text, neighbours in size with each other, and one
text of each group with one of each other. So the work is linear in the number of fingerprints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.boilerplate import Boilerplate, find_boilerplate
from dedupe.detect.buckets import Gathered, gather_buckets
from dedupe.detect.columns import chain_sizes, take_rows
from dedupe.detect.distinct import keep_distinct
from dedupe.detect.fingerprints import SURE_WORDS
from dedupe.detect.lsh import Candidates
from dedupe.detect.profile import Profiles
from dedupe.detect.relation import Measured, Verifier
from dedupe.model import Pair

# Rows of a bucket that are compared each with each.
BUCKET_CAP = 32
# A passage makes an overlap if it has as many words, or this share of the shorter text and at least SURE_WORDS.
ENOUGH_WORDS = 40
ENOUGH_SHARE = 0.15
# Pairs measured at once.
_BLOCK = 1 << 18
# Fingerprints whose holders are looked up at once, about: 24 bytes each.
_PART = 1 << 23

_Numbers = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Shared:
    """The verified pairs among texts that share a passage; and those that are at most an overlap, not yet aligned.

    `compared` pairs were measured; `boilerplate` was left out of account.
    """

    pairs: list[Pair]
    sharing: Measured
    compared: int
    boilerplate: Boilerplate


def relate_sharing(
    profiles: Profiles,
    ids: Sequence[str],
    rows: _Numbers,
    sources: _Numbers,
    near: Sequence[Pair],
    tried: Candidates,
    verifier: Verifier,
    settings: FindSettings,
) -> Shared:
    """The relations of texts that share a passage beside boilerplate; from here on the verifier leaves that out, too.

    ids, sources: of each row of `profiles`, sources by number, -1 where unknown (int64). rows: the distinct texts, in the
    order of their ids (int64). near: the pairs verified so far, of candidates `tried`, which count in places of `rows`.
    """
    place_of = {ids[row]: place for place, row in enumerate(rows.tolist())}
    known = _codes_of(near, place_of)
    groups = _group_connected(known, len(rows))
    boilerplate = find_boilerplate(profiles, rows, groups, sources[rows], settings.boilerplate)
    verifier.discount(boilerplate)
    further = _encode(*find_sharing(profiles, rows, groups, settings.boilerplate))
    # What the bands proposed in vain may still be contained.
    codes = keep_distinct(np.concatenate([_encode(tried.a, tried.b), further]))
    if "near" in settings.kinds:
        codes = codes[np.isin(codes, known, assume_unique=True, invert=True)]
    pairs: list[Pair] = []
    sharing: list[Measured] = []
    for low in range(0, len(codes), _BLOCK):
        a, b = _decode(codes[low : low + _BLOCK])
        related, rest = verifier.sift(rows[a], rows[b])
        pairs += related
        if "overlap" in settings.kinds:
            sharing.append(rest.select(_may_overlap(profiles, rest, settings.shingle_words)))
    return Shared(pairs, Measured.join(sharing), len(codes), boilerplate)


def _may_overlap(profiles: Profiles, measured: Measured, shingle_words: int) -> npt.NDArray[np.bool_]:
    """Which pairs share enough for a passage that makes an overlap.

    In a passage of n words there are n - k + 1 shingles of k words, and as many different ones but for those that one of the
    texts repeats.
    """
    words, sizes, more = profiles.words, np.diff(profiles.offsets), shingle_words - 1
    repeated = words - more - sizes
    a, b = measured.a, measured.b
    least = count_enough(np.minimum(words[a], words[b])) - more - np.minimum(repeated[a], repeated[b])
    enough: npt.NDArray[np.bool_] = (measured.own >= SURE_WORDS - more) & (measured.shared >= least)
    return enough


def count_enough(shorter: _Numbers) -> npt.NDArray[np.float64]:
    """The words in a row that make an overlap with a text of so many words: float64, of the shape of `shorter`."""
    enough: npt.NDArray[np.float64] = np.minimum(ENOUGH_WORDS, np.maximum(SURE_WORDS, ENOUGH_SHARE * shorter))
    return enough


def _codes_of(pairs: Iterable[Pair], place_of: dict[str, int]) -> _Codes:
    places = np.array([(place_of[pair.a], place_of[pair.b]) for pair in pairs], np.int64).reshape(-1, 2)
    return keep_distinct(_encode(places[:, 0], places[:, 1]))


def _encode(a: _Numbers, b: _Numbers) -> _Codes:
    return a.astype(np.uint64) << np.uint64(32) | b.astype(np.uint64)


def _decode(codes: _Codes) -> tuple[_Numbers, _Numbers]:
    return (codes >> np.uint64(32)).astype(np.int64), (codes & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _group_connected(codes: _Codes, count: int) -> _Numbers:
    """The number of the connected component of each of `count` places: the smallest place in it. int64."""
    a, b = _decode(codes)
    groups = np.arange(count)
    while True:
        # Each component takes the smallest number that touches it; then everyone takes their number's number.
        least = np.minimum(groups[a], groups[b])
        before = groups.copy()
        np.minimum.at(groups, before[a], least)
        np.minimum.at(groups, before[b], least)
        while not np.array_equal(groups, groups[groups]):
            groups = groups[groups]
        if np.array_equal(groups, before):
            return groups


def find_sharing(profiles: Profiles, rows: _Numbers, groups: _Numbers, most: int) -> tuple[_Numbers, _Numbers]:
    """The pairs of texts that share a fingerprint which is no boilerplate.

    rows: the rows to compare; groups: for each of them the number of its group of versions of one text; both int64, of
    one shape. Returns places in `rows`: a < b, int64, distinct, in ascending order.
    """
    places, sizes = _invert(profiles, rows)
    lengths = profiles.words[rows]
    gathered = Gathered()
    few = sizes <= min(BUCKET_CAP, most)
    gathered.add_buckets(places[np.repeat(few, sizes)], sizes[few])
    starts = chain_sizes(sizes)[:-1]
    for start, size in zip(starts[~few].tolist(), sizes[~few].tolist(), strict=True):
        members = places[start : start + size]
        leaders = members[np.unique(groups[members], return_index=True)[1]]
        if len(leaders) <= most:
            _link_many(members, leaders, lengths, gathered)
    return _decode(gathered.distinct())


def _invert(profiles: Profiles, rows: _Numbers) -> tuple[_Numbers, _Numbers]:
    """The places of the texts that share a fingerprint, bucket after bucket, and the sizes of the buckets."""
    prints = take_rows(profiles.fingerprints, profiles.fingerprint_offsets, rows)
    holders = np.repeat(np.arange(len(rows), dtype=np.uint32), np.diff(profiles.fingerprint_offsets)[rows])
    bits = (len(prints) // _PART).bit_length()
    places, sizes = [], []
    for part in range(1 << bits):  # by the lower bits: fingerprints are small numbers mostly
        at = np.flatnonzero(prints & np.uint32((1 << bits) - 1) == part)
        members, lengths = gather_buckets((prints[at] >> np.uint32(bits)).astype(np.uint64))
        places.append(holders[at[members]].astype(np.int64))
        sizes.append(lengths)
    return np.concatenate(places), np.concatenate(sizes)


def _link_many(members: _Numbers, leaders: _Numbers, lengths: _Numbers, gathered: Gathered) -> None:
    ordered = members[np.argsort(lengths[members], kind="stable")]
    first, second = np.triu_indices(len(leaders), 1)
    a = np.concatenate([np.full(len(ordered) - 1, ordered[0]), ordered[:-1], leaders[first]])
    b = np.concatenate([ordered[1:], ordered[1:], leaders[second]])
    gathered.add(np.minimum(a, b), np.maximum(a, b))
