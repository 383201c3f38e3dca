"""The same ratios in two runs: each claim's deciding one, and each case's to its control."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from perflab.check.rules import TIMES
from perflab.model import Analysis, Arm, Case, Estimand, Estimate, Judgement, Quantity, Relation, Role
from perflab.verdict.estimates import ratio
from perflab.verdict.evidence import Evidence
from perflab.verdict.words import short

CEILING = "ceiling"
BUSY = "others kept the machine busy, and that alone slows what needs more cores"

Badness = Callable[[float], float]
"""From the logarithm of a ratio to a number that grows as the ratio gets worse."""


@dataclass(frozen=True, slots=True)
class Counterpart:
    """One ratio in both runs.

    ``kind`` is that of the A/A it is judged by; ``slack`` the logarithm by which it may differ for known reasons;
    ``doubt`` why a worse ratio would prove nothing; ``claim`` is empty for a case.
    """

    name: str
    control: str
    new: Estimate
    old: Estimate
    badness: Badness
    kind: str
    slack: float
    doubt: str = ""
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Both:
    """One experiment in both runs, and by how much (a logarithm) the ceiling of the machine differs between them."""

    new: Evidence
    old: Evidence
    ceiling: float

    @property
    def busy(self) -> str:
        """BUSY where a neighbour stayed through either run; else empty."""
        return BUSY if any(one.busy > one.busy_above for one in (self.new, self.old)) else ""


def of_claims(both: Both, new: Analysis, old: Analysis, refuted: frozenset[str]) -> Iterator[Counterpart]:
    """The deciding ratios of the claims that both runs judged; ``refuted`` are those expected to be, in lower case."""
    before = {(one.experiment, one.claim.id): one for one in old.judgements}
    for judgement in new.judgements:
        other = before.get((judgement.experiment, judgement.claim.id))
        if judgement.experiment == both.new.experiment.name and other is not None:
            yield from _of_claim(both, judgement, other, judgement.claim.id.lower() in refuted)


def of_cases(both: Both) -> Iterator[Counterpart]:
    """Each case's ratio to its control in what its experiment observes first, where more of that is worse."""
    quantity = both.new.experiment.quantities[0]
    if quantity.inverse or quantity.unit.partition(" ")[0] not in {*TIMES, "bytes"}:
        return
    for ours, theirs in same_arms(both):
        if ours.control is not None and theirs.control is not None:
            yield Counterpart(
                name=f"{quantity.name} of {ours.case.id}",
                control=f"that of {short(ours.control, ours.case)}",
                new=_ratio(both.new, quantity, ours.case, ours.control),
                old=_ratio(both.old, quantity, theirs.case, theirs.control),
                badness=float,
                kind=both.new.kind(ours.case, ours.control),
                slack=_slack(both, (ours.case, ours.control), (theirs.case, theirs.control)),
                doubt=both.busy if _needs_cores(ours.case, ours.control) else "",
            )


def same_arms(both: Both) -> Iterator[tuple[Arm, Arm]]:
    """Arms of both designs by their place, once each: identical but for the sizes, which follow from measured speeds.

    The designs are made by the same code from settings that differ in speeds alone, so places correspond.
    """
    seen: set[tuple[Case, Case | None]] = set()
    for ours, theirs in zip(both.new.design.groups, both.old.design.groups, strict=False):
        for new, old in zip(ours.arms, theirs.arms, strict=False):
            if _unsized(new) == _unsized(old) and (new.case, new.control) not in seen:
                seen.add((new.case, new.control))
                yield new, old


def ceiling_change(new: Analysis, old: Analysis) -> float:
    """By how much what the machine could give differs, as a logarithm without sign; 0 where a run does not say."""
    ours, theirs = _ceiling(new), _ceiling(old)
    return abs(math.log(ours / theirs)) if ours and theirs else 0.0


def _of_claim(both: Both, ours: Judgement, theirs: Judgement, refuted: bool) -> Iterator[Counterpart]:
    new, old = ours.deciding, theirs.deciding
    if new is None or old is None or new.clause.control is None or old.clause.control is None:
        return
    if new.clause.estimand is not Estimand.RATIO or old.clause.estimand is not Estimand.RATIO:
        return
    case, control = new.clause.case, new.clause.control
    yield Counterpart(
        name=ours.claim.id,
        control=f"{'as fast as' if new.clause.quantity == 'speedup' else 'that of'} {short(control, case)}",
        new=new.estimate,
        old=old.estimate,
        badness=_badness(new.clause.relation, refuted),
        kind=both.new.kind(case, control),
        slack=_slack(both, (case, control), (old.clause.case, old.clause.control)),
        doubt=_unmet(ours) or _unmet(theirs) or (both.busy if _needs_cores(case, control) else ""),
        claim=ours.claim.id,
    )


def _badness(relation: Relation, refuted: bool) -> Badness:
    """Towards the wrong side of the bound; the other way for a claim that is expected to be refuted."""
    sign = -1.0 if refuted else 1.0
    if relation is Relation.WITHIN:
        return lambda log: sign * abs(log)
    towards = sign if relation is Relation.BELOW else -sign
    return lambda log: towards * log


def _unmet(judgement: Judgement) -> str:
    preconditions = (one for one in judgement.clauses if one.clause.role is Role.PRECONDITION)
    return "" if all(one.holds for one in preconditions) else "a precondition of the claim does not hold"


def _slack(both: Both, ours: tuple[Case, Case], theirs: tuple[Case, Case]) -> float:
    sizes = [(new.size, old.size) for new, old in zip(ours, theirs, strict=True) if new.size and old.size]
    resized = max((abs(math.log(new / old)) for new, old in sizes), default=0.0)
    return resized + (both.ceiling if _wider(*ours) else 0.0)


def _wider(case: Case, control: Case) -> bool:
    """Whether the two need different numbers of cores."""
    return max(1, case.workers) != max(1, control.workers)


def _needs_cores(*cases: Case) -> bool:
    """Whether one of them starts processes or has several workers: beside a neighbour each loses as it pleases."""
    return any(case.workers > 1 or case.start_method for case in cases)


def _unsized(arm: Arm) -> tuple[Case, Case | None]:
    return replace(arm.case, size=0), None if arm.control is None else replace(arm.control, size=0)


def _ratio(evidence: Evidence, quantity: Quantity, case: Case, control: Case) -> Estimate:
    return ratio(evidence.tables, evidence.looks, quantity, case, control)


def _ceiling(analysis: Analysis) -> float | None:
    deciding = [one.deciding for one in analysis.judgements if one.experiment == CEILING]
    return next((one.estimate.value for one in deciding if one is not None), None)
