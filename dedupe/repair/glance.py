"""The first glance: the odds of all forms that a text may hold, judging by its letters alone.

It is an upper bound of what the gate will say, found in a small part of the time: no neighbours are looked at. Nearly all
clean texts are clean at this glance, and nothing more is done to them than what is done anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedupe.kernel import compiled_kernel
from dedupe.model import AUTOMATIC_TIERS
from dedupe.repair.folding import fold
from dedupe.repair.match import Form
from dedupe.repair.sieve import Sieve, split_words

Numbers = npt.NDArray[np.int32]  # of different forms

# What a form counts where no rule undoes it, of what it counts where one does; and what to expect before one has looked.
UNANSWERED = 0.6
_EXPECTED = 0.7


class Weight(NamedTuple):
    """Of some forms: how many are strong signs, the sum of their odds in nats, and whether a rule of tier `safe` has any.

    The sum is as good as sums of floating-point numbers are.
    """

    strong: int
    odds: float
    may_be_safe: bool


class Glance:
    """The odds of the forms of a lexicon, ready to be looked up.

    forms: those of the rules. odds: nats by form, the single words of writers among them. `sieve` has all of them.

    >>> Glance([], {"said": -1.0, "year": -0.5}).plain("He said so, she said so.")
    {'said': -1.0}
    """

    def __init__(self, forms: Iterable[Form], odds: Mapping[str, float]) -> None:
        self._signs = {form: value for form, value in odds.items() if value > 0}
        self._plain = {
            form.encode(): (form, value) for form, value in odds.items() if value < 0 and split_words(form) == [form.encode()]
        }
        expected = dict(self._plain.values()) | {form: value * _EXPECTED for form, value in self._signs.items()}
        safe = set()
        for form in forms:
            name, rule = fold(form.text), form.rule.rule
            if rule.tier in AUTOMATIC_TIERS and not rule.when and name in self._signs:
                expected[name] = self._signs[name]
            if rule.tier == "safe":
                safe.add(name)
            expected.setdefault(name, 0.0)
        self.sieve = Sieve(expected)
        self._odds = np.array([expected[form] for form in self.sieve.forms], np.float64)
        self._safe = np.array([form in safe for form in self.sieve.forms], np.bool_)

    @property
    def signs(self) -> Iterable[str]:
        """All signs of spin."""
        return self._signs.keys()

    def sign(self, form: str) -> float:
        """The odds of a form, in nats; 0 if it is no sign of spin."""
        return self._signs.get(form, 0.0)

    def plain(self, text: str) -> dict[str, float]:
        """The different words of a text that a spinner would have taken out, with their odds, which are below 0."""
        return dict(map(self._plain.__getitem__, self._plain.keys() & split_words(fold(text))))

    def possible(self, text: str) -> Numbers:
        """The numbers of what the text may hold of its plain words, all signs of spin, and all forms of rules."""
        return self.sieve.find_numbers(text)

    def weigh(self, numbers: Numbers, least: float) -> Weight:
        """What the forms of some numbers weigh together. Its twin is `weigh_forms` of the compiled kernel."""
        kernel = compiled_kernel()
        if kernel:
            return Weight(*kernel.weigh_forms(numbers, self._odds, self._safe, least))
        odds = self._odds[numbers]
        return Weight(int(np.count_nonzero(odds >= least)), float(odds.sum()), bool(self._safe[numbers].any()))

    def odds(self, numbers: Numbers) -> list[float]:
        """The odds of the forms of some numbers, in nats."""
        odds: list[float] = self._odds[numbers].tolist()
        return odds

    def strong(self, numbers: Numbers, least: float) -> list[str]:
        """Those of the forms of some numbers whose odds are `least` or more."""
        return [self.sieve.forms[number] for number in numbers[self._odds[numbers] >= least].tolist()]
