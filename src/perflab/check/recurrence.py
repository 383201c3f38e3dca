"""Whether what all blocks together say is said by independent parts of them again; see the package for why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from perflab import stats
from perflab.model import Clause, ClauseResult, Estimand, Judgement, Relation, Role, Verdict


def halves(values: Sequence[float]) -> tuple[Sequence[float], ...]:
    """The even and the odd blocks, the earlier and the later ones; a middle block is neither early nor late."""
    half = len(values) // 2
    return values[0::2], values[1::2], values[:half], values[len(values) - half :]


def recurs(judgement: Judgement) -> bool:
    """Whether each half of the blocks leans to the verdict that was reached; False for what is no answer.

    A refutation recurs when one deciding clause fails in all of them, a confirmation when every clause it rests on
    holds in all of them.
    """
    if judgement.verdict is Verdict.REFUTED:
        failing = [one for one in _of(judgement, Role.DECIDES) if one.holds is False]
        return any(_leans_everywhere(one, holds=False) for one in failing)
    if judgement.verdict is Verdict.CONFIRMED:
        return all(_leans_everywhere(one, holds=True) for one in _of(judgement, Role.DECIDES, Role.SUPPORTS))
    return False


def centre(values: Sequence[float], estimand: Estimand) -> float:
    """The point estimate of some blocks: the median (of a ratio in logarithms), the mean of a share."""
    if estimand is Estimand.SHARE:
        return math.fsum(values) / len(values)
    if estimand is Estimand.RATIO:
        return math.exp(stats.median([math.log(value) for value in values]))
    return stats.median(values)


def leans(result: ClauseResult, values: Sequence[float]) -> bool | None:
    """On which side of the clause's bound the point estimate of some of its blocks lies; None without blocks.

    Between the declared margin of sameness and the one that the A/A widened it to is neither side.
    """
    if not values:
        return None
    clause, point = result.clause, centre(values, result.clause.estimand)
    if clause.relation is Relation.ABOVE:
        return point > clause.bound
    if clause.relation is Relation.BELOW:
        return point < clause.bound
    if _within(clause, point, clause.bound):
        return True
    return None if result.margin_used is not None and _within(clause, point, result.margin_used) else False


def _within(clause: Clause, point: float, margin: float) -> bool:
    least, most = (1 / (1 + margin), 1 + margin) if clause.estimand is Estimand.RATIO else (-margin, margin)
    return least <= point <= most


def _leans_everywhere(result: ClauseResult, *, holds: bool) -> bool:
    return all(leans(result, part) is holds for part in halves(result.estimate.values))


def _of(judgement: Judgement, *roles: Role) -> Iterator[ClauseResult]:
    return (result for result in judgement.clauses if result.clause.role in roles)
