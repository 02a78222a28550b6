"""Words as people count them: what stands between white space."""

from __future__ import annotations

from dedupe.kernel import compiled_kernel


def count_words(text: str) -> int:
    """The number of words, as many as `text.split()` has.

    >>> count_words("One,  two\\u3000three ")
    3
    """
    kernel = compiled_kernel()
    words = int(kernel.count_words(text)) if kernel else -1
    return words if words >= 0 else len(text.split())
