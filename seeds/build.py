"""Write the sample corpus and its truth files from the marked-up stories in `sources/`.

    python seeds/build.py            # rewrites seeds/corpus/*.txt and seeds/truth/*.tsv

Standard library only, no randomness: the same sources give the same bytes. Nothing of the package is imported, so that
its answers can be judged by figures it had no part in. The source format and the truth formats are in README.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

SEEDS = Path(__file__).resolve().parent
NEAR, CONTAINED = 0.7, 0.8

MARK = re.compile(r"\[\[(?P<spun>[^]]*?)=>(?P<original>[^]]*?)(?:#(?P<kind>flag|layout|encoding))?\]\]")
FURNITURE = re.compile(
    r"@(?P<note>menu|cookie|byline|caption|credit|headline|newsletter|related|share|signoff|bio): (?P<text>.+)"
)
BODY = "@body"

PAIRS_HEADER = ("id_a", "id_b", "kind", "jaccard", "containment", "note")
CLUSTERS_HEADER = ("id", "cluster", "kind", "canonical")
EDITS_HEADER = (
    "document",
    "field",
    "start",
    "end",
    "spun",
    "original",
    "alternatives",
    "kind",
    "in_quote",
    "note",
)


@dataclass(frozen=True)
class Row:
    """One line of edits.tsv: text[start:end] == spun, and `original` stood there before. Code points."""

    start: int
    end: int
    spun: str
    original: str
    alternatives: str
    kind: str
    in_quote: bool
    note: str


@dataclass(frozen=True)
class Document:
    """One text of the corpus, the story and variant it is, and what was done to it."""

    story: str
    variant: str
    text: str
    rows: tuple[Row, ...]

    @property
    def id(self) -> str:
        return f"{self.story}-{self.variant}.txt"

    @property
    def is_spun(self) -> bool:
        return self.variant.startswith("spun")

    @property
    def is_copy(self) -> bool:
        """Whether it is a version of the original, and not another text on the same event or the same people."""
        return self.variant not in ("independent", "nextweek", "clean")


def undo(text: str, rows: tuple[Row, ...]) -> str:
    """The text with all rows undone; of a row inside another (a spun word in a caption) only the outer counts."""
    parts, at = [], 0
    for row in sorted(rows, key=lambda row: (row.start, -row.end)):
        if row.start >= at:
            parts += [text[at : row.start], row.original]
            at = row.end
    return "".join([*parts, text[at:]])


def read_story(path: Path) -> list[Document]:
    """The documents of one source file."""
    head, *sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
    separator = "\n\n" if re.search(r"^paragraphs: blank line$", head, re.MULTILINE) else "\n"
    bodies = {}
    for section in sections:
        variant, _, body = section.partition("\n")
        bodies[variant.strip()] = [line for line in body.split("\n") if line.strip()]
    documents = []
    for variant, lines in bodies.items():
        paragraphs, final = derive(variant, lines, bodies.get("original", [])), "\n"
        if variant == "cut":
            final = ""  # the page broke off in the middle of a sentence
        text, rows = render(paragraphs, separator)
        documents.append(Document(path.stem, variant, text + final, tuple(rows)))
    for phrase in re.findall(r"^keeps: (.+)$", head, re.MULTILINE):
        if not any(phrase.lower() in document.text.lower() for document in documents):
            raise ValueError(f"{path}: keeps {phrase!r}, which no text of the story contains")
    return documents


def derive(variant: str, lines: list[str], original: list[str]) -> list[str]:
    """The source paragraphs of a variant: its own, or the original's changed as its section says."""
    body = [line for line in original if not line.startswith("@")]
    if variant == "wire":
        return reword(body, lines)
    if variant == "cut":
        return cut(body, lines[0].removeprefix("until: "))
    if variant == "wrapped":
        at = lines.index(BODY)
        return lines[:at] + body + lines[at + 1 :]
    if variant == "reprint":
        return [line.translate(str.maketrans("“”‘’", "\"\"''")) for line in body]
    return lines


def reword(body: list[str], changes: list[str]) -> list[str]:
    """The paragraphs with each `- old` passage replaced by the `+ new` one below it; "+" alone takes it out."""
    text = "\n".join(body)
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        if not (old.startswith("- ") and new.startswith("+") and text.count(old[2:]) == 1):
            raise ValueError(f"not one change of one passage: {old!r} {new!r}")
        text = text.replace(old[2:], new[2:])
    return [re.sub(" +", " ", line).strip() for line in text.split("\n") if line.strip()]


def cut(body: list[str], last_words: str) -> list[str]:
    """The paragraphs up to and including the last words given."""
    text = "\n".join(body)
    if text.count(last_words) != 1:
        raise ValueError(f"{last_words!r} is not one place")
    return text[: text.index(last_words) + len(last_words)].split("\n")


def render(paragraphs: list[str], separator: str) -> tuple[str, list[Row]]:
    """The text of marked-up paragraphs, and the rows of its marks.

    A furniture paragraph is a layout row that takes itself and one separator away: the one after it, or the one before
    it where no body follows.
    """
    text, rows = "", []
    last_body = max(i for i, paragraph in enumerate(paragraphs) if not paragraph.startswith("@"))
    for i, paragraph in enumerate(paragraphs):
        text += separator if i else ""
        start, furniture = len(text), FURNITURE.fullmatch(paragraph)
        if paragraph.startswith("@") and not furniture:
            raise ValueError(f"unknown furniture: {paragraph}")
        line, marks = read_marks(furniture["text"] if furniture else paragraph, start)
        text += line
        rows += marks
        if furniture:
            before, after = ("", separator) if i < last_body else (separator, "")
            start, taken = start - len(before), before + line + after
            rows.append(Row(start, start + len(taken), taken, "", "", "layout", False, furniture["note"]))
    return text, sorted(rows, key=lambda row: (row.start, -row.end))


