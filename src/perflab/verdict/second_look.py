"""Ask of every deciding comparison whether its blocks were replicates, and whether another method agrees.

The guards have a stated rate of false alarms over the whole run: GUARD_ALPHA is shared equally among all comparisons
that have enough blocks, and between the two guards (Bonferroni), so that a run of forty claims cries wolf no more often
than a run of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from perflab import stats
from perflab.model import Clause, ClauseResult, Estimand, Estimate, Judgement, Role
from perflab.verdict.clauses import holds

GUARD_ALPHA = 0.01
"""How often a run with nothing wrong is warned of all the same, by both guards and all comparisons together."""

GUARD_BLOCKS = 12
"""Comparisons with fewer are not asked: the halves of 11 blocks are wholly apart by chance in 1 of 126 orders."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A comparison whose blocks a guard does not take for replicates.

    ``size`` is the guard's own statistic: a correlation, or a drift (of a ratio: in logs).
    """

    claim: str
    clause: Clause
    size: float


@dataclass(frozen=True, slots=True)
class Dispute:
    """A clause that the bootstrap puts on another side of its bound than the ranks do."""

    claim: str
    result: ClauseResult
    again: Estimate
    holds: bool | None


def series(judgements: Iterable[Judgement]) -> list[tuple[str, Clause, tuple[float, ...]]]:
    """Every deciding comparison with enough blocks once, as its first claim names it; ratios in logs. No shares."""
    found: dict[tuple[object, ...], tuple[str, Clause, tuple[float, ...]]] = {}
    for claim, result in _deciding(judgements):
        if len(result.estimate.values) >= GUARD_BLOCKS:
            clause = result.clause
            key = (clause.case, clause.control, clause.quantity, clause.estimand)
            found.setdefault(key, (claim, clause, numbers(result)))
    return list(found.values())


def share_of(comparisons: int) -> float:
    """What each guard may spend on each of so many comparisons."""
    return GUARD_ALPHA / (2 * max(1, comparisons))


def dependent(judgements: Iterable[Judgement]) -> Iterator[Suspicion]:
    """Comparisons whose blocks resemble (or avoid) the block before, the strongest correlation first.

    To tell one from chance takes tens of ms, so they come one by one: take no more than you want to show.
    """
    compared = series(judgements)
    alpha = share_of(len(compared))
    found = [(stats.lag1_autocorrelation(values), claim, clause, values) for claim, clause, values in compared]
    for size, claim, clause, values in sorted(found, key=lambda one: -abs(one[0])):
        if stats.lag1_p(values, alpha) <= alpha:
            yield Suspicion(claim, clause, size)


def drifting(judgements: Iterable[Judgement]) -> Iterator[Suspicion]:
    """Comparisons that changed from one half of the run to the other, in their claims' order."""
    compared = series(judgements)
    for claim, clause, values in compared:
        if stats.split_half_p(values) <= share_of(len(compared)):
            yield Suspicion(claim, clause, stats.split_half_drift(values))


def disputed(judgements: Iterable[Judgement], looks: tuple[int, ...]) -> Iterator[Dispute]:
    """Deciding clauses about which ranks and bootstrap do not say the same, from ``stats.LEAST_BLOCKS`` blocks on."""
    for claim, result in _deciding(judgements):
        again = second_opinion(result, looks)
        if again is not None:
            side = holds(result.clause, again, result.margin_used)
            if side is not result.holds:
                yield Dispute(claim, result, again, side)


def second_opinion(result: ClauseResult, looks: tuple[int, ...]) -> Estimate | None:
    """The bootstrap's estimate; None with too few blocks or too many, or where all blocks lie on the same side.

    It is asked for the confidence that the ranks would have at this many blocks had they looked only once, so that
    both answer the same question. (Where all blocks agree, so do both, and resampling would be wasted. Beyond the last
    look the ranks stay what they were there, surer than resampling can be.)
    """
    values = numbers(result)
    confidence = stats.confidence_at(looks, len(values))
    if confidence is None or not stats.LEAST_BLOCKS <= len(values) <= looks[-1]:
        return None
    if holds(result.clause, _estimate(result, min(values), max(values)), result.margin_used) is not None:
        return None
    ends = stats.bootstrap_interval(values, confidence)
    return None if ends is None else _estimate(result, *ends)


def numbers(result: ClauseResult) -> tuple[float, ...]:
    """The blocks' values as statistics take them: of a ratio the logarithms."""
    values = result.estimate.values
    return tuple(math.log(value) for value in values) if result.clause.estimand is Estimand.RATIO else values


def _deciding(judgements: Iterable[Judgement]) -> Iterator[tuple[str, ClauseResult]]:
    for judgement in judgements:
        for result in judgement.clauses:
            if result.clause.role is Role.DECIDES and result.clause.estimand is not Estimand.SHARE:
                yield judgement.claim.id, result


def _estimate(result: ClauseResult, low: float, high: float) -> Estimate:
    if result.clause.estimand is Estimand.RATIO:
        low, high = math.exp(low), math.exp(high)
    return Estimate(result.estimate.value, low, high)
