"""Shingles as numbers: every run of k words, hashed with a named public hash, without a Python object per shingle.

The default hash is xxh32 with seed 0 of the shingle's UTF-8 bytes, its words joined by one space. The numbers are
those of `xxhash.xxh32_intdigest`, so that anybody can rebuild them. `sha1` takes the first four bytes of SHA-1,
little-endian: what datasketch hashes with by default; it costs a Python call per shingle.

Source: Yann Collet, xxHash specification 0.1.1, section "XXH32 algorithm description".
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dedupe.errors import UsageError, did_you_mean
from dedupe.kernel import compiled_kernel
from dedupe.text.normal import Tokens

_PRIME1, _PRIME2, _PRIME3, _PRIME4, _PRIME5 = (
    np.uint32(prime) for prime in (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1)
)
# The four lanes start from the seed plus P1 + P2, P2, 0 and -P1; the seed is 0.
_LANES = np.array([[0x24234428], [0x85EBCA77], [0], [0x61C8864F]], np.uint32)
_LANE_OFFSETS = np.array([[0], [4], [8], [12]])
_LANE_ROTATIONS = np.array([[1], [7], [12], [18]], np.uint32)
# Spans hashed at once: their scratch arrays then stay in the caches, and the calls are long enough.
_BLOCK = 65536

_Words = npt.NDArray[np.uint32]
_Bytes = npt.NDArray[np.uint8]
_Offsets = npt.NDArray[np.int64]


def hash_shingles(tokens: Tokens, shingle_words: int, hash: str = "xxh32") -> tuple[_Words, _Offsets]:
    """The distinct shingle hashes of each text, and where each text's begin.

    A text of fewer than `shingle_words` words has one shingle, all its words; a text without words has none.
    Returns hashes: uint32, ascending and distinct within a text, texts concatenated; offsets: int64, shape
    (texts + 1,). Raises UsageError for a hash of another name.

    >>> from dedupe.text.normal import tokenize
    >>> hashes, offsets = hash_shingles(tokenize(["a b c", "", "one two", "a b a b"]), 2)
    >>> offsets.tolist()
    [0, 2, 2, 3, 5]
    """
    return collect_shingles(*hash_in_order(tokens, shingle_words, hash))


def hash_in_order(tokens: Tokens, shingle_words: int, hash: str = "xxh32") -> tuple[_Words, _Offsets]:
    """The hash of every shingle, in the order of the words, repeated ones too, and the number of each text's.

    The hash at place i of a text is that of its words i to i + shingle_words. Returns hashes: uint32; counts: int64, shape
    (texts,). Raises UsageError for a hash of another name.
    """
    if hash not in HASHES:
        raise UsageError(f"unknown hash {hash!r}; {did_you_mean(hash, HASHES)}")
    kernel = compiled_kernel()
    if kernel and hash == "xxh32":
        hashes, counts = np.empty(len(tokens.starts), np.uint32), np.empty(len(tokens), np.int64)
        made = kernel.shingle(tokens.buffer, tokens.starts, tokens.ends, tokens.documents, shingle_words, hashes, counts)
        return hashes[:made], counts
    begins, lengths, counts = shingle_spans(tokens, shingle_words)
    return HASHES[hash](tokens.buffer, begins, lengths), counts


def collect_shingles(hashes: _Words, counts: _Offsets) -> tuple[_Words, _Offsets]:
    """The distinct hashes of each text, ascending, and where each text's begin; `hashes` may be sorted in place."""
    kernel = compiled_kernel()
    if kernel:
        collected, offsets = np.empty_like(hashes), np.empty(len(counts) + 1, np.int64)
        return collected[: kernel.collect(hashes, counts, collected, offsets)].copy(), offsets
    bounds = np.concatenate([[0], np.cumsum(counts)])
    for low, high in itertools.pairwise(bounds.tolist()):
        hashes[low:high].sort()
    distinct = np.diff(hashes, prepend=~hashes[:1]) != 0
    distinct[bounds[:-1][counts > 0]] = True
    kept_before = np.concatenate([[0], np.cumsum(distinct)])
    return hashes[distinct], kept_before[bounds]


def shingle_spans(tokens: Tokens, shingle_words: int) -> tuple[_Offsets, _Offsets, _Offsets]:
    """Where the shingles lie in `tokens.buffer`: begins and lengths in bytes, and the number of each text.

    All int64; repeated shingles are repeated here. The shapes are (shingles,), (shingles,) and (texts,).
    """
    words = tokens.counts()
    counts = np.where(words > 0, np.maximum(words - (shingle_words - 1), 1), 0)
    shift = tokens.documents[:-1] - (np.cumsum(counts) - counts)
    first = np.arange(int(counts.sum())) + np.repeat(shift, counts)
    last = np.minimum(first + (shingle_words - 1), np.repeat(tokens.documents[1:] - 1, counts))
    begins = tokens.starts[first]
    return begins, tokens.ends[last] - begins, counts


