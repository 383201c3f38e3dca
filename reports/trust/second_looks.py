"""How often the guards cry wolf, what they see, and whether the bootstrap agrees with the ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping

from noise import DRIFTING, MODELS, Model
from trials import CHUNK, SCHEMES, draw, generator, intervals, null_intervals, truth, verdicts

from perflab import stats
from perflab.verdict.second_look import GUARD_BLOCKS, share_of

SCHEME = SCHEMES["default"]
BLOCKS = SCHEME.looks[-1]

SOUND = (
    "clean (layout 0 %)",
    "walk of speed, τ = 10 s",
    "bursts in 30 % of samples",
    "layout 8 %, separate processes",
    "unequal skew",
)
BROKEN = "blocks that depend on each other"

GUARDED: Mapping[str, Model] = {
    **{name: MODELS[name] for name in (*SOUND, BROKEN)},
    "a ratio that drifts by 3 %": DRIFTING,
}
"""Where the guards are tried: noise that must not alarm them, and two that should."""

RESAMPLED = (*SOUND, BROKEN)
"""Where the bootstrap is tried."""


def guarded(name: str, number: int, runs: int = CHUNK) -> dict[str, int]:
    """One chunk of runs with a single comparison whose true ratio lies on its bound, stopped as the plan stops it.

    ``long``: runs with enough blocks for a guard; ``drifting`` and ``dependent``: those that were warned.
    """
    model = GUARDED[name]
    values, twins = draw(SCHEME, model, generator(f"guards {name}", number), runs)
    ratio, twin = intervals(values, SCHEME.looks), null_intervals(SCHEME, model, twins)
    _, blocks = verdicts(SCHEME, model, ratio, twin, SCHEME.margin[model.apart])
    series = [[float(value) for value in row[:count]] for row, count in zip(values, blocks, strict=True)]
    long = [one for one in series if len(one) >= GUARD_BLOCKS]
    alpha = share_of(1)
    return {
        "runs": runs,
        "long": len(long),
        "drifting": sum(stats.split_half_p(one) <= alpha for one in long),
        "dependent": sum(stats.lag1_p(one, alpha) <= alpha for one in long),
    }


def resampled(name: str, number: int) -> dict[str, int]:
    """One chunk of runs of as many blocks as the plan has, looked at once, by ranks and by bootstrap.

    The true ratio is that of the middle of many block values; ``disputed``: one of the two excludes it, the other not.
    """
    values, _ = draw(SCHEME, MODELS[name], generator(f"bootstrap {name}", number), CHUNK)
    true = truth(SCHEME, name)
    confidence, rank = stats.confidence_at(SCHEME.looks, BLOCKS), stats.rank_at(SCHEME.looks, BLOCKS)
    counts = {"runs": CHUNK, "missed": 0, "missed_by_ranks": 0, "disputed": 0}
    for row in values:
        block_values = [float(value) for value in row]
        again = stats.bootstrap_interval(block_values, confidence or math.nan)
        ranks = stats.interval(block_values, rank or 0)
        missed = again is None or not again[0] <= true <= again[1]
        by_ranks = not ranks[0] <= true <= ranks[1]
        counts["missed"] += missed
        counts["missed_by_ranks"] += by_ranks
        counts["disputed"] += missed is not by_ranks
    return counts
