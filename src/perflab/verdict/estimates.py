"""Estimate a quantity over blocks: a median with its sequential sign-test interval, a share with its binomial one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from perflab import stats
from perflab.model import Case, Estimand, Estimate, Quantity
from perflab.verdict.values import BlockTable, difference, level, log_ratio, shows

NOTHING = Estimate(None, None, None)

BlockValue = Callable[[BlockTable, bool], float | None]
"""A block's number, with its replaced rounds (True) or without."""

Tables = Sequence[BlockTable]
Looks = tuple[int, ...]


def estimate(
    tables: Tables,
    looks: Looks,
    estimand: Estimand,
    quantity: Quantity,
    case: Case,
    control: Case | None,
    expected: str,
) -> Estimate:
    """Whatever a clause asks for; an estimate of nothing where the estimand needs a control and has none."""
    if estimand is Estimand.SHARE:
        return share(tables, looks, quantity, case, expected)
    if estimand is Estimand.LEVEL:
        return own_level(tables, looks, quantity, case)
    if control is None:
        return NOTHING
    against = ratio if estimand is Estimand.RATIO else contrast
    return against(tables, looks, quantity, case, control)


def ratio(tables: Tables, looks: Looks, quantity: Quantity, case: Case, control: Case) -> Estimate:
    """Case over control as a factor; control over case where the quantity is read upside down (speed-up)."""
    upper, lower = (control, case) if quantity.inverse else (case, control)
    ours, theirs = (upper.id, quantity.observed), (lower.id, quantity.observed)
    logs = over_blocks(tables, looks, lambda table, everything: log_ratio(table, ours, theirs, everything))
    return Estimate(
        value=_exp(logs.value),
        low=_exp(logs.low),
        high=_exp(logs.high),
        values=tuple(math.exp(value) for value in logs.values),
        all_value=_exp(logs.all_value),
    )


def contrast(tables: Tables, looks: Looks, quantity: Quantity, case: Case, control: Case) -> Estimate:
    """Case minus control, in the quantity's unit."""
    ours, theirs = (case.id, quantity.observed), (control.id, quantity.observed)
    return over_blocks(tables, looks, lambda table, everything: difference(table, ours, theirs, everything))


def own_level(tables: Tables, looks: Looks, quantity: Quantity, case: Case) -> Estimate:
    """The case's own value; nothing for a quantity read upside down, which means something only against a control."""
    if quantity.inverse:
        return NOTHING
    key = (case.id, quantity.observed)
    return over_blocks(tables, looks, lambda table, everything: level(table, key, everything))


def share(tables: Tables, looks: Looks, quantity: Quantity, case: Case, expected: str) -> Estimate:
    """The fraction of blocks that show the expected outcome; ``values`` are 1.0 and 0.0."""
    key = (case.id, quantity.observed)
    values = _present([shows(table, key, expected, keep_replaced=False) for table in tables])
    all_values = _present([shows(table, key, expected, keep_replaced=True) for table in tables])
    look = stats.share_look(looks, len(values))
    if look is None:
        return Estimate(_mean(values), None, None, values, _mean(all_values))
    trials, confidence = look
    low, high = stats.clopper_pearson(round(sum(values[:trials])), trials, confidence)
    return Estimate(_mean(values), low, high, values, _mean(all_values))


def over_blocks(tables: Tables, looks: Looks, block_value: BlockValue) -> Estimate:
    """The median over blocks, with the interval that the looks passed so far allow."""
    kept = [block_value(table, False) for table in tables]
    # Where no round was replaced, which is so in most blocks, a block has but one value.
    whole = [block_value(table, True) if table.replaced else one for table, one in zip(tables, kept, strict=True)]
    values, all_values = _present(kept), _present(whole)
    if not values:
        return NOTHING
    rank = stats.rank_at(looks, len(values))
    low, high = stats.interval(values, rank) if rank else (None, None)
    return Estimate(stats.median(values), low, high, values, stats.median(all_values))


def _present(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(float(value) for value in values if value is not None)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _exp(value: float | None) -> float | None:
    return None if value is None else math.exp(value)
