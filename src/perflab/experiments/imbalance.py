"""Asks what uneven tasks cost by the size of chunks and the order of the tasks: the makespan against the ideal one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._jobs import add_up
from perflab.experiments._shared import shared
from perflab.model import (
    PARALLEL_NS,
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
    Quantity("makespan_ns", "ns", "from handing out the first task to having all results"),
    Quantity("relative", "x", "the makespan over the ideal one: all workers busy until the end"),
)

TOTAL_NS = {"quick": 10_000_000, "default": 2 * PARALLEL_NS, "full": 4 * PARALLEL_NS}
"""How long all tasks take in a plain loop, by plan; on 40 ms even tasks took 1.15 to 1.45 times the ideal."""

TASKS_A_WORKER = 16
LONGER = 1.2
"""A fifth longer is worth a thought."""

NEAR = 1.3
"""Even tasks one by one come as near as this to the ideal where the workers have their cores to themselves."""

ALIKE = 1.1
"""Ten percent longer is still alike: two processes that do the same differ by as much."""


def _even(tasks: int, workers: int) -> list[float]:
    return [1.0] * tasks


def _rising(tasks: int, workers: int) -> list[float]:
    return [float(number) for number in range(1, tasks + 1)]


def _long_last(tasks: int, workers: int) -> list[float]:
    """One task takes as long as a worker's fair share of everything: nothing can be faster than it."""
    others = float(tasks - 1)
    return [1.0] * (tasks - 1) + [others / max(1, workers - 1)]


def _long_first(tasks: int, workers: int) -> list[float]:
    return _long_last(tasks, workers)[::-1]


SHAPES: Mapping[str, Callable[[int, int], list[float]]] = {
    "even": _even,
    "rising": _rising,
    "long last": _long_last,
    "long first": _long_first,
}
"""How long each task is, relative to the others."""

