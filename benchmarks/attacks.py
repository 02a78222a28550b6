"""Attacks on patterns and passes: which take more than their share of time on texts made to be slow.

    python benchmarks/attacks.py               # ten minutes

First every regular expression that the package holds is run over 100 kB of each family of attack. Then a repairer reads texts
of the same families and of mixtures of them, at a quarter and at the whole length: a pass that takes far more than four times
as long is not linear. Prints what is above the limits, and the slowest; exit code 1 if anything is.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import regex

import dedupe
from dedupe import Article, RepairSettings
from dedupe.texts import make_repairer

SIZE = 100_000
PATTERN_LIMIT, TEXT_LIMIT, GIVEN_UP = 0.25, 8.0, 60  # seconds; one that backtracks takes several
FAMILIES = (
    "a|A |  |\t|\n|a\n\n|\"|“|{a,|{|(|[|<b |<|&|&a|.|1|1,000,|a'|-|a-b|http://|a@b.|_|By A |&amp;|é|a\u0300|字|A. |"
    'Photo: |\\|(c) |=a "|AAAA BBBB |word-\n|Share this |?|# |**a|a\u200b|\u202e|\xa0|<a href="|[caption id=|%%|'
    " ,|2020-01-|12:|$1.|Mc'|…|...|x;|a://|<b>x</b> |caf\ufffd don?t {a} |extra safety ensures |the the |“a |Ã© |"
    "donâ€™t go |x = y;\n|x-\ny |Sergey Lavrov |three% |$43.Eight |%%name%% |{{city}} |[[a]] |A.B|end.The | . |"
    '\u05d0\u200f |Getty Pictures |\xad a|News\n|said. "He said |\u2022 a\n|AAA (AP) \u2014 x\n'
).split("|")
PATTERN = (re.Pattern, type(regex.compile("")))


def main() -> None:
    signal.signal(signal.SIGALRM, give_up)
    slow = [*attack_patterns(), *attack_repairer()]
    print(f"{len(slow)} above the limits")
    sys.exit(bool(slow))


def give_up(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def measure(work: Callable[[], object]) -> float:
    """The CPU seconds of a piece of work, which is given up after a while."""
    start = time.process_time()
    signal.alarm(GIVEN_UP)
    with contextlib.suppress(TimeoutError):
        work()
    signal.alarm(0)
    return time.process_time() - start


def stretch(family: str, size: int) -> str:
    return (family * (size // len(family) + 1))[:size]


def attack_patterns() -> Iterator[str]:
    """The patterns that are too slow, each with the family of attack."""
    patterns, worst = find_patterns(), (0.0, "")
    for name, pattern in patterns.items():
        for family in FAMILIES:
            for tail in ("", "!x"):
                text: Any = stretch(family, SIZE) + tail
                if isinstance(pattern.pattern, bytes):
                    text = text.encode()
                seconds = measure(lambda pattern=pattern, text=text: sum(1 for _ in pattern.finditer(text)))  # type: ignore[misc]
                said = f"{name} on {family!r}…{tail!r}: {seconds:.3f} s"
                worst = max(worst, (seconds, said))
                if seconds > PATTERN_LIMIT:
                    print(said, flush=True)
                    yield said
    print(f"{len(patterns)} patterns on {len(FAMILIES)} families; the slowest: {worst[1]}", flush=True)


def find_patterns() -> dict[str, Any]:
    """Every compiled pattern that a module of the package holds, alone or in a table, by its name."""
    found: dict[str, Any] = {}
    for module in pkgutil.walk_packages(dedupe.__path__, "dedupe."):
        if "adapters" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            for number, item in enumerate(items):
                for part in item if isinstance(item, tuple) else [item]:
                    if isinstance(part, PATTERN):
                        found[f"{module.name}.{name}" + (f"[{number}]" if value is not part else "")] = part
    return found


def attack_repairer() -> Iterator[str]:
    """The texts that take a repairer too long, or longer than their length would explain."""
    repairer, chance, worst = make_repairer(RepairSettings()), random.Random(1), (0.0, "")
    repairer.repair(Article("", "warm é &amp; up {a}\n" * 100))
    texts = [*FAMILIES, *("".join(chance.choices(FAMILIES, k=5)) for _ in range(60))]
    for family in texts:
        quarter, whole = (
            measure(lambda size=size: repairer.repair(Article("", stretch(family, size))))  # type: ignore[misc]  # noqa: B023
            for size in (SIZE // 4, SIZE)
        )
        said = f"repair of {family!r}…: {quarter:.2f} s, four times as much of it {whole:.2f} s"
        worst = max(worst, (whole, said))
        if whole > TEXT_LIMIT or (whole > 1 and whole > 8 * quarter):
            print(said, flush=True)
            yield said
    print(f"{len(texts)} texts; the slowest: {worst[1]}", flush=True)


if __name__ == "__main__":
    main()
