"""Progress on stderr: a bar with rate and time left, when stderr is a terminal; events when logs are JSON; else nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import click

from dedupe.cli.terminal import log, logs_json

T = TypeVar("T")


def track(items: Iterable[T], step: str) -> Iterable[T]:
    """The items, with a bar that counts the bytes of the inputs if `items` is a corpus read from files."""
    inputs = getattr(items, "inputs", None)
    if logs_json():
        return _with_events(items, step)
    if not sys.stderr.isatty() or inputs is None:
        return items
    return _with_bar(items, step, sum(input.size for input in inputs))


def _with_events(items: Iterable[T], step: str) -> Iterator[T]:
    done = 0
    log({"level": "info", "step": step, "state": "begun"})
    for item in items:
        yield item
        done += getattr(item, "records", 1)
    log({"level": "info", "step": step, "state": "done", "records": done})


def _with_bar(items: Iterable[Any], step: str, size: int) -> Iterator[Any]:
    done = 0
    bar: Any = click.progressbar(
        length=max(size, 1), label=f"{step:17}", file=sys.stderr, item_show_func=lambda _: f"{done:,} records"
    )
    with bar:
        for item in items:
            yield item
            done += item.records
            bar.update(min(item.size, size - bar.pos), item)
        bar.update(size - bar.pos)
