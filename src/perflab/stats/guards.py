"""Whether blocks are replicates: guards against blocks that resemble the next one, and against drift.

Everything else here takes the blocks of a run for independent draws from one distribution, in any order. Two statistics
see the commonest ways in which they are not, and a chance beside each says how often mere luck does as much.

Sources: two halves by ranks (H. B. Mann and D. R. Whitney, Ann. Math. Statist. 18, 1947); serial correlation by
permutation (A. Wald and J. Wolfowitz, Ann. Math. Statist. 14, 1943); a p-value from some random permutations that is
valid exactly (B. Phipson and G. K. Smyth, Statist. Appl. Genet. Mol. Biol. 9, 2010), and stopping early when it can no
longer be small (J. Besag and P. Clifford, Biometrika 78, 1991).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from operator import mul

from perflab.stats.intervals import median, ordered_numbers

DEPTH = 2
"""An effect may be matched by DEPTH - 1 of DEPTH / alpha random orders: one would do, two make the seed matter less."""


def lag1_autocorrelation(values: Sequence[float]) -> float:
    """The correlation of each block with the next: far from 0, blocks are no replicates. 0 for a constant series."""
    ordered_numbers(values)
    if len(values) < 3:
        raise ValueError(f"{len(values)} values have no autocorrelation, expected 3 or more")
    mean = math.fsum(values) / len(values)
    apart = [value - mean for value in values]
    square = math.fsum(x * x for x in apart)
    return math.fsum(a * b for a, b in pairwise(apart)) / square if square else 0.0


def split_half_drift(values: Sequence[float]) -> float:
    """The median of the later half minus that of the earlier one (a middle value belongs to neither)."""
    ordered_numbers(values)
    if len(values) < 2:
        raise ValueError(f"{len(values)} values have no halves, expected 2 or more")
    half = len(values) // 2
    return median(values[-half:]) - median(values[:half])


def lag1_p(values: Sequence[float], alpha: float) -> float:
    """How often chance alone gives a lag-1 correlation as large, of either sign: the share of random orders that do.

    At most ``alpha`` with a probability of at most ``alpha`` if every order is equally likely, whatever the
    distribution of the values. A p-value above ``alpha`` is rough, since drawing stops when it cannot come below.
    The seed is fixed, so that a stored run says the same each time it is shown. ValueError for nothing or NaN.
    """
    mean = math.fsum(ordered_numbers(values)) / len(values)
    apart = [value - mean for value in values]
    # an order moves the numerator of the correlation alone; rounding must not tell equal orders apart
    telling = abs(_neighbours(apart)) - 1e-12 * math.fsum(x * x for x in apart)
    chance = random.Random(0).random
    most, matched, drawn = math.ceil(DEPTH / alpha), 1, 1
    while drawn <= most and matched <= DEPTH:
        matched += abs(_neighbours(sorted(apart, key=lambda _: chance()))) >= telling
        drawn += 1
    return matched / drawn


def _neighbours(apart: Sequence[float]) -> float:
    products: float = sum(map(mul, apart, apart[1:]))
    return products


def split_half_p(values: Sequence[float]) -> float:
    """How often chance alone parts the halves as far, to either side: the exact rank test of Mann and Whitney.

    By ranks, not by the medians of :func:`split_half_drift`: of 24 blocks the greatest drift of medians comes by
    chance in 1 of 5000 orders, of ranks in 1 of 1,352,078. A tie counts against a drift, the safe side. ValueError
    below 2 values.
    """
    ordered_numbers(values)
    if len(values) < 2:
        raise ValueError(f"{len(values)} values have no halves, expected 2 or more")
    half = len(values) // 2
    signs = [(b > a) - (b < a) for a in values[:half] for b in values[-half:]]
    ways = _ways_to_win(half)
    beyond = sum(ways[max(signs.count(1), signs.count(-1)) :])
    return min(1.0, 2 * beyond / sum(ways))


@cache
def _ways_to_win(half: int) -> tuple[int, ...]:
    """In how many orders the later half wins u of the half * half pairs, by u: the Gaussian binomial's coefficients."""
    ways = [1] + [0] * half**2
    for i in range(1, half + 1):
        for u in range(half**2, half + i - 1, -1):
            ways[u] -= ways[u - half - i]
        for u in range(i, half**2 + 1):
            ways[u] += ways[u - i]
    return tuple(ways)
