"""The nouns: what passes between the steps of a run. Frozen, slotted, JSON-able; no I/O here.

    Article → Pair → Cluster → Repair (of Edits, made by Rules) → Decision

Every offset in this package counts Unicode code points, as `str` indexing does.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

RelationKind = Literal["exact", "near", "spun", "contained", "same", "template", "overlap", "story"]
Tier = Literal["safe", "context", "spun", "witness", "ask", "flag"]
RoleName = Literal[
    "advertisement", "author-bio", "byline", "caption", "cookie", "copyright", "credit", "dek", "end-mark", "heading", "media",
    "menu", "newsletter", "promotion", "related", "repeated-caption", "script", "share", "sign-off",
    "timestamp", "trailing-headline",
]  # fmt: skip
Verdict = Literal["accept", "reject", "replace", "skip", "flag", "same", "different", "boilerplate", "revert"]

LINKING_KINDS: frozenset[str] = frozenset({"template", "overlap", "story"})  # articles so related are all kept
AUTOMATIC_TIERS: frozenset[str] = frozenset({"safe", "context", "spun", "witness"})


@dataclass(frozen=True, slots=True)
class Where:
    """Where a record was read: input name, record number within that input (from 0), byte offset in its content."""

    input: str
    record: int
    offset: int


@dataclass(frozen=True, slots=True)
class Article:
    """One article as it was read; never changed afterwards.

    `id` is unique within a run. `fields` holds further text fields that may be repaired (description, caption, ...).
    `date` stays the source's own string. Absent metadata is the empty string.

    >>> Article("a1", "Some text.").where.record
    0
    """

    id: str
    text: str
    title: str = ""
    url: str = ""
    source: str = ""
    date: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    where: Where = Where("", 0, 0)


def article_fields(article: Article) -> dict[str, str]:
    """Every text field of an article by name: text, title, and the further ones."""
    return {"text": article.text, "title": article.title, **article.fields}


@dataclass(frozen=True, slots=True)
class Passage:
    """One shared passage of `words` words: [a_start, a_end) of the first text, [b_start, b_end) of the second."""

    a_start: int
    a_end: int
    b_start: int
    b_end: int
    words: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A verified relation between two articles, a < b by id.

    `jaccard` and `containment` are exact, on the sets of shingle hashes; containment is the share of the smaller set.
    The kind `same` is a person's word. `despun` is the similarity after undoing synonyms, None where it was not computed. A
    story tells the `cosine` of the weighted terms of both and the names and numbers they have in common, `shared`, the rarest
    first.
    """

    a: str
    b: str
    kind: RelationKind
    jaccard: float
    containment: float
    despun: float | None = None
    passages: tuple[Passage, ...] = ()
    cosine: float | None = None
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Articles that are versions of one text. `id` is the smallest member id; `reason` says why `canonical` was chosen.

    Of a kind in LINKING_KINDS the articles only belong together: all are kept, and `canonical` is their lead. `pairs` holds
    the verified pairs inside the cluster as (a, b) ids.
    """

    id: str
    kind: RelationKind
    members: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    canonical: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a rule table: a spun form, the originals it may stand for (best first) and where it may act.

    `origin` is "file:line" of the table it was read from; the other columns are described in rules/README.md.
    """

    id: str
    spun: str
    originals: tuple[str, ...]
    tier: Tier
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    example: tuple[str, ...] = ()
    counterexample: tuple[str, ...] = ()
    source: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A proposed change of one span: `before == source_field[start:end]`, to become `after`.

    `rules` names what proposed it (rule ids, or the name of a built-in pass such as "layout.space-before-comma").
    An edit acts by itself if its tier is in AUTOMATIC_TIERS; `ask` and `flag` edits only show in review.
    `id` is a hash of the content, so that the same proposal has the same id in every run.

    >>> Edit("a1", "text", 0, 6, "assault", "attack", ("word.assault",), "context").automatic
    True
    """

    article: str
    field: str
    start: int
    end: int
    before: str
    after: str
    rules: tuple[str, ...]
    tier: Tier
    in_quote: bool = False
    evidence: tuple[str, ...] = ()

    @property
    def automatic(self) -> bool:
        """Whether the edit is applied without a person's decision."""
        return self.tier in AUTOMATIC_TIERS

    @property
    def id(self) -> str:
        """A 24-digit hex digest of article, field, span, texts and rules (BLAKE2b, 96 bits)."""
        parts = (self.article, self.field, str(self.start), str(self.end), self.before, self.after, *self.rules)
        content = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Flag:
    """Something a person may want to know that no edit mends: a truncation, a splice, residual spin.

    `start` and `end` mark the span in `field`; they are equal (0, 0) when the whole field is meant.
    """

    kind: str
    field: str
    start: int
    end: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """What a span of a field is, if not body text; docs/layout.md says what each role means."""

    role: RoleName
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Repair:
    """All that repair found in one article. `edits` are sorted by field and start; the automatic ones are disjoint.

    `digest` is a SHA-256 over the repaired fields' source text; edits apply to no other text.
    `verdict` is the spin gate's class: clean, suspect or spun. `score` is the odds of spin per 100 words, in nats.
    """

    article: str
    digest: str
    edits: tuple[Edit, ...] = ()
    flags: tuple[Flag, ...] = ()
    roles: tuple[Role, ...] = ()
    verdict: Literal["clean", "suspect", "spun"] = "clean"
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the ledger: a person's verdict on a target, e.g. "edit:<id>", "rule:word.assault", "article:<id>".

    `replacement` is the reviewer's own wording for the verdict `replace`. `at` is an ISO 8601 time in UTC. `over` names other
    reviewers whose verdict on the target was known and is overruled.
    """

    target: str
    verdict: Verdict
    replacement: str | None = None
    by: str = ""
    at: str = ""
    note: str = ""
    over: tuple[str, ...] = ()


_SCALARS = frozenset({str, int, float, bool, type(None)})


def as_dict(noun: Any) -> dict[str, Any]:
    """The noun as plain dicts, lists and scalars, ready for JSON. An Edit also carries its `id`.

    >>> as_dict(Where("a.jsonl", 3, 120))
    {'input': 'a.jsonl', 'record': 3, 'offset': 120}
    """
    kind: Any = type(noun)
    plain = {name: _plain(getattr(noun, name)) for name in _names_of_fields(kind)}
    return {"id": noun.id, **plain} if isinstance(noun, Edit) else plain


@cache
def _names_of_fields(noun: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(noun))


def _plain(value: Any) -> Any:
    """The value without dataclasses; what JSON can hold is passed on as it is, not copied (dataclasses.asdict copies)."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return as_dict(value) if dataclasses.is_dataclass(value) else value
