"""Asks which way of running one sum is fastest: the same numbers, the same answer, every strategy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    Role,
    Settings,
)

SAMPLES = 2
"""The plain loop takes two samples, so that its halves take one."""

TENFOLD = 10.0
PARALLEL = 1.2
CEILING = 1.3
ELEMENT_BYTES = 8

JUDGED = POOL, RAWARRAY, MANAGER = (
    ("range_sum", "python", "pool"),
    ("vector_sum", "numpy", "rawarray"),
    ("vector_sum", "numpy", "manager"),
)
"""What claims name: the quick plan runs nothing else by processes."""

PROCESSES = (
    POOL,
    ("range_sum", "python", "pool_apply_async"),
    ("range_sum", "python", "executor"),
    ("range_sum", "python", "process_pipe"),
    ("range_sum", "python", "process_queue"),
    ("range_sum", "python", "manager"),
    RAWARRAY,
    ("vector_sum", "numpy", "shared_memory"),
    MANAGER,
)
"""What is run by processes: by every start method in the full plan, in the others by the default one alone.

What another start method costs is asked by the experiment startup, and whether a pool of it is parallel by gil.
"""

ARMS_BESIDE_CONTROL = 3


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cases that claims name; ``others`` are the rest of the processes' cases."""

    loop: Case
    threads: Case
    nogil: Case
    nogil_threads: Case
    numpy: Case
    pool: Case
    ceiling: Case
    rawarray: Case
    manager: Case
    others: tuple[Case, ...]

    @property
    def all(self) -> tuple[Case, ...]:
        """In the order in which they are shown."""
        judged = (self.pool, self.rawarray, self.manager)
        alone = (self.loop, self.threads, self.nogil, self.nogil_threads, self.numpy)
        return (*alone, *sorted((*judged, *self.others), key=_place))


def design(settings: Settings) -> Design:
    """Groups round the pure-Python loop: threads, the judged pool, the judged arrays, then all other cases."""
    cells = _cells(settings)
    groups = (
        _group("threads", cells, cells.threads, cells.nogil, cells.nogil_threads),
        _group("pool", cells, cells.threads, cells.pool, cells.ceiling),
        _group("arrays", cells, cells.numpy, cells.rawarray, cells.manager),
        *_other_groups(cells),
    )
    return Design(groups, tuple(_claims(settings, cells)), tuple(_figures(cells)))


def _cells(settings: Settings) -> _Cells:
    size, method, workers = (
        settings.size("range_sum", "python", SAMPLES * PLANS[settings.plan].sample_ns),
        settings.chosen_start_methods[0],
        settings.most_workers,
    )

    def split(workload: str, implementation: str, strategy: str, start_method: str = method) -> Case:
        return Case(workload, implementation, strategy, workers, size, start_method)

    judged = pool, rawarray, manager = tuple(split(*cell) for cell in JUDGED)
    started = (split(*cell, one) for one in settings.chosen_start_methods for cell in _started_by(settings, one))
    return _Cells(
        loop=Case("range_sum", "python", "serial", size=size),
        threads=split("range_sum", "python", "threads", ""),
        nogil=Case("range_sum", "nogil", "serial", size=size),
        nogil_threads=split("range_sum", "nogil", "threads", ""),
        numpy=Case("vector_sum", "numpy", "serial", size=size),
        pool=pool,
        ceiling=split("range_sum", "python", "ceiling"),
        rawarray=rawarray,
        manager=manager,
        others=tuple(case for case in started if case not in judged),
    )


def _started_by(settings: Settings, start_method: str) -> tuple[tuple[str, str, str], ...]:
    if start_method == settings.chosen_start_methods[0]:
        return JUDGED if settings.plan == "quick" else PROCESSES
    return PROCESSES if settings.plan == "full" else ()


def _place(case: Case) -> tuple[int, str]:
    return PROCESSES.index((case.workload, case.implementation, case.strategy)), case.start_method


