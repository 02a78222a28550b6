"""Which field of a record is the text, the id, the title ...: named by the user, else detected from a sample.

A wrong text field spoils a whole run, so the winner must be clear; where it is not, the user is asked.
The names are those of news-please, trafilatura, datatrove, Dolma, NewsAPI, WordPress, schema.org and common dumps.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import urlsplit

from dedupe.config import ReadSettings
from dedupe.corpus.content import split_content
from dedupe.corpus.dialect import (
    Malformed,
    Number,
    Row,
    check_encoding,
    describe_type,
    look_up,
    parse_record,
    read_dialect,
)
from dedupe.corpus.inputs import Input
from dedupe.corpus.record import Format
from dedupe.errors import UsageError, did_you_mean
from dedupe.model import Article, Where

SAMPLE = 200  # records: enough to see a rare null, read in well under a second
# What `extract_article` and `parse_warc_record` give
_PAGE = {name: name for name in ("text", "title", "url", "source", "date")}
CLEAR_LEAD = 2.0  # the best text field must score this many times the second
_WORD = re.compile(r"\w")
_LETTERS = re.compile(r"[^\W\d_]+|\s+")

TEXT_NAMES = (
    "maintext",
    "articlebody",
    "article_text",
    "full_content",
    "full_text",
    "fulltext",
    "article",
    "content",
    "content.rendered",
    "body",
    "raw_content",
    "story",
    "text",
)
_ROLE_NAMES = {
    "id": ("id", "_id", "_id.$oid", "uuid", "doc_id", "article_id", "url", "source"),
    "title": ("title", "headline", "title.rendered", "title_page"),
    "url": ("url", "link", "canonical_url", "requested_url", "warc-target-uri", "source"),
    "source": ("source_domain", "domain", "hostname", "source-hostname", "publication", "publisher", "source"),
    "date": ("date_publish", "published_at", "publishedat", "publisheddate", "datepublished", "date", "timestamp", "created"),
}


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """The field that plays each part, "" for none; dotted paths reach into objects.

    `runner_up` is the text field that came second. `message` says the choice in words, for the user.
    """

    text: str = "text"
    id: str = ""
    title: str = ""
    url: str = ""
    source: str = ""
    date: str = ""
    runner_up: str = ""
    message: str = ""


_KNOWN: dict[Format, FieldChoice] = {
    "txt": FieldChoice(),
    "html": FieldChoice(**_PAGE),
    "warc": FieldChoice(**_PAGE, id="id"),
}


def detect_fields(inputs: Sequence[Input], settings: ReadSettings) -> dict[Format, FieldChoice]:
    """The fields of each format among the inputs, from the first 200 records of its first input that has any.

    Raises UsageError when a field that the settings name is missing from the sample, when no field can be the text, and
    when two could be.
    """
    choices: dict[Format, FieldChoice] = {}
    for input in inputs:
        if input.format in _KNOWN:
            choices[input.format] = _KNOWN[input.format]
        elif input.format not in choices or not choices[input.format].message:
            rows = sample_rows(input, settings)
            choices[input.format] = choose_fields(rows, settings, input.name) if rows else FieldChoice()
    assumed = FieldChoice(settings.text_field or "text", message="no readable record; field 'text' is assumed")
    return {format: choice if format in _KNOWN or choice.message else assumed for format, choice in choices.items()}


def sample_rows(input: Input, settings: ReadSettings) -> list[Row]:
    """The readable ones of an input's first 200 records."""
    pieces = split_content(input.path, input.format, input.compression, settings.max_record_bytes)
    head = next(pieces).raw
    dialect = read_dialect(input.format, head, check_encoding(settings.encoding, input.format))
    rows = []
    for piece in islice(pieces, SAMPLE):
        if piece.role == "record" and not piece.error:
            try:
                rows.append(parse_record(piece.raw, dialect))
            except Malformed:
                continue
    return rows


def choose_fields(rows: Sequence[Row], settings: ReadSettings, name: str) -> FieldChoice:
    """The choice for a sample of rows; `name` is the input's, for messages.

    >>> rows = [{"id": 1, "title": "A storm", "body": "A storm came over the sea."}]
    >>> choose_fields(rows, ReadSettings(), "a.jsonl").message
    "a.jsonl: text from 'body', id from 'id', title from 'title'"
    """
    columns = _columns(rows)
    text, runner_up = _choose_text(columns, len(rows), settings, name)
    parts = {"text": text}
    for role, names in _ROLE_NAMES.items():
        named = getattr(settings, f"{role}_field")
        parts[role] = _named(named, columns, f"--{role}-field", name) if named else _detect(role, names, columns, rows)
    said = ", ".join(f"{role} from {field!r}" for role, field in parts.items() if field)
    second = f" (second: {runner_up!r}; choose with --text-field)" if runner_up else ""
    return replace(FieldChoice(**parts), runner_up=runner_up, message=f"{name}: {said}{second}")