def xxh32_spans(buffer: _Bytes, begins: _Offsets, lengths: _Offsets) -> _Words:
    """The xxh32 (seed 0) of each span buffer[begin : begin + length]: uint32, shape (spans,).

    >>> text = np.frombuffer(b"some words", np.uint8)
    >>> hex(xxh32_spans(text, np.array([0]), np.array([10]))[0])
    '0x6bdd6607'
    """
    hashes = np.empty(len(begins), np.uint32)
    kernel = compiled_kernel()
    if kernel:
        kernel.xxh32_spans(buffer, begins, lengths, hashes)
        return hashes
    for start in range(0, len(begins), _BLOCK):
        block = slice(start, start + _BLOCK)
        low = int(begins[block].min())
        high = int((begins[block] + lengths[block]).max())
        hashes[block] = _xxh32_block(buffer[low:high], begins[block] - low, lengths[block])
    return hashes


def sha1_spans(buffer: _Bytes, begins: _Offsets, lengths: _Offsets) -> _Words:
    """The first four bytes of each span's SHA-1 as a little-endian number: uint32, shape (spans,)."""
    data = buffer.tobytes()
    spans = zip(begins.tolist(), (begins + lengths).tolist(), strict=True)
    digests = b"".join([hashlib.sha1(data[begin:end]).digest()[:4] for begin, end in spans])
    return np.frombuffer(digests, "<u4").astype(np.uint32)


HASHES: dict[str, Callable[[_Bytes, _Offsets, _Offsets], _Words]] = {"xxh32": xxh32_spans, "sha1": sha1_spans}


def _xxh32_block(buffer: _Bytes, begins: _Offsets, lengths: _Offsets) -> _Words:
    """Spans of equal numbers of 4-byte words are hashed together, sorted by length so that their tails are slices."""
    padded = np.zeros(len(buffer) + 4, np.uint8)
    padded[: len(buffer)] = buffer
    words = np.ndarray((len(buffer) + 1,), "<u4", padded, strides=(1,)).astype(np.uint32)
    narrow = np.min_scalar_type(int(lengths.max()))  # numbers of 8 or 16 bits are sorted by radix
    order = np.argsort(lengths.astype(narrow), kind="stable")
    places, sizes = begins[order], lengths[order]
    accumulators = np.empty(len(begins), np.uint32)
    bounds = np.flatnonzero(np.diff(sizes // 4, prepend=-1, append=-1)).tolist()
    for low, high in itertools.pairwise(bounds):
        group = accumulators[low:high]
        size, position = int(sizes[low]) // 4 * 4, places[low:high].copy()
        _start(words, position, size, sizes[low:high], group)
        for _ in range(size % 16 // 4):
            _mix(group, words.take(position), _PRIME3, 17, _PRIME4)
            position += 4
        tails = sizes[low:high] - size
        for taken in range(int(tails[-1])):
            longer = int(np.searchsorted(tails, taken, side="right"))
            _mix(group[longer:], padded.take(position[longer:]).astype(np.uint32), _PRIME5, 11, _PRIME1)
            position += 1
    _avalanche(accumulators)
    hashes = np.empty_like(accumulators)
    hashes[order] = accumulators
    return hashes


def _start(words: _Words, position: _Offsets, size: int, sizes: _Offsets, group: _Words) -> None:
    """Take in the stripes of 16 bytes, if there are any, and the length; `position` moves past the stripes."""
    if size < 16:
        group[:] = _PRIME5
    else:
        lanes = np.repeat(_LANES, len(position), axis=1)
        for _ in range(size // 16):
            lanes += words.take(position + _LANE_OFFSETS) * _PRIME2
            _rotate(lanes, np.uint32(13))
            lanes *= _PRIME1
            position += 16
        _rotate(lanes, _LANE_ROTATIONS)
        np.add.reduce(lanes, axis=0, out=group)
    group += sizes.astype(np.uint32)


def _mix(group: _Words, values: _Words, factor: np.uint32, rotation: int, after: np.uint32) -> None:
    values *= factor
    group += values
    _rotate(group, np.uint32(rotation))
    group *= after


def _rotate(values: _Words, bits: np.uint32 | _Words) -> None:
    high = values << bits
    values >>= np.uint32(32) - bits
    values |= high


def _avalanche(values: _Words) -> None:
    for shift, factor in ((15, _PRIME2), (13, _PRIME3)):
        values ^= values >> np.uint32(shift)
        values *= factor
    values ^= values >> np.uint32(16)