def _group(name: str, cells: _Cells, *cases: Case) -> Group:
    return Group(name, (_arm(cells.loop, None), *(_arm(case, cells.loop) for case in cases)), per_case_count=True)


def _arm(case: Case, control: Case | None) -> Arm:
    """In a host of its own where it starts processes or imports numpy, so that memory is told apart."""
    copies = 4 if case.strategy == "manager" else 2
    needed = copies * ELEMENT_BYTES * case.size if case.workload == "vector_sum" else 0
    alone = case.start_method or case.implementation == "numpy"
    server = 1 if case.strategy == "manager" else 0
    return Arm(case, control, case.id if alone else "shared", needed, case.workers + server)


def _other_groups(cells: _Cells) -> Iterator[Group]:
    for start in range(0, len(cells.others), ARMS_BESIDE_CONTROL):
        cases = cells.others[start : start + ARMS_BESIDE_CONTROL]
        yield _group(f"other strategies from {start + 1}", cells, *cases)


def _claims(settings: Settings, cells: _Cells) -> Iterator[Claim]:
    alone = "one worker only: nothing can run in parallel" if settings.alone else ""
    size, workers = f"{cells.loop.size:,}".replace(",", " "), cells.pool.workers
    ceiling = _faster(cells.ceiling, cells.loop, CEILING, "independent loops", Role.PRECONDITION)
    yield Claim(
        "summation-nogil-wins",
        "Threads on a compiled loop that releases the GIL sum more than ten times as fast as threads on a Python loop",
        (_faster(cells.nogil_threads, cells.threads, TENFOLD, "nogil threads"),),
        conditions=f"the sum of {size} numbers on {workers} threads, the threads kept between calls",
    )
    yield Claim(
        "summation-pool-beats-threads",
        "A pool of processes sums faster than threads on the same Python loop",
        (_faster(cells.pool, cells.threads, PARALLEL, "pool"), ceiling),
        conditions=f"more than {PARALLEL} times as fast on {size} numbers with {workers} workers, warm",
        not_applicable=alone,
    )
    yield Claim(
        "summation-rawarray-beats-manager",
        "numpy on a RawArray sums more than ten times as fast as numpy on slices from a Manager",
        (_faster(cells.rawarray, cells.manager, TENFOLD, "RawArray"),),
        conditions=f"{size} float64 already in shared memory or in the Manager, {workers} warm workers",
    )
    yield from _cost_claims(cells, size)


def _cost_claims(cells: _Cells, size: str) -> Iterator[Claim]:
    pools = (case for case in cells.all if case.strategy == "pool" and case != cells.pool)
    yield Claim(
        "summation-cold-pool",
        "A pool that is started for one sum of this size takes longer than the plain loop",
        (_cold(cells.pool, cells.loop, Role.DECIDES), *(_cold(case, cells.loop, Role.BESIDE) for case in pools)),
        conditions=f"from nothing set up to the first sum of {size} numbers, start method {cells.pool.start_method}",
    )
    slower = Clause(
        cells.rawarray, "speedup", Estimand.RATIO, Relation.BELOW, 1.0, cells.numpy, label="numpy on a RawArray"
    )
    yield Claim(
        "summation-split-numpy",
        "Splitting a numpy sum of this size over processes makes it slower, even in shared memory",
        (slower,),
        conditions=f"{size} float64 already in shared memory, warm workers; numpy alone against numpy in a pool",
    )


def _cold(case: Case, control: Case, role: Role) -> Clause:
    label = f"cold, {case.start_method}"
    return Clause(case, "cold_ns", Estimand.RATIO, Relation.ABOVE, 1.0, control, role, label)


def _faster(case: Case, control: Case, bound: float, label: str, role: Role = Role.DECIDES) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, Relation.ABOVE, bound, control, role, label)


