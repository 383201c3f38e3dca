"""Asks what it costs to start and join a thread, and a process by each start method."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
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
    Relation,
    Sample,
    Settings,
)

TENFOLD = 10.0
CELL_BYTES = 8

QUANTITIES = (
    Quantity("first_instruction_ns", "ns", "from the call of start() to the first instruction of the child's own code"),
    Quantity("join_ns", "ns", "from the call of start() to the return of join()"),
)

FROM_A_FRESH_INTERPRETER = "now = now()\nwith open(path, 'r+b') as cell:\n    cell.write(now.to_bytes(8, 'little'))"
"""What a spawned child runs, given to the built-in exec: its first instruction dates itself.

A function of this module would make each child import perflab (36 ms where the start itself took 40), and a
shared value would make it import ctypes and multiprocessing.connection (9 ms): both would be counted as its start.
"""


def design(settings: Settings) -> Design:
    """One group: a thread, and a process by every start method this platform has."""
    thread = Case(strategy="thread")
    processes = tuple(Case(strategy="process", start_method=method) for method in _methods(settings))
    arms = (Arm(thread), *(Arm(case, thread, case.id) for case in processes))
    group = Group("start and join", arms, per_case_count=True)
    claims = (_heavier(thread, processes), _spawn_against_fork(processes))
    return Design(
        (group,), claims, (_figure("join_ns", thread, processes), _figure("first_instruction_ns", thread, processes))
    )


def _methods(settings: Settings) -> tuple[str, ...]:
    """The default first; every plan measures all, they cost little."""
    return settings.override("start_method") or tuple(
        dict.fromkeys((settings.default_start_method, *settings.start_methods))
    )


def _heavier(thread: Case, processes: tuple[Case, ...]) -> Claim:
    return Claim(
        "S08",
        "Processes are heavy, threads light: a process takes more than ten times as long to start and join",
        tuple(_dearer(case, thread, case.start_method, TENFOLD) for case in processes),
        ("S08",),
        conditions="from start() to the return of join(), an empty child, a small parent; time only, not memory",
    )


def _spawn_against_fork(processes: tuple[Case, ...]) -> Claim:
    by_method = {case.start_method: case for case in processes}
    both = {"fork", "spawn"} <= by_method.keys()
    return Claim(
        "startup-spawn-fork",
        "Spawning a process takes more than ten times as long as forking one",
        (_dearer(by_method["spawn"], by_method["fork"], "spawn", TENFOLD),) if both else (),
        conditions="from start() to the return of join(), an empty child, a small parent",
        not_applicable="" if both else f"it needs fork and spawn, and there is only {', '.join(by_method)}",
    )


def _dearer(case: Case, control: Case, label: str, bound: float) -> Clause:
    return Clause(case, "join_ns", Estimand.RATIO, Relation.ABOVE, bound, control, label=label)


def _figure(quantity: str, thread: Case, processes: tuple[Case, ...]) -> Figure:
    titles = {
        "join_ns": "Time to start and join a thread or a process",
        "first_instruction_ns": "Time from start() to the child's first instruction",
    }
    marks = (Mark(thread, "thread"), *(Mark(case, f"process, {case.start_method}") for case in processes))
    claims = ("S08", "startup-spawn-fork") if quantity == "join_ns" else ()
    return Figure(
        f"startup-{quantity.removesuffix('_ns').replace('_', '-')}",
        titles[quantity],
        "strip",
        quantity,
        Estimand.LEVEL,
        marks,
        claims=claims,
    )


def probe(case: Case) -> Iterator[Sample]:
    """Starts and joins children one after the other; a sample is the median over them."""
    with _cell() as (cell, path):
        begin = _thread(cell) if case.strategy == "thread" else _process(case.start_method, cell, path)
        # The first forkserver or spawned child also pays for the server's or the tracker's own start.
        _start_and_join(begin, cell)

        def sample(count: int) -> Mapping[str, Observation]:
            pairs = [_start_and_join(begin, cell) for _ in range(count)]
            first, joined = zip(*pairs, strict=True)
            return {"first_instruction_ns": statistics.median(first), "join_ns": statistics.median(joined)}

        yield sample


Begin = Callable[[], Any]
"""Makes an unstarted thread or process whose child dates its first instruction in the cell."""


@contextmanager
def _cell() -> Iterator[tuple[Any, str]]:
    """Eight shared bytes: mapped here, and by its path for a child that inherits nothing."""
    import mmap
    import os
    import tempfile

    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        path = os.path.join(folder, "cell")
        with open(path, "w+b") as file:
            file.write(bytes(CELL_BYTES))
            file.flush()
            cell = mmap.mmap(file.fileno(), CELL_BYTES)
        with cell:
            yield cell, path


def _thread(cell: Any) -> Begin:
    import threading

    return lambda: threading.Thread(target=_date, args=(cell,))


def _process(start_method: str, cell: Any, path: str) -> Begin:
    import multiprocessing

    context: Any = multiprocessing.get_context(start_method)
    if start_method == "fork":
        return lambda: context.Process(target=_date, args=(cell,))
    arguments = (FROM_A_FRESH_INTERPRETER, {"now": monotonic_ns, "path": path})
    return lambda: context.Process(target=exec, args=arguments)


def _date(cell: Any) -> None:
    cell[:] = monotonic_ns().to_bytes(CELL_BYTES, "little")


def _start_and_join(begin: Begin, cell: Any) -> tuple[int, int]:
    """ns to the first instruction and to the end of join; WrongAnswer if the child did not run in between."""
    cell[:] = bytes(CELL_BYTES)
    child = begin()
    started = monotonic_ns()
    child.start()
    child.join()
    joined = monotonic_ns()
    first = int.from_bytes(cell[:], "little")
    status = getattr(child, "exitcode", 0)
    if hasattr(child, "close"):
        child.close()
    if status != 0 or not started <= first <= joined:
        found = f"exit status {status}, first instruction {first - started} ns after the start"
        raise WrongAnswer(
            f"{found}; expected status 0 and a first instruction before the {joined - started} ns of join"
        )
    return first - started, joined - started


EXPERIMENT = Experiment(
    name="startup",
    question="What does it cost to start a thread, and a process by each start method?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A thread or a process is started whose only work is to read the clock and store what it read where its "
        "parent can see it; the parent reads the same clock before start() and after join(). The first start of "
        "each kind is not counted, because with forkserver and spawn it also starts a server or a resource tracker "
        "that the later ones use again. Short starts are repeated within a sample, and the median is taken. A "
        "spawned child is given a built-in function, so that it imports nothing but what multiprocessing itself "
        "needs."
    ),
    limits=(
        "The parent is small and has imported little, and its main module is a single line. A fork takes longer the "
        "more memory the parent uses; a spawned process takes longer the more its main module and its target "
        "import, which is often most of the time in real programs. Memory is not looked at here."
    ),
    weight=4,
    place=20,
)
