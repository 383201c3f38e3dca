"""How long the same tasks take in a loop and with workers, by how long one of them is: what ``break_even`` looks up.

One sweep serves all cases of a host: it starts workers, measures, and has ended them when it returns.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._jobs import add_up

TASKS = 64
SWEEPS_US: Mapping[str, tuple[int, ...]] = {
    "quick": (10, 30, 100, 300, 1000),
    "default": (10, 30, 100, 300, 1000),
    "full": (10, 30, 100, 300, 1000, 3000, 10_000),
}
"""How long a task takes, in µs, by plan."""

COLD_FROM_US = 100
"""Workers that are started for shorter tasks than this lose by far."""

ALSO_COLD: Mapping[str, tuple[str, ...]] = {"quick": ("pool",), "default": ("pool",)}
"""Which ways are measured cold, by plan; all of them where it is not said."""

CHUNKS: Mapping[str, tuple[str, ...]] = {"pool": ("1", "16", "auto"), "executor": ("1", "16")}
"""An executor has no chunk size of its own choice: it takes 1 unless told."""

STEADY_NS: Mapping[str, int] = {"quick": 3_000_000, "default": 60_000_000, "full": 60_000_000}
"""How long the repetitions of one point take together in the loop, by plan: workers that are woken overlap now and now
not, so that one call on 64 tasks of 0.3 ms took 0.7 to 1.35 times the loop."""

MOST_REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """Tasks of one length: what one took in the loop, and the time with workers over that of the loop."""

    task_ns: float
    relative: float


Curves = Mapping[tuple[str, str], Mapping[int, Point]]
"""By start ("cold" or "warm") and chunk size: a point for each nominal length in µs."""

Map = Callable[[Sequence[int], str], Sequence[int]]
"""Has numbers added up to each of several limits, in chunks of that size."""


def cold_lengths(way: str, name: str) -> tuple[int, ...]:
    """How long tasks are, in µs, for which a way is started anew; none in the quick plan for what no claim needs."""
    return tuple(us for us in SWEEPS_US[name] if us >= COLD_FROM_US and way in ALSO_COLD.get(name, OPENERS))


def chunks_of(way: str, name: str) -> tuple[str, ...]:
    """The chunk sizes that a sweep looks at; in the quick one none but single tasks and Pool's own choice."""
    return tuple(chunk for chunk in CHUNKS[way] if name != "quick" or chunk != "16")


@cache
def sweep(way: str, start_method: str, workers: int, name: str) -> Curves:
    """Measure the loop, then workers that are started each time, then workers that stay, at every length."""
    rate = _ns_per_element()
    sizes = {us: max(1, round(us * 1000 / rate)) for us in SWEEPS_US[name]}
    times_each = {us: _repetitions(us, STEADY_NS[name]) for us in sizes}
    loops = {us: _timed(_loop, size, times_each[us]) for us, size in sizes.items()}
    cold, opened = {}, OPENERS[way]
    for us in cold_lengths(way, name):
        cold[us] = _timed(lambda limits: _started_for(opened(start_method, workers), limits), sizes[us], 1)
    times = {("cold", "1"): cold}
    with opened(start_method, workers) as work:
        work([sizes[SWEEPS_US[name][0]]] * TASKS, "1")
        for chunk in chunks_of(way, name):
            each = partial(_in_chunks, work, chunk)
            times["warm", chunk] = {us: _timed(each, size, times_each[us]) for us, size in sizes.items()}
    return {
        curve: {us: Point(loops[us] / TASKS, took / loops[us]) for us, took in of.items()}
        for curve, of in times.items()
    }


def break_even_ns(points: Sequence[Point]) -> float:
    """The length of a task from which on workers win, interpolated between logarithms.

    Where they win everywhere it is the shortest task that was tried, where they never do the longest.
    """
    ordered = sorted(points, key=lambda point: point.task_ns)
    crossing = [pair for pair in pairwise(ordered) if pair[0].relative >= 1 > pair[1].relative]
    if ordered[-1].relative >= 1:
        return ordered[-1].task_ns
    if not crossing:
        return ordered[0].task_ns
    left, right = crossing[-1]
    share = math.log(left.relative) / math.log(left.relative / right.relative)
    return math.exp(math.log(left.task_ns) + share * math.log(right.task_ns / left.task_ns))


def _ns_per_element(count: int = 20_000) -> float:
    times = []
    for _ in range(3):
        started = monotonic_ns()
        add_up(count)
        times.append(monotonic_ns() - started)
    return min(times) / count


def _repetitions(us: int, steady_ns: int) -> int:
    """How often tasks of this length are done, so that short ones last long enough together."""
    return max(1, min(MOST_REPETITIONS, steady_ns // (1000 * us * TASKS)))


def _in_chunks(work: Map, chunk: str, limits: Sequence[int]) -> Sequence[int]:
    return work(limits, chunk)


def _loop(limits: Sequence[int]) -> Sequence[int]:
    return [add_up(limit) for limit in limits]


def _started_for(opened: Any, limits: Sequence[int]) -> Sequence[int]:
    with opened as work:
        found: Sequence[int] = work(limits, "1")
        return found


def _timed(work: Callable[[Sequence[int]], Sequence[int]], size: int, repetitions: int) -> float:
    """The median time of all tasks; WrongAnswer where one of them is off."""
    times = []
    for _ in range(repetitions):
        started = monotonic_ns()
        found = work([size] * TASKS)
        times.append(monotonic_ns() - started)
        expected = size * (size - 1) // 2
        if list(found) != [expected] * TASKS:
            raise WrongAnswer(f"the tasks answered {found!r:.100}, expected {TASKS} times {expected}")
    return statistics.median(times)


@contextmanager
def _pool(start_method: str, workers: int) -> Iterator[Map]:
    import multiprocessing

    with multiprocessing.get_context(start_method).Pool(workers) as pool:
        yield lambda limits, chunk: pool.map(add_up, limits, None if chunk == "auto" else int(chunk))
        pool.close()
        pool.join()


@contextmanager
def _executor(start_method: str, workers: int) -> Iterator[Map]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(start_method)) as executor:
        yield lambda limits, chunk: list(executor.map(add_up, limits, chunksize=int(chunk)))


OPENERS: Mapping[str, Callable[[str, int], Any]] = {"pool": _pool, "executor": _executor}
