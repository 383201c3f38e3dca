"""The middle of some values, the interval of given ranks, and what follows from an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones; ValueError for nothing or NaN."""
    ordered = ordered_numbers(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def interval(values: Sequence[float], rank: int) -> tuple[float, float]:
    """The values of rank ``rank`` from below and from above; ValueError where they would pass each other."""
    ordered = ordered_numbers(values)
    if not 1 <= rank <= (len(ordered) + 1) // 2:
        raise ValueError(f"rank {rank} of {len(ordered)} values, expected 1 to {(len(ordered) + 1) // 2}")
    return ordered[rank - 1], ordered[-rank]


def minimum_detectable(low: float, high: float) -> float:
    """The smallest effect that the present interval could have told from none: half its width (of ratios: in logs)."""
    if not low <= high:
        raise ValueError(f"an interval from {low} to {high}, expected its lower end first")
    return (high - low) / 2


def equivalence(low: float, high: float, least: float, most: float) -> bool | None:
    """Whether an interval proves a value to lie within a margin (True), outside it (False), or neither (None).

    True when the whole interval lies within [least, most], whose ends belong to it; False when none of it does.
    Including an interval of confidence 1 - 2a is the two one-sided tests at level a each (W. J. Westlake, Biometrics
    32, 1976; D. J. Schuirmann, J. Pharmacokin. Biopharm. 15, 1987); the intervals here are of 1 - a, so that each
    side errs half as often as these tests would. ValueError for ends that pass each other.
    """
    if not (low <= high and least <= most):
        raise ValueError(
            f"an interval from {low} to {high} and a margin from {least} to {most}, expected low end first"
        )
    if least <= low and high <= most:
        return True
    return False if high < least or low > most else None


def ordered_numbers(values: Sequence[float]) -> list[float]:
    """The values from least to greatest; ValueError for nothing or NaN."""
    if not values:
        raise ValueError("no values, expected at least one")
    if any(math.isnan(value) for value in values):
        raise ValueError(f"NaN among {len(values)} values, expected numbers only")
    return sorted(values)