def build_article(row: Row, choice: FieldChoice, further: Sequence[str], default_id: str, where: Where) -> Article:
    """The article in a row. `further` names fields that go into `Article.fields`; the source defaults to the url's host.

    Raises Malformed when the text is missing, not a string, or holds no word.
    """
    url = _metadata(row, choice.url)
    return Article(
        id=_metadata(row, choice.id) or default_id,
        text=_text(row, choice.text),
        title=_metadata(row, choice.title),
        url=url,
        source=_metadata(row, choice.source) or name_host(url),
        date=_metadata(row, choice.date),
        fields={name: value for name in further if (value := _metadata(row, name))},
        where=where,
    )


def _text(row: Row, field: str) -> str:
    try:
        value = look_up(row, field)
    except KeyError:
        raise Malformed(f"no field {field!r}") from None
    if not isinstance(value, str) or isinstance(value, Number):
        raise Malformed(f"field {field!r} is {describe_type(value)}, not a string")
    if _is_absent(value) or not _WORD.search(value):
        raise Malformed(f"field {field!r} holds no word")
    return value


def _metadata(row: Row, field: str) -> str:
    if not field:
        return ""
    try:
        value = look_up(row, field)
    except KeyError:
        return ""
    if isinstance(value, (bool, int, float)):
        return str(value)
    return value if isinstance(value, str) and not _is_absent(value) else ""


def name_host(url: str) -> str:
    """The host of an address, "" if it has none."""
    try:
        return (urlsplit(url).hostname if url else "") or ""
    except ValueError:
        return ""


def _is_absent(value: object) -> bool:
    return value is None or value == "" or value == "None"  # news-please writes str(None)


def _columns(rows: Sequence[Row]) -> dict[str, list[object]]:
    """The present values of each field, those of inner objects under dotted names, in order of first appearance."""
    columns: dict[str, list[object]] = {}
    for row in rows:
        for name, value in row.items():
            members = {f"{name}.{inner}": item for inner, item in value.items()} if isinstance(value, dict) else {}
            for path, item in {name: value, **members}.items():
                if not _is_absent(item):
                    columns.setdefault(path, []).append(item)
    return columns


def _named(field: str, columns: Mapping[str, list[object]], flag: str, name: str) -> str:
    if field not in columns:
        raise UsageError(f"no field {field!r} ({flag}) in the first records; {did_you_mean(field, columns)}", path=name)
    return field


def _choose_text(columns: Mapping[str, list[object]], rows: int, settings: ReadSettings, name: str) -> tuple[str, str]:
    if settings.text_field:
        return _named(settings.text_field, columns, "--text-field", name), ""
    scores = {}
    for candidate in TEXT_NAMES:
        for field, values in columns.items():
            if field.lower() == candidate and (score := _score(values, rows)) > 0:
                scores[field] = score
    if not scores:
        texts = [field for field, values in columns.items() if _score(values, rows) > 0]
        raise UsageError(
            f"no field looks like the article's text; name it with --text-field (fields with text: {', '.join(texts)})",
            path=name,
        )
    ranked = sorted(scores, key=lambda field: -scores[field])
    if len(ranked) == 1 or scores[ranked[0]] >= CLEAR_LEAD * scores[ranked[1]]:
        return ranked[0], ranked[1] if len(ranked) > 1 else ""
    if columns[ranked[0]] == columns[ranked[1]]:
        return ranked[0], ranked[1]
    candidates = ", ".join(f"{field!r} (median {_median_length(columns[field])} characters)" for field in ranked)
    raise UsageError(f"several fields may be the article's text: {candidates}; name it with --text-field", path=name)


def _score(values: Sequence[object], rows: int) -> float:
    """Share of string values x their median length x share of letters and spaces; HTML counts a quarter."""
    texts = [value for value in values if isinstance(value, str) and not isinstance(value, Number)]
    if not texts:
        return 0.0
    sample = "".join(text[:2000] for text in texts)
    letters = sum(map(len, _LETTERS.findall(sample))) / max(1, len(sample))
    markup = 0.25 if len(re.findall(r"</\w+>", sample)) > len(texts) else 1.0
    return len(texts) / rows * _median_length(texts) * letters * markup


def _median_length(values: Sequence[object]) -> int:
    return int(statistics.median(len(value) for value in values if isinstance(value, str)))


def _detect(role: str, names: Sequence[str], columns: Mapping[str, list[object]], rows: Sequence[Row]) -> str:
    for candidate in names:
        for field, values in columns.items():
            if field.lower() != candidate or not all(isinstance(value, (str, int)) for value in values):
                continue
            is_url = all(isinstance(value, str) and value.startswith(("http://", "https://")) for value in values)
            if field.lower() == "source" and is_url != (role in ("id", "url")):
                continue  # trafilatura calls the url "source"; elsewhere it is the publisher
            if role != "id" or len(values) == len(rows):
                return field
    return ""
