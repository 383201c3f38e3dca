"""The guards of the blocks, and the bootstrap's second opinion: known distributions, all orders, false alarms."""

from __future__ import annotations

import math
import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import stats
from perflab.stats import guards
from stats_support import finite


def test_autocorrelation_sees_alternation_and_trend() -> None:
    """Alternating blocks correlate negatively, a trend positively, a constant not at all."""
    assert stats.lag1_autocorrelation([1, -1] * 4) == -7 / 8
    assert stats.lag1_autocorrelation([1, 2, 3, 4, 5]) == 0.4
    assert stats.lag1_autocorrelation([2, 2, 2]) == 0.0
    with pytest.raises(ValueError, match="3 or more"):
        stats.lag1_autocorrelation([1, 2])


def test_drift_compares_the_halves() -> None:
    """The later half lies 3 above the earlier, the middle value belongs to neither."""
    assert stats.split_half_drift([1, 2, 100, 4, 5]) == 3
    assert stats.split_half_drift([1, 3]) == 2
    with pytest.raises(ValueError, match="2 or more"):
        stats.split_half_drift([1])


def test_bootstrap_needs_twenty_blocks() -> None:
    """19 give no second opinion, 20 do; a constant is its own interval."""
    assert stats.bootstrap_interval([1.0] * 19) is None
    assert stats.bootstrap_interval([1.0] * 20) == (1.0, 1.0)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_bootstrap_of_an_odd_count_has_the_known_distribution(confidence: float) -> None:
    """The median of a resample of 2m+1 exceeds x_(k) when at most m of its draws are among the k least (Efron 1979)."""
    n, m, tail = 41, 20, (1 - confidence) / 2
    exceeds = [sum(math.comb(n, j) * (k / n) ** j * (1 - k / n) ** (n - j) for j in range(m + 1)) for k in range(n + 1)]
    assert min(abs(share - end) for share in exceeds for end in (tail, 1 - tail)) > 0.002  # beyond resampling error
    low = next(k for k in range(n + 1) if 1 - exceeds[k] > tail)
    high = next(k for k in range(n + 1) if 1 - exceeds[k] > 1 - tail)
    assert stats.bootstrap_interval([float(k) for k in range(1, n + 1)], confidence, 20_000) == (low, high)


@given(st.lists(finite, min_size=20, max_size=30), st.randoms())
def test_bootstrap_is_of_the_values_whatever_their_order(values: list[float], shuffler: random.Random) -> None:
    """The same blocks in another order have the same interval, which lies among them."""
    again = list(values)
    shuffler.shuffle(again)
    low, high = stats.bootstrap_interval(values, 0.9, 200) or (0.0, 0.0)
    assert (low, high) == stats.bootstrap_interval(again, 0.9, 200)
    assert min(values) <= low <= high <= max(values)


def test_bootstrap_refuses_a_confidence_beyond_its_resamples() -> None:
    """200 resamples have no outermost thousandth."""
    with pytest.raises(ValueError, match="expected more of them"):
        stats.bootstrap_interval([1.0] * 20, 0.999, 200)


def test_halves_by_ranks_agree_with_all_orders() -> None:
    """For every order of six values the chance is the share of all 720 that part the halves as far."""
    orders = list(permutations(range(6)))
    won = [sum(b > a for a in order[:3] for b in order[3:]) for order in orders]
    for order, pairs in list(zip(orders, won, strict=True))[::37]:
        as_far = sum(max(u, 9 - u) >= max(pairs, 9 - pairs) for u in won)
        assert stats.split_half_p(order) == pytest.approx(as_far / 720)


def test_halves_that_are_wholly_apart_are_as_rare_as_can_be() -> None:
    """Of 24 blocks, 2 orders of C(24, 12); the middle one of 25 belongs to neither half."""
    rarest = 2 / math.comb(24, 12)
    assert stats.split_half_p(range(24)) == stats.split_half_p(range(24, 0, -1)) == rarest
    assert stats.split_half_p([*range(12), -5, *range(12, 24)]) == rarest


def test_ties_never_make_a_drift_rarer() -> None:
    """Equal blocks do not drift, and making two halves touch only makes their chance larger."""
    assert stats.split_half_p([3.0] * 12) == 1.0
    assert stats.split_half_p([1, 2, 3, 3, 4, 5]) > stats.split_half_p([1, 2, 3, 4, 5, 6])


def test_permutations_find_a_trend_and_nothing_in_disorder() -> None:
    """A trend is rarer than 1 in 1000; alternation too, the other way; a constant is as likely as can be."""
    for values in ([0.1 * block for block in range(16)], [0.0, 0.1] * 8):
        assert stats.lag1_p(values, 0.001) <= 0.001
    assert stats.lag1_p([0.1] * 16, 0.001) == 1.0
    assert stats.lag1_p([4, 1, 3, 5, 2, 6, 3, 1], 0.01) > 0.05


def test_permutations_agree_with_all_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 720 orders of six values the share that correlate as strongly is what drawing 4000 finds."""
    monkeypatch.setattr(guards, "DEPTH", 4000)  # so that drawing does not stop early
    values = [0.0, 1.0, 2.0, 4.0, 7.0, 5.0]
    sizes = [abs(stats.lag1_autocorrelation(order)) for order in permutations(values)]
    share = sum(size >= sizes[0] - 1e-12 for size in sizes) / 720
    assert 0.05 < share < 0.3
    assert stats.lag1_p(values, 1.0) == pytest.approx(share, abs=5 * math.sqrt(share / 4000))


def test_permutations_stop_when_the_answer_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trend takes two thousand orders for one in a thousand; where every order matches, two are enough."""
    assert stats.lag1_p(list(range(16)), 0.001) == 1 / 2001
    asked: list[object] = []
    monkeypatch.setattr(guards, "_neighbours", lambda apart: asked.append(apart) or 0.0)
    assert stats.lag1_p([1.0, 2.0] * 8, 0.001) == 1.0
    assert len(asked) == 1 + 2  # the present order and two others


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_guards_keep_their_false_alarm_rate(alpha: float) -> None:
    """Of 1000 series of skewed blocks no more than alpha of each guard are called suspicious, beyond sampling error."""
    draw = random.Random(20261122)
    series = [[draw.expovariate(1.0) for _ in range(14)] for _ in range(1000)]
    allowed = 1000 * (alpha + 5 * math.sqrt(alpha * (1 - alpha) / 1000))
    assert 0 < sum(stats.split_half_p(values) <= alpha for values in series) < allowed
    found = sum(stats.lag1_p(values, alpha) <= alpha for values in series)
    assert 0 < found < allowed
