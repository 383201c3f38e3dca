"""The sum of the integers below n: no input, pure arithmetic, the loop that shows what the GIL does."""

from __future__ import annotations

from perflab.model import Workload
from perflab.vectors import check_size

MOST = 2**32
"""n(n-1)/2 stays within int64, which the kernels and the slots of shared memory hold, up to here."""


def load(size: int) -> None:
    """Nothing: the bounds are the input. ValueError where the sum would leave int64."""
    check_size(size, MOST, "the sum of a longer range leaves int64")


def oracle(size: int) -> int:
    """n(n-1)/2."""
    return size * (size - 1) // 2


def sum_python(data: None, start: int, stop: int) -> int:
    """The interpreted loop, as a beginner writes it."""
    total = 0
    for i in range(start, stop):
        total += i
    return total


def sum_gil(data: None, start: int, stop: int) -> int:
    """The compiled loop, holding the GIL."""
    from perflab.kernels import range_sum

    return range_sum.sum_gil(start, stop)


def sum_nogil(data: None, start: int, stop: int) -> int:
    """The compiled loop, with the GIL released."""
    from perflab.kernels import range_sum

    return range_sum.sum_nogil(start, stop)


WORKLOAD = Workload(
    name="range_sum",
    summary="sum of range(n): arithmetic only, no memory",
    implementations={"python": sum_python, "gil": sum_gil, "nogil": sum_nogil},
    load=load,
    oracle=oracle,
)
