"""From an URL to an open index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dedupe.errors import UsageError
from dedupe.index.contract import Index
from dedupe.index.sqlite import SqliteIndex, check_place


def open_index(url: str, settings: Mapping[str, str] | None = None, *, wait: float = 60.0) -> Index:
    """The index at `url`, "sqlite:PATH"; made if there is none and `settings` are given.

    Raises UsageError for another kind of URL, IndexStateError for an index that cannot be used.

    >>> open_index("redis://localhost")
    Traceback (most recent call last):
        ...
    dedupe.errors.UsageError: 'redis://localhost' names no index; write sqlite:PATH
    """
    return SqliteIndex(_path(url), settings, wait=wait)


def index_exists(url: str) -> bool:
    """Whether there is an index, or something in its place, at `url`.

    Raises UsageError for another kind of URL, IndexStateError if none can be there.
    """
    check_place(_path(url))
    return _path(url).exists()


def _path(url: str) -> Path:
    scheme, _, path = url.partition(":")
    if scheme != "sqlite" or not path:
        raise UsageError(f"{url!r} names no index; write sqlite:PATH")
    return Path(path)
