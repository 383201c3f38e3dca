"""Asks what the GIL does to threads: the same loops on threads and on processes, holding the GIL and releasing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

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
    Role,
    Settings,
)

PARALLEL = 1.2
CEILING = 1.3
OF_CEILING = 0.95
TWIN_MARGIN = 0.02
LONGER = 2
"""Threads beside processes are compared to a few percent: twice the work halves what late spreading costs."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cases at one worker count; ``twin`` is ``nogil`` on the smaller sum that suffices beside ``gil``."""

    serial: Case
    threads: Case
    pools: tuple[Case, ...]
    nogil: Case
    twin: Case
    gil: Case
    nogil_threads: Case
    gil_threads: Case
    ceiling: Case


def design(settings: Settings) -> Design:
    """A group of Python loops and one of kernels at the most workers; other worker counts where the plan has time."""
    most = _cells(settings, settings.most_workers)
    fewer = sorted(set(settings.workers) - {settings.most_workers})
    sweep = [] if settings.plan == "quick" else [_cells(settings, workers) for workers in fewer]
    groups = (*_judged(most), *(group for cells in sweep for group in _swept(cells)))
    figures = [_speedups(most)]
    if sweep:
        figures.append(_scaling([*sweep, most]))
    return Design(groups, tuple(_claims(settings, most)), tuple(figures))


def _cells(settings: Settings, workers: int) -> _Cells:
    """One worker has nobody to wait for: there the plan's own size will do."""
    size_of, longer = (settings.parallel_size, LONGER) if workers > 1 else (settings.size, 1)
    serial = Case("range_sum", "python", "serial", size=size_of("range_sum", "python"))
    nogil = replace(serial, implementation="nogil", size=longer * size_of("range_sum", "nogil"))
    twin = replace(nogil, size=settings.size("range_sum", "nogil"))
    gil = replace(twin, implementation="gil")
    return _Cells(
        serial=serial,
        threads=_split(serial, "threads", workers),
        pools=tuple(_split(serial, "pool", workers, method) for method in settings.chosen_start_methods),
        nogil=nogil,
        twin=twin,
        gil=gil,
        nogil_threads=_split(nogil, "threads", workers),
        gil_threads=_split(gil, "threads", workers),
        ceiling=_split(nogil, "ceiling", workers, settings.chosen_start_methods[0]),
    )


def _split(serial: Case, strategy: str, workers: int, start_method: str = "") -> Case:
    return replace(serial, strategy=strategy, workers=workers, start_method=start_method)


def _judged(cells: _Cells) -> Iterator[Group]:
    pools = (_processes(pool, cells.serial) for pool in cells.pools)
    yield Group("python", (Arm(cells.serial), Arm(cells.threads, cells.serial), *pools))
    yield _scaling_group("kernels", cells)
    yield Group("twins", (Arm(cells.twin), Arm(cells.gil, cells.twin), Arm(cells.gil_threads, cells.gil)))


def _scaling_group(name: str, cells: _Cells) -> Group:
    return Group(
        name, (Arm(cells.nogil), Arm(cells.nogil_threads, cells.nogil), _processes(cells.ceiling, cells.nogil))
    )


def _swept(cells: _Cells) -> Iterator[Group]:
    workers, pool = cells.threads.workers, cells.pools[0]
    arms = (Arm(cells.serial), Arm(cells.threads, cells.serial), _processes(pool, cells.serial))
    yield Group(f"python, workers: {workers}", arms)
    yield _scaling_group(f"kernels, workers: {workers}", cells)


def _processes(case: Case, control: Case) -> Arm:
    """An arm that starts processes: in a host of its own."""
    return Arm(case, control, case.id)


def _claims(settings: Settings, cells: _Cells) -> Iterator[Claim]:
    alone = "one worker only: nothing can run in parallel" if settings.alone else ""
    ceiling = _faster(cells.ceiling, cells.nogil, CEILING, "ceiling", Role.PRECONDITION)
    pools = [_faster(pool, cells.serial, PARALLEL, f"pool, {pool.start_method}") for pool in cells.pools]
    yield Claim(
        "S01",
        "CPU-bound Python threads are concurrent, not parallel",
        (
            _not_faster(cells.threads, cells.serial, "Python threads"),
            replace(pools[0], role=Role.SUPPORTS),
            ceiling,
        ),
        ("S01",),
        conditions=f"a pure-Python loop split over {cells.threads.workers} threads, against the unsplit loop",
        not_applicable=alone,
    )
    yield Claim(
        "S02",
        "Processes run in parallel on several cores",
        (*pools, ceiling),
        ("S02",),
        conditions=f"a pure-Python loop split over a warm pool of {cells.threads.workers} processes",
        not_applicable=alone,
    )
    yield from _kernel_claims(cells, ceiling, alone)