CHUNKS: Mapping[str, Callable[[int, int], int | None]] = {
    "one by one": lambda tasks, workers: 1,
    "Pool's own chunks": lambda tasks, workers: None,
    "a chunk a worker": lambda tasks, workers: -(-tasks // workers),
}
"""How tasks are handed out, and the chunk size for so many tasks and workers."""

ONE_BY_ONE, OWN, A_WORKER = CHUNKS


def design(settings: Settings) -> Design:
    """Rising tasks in three sizes of chunks, even ones in two, and one long task at either end."""
    cells = {
        "rising tasks": [("rising", ONE_BY_ONE), ("rising", OWN), ("rising", A_WORKER)],
        "even tasks": [("even", ONE_BY_ONE), ("even", OWN), ("even", A_WORKER)],
        "one long task": [("long first", ONE_BY_ONE), ("long last", ONE_BY_ONE)],
    }
    if settings.plan != "full":
        cells["even tasks"].remove(("even", OWN))
    groups = tuple(_group(settings, name, members) for name, members in cells.items())
    marks = (
        Mark(_case(settings, *cell), f"{cell[0]}, {cell[1]}", series=name)
        for name, members in cells.items()
        for cell in members
    )
    figure = Figure(
        "imbalance",
        "How much longer than ideal a Pool takes for the same amount of work, by how it is cut",
        "strip",
        "relative",
        Estimand.LEVEL,
        tuple(marks),
        references=(Reference(1.0, "ideal"),),
        claims=("imbalance-chunks", "imbalance-own", "imbalance-order"),
    )
    return Design(groups, tuple(_claims(settings)), (figure,))


def _case(settings: Settings, shape: str, chunk: str) -> Case:
    """``size`` is the sum of all tasks."""
    return Case(
        strategy="pool",
        workers=settings.most_workers,
        size=settings.size("range_sum", "python", TOTAL_NS[settings.plan]),
        start_method=settings.chosen_start_methods[0],
        params=(("tasks", shape), ("cut", chunk)),
    )


def _group(settings: Settings, name: str, members: list[tuple[str, str]]) -> Group:
    """One pool does them all."""
    first, *others = (_case(settings, *cell) for cell in members)
    return Group(name, (Arm(first, None, "pool"), *(Arm(case, first, "pool") for case in others)))


def _claims(settings: Settings) -> Iterator[Claim]:
    alone = "one worker only: it does everything in any case" if settings.alone else ""
    workers = settings.most_workers
    pool = f"{workers} warm workers of a Pool"
    many = f"{TASKS_A_WORKER * workers} tasks that add up numbers, each longer than the one before; {pool}"

    def clause(shape: str, chunk: str, relation: Relation, bound: float, role: Role = Role.DECIDES) -> Clause:
        case, single = _case(settings, shape, chunk), _case(settings, shape, ONE_BY_ONE)
        label = f"{shape} tasks, {chunk}"
        return Clause(case, "makespan_ns", Estimand.RATIO, relation, bound, single, role, label)

    cores = Clause(
        _case(settings, "even", ONE_BY_ONE),
        "relative",
        Estimand.LEVEL,
        Relation.BELOW,
        NEAR,
        role=Role.PRECONDITION,
        label="even tasks one by one, against the ideal",
    )
    yield Claim(
        "imbalance-chunks",
        "Uneven tasks take longer in one chunk a worker than one by one, even tasks do not",
        (
            clause("rising", A_WORKER, Relation.ABOVE, LONGER),
            clause("even", A_WORKER, Relation.BELOW, ALIKE, Role.SUPPORTS),
            cores,
        ),
        conditions=f"by more than a fifth; {many}",
        not_applicable=alone,
    )
    yield Claim(
        "imbalance-own",
        "The chunks that Pool chooses are as good for uneven tasks as single tasks are",
        (clause("rising", OWN, Relation.BELOW, ALIKE), cores),
        conditions=f"at most a tenth longer; {many}",
        not_applicable=alone,
    )
    last, first = _case(settings, "long last", ONE_BY_ONE), _case(settings, "long first", ONE_BY_ONE)
    yield Claim(
        "imbalance-order",
        "A long task takes the whole longer when it is handed out last than when it is handed out first",
        (Clause(last, "makespan_ns", Estimand.RATIO, Relation.ABOVE, LONGER, first, label="the long task last"), cores),
        conditions=f"by more than a fifth; one task as long as a worker's fair share, handed out one by one; {pool}",
        not_applicable=alone,
    )


@contextmanager
def _pool(case: Case) -> Iterator[Any]:
    """The one pool of this host, whose workers have worked."""
    import multiprocessing

    with multiprocessing.get_context(case.start_method).Pool(case.workers) as pool:
        pool.map(add_up, [1000] * 4 * case.workers, 1)
        yield pool
        pool.close()
        pool.join()


def limits_of(shape: str, total: int, workers: int) -> list[int]:
    """Up to where each task adds: together about ``total``, in the proportions of the shape."""
    lengths = SHAPES[shape](TASKS_A_WORKER * workers, workers)
    return [max(1, round(total * length / sum(lengths))) for length in lengths]


@cache
def _ns_per_element(total: int) -> float:
    """Of a plain loop over all the work, in this host: the median of three, since every ideal of it hangs on this."""
    times = []
    for _ in range(3):
        started = monotonic_ns()
        add_up(total)
        times.append(monotonic_ns() - started)
    return sorted(times)[1] / total


def probe(case: Case) -> Iterator[Sample]:
    """The same amount of work in tasks of the shape; the ideal is what a plain loop takes, shared by all workers."""
    shape, chunk = str(case.param("tasks")), str(case.param("cut"))
    limits = limits_of(shape, case.size, case.workers)
    expected = [limit * (limit - 1) // 2 for limit in limits]
    size = CHUNKS[chunk](len(limits), case.workers)
    ideal_ns = _ns_per_element(case.size) * max(sum(limits) / case.workers, max(limits))
    with shared(("imbalance", case.start_method, case.workers), lambda: _pool(case)) as pool:

        def sample(count: int) -> Mapping[str, Observation]:
            started = monotonic_ns()
            for _ in range(count):
                found = pool.map(add_up, limits, size)
            makespan_ns = (monotonic_ns() - started) / count
            if found != expected:
                raise WrongAnswer(f"the tasks answered {found!r:.100}, expected {expected!r:.100}")
            return {"makespan_ns": makespan_ns, "relative": makespan_ns / ideal_ns}

        yield sample


EXPERIMENT = Experiment(
    name="imbalance",
    question="What do uneven tasks cost, by the size of chunks and the order of the tasks?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    calibrates=("range_sum/python",),
    how=(
        "The same amount of work is cut into even tasks, into tasks of which each is a little longer than the one "
        "before, and into short ones with a single long task at the beginning or at the end. One warm Pool does them "
        "all, handed out one by one, in the chunks that Pool.map chooses for itself, or in one chunk a worker. The "
        "ideal makespan is what a plain loop over all the work took in the same process, divided by the workers, or "
        "the longest task where that is longer. Every result is checked."
    ),
    limits=(
        "On a machine whose cores slow each other down even a perfect cut does not reach the ideal: the claims "
        "compare ways of cutting with each other, not with it. The order of rising tasks is the worst for one chunk "
        "a worker; shuffled tasks lie between it and even ones. Cutting finer costs more handing out, which counts "
        "where tasks are short (see break-even); here they take some tenths of a millisecond."
    ),
    weight=3,
    place=84,
)
