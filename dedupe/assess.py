"""Assessing: what the choice of a canonical must know of an article.

Without the rule tables that is little: how many words the text has, and whether it breaks off. Both are noted of every article
while it is profiled, so that nobody need read the related ones again; but for the text without its boilerplate, which is known
only later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dedupe.detect.batches import Batches
from dedupe.detect.canonical import Candidate
from dedupe.detect.columns import Columns
from dedupe.model import Article
from dedupe.repair.endings import find_truncated, is_truncated
from dedupe.text.words import count_each, count_words

if TYPE_CHECKING:
    from dedupe.repair.repairer import Repairer

# Tells of an article and its text without boilerplate.
Assess = Callable[[Article, str], Candidate]


class Assessor:
    """Takes texts, str or UTF-8, and gives at the end how many words each has (int64) and whether it breaks off (bool).

    >>> assessor = Assessor()
    >>> assessor.extend(["The talks went on until Friday and will resume in", "They will."])
    >>> [column.tolist() for column in assessor.finish()]
    [[10, 2], [True, False]]
    """

    def __init__(self) -> None:
        self._columns = Columns()
        self._batches = Batches(_measure, self._columns.append)

    def extend(self, texts: Sequence[str | bytes]) -> None:
        """Take texts; the row of each is the number of texts taken before."""
        self._batches.extend(texts)

    def finish(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The columns of all texts taken."""
        self._batches.finish()
        columns = self._columns.finish()
        return columns["words"], columns["truncated"]


def _measure(texts: Sequence[str | bytes]) -> Mapping[str, npt.NDArray[Any]]:
    return {"words": count_each(texts), "truncated": find_truncated(texts)}


def assess_plainly(article: Article, body: str) -> Candidate:
    """What the choice of a canonical can know of an article without any rule table: it counts as unspun.

    >>> article = Article("a", "The talks went on until Friday and will resume in")
    >>> assess_plainly(article, article.text).truncated
    True
    """
    length = count_words(body)
    return Candidate(
        id=article.id,
        length=length,
        furniture=count_words(article.text) - length if body != article.text else 0,
        truncated=is_truncated(article.text),
        source=article.source,
        date=article.date,
    )


def assess_spin(repairer: Repairer) -> Assess:
    """The assessment that also asks the spin gate, and counts the words of the body without furniture."""

    from dedupe.repair.layout import count_body_words  # noqa: PLC0415 a tenth of the start-up of those who repair nothing

    def assess(article: Article, body: str) -> Candidate:
        judgement = repairer.judge(article)
        length = count_body_words(body, repairer.lexicon)
        furniture = count_words(article.text) - length
        plainly = assess_plainly(article, body)
        return replace(plainly, length=length, furniture=furniture, verdict=judgement.verdict, score=judgement.score)

    return assess
