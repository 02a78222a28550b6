"""Resolution: one documented total order decides between overlapping proposals.

First what acts by itself before what only asks; then layout before wording; then the longer span; then the one that named
its neighbours; then what was observed on spun pages before what was thought of; then the tier (safe, context, witness,
spun, ask, flag); then the place in the text; then the rule id. Adjacent edits are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dedupe.model import AUTOMATIC_TIERS, Tier
from dedupe.repair.grammar import words_clash

_WORDS = re.compile(r"[\w'’]+")
_TIER_ORDER: tuple[Tier, ...] = ("safe", "context", "witness", "spun", "ask", "flag")


@dataclass(frozen=True)
class Proposal:
    """A replacement of `text[start:end]` by `after` that a rule proposes.

    `contextual`: the rule named neighbours. `observed`: the rule's source is data, not thought alone.
    """

    start: int
    end: int
    after: str
    rules: tuple[str, ...]
    tier: Tier
    contextual: bool
    evidence: tuple[str, ...] = ()
    observed: bool = False


def resolve(proposals: Iterable[Proposal]) -> list[Proposal]:
    """The proposals that win, sorted by start, disjoint.

    >>> short = Proposal(0, 6, "security", ("a",), "spun", False)
    >>> long = Proposal(0, 14, "security guarantees", ("b",), "safe", False)
    >>> resolve([short, long]) == [long]
    True
    """
    chosen: list[Proposal] = []
    taken: set[int] = set()
    for proposal in sorted(proposals, key=_rank):
        cells = range(proposal.start, max(proposal.end, proposal.start + 1))
        if taken.isdisjoint(cells):
            taken.update(cells)
            chosen.append(proposal)
    return sorted(chosen, key=lambda proposal: proposal.start)


def refuse_doubled(text: str, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The sorted, disjoint proposals without any that would double a word with the one right before it.

    >>> first, second = Proposal(0, 3, "go to", ("a",), "spun", False), Proposal(4, 7, "to it", ("b",), "spun", False)
    >>> refuse_doubled("one two", [first, second]) == [first]
    True
    """
    kept: list[Proposal] = []
    for proposal in proposals:
        if proposal.tier in AUTOMATIC_TIERS and proposal.after:
            earlier = next((other for other in reversed(kept) if other.tier in AUTOMATIC_TIERS), None)
            if earlier is not None and earlier.after and text[earlier.end : proposal.start].isspace():
                last, first = _WORDS.findall(earlier.after.lower()), _WORDS.findall(proposal.after.lower())
                if last and first and words_clash(last[-1], first[0]):
                    continue
        kept.append(proposal)
    return kept


def _rank(proposal: Proposal) -> tuple[bool, bool, int, bool, bool, int, int, tuple[str, ...], str]:
    return (
        proposal.tier not in AUTOMATIC_TIERS,
        not proposal.rules[0].startswith("layout."),
        proposal.start - proposal.end,
        not proposal.contextual,
        not proposal.observed,
        _TIER_ORDER.index(proposal.tier),
        proposal.start,
        proposal.rules,
        proposal.after,
    )
