"""Text in HTML: escaped, and what cannot be seen made visible."""

from __future__ import annotations

import html
import re
import unicodedata

_BOXED = re.compile(r"⟦(U\+[0-9A-F]{4,6})⟧")


def show_invisible(text: str) -> str:
    """The text with control, bidirectional and zero-width characters written as ⟦U+XXXX⟧; line ends become ↵.

    >>> show_invisible("a\\x1b[2J\\u202e")
    'a⟦U+001B⟧[2J⟦U+202E⟧'
    """
    if text.isprintable():
        return text
    return "".join("↵" if c == "\n" else f"⟦U+{ord(c):04X}⟧" if _is_invisible(c) else c for c in text)


def escape_text(text: str) -> str:
    """The text escaped for HTML, in an element or in a quoted attribute of one, invisible characters as boxed code points.

    >>> escape_text("<b>\\u202e")
    '&lt;b&gt;<span class="box">U+202E</span>'
    """
    return _BOXED.sub(r'<span class="box">\1</span>', escape_attribute(text))


def escape_attribute(text: str) -> str:
    """The text escaped for a quoted attribute, or an element that holds text alone.

    >>> escape_attribute('" onload="')
    '&quot; onload=&quot;'
    """
    return html.escape(show_invisible(text))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or character == "\N{NO-BREAK SPACE}"
