"""Shapes: runs of three characters of some kinds, such as a small letter, a stop and a capital, that most defects begin with.

Nearly all texts hold none of them, so the pattern of the defect, which is slow, need not run. All are looked for in one pass
of the compiled kernel; without it every shape counts as held, and the patterns have the word.
"""

from __future__ import annotations

import itertools
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel


class Shape(IntFlag):
    """What may stand in a text."""

    GLUED_STOP = 1  # ended.The
    GLUED_QUOTE = 2  # ended.”The
    GLUED_WORDS = 4  # regionThe
    SLIP = 8  # three%, $four, four.5, 2:thirty


ALL = Shape.GLUED_STOP | Shape.GLUED_QUOTE | Shape.GLUED_WORDS | Shape.SLIP

# The kinds of bytes, each later one taking its bytes from those before: "x" any other, "u" beyond ASCII, and of these the last
# bytes of ”, of ’, and of € and £; "o" what the names of numbers begin with.
_KINDS = {
    "x": range(256), "u": range(128, 256), "”": b"\x9d", "’": b"\x99", "€": b"\xac\xa3", "A": range(65, 91),
    "a": range(97, 123), "o": b"aefnostz", "0": range(48, 58), ".": b".!?", "-": b",/-", ":": b":", "%": b"%",
    "$": b"$", ")": b")", " ": b" ",
}  # fmt: skip
_ANY = {"*": "".join(_KINDS), "a": "ao"}
_SHAPES = {
    Shape.GLUED_STOP: "a.A .)A u”A u’A",
    Shape.GLUED_QUOTE: "u”a u”A",
    Shape.GLUED_WORDS: "aaA",
    Shape.SLIP: "*a% *_% *$a *$A u€a u€A a.0 a-0 a:0 0.o 0.A 0-o 0-A 0:o 0:A a:a",
}


def _fill_tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """The kind of each byte, and which shapes three kinds in a row are."""
    names = list(_KINDS)
    classes, table = np.zeros(256, np.uint8), np.zeros(16**3, np.uint32)
    for number, members in enumerate(_KINDS.values()):
        classes[list(members)] = number
    for shape, patterns in _SHAPES.items():
        for pattern in patterns.split():
            for kinds in itertools.product(*(_ANY.get(kind, kind.replace("_", " ")) for kind in pattern)):
                first, second, third = map(names.index, kinds)
                table[first << 8 | second << 4 | third] |= shape
    return classes, table


_TABLES = _fill_tables()


def find_shapes(text: str) -> Shape:
    """The shapes that a text may hold.

    >>> Shape.GLUED_STOP in find_shapes("It ended.The mayor left.")
    True
    """
    kernel = compiled_kernel()
    return Shape(kernel.shapes(text.encode("utf-8", "surrogatepass"), *_TABLES)) if kernel else ALL
