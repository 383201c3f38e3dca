"""Ranks: known answers, and error spent over looks by no more than it may."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import stats
from stats_support import FULL, LOOKS, finite


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


def test_confidence_at_is_that_of_a_single_look() -> None:
    """8 blocks with ranks 1..8 miss the median in 2 of 256 cases; before the first look there is no interval."""
    assert stats.confidence_at(FULL, 8) == 1 - 2 / 256
    assert stats.confidence_at(FULL, 7) is None
