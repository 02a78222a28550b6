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
from dedupe.corpus.inputs import Input
from dedupe.corpus.layout import make_layout
from dedupe.corpus.manifest import (
    OUTCOMES,
    REST,
    InputEntry,
    Manifest,
    count_outcomes,
    encode_outcomes,
    hash_file,
    load_manifest,
)
from dedupe.corpus.reader import Content, Corpus
from dedupe.corpus.record import Record
from dedupe.corpus.splice import splice_field
from dedupe.corpus.staging import MANIFEST, STAGING, Staging, finish_installation, is_interrupted
from dedupe.errors import ConservationError, InputError, UsageError
from dedupe.model import Article, Edit
from dedupe.text.edits import Span, apply_spans

DUPLICATES, QUARANTINE, ORIGINALS = "duplicates.jsonl", "quarantine.jsonl", "originals.jsonl"


class CorpusWriter:
    """Writes the outputs of one run over `corpus` into the folder `out`.

    A context manager: leaving it without `finish` removes what was staged. `format` "same" keeps each input's layout;
    "jsonl" and "csv" give one canonical file with the columns id, title, text, url, source, date; "txt" a file an
    article. `overwrite` allows a finished run in `out` to be replaced, which happens at `finish` and all at once.
    Raises UsageError when `out` holds anything else, or is a symbolic link.
    """

    def __init__(self, out: Path, corpus: Corpus, *, format: EmitFormat = "same", overwrite: bool = False) -> None:
        check_output_folder(out, overwrite=overwrite)
        self._corpus, self._format = corpus, format
        self._staging = Staging(out)
        self._layout = make_layout(format, self._staging)
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

    def keep(self, record: Record) -> None:
        """The record goes to canonical as it is."""
        article = self._advance(record, "k")
        if self._format != "same":
            self._seal(ORIGINALS, record, {"id": article.id})
        self._layout.write(record.raw, article)

    def repair(self, record: Record, edits: Sequence[Edit]) -> None:
        """The record goes to canonical with the edits made, its original to originals.jsonl; without edits: `keep`.

        The edits of each field must be disjoint, and `before` must stand where they say; ValueError otherwise.
        """
        if not edits:
            self.keep(record)
            return
        article = self._advance(record, "r")
        self._seal(ORIGINALS, record, {"id": article.id})
        spans = _spans_by_field(article, edits)
        raw = self._splice(record.raw, spans) if self._format == "same" else b""
        self._layout.write(raw, _apply(article, spans))

    def duplicate(self, record: Record, dup_of: str, kind: str, jaccard: float, containment: float) -> None:
        """The record goes to duplicates.jsonl, with the id of the article that stands for it and the relation's numbers."""
        article = self._advance(record, "d")
        numbers = {"dup_of": dup_of, "kind": kind, "jaccard": jaccard, "containment": containment}
        self._seal(DUPLICATES, record, {"id": article.id, **numbers})

    def quarantine(self, record: Record) -> None:
        """The record goes to quarantine.jsonl with the reason that it carries."""
        self._advance(record, REST if record.rest else "q")
        self._seal(QUARANTINE, record, {"reason": record.error})

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
            outputs=tuple(sorted([*self._layout.outputs, *beside], key=lambda file: file.name)),
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
        if record.article is None and letter not in ("q", REST):
            raise ConservationError(f"{record.where} cannot be read and belongs in quarantine; nothing was written")
        self._records += not record.rest
        self._bytes += len(record.raw)
        if letter != REST:
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
        if not input.compression and content.size != input.size:
            raise InputError("changed while it was being read; run again", path=str(input.path))
        self._layout.end(content.tail)
        return InputEntry(
            name=input.name,
            format=input.format,
            compression=input.compression,
            size=input.size,
            sha256=input.sha256 or (hash_file(input.path) if input.compression else content.sha256),
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

    def _splice(self, raw: bytes, spans: Mapping[str, Sequence[Span]]) -> bytes:
        assert self._input is not None
        choice = self._corpus.choices[self._input.format]
        dialect = self._content(self._input).dialect
        for field, of_field in spans.items():
            source = {"text": choice.text, "title": choice.title}.get(field, field)
            raw = splice_field(raw, dialect, source, of_field)
        return raw

    def _seal(self, name: str, record: Record, label: Mapping[str, object]) -> None:
        assert self._input is not None
        is_json = record.article is not None and self._input.format == "jsonl"
        line = seal_record({**label, "where": dataclasses.asdict(record.where)}, record.raw, is_json=is_json)
        self._beside[name].write(line)


def check_output_folder(out: Path, *, overwrite: bool) -> None:
    """Nothing, if a run may write into `out`; an installation that a crash interrupted there is finished first.

    Raises UsageError when `out` is a symbolic link or a file, holds a finished run (unless `overwrite`) or anything else.
    """
    if out.is_symlink() or (out / STAGING).is_symlink():
        raise UsageError("is or holds a symbolic link; give the real path of the output folder", path=str(out))
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError("is not a folder; choose another output folder", path=str(out))
    if is_interrupted(out):
        finish_installation(out)
    if (out / MANIFEST).exists():
        load_manifest(out)
        if not overwrite:
            raise UsageError("holds a finished run; choose another folder, or --force to replace it", path=str(out))
    elif any(path.name != STAGING for path in out.iterdir()):
        raise UsageError("is not empty and holds no finished run; choose another folder, or empty it", path=str(out))


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
