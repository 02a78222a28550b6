"""A spinner to test the repair with: swaps words for synonyms as the news spinner does, and writes down what it did.

    python benchmarks/spinner/spin.py --data news.jsonl --share 0.3 --seed 1 -o spun/
    python benchmarks/spinner/spin.py --data seeds/corpus -o spun/ --hold-out 0.2

Each occurrence is swapped or not, and for what, by chance. Names of common nouns, titles and quotations are spun like the
rest; punctuation, digits and paragraphs stay, and the case of the first letter. Articles are left to clash; a noun after
"each" may become a plural; on one page in eight a word stands in braces. Links stay clean: some phrases and sentences are
islands. Its dictionary is its own (vocabulary.tsv). Undoing all rows of truth.tsv gives the original exactly.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vocabulary import Form, Vocabulary, build_vocabulary, hold_out, load_entries

COLUMNS = ("document", "field", "start", "end", "spun", "original", "alternatives", "kind", "in_quote", "note")
BRACES = 1 / 8  # of the pages hold a word in left-over template braces
PHRASE_ISLANDS, SENTENCE_ISLANDS = 0.4, 0.15  # of the paragraphs hold one
PLURAL_AFTER_EACH = 0.5
SHORT_MATCH = 0.15  # of the phrases are passed over for their first word

_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_SENTENCE = re.compile(r"[^.?!\n]+[.?!]*")
_NO_WORD_BEFORE, _NO_WORD_AFTER = "-@#/._&\\", "-@/_&\\"


class Row(NamedTuple):
    """One substitution: the spun text reads `spun` at [start, end), where `original` stood. `types`: its base forms."""

    start: int
    end: int
    spun: str
    original: str
    kind: str
    in_quote: bool
    types: tuple[str, ...]


class Hit(NamedTuple):
    """A form found in the clean text at [start, end), of `words` words, `after` which word."""

    start: int
    end: int
    words: int
    form: Form
    after: str


def spin_text(text: str, vocabulary: Vocabulary, share: float, rng: random.Random) -> tuple[str, list[Row]]:
    """The spun text and its rows, in order; `share` is the share of words to change, as far as the vocabulary reaches."""
    islands = list(_islands(text, rng))
    hits = [hit for hit in find_hits(text, vocabulary, rng) if not any(a < hit.end and hit.start < b for a, b in islands)]
    words = len(_WORD.findall(text))
    chance = min(1.0, share * words / max(1, sum(hit.words for hit in hits)))
    braced = rng.choice(hits) if hits and rng.random() < BRACES else None
    quotes = _quotations(text)
    parts: list[str] = []
    rows, position, length = [], 0, 0
    for hit in hits:
        original = text[hit.start : hit.end]
        if hit is braced:
            spun = f"{{{original}}}"
        elif rng.random() < chance:
            spun = _swap(original, hit, rng, curly="’" in text)
        else:
            continue
        parts += [text[position : hit.start], spun]
        start = length + hit.start - position
        length, position = start + len(spun), hit.end
        kind = "flag" if hit.form.neutral and hit is not braced else "spin"
        in_quote = any(a < hit.end and hit.start < b for a, b in quotes)
        rows.append(Row(start, length, spun, original, kind, in_quote, hit.form.types))
    parts.append(text[position:])
    return "".join(parts), [row for row in rows if row.spun != row.original]


def undo(text: str, rows: Iterable[Row]) -> str:
    """The text with every row taken back: the original."""
    for row in sorted(rows, reverse=True):
        text = text[: row.start] + row.original + text[row.end :]
    return text


def find_hits(text: str, vocabulary: Vocabulary, rng: random.Random) -> Iterator[Hit]:
    """The forms that stand in a text, from left to right, the longest one mostly; none overlaps another."""
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        hit = None
        if _is_free(text, words[at]):
            lengths = list(range(min(vocabulary.longest, len(words) - at), 0, -1))
            if rng.random() < SHORT_MATCH:
                lengths = [1]
            hit = next(filter(None, (_match(text, words, at, n, vocabulary) for n in lengths)), None)
        if hit is not None:
            yield hit
        at += hit.words if hit is not None else 1


def _match(text: str, words: Sequence[re.Match[str]], at: int, count: int, vocabulary: Vocabulary) -> Hit | None:
    run = words[at : at + count]
    gaps = [text[a.end() : b.start()] for a, b in itertools.pairwise(run)]
    if any(gap != " " for gap in gaps) or not all(_is_free(text, word) for word in run):
        return None
    key = tuple(word[0].lower().replace("’", "'") for word in run)
    end = run[-1].end()
    form = vocabulary.forms.get(key)
    if form is None and key[-1].endswith("'s"):
        form, end = vocabulary.forms.get((*key[:-1], key[-1][:-2])), end - 2
    if form is None:
        return None
    return Hit(run[0].start(), end, count, form, words[at - 1][0].lower() if at else "")


def _is_free(text: str, word: re.Match[str]) -> bool:
    """Whether the word is no abbreviation in capitals, nor part of a compound, an address or a handle."""
    before, after = text[word.start() - 1 : word.start()], text[word.end() : word.end() + 1]
    if len(word[0]) > 1 and word[0].isupper():
        return False
    dotted = after == "." and text[word.end() + 1 : word.end() + 2].isalnum()
    digit = before.isdigit() or after.isdigit()
    return not (dotted or digit or (before and before in _NO_WORD_BEFORE) or (after and after in _NO_WORD_AFTER))


def _swap(original: str, hit: Hit, rng: random.Random, curly: bool) -> str:
    choices = hit.form.replacements
    if hit.after in {"each", "every"} and hit.form.plurals and rng.random() < PLURAL_AFTER_EACH:
        choices = hit.form.plurals
    spun = rng.choice(choices)
    if original[0].isupper():
        spun = spun[0].upper() + spun[1:]
    return spun.replace("'", "’") if curly else spun


def _islands(text: str, rng: random.Random) -> Iterator[tuple[int, int]]:
    """Spans that stay clean, as the text of links does: phrases of two to six words, and whole sentences."""
    for paragraph in re.finditer(r"[^\n]+", text):
        words = [match.span() for match in _WORD.finditer(text, *paragraph.span())]
        if len(words) > 6 and rng.random() < PHRASE_ISLANDS:
            first = rng.randrange(len(words) - 6)
            yield words[first][0], words[first + rng.randint(1, 5)][1]
        if rng.random() < SENTENCE_ISLANDS:
            yield rng.choice([match.span() for match in _SENTENCE.finditer(text, *paragraph.span())] or [paragraph.span()])


def _quotations(text: str) -> list[tuple[int, int]]:
    """The spans between quotation marks, each within a paragraph."""
    return [match.span() for match in re.finditer(r"“[^”\n]*(?:”|$)|\"[^\"\n]*\"", text, re.MULTILINE)]


def read_documents(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The (id, record) of a JSONL file, or of each .txt file in a folder: its name and {"text": ...}."""
    if path.is_dir():
        for file in sorted(path.glob("*.txt")):
            yield file.name, {"text": file.read_bytes().decode("utf-8")}
    else:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                record = json.loads(line)
                yield str(record.get("id", f"{path.stem}-{number}")), record


