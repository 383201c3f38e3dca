"""Known answers, laws, and a seeded simulation of the statistics."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import stats
from perflab.model import PLANS
from perflab.stats import guards, shares

LOOKS = [plan.looks for plan in PLANS.values()]
FULL = (6, 8, 12, 18, 24, 36, 48)

finite = st.floats(-1e9, 1e9)
series = st.lists(finite, min_size=1, max_size=40)


@pytest.mark.parametrize(("n", "rank"), [(1, None), (5, None), (6, 1), (8, 1), (9, 2), (12, 3), (20, 6), (100, 40)])
def test_rank_of_a_single_look_is_the_tables(n: int, rank: int | None) -> None:
    """The ranks of the sign-test interval are those of the printed tables."""
    assert stats.sign_test_rank(n) == rank


def test_more_confidence_needs_more_blocks() -> None:
    """Seven blocks are the least for 98 %, where six do for 95 %."""
    assert stats.sign_test_rank(6, 0.98) is None
    assert stats.sign_test_rank(7, 0.98) == 1
    assert stats.sign_test_rank(6, 1 - 1 / 32) == 1


def test_crossing_is_the_binomial_tail_for_one_look() -> None:
    """Ranks 3..10 of 12 miss the median when at most 2 of 12 coins show one side."""
    assert stats.crossing_probability((12,), (3,)) == 2 * (1 + 12 + 66) / 4096


def test_crossing_of_several_looks_counts_every_path_once() -> None:
    """The dynamic programme agrees with walking all 2**10 paths."""
    looks, ranks = (4, 7, 10), (1, None, 2)
    missed = sum(_path_crosses(signs, looks, ranks) for signs in product((0, 1), repeat=10))
    assert stats.crossing_probability(looks, ranks) == Fraction(missed, 2**10)


def _path_crosses(signs: tuple[int, ...], looks: tuple[int, ...], ranks: tuple[int | None, ...]) -> bool:
    below = [sum(signs[:look]) for look in looks]
    return any(
        rank is not None and (b < rank or look - b < rank) for b, look, rank in zip(below, looks, ranks, strict=True)
    )


@pytest.mark.parametrize("looks", [(), (0, 6), (8, 6), (6, 6)])
def test_looks_must_ascend(looks: tuple[int, ...]) -> None:
    """Looks that do not ascend from 1 are refused by name."""
    with pytest.raises(ValueError, match="ascending"):
        stats.crossing_probability(looks, (1,) * len(looks))


@pytest.mark.parametrize(
    ("looks", "ranks", "spent"),
    [
        ((6, 8, 12), (1, 1, 2), 0.0342),
        ((6, 8, 12, 18, 24), (None, 1, 2, 5, 7), 0.0461),
        (FULL, (None, 1, 2, 4, 6, 11, 17), 0.0468),
    ],
)
def test_plans_spend_what_they_may(looks: tuple[int, ...], ranks: tuple[int | None, ...], spent: float) -> None:
    """The declared looks of the plans have these ranks and spend less than 5 % together."""
    assert stats.spend(looks) == ranks
    assert stats.crossing_probability(looks, ranks) == pytest.approx(spent, abs=5e-5)


@given(st.sets(st.integers(1, 30), min_size=1, max_size=6), st.sampled_from([0.01, 0.05, 0.2]))
def test_no_looks_spend_more_than_alpha(looks: set[int], alpha: float) -> None:
    """Whatever the looks, all of them together exclude the true median with at most alpha."""
    ordered = tuple(sorted(looks))
    assert stats.crossing_probability(ordered, stats.spend(ordered, alpha)) <= alpha


@pytest.mark.parametrize("looks", LOOKS)
def test_a_rank_more_at_the_last_look_would_overspend(looks: tuple[int, ...]) -> None:
    """Nothing that may be spent at the end is left unused."""
    *early, last = stats.spend(looks)
    assert last is not None
    assert stats.crossing_probability(looks, (*early, last + 1)) > stats.ALPHA


def test_rank_between_looks_is_that_of_the_last_one_passed() -> None:
    """Before the first look with a rank there is none, and 11 blocks use the rank of 8."""
    ranks = [stats.rank_at(FULL, n) for n in (0, 5, 6, 7, 8, 11, 12, 17, 47, 48, 60)]
    assert ranks == [None, None, None, None, 1, 1, 2, 2, 11, 17, 17]
    assert [stats.first_look(looks) for looks in LOOKS] == [6, 8, 8]


def test_looks_too_early_for_any_interval_are_refused() -> None:
    """A plan of five blocks can never decide, and says so."""
    with pytest.raises(ValueError, match="6 blocks or more"):
        stats.first_look((3, 5))


@given(st.lists(finite, min_size=8, max_size=8), st.lists(finite, max_size=10))
def test_interval_with_further_blocks_contains_that_of_the_look(first: list[float], more: list[float]) -> None:
    """Between looks the interval of the same rank only grows, so it spends nothing."""
    low, high = stats.interval(first, 1)
    later_low, later_high = stats.interval(first + more, 1)
    assert later_low <= low <= high <= later_high


@pytest.mark.parametrize("looks", LOOKS)
def test_sequential_plan_covers_the_median_in_simulation(looks: tuple[int, ...]) -> None:
    """Of 3000 skewed runs fewer than 5 % exclude the true median at any block, looked at after every one."""
    draw = random.Random(20261122)
    missed = sum(
        _ever_excludes([draw.expovariate(1.0) for _ in range(looks[-1])], looks, math.log(2)) for _ in range(3000)
    )
    assert 0.02 < missed / 3000 < 0.05


def _ever_excludes(values: list[float], looks: tuple[int, ...], true: float) -> bool:
    for n in range(1, len(values) + 1):
        rank = stats.rank_at(looks, n)
        if rank is not None:
            low, high = stats.interval(values[:n], rank)
            if not low <= true <= high:
                return True
    return False


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


def test_minimum_detectable_is_half_the_width() -> None:
    """An interval of -1 to 3 could have told 2 from none."""
    assert stats.minimum_detectable(-1.0, 3.0) == 2.0
    with pytest.raises(ValueError, match="lower end first"):
        stats.minimum_detectable(3.0, -1.0)


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


def test_confidence_at_is_that_of_a_single_look() -> None:
    """8 blocks with ranks 1..8 miss the median in 2 of 256 cases; before the first look there is no interval."""
    assert stats.confidence_at(FULL, 8) == 1 - 2 / 256
    assert stats.confidence_at(FULL, 7) is None


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
