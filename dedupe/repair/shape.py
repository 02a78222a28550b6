"""Shapes: what most defects begin with, such as a small letter, a stop and a capital, or a character that is never seen.

Nearly all texts hold none of them, so the patterns of the defects, which are slow, need not run. All are looked for in one pass
of the compiled kernel; without it every shape counts as held, and the patterns have the word.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel, read_text

Shapes = int  # bits, all together

GLUED_STOP = 1  # ended.The
GLUED_QUOTE = 2  # ended.”The
GLUED_WORDS = 4  # regionThe
SLIP = 8  # three%, $four, four.5, 2:thirty
SPACED_MARK = 16  # in Norway , the end .
LOST = 32  # don?t, caf�
MOJIBAKE = 64  # two characters beyond ASCII side by side, not both of prose, or one that is seen in mojibake alone
INVISIBLE = 128  # characters that nobody sees, line ends and tabs aside
MARKUP = 256  # < & = [ # *
TEMPLATE = 512  # % { [ |
DOUBLED = 1024  # the the, of those that are never meant to stand twice
CUT = 2048  # a hyphen at the end of a line
ROUND = 4096  # 1000's
ALL: Shapes = 8191

NEVER_TWICE = ("the", "of", "a", "and", "to", "is", "was", "with", "for", "from")
_TWICE = f" {' '.join(NEVER_TWICE)} ".encode()
# The kinds of bytes, each later one taking its bytes from those before: "x" any other, "u" beyond ASCII, and of these the last
# bytes of ”, of ’, and of € and £; "o" what the names of numbers begin with, " " also what a space without a break ends with.
_KINDS = {
    "x": range(256), "u": range(128, 256), "”": b"\x9d", "’": b"\x99", "€": b"\xac\xa3", "A": range(65, 91),
    "a": range(97, 123), "o": b"aefnostz", "0": range(48, 58), ".": b".!?", "-": b"/-", ",": b",", ":": b":)$", "%": b"%",
    " ": b" \xa0", "\n": b"\n",
}  # fmt: skip
_ANY = {"*": "".join(_KINDS), "a": "ao", "_": " ", "/": "\n"}
_SHAPES = {
    GLUED_STOP: "a.A .:A u”A u’A",
    GLUED_QUOTE: "u”a u”A",
    GLUED_WORDS: "aaA",
    SLIP: "*a% *_% *:a *:A u€a u€A a.0 a-0 a,0 a:0 0.o 0.A 0-o 0-A 0,o 0,A 0:o 0:A a:a",
    SPACED_MARK: "*_, *_.",
    LOST: "a.a",
    CUT: "*-/ -_/ __/",
    ROUND: "0xo u’o",
}
# Beside each other these are no mojibake: in no code page are bytes of these alone the UTF-8 of anything.
SOUND = ("’", "“", "”", "‘", "–", "—", "…")
_MARKED, _SOUND = 0x2100, 0x8000  # as in the compiled kernel
_MARKS = {
    LOST: "âÃ",
    MOJIBAKE: "ÂÃŒœ",
    MARKUP: "<&=[#*",
    TEMPLATE: "%{[|",
}


def find_shapes(text: str) -> Shapes:
    """The shapes that a text may hold, as `shapes` of the compiled kernel sees them.

    >>> find_shapes("It ended.The mayor left.") & GLUED_STOP
    1
    """
    kernel = compiled_kernel()
    if kernel is None:
        return ALL
    shapes: Shapes = read_text(kernel.shapes, text, *_tables(), _TWICE, DOUBLED, MOJIBAKE)
    return shapes


@lru_cache(maxsize=1)
def _tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    """The kind of each byte, which shapes three kinds in a row are, and which a single character is."""
    names = list(_KINDS)
    classes, table, marks = np.zeros(256, np.uint8), np.zeros(16**3, np.uint32), np.zeros(_MARKED + 1, np.uint16)
    for number, members in enumerate(_KINDS.values()):
        classes[list(members)] = number
    for shape, patterns in _SHAPES.items():
        for pattern in patterns.split():
            for kinds in itertools.product(*(_ANY.get(kind, kind) for kind in pattern)):
                first, second, third = map(names.index, kinds)
                table[first << 8 | second << 4 | third] |= shape
    for shape, characters in _MARKS.items():
        marks[[ord(character) for character in characters]] |= shape
    unseen = [code for code in range(_MARKED) if not chr(code).isprintable() and chr(code) not in "\t\n\r\N{NO-BREAK SPACE}"]
    marks[unseen] |= INVISIBLE
    marks[0x80:0xA0] |= MOJIBAKE
    marks[[ord(character) for character in (*SOUND, "\N{NO-BREAK SPACE}")]] |= _SOUND
    marks[_MARKED] = INVISIBLE | LOST
    return classes, table, marks
