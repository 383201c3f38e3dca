"""Asks what the lab reports when there is nothing to find: every case against itself."""

from __future__ import annotations

from dataclasses import replace

from perflab.model import (
    PLANS,
    Arm,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Reference,
    Relation,
    Settings,
)

ONE_HOST_MARGIN = 0.02
SEPARATE_HOSTS_MARGIN = 0.05
ROUNDS = {"python": 16, "nogil": 4, "pool": 8}
"""By what scatters from round to round within a block, on two virtual cores 3 %, 1 % and 7 %: the margins of the whole
run hang on these pairs, and a median over too few rounds scatters more than the blocks do."""

CALLS = 5
"""Calls in a sample: enough that one beforehand, which is not timed, costs little."""


def design(settings: Settings) -> Design:
    """Two pairs in one host each, one pair of pools in two hosts."""
    python, nogil = (_serial(settings, implementation) for implementation in ("python", "nogil"))
    pool = Case(
        "range_sum",
        "python",
        "pool",
        workers=settings.most_workers,
        size=settings.parallel_size("range_sum", "python"),
        start_method=settings.chosen_start_methods[0],
    )
    groups = (
        Group("one host, python", _pair(python, "shared", "shared"), True, ROUNDS["python"]),
        Group("one host, nogil", _pair(nogil, "shared", "shared"), True, ROUNDS["nogil"]),
        Group("separate hosts", _pair(pool, pool.id, _again(pool).id), rounds=ROUNDS["pool"]),
    )
    return Design(groups, _claims(python, nogil, pool), (_figure(python, nogil, pool),))


def _serial(settings: Settings, implementation: str) -> Case:
    size = settings.size("range_sum", implementation, PLANS[settings.plan].repeated_ns // CALLS)
    return Case("range_sum", implementation, "serial", size=size)


def _again(case: Case) -> Case:
    """The same case, loaded a second time by its host: equal code, not one object in common."""
    return replace(case, params=(*case.params, ("twin", 1)))


def _pair(case: Case, host: str, host_again: str) -> tuple[Arm, ...]:
    return (Arm(case, host=host), Arm(_again(case), case, host_again))


def _claims(python: Case, nogil: Case, pool: Case) -> tuple[Claim, ...]:
    return (
        Claim(
            "null-one-host",
            "Two copies of the same case in one process are told equal",
            (_equal(python, ONE_HOST_MARGIN, "pure-Python loop"), _equal(nogil, ONE_HOST_MARGIN, "nogil loop")),
            conditions=f"within {ONE_HOST_MARGIN:.0%}, interleaved in one host",
        ),
        Claim(
            "null-separate-hosts",
            "Two copies of the same pool in two processes are told equal",
            (_equal(pool, SEPARATE_HOSTS_MARGIN, f"pool of {pool.workers} workers"),),
            conditions=f"within {SEPARATE_HOSTS_MARGIN:.0%}, a host and a pool of its own for each copy",
        ),
    )


def _equal(case: Case, margin: float, label: str) -> Clause:
    return Clause(_again(case), "wall_ns", Estimand.RATIO, Relation.WITHIN, margin, case, label=label)


def _figure(python: Case, nogil: Case, pool: Case) -> Figure:
    labels = {python: "Python loop, one host", nogil: "nogil loop, one host", pool: "pool, separate hosts"}
    return Figure(
        "null",
        "The same case measured twice: second copy against first",
        "strip",
        "wall_ns",
        Estimand.RATIO,
        tuple(Mark(_again(case), label, case) for case, label in labels.items()),
        references=(Reference(1.0, "no difference"),),
        claims=("null-one-host", "null-separate-hosts"),
    )


EXPERIMENT = Experiment(
    name="null",
    question="What does the lab report when there is nothing to find?",
    design=design,
    calibrates=("range_sum/python", "range_sum/nogil"),
    how=(
        "Each case is measured against a second copy of itself, loaded anew from the same file, so that code and "
        "work are equal and no object is shared. One pair sums in plain Python and one in compiled code, both "
        "copies in the same process and visited in turn; the third pair is two worker pools, each in a process of "
        "its own. The true ratio is 1: whatever else is reported is what this machine adds to every other ratio in "
        "the report."
    ),
    limits=(
        "A pair of equal cases shows the noise of those cases, not of all: a case that uses more memory or more "
        "processes may scatter more. Two processes never get the same placement in memory, so pairs in separate "
        "hosts agree less well than pairs in one, and more blocks are the only remedy."
    ),
    weight=8,
    place=0,
)
