"""The sum of the float64 vector 0, 1, … n-1, held in memory: once compiled, bound by memory."""

from __future__ import annotations

from array import array
from typing import Any

from perflab.model import Workload
from perflab.vectors import check_size, count_up

MOST = 2**27
"""n(n-1)/2 stays below 2**53 up to here, so that every partial sum is exact in float64, in any order."""


def load(size: int) -> array[Any]:
    """8 × size bytes. ValueError where the sum would no longer be exact."""
    check_size(size, MOST, "the float64 sum of a longer vector is not exact (vector_sum_int64 is)")
    return count_up("d", size)


def oracle(size: int) -> float:
    """n(n-1)/2, exact."""
    return float(size * (size - 1) // 2)


def sum_python(data: Any, start: int, stop: int) -> float:
    """An interpreted loop over the elements, none of them copied beforehand."""
    total = 0.0
    for value in memoryview(data)[start:stop]:
        total += value
    return total


def sum_builtin(data: Any, start: int, stop: int) -> float:
    """The built-in ``sum``: a loop in C that makes a float object of each element and holds the GIL."""
    return sum(memoryview(data)[start:stop], 0.0)


def sum_numpy(data: Any, start: int, stop: int) -> float:
    """numpy's own summation over the same memory, which releases the GIL."""
    import numpy as np

    return float(np.frombuffer(data, dtype="d")[start:stop].sum())


def sum_gil(data: Any, start: int, stop: int) -> float:
    """The compiled loop, holding the GIL."""
    from perflab.kernels import vector_sum

    return vector_sum.sum_float64_gil(data, start, stop)


def sum_nogil(data: Any, start: int, stop: int) -> float:
    """The compiled loop, with the GIL released."""
    from perflab.kernels import vector_sum

    return vector_sum.sum_float64_nogil(data, start, stop)


WORKLOAD = Workload(
    name="vector_sum",
    summary="sum of a float64 vector: reads 8 bytes an element",
    implementations={
        "python": sum_python,
        "builtin": sum_builtin,
        "numpy": sum_numpy,
        "gil": sum_gil,
        "nogil": sum_nogil,
    },
    load=load,
    oracle=oracle,
    typecode="d",
    imports={"numpy": ("numpy",)},
)
