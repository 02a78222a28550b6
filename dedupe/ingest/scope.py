"""What an index can tell of an article when it comes, and the settings that it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from dedupe.config import FindSettings
from dedupe.detect.find import settle_bands
from dedupe.detect.profile import profile_texts

STREAM_KINDS = ("exact", "near", "spun")
# Touches each rule of the normal form: case, apostrophes, ligatures, marks, scripts without spaces, long words, numbers.
_PROBE = f"Don’t PANIC: a naïve ﬁle, नमस्ते 日本語 สวัสดี 한국어 №7 3,000.50 e\N{COMBINING ACUTE ACCENT} {'x' * 300}"


def stream_settings(settings: FindSettings) -> FindSettings:
    """The settings of finding with the bands settled, and with those of their kinds that a stream can tell."""
    bands, rows = settle_bands(settings)
    return replace(settings, bands=bands, rows=rows, kinds=tuple(kind for kind in settings.kinds if kind in STREAM_KINDS))


def index_settings(settings: FindSettings, classes: str) -> dict[str, str]:
    """What an index depends on. classes: the digest of the synonym classes, empty if spun copies are not looked for.

    The rules are not among it: they change what is repaired, and nothing of what is compared.

    >>> index_settings(FindSettings(), "")["bands"], index_settings(FindSettings(), "")["spun"]
    ('32 x 4', 'no')
    """
    bands, rows = settle_bands(settings)
    probe = profile_texts([_PROBE], FindSettings(kinds=()))
    return {
        "scheme": "affine32",
        "hash": settings.hash,
        "permutations": str(settings.permutations),
        "seed": str(settings.seed),
        "bands": f"{bands} x {rows}",
        "shingle_words": str(settings.shingle_words),
        "normal_form": hashlib.sha256(probe.digests.tobytes() + probe.hashes.astype("<u4").tobytes()).hexdigest()[:12],
        "spun": f"classes {classes[:12]}" if classes else "no",
    }
