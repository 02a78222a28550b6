"""Names spelled in two ways in one text ("Sergey" and "Sergei"): a sign of a splice, flagged and never mended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from dedupe.kernel import compiled_kernel, read_text
from dedupe.model import Flag

# A capitalised word after a small one or before another capitalised one, so no mere first word of a sentence.
_NAME = re.compile(r"[A-Z](?<!\w[A-Z])(?:(?<=[a-z,\"”’] [A-Z])[^\W\d_]{4,}|[^\W\d_]{4,}(?= [A-Z][a-z]))")
# Transliteration writes these either way.
_EITHER_WAY = (("kh", "h"), ("ph", "f"), ("ck", "k"), ("yo", "o"), ("io", "o"), ("j", "i"), ("y", "i"), ("w", "v"), ("q", "k"))
_SAME = 3  # letters at the beginning that two spellings share
_DOUBLED = re.compile(r"(.)\1+")
_PLURAL = re.compile(r"(?:ies|ys)$")


def flag_variants(text: str, field: str) -> Iterator[Flag]:
    """`name-variant` at the rarer spelling of a name that the text spells in two ways; the note has both.

    >>> text = "He met Sergey Lavrov. Then Sergei Lavrov left, and Sergei slept."
    >>> [(text[f.start:f.end], f.note) for f in flag_variants(text, "text")]
    [('Sergey', 'Sergei, Sergey')]
    """
    if not _may_vary(text):
        return
    names = sorted(set(_NAME.findall(text)))
    near = {name for pair in pairwise(names) if pair[0][:_SAME] == pair[1][:_SAME] for name in pair}
    spellings: dict[str, list[str]] = {}
    for name in sorted(near):
        if name[1:].islower() and not _PLURAL.search(name):
            spellings.setdefault(_plain(name), []).append(name)
    for variants in spellings.values():
        if len(variants) > 1:
            ranked = sorted(variants, key=lambda name: (-len(_find(name, text)), name))
            for name in ranked[1:]:
                yield Flag("name-variant", field, *_find(name, text)[0], ", ".join(ranked))


def _may_vary(text: str) -> bool:
    """Whether a text may spell a name in two ways: False only where `spellings` of the compiled kernel saw that it does not."""
    kernel = compiled_kernel()
    return kernel is None or bool(read_text(kernel.spellings, text, *_tables()))


@lru_cache(maxsize=1)
def _tables() -> tuple[bytes, bytes]:
    """What the compiled kernel is told: which characters are letters, and which of them may be written either way."""
    letters = bytes(chr(code).isalnum() and not chr(code).isdecimal() for code in range(0x2100))
    return letters, b"".join(f"{old:2}{new}".encode() for old, new in _EITHER_WAY)


def _find(name: str, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(rf"{name}(?<!\w{name})\b", text)]


def _plain(name: str) -> str:
    plain = name.lower()
    for letters, other in _EITHER_WAY:
        plain = plain.replace(letters, other)
    plain = _DOUBLED.sub(r"\1", plain)
    return plain.removesuffix("ei") + "i" if plain.endswith("ei") else plain
