"""Repair by a crew: the articles of a large corpus are repaired by other processes, while this one reads and writes.

Rules are applied in Python, of which a process does one thing at a time, so threads would not help. What an article's repair is
does not depend on who makes it: the outcome is the same, byte for byte, for any number of workers. A worker ends when this
process does, however that ends, for then its standard input is closed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, Self

from dedupe.config import RepairSettings
from dedupe.corpus.record import Record
from dedupe.detect.batches import count_cores
from dedupe.errors import DedupeError
from dedupe.model import Article, Edit, Flag, Repair, Role
from dedupe.texts import make_repairer

# Fewer articles are repaired before a crew has read its tables.
LEAST_ARTICLES = 2_000
_BATCH = 200_000  # characters given to a worker at once
_AHEAD = 2  # batches a worker that wait for it

# Ctrl-C is for the process that hired the worker, and nothing may be printed between the answers.
_WORKER = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = {path!r}
sink = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
from dedupe.repairing import serve
serve(sys.stdin.buffer, sink)
"""

_NOUNS: dict[str, Any] = {"edits": Edit, "flags": Flag, "roles": Role}

Task = tuple[Article, tuple[str, ...]]  # with other versions of its text
_Answer = tuple[list[Repair], dict[str, int]]


@dataclass
class _Batch:
    records: list[Record] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    characters: int = 0


class Crew:
    """Some workers, ready to repair. `skipped` counts as `Repairer.skipped` does."""

    def __init__(self, settings: RepairSettings, workers: int) -> None:
        self.skipped = Counter[str]()
        self._settings, self._workers = settings, workers
        self._idle = SimpleQueue[subprocess.Popen[bytes]]()
        self._all: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(workers)
        self._ready = deque[Repair]()

    def __enter__(self) -> Self:
        for _ in range(self._workers):
            self._all.append(_start_worker(self._settings))
            self._idle.put(self._all[-1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._all:
            if kind is not None:
                worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            with contextlib.suppress(BrokenPipeError):
                worker.communicate()

    def look_ahead(self, records: Iterable[Record], ask: Callable[[Article], Task | None]) -> Iterator[Record]:
        """The records, in order; when one comes, the repair that was asked for it is ready to be taken."""
        waiting = deque[tuple[_Batch, Future[_Answer]]]()
        batch = _Batch()
        for record in records:
            batch.records.append(record)
            task = ask(record.article) if record.article else None
            if task:
                batch.tasks.append(task)
            batch.characters += len(record.raw)
            if batch.characters >= _BATCH:
                waiting.append((batch, self._threads.submit(self._hand_out, batch.tasks)))
                batch = _Batch()
            while len(waiting) > _AHEAD * self._workers or (waiting and waiting[0][1].done()):
                yield from self._settle(*waiting.popleft())
        waiting.append((batch, self._threads.submit(self._hand_out, batch.tasks)))
        while waiting:
            yield from self._settle(*waiting.popleft())

    def take(self, article: Article) -> Repair:
        """The repair of the article that came last, which was asked for."""
        repair = self._ready.popleft()
        assert repair.article == article.id
        return repair

    def _settle(self, batch: _Batch, answer: Future[_Answer]) -> Iterator[Record]:
        repairs, skipped = answer.result()
        self._ready.extend(repairs)
        self.skipped.update(skipped)
        yield from batch.records

    def _hand_out(self, tasks: list[Task]) -> _Answer:
        if not tasks:
            return [], {}
        worker = self._idle.get()
        assert worker.stdin
        assert worker.stdout
        try:
            with contextlib.suppress(BrokenPipeError):
                _send(worker.stdin, [_pack_task(*task) for task in tasks])
            line = worker.stdout.readline()
        finally:
            self._idle.put(worker)
        if not line.endswith(b"\n"):
            code = worker.wait()
            raise DedupeError(f"a process that repairs ended with {code}, perhaps for want of memory; run with --jobs 1")
        repairs, skipped, fault = json.loads(line)
        if fault:
            raise DedupeError(f"repair failed: {fault}")
        return list(map(_unpack_repair, repairs)), skipped


def count_workers(jobs: int, articles: int) -> int:
    """How many workers to hire: none where this process had better do it. `jobs`: 0 for as many as there are cores."""
    jobs = jobs or count_cores()
    return jobs if jobs > 1 and articles >= LEAST_ARTICLES and sys.executable else 0


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """The life of a worker: settings, then tasks come in by `source`, a line a batch, and repairs go out by `sink`."""
    repairer = make_repairer(RepairSettings(**_read_tuples(source.readline())))
    for line in source:
        repairer.skipped.clear()
        try:
            tasks = map(_unpack_task, json.loads(line))
            _send(sink, [[_pack_repair(repairer.repair(*task)) for task in tasks], repairer.skipped, ""])
        except Exception as error:
            _send(sink, [[], {}, f"{type(error).__name__}: {error}"])


def _start_worker(settings: RepairSettings) -> subprocess.Popen[bytes]:
    program = _WORKER.format(path=sys.path)
    pipe = subprocess.PIPE
    worker = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe)
    assert worker.stdin
    _send(worker.stdin, dataclasses.asdict(settings))
    return worker


# Lines of JSON in ASCII, which holds any string that Python does; what repair needs goes over, and what it finds comes back.


def _send(sink: IO[bytes], message: object) -> None:
    sink.write(json.dumps(message).encode("ascii") + b"\n")
    sink.flush()


def _read_tuples(line: bytes) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(line).items()}


def _pack_task(article: Article, witnesses: tuple[str, ...]) -> list[Any]:
    return [article.id, article.text, article.title, dict(article.fields), witnesses]


def _unpack_task(packed: Sequence[Any]) -> Task:
    id, text, title, fields, witnesses = packed
    return Article(id, text, title, fields=fields), tuple(witnesses)


def _pack_repair(repair: Repair) -> dict[str, Any]:
    nouns = {name: list(map(dataclasses.astuple, getattr(repair, name))) for name in _NOUNS}
    return nouns | {name: getattr(repair, name) for name in ("article", "digest", "verdict", "score")}


def _unpack_repair(packed: dict[str, Any]) -> Repair:
    nouns: dict[str, Any] = {
        name: tuple(noun(*_as_tuples(values)) for values in packed.pop(name)) for name, noun in _NOUNS.items()
    }
    return Repair(**nouns, **packed)


def _as_tuples(values: Iterable[Any]) -> Iterator[Any]:
    return (tuple(value) if isinstance(value, list) else value for value in values)
