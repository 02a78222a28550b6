"""What came before a run: articles in an index, or in a reference corpus. Copies of them are duplicates.

    profile and find (no lock)  →  look up who is a copy  →  cluster the others, repair, emit  →  enter the survivors

An index stays locked from the look-up to the end, as it does for a batch of a stream, so no other worker keeps the same
text in between. The run's output is installed first, then one transaction enters the survivors, and the run into the
ledger. Killed between the two, the run does not count: repeated, it replaces its output and enters both.

What an article of the run brought itself, in an earlier attempt or under an older text, is left out of account:
no run finds itself. An article is no duplicate of a spun copy, nor, as a page of a template, of another page.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from dedupe.config import FindSettings, Settings
from dedupe.corpus.opening import open_corpus
from dedupe.corpus.reader import Corpus
from dedupe.detect.profile import Profiles
from dedupe.errors import UsageError
from dedupe.index.contract import Index, Link, NewText, Numbers, Part, Text
from dedupe.index.opening import index_exists, open_index
from dedupe.ingest.bodies import cut_body
from dedupe.ingest.meeting import Meeting, Newcomer, cut_keys, meet_within
from dedupe.ingest.scope import index_settings, stream_settings
from dedupe.model import Pair
from dedupe.standing import Copy
from dedupe.text.lexicon import load_classes

_AT_ONCE = 2000  # texts
_NAMED = frozenset({"txt", "html", "warc"})  # formats whose records are named by their file or address


class Past:
    """All that came before the run in the folder `out`: an index, a `reference` corpus, both or nothing.

    index: an URL, or empty; against: the inputs of the reference. A dry run makes no index where there is none. A context
    manager: left before `take_in`, the index is as it was. `details` are for the manifest.
    """

    def __init__(self, index: str, against: Sequence[str | Path], settings: Settings, out: Path, *, dry_run: bool) -> None:
        self.reference = open_corpus(against, settings, exclude=[out])[0] if against else None
        self._index = RunIndex(index, settings, out) if index and (not dry_run or index_exists(index)) else None
        self.details: dict[str, Any] = {"index": index} if index else {}
        if self.reference:
            self.details["against"] = [[input.name, input.size] for input in self.reference.inputs]

    def __enter__(self) -> Past:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._index:
            self._index.__exit__(*error)

    def is_finished(self, identity: Mapping[str, Any], corpus: Corpus) -> bool:
        """Whether a run whose output stands is finished: where there is an index, only if its ledger holds the run.

        Raises UsageError for articles that an index could not recognise.
        """
        if self._index:
            require_ids(corpus)
        return self._index is None or self._index.is_entered(identity)

    def find_copies(self, profiles: Profiles, ids: Sequence[str], pages: Collection[str]) -> dict[str, Copy]:
        """Which articles of the run are copies of others in the index, by id; see `standing.Earlier`."""
        return self._index.find_copies(profiles, ids, pages) if self._index else {}

    def take_in(self, survivors: Collection[str], identity: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Let the index remember the survivors and the run, if there is one."""
        if self._index:
            self._index.take_in(survivors, identity, counts)


