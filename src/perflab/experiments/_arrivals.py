"""Sums that warm workers find, and when their results arrive, for each way of asking for them.

A spawned worker imports this module for its tasks, so it stays light.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from perflab.clock import monotonic_ns, pause
from perflab.errors import WrongAnswer
from perflab.experiments._shared import shared

WORKERS = 2
PATIENCE_NS = 20_000_000

Numbered = tuple[int, int]
"""A task's number in the order of submission, and the number that it sums up to."""

Added = tuple[int, int, int]
"""A task's number, the sum it found, and when it ended by the machine's one clock."""

Way = Callable[[Any, Iterable[Numbered]], Iterable[Added]]
"""Has the tasks done by a Pool or an executor; gives results as they come."""


def add_up(numbered: Numbered) -> Added:
    """Sum 0 up to, not with, a number, one addition after the other."""
    number, end = numbered
    total = 0
    for i in range(end):
        total += i
    return number, total, monotonic_ns()


def worker(_: int) -> int:
    """The process that does this task, which takes long enough for another worker to take the next one."""
    pause(0.002)
    return os.getpid()


def _as_completed(executor: Any, inputs: Iterable[Numbered]) -> Iterator[Added]:
    from concurrent.futures import as_completed

    yield from (future.result() for future in as_completed([executor.submit(add_up, one) for one in inputs]))


OF_POOL: Mapping[str, Way] = {
    "map": lambda pool, inputs: pool.map(add_up, inputs, chunksize=1),
    "imap": lambda pool, inputs: pool.imap(add_up, inputs),
    "imap_unordered": lambda pool, inputs: pool.imap_unordered(add_up, inputs),
}
OF_EXECUTOR: Mapping[str, Way] = {
    "Executor.map": lambda executor, inputs: executor.map(add_up, inputs),
    "as_completed": _as_completed,
}


def observe(way: str, crew: Any, sizes: Sequence[int]) -> dict[str, Any]:
    """Have the sums found and date each result as it arrives; WrongAnswer where one is missing or wrong."""
    taken = 0

    def inputs() -> Iterator[Numbered]:
        nonlocal taken
        for numbered in enumerate(sizes):
            taken += 1
            yield numbered

    results: list[Added] = []
    arrivals: list[int] = []
    taken_by_second = 0
    started = monotonic_ns()
    for one in {**OF_POOL, **OF_EXECUTOR}[way](crew, inputs()):
        arrivals.append(monotonic_ns())
        results.append(one)
        if len(results) == 1:
            taken_by_second = _settled(lambda: taken, len(sizes))
    check(results, sizes)
    first, last = arrivals[0] - started, arrivals[-1] - started
    numbers = [number for number, _, _ in results]
    head = numbers.index(0)
    return {
        "first_ns": first,
        "last_ns": last,
        "first_share": first / last,
        "held_share": (arrivals[head] - results[head][2]) / last,
        "consumed_share": taken_by_second / len(sizes),
        "order": "as submitted" if numbers == sorted(numbers) else "otherwise",
    }


def _settled(taken: Callable[[], int], most: int) -> int:
    """How many inputs were taken once all were, or patience is at its end: a Pool takes them on a thread of its own."""
    patience = monotonic_ns() + PATIENCE_NS
    while taken() < most and monotonic_ns() < patience:
        pause(0.0005)
    return taken()


def check(results: Sequence[Added], sizes: Sequence[int]) -> None:
    """Refuse anything but one right sum of each task."""
    found = sorted((number, total) for number, total, _ in results)
    expected = [(number, end * (end - 1) // 2) for number, end in enumerate(sizes)]
    if found != expected:
        raise WrongAnswer(f"the tasks found the sums {found}, expected {expected}")


def crew(way: str, start_method: str, workers: int = WORKERS) -> AbstractContextManager[Any]:
    """The host's Pool or executor of so many workers, by the class that the way belongs to; all of them are up."""
    make = _pool if way in OF_POOL else _executor
    return shared(("arrivals", make, start_method, workers), lambda: make(start_method, workers))


@contextmanager
def _pool(start_method: str, workers: int) -> Iterator[Any]:
    import multiprocessing

    pool = multiprocessing.get_context(start_method).Pool(workers)
    try:
        _warm(lambda: pool.map(worker, range(2 * workers), chunksize=1), workers)
        yield pool
    finally:
        pool.terminate()
        pool.join()


@contextmanager
def _executor(start_method: str, workers: int) -> Iterator[Any]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, multiprocessing.get_context(start_method)) as executor:
        _warm(lambda: executor.map(worker, range(2 * workers)), workers)
        yield executor


def _warm(ask: Callable[[], Iterable[int]], workers: int) -> None:
    """Ask until all workers have answered: the first one is up long before the second."""
    while len(set(ask())) < workers:
        pass
