"""The rules of a round: in which order cases are visited, what the evidence says, which rounds are run again."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from perflab.model import Thresholds


def orders(cases: int, rounds: int, rng: random.Random) -> list[tuple[int, ...]]:
    """Visiting orders from cyclic Latin squares, redrawn for each square, in whole squares of at least ``rounds`` rows.

    Every case stands once in every place of a square; two cases give ABBA or BAAB.
    """
    drawn: list[tuple[int, ...]] = []
    while len(drawn) < rounds:
        first = rng.sample(range(cases), cases)
        drawn += [tuple(first[shift:] + first[:shift]) for shift in range(cases)]
    return drawn


def to_repeat(contaminated: Sequence[bool], thresholds: Thresholds) -> list[int]:
    """Which rounds are run again: the contaminated ones, unless they are so many that the neighbour is constant."""
    dirty = [index for index, flag in enumerate(contaminated) if flag]
    return dirty if len(dirty) <= thresholds.repeat * len(contaminated) else []


def to_set_aside(kept: Sequence[Mapping[str, float] | None], thresholds: Thresholds) -> list[int]:
    """Which of these rounds (None: not to be counted) count no longer: those beside a slow core, if enough were not."""
    slow = [index for index, one in enumerate(kept) if one is not None and beside_slow_core(one, thresholds)]
    clean = sum(one is not None for one in kept) - len(slow)
    return slow if clean >= thresholds.least_clean else []


def beside_slow_core(evidence: Mapping[str, float], thresholds: Thresholds) -> bool:
    """Whether a core was then so much slower than at its best that another machine must have used it too."""
    return evidence.get("slowdown", 1.0) > thresholds.slowdown


def has_neighbour(evidence: Mapping[str, float], thresholds: Thresholds) -> bool:
    """Whether a contaminated round had others on this machine beside it, by its evidence; a slow core alone is none."""
    return not beside_slow_core(evidence, thresholds) or others_took_much(evidence, thresholds)


def weigh(before: Mapping[str, float], after: Mapping[str, float], own_cpu_ns: float) -> dict[str, float]:
    """What passed between two readings; ``foreign_ns`` is the busy time that was neither the lab's nor its hosts'."""
    passed = {name: after[name] - before[name] for name in after if name in before}
    lab = passed.pop("lab_ns", 0)
    if "busy_ns" in passed:
        passed["foreign_ns"] = max(0.0, passed.pop("busy_ns") - lab - own_cpu_ns)
    return passed


def is_contaminated(evidence: Mapping[str, float], thresholds: Thresholds) -> bool:
    """Whether the round was disturbed more than the plan allows; decided by the evidence alone, never by the times."""
    return others_took_much(evidence, thresholds) or beside_slow_core(evidence, thresholds)


def others_took_much(evidence: Mapping[str, float], thresholds: Thresholds) -> bool:
    """Whether steal or foreign CPU time took more of the round than the plan allows."""
    wall = evidence["wall_ns"]
    for name, share in (("steal_ns", thresholds.steal), ("foreign_ns", thresholds.foreign_cpu)):
        taken = evidence.get(name, 0)
        if taken > thresholds.least_ns and taken > share * wall:
            return True
    return False
