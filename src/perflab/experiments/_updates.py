"""What updates sets against each other: two processes, or two threads, that change one number at the same time.

Everything a child runs stands here, so that a spawned one imports little. The functions that change a number are
written out, one for each shape of the statement, because the shape is what is asked about.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from perflab.clock import monotonic_ns
from perflab.experiments._partner import LIMIT_S, context, partners, told

RUNS = 2
"""Each pair runs twice: +1 against -1, whose end result is read; and +1 beside +1, where losses cannot cancel out."""

STEPS = ((1, 1), (-1, 1))
"""What either process adds, by run."""

ATTEMPTS, TOGETHER = 4, 0.5
"""A pair counts if the two were at it together for half of the time at least."""

TINY_SWITCH_S = 1e-6
"""The switch interval for threads: as many switches as there can be, to see any that does harm."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The numbers after +1 × n and -1 × n and after +1 × n twice, and the ns that the second run took.

    ``overlap``: the part of the shorter process's time in which the other one was at it too, in the worse run.
    """

    balance: int
    total: int
    took_ns: int
    overlap: float


def two_processes(kind: str, lock: str, count: int) -> Outcome:
    """Let two processes change a number of that kind ``count`` times each, under that lock.

    On a busy machine one of them may be over before the other gets a core: such a pair shows nothing, and is tried
    again whatever it lost, at most ATTEMPTS times in all.
    """
    for _ in range(ATTEMPTS):
        seen = _attempt(kind, lock, count)
        if seen.overlap >= TOGETHER:
            break
    return seen


Span = tuple[int, int]
"""When one process began and ended, in ns."""


def overlap(first: Span, second: Span) -> float:
    """How much of the shorter of two spans lies within the other one, from 0 to 1."""
    shared_ns = min(first[1], second[1]) - max(first[0], second[0])
    return max(0, shared_ns) / max(1, min(end - begin for begin, end in (first, second)))


def _attempt(kind: str, lock: str, count: int) -> Outcome:
    started_by = context("fork") if lock == "threading.Lock" else context()
    with _shared(started_by, kind, lock) as (cells, guard, read):
        barrier = started_by.Barrier(2)
        pipes = [started_by.Pipe(False) for _ in STEPS]
        calls = [
            (update, (kind, lock, cells, guard, steps, count, barrier, report))
            for steps, (_, report) in zip(STEPS, pipes, strict=True)
        ]
        with partners(started_by, *calls):
            for _, report in pipes:
                report.close()
            spans = [[told(heard) for _ in range(RUNS)] for heard, _ in pipes]
        for heard, _ in pipes:
            heard.close()
        balance, total = read()
    first, second = spans[0][-1], spans[1][-1]
    took_ns = max(first[1], second[1]) - min(first[0], second[0])
    return Outcome(balance, total, took_ns, min(overlap(*pair) for pair in zip(*spans, strict=True)))


def update(
    kind: str, lock: str, cells: Any, guard: Any, steps: Sequence[int], count: int, barrier: Any, report: Any
) -> None:
    """The life of one process: wait for the other, change the number, say when it began and ended, in each run."""
    with _attached(kind, cells) as mine:
        for cell, step in zip(mine, steps, strict=True):
            held = cell.get_lock() if lock == "get_lock" else guard
            barrier.wait(LIMIT_S)
            started = monotonic_ns()
            LOOPS[kind == "SharedMemory", held is not None](cell, step, count, held)
            report.send((started, monotonic_ns()))


def _value(cell: Any, step: int, count: int, held: Any) -> None:
    for _ in range(count):
        cell.value += step


def _value_held(cell: Any, step: int, count: int, held: Any) -> None:
    for _ in range(count):
        with held:
            cell.value += step


def _item(cell: Any, step: int, count: int, held: Any) -> None:
    for _ in range(count):
        cell[0] += step


def _item_held(cell: Any, step: int, count: int, held: Any) -> None:
    for _ in range(count):
        with held:
            cell[0] += step


LOOPS = {(False, False): _value, (False, True): _value_held, (True, False): _item, (True, True): _item_held}
"""The statement by (is it an item, is a lock held)."""

Read = Callable[[], tuple[int, int]]


@contextmanager
def _shared(started_by: Any, kind: str, lock: str) -> Iterator[tuple[Any, Any, Read]]:
    """Two numbers of the kind as children are given them, the lock, and how to read both numbers in the end."""
    if kind == "SharedMemory":
        with _segment() as (name, numbers):
            yield name, _guard(started_by, lock), lambda: (numbers[0], numbers[1])
    elif kind == "Manager.Value":
        with started_by.Manager() as manager:
            values = tuple(manager.Value("q", 0) for _ in range(RUNS))
            guard = manager.Lock() if lock == "Manager.Lock" else None
            yield values, guard, lambda: (values[0].value, values[1].value)
    else:
        values = tuple(getattr(started_by, kind)("q", 0) for _ in range(RUNS))
        yield values, _guard(started_by, lock), lambda: (values[0].value, values[1].value)


def _guard(started_by: Any, lock: str) -> Any:
    """The lock that children are given; None where there is none, or the number brings its own."""
    return {"Lock": started_by.Lock, "threading.Lock": threading.Lock}.get(lock, lambda: None)()


@contextmanager
def _segment() -> Iterator[tuple[str, Any]]:
    from multiprocessing.shared_memory import SharedMemory

    segment: Any = SharedMemory(create=True, size=8 * RUNS)
    try:
        with segment.buf.cast("q") as numbers:
            numbers[0] = numbers[1] = 0
            yield segment.name, numbers
    finally:
        segment.close()
        segment.unlink()


@contextmanager
def _attached(kind: str, cells: Any) -> Iterator[tuple[Any, ...]]:
    """The two numbers in a child: a segment is found by its name, all else came along."""
    if kind != "SharedMemory":
        yield cells
        return
    from multiprocessing.shared_memory import SharedMemory

    segment: Any = SharedMemory(cells)
    try:
        with segment.buf.cast("q") as numbers, numbers[:1] as first, numbers[1:2] as second:
            yield first, second
    finally:
        segment.close()


number = 0
"""What the shapes "global" and "call" change."""


class Plain:
    """A number in an attribute."""

    def __init__(self) -> None:
        self.value = 0


class Guarded:
    """A number behind a property, as Python code would write it."""

    def __init__(self) -> None:
        self.kept = 0

    @property
    def value(self) -> int:
        """The number."""
        return self.kept

    @value.setter
    def value(self, new: int) -> None:
        self.kept = new


def plus_one(old: int) -> int:
    """The call in the middle of the shape "call"."""
    return old + 1


def _add_global(cell: Any, count: int, held: Any) -> None:
    global number
    for _ in range(count):
        number += 1


def _add_call(cell: Any, count: int, held: Any) -> None:
    global number
    for _ in range(count):
        number = plus_one(number)


def _add_call_held(cell: Any, count: int, held: Any) -> None:
    global number
    for _ in range(count):
        with held:
            number = plus_one(number)


def _add_attribute(cell: Any, count: int, held: Any) -> None:
    for _ in range(count):
        cell.value += 1


def _add_property(cell: Any, count: int, held: Any) -> None:
    for _ in range(count):
        cell.value += 1


def _add_item(cell: Any, count: int, held: Any) -> None:
    for _ in range(count):
        cell[0] += 1


SHAPES: dict[str, tuple[Callable[[], Any], Callable[[Any, int, Any], None], Callable[[Any], int]]] = {
    "global": (lambda: None, _add_global, lambda cell: number),
    "attribute": (Plain, _add_attribute, lambda cell: cell.value),
    "item": (lambda: [0], _add_item, lambda cell: cell[0]),
    "property": (Guarded, _add_property, lambda cell: cell.value),
    "call": (lambda: None, _add_call, lambda cell: number),
    "call, with a lock": (lambda: None, _add_call_held, lambda cell: number),
}
"""By shape of the statement: how to make what is changed, the loop that changes it, how to read it in the end."""


def two_threads(shape: str, count: int) -> int:
    """The number after two threads added 1 to it ``count`` times each, with switches as frequent as they get."""
    global number
    number = 0
    make, add, read = SHAPES[shape]
    cell, barrier, held = make(), threading.Barrier(2), threading.Lock()

    def work() -> None:
        barrier.wait(LIMIT_S)
        add(cell, count, held)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TINY_SWITCH_S)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    return read(cell)
