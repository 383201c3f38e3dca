"""Medians and intervals: known answers, laws, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from perflab import stats
from stats_support import series


def test_median_of_odd_and_even() -> None:
    """The middle one of three, the mean of the middle two of four."""
    assert stats.median([3, 1, 2]) == 2
    assert stats.median([4, 1, 3, 2]) == 2.5


@given(series)
def test_interval_of_any_rank_holds_the_median(values: list[float]) -> None:
    """Low, median and high are in this order for every rank there is."""
    for rank in range(1, (len(values) + 1) // 2 + 1):
        low, high = stats.interval(values, rank)
        assert low <= stats.median(values) <= high


def test_interval_takes_ranks_from_both_ends() -> None:
    """Rank 2 of five values are the second smallest and the second largest."""
    assert stats.interval([50, 10, 40, 20, 30], 2) == (20, 40)


@pytest.mark.parametrize("rank", [0, 4, -1])
def test_interval_refuses_ranks_that_pass_each_other(rank: int) -> None:
    """A rank beyond the middle is no interval."""
    with pytest.raises(ValueError, match="expected 1 to 3"):
        stats.interval([1, 2, 3, 4, 5], rank)
    with pytest.raises(ValueError, match="expected 1 to 2"):
        stats.interval([1, 2, 3, 4], 3)


@pytest.mark.parametrize(
    "verb",
    [
        stats.median,
        stats.lag1_autocorrelation,
        stats.split_half_drift,
        stats.split_half_p,
        stats.bootstrap_interval,
    ],
)
@pytest.mark.parametrize("values", [[], [1.0, math.nan, 2.0]])
def test_nothing_and_nan_are_refused(verb, values: list[float]) -> None:
    """No statistic is made of nothing or of NaN; the error says which it was."""
    with pytest.raises(ValueError, match=r"no values|NaN among 3 values|0 values"):
        verb(values)


def test_interval_refuses_nan() -> None:
    """NaN has no rank."""
    with pytest.raises(ValueError, match="NaN among 2 values"):
        stats.interval([math.nan, 1.0], 1)


def test_minimum_detectable_is_half_the_width() -> None:
    """An interval of -1 to 3 could have told 2 from none."""
    assert stats.minimum_detectable(-1.0, 3.0) == 2.0
    with pytest.raises(ValueError, match="lower end first"):
        stats.minimum_detectable(3.0, -1.0)


@pytest.mark.parametrize(
    ("low", "high", "proven"),
    [
        (-0.5, 0.5, True),
        (-1, 1, True),
        (-1.1, 1, None),
        (-1, 1.1, None),
        (-3, 3, None),
        (1.1, 2, False),
        (1, 2, None),
        (-2, -1.1, False),
        (-2, -1, None),
    ],
)
def test_equivalence_by_inclusion(low: float, high: float, proven: bool | None) -> None:
    """Proven within when all of the interval is, ends included; outside when none is; else neither."""
    assert stats.equivalence(low, high, -1, 1) is proven


@pytest.mark.parametrize("ends", [(1, 0, -1, 1), (0, 1, 1, -1), (math.nan, 1, -1, 1)])
def test_equivalence_refuses_ends_that_pass_each_other(ends: tuple[float, float, float, float]) -> None:
    """An interval or a margin the wrong way round, or none at all, is a mistake."""
    with pytest.raises(ValueError, match="expected low end first"):
        stats.equivalence(*ends)
