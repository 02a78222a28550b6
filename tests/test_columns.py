"""Columns past their limit lie in a file, and hold the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from dedupe import DedupeError
from dedupe.config import FindSettings
from dedupe.detect import columns
from dedupe.detect.find import find_pairs
from dedupe.detect.profile import Profiler
from dedupe.detect.relation import Verifier
from dedupe.text.lexicon import load_classes

PLACES = ("harbour", "market", "bridge", "school", "library", "station")
TEXTS = [f"The {place} of Velsing was closed on {day} May, the mayor said." for place in PLACES for day in range(1, 20)] * 2


def profile_all() -> Profiler:
    profiler = Profiler(FindSettings(), load_classes("en"))
    profiler.extend(TEXTS)
    return profiler


def test_what_lies_in_a_file_is_what_lay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = profile_all().finish()
    monkeypatch.setattr("dedupe.detect.batches.BATCH", 500)
    monkeypatch.setattr(columns, "IN_MEMORY", 1000)
    in_file = profile_all().finish()
    assert not in_file.hashes.flags.owndata
    for name in ("digests", "words", "hashes", "offsets", "signatures", "fingerprints", "fingerprint_offsets"):
        assert np.array_equal(getattr(in_memory, name), getattr(in_file, name))
    ids = [str(number) for number in range(len(TEXTS))]
    settings = FindSettings()
    found = [find_pairs(p, ids, Verifier(p, ids, settings), settings, [-1] * len(ids)).pairs for p in (in_memory, in_file)]
    assert found[0]
    assert found[0] == found[1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115
    with pytest.raises(DedupeError, match=r"No space left on device; .*TMPDIR"):
        columns.Column().append(np.arange(3))
