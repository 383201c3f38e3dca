"""Which cases a run still has to measure: those of claims without an answer, and whom these are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perflab.model import BlockRecord, Case, Clause, Design, Estimate, Judgement, Role, Settings, Verdict
from perflab.stats import first_look
from perflab.verdict.claims import cases_of, judge_claim
from perflab.verdict.evidence import Evidence, Known, find_experiment, gather, plan_of


def undecided(
    settings: Settings,
    name: str,
    blocks: tuple[BlockRecord, ...],
    null: Mapping[str, Estimate],
    experiments: Known = None,
) -> frozenset[str]:
    """The ids of the cases still needed after these blocks of one experiment.

    Answers change at declared looks only: between two, those of the last one stand, so that a run which is resumed
    stops where an uninterrupted one would. Every case is needed before the first look that allows an interval,
    and none after the last; a case that no claim uses is measured until that first look.
    """
    experiment, looks = find_experiment(name, experiments), plan_of(settings).looks
    own = [block for block in blocks if block.experiment == name]
    if len(own) < first_look(looks):
        return frozenset(case.id for case in experiment.design(settings).cases)
    if len(own) >= looks[-1]:
        return frozenset()
    look = max(look for look in looks if look <= len(own))
    evidence = gather(experiment, settings, own[:look], null)
    return frozenset(case.id for case in _with_controls(evidence.design, _in_open_claims(evidence)))


def _in_open_claims(evidence: Evidence) -> set[Case]:
    judged = (judge_claim(evidence, claim) for claim in evidence.design.claims)
    return {case for judgement in judged if not _has_ended(judgement) for case in cases_of(_wanted(judgement))}


def _wanted(judgement: Judgement) -> list[Clause]:
    """The clauses of an open claim that could still close it: what decides and is open, and every control.

    A deciding clause that was told true has its answer, and what is only shown beside needs none. Preconditions and
    positive controls go on, since they vouch for the blocks they are in. Where no deciding clause is open, something
    else stands in the way of all of them.
    """
    told = {result.clause for result in judgement.clauses if result.holds and result.clause.role is Role.DECIDES}
    asked = [clause for clause in judgement.claim.clauses if clause.role is not Role.BESIDE]
    still = [clause for clause in asked if clause not in told]
    return still if any(clause.role is Role.DECIDES for clause in still) else asked


def _has_ended(judgement: Judgement) -> bool:
    """Whether more blocks would be spent in vain; a precondition that surely fails leaves nothing to find out."""
    failed = any(result.holds is False and result.clause.role is Role.PRECONDITION for result in judgement.clauses)
    return judgement.verdict is not Verdict.UNRESOLVED or failed


def _with_controls(design: Design, needed: Iterable[Case]) -> set[Case]:
    """The needed cases that are measured at all, with their controls, the controls' controls, and so on."""
    closed: set[Case] = set()
    open_ones = set(needed) & set(design.cases)
    while open_ones:
        closed |= open_ones
        arms = (arm for group in design.groups for arm in group.arms if arm.case in open_ones)
        open_ones = {arm.control for arm in arms if arm.control is not None} - closed
    return closed
