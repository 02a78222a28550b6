"""Every error this package raises on purpose.

    DedupeError
    ├── UsageError        a wrong option, setting or field name         exit 2
    │   └── RuleError     a rule table that does not load               exit 2
    ├── LockedError       another process writes there          exit 5
    ├── InputError        damaged input: nothing was committed          exit 4
    ├── IndexStateError   an index locked, or made with other settings  exit 5
    └── ConservationError records went missing: nothing was committed   exit 4

An error knows the place it speaks of and prints as `path:line: what is wrong; what to do`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LISTED = 40


class DedupeError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 4

    def __init__(self, message: str, *, path: str = "", line: int = 0) -> None:
        self.message, self.path, self.line = message, path, line
        place = f"{path}:{line}: " if line else f"{path}: " if path else ""
        super().__init__(place + message)


class UsageError(DedupeError, ValueError):
    """A wrong option, setting or field name; the message lists what would be right."""

    exit_code = 2


class RuleError(UsageError):
    """A rule table that does not load, or a rule whose own example fails."""


class LockedError(DedupeError):
    """Another process is writing into the same folder; nothing was changed."""

    exit_code = 5


class InputError(DedupeError, OSError):
    """Input that cannot be read whole, such as a truncated .gz; nothing is committed."""


class IndexStateError(DedupeError):
    """An index that cannot be used as it is: locked by another, made with other settings, damaged, or no index at all."""

    exit_code = 5


class ConservationError(DedupeError):
    """The records that came in are not the records that went out; nothing is committed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known name, or listing all of them if they are few.

    >>> did_you_mean("spni", ["spin", "quotes"])
    "did you mean 'spin'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if len(names) <= _MOST_LISTED else f"none of the {len(names):,} known is alike"
