"""Killed while people decide, in the terminal and at the page: no decision is lost or doubled; and the real server refuses."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_review_terminal import Screen

from dedupe import Settings, run
from dedupe.review.ledger import FILE_NAME, Ledger
from dedupe.review.queue import Queue

pytest.importorskip("flask")
EDITS = 400


@pytest.fixture
def finished(jsonl_file: Path, tmp_path: Path, settings: Settings) -> Path:
    """A run with many edits that wait."""
    out = tmp_path / "out"
    run([jsonl_file], out, settings)
    line = json.loads((out / "edits.jsonl").read_text("utf-8").splitlines()[0])
    lines = [json.dumps({**line, "id": f"{n:024x}", "start": n}) for n in range(EDITS)]
    (out / "edits.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return out


class Server:
    """`dedupe review --web` as a process of its own."""

    def __init__(self, out: Path, by: str) -> None:
        command = [sys.executable, "-m", "dedupe", "review", str(out), "--web", "--no-browser", "--by", by]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        address = re.search(r"http://127\.0\.0\.1:(\d+)/#token=([\w-]+)", self.process.stdout.readline())
        assert address
        self.port, self.token = int(address[1]), address[2]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any]:
        own = {"X-Dedupe-Token": self.token, "Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = {name: value for name, value in {**own, **headers}.items() if value}
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def serve(finished: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(by: str = "Ann") -> Server:
        servers.append(Server(finished, by))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def targets(out: Path) -> list[str]:
    return [json.loads(line)["target"] for line in (out / FILE_NAME).read_bytes().split(b"\n") if line.endswith(b"}")]


def test_two_servers_killed_while_they_are_asked_lose_and_double_nothing(finished: Path, serve: Callable[..., Server]) -> None:
    acknowledged: list[str] = []

    def decide(server: Server, first: int, kill_at: int) -> None:
        for number in range(first, EDITS, 2):
            if number == kill_at:
                threading.Thread(target=server.kill).start()
            target = f"edit:{number:024x}"
            try:
                status, _ = server.ask("POST", "/api/decide", {"target": target, "verdict": "accept"})
            except (OSError, http.client.HTTPException):
                return
            assert status == 200
            acknowledged.append(target)

    for round_number in range(2):
        threads = [
            threading.Thread(target=decide, args=(serve(by), 100 * round_number + side, 100 * round_number + 30 + side))
            for side, by in enumerate(("Ann", "Bob"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    written = targets(finished)
    assert len(acknowledged) >= 60
    assert len(set(written)) == len(written)
    assert set(acknowledged) <= set(written)
    assert len(written) <= len(acknowledged) + 4, "at most the one that each server was killed at"
    _, state = serve().ask("GET", "/api/state")
    assert state["counts"]["pending"] == EDITS - len(written)


def test_a_terminal_killed_while_keys_come_in_loses_and_doubles_nothing(finished: Path) -> None:
    for _ in range(3):
        before = len(Ledger.load(finished))
        it = Screen("review", str(finished), "--by", "Ann")
        it.wait_for(f"pending {EDITS - before}")
        it.press("y" * 30)
        it.wait_for(f"pending {EDITS - before - 5}")
        os.killpg(it.process.pid, signal.SIGKILL)
        it.process.wait()
        os.close(it.master)
        written = targets(finished)
        assert len(written) == len(set(written)) >= before + 5
        assert Queue(finished).counts().pending == EDITS - len(written)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/api/decide", {"Host": "evil.example"}),
        ("POST", "/api/decide", {"Origin": "null"}),
        ("POST", "/api/decide", {"Origin": ""}),
        ("POST", "/api/decide", {"X-Dedupe-Token": ""}),
        ("POST", "/api/decide", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("GET", "/api/decide?target=rule:my.said&verdict=reject", {}),
        ("GET", "/api/state", {"X-Dedupe-Token": "x"}),
    ],
)
def test_the_real_server_refuses_too(
    method: str, path: str, headers: dict[str, str], finished: Path, serve: Callable[..., Server]
) -> None:
    status, _ = serve().ask(method, path, {"target": f"edit:{0:024x}", "verdict": "accept"}, **headers)
    assert 400 <= status < 500
    assert not (finished / FILE_NAME).exists()