def spin_records(
    documents: Iterable[tuple[str, dict[str, Any]]],
    vocabulary: Vocabulary,
    share: float,
    seed: int,
    fields: Sequence[str] = ("text", "title"),
    suffix: str = "",
) -> Iterator[tuple[str, dict[str, Any], list[tuple[str, Row]]]]:
    """Each document spun: its new id, its record, and its (field, row)s. The order of documents does not matter."""
    for id, record in documents:
        rng = random.Random(f"{seed}:{id}")
        spun, rows = dict(record), []
        for field in fields:
            if isinstance(record.get(field), str):
                spun[field], made = spin_text(record[field], vocabulary, share, rng)
                rows += [(field, row) for row in made]
        new_id = id.removesuffix(".txt") + suffix + ".txt" if id.endswith(".txt") else id + suffix
        yield new_id, {**spun, "id": new_id}, rows


def truth_line(document: str, field: str, row: Row, held: set[str]) -> str:
    """One line of truth.tsv; the note says which changes are of a held-out type."""
    note = "held-out" if held.issuperset(row.types) else ""
    values = (document, field, row.start, row.end, row.spun, row.original, "", row.kind, "yes" if row.in_quote else "no", note)
    escapes = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})
    return "\t".join(str(value).translate(escapes) for value in values) + "\n"


def main() -> None:
    """Parses the command line, writes the spun corpus, truth.tsv and, if types are held out, held_out.tsv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a JSONL file, or a folder of .txt files")
    parser.add_argument("--share", type=float, default=0.3, help="share of the words to change (default 0.3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold-out", type=float, default=0.0, help="fraction of word types to list in held_out.tsv")
    parser.add_argument("--suffix", default="", help="appended to every id, so that originals and copies can be mixed")
    parser.add_argument("--match", default="*", help="only documents whose id fits this pattern, such as *-original.txt")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    entries = load_entries()
    _, held = hold_out(entries, arguments.hold_out, random.Random(arguments.seed))
    held_types = {entry.original for entry in held}
    documents = ((id, record) for id, record in read_documents(arguments.data) if Path(id).match(arguments.match))
    arguments.out.mkdir(parents=True, exist_ok=True)
    words = changed = known = 0
    with (arguments.out / "truth.tsv").open("w", encoding="utf-8", newline="") as truth:
        truth.write("\t".join(COLUMNS) + "\n")
        lines = []
        for id, record, rows in spin_records(
            documents, build_vocabulary(entries), arguments.share, arguments.seed, suffix=arguments.suffix
        ):
            if arguments.data.is_dir():
                folder = arguments.out / "spun"
                folder.mkdir(exist_ok=True)
                (folder / id).write_bytes(record["text"].encode("utf-8"))
            else:
                lines.append(json.dumps(record, ensure_ascii=False) + "\n")
            truth.writelines(truth_line(id, field, row, held_types) for field, row in rows)
            swelling = sum(len(row.spun.split()) - len(row.original.split()) for _, row in rows)
            words += sum(len(_WORD.findall(record.get(field) or "")) for field in ("text", "title")) - swelling
            changed += sum(len(row.original.split()) for _, row in rows)
            known += sum(len(row.original.split()) for _, row in rows if not held_types.issuperset(row.types))
    if lines:
        (arguments.out / "spun.jsonl").write_text("".join(lines), "utf-8")
    if held:
        table = "".join(f"{e.original}\t{e.part}\t{'|'.join(e.synonyms)}\n" for e in held)
        (arguments.out / "held_out.tsv").write_text("original\tpart\tsynonyms\n" + table, "utf-8")
    print(f"{changed:,} of {words:,} words are changed ({changed / max(1, words):.3f})")
    if held:
        print(f"{1 - known / max(1, changed):.3f} of them by types held out ({len(held_types):,} types, held_out.tsv)")


if __name__ == "__main__":
    main()
