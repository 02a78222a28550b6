"""The writer: every record that was read goes, in reading order, to exactly one of four places.

    keep → canonical, bytes as they were      repair → canonical, spans replaced; the original to originals.jsonl
    duplicate → duplicates.jsonl              quarantine → quarantine.jsonl

Nothing is visible in the output folder before `finish` has proven that all records are there.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from dedupe.config import EmitFormat
from dedupe.corpus.envelope import seal_record
from dedupe.corpus.folder import OutputFolder
from dedupe.corpus.inputs import Input
from dedupe.corpus.layout import make_layout
from dedupe.corpus.manifest import (
    OTHER,
    OUTCOMES,
    REST,
    InputEntry,
    Manifest,
    count_outcomes,
    encode_outcomes,
    hash_file,
    is_sealed,
)
from dedupe.corpus.reader import Content, Corpus
from dedupe.corpus.record import VERBATIM, Record
from dedupe.corpus.splice import splice_field
from dedupe.corpus.staging import MANIFEST, OutputFile
from dedupe.errors import ConservationError, InputError
from dedupe.model import Article, Edit
from dedupe.text.edits import Span, apply_spans

DUPLICATES, QUARANTINE, ORIGINALS = "duplicates.jsonl", "quarantine.jsonl", "originals.jsonl"
ORIGINALS_FOLDER = "originals"


class CorpusWriter:
    """Writes the outputs of one run over `corpus` into the folder `out`, a path or a folder that is held already.

    A context manager: leaving it without `finish` removes what was staged. `format` "same" keeps each input's layout;
    "jsonl", "csv" and "parquet" give one canonical file with the columns id, title, text, url, source, date; "txt" a file
    an article. `overwrite` allows a finished run in `out` to be replaced, which happens at `finish` and all at once.
    Raises UsageError when `out` holds anything else, or is a symbolic link.
    """

    def __init__(
        self, out: Path | OutputFolder, corpus: Corpus, *, format: EmitFormat = "same", overwrite: bool = False
    ) -> None:
        self._corpus, self._format = corpus, format
        folder = OutputFolder(out, overwrite=overwrite) if isinstance(out, Path) else out
        self._held = folder if isinstance(out, Path) else None
        self._staging = folder.stage()
        self._layout = make_layout(format, self._staging)
        self._originals: list[OutputFile] = []
        self._beside = {name: self._staging.create(name) for name in (DUPLICATES, QUARANTINE, ORIGINALS)}
        self._entries: list[InputEntry] = []
        self._counts = Counter[str]()
        self._coming = iter(corpus.inputs)
        self._input: Input | None = None
        self._records, self._bytes = 0, 0  # of the current input, as its outcomes are
        self._outcomes: list[tuple[str, int]] = []

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for output in self._beside.values():
            output.discard()
        self._layout.discard()
        self._staging.discard()
        if self._held:
            self._held.release()

    def keep(self, record: Record) -> None:
        """The record goes to canonical as it is."""
        article = self._advance(record, "k")
        self._seal("k", ORIGINALS, record, {"id": article.id})
        self._layout.write(record.raw, article, {})

    def repair(self, record: Record, edits: Sequence[Edit]) -> None:
        """The record goes to canonical with the edits made, its original to originals.jsonl; without edits: `keep`.

        The edits of each field must be disjoint, and `before` must stand where they say; ValueError otherwise.
        """
        if not edits:
            self.keep(record)
            return
        article = self._advance(record, "r")
        self._seal("r", ORIGINALS, record, {"id": article.id})
        spans = _spans_by_field(article, edits)
        changed = {self._source(field): apply_spans(_field(article, field), of_field) for field, of_field in spans.items()}
        self._layout.write(self._splice(record.raw, spans), _apply(article, spans), changed)

    def duplicate(self, record: Record, dup_of: str, kind: str, jaccard: float, containment: float) -> None:
        """The record goes to duplicates.jsonl, with the id of the article that stands for it and the relation's numbers."""
        article = self._advance(record, "d")
        numbers = {"dup_of": dup_of, "kind": kind, "jaccard": jaccard, "containment": containment}
        self._seal("d", DUPLICATES, record, {"id": article.id, **numbers})

    def quarantine(self, record: Record) -> None:
        """The record goes to quarantine.jsonl with the reason that it carries; what is no article by its kind, to originals."""
        letter = OTHER if record.other else REST if record.rest else "q"
        self._advance(record, letter)
        self._seal(letter, ORIGINALS if record.other else QUARANTINE, record, {"reason": record.error})

    def append(self, name: str, chunk: bytes) -> None:
        """Add to a further output, such as pairs.jsonl, made at its first chunk; it is listed in the manifest like the rest."""
        if name not in self._beside:
            self._beside[name] = self._staging.create(name)
        self._beside[name].write(chunk)

    @property
    def counts(self) -> dict[str, int]:
        """The records written so far: read, kept, repaired, duplicate, quarantined."""
        return {"read": self._counts.total(), **{name: self._counts[name] for name in OUTCOMES.values()}}

    def finish(self, details: Mapping[str, Any]) -> Manifest:
        """The manifest, committed: conservation proven, `details` (version, settings, digests) noted, all files in place.

        Raises ConservationError when the records written are not those read, InputError when an input changed meanwhile.
        """
        while self._next_input():
            pass
        self._layout.finish()
        beside = [output.close() for output in self._beside.values()]
        manifest = Manifest(
            inputs=tuple(self._entries),
            outputs=tuple(sorted([*self._layout.outputs, *self._originals, *beside], key=lambda file: file.name)),
            counts=count_outcomes(self._entries),
            layout=self._format,
            settings=self._corpus.settings,
            choices=self._corpus.choices,
            further=self._corpus.further,
            details=details,
        )
        output = self._staging.create(MANIFEST)
        output.write(manifest.dump())
        output.close()
        self._staging.install()
        return manifest

    def _advance(self, record: Record, letter: str) -> Article:
        """Note the outcome of a record, which must be the one after the last; its article (an empty one if unreadable)."""
        while self._input is None or self._input.name != record.where.input:
            if not self._next_input():
                raise ConservationError(f"{record.where} is not of this corpus or out of order; nothing was written")
        if record.where.record != self._records - record.rest:
            raise ConservationError(f"{record.where} is written out of order; nothing was written")
        if record.article is None and letter not in ("q", REST, OTHER):
            raise ConservationError(f"{record.where} cannot be read and belongs in quarantine; nothing was written")
        self._records += not record.rest
        self._bytes += len(record.raw)
        if letter in OUTCOMES:
            self._counts[OUTCOMES[letter]] += 1
        number = self._outcomes.pop()[1] if self._outcomes and self._outcomes[-1][0] == letter else 0
        self._outcomes.append((letter, number + 1))
        return record.article or Article("", "")

    def _next_input(self) -> bool:
        """Finish the current input and begin the next one; False if there is none."""
        if self._input:
            self._entries.append(self._close_input(self._input, self._content(self._input)))
        self._input = next(self._coming, None)
        self._records, self._bytes, self._outcomes = 0, 0, []
        if self._input:
            if self._input.format == "parquet":
                self._originals.append(self._copy(self._input))
            self._layout.begin(self._input, self._content(self._input).head)
        return self._input is not None

    def _close_input(self, input: Input, content: Content) -> InputEntry:
        written = (self._records, len(content.head) + self._bytes + len(content.tail))
        if not content.sha256 or written != (content.records, content.size):
            raise ConservationError(
                f"{content.records} records ({content.size} bytes) were read, {written[0]} ({written[1]} bytes) written; "
                "nothing was committed",
                path=input.name,
            )
        original = self._originals[-1].sha256 if input.format == "parquet" else ""
        digest = input.sha256 or (hash_file(input.path) if input.compression or original else content.sha256)
        if digest != original if original else not input.compression and content.size != input.size:
            raise InputError("changed while it was being read; run again", path=str(input.path))
        self._layout.end(content.tail)
        return InputEntry(
            name=input.name,
            format=input.format,
            compression=input.compression,
            size=input.size,
            sha256=digest,
            content_sha256=content.sha256,
            records=self._records,
            outcomes=encode_outcomes(self._outcomes),
            head=content.head,
            tail=content.tail,
        )

    def _content(self, input: Input) -> Content:
        if input.name not in self._corpus.contents:
            raise ConservationError("was never read; nothing was written", path=input.name)
        return self._corpus.contents[input.name]

    def _copy(self, input: Input) -> OutputFile:
        """The input itself, kept beside the corpus: its bytes cannot be made again from its records."""
        output = self._staging.create(f"{ORIGINALS_FOLDER}/{input.name}")
        try:
            with open(input.path, "rb") as file:
                while chunk := file.read(1 << 20):
                    output.write(chunk)
            return output.close()
        finally:
            output.discard()

    def _source(self, field: str) -> str:
        """What the input calls a field of an article."""
        assert self._input is not None
        choice = self._corpus.choices[self._input.format]
        return {"text": choice.text, "title": choice.title}.get(field, field)

    def _splice(self, raw: bytes, spans: Mapping[str, Sequence[Span]]) -> bytes:
        """The record's bytes with the spans replaced; nothing where the layout has no use for them."""
        assert self._input is not None
        if self._format != "same" or self._input.format not in VERBATIM:
            return b""
        dialect = self._content(self._input).dialect
        for field, of_field in spans.items():
            raw = splice_field(raw, dialect, self._source(field), of_field)
        return raw

    def _seal(self, letter: str, name: str, record: Record, label: Mapping[str, object]) -> None:
        assert self._input is not None
        if not is_sealed(letter, self._input.format, self._format):
            return
        is_json = record.article is not None and self._input.format in ("jsonl", "parquet")
        line = seal_record({**label, "where": dataclasses.asdict(record.where)}, record.raw, is_json=is_json)
        self._beside[name].write(line)


def _spans_by_field(article: Article, edits: Sequence[Edit]) -> dict[str, list[Span]]:
    spans: dict[str, list[Span]] = {}
    for edit in sorted(edits, key=lambda edit: (edit.field, edit.start, edit.end)):
        if _field(article, edit.field)[edit.start : edit.end] != edit.before:
            raise ValueError(f"edit {edit.id} does not fit article {article.id!r}: {edit.before!r} is not at {edit.start}")
        spans.setdefault(edit.field, []).append(Span(edit.start, edit.end, edit.after))
    return spans


def _field(article: Article, field: str) -> str:
    return {"text": article.text, "title": article.title}.get(field, article.fields.get(field, ""))


def _apply(article: Article, spans: Mapping[str, Sequence[Span]]) -> Article:
    changed = {field: apply_spans(_field(article, field), of_field) for field, of_field in spans.items()}
    text, title = changed.pop("text", article.text), changed.pop("title", article.title)
    return dataclasses.replace(article, text=text, title=title, fields={**article.fields, **changed})
