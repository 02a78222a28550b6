"""Faults on demand: a process that dies, or an operation that fails, at the k-th write, fsync, rename or removal.

Used by the tests and by benchmarks/kill_runs.py. A kill is real: the work is done in a forked child that gets SIGKILL, so that
nothing of it is flushed or tidied up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from dedupe.corpus import staging

OPERATIONS = ("fsync", "replace", "unlink", "rmdir", "mkdir")


@contextlib.contextmanager
def fault_at(call: int, act: Callable[[], Any]) -> Iterator[list[int]]:
    """`act` before the `call`-th operation on the disk from now on; yields the count of operations so far."""
    count = [0]

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == call:
                act()
            return function(*arguments, **options)

        return counted

    with contextlib.ExitStack() as stack:
        for name in OPERATIONS:
            stack.enter_context(mock.patch.object(os, name, wrap(getattr(os, name))))
        write = wrap(staging.Output._write_through)
        stack.enter_context(mock.patch.object(staging.Output, "_write_through", lambda *a, **o: write(*a, **o)))
        yield count


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], Any], *, kill_after: float | None = None) -> int:
    """The exit status of `work` in a forked child, killed after some seconds if so asked: 0 done, 1 failed, -9 killed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(call: int, work: Callable[[], Any]) -> bool:
    """Whether `work`, in a child of its own, was killed at its `call`-th operation; False if it had no more than that."""

    def doomed() -> None:
        with fault_at(call, kill_self):
            work()

    status = in_child(doomed)
    assert status in (0, -signal.SIGKILL), "the work itself failed"
    return status != 0
