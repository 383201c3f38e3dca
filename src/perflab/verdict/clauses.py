"""Judge one clause: what was measured, and on which side of its bound the whole interval lies."""

from __future__ import annotations

import math

from perflab.model import Clause, ClauseResult, Estimand, Estimate, Quantity, Relation
from perflab.stats import equivalence, minimum_detectable
from perflab.verdict.estimates import NOTHING, estimate
from perflab.verdict.evidence import Evidence
from perflab.verdict.null import is_void, widened

TURNED = 2.0
"""By so much at most is one case slowed more than another by a neighbour that shares their cores fairly."""


def judge_clause(evidence: Evidence, clause: Clause) -> ClauseResult:
    """The clause with its estimate; ``holds`` is None without an interval or with one astride the bound."""
    if fault(evidence, clause):
        return ClauseResult(clause, NOTHING, None)
    quantity = quantity_of(evidence, clause)
    found = estimate(
        evidence.tables, evidence.looks, clause.estimand, quantity, clause.case, clause.control, clause.expected
    )
    margin = margin_of(evidence, clause)
    return ClauseResult(clause, found, holds(clause, found, margin), margin)


def quantity_of(evidence: Evidence, clause: Clause) -> Quantity:
    """The quantity a clause names; a bare one where the experiment does not declare it."""
    declared = {quantity.name: quantity for quantity in evidence.experiment.quantities}
    return declared.get(clause.quantity, Quantity(clause.quantity, "", ""))


def fault(evidence: Evidence, clause: Clause) -> str:
    """Why a clause, as it is written, can never be judged; empty for a sound one."""
    if clause.quantity not in {quantity.name for quantity in evidence.experiment.quantities}:
        return f"it names quantity '{clause.quantity}', which experiment '{evidence.experiment.name}' does not declare"
    if clause.control is None and clause.estimand in (Estimand.RATIO, Estimand.DIFFERENCE):
        return f"it asks for a {clause.estimand} and names no control"
    if clause.estimand is Estimand.LEVEL and quantity_of(evidence, clause).inverse:
        return f"'{clause.quantity}' has no level, only a ratio to a control"
    return ""


def margin_of(evidence: Evidence, clause: Clause) -> float | None:
    """The bound of WITHIN; for a ratio no narrower than the A/A of pairs that live as these do. None for < and >."""
    if clause.relation is not Relation.WITHIN:
        return None
    if clause.estimand is not Estimand.RATIO or clause.control is None:
        return clause.bound
    return widened(clause.bound, evidence.null, evidence.kind(clause.case, clause.control))


def void_kind(evidence: Evidence, clause: Clause) -> str:
    """The kind of A/A that makes a ratio worthless in this run; empty where none does."""
    if clause.estimand is not Estimand.RATIO or clause.control is None:
        return ""
    kind = evidence.kind(clause.case, clause.control)
    return kind if kind in evidence.null and is_void(evidence.null[kind]) else ""


def against_wider(evidence: Evidence, result: ClauseResult) -> bool:
    """Whether a decided clause says that of two cases the one that can use more cores takes the longer.

    Only of times: a neighbour slows, and takes none of the bytes or counts that a case is asked for.
    """
    clause = result.clause
    if result.holds is None or clause.control is None or clause.relation is Relation.WITHIN:
        return False
    if not quantity_of(evidence, clause).observed.endswith("_ns"):
        return False
    wider = evidence.demand(clause.case) - evidence.demand(clause.control)
    above = (clause.relation is Relation.ABOVE) is result.holds
    case_is_slow = above is not quantity_of(evidence, clause).inverse
    return (wider > 0 and case_is_slow) or (wider < 0 and not case_is_slow)


def of_all_cores(evidence: Evidence, result: ClauseResult) -> bool:
    """Whether a decided clause says, and not by far, which of two cases takes the longer that both use every core.

    A neighbour meets both, each in its own way: where one sleeps and is woken and the other does not, a core that is
    never idle may turn their order round.
    """
    clause = result.clause
    if result.holds is None or clause.control is None or clause.relation is Relation.WITHIN or evidence.cores < 2:
        return False
    demands = (evidence.demand(clause.case), evidence.demand(clause.control))
    if min(demands) < evidence.cores or not quantity_of(evidence, clause).observed.endswith("_ns"):
        return False
    return not by_far(result)


def by_far(result: ClauseResult) -> bool:
    """Whether a ratio is further from its bound than what shares a core equally with it could have moved it."""
    clause = result.clause
    low, high = result.estimate.low or 0.0, result.estimate.high or 0.0
    if clause.estimand is not Estimand.RATIO or min(clause.bound, low, high) <= 0:
        return False
    return min(abs(math.log(end / clause.bound)) for end in (low, high)) >= math.log(TURNED)


def half_width(result: ClauseResult) -> float | None:
    """The smallest effect the interval could have seen: a fraction for a ratio, else in the quantity's unit."""
    low, high = result.estimate.low, result.estimate.high
    if low is None or high is None:
        return None
    if result.clause.estimand is Estimand.RATIO:
        return math.expm1(minimum_detectable(math.log(low), math.log(high)))
    return minimum_detectable(low, high)


def holds(clause: Clause, found: Estimate, margin: float | None) -> bool | None:
    """On which side of the clause's bound the whole interval lies; None where there is none, or one astride it.

    Sameness is proved within the declared margin only, and refuted beyond the widened one: noise of the A/A may
    withhold an answer, and must not make two different things the same.
    """
    if found.low is None or found.high is None:
        return None
    if clause.relation is Relation.BELOW:
        return _decided(yes=found.high < clause.bound, no=found.low >= clause.bound)
    if clause.relation is Relation.ABOVE:
        return _decided(yes=found.low > clause.bound, no=found.high <= clause.bound)
    assert margin is not None, "WITHIN always has a margin"
    return _decided(
        yes=equivalence(found.low, found.high, *ends(clause, clause.bound)) is True,
        no=equivalence(found.low, found.high, *ends(clause, margin)) is False,
    )


def ends(clause: Clause, margin: float) -> tuple[float, float]:
    """What WITHIN a margin means: factors around 1 for a ratio, amounts around 0 for the others."""
    return (1 / (1 + margin), 1 + margin) if clause.estimand is Estimand.RATIO else (-margin, margin)


def _decided(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None
