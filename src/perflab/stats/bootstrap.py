"""A second opinion on a median: resampling whole blocks, which assumes what ranks do not and fails where they do not.

A block's value is already paired (its log ratio, case against control in the same minutes), so whole blocks are drawn
again. The interval is the plain percentile one (B. Efron, Ann. Statist. 7, 1979; B. Efron and R. J. Tibshirani, An
Introduction to the Bootstrap, 1993, chapter 13). BCa would correct it by an acceleration that is found by leaving out
each block in turn, a jackknife that is not consistent for the median (Efron and Tibshirani, section 11.6). Below
LEAST_BLOCKS the medians of resamples take so few values that the interval means little.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from perflab.stats.intervals import ordered_numbers
from perflab.stats.ranks import ALPHA

LEAST_BLOCKS = 20

RESAMPLES = 2000
"""Efron and Tibshirani ask for 1000 or more for the ends of an interval of 95 %."""


def bootstrap_interval(
    values: Sequence[float], confidence: float = 1 - ALPHA, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """The percentile interval of the median of resampled blocks; None below LEAST_BLOCKS blocks.

    The seed is fixed, so that a stored run says the same each time it is shown. For one look: repeated looks are the
    business of ``ranks``. ValueError for nothing, NaN, or a confidence that so few resamples cannot give.
    """
    ordered = ordered_numbers(values)
    if len(ordered) < LEAST_BLOCKS:
        return None
    beyond = int((resamples + 1) * (1 - confidence) / 2)
    if beyond < 1:
        raise ValueError(f"{resamples} resamples give no interval of {confidence:.2%}, expected more of them")
    medians = sorted((ordered[i] + ordered[j]) / 2 for i, j in _middles(len(ordered), resamples, seed))
    return medians[beyond - 1], medians[-beyond]


@cache
def _middles(n: int, resamples: int, seed: int) -> tuple[tuple[int, int], ...]:
    """The two middle places (one, twice, for odd n) of each resample of n ordered values.

    A resample draws places, whatever stands there: with a fixed seed they serve every series of that length.
    """
    draw = random.Random(seed)
    drawn = (sorted(draw.choices(range(n), k=n)) for _ in range(resamples))
    return tuple((places[(n - 1) // 2], places[n // 2]) for places in drawn)
