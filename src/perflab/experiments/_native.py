"""Kinds of compiled work by name: what one thread does alone, what each of several does, and whether all was done."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import repeat
from operator import xor
from typing import Any

from perflab.experiments._gang import Work
from perflab.experiments._vectors import filled
from perflab.model import Case

KIB, MIB = 2**10, 2**20

ROUNDS, SHORT_ROUNDS = 3_800_000, 2_500_000
"""Of arithmetic: some 4 ms, some 2.5 ms."""

ADDITIONS, HELD_ADDITIONS = 10_000_000, 6_000_000
"""In a loop of one addition a turn: some 2.5 ms; less where threads can only take turns."""

ATOMIC, PLAIN = 200_000, 2_000_000
"""Increments of a sample, by however many threads: half a ms alone."""

SUMMED_BYTES = 128 * MIB
"""What a sample adds up by many calls on one thread: a ms."""

PRIVATE_BYTES = 2**30
"""What a thread adds up of data of its own, in one call: as long as the arithmetic it is compared with."""

SMALL_CALLS, EMPTY_CALLS = 3_000, 40_000

WORD, APART_WORDS = 8, 16
"""128 bytes from counter to counter: two cache lines, because some processors fetch lines in pairs."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to run, how many units of work that is, and whether the answers of one run say that all was done.

    A unit is a call or an addition where these are asked for, otherwise what one thread does alone.
    """

    alone: Work
    each: Sequence[Work]
    alone_units: float
    each_units: float
    right: Callable[[Sequence[Any]], bool]


def job(case: Case) -> Job:
    """The job of that name with its input; KeyError for a name that is not there."""
    return JOBS[case.workload](case)


def arithmetic_right(rounds: int) -> Callable[[Sequence[Any]], bool]:
    """Each round is 16 additions of a vector of one to eight numbers."""
    return lambda answers: all(answer in {16.0 * lanes * rounds for lanes in (1, 2, 4, 8)} for answer in answers)


def rounds_of(case: Case) -> int:
    """Of arithmetic, fewer where a case is one of many on one thread; or how often a thread's own data are added up."""
    if case.workload == "private_sums":
        return max(1, PRIVATE_BYTES // summed_bytes_of(case))
    return ROUNDS if case.workers else SHORT_ROUNDS


def summed_bytes_of(case: Case) -> int:
    """The size of what a worker has to itself; 0 for arithmetic, which needs nothing."""
    return int(case.param("kib")) * KIB if case.workload == "private_sums" else 0


def _same(case: Case, work: Work, units: float, answer: object) -> Job:
    """Everybody does the same, on nothing or on what all may read."""
    return Job(work, [work] * case.workers, units, units, lambda found: all(one == answer for one in found))


def _arithmetic(case: Case) -> Job:
    from perflab.kernels import limits

    function = limits.arithmetic_gil if case.implementation == "gil" else limits.arithmetic_nogil
    rounds = rounds_of(case)

    def work() -> float:
        return function(rounds)

    return Job(work, [work] * case.workers, 1.0, 1.0, arithmetic_right(rounds))


def _sums(case: Case) -> Job:
    """A vector small enough for a cache, added up by call after call."""
    from perflab.kernels import sums

    function = sums.sum_float64_gil if case.implementation == "gil" else sums.sum_float64_nogil
    size = int(case.param("kib")) * KIB
    calls = max(1, SUMMED_BYTES // size)
    vector = array("d", [1.0]) * (size // 8)
    return _same(case, lambda: sum(function(vector) for _ in repeat(None, calls)), 1.0, float(calls * size // 8))


def _private_sums(case: Case) -> Job:
    """Vectors that nobody else touches, each small enough for a cache, added up again and again within one call."""
    from perflab.kernels import sums

    size, times = summed_bytes_of(case), rounds_of(case)

    def on(vector: Any) -> Work:
        return lambda: sums.sum_repeatedly_nogil(vector, times)

    works = [on(array("d", [1.0]) * (size // 8)) for _ in range(case.workers)]
    answer = float(times * size // 8)
    return Job(works[0], works, 1.0, 1.0, lambda found: all(one == answer for one in found))


def _small_sums(case: Case) -> Job:
    """Calls on a few numbers, so that the call is most of it."""
    from perflab.kernels import sums

    function = sums.sum_float64_gil if case.implementation == "gil" else sums.sum_float64_nogil
    elements = int(case.param("elements"))

    def on(vector: Any) -> Work:
        return lambda: sum(function(vector) for _ in repeat(None, SMALL_CALLS))

    works = [on(array("d", [1.0]) * elements) for _ in range(case.workers)]
    answer = float(SMALL_CALLS * elements)
    return Job(works[0], works, SMALL_CALLS, SMALL_CALLS, lambda found: all(one == answer for one in found))


def _loads(case: Case) -> Job:
    """One vector far larger than the caches, read by one thread, or a part by each."""
    from perflab.kernels import limits

    size, workers = int(case.param("mib")) * MIB, max(1, case.workers)
    vector = memoryview(filled("q", size, [1, 2, 4, 8]))
    words = len(vector) // workers // 8 * 8  # twice the pattern: the exclusive or of a part is 0
    parts = [vector[n * words : (n + 1) * words] for n in range(workers)]
    for number, part in enumerate(parts):
        part[-1] ^= number + 1 << 8  # and now tells whose it is
    answers = [number + 1 << 8 for number in range(workers)]
    whole = reduce(xor, answers)

    def on(part: Any) -> Work:
        return lambda: limits.load_only_nogil(part)

    return Job(
        on(vector[: words * workers]),
        [on(part) for part in parts],
        1.0,
        1.0 / workers,
        lambda found: list(found) in ([whole], answers),
    )


def _counters(case: Case) -> Job:
    """Increments of one counter by all, or of a counter each: side by side in one cache line, or in lines apart."""
    from perflab.kernels import sharing

    atomic, workers = case.workload == "atomic_counter", max(1, case.workers)
    counters = array("q", [0]) * (APART_WORDS * (workers + 2))
    at = places(case.workload, counters.buffer_info()[0], workers)
    times = (ATOMIC if atomic else PLAIN) // workers
    function = sharing.add_atomic if atomic else sharing.add_plain

    def on(place: int, n: int) -> Work:
        return lambda: function(counters, place, n)

    def right(answers: Sequence[Any]) -> bool:
        found = sum(counters)
        counters[:] = array("q", [0]) * len(counters)
        return found == times * workers

    each = [on(place, times) for place in at]
    return Job(on(at[0], times * workers), each, 1.0, 1.0 / workers, right)


def places(work: str, address: int, workers: int) -> list[int]:
    """The index of each worker's counter in words that begin at ``address``; the first begins two cache lines."""
    first = -(address // WORD) % APART_WORDS
    step = {"atomic_counter": 0, "adjacent_counters": 1, "padded_counters": APART_WORDS}[work]
    return [first + step * number for number in range(workers)]


def _signature(case: Case) -> Job:
    from perflab.kernels import sharing

    n = HELD_ADDITIONS
    return _same(case, lambda: sharing.signature_only(n), 1.0, n * (n - 1) // 2)


def _reacquire(case: Case) -> Job:
    from perflab.kernels import sharing

    n, every = ADDITIONS, int(case.param("every"))
    return _same(case, lambda: sharing.reacquire(n, every), 1.0, n * (n - 1) // 2)


def _range_sum(case: Case) -> Job:
    from perflab.kernels import range_sum

    n = ADDITIONS
    return _same(case, lambda: range_sum.sum_nogil(0, n), n, n * (n - 1) // 2)


def _dependent_adds(case: Case) -> Job:
    from perflab.kernels import sharing

    n = ADDITIONS
    return _same(case, lambda: sharing.dependent_adds(n), n, n)


def _nothing(case: Case) -> Job:
    from perflab.kernels import sharing

    function = sharing.tiny_gil if case.implementation == "gil" else sharing.tiny_nogil
    return _same(case, lambda: sum(function() for _ in repeat(None, EMPTY_CALLS)), EMPTY_CALLS, EMPTY_CALLS)


JOBS: Mapping[str, Callable[[Case], Job]] = {
    "arithmetic": _arithmetic,
    "sums": _sums,
    "private_sums": _private_sums,
    "small_sums": _small_sums,
    "loads": _loads,
    "atomic_counter": _counters,
    "adjacent_counters": _counters,
    "padded_counters": _counters,
    "signature_only": _signature,
    "reacquire": _reacquire,
    "range_sum": _range_sum,
    "dependent_adds": _dependent_adds,
    "nothing": _nothing,
}
