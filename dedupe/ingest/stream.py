"""One article after the other: seen before, a copy of what, broken? START READING HERE.

    profile and repair (no lock)  →  meet the index  →  decide, oldest first  →  commit

The order of arrival takes the place of the choice of a canonical: the first version of a text is its survivor, and every
later one that passes against it directly is its duplicate. Two exceptions keep the better text. An article is never a duplicate
of a spun copy of it: it is kept, and `supersedes` names the copy. And it is never a duplicate of an earlier version of itself.

What is said of an article is stored with it. Whoever sends it again, after a crash or from another worker, hears the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal

import numpy as np

from dedupe.config import Settings
from dedupe.detect.profile import Profiles, profile_texts
from dedupe.errors import UsageError
from dedupe.index.contract import Index, Link, NewText, Part, Text
from dedupe.index.opening import open_index
from dedupe.ingest.meeting import Meeting, Newcomer
from dedupe.ingest.scope import index_settings, stream_settings
from dedupe.model import Article, Pair, RelationKind, Repair, article_fields, as_dict
from dedupe.repair.repairer import Repairer
from dedupe.text.edits import Span, apply_spans
from dedupe.text.lexicon import load_classes
from dedupe.texts import make_repairer


@dataclass(frozen=True, slots=True)
class Result:
    """What is said of one article.

    `status` is kept or duplicate; `dup_of`, `kind` and the numbers tell of the article that stands for a duplicate.
    `related` are all verified pairs with older texts, `supersedes` the ids of kept ones that are spun copies of this one.
    `seen`: the very same article, id and text, was taken in before. `repair` holds all edits found.
    """

    article: Article
    repair: Repair
    status: Literal["kept", "duplicate"] = "kept"
    dup_of: str = ""
    kind: RelationKind | None = None
    jaccard: float | None = None
    containment: float | None = None
    despun: float | None = None
    related: tuple[Pair, ...] = ()
    supersedes: tuple[str, ...] = ()
    seen: bool = False

    @property
    def text(self) -> str:
        """The text with its automatic edits made."""
        return self.repaired("text")

    @property
    def title(self) -> str:
        """The title with its automatic edits made."""
        return self.repaired("title")

    def repaired(self, field: str) -> str:
        """A field with its automatic edits made."""
        return apply_spans(article_fields(self.article)[field], self.spans(field))

    def spans(self, field: str) -> list[Span]:
        """The automatic edits of a field, as spans."""
        edits = (edit for edit in self.repair.edits if edit.automatic and edit.field == field)
        return [Span(edit.start, edit.end, edit.after) for edit in edits]

    def describe(self, *, edits: bool = False) -> dict[str, Any]:
        """The result without the article, ready for JSON; with `edits` every edit and related pair."""
        automatic = sum(edit.automatic for edit in self.repair.edits)
        told: dict[str, Any] = {
            "id": self.article.id,
            "status": self.status,
            "dup_of": self.dup_of or None,
            "kind": self.kind,
            "jaccard": self.jaccard,
            "containment": self.containment,
            "despun": self.despun,
            "supersedes": list(self.supersedes),
            "seen": self.seen,
            "verdict": self.repair.verdict,
            "score": self.repair.score,
            "repaired": automatic,
        }
        if edits:
            told["edits"] = [as_dict(edit) for edit in self.repair.edits]
            told["related"] = [as_dict(pair) for pair in self.related]
        return told


Commit = Callable[[Sequence[Result]], Part | None]


class Stream:
    """Takes articles in, one by one or in batches, and tells of each what it is. Close it, or use it as a context manager.

    `index` is an URL, or an open index that the caller closes; without it settings.stream.index counts. `repairer` may be
    given if one is at hand.

    >>> import tempfile
    >>> url = f"sqlite:{tempfile.mkdtemp()}/index.db"
    >>> with Stream(index=url) as stream:
    ...     first = stream.process(Article("a", "The talks will go on until both sides agree, he said."))
    ...     second = stream.process(Article("b", "The talks will go on until both sides agree, he said!"))
    >>> first.status, second.status, second.dup_of, second.kind
    ('kept', 'duplicate', 'a', 'exact')
    """

    def __init__(
        self, settings: Settings | None = None, index: str | Index | None = None, *, repairer: Repairer | None = None
    ) -> None:
        self.settings = settings or Settings()
        self._find = stream_settings(self.settings.find)
        self._classes = load_classes(self.settings.repair.language) if "spun" in self._find.kinds else None
        if self.settings.repair.enabled:
            repairer = repairer or make_repairer(self.settings.repair)
        self._repairer = repairer
        target = index or self.settings.stream.index
        if not target:
            raise UsageError("no index named; write --index sqlite:PATH")
        self._owns_index = isinstance(target, str)
        self.index = target if not isinstance(target, str) else self._open(target)

    def _open(self, url: str) -> Index:
        made_with = index_settings(self._find, self._classes.digest if self._classes else "")
        return open_index(url, made_with, wait=self.settings.stream.wait)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the index, if it was opened here."""
        if self._owns_index:
            self.index.close()

    def process(self, article: Article) -> Result:
        """What the article is; it is in the index, durably, when this returns."""
        return self.process_batch([article])[0]

    def process_batch(self, articles: Sequence[Article], commit: Commit | None = None) -> list[Result]:
        """What each article is, in their order, as if they had come one by one; all are taken in, or none is.

        `commit` is called when everything is decided and before it is made durable; the part that it gives goes into the
        ledger with it.
        """
        profiles = profile_texts([article.text for article in articles], self._find, self._classes)
        repairs = [self._repair(article) for article in articles]
        digests = [row.tobytes() for row in profiles.digests]
        worded = (profiles.words > 0).tolist()
        with self.index.transaction():
            seen = self.index.find_claims(sorted({article.id for article in articles}))
            newcomers = self._number([a.id for a in articles], digests, worded)
            meeting = Meeting(self.index, profiles, list(newcomers.values()), self._find)
            decided = _decide(meeting, list(newcomers.values()))
            texts = {**meeting.texts, **decided}
            results = []
            for row, (article, repair) in enumerate(zip(articles, repairs, strict=True)):
                result = Result(article, repair)
                if worded[row]:
                    newcomer = newcomers[digests[row]]
                    result = self._tell(result, newcomer, texts, meeting)
                    result = replace(result, seen=(article.id, newcomer.number) in seen)
                results.append(result)
            claims = [
                (a.id, newcomers[digest].number) for a, digest, some in zip(articles, digests, worded, strict=True) if some
            ]
            self.index.add(_build_texts(meeting, list(newcomers.values()), decided, profiles), claims)
            part = commit(results) if commit else None
            if part:
                self.index.add_part(part)
        return results

    def _repair(self, article: Article) -> Repair:
        return self._repairer.repair(article) if self._repairer else Repair(article.id, "")

    def _number(self, owners: Sequence[str], digests: Sequence[bytes], worded: Sequence[bool]) -> dict[bytes, Newcomer]:
        """The distinct texts of the batch, by digest, in the order of their numbers."""
        known = self.index.find_digests(sorted(set(digests)))
        newcomers, number = dict[bytes, Newcomer](), self.index.next_number()
        for row, (owner, digest) in enumerate(zip(owners, digests, strict=True)):
            if worded[row] and digest not in newcomers:
                text = known.get(digest)
                newcomers[digest] = Newcomer(text.number if text else number, row, text.owner if text else owner, digest, text)
                number += text is None
        return dict(sorted(newcomers.items(), key=lambda item: item[1].number))

    def _tell(self, result: Result, newcomer: Newcomer, texts: Mapping[int, Text], meeting: Meeting) -> Result:
        """The result of an article. texts: its own, decided, and all that it is related to, with their survivors."""
        me, text = result.article.id, texts[newcomer.number]
        is_copy = text.owner != me
        if is_copy and "exact" not in self._find.kinds:
            return result
        links = {} if is_copy else meeting.related[text.number]
        others = {number: link for number, link in links.items() if texts[number].owner != me}
        related = [_pair(me, texts[number].owner, link) for number, link in others.items()]
        if is_copy:
            related = [_pair(me, text.owner, self._exact_link())]
        result = replace(result, related=tuple(sorted(related, key=lambda pair: (pair.a, pair.b))))
        holder = texts[text.survivor].owner
        if holder == me:
            copies = [n for n, link in others.items() if link.kind == "spun" and meeting.is_copy_of(n, text.number)]
            return replace(result, supersedes=tuple(sorted(texts[n].owner for n in copies if texts[n].survivor == n)))
        link = text.link or self._exact_link()
        return replace(
            result,
            status="duplicate",
            dup_of=holder,
            kind=link.kind,
            jaccard=link.jaccard,
            containment=link.containment,
            despun=link.despun,
        )

    def _exact_link(self) -> Link:
        return Link("exact", 1.0, 1.0, 1.0 if self._classes else None)


