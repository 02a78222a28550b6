"""A corpus and, after it, a reference corpus: read as one, told apart by ids and places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dedupe.corpus.bulk import Stretch, put_together
from dedupe.corpus.reader import Corpus
from dedupe.corpus.record import Record
from dedupe.model import Article

_MARK = "\0"  # in front of the input names of a reference: no file is called so


class JoinedCorpus:
    """The records of `corpus`, then those of `reference` that can be read; iterate as often as needed.

    An article of the reference that has the id of one of the corpus is called ID~reference. `foreign` holds the ids of
    the reference, `notes` what the user should be told, once all has been read.
    """

    def __init__(self, corpus: Corpus, reference: Corpus) -> None:
        self._corpus, self._reference = corpus, reference
        self.foreign: set[str] = set()
        self.notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Record]:
        taken = set[str]()
        for record in self._corpus:
            if record.article is not None:
                taken.add(record.article.id)
            yield record
        self.foreign, unreadable = set(), 0
        for record in self._reference:
            if record.article is None:
                unreadable += not record.rest
                continue
            id = record.article.id
            while id in taken:
                id += "~reference"
            taken.add(id)
            self.foreign.add(id)
            where = replace(record.where, input=_MARK + record.where.input)
            yield replace(record, article=replace(record.article, id=id), where=where)
        self.notes = (f"{unreadable:,} records of the reference cannot be read",) if unreadable else ()

    def stretches(self) -> Iterator[Stretch]:
        """The same, many at a time."""
        return put_together(self)

    def select(self, wanted: Mapping[tuple[str, int], str]) -> Iterator[Article]:
        """The articles at some places, in order; see `Corpus.select`."""
        yield from self._corpus.select({place: id for place, id in wanted.items() if not place[0].startswith(_MARK)})
        theirs = {(name.removeprefix(_MARK), number): id for (name, number), id in wanted.items() if name.startswith(_MARK)}
        yield from self._reference.select(theirs)
