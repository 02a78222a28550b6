"""Speed of `dedupe repair` beside codespell and typos: the same texts, clean and spun, in one run on one core.

    python -m venv peers && peers/bin/pip install codespell typos
    python benchmarks/repair_speed.py --data DIR --codespell peers/bin/codespell --typos peers/bin/typos

The articles of DIR/*.jsonl (field "text") are written to one file each; the spun ones are made by the simulator. Each command
reads all files and prints what it would change, in turn with the others, and the median of the rounds is told. Time is
processor time, so that other work on the machine counts little. "start" is a run on one short text: interpreter, imports and
tables; "after start" leaves it out. "library" is `Repairer.repair` alone, without start-up, files and printing.

The three do different work: codespell and typos look up single words, and neither finds any spun form.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "spinner"))

from spin import spin_text
from vocabulary import build_vocabulary, load_entries

SHORT = "The mayor of the town said on Friday that the bridge would be open again before the end of the month.\n"
FOUND = {0, 1, 2, 65}  # nothing found; the codes of dedupe, typos and codespell for something found
LOAD = """
import time
from dedupe.config import RepairSettings
from dedupe.repair.repairer import Repairer
from dedupe.text.lexicon import load_lexicon
start = time.process_time()
repairer = Repairer(load_lexicon(), RepairSettings())
print(time.process_time() - start)
"""
LIBRARY = (
    LOAD
    + """
import sys
from pathlib import Path
from dedupe.model import Article
articles = [Article(path.name, path.read_text("utf-8")) for path in sorted(Path(sys.argv[1]).iterdir())]
start = time.process_time()
for article in articles:
    repairer.repair(article)
print(time.process_time() - start)
"""
)


def read_texts(data: Path, limit: int | None) -> list[str]:
    files = [data] if data.is_file() else sorted(data.glob("*.jsonl"))
    texts = [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]
    return texts[:limit]


def write_texts(texts: Sequence[str], folder: Path) -> float:
    """The megabytes of UTF-8 written, one text a file."""
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number:05}.txt").write_bytes(text.encode("utf-8"))
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def processor_seconds(command: Sequence[str]) -> float:
    """The processor time of a command that may use one core only. Its exit code may tell that it found something."""
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in FOUND:
        raise SystemExit(f"{shlex.join(command[:4])} ... failed")
    return usage.ru_utime + usage.ru_stime


def library_seconds(folder: Path) -> tuple[float, float]:
    """The processor time to load the tables, and to repair all texts of a folder, in a process of its own."""
    output = subprocess.run([sys.executable, "-c", LIBRARY, str(folder)], check=True, capture_output=True, text=True).stdout
    load, repair = map(float, output.split())
    return load, repair


def find_commands(arguments: argparse.Namespace) -> dict[str, Callable[[Path], list[str]]]:
    """How each program is asked what it would change in a folder of texts."""
    commands: dict[str, Callable[[Path], list[str]]] = {
        "dedupe": lambda folder: [*shlex.split(arguments.dedupe), "repair", "--check", *map(str, sorted(folder.iterdir()))]
    }
    for name, options in (("codespell", []), ("typos", ["--format", "brief"])):
        command = shlex.split(getattr(arguments, name))
        if shutil.which(command[0]):
            path = str(Path(shutil.which(command[0]) or "").absolute())
            commands[name] = lambda folder, path=path, rest=command[1:], o=options: [path, *rest, *o, str(folder)]  # type: ignore[misc]
        else:
            print(f"{name} is not installed: `pip install {name}`, then put it on the PATH or name it with --{name}")
    return commands


def measure(commands: dict[str, Callable[[Path], list[str]]], folder: Path, rounds: int) -> dict[str, float]:
    """The median processor time of each command, and of the library, on the texts of a folder."""
    seconds: dict[str, list[float]] = {name: [] for name in (*commands, "load", "library")}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(processor_seconds(command(folder)))
        load, repair = library_seconds(folder)
        seconds["load"].append(load)
        seconds["library"].append(repair)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of .jsonl files, or one of them")
    parser.add_argument("--articles", type=int, help="at most so many articles (default all)")
    parser.add_argument("--spun", type=int, default=200, help="so many of them are spun (default 200)")
    parser.add_argument("--share", type=float, default=0.3, help="share of the words to change in those (default 0.3)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dedupe", default=f"{shlex.quote(sys.executable)} -m dedupe")
    parser.add_argument("--codespell", default="codespell")
    parser.add_argument("--typos", default="typos")
    arguments = parser.parse_args()
    commands = find_commands(arguments)
    texts = read_texts(arguments.data, arguments.articles)
    vocabulary = build_vocabulary(load_entries())
    spun = [spin_text(t, vocabulary, arguments.share, random.Random(n))[0] for n, t in enumerate(texts[: arguments.spun])]
    with tempfile.TemporaryDirectory() as temporary:
        start: dict[str, float] = {}
        for kind, members in (("start", [SHORT]), ("clean", texts), ("spun", spun)):
            size = write_texts(members, Path(temporary) / kind)
            seconds = measure(commands, Path(temporary) / kind, arguments.rounds)
            if kind == "start":
                start = seconds
                print("start, s    ", "  ".join(f"{name} {seconds[name]:.2f}" for name in commands))
                print(f"tables, s     dedupe {seconds['load']:.2f}")
                continue
            print(f"\n{kind}: {len(members):,} articles, {size:.2f} MB")
            print(f"{'':12}{'MB/s':>8}{'after start':>13}{'of dedupe':>11}")
            ours = size / seconds["dedupe"]
            for name in commands:
                whole, rest = size / seconds[name], seconds[name] - start[name]
                after = f"{size / rest:.2f}" if rest > 0.2 * seconds[name] else "-"  # too little work to tell
                print(f"{name:12}{whole:8.2f}{after:>13}{whole / ours:11.2f}")
            print(f"{'library':12}{size / seconds['library']:8.2f}")


if __name__ == "__main__":
    main()
