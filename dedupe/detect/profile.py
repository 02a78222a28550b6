"""The profile: what one pass over the texts leaves for later steps, as numbers in columns, one row per text.

The texts themselves are not kept, and large columns lie in a file (`columns.py`). A row costs 16 bytes of digest, 4 per
signature value (512 at 128 permutations), 4 per distinct shingle (1.8 KB for an article of 450 words) and 16 of counts and
offsets. Fingerprints, which only some kinds need, are a sixth of the shingles: 300 bytes for such an article.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from dedupe.config import FindSettings
from dedupe.detect.batches import Batches
from dedupe.detect.columns import Columns, chain_sizes
from dedupe.detect.despun import DESPUN_BANDS, DespunProfiles, join_despun, profile_despun, split_despun
from dedupe.detect.fingerprints import winnow_shingles
from dedupe.detect.minhash import draw_permutations, fill_up_permutations, sign_sets
from dedupe.detect.shingles import collect_shingles, hash_in_order
from dedupe.errors import UsageError
from dedupe.kernel import compiled_kernel
from dedupe.text.classes import ClassMap
from dedupe.text.normal import digest_texts, prepare_texts, tokenize

# The kinds that are found by shared passages.
PASSAGE_KINDS = frozenset({"contained", "overlap"})


@dataclass(frozen=True, slots=True)
class Profiles:
    """The columns, in the order the texts came.

    digests: uint8, shape (texts, 16), of the normal forms.
    words: int64, shape (texts,), the number of words of the normal form.
    hashes, offsets: uint32 shingle hashes, ascending and distinct within a text; text d has those from offsets[d] to
    offsets[d + 1] (int64, shape (texts + 1,)).
    signatures: uint32, shape (texts, permutations).
    fingerprints, fingerprint_offsets: as hashes and offsets; none where no kind in the settings needs them.
    despun: the same texts with synonyms undone, if that was asked for: some 2.4 KB more for an article of 450 words.
    """

    digests: npt.NDArray[np.uint8]
    words: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    signatures: npt.NDArray[np.uint32]
    fingerprints: npt.NDArray[np.uint32]
    fingerprint_offsets: npt.NDArray[np.int64]
    despun: DespunProfiles | None = None

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.words)


class Profiler:
    """Takes texts, str or UTF-8, and gives their `Profiles` at the end.

    With `classes` the texts are profiled with their synonyms undone as well, for the kind `spun`.
    Raises UsageError for settings that make no shingles or no signature.

    >>> profiler = Profiler(FindSettings())
    >>> profiler.extend(["The first text.", "Another one, a little longer than the first."])
    >>> profiler.finish().words.tolist()
    [3, 8]
    """

    def __init__(self, settings: FindSettings, classes: ClassMap | None = None) -> None:
        if settings.shingle_words < 1 or settings.permutations < 1:
            raise UsageError("shingle_words and permutations must be at least 1")
        if not 0 <= settings.seed < 2**32:
            raise UsageError(f"seed is {settings.seed}; it must be from 0 to 2^32 - 1")
        self._settings = settings
        self._fingerprint = not PASSAGE_KINDS.isdisjoint(settings.kinds)
        self._permutations = draw_permutations(settings.permutations, settings.seed)
        self._classes, self._despun_permutations = classes, draw_permutations(2 * DESPUN_BANDS, settings.seed)
        self._columns = Columns()
        self._batches = Batches(self._profile, self._take)

    def extend(self, texts: Sequence[str | bytes]) -> None:
        """Take texts; the row of each is the number of texts taken before."""
        self._batches.extend(texts)

    def finish(self) -> Profiles:
        """The profiles of all texts taken."""
        self._batches.finish()
        columns = self._columns.finish()
        return Profiles(
            columns["digests"],
            columns["words"],
            columns["hashes"],
            chain_sizes(columns["sizes"]),
            columns["signatures"],
            columns["fingerprints"],
            chain_sizes(columns["fingerprint_sizes"]),
            join_despun(columns) if self._classes else None,
        )

    def _take(self, batch: Profiles) -> None:
        whole = {name: getattr(batch, name) for name in ("digests", "words", "hashes", "signatures", "fingerprints")}
        sizes = {"sizes": np.diff(batch.offsets), "fingerprint_sizes": np.diff(batch.fingerprint_offsets)}
        self._columns.append(whole | sizes | (split_despun(batch.despun) if batch.despun else {}))

    def _profile(self, texts: list[str | bytes]) -> Profiles:
        kernel = compiled_kernel()
        if kernel and self._settings.hash == "xxh32" and not self._fingerprint and not self._classes:
            return _profile_at_once(kernel, texts, self._settings.shingle_words, *self._permutations)
        tokens = tokenize(texts)
        ordered, counts = hash_in_order(tokens, self._settings.shingle_words, self._settings.hash)
        prints = np.empty(0, np.uint32), np.zeros(len(counts) + 1, np.int64)
        if self._fingerprint:
            prints = winnow_shingles(ordered, counts, self._settings.shingle_words)
        hashes, offsets = collect_shingles(ordered, counts)
        signatures = sign_sets(hashes, offsets, *self._permutations)
        despun = profile_despun(self._classes.despin(tokens), *self._despun_permutations) if self._classes else None
        return Profiles(digest_texts(tokens), tokens.counts(), hashes, offsets, signatures, *prints, despun)


def _profile_at_once(
    kernel: ModuleType, texts: list[str | bytes], shingle_words: int, a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]
) -> Profiles:
    """What the kernel makes of the texts in one pass: the same as the steps one by one."""
    mixed, forms = prepare_texts(kernel, tuple(texts))
    factors, summands = fill_up_permutations(a, b)
    digests, words = np.empty((len(texts), 16), np.uint8), np.empty(len(texts), np.int64)
    offsets, signatures = np.empty(len(texts) + 1, np.int64), np.empty((len(texts), len(factors)), np.uint32)
    hashes = kernel.profile(mixed, forms, shingle_words, factors, summands, digests, words, offsets, signatures)
    none = np.empty(0, np.uint32), np.zeros(len(texts) + 1, np.int64)
    return Profiles(digests, words, np.frombuffer(hashes, np.uint32), offsets, signatures[:, : len(a)], *none)


def profile_texts(texts: Iterable[str], settings: FindSettings, classes: ClassMap | None = None) -> Profiles:
    """The profiles of the texts, in their order; the texts are read once and not kept.

    >>> profile_texts(["one text", "one text"], FindSettings()).signatures.shape
    (2, 128)
    """
    profiler = Profiler(settings, classes)
    profiler.extend(list(texts))
    return profiler.finish()
