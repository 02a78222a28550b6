"""The outline of a text: where its paragraphs stand and what their size and their borders tell.

Nearly all paragraphs are body text, which their length and their last character say well enough; only the others are read for
what they are. So the outline is what the layout is told from, and it is found in one pass of the compiled kernel.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from dedupe.kernel import compiled_kernel, read_text
from dedupe.repair.spans import find_paragraphs

_ROW = Struct("8i")


class Paragraph(NamedTuple):
    """A line that holds any text, at [start, end) of it: [first, last) without the white space around.

    `words` stand between white space; `spaces` are those inside. `opening` and `ending` are the first and the last code point.
    """

    start: int
    end: int
    first: int
    last: int
    words: int
    spaces: int
    opening: int
    ending: int


def find_outline(text: str) -> list[Paragraph]:
    """The paragraphs of a text: its lines that hold any text, with or without a blank line between.

    Its twin is `outline` of the compiled kernel.

    >>> find_outline("One.\\n\\n  Two, three.\\n")[1]
    Paragraph(start=6, end=19, first=8, last=19, words=2, spaces=1, opening=84, ending=46)
    """
    kernel = compiled_kernel()
    if kernel:
        return list(map(Paragraph._make, _ROW.iter_unpack(read_text(kernel.outline, text))))
    return [_describe(text, start, end) for start, end in find_paragraphs(text)]


def _describe(text: str, start: int, end: int) -> Paragraph:
    line = text[start:end]
    first = end - len(line.lstrip())
    line = line.strip()
    return Paragraph(start, end, first, first + len(line), len(line.split()), line.count(" "), ord(line[0]), ord(line[-1]))