def _figures(cells: _Cells) -> Iterator[Figure]:
    levels = {
        "wall_ns": ("warm", "Time of one warm sum, by strategy"),
        "cold_ns": ("cold", "Time from nothing set up to the first sum, by strategy"),
        "teardown_ns": ("teardown", "Time to close what was set up, by strategy"),
        "cpu_ns": ("cpu", "CPU time of one warm sum, all processes together, by strategy"),
        "pss_bytes": ("memory", "Memory of all processes together, by strategy"),
    }
    yield _speedups(cells)
    yield _efficiency(cells)
    claims = {"wall_ns": ("summation-rawarray-beats-manager",), "cold_ns": ("summation-cold-pool",)}
    for quantity, (name, title) in levels.items():
        # Memory is read for each host: the cases that share one would be shown with one figure.
        shown = [
            case
            for case in cells.all
            if quantity != "pss_bytes" or case.start_method or case in (cells.loop, cells.numpy)
        ]
        marks = tuple(Mark(case, _label(case)) for case in shown)
        yield Figure(
            f"summation-{name}", title, "strip", quantity, Estimand.LEVEL, marks, claims=claims.get(quantity, ())
        )


def _speedups(cells: _Cells) -> Figure:
    marks = (Mark(case, _label(case), cells.loop) for case in (*cells.all[1:], cells.ceiling))
    return Figure(
        "summation-speedup",
        "How much faster than the plain Python loop, by strategy",
        "strip",
        "speedup",
        Estimand.RATIO,
        tuple(marks),
        references=(Reference(1.0, "plain Python loop"),),
        claims=("summation-nogil-wins", "summation-pool-beats-threads", "summation-split-numpy"),
    )


def _efficiency(cells: _Cells) -> Figure:
    return Figure(
        "summation-efficiency",
        "Share of what the machine can give that a split Python loop reaches, by strategy",
        "strip",
        "speedup",
        Estimand.RATIO,
        tuple(
            Mark(case, _label(case), cells.ceiling)
            for case in cells.all
            if case.implementation == "python" and case.workers
        ),
        references=(Reference(1.0, "independent loops"),),
        claims=("summation-pool-beats-threads",),
    )


def _label(case: Case) -> str:
    ways = {"python": "Python loop", "nogil": "nogil loop", "numpy": "numpy"}
    strategy = case.strategy.replace("_", " ")
    return f"{ways[case.implementation]}, {strategy}{f' ({case.start_method})' if case.start_method else ''}"


EXPERIMENT = Experiment(
    name="summation",
    question="Which way of running the same sum is fastest, and what does it cost to set up?",
    design=design,
    calibrates=("range_sum/python",),
    how=(
        "Every strategy computes the sum of the same n numbers 0 to n-1, and every answer is checked against "
        "n(n-1)/2. n is chosen so that the plain Python loop takes two samples. The loop without input is run "
        "serially, on threads, by pools and by processes that talk through pipes, queues or a Manager; the same "
        "numbers as a float64 vector are summed by numpy, serially and by workers that see them in a RawArray, in a "
        "shared-memory segment, or fetch them from a Manager. Every group of cases includes the plain loop as its "
        "control, visited in the same rounds; fast cases are repeated until their sample is as long as a slow "
        "one's. Three costs are kept apart: cold (until the first correct sum), warm (each sum after it) and "
        "teardown. Independent loops in processes of their own show what the machine can give. Only the full plan "
        "starts processes by other than the default method, and the quick one leaves out what no claim names: other "
        "pools, pipes, queues, a shared-memory segment."
    ),
    limits=(
        "Adding numbers is the least work there is, so that the cost of a strategy shows most: with heavier work "
        "all ratios come nearer to the ceiling. A sum that takes less than a millisecond is mostly hand-over of "
        "work. Cases over a vector read memory, cases over a range do not: their ratio to the plain loop says which "
        "way is faster, not why. Cold leaves out the import of what a strategy or numpy needs, but workers that are "
        "spawned import it again. The memory of a case is that of its whole host, interpreter included; the plain "
        "loop shares its host with the threads."
    ),
    weight=14,
    place=40,
)