def _kernel_claims(cells: _Cells, ceiling: Clause, alone: str) -> Iterator[Claim]:
    nogil = _faster(cells.nogil_threads, cells.nogil, PARALLEL, "threads that release the GIL", Role.SUPPORTS)
    yield Claim(
        "nogil-threads-scale",
        "Threads that release the GIL reach 95 % of what the machine can give",
        (_faster(cells.nogil_threads, cells.ceiling, OF_CEILING, "threads that release the GIL"), ceiling),
        conditions="a compiled loop under 'with nogil', against as many independent processes",
        not_applicable=alone,
    )
    yield Claim(
        "gil-kernel-blocks",
        "Compiled code that keeps the GIL does not run in parallel on threads",
        (_not_faster(cells.gil_threads, cells.gil, "threads that hold the GIL"), nogil, ceiling),
        conditions="the same C loop, entered without 'with nogil'",
        not_applicable=alone,
    )
    yield Claim(
        "kernel-twins-equal",
        "On one thread the loop that holds the GIL and the one that releases it are equally fast",
        (
            Clause(
                cells.gil,
                "wall_ns",
                Estimand.RATIO,
                Relation.WITHIN,
                TWIN_MARGIN,
                cells.twin,
                label="the loop that holds the GIL",
            ),
        ),
        conditions=f"within {TWIN_MARGIN:.0%}; the two entry points share one C body",
    )


def _faster(case: Case, control: Case, bound: float, label: str, role: Role = Role.DECIDES) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, Relation.ABOVE, bound, control, role, label)


def _not_faster(case: Case, control: Case, label: str) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, Relation.BELOW, PARALLEL, control, label=label)


def _speedups(cells: _Cells) -> Figure:
    pools = (Mark(pool, f"Python, pool ({pool.start_method})", cells.serial) for pool in cells.pools)
    return Figure(
        "gil-speedup",
        f"How much faster {cells.threads.workers} workers are than one, by what they run",
        "strip",
        "speedup",
        Estimand.RATIO,
        (
            Mark(cells.threads, "Python, threads", cells.serial),
            *pools,
            Mark(cells.gil_threads, "kernel holding the GIL, threads", cells.gil),
            Mark(cells.nogil_threads, "kernel releasing the GIL, threads", cells.nogil),
            Mark(cells.ceiling, "ceiling: independent loops", cells.nogil),
        ),
        references=(Reference(1.0, "one worker"),),
        claims=("S01", "S02", "gil-kernel-blocks", "nogil-threads-scale"),
    )


def _scaling(counts: list[_Cells]) -> Figure:
    series = {
        "Python, threads": [(cells.threads, cells.serial) for cells in counts],
        "Python, pool": [(cells.pools[0], cells.serial) for cells in counts],
        "nogil kernel, threads": [(cells.nogil_threads, cells.nogil) for cells in counts],
        "ceiling": [(cells.ceiling, cells.nogil) for cells in counts],
    }
    marks = (
        Mark(case, f"{name} × {case.workers}", control, name, case.workers)
        for name, pairs in series.items()
        for case, control in pairs
    )
    return Figure(
        "gil-scaling",
        "Speed-up over one worker, by the number of workers",
        "lines",
        "speedup",
        Estimand.RATIO,
        tuple(marks),
        x_label="workers",
        references=(Reference(1.0, "one worker"),),
        claims=("S01", "S02"),
    )


EXPERIMENT = Experiment(
    name="gil",
    question="Do threads run Python code, or compiled code, in parallel?",
    design=design,
    calibrates=("range_sum/python", "range_sum/nogil"),
    how=(
        "One sum over a range is split into equal parts and run by threads and by the processes of a warm pool, and "
        "compared with the unsplit loop seconds apart. The same is done with a compiled loop that exists twice: one "
        "entry point keeps the global interpreter lock (GIL), the other releases it, and both call the same C code. "
        "Beside them independent processes show what the machine can give. Threads are called 'not parallel' only "
        "if, in the same blocks, processes do get faster and the ceiling leaves room for it: on a busy machine "
        "nothing gets faster, and that says nothing about the GIL."
    ),
    limits=(
        "Loops without input and output: threads that wait are another question. The pool is warm, its start is not "
        "counted here. Under a neighbour's load a split loop suffers more than an unsplit one, so speed-ups are "
        "then too low. On a free-threaded build the sentences about the GIL should come out refuted."
    ),
    weight=15,
    place=10,
)
