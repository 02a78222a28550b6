"""The kernel: the loops over every word and shingle, compiled from `csrc/` where there was a C compiler at installation.

Both ways give the same bits. The NumPy code is what runs without the compiled kernel, and what the compiled one is tested
against; each function that has a compiled twin asks here, and its docstring and the C code name each other.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any


def _load() -> ModuleType | None:
    try:
        return importlib.import_module("dedupe._kernel")
    except ImportError:
        return None


_COMPILED = _load()


def compiled_kernel() -> ModuleType | None:
    """The compiled functions, None where there are none."""
    return _COMPILED


def read_text(function: Callable[..., Any], text: str, *arguments: Any) -> Any:
    """What a compiled function makes of a text and further arguments: of its UTF-8, which Python makes once and keeps."""
    try:
        return function(text, *arguments)
    except UnicodeEncodeError:  # a lone surrogate
        return function(text.encode("utf-8", "surrogatepass"), *arguments)


def kernel_name() -> str:
    """Which kernel runs: "compiled", or "numpy" where dedupe was installed without a C compiler."""
    return "compiled" if _COMPILED else "numpy"