class RunIndex:
    """A persistent index as one run uses it. A context manager: left before `take_in`, the index is as it was.

    `url` and `settings` as for a stream. `out` is the folder of the run, whose path names it in the ledger. Raises
    IndexStateError for an index that cannot be used.
    """

    def __init__(self, url: str, settings: Settings, out: Path) -> None:
        self._find = stream_settings(settings.find)
        classes = load_classes(settings.repair.language).digest if "spun" in self._find.kinds else ""
        self._index = open_index(url, index_settings(self._find, classes), wait=settings.stream.wait)
        self._run, self._lock = str(out.resolve()), ExitStack()

    def __enter__(self) -> RunIndex:
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._lock.__exit__(*error)
        finally:
            self._index.close()

    def is_entered(self, identity: Mapping[str, Any]) -> bool:
        """Whether the ledger holds the run that `identity` identifies: only then is it finished."""
        with self._index.transaction():
            return any(part.source == _digest(identity) for part in self._index.read_parts(self._run))

    def find_copies(self, profiles: Profiles, ids: Sequence[str], pages: Collection[str]) -> dict[str, Copy]:
        """Which articles of the run are copies of others in the index, which is locked from here on."""
        self._lock.enter_context(self._index.transaction())
        self._profiles, self._ids = profiles, ids
        return look_up(self._index, profiles, ids, pages, self._find)

    def take_in(self, survivors: Collection[str], identity: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Enter the survivors, by id, and the run in the ledger; durable when this returns."""
        rows = [row for row, id in enumerate(self._ids) if id in survivors and self._profiles.words[row]]
        for low in range(0, len(rows), _AT_ONCE):
            self._add(rows[low : low + _AT_ONCE])
        last = self._index.last_part(self._run)
        number, first = (last.number + 1, last.first + last.records) if last else (0, 0)
        self._index.add_part(Part(self._run, number, first, counts["read"], _digest(identity), "", counts))
        self._lock.close()

    def _add(self, rows: Sequence[int]) -> None:
        digests = [self._profiles.digests[row].tobytes() for row in rows]
        numbers = {digest: text.number for digest, text in self._index.find_digests(sorted(set(digests))).items()}
        new, number = list[int](), self._index.next_number()
        for row, digest in zip(rows, digests, strict=True):
            if digest not in numbers:
                numbers[digest] = number + len(new)
                new.append(row)
        texts = build_texts(self._index, self._profiles, np.array(new, np.int64), number, self._find)
        self._index.add(texts, [(self._ids[row], numbers[digest]) for row, digest in zip(rows, digests, strict=True)])


def require_ids(corpus: Corpus) -> None:
    """Nothing, if the articles of a corpus have ids of their own, by which an index recognises them; else UsageError."""
    for input in corpus.inputs:
        if input.format not in _NAMED and not corpus.choices[input.format].id:
            words = "its records have no id, so an index could not recognise them when they come again"
            raise UsageError(f"{words}; name a field that has one with --id-field", path=str(input.path))


def _digest(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def build_texts(index: Index, profiles: Profiles, rows: Numbers, number: int, settings: FindSettings) -> list[NewText]:
    """Some rows as texts that stand for themselves, numbered from `number` on."""
    keys = cut_keys(profiles, rows, settings)
    held = np.bincount(index.find_postings(keys.ravel()).places, minlength=keys.size)
    full = meet_within(keys.ravel(), np.ones(keys.size, np.bool_), held)[0].reshape(keys.shape)
    return [
        NewText(
            number + place,
            profiles.digests[row].tobytes(),
            number + place,
            None,
            keys[place][~full[place]],
            keys[place][full[place]],
            profiles.despun.keys[row].tobytes() if profiles.despun else b"",
            cut_body(profiles, row).encode(),
        )
        for place, row in enumerate(rows.tolist())
    ]


def look_up(
    index: Index, profiles: Profiles, ids: Sequence[str], pages: Collection[str], settings: FindSettings
) -> dict[str, Copy]:
    """Which articles are copies of other articles' texts in the index, by id; used inside a transaction."""
    rows_of: defaultdict[bytes, list[int]] = defaultdict(list)
    for row in range(len(ids)):
        if profiles.words[row]:
            rows_of[profiles.digests[row].tobytes()].append(row)
    copies, own, number, waiting = dict[str, Copy](), set(ids), index.next_number(), iter(rows_of.items())
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        known = index.find_digests(sorted(digest for digest, _ in some))
        newcomers = []
        for digest, rows in some:
            text = known.get(digest)
            newcomers.append(Newcomer(text.number if text else number, rows[0], ids[rows[0]], digest, text))
            number += text is None
        meeting = Meeting(index, profiles, newcomers, settings, among=False)
        for newcomer, (_, rows) in zip(newcomers, some, strict=True):
            is_page = any(ids[row] in pages for row in rows)
            if found := _find_survivor(meeting, newcomer, settings, own, is_page=is_page):
                holder, link = found[0].owner, found[1]
                copies |= {ids[row]: Copy(holder, _pair(ids[row], holder, link), "the index") for row in rows}
    return copies


def _find_survivor(
    meeting: Meeting, newcomer: Newcomer, settings: FindSettings, own: Collection[str], *, is_page: bool
) -> tuple[Text, Link] | None:
    """The oldest text that stands for a newcomer, and how they are related. own: the owners that are left out of account."""
    known, texts = newcomer.known, meeting.texts
    if known:
        is_mine = known.survivor == known.number and known.owner in own
        exact = known.link or Link("exact", 1.0, 1.0, 1.0 if "spun" in settings.kinds else None)
        holder = texts[known.survivor]
        return (holder, exact) if not is_mine and exact.kind in settings.kinds and holder.owner not in own else None
    if is_page:
        return None
    links = meeting.related.get(newcomer.number, {})
    for survivor in sorted({texts[other].survivor for other in links}):
        link = links.get(survivor) or meeting.verify(newcomer.number, survivor)
        if not link or texts[survivor].owner in own:
            continue
        if link.kind != "spun" or not meeting.is_copy_of(survivor, newcomer.number):
            return texts[survivor], link
    return None


def _pair(one: str, other: str, link: Link) -> Pair:
    return Pair(min(one, other), max(one, other), link.kind, link.jaccard, link.containment, link.despun)
