"""Exact, distribution-free statistics of a few dozen block values; nothing but the standard library.

Everything is a pure function of its arguments. Sources: the order-statistic interval of the median and its binomial
coverage (H. A. David and H. N. Nagaraja, Order Statistics, 2003, section 7.1); repeated looks by recursion over the
walk (P. Armitage, C. K. McPherson and B. C. Rowe, 1969); spending functions (K. K. G. Lan and D. L. DeMets, 1983; the
power family: K. Kim and D. L. DeMets, 1987); the binomial interval (C. J. Clopper and E. S. Pearson, 1934).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

ALPHA = 0.05
"""The chance of a wrong exclusion that one run may spend on one comparison, over all its looks."""

SPENDING_POWER = 2 / 3
"""By the time a fraction t of the last look is measured, ALPHA * t ** (2/3) may be spent.

Between 0.62 and 0.67 one power serves all plans: the short one may decide at 6 blocks of 12 (1..6 costs 3.1 % of the
3.15 % allowed), and the long one keeps enough for 17..32 at 48. A power of 1 would forbid the first, 0.5 the second.
"""

FIRST_SHARE_ALPHA = 0.032
"""What a share may spend at the first look: just more than 1/32, so that 6 of 6 blocks exclude a half."""

LATER_SHARE_ALPHA = 0.064
"""What it may spend nominally over the other looks, in equal parts; see :func:`share_look` for what it really costs."""


def sign_test_rank(n: int, confidence: float = 1 - ALPHA) -> int | None:
    """The largest k for which [x_(k), x_(n+1-k)] covers the median with at least ``confidence``; None where none does.

    Ranks count from 1. For a single look; for several see :func:`spend`.
    """
    best = None
    for k in range(1, n // 2 + 1):
        if crossing_probability((n,), (k,)) > 1 - confidence:
            break
        best = k
    return best


def crossing_probability(looks: Sequence[int], ranks: Sequence[int | None]) -> float:
    """The chance that at any of the looks (block counts) the interval of that look's rank excludes the true median.

    Each block lies below the median with chance 1/2 (ties only make it rarer), so the number below is a fair coin's
    walk; the interval excludes the median when fewer than ``rank`` blocks lie on one side. Paths are counted as
    integers, hence exactly. A rank of None is no look. ValueError for looks that do not ascend.
    """
    _check_looks(looks)
    paths, crossed, n = {0: 1}, 0, 0
    for look, rank in zip(looks, ranks, strict=True):
        for _ in range(look - n):
            paths = _toss(paths)
        crossed, n = crossed << (look - n), look
        for below in [below for below in paths if rank and min(below, n - below) < rank]:
            crossed += paths.pop(below)
    return crossed / (1 << n)


@cache
def spend(looks: tuple[int, ...], alpha: float = ALPHA) -> tuple[int | None, ...]:
    """The rank to use at each look, so that all looks together exclude the true median with at most ``alpha``.

    Greedy: each look takes the largest rank for which what is spent so far stays under the spending function
    (SPENDING_POWER). None where not even the outermost blocks may be used yet.
    """
    ranks: tuple[int | None, ...] = ()
    for index, look in enumerate(looks):
        allowed = alpha * (look / looks[-1]) ** SPENDING_POWER
        passed = looks[: index + 1]
        fitting = [k for k in range(1, look // 2 + 1) if crossing_probability(passed, (*ranks, k)) <= allowed]
        ranks = (*ranks, max(fitting, default=None))
    return ranks


def rank_at(looks: tuple[int, ...], n: int) -> int | None:
    """The rank to use when a run holds ``n`` blocks: that of the last look passed; None before the first that has one.

    Between looks this spends nothing more: with further blocks the k-th smallest can only fall and the k-th largest
    only rise, so the interval of ranks k .. n+1-k contains the one of the look, and excludes the median only if that
    one did, which is already paid for.
    """
    passed = [rank for look, rank in zip(looks, spend(looks), strict=True) if look <= n]
    return passed[-1] if passed else None


def first_look(looks: tuple[int, ...]) -> int:
    """The least number of blocks that gives an interval; ValueError where no look does."""
    bearing = [look for look, rank in zip(looks, spend(looks), strict=True) if rank]
    if not bearing:
        raise ValueError(f"no interval is possible at looks {looks}: one of them must be 6 blocks or more")
    return bearing[0]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones; ValueError for nothing or NaN."""
    ordered = _ordered(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def interval(values: Sequence[float], rank: int) -> tuple[float, float]:
    """The values of rank ``rank`` from below and from above; ValueError where they would pass each other."""
    ordered = _ordered(values)
    if not 1 <= rank <= (len(ordered) + 1) // 2:
        raise ValueError(f"rank {rank} of {len(ordered)} values, expected 1 to {(len(ordered) + 1) // 2}")
    return ordered[rank - 1], ordered[-rank]


def clopper_pearson(successes: int, trials: int, confidence: float = 1 - ALPHA) -> tuple[float, float]:
    """The exact interval of a share: each end is where the binomial tail beyond the observed count is (1 - c) / 2."""
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials, expected 0 to trials, and at least one trial")
    tail = (1 - confidence) / 2
    low = _bisect(lambda p: _binomial_tail(successes, trials, p) > tail) if successes else 0.0
    high = 1 - _bisect(lambda q: _binomial_tail(trials - successes, trials, q) > tail) if successes < trials else 1.0
    return low, high


def share_look(looks: tuple[int, ...], n: int) -> tuple[int, float] | None:
    """How many of ``n`` blocks a share's interval rests on, and its confidence; None before the first look.

    Asking Clopper-Pearson for 95 % at every look would miss the true share in up to 13 % of runs of seven looks.
    With these levels the worst true share is missed in less than 5 % of runs of each plan (the tests walk all looks
    for every share), and 6 of 6 still excludes a half. Blocks after the last look wait for the next one: unlike
    intervals of ranks, binomial ones are not nested.
    """
    passed = [look for look in looks if look <= n]
    if not passed:
        return None
    if len(passed) == 1:
        return passed[0], 1 - FIRST_SHARE_ALPHA
    return passed[-1], 1 - LATER_SHARE_ALPHA / (len(looks) - 1)


def minimum_detectable(low: float, high: float) -> float:
    """The smallest effect that the present interval could have told from none: half its width (of ratios: in logs)."""
    if not low <= high:
        raise ValueError(f"an interval from {low} to {high}, expected its lower end first")
    return (high - low) / 2


def lag1_autocorrelation(values: Sequence[float]) -> float:
    """The correlation of each block with the next: far from 0, blocks are no replicates. 0 for a constant series."""
    _ordered(values)
    if len(values) < 3:
        raise ValueError(f"{len(values)} values have no autocorrelation, expected 3 or more")
    mean = math.fsum(values) / len(values)
    apart = [value - mean for value in values]
    square = math.fsum(x * x for x in apart)
    return math.fsum(a * b for a, b in pairwise(apart)) / square if square else 0.0


def split_half_drift(values: Sequence[float]) -> float:
    """The median of the later half minus that of the earlier one (a middle value belongs to neither)."""
    _ordered(values)
    if len(values) < 2:
        raise ValueError(f"{len(values)} values have no halves, expected 2 or more")
    half = len(values) // 2
    return median(values[-half:]) - median(values[:half])


def _toss(paths: dict[int, int]) -> dict[int, int]:
    """The number of paths to each count after one more fair coin."""
    after: dict[int, int] = {}
    for below, ways in paths.items():
        after[below] = after.get(below, 0) + ways
        after[below + 1] = after.get(below + 1, 0) + ways
    return after


def _check_looks(looks: Sequence[int]) -> None:
    if not looks or looks[0] < 1 or any(a >= b for a, b in pairwise(looks)):
        raise ValueError(f"looks {tuple(looks)}, expected ascending block counts from 1 on")


def _ordered(values: Sequence[float]) -> list[float]:
    if not values:
        raise ValueError("no values, expected at least one")
    if any(math.isnan(value) for value in values):
        raise ValueError(f"NaN among {len(values)} values, expected numbers only")
    return sorted(values)


def _binomial_tail(successes: int, trials: int, p: float) -> float:
    """P(X >= successes) for X binomial and 0 < p < 1; by logarithms, so that thousands of trials do not overflow."""
    log_p, log_q = math.log(p), math.log1p(-p)
    return math.fsum(
        math.exp(_log_choose(trials, k) + k * log_p + (trials - k) * log_q) for k in range(successes, trials + 1)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _bisect(beyond: Callable[[float], bool]) -> float:
    """The last point of (0, 1) before ``beyond``, a condition that once true stays true; neither end is ever asked."""
    low, high = 0.0, 1.0
    for _ in range(50):  # from the 54th on a middle could round to 1
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return low
