"""Shingle hashes and signatures are those of xxhash and datasketch, bit for bit."""

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.detect import minhash, shingles
from dedupe.errors import UsageError
from dedupe.text.normal import tokenize

TEXTS = st.lists(st.text(max_size=120) | st.text("ab cdé東 ", max_size=200), max_size=5)


def spans(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    return np.frombuffer(b"".join(pieces), np.uint8), np.cumsum(lengths) - lengths, lengths


def plain_shingles(words: list[str], k: int) -> list[str]:
    return [" ".join(words[i : i + k]) for i in range(max(len(words) - k + 1, 1))] if words else []


@given(st.lists(st.binary(min_size=1, max_size=90), min_size=1, max_size=30))
def test_xxh32_of_spans_is_xxh32_of_their_bytes(pieces):
    assert shingles.xxh32_spans(*spans(pieces)).tolist() == [xxhash.xxh32_intdigest(piece) for piece in pieces]


def test_xxh32_holds_for_every_length_and_across_blocks(monkeypatch):
    pieces = [bytes((length * 7 + i) % 256 for i in range(length)) for length in range(1, 700)]
    expected = [xxhash.xxh32_intdigest(piece) for piece in pieces]
    assert shingles.xxh32_spans(*spans(pieces)).tolist() == expected
    monkeypatch.setattr(shingles, "_BLOCK", 50)
    assert shingles.xxh32_spans(*spans(pieces)).tolist() == expected


@given(TEXTS, st.integers(1, 6))
def test_shingles_are_the_runs_of_words_of_each_text(texts, k):
    tokens = tokenize(texts)
    hashes, offsets = shingles.hash_shingles(tokens, k)
    for document in range(len(texts)):
        words = tokens.normal_form(document).decode().split()
        expected = {xxhash.xxh32_intdigest(shingle.encode()) for shingle in plain_shingles(words, k)}
        assert hashes[offsets[document] : offsets[document + 1]].tolist() == sorted(expected)


@pytest.mark.parametrize("hash", ["xxh32", "sha1"])
@settings(max_examples=40, deadline=None)
@given(texts=TEXTS, seed=st.integers(0, 2**32 - 1), permutations=st.integers(1, 40))
def test_signatures_equal_those_of_datasketch(hash, texts, seed, permutations):
    import datasketch
    from datasketch.hashfunc import sha1_hash32

    hashfunc = {"xxh32": xxhash.xxh32_intdigest, "sha1": sha1_hash32}[hash]
    tokens = tokenize(texts)
    a, b = minhash.draw_permutations(permutations, seed)
    signatures = minhash.sign_sets(*shingles.hash_shingles(tokens, 3, hash), a, b)
    assert signatures.shape == (len(texts), permutations)
    assert signatures.dtype == np.uint32
    for document in range(len(texts)):
        sketch = datasketch.MinHash(num_perm=permutations, seed=seed, hashfunc=hashfunc, scheme="affine32")
        words = tokens.normal_form(document).decode().split()
        sketch.update_batch([shingle.encode() for shingle in plain_shingles(words, 3)])
        assert signatures[document].tolist() == sketch.hashvalues.tolist()


def test_signatures_do_not_depend_on_the_block_size(monkeypatch):
    generator = np.random.default_rng(5)
    offsets = np.concatenate([[0, 0], np.cumsum(generator.integers(0, 30, 50))])
    hashes = generator.integers(0, 2**32, offsets[-1], dtype=np.uint32)
    permutations = minhash.draw_permutations(16, 1)
    whole = minhash.sign_sets(hashes, offsets, *permutations)
    for block in (1, 7, 64, int(offsets[-1])):
        monkeypatch.setattr(minhash, "_BLOCK", block)
        assert np.array_equal(minhash.sign_sets(hashes, offsets, *permutations), whole)


def test_an_unknown_hash_is_an_error_that_names_the_known():
    with pytest.raises(UsageError, match="did you mean 'xxh32'"):
        shingles.hash_shingles(tokenize(["a"]), 5, "xxh23")
