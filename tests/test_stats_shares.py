"""Shares: exact binomial intervals, one at a time and over all looks."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import stats
from perflab.stats import shares
from stats_support import LOOKS


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (3, 10, 0.0667, 0.6525),
        (6, 6, 0.5407, 1.0),
        (2000, 5000, 0.3864, 0.4137),
    ],
)
def test_clopper_pearson_is_the_tables(successes: int, trials: int, low: float, high: float) -> None:
    """The exact binomial interval agrees with printed tables, also where powers would overflow."""
    assert stats.clopper_pearson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_clopper_pearson_is_symmetric_and_nested(counts: tuple[int, int], confidence: float) -> None:
    """Swapping success and failure mirrors the interval, and it holds the observed share."""
    successes, trials = counts
    low, high = stats.clopper_pearson(successes, trials, confidence)
    mirrored = stats.clopper_pearson(trials - successes, trials, confidence)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-9)
    assert low <= successes / trials <= high


@given(st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(1e-6, 1 - 1e-6))
def test_binomial_tail_is_the_exact_sum(counts: tuple[int, int], p: float) -> None:
    """Summing outwards from the likeliest count leaves nothing out, on whichever side of the tail's start it lies."""
    (successes, trials), exactly = counts, Fraction(p)
    terms = (math.comb(trials, k) * exactly**k * (1 - exactly) ** (trials - k) for k in range(successes, trials + 1))
    assert shares._binomial_tail(successes, trials, p) == pytest.approx(float(sum(terms)), rel=1e-11, abs=1e-290)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, 0)])
def test_clopper_pearson_refuses_impossible_counts(successes: int, trials: int) -> None:
    """More successes than trials, or no trials, are refused."""
    with pytest.raises(ValueError, match="expected 0 to trials"):
        stats.clopper_pearson(successes, trials)


@pytest.mark.parametrize("looks", LOOKS)
def test_shares_cover_at_all_looks_together(looks: tuple[int, ...]) -> None:
    """For no true share do the intervals of all looks miss it in more than 5 % of runs."""
    intervals = {look: _share_intervals(looks, look) for look in looks}
    ends = {end for ends in intervals.values() for pair in ends for end in pair}
    shares = {p for end in ends for p in (end - 1e-9, end + 1e-9)} | {k / 100 for k in range(1, 100)}
    assert max(_ever_missed(intervals, p) for p in shares if 0 < p < 1) <= stats.ALPHA


def _share_intervals(looks: tuple[int, ...], look: int) -> list[tuple[float, float]]:
    trials, confidence = stats.share_look(looks, look) or (0, 0.0)
    assert trials == look
    return [stats.clopper_pearson(successes, trials, confidence) for successes in range(look + 1)]


def _ever_missed(intervals: dict[int, list[tuple[float, float]]], p: float) -> float:
    alive, missed = {0: 1.0}, 0.0
    for n in range(1, max(intervals) + 1):
        alive = {
            k: alive.get(k, 0.0) * (1 - p) + alive.get(k - 1, 0.0) * p
            for k in range(n + 1)
            if k in alive or k - 1 in alive
        }
        for k in [k for k in alive if n in intervals and not intervals[n][k][0] <= p <= intervals[n][k][1]]:
            missed += alive.pop(k)
    return missed


def test_share_rests_on_the_last_look_passed() -> None:
    """Nothing before the first look; six of six exclude a half; later blocks wait for the next look."""
    assert stats.share_look((6, 8, 12), 5) is None
    assert stats.share_look((6, 8, 12), 7) == (6, 0.968)
    assert stats.share_look((6, 8, 12), 12) == (12, 0.968)
    assert stats.clopper_pearson(6, *stats.share_look((6, 8, 12), 6))[0] > 0.5


@pytest.mark.parametrize("looks", LOOKS)
def test_share_of_an_outcome_that_always_comes_narrows(looks: tuple[int, ...]) -> None:
    """A look later never takes back what an earlier one allowed for an outcome that always comes."""
    lows = [_share_intervals(looks, look)[look][0] for look in looks]
    assert lows == sorted(lows)
