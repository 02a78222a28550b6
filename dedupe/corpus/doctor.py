"""The doctor: whether a finished run is still whole, told without changing anything.

Every output is compared with the manifest, every record is counted, and every input is restored into nothing but a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dedupe.corpus.manifest import Manifest, count_outcomes, load_manifest, verify_outputs
from dedupe.corpus.staging import MANIFEST, STAGING, is_interrupted
from dedupe.corpus.undo import StoredPieces, content_digest, read_content
from dedupe.errors import DedupeError, InputError

_PEOPLES = "decisions.jsonl"  # written by reviewers, never by a run


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found: `faults` that need attention, the number of `outputs`, `records` and `inputs` that are in order.

    `strangers` are files in the folder that are no part of the run.
    """

    faults: tuple[str, ...]
    outputs: int
    records: int
    inputs: int
    strangers: tuple[str, ...]

    def describe(self) -> str:
        """The diagnosis in words."""
        lines = [f"fault         {fault}" for fault in self.faults]
        lines += [f"not of it     {name}" for name in self.strangers]
        lines.append(f"outputs       {self.outputs:,} with the size and SHA-256 of the manifest")
        lines.append(f"records       {self.records:,} read, each kept, repaired, set aside or quarantined")
        lines.append(f"inputs        {self.inputs:,} can be restored byte for byte")
        return "\n".join([*lines, f"{len(self.faults):,} faults" if self.faults else "all is well"])


def examine(out: str | Path) -> Diagnosis:
    """The state of the run in the folder `out`. Nothing is written, not even what an interrupted run left to be completed.

    Raises UsageError when `out` holds no run, InputError when its manifest cannot be read.
    """
    folder = Path(out)
    if is_interrupted(folder):
        told = "a run was interrupted while its files were put in place; the same run, apply or undo completes it"
        return Diagnosis((told,), 0, 0, 0, ())
    manifest = load_manifest(folder)
    damaged = list(_find_damage(folder, manifest))
    faults, records = [str(fault) for fault in damaged], 0
    try:
        records = count_outcomes(manifest.inputs)["read"]
        if count_outcomes(manifest.inputs) != manifest.counts:
            faults.append(f"the manifest counts {dict(manifest.counts)}, its outcomes give {count_outcomes(manifest.inputs)}")
    except (DedupeError, KeyError) as error:
        faults.append(f"conservation: {error}")
    lost = [] if damaged else list(_find_losses(folder, manifest))
    inputs = 0 if damaged else len(manifest.inputs) - len(lost)
    known = {MANIFEST, _PEOPLES, *(output.name for output in manifest.outputs)}
    paths = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())
    strangers = tuple(name for name in paths if name not in known)
    return Diagnosis((*faults, *lost), len(manifest.outputs) - len(damaged), records, inputs, strangers)


def _find_damage(folder: Path, manifest: Manifest) -> Iterator[InputError]:
    for output in manifest.outputs:
        try:
            verify_outputs(folder, [output])
        except InputError as fault:
            yield fault
    if (folder / STAGING).exists():
        yield InputError("is what an interrupted run left; repeat it, or remove this", path=str(folder / STAGING))


def _find_losses(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The inputs that could not be restored."""
    stored = StoredPieces(folder, manifest)
    for entry in manifest.inputs:
        digest = hashlib.sha256()
        try:
            for chunk in read_content(entry, stored, folder):
                digest.update(chunk)
        except DedupeError as error:
            yield str(error)
            continue
        if digest.hexdigest() != content_digest(entry):
            yield f"{entry.name}: its records do not give the bytes that were read"
