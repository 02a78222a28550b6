"""Batches: texts come one by one, and are worked on many at a time, on all cores, with the results in the order they came.

The threads share the work only as far as it is done outside the interpreter, in the compiled kernel and in NumPy. What is
found does not depend on their number. What is in work at once is bounded in characters, so that huge texts wait for each other.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

# Characters of text worked on at once: with fewer, the price of a batch beside that of its texts shows; more take memory, some
# 60 bytes a character without the kernel.
BATCH = 800_000

P = TypeVar("P")
S = TypeVar("S", bound=Sized)
T = TypeVar("T")


class Batches(Generic[S, T]):
    """Passes on to `take` what `work` makes of the texts, batch by batch, at least one batch.

    `threads` is 0 for as many as there are cores; with one everything is done at once.

    >>> done = []
    >>> batches = Batches(len, done.append, threads=2)
    >>> batches.extend(["one", "another"])
    >>> batches.finish()
    >>> done
    [2]
    """

    def __init__(self, work: Callable[[list[S]], T], take: Callable[[T], object], threads: int = 0) -> None:
        self._work, self._take, self._threads = work, take, threads or count_cores()
        self._executor: ThreadPoolExecutor | None = None
        self._texts: list[S] = []
        self._characters = 0
        self._pending: deque[tuple[int, Future[T]]] = deque()  # with the characters of each batch

    def extend(self, texts: Sequence[S]) -> None:
        """Take texts: few together, so that what is worked on at once stays bounded."""
        if (size := sum(map(len, texts))) > BATCH and len(texts) > 1:
            middle = len(texts) // 2
            self.extend(texts[:middle])
            self.extend(texts[middle:])
            return
        self._texts += texts
        self._characters += size
        if self._characters >= BATCH:
            self._start_batch()

    def finish(self) -> None:
        """Pass on what is left. Raises what a batch raised."""
        last = self._work(self._texts)  # here: of few texts it is the only batch, and worth no thread
        while self._pending:
            self._take(self._pending.popleft()[1].result())
        self._take(last)
        if self._executor:
            self._executor.shutdown()

    def _start_batch(self) -> None:
        texts, size, self._texts, self._characters = self._texts, self._characters, [], 0
        if self._threads == 1:
            self._take(self._work(texts))
            return
        self._executor = self._executor or ThreadPoolExecutor(self._threads)
        while self._pending and (self._in_work() + size > 2 * self._threads * BATCH or self._pending[0][1].done()):
            self._take(self._pending.popleft()[1].result())
        self._pending.append((size, self._executor.submit(self._work, texts)))

    def _in_work(self) -> int:
        return sum(size for size, _ in self._pending)


def work_in_threads(work: Callable[[P], T], items: Iterable[P], threads: int = 0) -> Iterator[T]:
    """What `work` makes of each item, in their order; `threads` as for `Batches`. A few results at most wait to be taken.

    >>> list(work_in_threads(len, ["one", "three"], threads=2))
    [3, 5]
    """
    threads = threads or count_cores()
    if threads == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as executor:
        pending = deque[Future[T]]()
        for item in items:
            if len(pending) > threads:
                yield pending.popleft().result()
            pending.append(executor.submit(work, item))
        while pending:
            yield pending.popleft().result()


def share_out(work: Callable[[slice], object], count: int, together: int) -> None:
    """Let threads work on so many rows, each on some `together`; a few, or all on one core, are worked on here.

    >>> import numpy as np
    >>> numbers, squares = np.arange(5), np.empty(5, np.int64)
    >>> share_out(lambda part: np.square(numbers[part], out=squares[part]), len(numbers), 2)
    >>> squares.tolist()
    [0, 1, 4, 9, 16]
    """
    if count <= together or count_cores() == 1:
        work(slice(0, count))
        return
    for _ in work_in_threads(work, [slice(low, low + together) for low in range(0, count, together)]):
        pass


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
