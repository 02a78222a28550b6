"""Standard input as an input: stored in a folder of its own while the command runs, for inputs are read twice."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dedupe.corpus.inputs import Input, spool_stream


@contextmanager
def spooled_stdin(inputs: Sequence[str]) -> Iterator[Input | None]:
    """What "-" stands for, if it is among the inputs; removed when the command is done."""
    if "-" not in inputs:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="dedupe-") as folder:
        yield spool_stream(sys.stdin.buffer, Path(folder))
