"""Asks how much parallel work this machine can give at the time of the run."""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import (
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

PARALLEL = 1.3
"""A speed-up above this counts as running in parallel: far from 1, and within reach of two busy shared cores."""
ARMS_A_GROUP = 3


def design(settings: Settings) -> Design:
    """Independent loops for each worker count, each against one loop, a few counts in a group."""
    serial = Case("range_sum", "nogil", "serial", size=settings.parallel_size("range_sum", "nogil"))
    counts = {settings.most_workers} if settings.plan == "quick" else set(settings.workers)
    ceilings = tuple(_ceiling(settings, serial.size, workers) for workers in sorted(counts))
    groups = tuple(_groups(serial, ceilings))
    return Design(groups, (_claim(settings, serial, ceilings[-1]),), (_figure(serial, ceilings),))


def _ceiling(settings: Settings, size: int, workers: int) -> Case:
    return Case("range_sum", "nogil", "ceiling", workers, size, settings.chosen_start_methods[0])


def _groups(serial: Case, ceilings: tuple[Case, ...]) -> Iterator[Group]:
    for start in range(0, len(ceilings), ARMS_A_GROUP):
        cases = ceilings[start : start + ARMS_A_GROUP]
        name = f"{' and '.join(str(case.workers) for case in cases)} loops"
        yield Group(name, (Arm(serial), *(Arm(case, serial, case.id) for case in cases)))


def _claim(settings: Settings, serial: Case, most: Case) -> Claim:
    alone = "one worker only: there is nothing to run in parallel"
    return Claim(
        "ceiling",
        f"This machine runs {most.workers} independent loops in parallel",
        (Clause(most, "speedup", Estimand.RATIO, Relation.ABOVE, PARALLEL, serial, label=f"{most.workers} loops"),),
        conditions="compiled loops that share nothing, one process each, at the time of this run",
        not_applicable=alone if settings.alone else "",
    )


def _figure(serial: Case, ceilings: tuple[Case, ...]) -> Figure:
    return Figure(
        "ceiling",
        "How much more work independent processes get done, by their number",
        "lines",
        "speedup",
        Estimand.RATIO,
        tuple(Mark(case, f"{case.workers}", serial, "independent loops", case.workers) for case in ceilings),
        x_label="processes",
        references=(Reference(1.0, "one loop"),),
        claims=("ceiling",),
    )


EXPERIMENT = Experiment(
    name="ceiling",
    question="How many loops that share nothing can this machine run at once?",
    design=design,
    calibrates=("range_sum/nogil",),
    how=(
        "The same amount of compiled looping is done once by one process and once split over W processes that share "
        "no data, no lock and no interpreter. Nothing in Python can stand in their way, so their speed-up is the "
        "most that any strategy could reach here and now. Speed-ups elsewhere in the report are to be read against "
        "it, not against the number of cores."
    ),
    limits=(
        "The ceiling belongs to the minutes of the run. Shared virtual cores, two hardware threads of one core, a "
        "lower clock when all cores are busy and other programs all lower it. The loop stays in registers: work "
        "that is limited by memory meets a lower ceiling."
    ),
    weight=4,
    place=1,
)
