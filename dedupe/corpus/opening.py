"""From what a user names to a corpus: which files, which fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dedupe.config import Settings
from dedupe.corpus.fields import detect_fields
from dedupe.corpus.inputs import Input, discover_inputs
from dedupe.corpus.reader import Corpus, read_records


def open_corpus(
    inputs: Sequence[str | Path],
    settings: Settings,
    *,
    spooled: Input | None = None,
    exclude: Sequence[Path] = (),
    hashed: bool = True,
) -> tuple[Corpus, list[str]]:
    """The corpus that the inputs hold, and what the user should be told about how it is read; `hashed` as in `read_records`."""
    discovery = discover_inputs(inputs, spooled=spooled, exclude=exclude)
    choices = detect_fields(discovery.inputs, settings.read)
    notes = [choice.message for choice in choices.values() if choice.message]
    if discovery.skipped:
        notes.append(f"passed over {len(discovery.skipped)} files of unknown extension, such as {discovery.skipped[0]}")
    further = [field for field in settings.repair.fields if field not in {"text", "title"}]
    return read_records(discovery.inputs, settings.read, choices, further, hashed=hashed), notes
