"""Asks from how long a task on workers beat a plain loop: cold and warm, by the size of chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perflab.experiments._sweep import (
    CHUNKS,
    SWEEPS_US,
    TASKS,
    break_even_ns,
    chunks_of,
    cold_lengths,
    sweep,
)
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
    Observation,
    Quantity,
    Reference,
    Relation,
    Role,
    Sample,
    Settings,
)

QUANTITIES = (
    Quantity("relative", "x", "time of all tasks with workers, over that of the loop"),
    Quantity("break_even_ns", "ns", "length of a task from which on workers beat the loop"),
)

MILLISECOND = 1e6
"""What people say a task should take at least."""

WINS = 1 / 1.3
"""What workers make of the longest tasks where they have a second core, as a precondition."""

HALF = 0.5
TWICE = 2.0
LONGER = 1.2
"""Two processes that do the same differ by up to 11 %: longer means more than that."""

Curve = tuple[str, str, str]
"""Way, start, chunk size."""

WORDS = {"pool": "Pool", "executor": "ProcessPoolExecutor"}


def design(settings: Settings) -> Design:
    """A case for each point of each curve, and one for where the curve crosses 1."""
    curves = _curves(settings)
    ends = {curve: _case(settings, curve) for curve in curves}
    judged = ends["pool", "warm", "1"]
    arms = (Arm(case, judged if case != judged else None, case.strategy) for case in ends.values())
    points = tuple(_case(settings, curve, us) for curve in curves for us in _lengths(settings, curve))
    groups = (
        Group("break-even", tuple(arms), single=True),
        Group("sweep", tuple(Arm(case, None, case.strategy) for case in points), single=True),
    )
    return Design(groups, tuple(_claims(settings, ends)), (_figure(settings, curves), _ends_figure(ends)))


def _curves(settings: Settings) -> tuple[Curve, ...]:
    """Every way warm with each chunk size, and cold with single tasks."""
    warm = ((way, "warm", chunk) for way in CHUNKS for chunk in chunks_of(way, settings.plan))
    cold = ((way, "cold", "1") for way in CHUNKS if cold_lengths(way, settings.plan))
    return (*warm, *cold)


def _lengths(settings: Settings, curve: Curve) -> tuple[int, ...]:
    return SWEEPS_US[settings.plan] if curve[1] == "warm" else cold_lengths(curve[0], settings.plan)


def _case(settings: Settings, curve: Curve, us: int = 0) -> Case:
    way, start, chunk = curve
    params = (("start", start), ("chunk", chunk), ("sweep", settings.plan), *((("task_us", us),) if us else ()))
    return Case(
        strategy=way,
        workers=settings.most_workers,
        start_method=settings.chosen_start_methods[0],
        params=params,
    )


def _claims(settings: Settings, ends: Mapping[Curve, Case]) -> Iterator[Claim]:
    alone = "one worker only: it can never win" if settings.alone else ""
    single, auto = ends["pool", "warm", "1"], ends["pool", "warm", "auto"]
    cold, executor = ends["pool", "cold", "1"], ends["executor", "warm", "1"]
    longest = SWEEPS_US[settings.plan][-1]
    cores = Clause(
        _case(settings, ("pool", "warm", "1"), longest),
        "relative",
        Estimand.LEVEL,
        Relation.BELOW,
        WINS,
        role=Role.PRECONDITION,
        label=f"a warm Pool on tasks of {longest / 1000:g} ms, against the loop",
    )
    work = f"{TASKS} tasks, {single.workers} workers, start method {single.start_method}"

    def longer(case: Case, relation: Relation, bound: float, label: str) -> Clause:
        return Clause(case, "break_even_ns", Estimand.RATIO, relation, bound, single, Role.DECIDES, label)

    def claim(name: str, sentence: str, conditions: str, *clauses: Clause) -> Claim:
        return Claim(name, sentence, (*clauses, cores), (), f"{conditions}; {work}", alone)

    yield claim(
        "break-even-warm",
        "With a warm pool tasks of less than a millisecond already beat a plain loop",
        "tasks handed out one by one",
        Clause(single, "break_even_ns", Estimand.LEVEL, Relation.BELOW, MILLISECOND, label="break-even of a warm Pool"),
    )
    yield claim(
        "break-even-chunks",
        "With chunks of the size that Pool chooses, tasks half as long are enough",
        "warm; Pool.map without a chunk size against one task at a time",
        longer(auto, Relation.BELOW, HALF, "break-even with Pool's own chunks"),
    )
    yield claim(
        "break-even-cold",
        "With a pool that is started for the job, tasks must be more than twice as long as with a warm one",
        "starting and ending the workers counted",
        longer(cold, Relation.ABOVE, TWICE, "break-even of a cold Pool"),
    )
    yield claim(
        "break-even-executor",
        "ProcessPoolExecutor needs longer tasks than Pool before it beats a plain loop",
        "warm, tasks handed out one by one; longer by more than a fifth",
        longer(executor, Relation.ABOVE, LONGER, "break-even of a warm ProcessPoolExecutor"),
    )


def _name(curve: Curve) -> str:
    way, start, chunk = curve
    return f"{WORDS[way]}, {start}, {'own chunks' if chunk == 'auto' else f'chunks of {chunk}'}"


def _figure(settings: Settings, curves: tuple[Curve, ...]) -> Figure:
    marks = (
        Mark(_case(settings, curve, us), f"{_name(curve)}, {us} µs", None, _name(curve), float(us))
        for curve in curves
        for us in _lengths(settings, curve)
    )
    return Figure(
        "break-even",
        "Time of the same tasks with workers, over that of a plain loop, by the length of a task",
        "lines",
        "relative",
        Estimand.LEVEL,
        tuple(marks),
        x_label="length of one task, µs",
        references=(Reference(1.0, "plain loop"),),
        claims=("break-even-warm", "break-even-chunks", "break-even-cold", "break-even-executor"),
    )


def _ends_figure(ends: Mapping[Curve, Case]) -> Figure:
    return Figure(
        "break-even-lengths",
        "From how long a task on workers beat a plain loop",
        "strip",
        "break_even_ns",
        Estimand.LEVEL,
        tuple(Mark(case, _name(curve)) for curve, case in ends.items()),
        references=(Reference(MILLISECOND, "a millisecond"),),
        claims=("break-even-warm",),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Looks up one point, or where a curve crosses 1, in the sweep of this host, which the first case carries out."""
    start, chunk, us = str(case.param("start")), str(case.param("chunk")), int(case.param("task_us", 0))

    def sample(count: int) -> Mapping[str, Observation]:
        points = sweep(case.strategy, case.start_method, case.workers, str(case.param("sweep")))[start, chunk]
        return {"relative": points[us].relative} if us else {"break_even_ns": break_even_ns(list(points.values()))}

    yield sample


EXPERIMENT = Experiment(
    name="break-even",
    question="From how long a task on do workers beat a plain loop?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        f"{TASKS} equal tasks that add up numbers are done in a loop and by the workers of a Pool and of a "
        "ProcessPoolExecutor, for tasks of ten microseconds up to milliseconds, one by one and in chunks. Once "
        "the workers are there already, and once they are started for the tasks and ended after them. Each block "
        "makes the whole sweep in fresh processes; where its curve crosses 1 is found by a straight line between the "
        "logarithms of neighbouring points, so that the break-even is a quantity of each block and has an interval. "
        "Short tasks are repeated, the median counts, and every result is checked."
    ),
    limits=(
        "Arguments and results are small numbers: what has to be sent costs more, and the break-even moves up. It "
        "depends on how many tasks share the fixed costs of a call, and on the number of workers. A break-even at "
        "the end of the sweep only says that it lies there or beyond. A cold start here forks a small parent, or "
        "imports little; real programs pay more. The loop has its processor's cache for itself, workers that have "
        "slept are woken first, which on an otherwise idle machine is a good part of the cost of short tasks."
    ),
    weight=4.5,
    place=82,
)
