"""MinHash signatures, bit for bit those of datasketch 2 with `scheme="affine32"`, made for many texts at once.

    h = fmix32(shingle hash);  signature[k] = min over the shingles of (a[k]·h + b[k] mod 2³²)

fmix32 is the finaliser of MurmurHash3; the odd a[k] and the b[k] come from `numpy.random.RandomState(seed)`. A text
without shingles has the signature of all ones. The expected share of equal values in two signatures is the Jaccard
similarity of the shingle sets.

Source: A. Broder, On the resemblance and containment of documents, 1997; datasketch 2.0, `minhash.py`.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel

T = TypeVar("T", bound=np.unsignedinteger)

_Words = npt.NDArray[np.uint32]
# Permutations that the compiled kernel works on at once.
_TOGETHER = 4
# Standard deviations by which the share of equal values lags behind the similarity in less than one pair of 10¹².
_CERTAIN = 8.0
# Pairs compared at once without the compiled kernel: 2 MB of scratch.
_PAIRS = 2048
# Shingles permuted at once: 256 KB of scratch, and few enough calls that their overhead does not count.
_BLOCK = 65536


def draw_permutations(permutations: int, seed: int) -> tuple[_Words, _Words]:
    """The factors a (odd) and summands b of the permutations: uint32, shape (permutations,) each.

    >>> a, b = draw_permutations(3, seed=1)
    >>> a.tolist()
    [3582191691, 4270784983, 1892572953]
    """
    generator = np.random.RandomState(seed)
    a = generator.randint(0, 2**31, permutations, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = generator.randint(0, 2**32, permutations, dtype=np.uint32)
    return a, b


def sign_sets(hashes: _Words, offsets: npt.NDArray[np.int64], a: _Words, b: _Words) -> _Words:
    """The MinHash signature of each set hashes[offsets[d] : offsets[d + 1]]: uint32, shape (texts, permutations).

    Scratch memory is one row of numbers for _BLOCK shingles, or for the shingles of the largest single text.

    >>> a, b = draw_permutations(4, seed=1)
    >>> signatures = sign_sets(np.array([7, 9, 7], np.uint32), np.array([0, 2, 2, 3]), a, b)
    >>> signatures.shape, bool((signatures[1] == 0xFFFFFFFF).all())
    ((3, 4), True)
    """
    kernel = compiled_kernel()
    if kernel:
        factors, summands = fill_up_permutations(a, b)
        filled_up = np.empty((len(offsets) - 1, len(factors)), np.uint32)
        kernel.sign(hashes, offsets, factors, summands, filled_up)
        return np.ascontiguousarray(filled_up[:, : len(a)])
    signatures = np.full((len(a), len(offsets) - 1), 0xFFFFFFFF, np.uint32)
    filled = np.flatnonzero(np.diff(offsets))
    starts, ends = offsets[filled], offsets[filled + 1]
    mixed = _fmix32(hashes)
    low = 0
    while low < len(filled):
        high = max(low + 1, int(np.searchsorted(ends, starts[low] + _BLOCK, side="right")))
        block = mixed[starts[low] : ends[high - 1]]
        _sign_block(block, starts[low:high] - starts[low], a, b, signatures, filled[low:high])
        low = high
    return np.ascontiguousarray(signatures.T)


def fill_up_permutations(a: _Words, b: _Words) -> tuple[_Words, _Words]:
    """The permutations, some of them twice, so that the kernel can work on _TOGETHER at once.

    >>> fill_up_permutations(np.array([1, 2, 3], np.uint32), np.array([4, 5, 6], np.uint32))[0].tolist()
    [1, 2, 3, 1]
    """
    size = -(-len(a) // _TOGETHER) * _TOGETHER
    return np.resize(a, size), np.resize(b, size)


def may_reach(
    similarity: float, signatures: _Words, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether the sets of rows a[i] and b[i] may have that Jaccard similarity, or so few values are equal that none has.

    a, b: int64, shape (pairs,). Returns bool, shape (pairs,). With few permutations all may.

    >>> signatures = np.arange(300, dtype=np.uint32).reshape(3, 100)
    >>> signatures[1] = signatures[0]
    >>> may_reach(0.7, signatures, np.array([0, 1]), np.array([1, 2])).tolist()
    [True, False]
    """
    permutations = signatures.shape[1]
    deviation = (permutations * similarity * (1 - similarity)) ** 0.5
    reached: npt.NDArray[np.bool_] = (
        count_equal(signatures, a, signatures, b) >= permutations * similarity - _CERTAIN * deviation
    )
    return reached


def count_equal(
    ours: npt.NDArray[T], a: npt.NDArray[np.int64], theirs: npt.NDArray[T], b: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """In how many columns rows ours[a[i]] and theirs[b[i]] agree: int64, shape (pairs,).

    ours, theirs: uint8, uint16 or uint32, shape (rows, columns), with as many columns.

    >>> sketches = np.array([[1, 2, 3], [1, 9, 3]], np.uint16)
    >>> count_equal(sketches, np.array([0, 1]), sketches, np.array([1, 1])).tolist()
    [2, 3]
    """
    equal = np.zeros(len(a), np.int64)
    kernel = compiled_kernel()
    if kernel and ours.shape[1]:
        rows = np.ascontiguousarray(ours), np.ascontiguousarray(theirs), ours.itemsize, ours.shape[1]
        kernel.count_equal(*rows, np.ascontiguousarray(a), np.ascontiguousarray(b), equal)
        return equal
    for low in range(0, len(a), _PAIRS):
        part = slice(low, low + _PAIRS)
        equal[part] = np.count_nonzero(ours[a[part]] == theirs[b[part]], axis=1)
    return equal


def _sign_block(
    mixed: _Words, starts: npt.NDArray[np.int64], a: _Words, b: _Words, out: _Words, columns: npt.NDArray[np.int64]
) -> None:
    scratch = np.empty_like(mixed)
    for permutation in range(len(a)):
        np.multiply(mixed, a[permutation], out=scratch)
        np.add(scratch, b[permutation], out=scratch)
        out[permutation, columns] = np.minimum.reduceat(scratch, starts)


def _fmix32(hashes: _Words) -> _Words:
    mixed = hashes ^ (hashes >> np.uint32(16))
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed
