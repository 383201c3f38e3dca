"""Vectors whose exact sums are known, of a given condition number: the same for all who ask with one seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NUMBERS, VECTORS = 2000, 96

TURNS = (0, 501, 1003, 1499)
"""Each vector is also given from other places on, its beginning at its end: other roundings, quickly made."""

REMAINDER = 100
"""How many numbers of an ill-conditioned vector are not cancelled by another."""

UNIT = 2**53
"""Random numbers between 0 and 1 are multiples of its inverse, so their exact sum is a whole number of them."""


@dataclass(frozen=True, slots=True)
class Family:
    """Vectors with their exact sums, as whole numbers of 1 / UNIT."""

    vectors: Sequence[Any]
    sums: Sequence[int]

    def errors(self, answers: Sequence[float]) -> list[float]:
        """How far each answer is from the exact sum of its vector, in units in the last place of that sum."""
        return [_ulps(answer, exact) for answer, exact in zip(answers, self.sums, strict=False)]


def _ulps(answer: float, exact: int) -> float:
    nearest = exact / UNIT
    beyond = (exact - int(nearest * UNIT)) / UNIT  # what the nearest float leaves out
    return abs((answer - nearest) - beyond) / math.ulp(nearest)


def family(condition: int, seed: int) -> Family:
    """Positive numbers for a condition of 1; otherwise pairs that cancel, large and small, and a few that remain.

    Vectors as they were drawn come first, then all of them turned. The condition number, the sum of magnitudes over the
    magnitude of the sum, is met to within a factor of two.
    """
    import numpy as np

    chance = np.random.default_rng([seed, condition])
    if condition == 1:
        numbers = chance.random((VECTORS, NUMBERS))
        return _turned(numbers, _exact(numbers))
    remainder = chance.random((VECTORS, REMAINDER))
    half = (VECTORS, (NUMBERS - REMAINDER) // 2)
    spread = chance.integers(0, 1 + round(math.log2(condition) / 2), half)
    cancelling = np.ldexp(chance.random(half), spread)
    wanted = condition * remainder.sum() / (2 * cancelling.sum())
    cancelling = np.ldexp(cancelling, round(math.log2(wanted)))
    numbers = chance.permuted(np.hstack([cancelling, -cancelling, remainder]), axis=1)
    return _turned(numbers, _exact(remainder))


def _turned(numbers: Any, exact: list[int]) -> Family:
    import numpy as np

    return Family(list(np.vstack([np.roll(numbers, turn, axis=1) for turn in TURNS])), exact * len(TURNS))


def _exact(numbers: Any) -> list[int]:
    """The sum of each row in units of 1 / UNIT, added up in two halves that both stay within int64."""
    units = (numbers * UNIT).astype("int64")
    upper, lower = (units >> 26).sum(axis=1), (units & (2**26 - 1)).sum(axis=1)
    return [(int(high) << 26) + int(low) for high, low in zip(upper, lower, strict=True)]