def read_marks(paragraph: str, start: int) -> tuple[str, list[Row]]:
    """One paragraph without its marks, and their rows; the paragraph begins at code point `start` of the text."""
    line, rows, at = "", [], 0
    for mark in MARK.finditer(paragraph):
        line += paragraph[at : mark.start()]
        original, _, alternatives = mark["original"].partition("|")
        place, kind = start + len(line), mark["kind"] or "spin"
        in_quote = line.count("“") > line.count("”")
        note = "" if mark["spun"] else "truncated"
        spun = mark["spun"]
        rows.append(Row(place, place + len(spun), spun, original, alternatives, kind, in_quote, note))
        line, at = line + spun, mark.end()
    line += paragraph[at:]
    if "[[" in line or "]]" in line:
        raise ValueError(f"broken mark in: {line}")
    return line, rows


def shingles(text: str, words: int = 5) -> set[tuple[str, ...]]:
    """The set of runs of `words` tokens, tokens being \\w+ of the lower-cased text."""
    tokens = re.findall(r"\w+", text.lower())
    return {tuple(tokens[i : i + words]) for i in range(len(tokens) - words + 1)}


def similarity(a: str, b: str) -> tuple[float, float]:
    """Jaccard similarity and containment (share of the smaller set) of the shingle sets of two texts."""
    left, right = shingles(a), shingles(b)
    shared = len(left & right)
    return shared / len(left | right), shared / min(len(left), len(right))


def relate(a: Document, b: Document) -> tuple[str, float, float] | None:
    """The strongest relation of two documents of one story, with its Jaccard and containment; None for no relation."""
    jaccard, containment = similarity(a.text, b.text)
    if "nextweek" in (a.variant, b.variant):
        return None
    if not (a.is_copy and b.is_copy):
        return "story", jaccard, containment
    if re.findall(r"\w+", a.text.lower()) == re.findall(r"\w+", b.text.lower()):
        return "exact", jaccard, containment
    if jaccard >= NEAR:
        return "near", jaccard, containment
    if containment >= CONTAINED:
        return "contained", jaccard, containment
    if a.is_spun or b.is_spun:
        return "spun", jaccard, containment
    raise ValueError(f"{a.id} and {b.id} are copies of one text, but only {jaccard:.3f}, {containment:.3f} alike")


def pair_lines(documents: list[Document]) -> Iterator[tuple[object, ...]]:
    for a, b in combinations(sorted(documents, key=lambda document: document.id), 2):
        relation = relate(a, b) if a.story == b.story else None
        if relation:
            kind, jaccard, containment = relation
            yield a.id, b.id, kind, f"{jaccard:.4f}", f"{containment:.4f}", f"{a.variant} and {b.variant}"


def cluster_lines(documents: list[Document]) -> Iterator[tuple[object, ...]]:
    originals = {document.story: document for document in documents if document.variant == "original"}
    for document in sorted(documents, key=lambda document: document.id):
        original = originals.get(document.story)
        if original is None or document.variant == "nextweek":
            yield document.id, document.id.removesuffix(".txt"), "single", document.id
        elif document is original:
            yield document.id, document.story, "canonical", document.id
        else:
            relation = relate(document, original)
            yield document.id, document.story, relation[0] if relation else "single", original.id


def edit_lines(documents: list[Document]) -> Iterator[tuple[object, ...]]:
    for document in sorted(documents, key=lambda document: document.id):
        for row in document.rows:
            quoted = "yes" if row.in_quote else "no"
            words = row.spun, row.original, row.alternatives, row.kind, quoted, row.note
            yield document.id, "text", row.start, row.end, *words


def table(header: tuple[str, ...], lines: Iterator[tuple[object, ...]]) -> str:
    """A tab-separated table; backslash, tab and line feed inside a value are written \\\\, \\t and \\n."""
    escapes = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})
    return "".join("\t".join(str(value).translate(escapes) for value in line) + "\n" for line in [header, *lines])


def read_documents(sources: Path = SEEDS / "sources") -> list[Document]:
    """All documents of the corpus, story by story."""
    return [document for path in sorted(sources.glob("*.md")) for document in read_story(path)]


def build(documents: list[Document]) -> dict[str, str]:
    """Every generated file: its path under seeds/ and its content."""
    files = {f"corpus/{document.id}": document.text for document in documents}
    files["truth/pairs.tsv"] = table(PAIRS_HEADER, pair_lines(documents))
    files["truth/clusters.tsv"] = table(CLUSTERS_HEADER, cluster_lines(documents))
    files["truth/edits.tsv"] = table(EDITS_HEADER, edit_lines(documents))
    return files


def main() -> None:
    files = build(read_documents())
    for old in [*SEEDS.glob("corpus/*.txt"), *SEEDS.glob("truth/*.tsv")]:
        old.unlink()
    for name, content in files.items():
        (SEEDS / name).parent.mkdir(exist_ok=True)
        (SEEDS / name).write_text(content, "utf-8", newline="")
    sys.stdout.write(f"{len(files)} files under {SEEDS}\n")


if __name__ == "__main__":
    main()
