"""Which cases a run still has to measure: those of claims without an answer, and whom these are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perflab.model import BlockRecord, Case, Design, Estimate, Judgement, Role, Settings, Verdict
from perflab.stats import first_look
from perflab.verdict.claims import judge_claim, uses
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
    return {case for judgement in judged if not _has_ended(judgement) for case in uses(judgement.claim)}


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
