"""Words as people count them: what stands between white space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel
from dedupe.text.normal import as_text


def count_words(text: str) -> int:
    """The number of words, as many as `text.split()` has.

    >>> count_words("One,  two\\u3000three ")
    3
    """
    kernel = compiled_kernel()
    words = int(kernel.count_words(text)) if kernel else -1
    return words if words >= 0 else len(text.split())


def count_each(texts: Sequence[str | bytes]) -> npt.NDArray[np.int64]:
    """The number of words of each of some texts, str or UTF-8: int64, shape (texts,).

    >>> count_each(["One,  two", b"three"]).tolist()
    [2, 1]
    """
    kernel = compiled_kernel()
    counts = np.full(len(texts), -1, np.int64)
    if kernel:
        kernel.count_each(tuple(texts), counts)
    for at in np.flatnonzero(counts < 0).tolist():
        counts[at] = len(as_text(texts[at]).split())
    return counts
