"""The truth files: what a perfect run would find and repair. docs/evaluation.md describes the formats.

Tab-separated, UTF-8, one header line, columns found by name, `#` comment lines; `\\\\`, `\\t`, `\\n` inside a value stand for
backslash, tab and line feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dedupe.errors import InputError, did_you_mean
from dedupe.model import RelationKind

RowKind = Literal["spin", "encoding", "layout", "flag", "clean"]

_ESCAPE = re.compile(r"\\([\\tn])")
_ESCAPED = {"\\": "\\", "t": "\t", "n": "\n"}


@dataclass(frozen=True, slots=True)
class TruthEdit:
    """One line of a truth on edits: `original` stood where the field now reads `spun`, at [start, end) in code points.

    `alternatives` are other acceptable wordings. `kind`: spin, encoding and layout rows are to be repaired, flag rows left as
    they are, a clean row only names a document without any. A layout row with a `note` is page furniture, to be taken out.
    """

    document: str
    field: str
    start: int
    end: int
    spun: str
    original: str
    alternatives: tuple[str, ...] = ()
    kind: RowKind = "spin"
    in_quote: bool = False
    note: str = ""
    origin: tuple[str, int] = ("", 0)

    @property
    def is_furniture(self) -> bool:
        """Whether the row is a paragraph that is no body text."""
        return self.kind == "layout" and bool(self.note)


@dataclass(frozen=True, slots=True)
class TruthPair:
    """Two related documents, a < b; their strongest relation and its Jaccard similarity (0 where it was not measured).

    `words` are those of the longest passage that they share, 0 where that is not known.
    """

    a: str
    b: str
    kind: RelationKind
    jaccard: float
    words: int = 0


@dataclass(frozen=True, slots=True)
class TruthMember:
    """A document, the name of its story, its relation to the canonical (or `canonical`, `single`) and the canonical's id."""

    id: str
    cluster: str
    kind: str
    canonical: str


def read_truth_edits(path: Path) -> list[TruthEdit]:
    """The rows of a truth on edits, sorted by document, field and place.

    Only document, field, start, end, spun, original are needed; `kind` is spin where it is missing. Raises InputError, with
    file and line, for a column that is missing or a value that does not fit.
    """
    rows = []
    for line, cells in _read_table(path, ("document", "field", "start", "end", "spun", "original")):
        start, end = (_number(cells[name], int, name, path, line) for name in ("start", "end"))
        if not 0 <= start <= end:
            raise InputError(f"[{start}, {end}) is no span", path=str(path), line=line)
        row = TruthEdit(
            document=cells["document"],
            field=cells["field"] or "text",
            start=int(start),
            end=int(end),
            spun=cells["spun"],
            original=cells["original"],
            alternatives=tuple(part for part in cells.get("alternatives", "").split("|") if part),
            kind=_one_of(cells.get("kind") or "spin", get_args(RowKind), "kind", path, line),  # type: ignore[arg-type]
            in_quote=cells.get("in_quote", "").lower() in {"yes", "true", "1"},
            note=cells.get("note", ""),
            origin=(str(path), line),
        )
        rows.append(row)
    return sorted(rows, key=lambda row: (row.document, row.field, row.start, row.end))


def read_truth_pairs(path: Path) -> list[TruthPair]:
    """The related pairs of a truth; every pair that is not listed is unrelated.

    Columns id_a, id_b, kind and, if they are known, jaccard and words. Raises InputError with file and line.
    """
    pairs = []
    for line, cells in _read_table(path, ("id_a", "id_b", "kind")):
        a, b = sorted((cells["id_a"], cells["id_b"]))
        kind = _one_of(cells["kind"], get_args(RelationKind), "kind", path, line)
        jaccard = _number(cells.get("jaccard") or "0", float, "jaccard", path, line)
        words = int(_number(cells.get("words") or "0", int, "words", path, line))
        pairs.append(TruthPair(a, b, kind, jaccard, words))  # type: ignore[arg-type]
    return pairs


def read_truth_clusters(path: Path) -> list[TruthMember]:
    """The members of a truth on clusters: columns id, cluster, kind, canonical. Raises InputError with file and line."""
    known = (*get_args(RelationKind), "canonical", "single")
    members, seen = [], set[str]()
    for line, cells in _read_table(path, ("id", "cluster", "kind", "canonical")):
        if cells["id"] in seen:
            raise InputError(f"the id {cells['id']!r} stands here twice", path=str(path), line=line)
        seen.add(cells["id"])
        kind = _one_of(cells["kind"], known, "kind", path, line)
        members.append(TruthMember(cells["id"], cells["cluster"], kind, cells["canonical"]))
    return members


def _read_table(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its line number, as a dict by column name."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error}", path=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=str(path)) from None
    header: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [_ESCAPE.sub(lambda match: _ESCAPED[match[1]], cell) for cell in line.rstrip("\r").split("\t")]
        if not header:
            header = cells
            if missing := [name for name in needed if name not in header]:
                raise InputError(f"lacks the column {missing[0]!r}; a truth starts with a header", path=str(path), line=number)
            continue
        if len(cells) > len(header):
            raise InputError(f"{len(cells)} columns where the header has {len(header)}", path=str(path), line=number)
        yield number, dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
    if not header:
        raise InputError("is empty; a truth starts with a header line", path=str(path))


def _number(text: str, kind: type[int] | type[float], name: str, path: Path, line: int) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{name} is {text!r}, not a number", path=str(path), line=line) from None


def _one_of(value: str, known: tuple[str, ...], name: str, path: Path, line: int) -> str:
    if value not in known:
        raise InputError(f"unknown {name} {value!r}; {did_you_mean(value, known)}", path=str(path), line=line)
    return value
