"""The choice of a canonical: which version of a text survives, and why, in words.

The preferences are a list in the settings. Each in turn keeps the members it likes best and drops the others, until
one is left; the smallest id decides at last. Each preference that dropped somebody is named in the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from dedupe.config import ChooseSettings
from dedupe.detect.dates import parse_date
from dedupe.errors import UsageError, did_you_mean


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the choice needs to know of an article.

    `verdict` and `score` are the spin gate's; `copy` says that another article shows this one to be a spun copy; `truncated`
    says that the text breaks off; `length` counts the words of the body and `furniture` all others; `source` and `date` are
    the article's own strings.
    """

    id: str
    length: int
    verdict: Literal["clean", "suspect", "spun"] = "clean"
    score: float = 0.0
    truncated: bool = False
    source: str = ""
    date: str = ""
    furniture: int = 0
    copy: bool = False


@dataclass(frozen=True, slots=True)
class _Preference:
    """`rank` gives the lowest number to the best candidate; `reason` tells what the winner has and a loser has not."""

    rank: Callable[[Candidate, ChooseSettings], Any]
    reason: Callable[[Candidate, Candidate], str]


class Choice:
    """The preferences of the settings, applied to some candidates once and for all.

    `ranks` holds what each candidate, by id, sorts by, the best first; no two are alike. Raises UsageError for a preference
    of an unknown name.

    >>> candidates = [Candidate("a", 400, "spun"), Candidate("b", 300), Candidate("c", 350)]
    >>> ranks = Choice(candidates, ChooseSettings()).ranks
    >>> sorted(ranks, key=ranks.__getitem__)
    ['c', 'b', 'a']
    """

    def __init__(self, candidates: Iterable[Candidate], settings: ChooseSettings) -> None:
        self._preferences = [_preference(name) for name in (*settings.prefer, "smallest-id")]
        self._candidates = {candidate.id: candidate for candidate in candidates}
        columns = (
            [preference.rank(candidate, settings) for candidate in self._candidates.values()]
            for preference in self._preferences
        )
        self.ranks = dict(zip(self._candidates, zip(*columns, strict=True), strict=True))

    def tell(
        self, winner: str, members: Sequence[str], role: str = "kept", others: str = "version"
    ) -> tuple[str, dict[str, str]]:
        """Why the best of some members is that, in words; and why it is preferred to each other, in words that follow its name.

        `members` are in ascending order. `role` says what becomes of the winner, `others` what the others are to it.

        >>> reason, preferred = Choice([Candidate("a", 400), Candidate("b", 380)], ChooseSettings()).tell("a", ["a", "b"])
        >>> reason
        'kept because it is the longest (400 words; b has 380); 1 other version'
        >>> preferred
        {'b': 'is the longest (400 words; b has 380)'}
        """
        best, ranks = self._candidates[winner], self.ranks[winner]
        preferred, decisive = dict[str, str](), dict[int, str]()
        for loser in members:
            if loser != winner:
                at = _find_difference(ranks, self.ranks[loser])
                preferred[loser] = self._preferences[at].reason(best, self._candidates[loser])
                decisive.setdefault(at, preferred[loser])
        reasons, number = " and ".join([decisive[at] for at in sorted(decisive)]), len(preferred)
        return f"{role} because it {reasons}; {number} other {others}{'s' if number != 1 else ''}", preferred


def _find_difference(one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
    """The number of the first preference in which the ranks differ; that is the id at last."""
    at = 0
    while one[at] == other[at]:
        at += 1
    return at


def choose_canonical(
    members: Sequence[Candidate], settings: ChooseSettings, role: str = "kept", others: str = "version"
) -> tuple[str, str]:
    """The id of the member that survives, and the reason in words. Independent of the order of the members.

    `role` and `others` are those of `Choice.tell`. Raises UsageError for a preference of an unknown name.

    >>> members = [Candidate("a.txt", 400), Candidate("b.txt", 410, "spun", 14.2), Candidate("c.txt", 380)]
    >>> choose_canonical(members, ChooseSettings())
    ('a.txt', 'kept because it is not spun (b.txt scores 14.2) and is the longest (400 words; c.txt has 380); 2 other versions')
    """
    choice = Choice(members, settings)
    winner = min(choice.ranks, key=choice.ranks.__getitem__)
    return winner, choice.tell(winner, sorted(choice.ranks), role, others)[0]


def _preference(name: str) -> _Preference:
    if name not in _PREFERENCES:
        raise UsageError(f"unknown preference {name!r}; {did_you_mean(name, _PREFERENCES)}")
    return _PREFERENCES[name]


def _rank_trust(candidate: Candidate, settings: ChooseSettings) -> int:
    """Trusted sources in the order of the settings, all others after them."""
    if not settings.trusted_sources:
        return 0
    trusted = [source.casefold() for source in settings.trusted_sources]
    source = candidate.source.casefold()
    return trusted.index(source) if source in trusted else len(trusted)


def _describe_spin(winner: Candidate, loser: Candidate) -> str:
    if winner.verdict != loser.verdict or loser.score:
        return f"{loser.id} scores {loser.score:.1f}"
    return f"{loser.id} reads as a spun copy of it"


_LATEST = datetime.max.replace(tzinfo=UTC)


def _rank_date(candidate: Candidate, settings: ChooseSettings) -> datetime:
    return (parse_date(candidate.date) if candidate.date else None) or _LATEST


_PREFERENCES = {
    "unspun": _Preference(
        lambda member, _: (member.copy, ("clean", "suspect", "spun").index(member.verdict)),
        lambda winner, loser: f"is {'not' if winner.verdict == 'clean' else 'less'} spun ({_describe_spin(winner, loser)})",
    ),
    "complete": _Preference(
        lambda member, _: member.truncated,
        lambda winner, loser: f"is complete ({loser.id} breaks off)",
    ),
    "trusted": _Preference(
        _rank_trust,
        lambda winner, loser: f"comes from the trusted source {winner.source} ({loser.id}: {loser.source or 'none'})",
    ),
    "longest": _Preference(
        lambda member, _: -member.length,
        lambda winner, loser: f"is the longest ({winner.length} words; {loser.id} has {loser.length})",
    ),
    "barest": _Preference(
        lambda member, _: member.furniture,
        lambda winner, loser: f"has the least around the body ({winner.furniture} words; {loser.id} has {loser.furniture})",
    ),
    "earliest": _Preference(
        _rank_date,
        lambda winner, loser: f"is the earliest ({winner.date}; {loser.id}: {loser.date or 'no date'})",
    ),
    "smallest-id": _Preference(
        lambda member, _: member.id,
        lambda winner, loser: f"has the smallest id of what was left (before {loser.id})",
    ),
}
