"""MinHash signatures, bit for bit those of datasketch 2 with `scheme="affine32"`, made for many texts at once.

    h = fmix32(shingle hash);  signature[k] = min over the shingles of (a[k]·h + b[k] mod 2³²)

fmix32 is the finaliser of MurmurHash3; the odd a[k] and the b[k] come from `numpy.random.RandomState(seed)`. A text
without shingles has the signature of all ones. The expected share of equal values in two signatures is the Jaccard
similarity of the shingle sets.

Source: A. Broder, On the resemblance and containment of documents, 1997; datasketch 2.0, `minhash.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel

_Words = npt.NDArray[np.uint32]
# Permutations that the compiled kernel works on at once.
_TOGETHER = 4
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
