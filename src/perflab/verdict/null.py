"""How far two copies of the same code differ in this run: its A/A, by which margins are widened and runs are void."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from perflab.model import Estimate, Run
from perflab.verdict.estimates import ratio
from perflab.verdict.evidence import NULL, Evidence, Known, find_experiment, gather

VOID_ABOVE = 0.15
"""Two copies of the same code that differ by more than this say that the run measured something else."""


def null_estimates(run: Run, experiments: Known = None) -> dict[str, Estimate]:
    """The A/A ratio of wall time by kind ("one host", "separate hosts"): of several twins the one that differs most."""
    if NULL not in run.experiments:
        return {}
    evidence = gather(find_experiment(NULL, experiments), run.settings, run.blocks, {})
    widest: dict[str, Estimate] = {}
    for kind, found in _twins(evidence):
        if found.value is not None and (kind not in widest or extent(found) > extent(widest[kind])):
            widest[kind] = found
    return widest


def extent(found: Estimate) -> float:
    """The largest |log| of the interval; of all block values where they are too few for one."""
    ends = found.values if found.low is None or found.high is None else (found.low, found.high)
    return max((abs(math.log(end)) for end in ends), default=0.0)


def widened(bound: float, null: Mapping[str, Estimate], kind: str) -> float:
    """The margin to judge sameness by: no narrower than what two copies of the same code showed."""
    return max(bound, math.exp(extent(null[kind])) - 1) if kind in null else bound


def is_void(found: Estimate) -> bool:
    """Whether the A/A is off by more than VOID_ABOVE, to either side."""
    return found.value is not None and abs(math.log(found.value)) > math.log(1 + VOID_ABOVE)


def _twins(evidence: Evidence) -> Iterable[tuple[str, Estimate]]:
    wall = evidence.experiment.quantity("wall_ns")
    for arm in (arm for group in evidence.design.groups for arm in group.arms):
        if arm.control is not None and str(arm.case.param("twin")) == "1":
            found = ratio(evidence.tables, evidence.looks, wall, arm.case, arm.control)
            yield evidence.kind(arm.case, arm.control), found
