"""`dedupe stream` and `dedupe index` as processes: order, bytes, part files, kills, retries, two workers, signals."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import HARBOUR, ROOT
from pages import FRAMES, edit, fill

Lines = list[dict[str, Any]]
FAST = ["--kinds", "exact,near", "--no-repair"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("DEDUPE_")} | {"PYTHONPATH": str(ROOT)}


def start(
    folder: Path, *arguments: str | Path, index: str = "index.db", options: Sequence[str] = FAST
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dedupe", "stream", "--index", f"sqlite:{folder}/{index}", *options, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(list(map(str, command)), cwd=folder, env=ENVIRONMENT, stdin=pipe, stdout=pipe, stderr=pipe)


def stream(folder: Path, content: bytes, *arguments: str | Path, **options: Any) -> tuple[int, bytes, str]:
    process = start(folder, *arguments, **options)
    out, err = process.communicate(content)
    return process.returncode, out, err.decode()


def dedupe(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "dedupe", *arguments], env=ENVIRONMENT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def crawl(number: int, seed: int = 1) -> Lines:
    pick = random.Random(seed)
    pages = [fill(FRAMES["match"], pick) for _ in range(number)]
    copies = [edit(pick.choice(pages), 1, pick) for _ in range(number // 2)]
    records = [{"id": f"p{n}", "text": text} for n, text in enumerate(pages + copies)]
    pick.shuffle(records)
    return records


def encode(records: Lines) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def decode(content: bytes) -> Lines:
    return [json.loads(line) for line in content.splitlines()]


def read_parts(folder: Path, kind: str = "part") -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{kind}-*.jsonl")))


def told(records: Lines) -> list[tuple[str, str, str]]:
    """What was said of each record, but for whether it had been seen."""
    return [(r["id"], r["dedupe"]["status"], r["dedupe"]["dup_of"]) for r in records]


def assert_sound(records: Lines) -> None:
    kept = {id for id, status, _ in told(records) if status == "kept"}
    assert [id for id, _, dup_of in told(records) if dup_of == id] == []
    assert {dup_of for _, status, dup_of in told(records) if status == "duplicate"} <= kept


def test_every_record_comes_back_in_order_with_its_bytes_and_a_tag(tmp_path: Path) -> None:
    lines = [
        b'{"id": "a", "n": 1e5, "n": 123456789012345678901234567890, "text": "caf\\u00e9 opens"}',
        b"garbage",
        b' {"id":"b","text":"An harbour, caf\xc3\xa9 and all, opens on Monday." } ',
        b'{"id": "c", "text": 7}',
        b'{"text": "without an id"}',
        b'\xff{"id": "d"}',
        b'{"id": "e", "dedupe": {"old": 1}, "text": "caf\\u00e9 opens", "z": []}',
    ]
    code, out, err = stream(tmp_path, b"\xef\xbb\xbf" + b"\r\n\n".join(lines), "--id-field", "id")
    got = out.splitlines()
    assert code == 3
    assert len(got) == len(lines)
    assert got[0].startswith(lines[0][:-1] + b', "dedupe": {"id": "a", "status": "kept"')
    assert got[2].startswith(lines[2].strip()[:-2] + b', "dedupe": {"id": "b"')
    assert [json.loads(got[n])["dedupe"]["status"] for n in (1, 3, 4, 5)] == ["quarantined"] * 4
    assert json.loads(got[1])["record"].strip() == "garbage"
    assert "raw_base64" in json.loads(got[5])
    assert json.loads(got[6])["dedupe"]["dup_of"] == "a"
    assert json.loads(got[6])["z"] == []
    assert "7 records: 2 kept, 1 duplicates (1 exact), 4 unreadable" in err


def test_repairs_change_only_what_they_touch(tmp_path: Path, rules: Path) -> None:
    line = b'{"n": 1e5, "title": "x", "id": "a", "text": "caf\\u00e9. Photo: Getty Pictures"}\n'
    options = ["--kinds", "exact,near", "--language", "xx", "--rules", str(rules)]
    code, out, _ = stream(tmp_path, line, "--embed-provenance", options=options)
    assert code == 0
    assert out.startswith(line.replace(b"Pictures", b"Images").rstrip()[:-1] + b', "dedupe": {')
    (edit,) = decode(out)[0]["dedupe"]["edits"]
    assert (edit["before"], edit["after"], edit["start"]) == ("Getty Pictures", "Getty Images", 13)
    code, _, _ = stream(tmp_path, line, "--side-files", "-o", tmp_path / "out", options=options)
    assert [e["id"] for e in decode(read_parts(tmp_path / "out", "edits"))] == [edit["id"]]


def test_a_record_above_the_size_limit_is_set_aside_in_pieces(tmp_path: Path) -> None:
    huge = b'{"id": "x", "text": "' + b"word " * 1000 + b'"}'
    code, out, _ = stream(tmp_path, huge + b'\n{"id": "y", "text": "a b"}\n', "--max-record-bytes", "2000")
    records = decode(out)
    assert code == 3
    assert "".join(r["record"] for r in records[:-1]).encode() == huge
    assert [r["dedupe"].get("continues", False) for r in records] == [False, True, True, False]


def test_dropped_records_lie_beside_the_parts(tmp_path: Path) -> None:
    records = crawl(30)
    code, out, _ = stream(tmp_path, encode(records) + b"garbage\n", "--drop", "-o", "out", "--batch-records", "7")
    assert (code, out) == (3, b"")
    kept, aside = decode(read_parts(tmp_path / "out")), decode(read_parts(tmp_path / "out", "aside"))
    assert {r["dedupe"]["status"] for r in kept} == {"kept"}
    assert {r["dedupe"]["status"] for r in aside} == {"duplicate", "quarantined"}
    assert len(kept) + len(aside) == len(records) + 1
    assert stream(tmp_path, b"", "--drop")[0] == 2


def test_a_finished_run_given_again_does_nothing(tmp_path: Path) -> None:
    content = encode(crawl(20))
    stream(tmp_path, content, "-o", "out", "--batch-records", "8")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    code, _, err = stream(tmp_path, content, "-o", "out", "--batch-records", "3")
    assert (code, err) == (0, "0 records: 0 kept, 0 duplicates, 0 unreadable\n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_another_input_does_not_continue_a_run(tmp_path: Path) -> None:
    stream(tmp_path, encode(crawl(20)), "-o", "out")
    code, _, err = stream(tmp_path, encode(crawl(20, seed=2)), "-o", "out")
    assert code == 4
    assert "feed it the same input" in err


def test_a_longer_input_is_continued(tmp_path: Path) -> None:
    records = crawl(30)
    stream(tmp_path, encode(records[:20]), "-o", "out")
    stream(tmp_path, encode(records), "-o", "out")
    assert [id for id, _, _ in told(decode(read_parts(tmp_path / "out")))] == [r["id"] for r in records]


@pytest.mark.parametrize("seed", range(4))
def test_killed_anywhere_and_tried_again_gives_what_an_undisturbed_run_gives(tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    content = encode(crawl(120, seed))
    stream(tmp_path, content, "-o", "whole", "--batch-records", "9", index="whole.db")
    for _ in range(5):
        kill_soon(start(tmp_path, "-o", "out", "--batch-records", str(pick.choice([2, 5, 9]))), content, tmp_path, pick)
    assert stream(tmp_path, content, "-o", "out")[0] == 0
    assert read_parts(tmp_path / "out") == read_parts(tmp_path / "whole")
    one, other = (dedupe("index", "stats", "--json", f"sqlite:{tmp_path}/{name}.db")[1] for name in ("index", "whole"))
    for name in ("articles", "texts", "survivors", "kinds", "postings"):
        assert json.loads(one)[name] == json.loads(other)[name]
    assert dedupe("index", "verify", f"sqlite:{tmp_path}/index.db")[0] == 0


def kill_soon(worker: subprocess.Popen[bytes], content: bytes, folder: Path, pick: random.Random) -> None:
    """Kill a stream shortly after it wrote one of its next files; it is not given its last records, so it cannot end before."""
    assert worker.stdin is not None
    files = len(list(folder.glob("out/*"))) + pick.randint(0, 4)
    worker.stdin.write(content[: len(content) * pick.randint(3, 9) // 10])
    worker.stdin.flush()
    patience = time.monotonic() + 3
    while len(list(folder.glob("out/*"))) < files and time.monotonic() < patience:
        time.sleep(0.002)
    time.sleep(0.02 * pick.random())
    assert worker.poll() is None
    worker.kill()
    worker.communicate()


def test_two_workers_lose_nothing_and_keep_each_text_once(tmp_path: Path) -> None:
    records = crawl(60)
    orders = [records[:70], records[20:][::-1]]
    workers = [start(tmp_path, "-o", f"out{n}", "--batch-records", "3") for n in range(2)]
    for worker, order in zip(workers, orders, strict=True):
        assert worker.stdin is not None
        worker.stdin.write(encode(order))
        worker.stdin.close()
    assert [worker.wait() for worker in workers] == [0, 0]
    outputs = [decode(read_parts(tmp_path / f"out{n}")) for n in range(2)]
    for order, output in zip(orders, outputs, strict=True):
        assert [r["id"] for r in output] == [r["id"] for r in order]
    assert_sound(outputs[0] + outputs[1])
    answers = {id: (status, dup_of) for id, status, dup_of in told(outputs[0] + outputs[1])}
    assert all(answers[id] == (status, dup_of) for id, status, dup_of in told(outputs[0] + outputs[1]))


def test_a_terminating_signal_finishes_the_batch_and_the_run_can_be_continued(tmp_path: Path) -> None:
    records = crawl(40)
    process = start(tmp_path, "-o", "out", "--batch-records", "20", "--batch-seconds", "60")
    assert process.stdin is not None
    process.stdin.write(encode(records[:25]))
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not (tmp_path / "out" / "part-000000.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"goes on from here" in err
    assert len(decode(read_parts(tmp_path / "out"))) in {20, 25}, "with or without the batch that had just begun"
    stream(tmp_path, encode(records), "-o", "out")
    assert [r["id"] for r in decode(read_parts(tmp_path / "out"))] == [r["id"] for r in records]


def test_a_batch_does_not_wait_for_ever(tmp_path: Path) -> None:
    process = start(tmp_path, "--batch-seconds", "0.2", "--metrics", "metrics.prom")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode([{"id": "a", "text": HARBOUR}]))
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["dedupe"]["status"] == "kept"
    process.stdin.write(encode([{"id": "b", "text": HARBOUR}]))
    process.stdin.close()
    assert json.loads(process.stdout.readline())["dedupe"]["dup_of"] == "a"
    assert process.wait() == 0
    metrics = (tmp_path / "metrics.prom").read_text()
    assert 'dedupe_records_total{status="duplicate"} 1' in metrics
    assert 'dedupe_duplicates_total{kind="exact"} 1' in metrics


def test_settings_come_from_file_environment_and_flags_and_can_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dedupe.toml").write_text(
        '[stream]\nindex = "sqlite:a.db"\nbatch_records = 3\n[find]\nkinds = ["exact", "near"]\n'
    )
    run = [sys.executable, "-m", "dedupe", "stream", "--check-config", "--no-repair"]

    def check(*arguments: str, **environment: str) -> tuple[int, str]:
        done = subprocess.run([*run, *arguments], cwd=tmp_path, env=ENVIRONMENT | environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert "sqlite:a.db will be made" in check()[1]
    assert "sqlite:b.db will be made" in check(DEDUPE_STREAM_INDEX="sqlite:b.db")[1]
    assert "sqlite:c.db will be made" in check("--index", "sqlite:c.db", DEDUPE_STREAM_INDEX="sqlite:b.db")[1]
    assert [path.name for path in tmp_path.iterdir()] == ["dedupe.toml"]
    stream(tmp_path, b"", index="a.db", options=["--no-repair"])
    assert "index sqlite:a.db are in order" in check()[1]
    code, said = check("--shingle-words", "4")
    assert (code, "shingle_words is 5, asked for is 4" in said) == (5, True)
    code, said = check("--index", "sqlite:nowhere/a.db")
    assert (code, "folder that does not exist" in said) == (5, True)
    code, said = check(DEDUPE_STREAM_BATCH_RECORD="4")
    assert (code, "did you mean 'batch_records'" in said) == (2, True)


def test_records_without_ids_are_refused_at_once(tmp_path: Path) -> None:
    code, out, err = stream(tmp_path, b'{"text": "one"}\n')
    assert (code, out) == (2, b"")
    assert "--id-field" in err


def test_the_index_commands(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/index.db"
    near = HARBOUR.replace("could take", "take")
    stream(tmp_path, encode([{"id": "the-first", "text": HARBOUR}, {"id": "second", "text": near}]))
    code, said = dedupe("index", "stats", url)
    assert code == 0
    assert "2 articles, 2 different texts, 1 survivors; 1 near" in said
    assert dedupe("index", "verify", url) == (0, f"{url}: 2 texts, all in order\n")
    code, said = dedupe("index", "forget", url, "the-first", "nobody")
    assert (code, said.splitlines()) == (
        0,
        ["forgot 1 articles", "stands for itself now: second", "note: not in the index: nobody"],
    )
    assert b"the-first" not in (tmp_path / "index.db").read_bytes()
    assert dedupe("index", "compact", url)[0] == 0
    assert dedupe("index", "verify", url)[0] == 0
    assert dedupe("index", "stats", f"sqlite:{tmp_path}/none.db")[0] == 5
