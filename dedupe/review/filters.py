"""Filters: which edits of a queue are shown, in one line of text that is the same in the terminal and in the browser.

    tier:ask status:pending rule:word.* source:gazette article:a1.txt pair:extra→additional quote:yes talks

Words without a name are looked for in the edit's wording and around it; `/…/` is a regular expression for the same.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from collections.abc import Sequence

from dedupe.errors import UsageError, did_you_mean
from dedupe.review.queue import EDITS, Item, Queue

_NAMES = ("rule", "pair", "tier", "source", "article", "status", "quote")


def filter_edits(queue: Queue, text: str, numbers: Sequence[int]) -> list[int]:
    """Those of the edits `numbers` that pass, in their order. Raises UsageError for an unknown name or a broken expression."""
    named, words = _parse(text)
    kept = [number for number in numbers if _passes(queue, number, named)]
    if not words:
        return kept
    return [number for number, shown in zip(kept, _read_wordings(queue, kept), strict=True) if _contains(shown, words)]


def _parse(text: str) -> tuple[list[tuple[str, str]], list[re.Pattern[str]]]:
    named, words = list[tuple[str, str]](), list[re.Pattern[str]]()
    if len(text) > 2 and text.strip()[:1] == text.strip()[-1:] == "/":
        parts = [text.strip()]
    else:
        try:
            parts = shlex.split(text.replace("\\", "\\\\"))
        except ValueError:
            parts = text.split()
    for part in parts:
        name, colon, value = part.partition(":")
        if colon and name in _NAMES:
            named.append((name, value.replace("=>", "→")))
        elif colon and name.isalpha() and value:
            raise UsageError(f"unknown filter {name!r}; {did_you_mean(name, _NAMES)}")
        else:
            words.append(_compile(part))
    return named, words


def _compile(part: str) -> re.Pattern[str]:
    is_expression = len(part) > 2 and part[0] == part[-1] == "/"
    try:
        return re.compile(part[1:-1] if is_expression else re.escape(part), re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{part} is no regular expression: {error}") from None


def _passes(queue: Queue, number: int, named: Sequence[tuple[str, str]]) -> bool:
    item = queue.items[number]
    return all(_matches(queue, number, item, name, value) for name, value in named)


def _matches(queue: Queue, number: int, item: Item, name: str, value: str) -> bool:
    if name == "quote":
        return item.in_quote == (value in {"yes", "true", "1"})
    if name == "status":
        decision = queue.verdicts[number]
        return queue.status(number) == value or (value == "decided" and decision is not None)
    if name == "rule":
        return any(fnmatch.fnmatchcase(rule, value) for rule in item.rules)
    values = {"pair": item.pair, "tier": item.tier, "source": item.source, "article": item.article}
    return values[name] == value if name == "pair" else fnmatch.fnmatchcase(values[name], value)


def _read_wordings(queue: Queue, numbers: Sequence[int]) -> list[str]:
    texts = []
    with (queue.out / EDITS).open("rb") as file:
        for number in numbers:
            file.seek(queue.items[number].offset)
            line = json.loads(file.readline())
            texts.append(f"{line['left']}{line['before']}{line['right']}\n{line['after']}")
    return texts


def _contains(text: str, words: Sequence[re.Pattern[str]]) -> bool:
    return all(word.search(text) for word in words)
