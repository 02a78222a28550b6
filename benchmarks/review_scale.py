"""A review at size, end to end: `dedupe review` in a real pseudo-terminal and in headless Chromium, on many pending edits.

    python benchmarks/review_scale.py [--edits 100000] [--keys 300] [--folder DIR] [--only terminal|web]

A corpus of its own is made and cleaned first, with tables that propose every edit and make none; `--folder` keeps it for the
next time. Measured are the time from the start of the process until the first edit can be seen; the time from a key that
decides until the next edit can be seen, the decision synced to the disk; the largest resident memory of the process; and that
the ledger holds each decision once. The goals: 2 s, 100 ms at every key, 300 MB. Needs Chromium and Playwright for the page.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from dedupe import FindSettings, RepairSettings, Settings, run

EDITS_AN_ARTICLE, FORMS = 40, 250
COMMAND = [sys.executable, "-m", "dedupe", "review"]
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split()
GOALS = {"open": 2.0, "key": 0.1, "memory": 300.0}
NEXT_ITEM = """() => new Promise((done) => {
    const begin = performance.now(), id = document.activeElement.dataset.id;
    const look = () => {
        const now = document.activeElement;
        if (now.dataset.id && now.dataset.id !== id) done(performance.now() - begin); else requestAnimationFrame(look);
    };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "y", bubbles: true }));
    look();
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=["terminal", "web"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="review-scale-") as temporary:
        folder = options.folder or Path(temporary)
        out = folder / "out"
        if not (out / "manifest.json").is_file():
            make_run(folder, out, options.edits + options.edits // 1_000)  # some fall together
        edits = sum(1 for _ in (out / "edits.jsonl").open("rb"))
        print(f"{edits:,} pending edits; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        if options.only != "web":
            report("terminal", *measure_terminal(out, edits, options.keys), check_ledger(out, options.keys))
        if options.only != "terminal":
            report("web", *measure_web(out, edits, options.keys), check_ledger(out, options.keys))


def make_run(folder: Path, out: Path, edits: int) -> None:
    """A finished run in which about so many edits wait, in the articles of twenty sources, some of them near-duplicates."""
    folder.mkdir(parents=True, exist_ok=True)
    pick = random.Random(1)
    words = sorted({"".join(pick.choices(SYLLABLES, k=3)) for _ in range(3_000)})
    pick.shuffle(words)
    forms, others = words[:FORMS], words[FORMS:]
    (folder / "rules").mkdir(exist_ok=True)
    rows = [f"scale.{form}\t{form}\t{other}\task\t\t\t\t\tuser" for form, other in zip(forms, others, strict=False)]
    head = "id\tspun\toriginal\ttier\twhen\tunless\texample\tcounterexample\tsource"
    (folder / "rules/scale.tsv").write_text("\n".join([head, *rows]) + "\n", "utf-8")
    with (folder / "news.jsonl").open("w", encoding="utf-8") as file:
        for number in range(edits // EDITS_AN_ARTICLE):
            sentences = (
                " ".join([*pick.choices(others, k=pick.randint(6, 12)), pick.choice(forms), *pick.choices(others, k=5)]) + "."
                for _ in range(EDITS_AN_ARTICLE)
            )
            text = "\n".join(sentences)
            row = {"id": f"article-{number:06}", "source": f"source-{number % 20}", "text": text}
            file.write(json.dumps(row) + "\n")
            if number % 10 == 0:
                file.write(json.dumps({**row, "id": f"{row['id']}-copy", "text": f"{text}\nA line more."}) + "\n")
    begin = time.monotonic()
    repair = RepairSettings(language="xx", rules=(str(folder / "rules"),), spin="assume")
    summary = run([folder / "news.jsonl"], out, Settings(find=FindSettings(kinds=("exact", "near")), repair=repair))
    print(f"run: {summary.counts['read']:,} articles, {sum(summary.edits.values()):,} edits, {time.monotonic() - begin:.0f} s")


def measure_terminal(out: Path, edits: int, keys: int) -> tuple[float, float, list[float], float]:
    """Of a review in a pseudo-terminal: seconds until the first edit, and of them those of the processor; seconds of each key;
    the most memory, in MB."""
    (out / "decisions.jsonl").unlink(missing_ok=True)
    begin = time.monotonic()
    process, terminal = open_terminal([*COMMAND, str(out), "--by", "Ann"])
    wait_for(terminal, f"pending {edits:,} ")
    opened, busy = time.monotonic() - begin, read_processor(process.pid)
    took = []
    for number in range(1, keys + 1):
        begin = time.monotonic()
        os.write(terminal, b"y")
        wait_for(terminal, f"pending {edits - number:,} ")
        took.append(time.monotonic() - begin)
    memory = read_memory(process.pid)
    os.write(terminal, b"q")
    process.wait(30)
    os.close(terminal)
    return opened, busy, took, memory


def open_terminal(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """The command in a pseudo-terminal of 100 columns and 30 rows."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
    os.close(slave)
    return process, master


def wait_for(terminal: int, text: str) -> None:
    """Read from the terminal until a whole screen with the text was drawn."""
    seen, end = "", time.monotonic() + 60
    while text not in seen or select.select([terminal], [], [], 0.002)[0]:
        if time.monotonic() > end:
            sys.exit(f"the terminal never showed {text!r}, but: {seen[-2000:]}")
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536).decode("utf-8", "replace")


def measure_web(out: Path, edits: int, keys: int) -> tuple[float, float, list[float], float]:
    """The same of the page, in Chromium; the browser itself is started before and its memory not counted."""
    from playwright.sync_api import sync_playwright

    (out / "decisions.jsonl").unlink(missing_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        begin = time.monotonic()
        process = subprocess.Popen(
            [*COMMAND, str(out), "--web", "--no-browser", "--by", "Ann"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        try:
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address
            page.goto(address[0])
            page.wait_for_selector("#list [data-id]")
            opened, busy = time.monotonic() - begin, read_processor(process.pid)
            page.wait_for_selector("body[data-ready]")
            took = []
            for _ in range(keys):
                took.append(page.evaluate(NEXT_ITEM) / 1000)
                page.wait_for_timeout(50)  # a key held down repeats every 30 ms or so
            while not page.title().startswith(f"{edits - keys:,} "):
                page.wait_for_timeout(50)
            for key in ("c", "Escape", "2", "3", "1"):
                page.keyboard.press(key)
                page.wait_for_timeout(500)
            memory = read_memory(process.pid)
            browser.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    return opened, busy, took, memory


def read_processor(pid: int) -> float:
    """The seconds that a process has had of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_memory(pid: int) -> float:
    """The largest resident memory of a process so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def check_ledger(out: Path, keys: int) -> str:
    """Whether each decision is in the ledger, once."""
    targets = [json.loads(line)["target"] for line in (out / "decisions.jsonl").read_text("utf-8").splitlines()]
    return "each decision once" if len(targets) == len(set(targets)) == keys else f"LEDGER WRONG: {len(targets)} lines"


def report(name: str, opened: float, busy: float, took: list[float], memory: float, ledger: str) -> None:
    """Print the figures, with a mark where a goal was missed."""
    values = {"open": opened, "key": max(took), "memory": memory}
    missed = [goal for goal, limit in GOALS.items() if values[goal] > limit]
    quantiles = statistics.quantiles(took, n=100)
    slow = [f"{number}: {seconds * 1000:.0f}" for number, seconds in enumerate(took, 1) if seconds > GOALS["key"]]
    keys = f"median {statistics.median(took) * 1000:.0f} ms, 99th percentile {quantiles[98] * 1000:.0f} ms"
    print(
        f"{name:<9} open {opened:.2f} s ({busy:.2f} s of processor); key to next item: {keys},"
        f" longest {max(took) * 1000:.0f} ms; {memory:.0f} MB; {ledger}"
        + (f"; MISSED: {', '.join(missed)}; slow keys, in ms: {', '.join(slow) or 'none'}" if missed else "")
    )


if __name__ == "__main__":
    main()
