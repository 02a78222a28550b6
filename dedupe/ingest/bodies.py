"""A text's profile as the bytes that an index keeps of it, and back.

Kept are the shingle hashes, 4 bytes each, and not the signature: that would be 512 bytes instead of 1.9 KB for an article
of 480 words, but it only estimates the similarity, with a standard error of 0.04 at 0.7. For spun copies the class tokens and
their surfaces are kept, 2.1 KB, for the same reason. docs/architecture.md has what was measured.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.despun import DespunProfiles
from dedupe.detect.profile import Profiles
from dedupe.text.classes import DespunTokens

_HEAD = struct.Struct("<4I")
_Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Body:
    """What verification needs of one text: its number of words, its shingle hashes, its class tokens (see `Profiles`)."""

    words: int
    hashes: _Words
    replacements: int
    classes: _Words
    surfaces: _Words

    def encode(self) -> bytes:
        """The body as bytes, little-endian."""
        head = _HEAD.pack(self.words, self.replacements, len(self.hashes), len(self.classes))
        return head + b"".join(part.astype("<u4").tobytes() for part in (self.hashes, self.classes, self.surfaces))

    @classmethod
    def decode(cls, content: bytes) -> Body:
        """The body in what `encode` gave."""
        words, replacements, hashes, classes = _HEAD.unpack_from(content)
        values = np.frombuffer(content, "<u4", offset=_HEAD.size)
        return cls(words, values[:hashes], replacements, values[hashes : hashes + classes], values[hashes + classes :])


def cut_body(profiles: Profiles, row: int) -> Body:
    """The body of one row.

    >>> from dedupe.config import FindSettings
    >>> from dedupe.detect.profile import profile_texts
    >>> body = cut_body(profile_texts(["one two three four five six"], FindSettings()), 0)
    >>> body.words, len(body.hashes), Body.decode(body.encode()).hashes.tolist() == body.hashes.tolist()
    (6, 2, True)
    """
    hashes = profiles.hashes[profiles.offsets[row] : profiles.offsets[row + 1]]
    if profiles.despun is None:
        return Body(int(profiles.words[row]), hashes, 0, hashes[:0], hashes[:0])
    tokens = profiles.despun.tokens
    place = slice(int(tokens.documents[row]), int(tokens.documents[row + 1]))
    return Body(int(profiles.words[row]), hashes, int(tokens.replacements[row]), tokens.classes[place], tokens.surfaces[place])


def join_bodies(bodies: Sequence[Body], *, despun: bool) -> Profiles:
    """Profiles of the bodies that hold what a `Verifier` reads: no digests, signatures, fingerprints or keys of bands."""
    none, nothing = np.zeros(0, np.uint32), np.zeros((len(bodies), 0), np.uint32)
    tokens = DespunTokens(
        np.concatenate([none, *(body.classes for body in bodies)]),
        np.concatenate([none, *(body.surfaces for body in bodies)]),
        _offsets([len(body.classes) for body in bodies]),
        np.array([body.replacements for body in bodies], np.int64),
    )
    return Profiles(
        digests=np.zeros((len(bodies), 0), np.uint8),
        words=np.array([body.words for body in bodies], np.int64),
        hashes=np.concatenate([none, *(body.hashes for body in bodies)]),
        offsets=_offsets([len(body.hashes) for body in bodies]),
        signatures=nothing,
        fingerprints=none,
        fingerprint_offsets=_offsets([0] * len(bodies)),
        despun=DespunProfiles(tokens, nothing) if despun else None,
    )


def _offsets(sizes: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(sizes, np.int64))])