def _decide(meeting: Meeting, newcomers: Sequence[Newcomer]) -> dict[int, Text]:
    """The text of each newcomer, by number: who stands for it. Those that the index knows stay what they are."""
    decided: dict[int, Text] = {}

    def text_of(number: int) -> Text:
        return decided.get(number) or meeting.texts[number]

    for newcomer in newcomers:
        number = newcomer.number
        if newcomer.known:
            decided[number] = newcomer.known
            continue

        def may_stand(survivor: int, link: Link, newcomer: Newcomer = newcomer) -> bool:
            """Not for a later version of itself, nor, as a spun copy, for the text it was made from."""
            if text_of(survivor).owner == newcomer.owner:
                return False
            return link.kind != "spun" or not meeting.is_copy_of(survivor, newcomer.number)

        links = meeting.related[number]
        survivors = sorted({text_of(other).survivor for other in links})
        decided[number] = Text(number, newcomer.digest, newcomer.owner, number, None)
        for survivor in survivors:
            link = links.get(survivor) or meeting.verify(number, survivor)
            if link and may_stand(survivor, link):
                decided[number] = Text(number, newcomer.digest, newcomer.owner, survivor, link)
                break
    return decided


def _pair(one: str, other: str, link: Link) -> Pair:
    return Pair(min(one, other), max(one, other), link.kind, link.jaccard, link.containment, link.despun)


def _build_texts(
    meeting: Meeting, newcomers: Sequence[Newcomer], decided: Mapping[int, Text], profiles: Profiles
) -> list[NewText]:
    """The newcomers that the index does not know yet, as it is to keep them."""
    built = []
    for place, newcomer in enumerate(newcomers):
        if newcomer.known is None:
            text, keys, full = decided[newcomer.number], meeting.keys[place], meeting.full[place]
            sketch = profiles.despun.keys[newcomer.row].tobytes() if profiles.despun else b""
            body = meeting.encode(newcomer.number)
            built.append(
                NewText(
                    text.number,
                    text.digest,
                    text.survivor,
                    text.link,
                    np.asarray(keys[~full]),
                    np.asarray(keys[full]),
                    sketch,
                    body,
                )
            )
    return built
