"""Which order statistics bound a median, at one look or spent over several; exact, by counting paths.

Sources: the order-statistic interval of the median and its binomial coverage (H. A. David and H. N. Nagaraja, Order
Statistics, 2003, section 7.1); repeated looks by recursion over the walk (P. Armitage, C. K. McPherson and B. C. Rowe,
J. R. Statist. Soc. A 132, 1969); spending functions (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983; the power
family: K. Kim and D. L. DeMets, Biometrika 74, 1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

ALPHA = 0.05
"""The chance of a wrong exclusion that one run may spend on one comparison, over all its looks."""

SPENDING_POWER = 2 / 3
"""By the time a fraction t of the last look is measured, ALPHA * t ** (2/3) may be spent.

Between 0.62 and 0.67 one power serves all plans: the short one may decide at 6 blocks of 12 (1..6 costs 3.1 % of the
3.15 % allowed), and the long one keeps enough for 17..32 at 48. A power of 1 would forbid the first, 0.5 the second.
"""


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


def confidence_at(looks: tuple[int, ...], n: int) -> float | None:
    """The confidence of the interval at ``n`` blocks as if it were the only one; None where there is none."""
    rank = rank_at(looks, n)
    return None if rank is None else 1 - crossing_probability((n,), (rank,))


def first_look(looks: tuple[int, ...]) -> int:
    """The least number of blocks that gives an interval; ValueError where no look does."""
    bearing = [look for look, rank in zip(looks, spend(looks), strict=True) if rank]
    if not bearing:
        raise ValueError(f"no interval is possible at looks {looks}: one of them must be 6 blocks or more")
    return bearing[0]


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
