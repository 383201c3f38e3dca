"""What decomposition times: sums that can be cut anywhere, and a chain that cannot, done by the processes of a crew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from perflab.experiments._crew import Crew, answers
from perflab.model import Case

PRIMES = (2**30 - 35, 2**30 - 41)
MODULUS = PRIMES[0] * PRIMES[1]
SEED = 3

Run = Callable[[], int]
"""Does the whole once, and says what came of it."""

Bounds = tuple[int, int]


def add_up(case: Case, members: Crew) -> tuple[Run, int]:
    """Task A adds up 0 to n - 1, task B the n numbers after them; stages follow each other, their parts run at once."""
    add = {"python": add_range, "nogil": add_range_compiled}[case.implementation]
    stages = _stages(case)

    def run() -> int:
        return sum(sum(answers(members, [(add, bounds) for bounds in stage])) for stage in stages)

    stop = stages[-1][-1][1]
    return run, stop * (stop - 1) // 2


def _stages(case: Case) -> list[list[Bounds]]:
    size = case.size
    if case.strategy == "two in turn":
        return [[(0, size)], [(size, 2 * size)]]
    if case.strategy == "two at once":
        return [[(0, size), (size, 2 * size)]]
    cut = size * int(case.param("serial", 0)) // 100
    edges = [cut + (size - cut) * part // case.workers for part in range(case.workers + 1)]
    return [*([[(0, cut)]] if cut else []), list(pairwise(edges))]


def chain(case: Case, members: Crew) -> tuple[Run, int]:
    """Each worker in turn goes on where the one before ended.

    The answer is known by a short cut that only those have who know the primes: Euler's theorem reduces the
    exponent 2^n (Rivest, Shamir and Wagner 1996, who lock puzzles for years by this chain). An affine recurrence
    would not do: x → ax + c over two halves can be composed, each half by a process of its own.
    """
    shares = [case.size * part // case.workers for part in range(case.workers + 1)]
    steps = [stop - start for start, stop in pairwise(shares)]

    def run() -> int:
        number = SEED
        for member, count in zip(members, steps, strict=True):
            number = answers([member], [(square, (number, count))])[0]
        return number

    return run, pow(SEED, pow(2, case.size, (PRIMES[0] - 1) * (PRIMES[1] - 1)), MODULUS)


def add_range(start: int, stop: int) -> int:
    """The sum of a range in a Python loop."""
    total = 0
    for number in range(start, stop):
        total += number
    return total


def add_range_compiled(start: int, stop: int) -> int:
    """The same in a compiled loop."""
    from perflab.kernels import range_sum

    return range_sum.sum_nogil(start, stop)


def square(number: int, steps: int) -> int:
    """x² mod N, so many times."""
    for _ in range(steps):
        number = number * number % MODULUS
    return number
