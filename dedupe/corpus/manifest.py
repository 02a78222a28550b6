"""The manifest: what went in, what came out, and the proof that nothing is missing. Its presence commits a run.

It holds no times, so that equal runs have equal manifests. The outcomes of an input's records, in order, are a
run-length string: "3k1d2r" is three kept, one duplicate, two repaired (q quarantined, c a further piece of that, o no article
by its kind).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dedupe.config import EmitFormat, ReadSettings
from dedupe.corpus.fields import FieldChoice
from dedupe.corpus.record import VERBATIM, Compression, Format
from dedupe.corpus.staging import MANIFEST, OutputFile, check_name, read_json
from dedupe.errors import ConservationError, InputError, UsageError

VERSION = 1
OUTCOMES = {"k": "kept", "r": "repaired", "d": "duplicate", "q": "quarantined"}
REST, OTHER = "c", "o"


@dataclass(frozen=True, slots=True)
class InputEntry:
    """One input: `size` (bytes) and `sha256` are of the file, `content_sha256` is of its decompressed content.

    `head` and `tail` are the content's bytes before the first and after the last record.
    """

    name: str
    format: Format
    compression: Compression
    size: int
    sha256: str
    content_sha256: str
    records: int
    outcomes: str
    head: bytes = b""
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manifest.json says. `details` are the pipeline's own: version, settings, digests of rules.

    `layout` is the setting emit.format. The counts obey read = kept + repaired + duplicate + quarantined.
    """

    inputs: tuple[InputEntry, ...]
    outputs: tuple[OutputFile, ...]
    counts: Mapping[str, int]
    layout: EmitFormat
    settings: ReadSettings
    choices: Mapping[Format, FieldChoice]
    further: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def dump(self) -> bytes:
        """The bytes of manifest.json."""
        plain = {
            "manifest": VERSION,
            "details": self.details,
            "counts": self.counts,
            "layout": self.layout,
            "read": dataclasses.asdict(self.settings),
            "fields": {format: dataclasses.asdict(choice) for format, choice in sorted(self.choices.items())},
            "further_fields": self.further,
            "inputs": [_plain_input(entry) for entry in self.inputs],
            "outputs": [dataclasses.asdict(output) for output in self.outputs],
        }
        return json.dumps(plain, indent=1).encode() + b"\n"


def load_manifest(out: Path) -> Manifest:
    """The manifest of a finished run in `out`.

    Raises UsageError when there is no finished run, InputError when the manifest is damaged or of another version.
    """
    path = out / MANIFEST
    if not path.is_file():
        raise UsageError("holds no finished run (no manifest.json)", path=str(out))
    plain = read_json(path)
    try:
        if plain["manifest"] != VERSION:
            raise InputError(f"is of version {plain['manifest']}, not {VERSION}; use the dedupe that wrote it", path=str(path))
        return Manifest(
            inputs=tuple(_input_entry(entry) for entry in plain["inputs"]),
            outputs=tuple(OutputFile(check_name(output.pop("name")), **output) for output in plain["outputs"]),
            counts=plain["counts"],
            layout=plain["layout"],
            settings=ReadSettings(**plain["read"]),
            choices={format: FieldChoice(**choice) for format, choice in plain["fields"].items()},
            further=tuple(plain["further_fields"]),
            details=plain["details"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"is damaged: {error!r}", path=str(path)) from None


def count_outcomes(entries: Iterable[InputEntry]) -> dict[str, int]:
    """The counts of a run, conservation proven: every record that was read has exactly one outcome.

    Raises ConservationError otherwise.
    """
    counts = {"read": 0, **dict.fromkeys(OUTCOMES.values(), 0)}
    for entry in entries:
        counts["read"] += entry.records
        for number, letter in _runs(entry.outcomes):
            if letter not in (REST, OTHER):
                counts[OUTCOMES[letter]] += number
    if counts["read"] != sum(counts[name] for name in OUTCOMES.values()):
        raise ConservationError(f"records were lost or doubled: {counts}; nothing was written")
    return counts


def is_sealed(letter: str, format: Format, layout: EmitFormat) -> bool:
    """Whether a record of this outcome is kept in a file beside the corpus, as it came.

    Kept records stand in the corpus itself, unless it is in another form; of Parquet the whole input is kept.
    """
    return letter != "k" or (format != "parquet" and (layout != "same" or format not in VERBATIM))


def encode_outcomes(letters: Iterable[tuple[str, int]]) -> str:
    """The run-length string of (letter, number) runs.

    >>> encode_outcomes([("k", 3), ("d", 1)])
    '3k1d'
    """
    return "".join(f"{number}{letter}" for letter, number in letters)


def decode_outcomes(outcomes: str) -> Iterator[str]:
    """The letter of each record, in order.

    >>> "".join(decode_outcomes("3k1d"))
    'kkkd'
    """
    for number, letter in _runs(outcomes):
        for _ in range(number):
            yield letter


def verify_outputs(out: Path, outputs: Iterable[OutputFile]) -> None:
    """Nothing, if every output has the size and SHA-256 of the manifest; InputError naming the first that differs."""
    for output in outputs:
        path = out / output.name
        if not path.is_file():
            raise InputError("is missing, though the manifest names it; nothing was restored", path=str(path))
        if path.stat().st_size != output.size or hash_file(path) != output.sha256:
            raise InputError("was changed after the run; put back the file as it was written", path=str(path))


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _runs(outcomes: str) -> Iterator[tuple[int, str]]:
    for number, letter in re.findall(r"(\d+)([a-z])", outcomes):
        yield int(number), letter


def _plain_input(entry: InputEntry) -> dict[str, Any]:
    plain = dataclasses.asdict(entry)
    for name in ("head", "tail"):
        plain[name] = base64.b64encode(plain[name]).decode()
    return plain


def _input_entry(plain: Mapping[str, Any]) -> InputEntry:
    frame = {name: base64.b64decode(plain[name]) for name in ("head", "tail")}
    entry = InputEntry(**{**plain, **frame})
    check_name(entry.name)
    return entry
