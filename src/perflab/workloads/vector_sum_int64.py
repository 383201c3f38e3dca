"""The sum of the int64 vector 0, 1, … n-1, held in memory: what float64 cannot hold is exact here.

Its parts are written out like those of ``vector_sum``, not shared with them: an A/A comparison loads this file a second
time and must get every function anew, and workers unpickle a part as a function of its module.
"""

from __future__ import annotations

from array import array
from typing import Any

from perflab.model import Workload
from perflab.vectors import check_size, count_up

MOST = 2**32
"""n(n-1)/2 stays within int64 up to here, in any order of summation."""


def load(size: int) -> array[Any]:
    """8 × size bytes. ValueError where the sum would leave int64."""
    check_size(size, MOST, "the sum of a longer vector leaves int64")
    return count_up("q", size)


def oracle(size: int) -> int:
    """n(n-1)/2."""
    return size * (size - 1) // 2


def sum_python(data: Any, start: int, stop: int) -> int:
    """An interpreted loop over the elements, none of them copied beforehand."""
    total = 0
    for value in memoryview(data)[start:stop]:
        total += value
    return total


def sum_builtin(data: Any, start: int, stop: int) -> int:
    """The built-in ``sum``: a loop in C that makes an int object of each element and holds the GIL."""
    return sum(memoryview(data)[start:stop])


def sum_numpy(data: Any, start: int, stop: int) -> int:
    """numpy's own summation over the same memory, which releases the GIL."""
    import numpy as np

    return int(np.frombuffer(data, dtype="q")[start:stop].sum())


def sum_gil(data: Any, start: int, stop: int) -> int:
    """The compiled loop, holding the GIL."""
    from perflab.kernels import vector_sum

    return vector_sum.sum_int64_gil(data, start, stop)


def sum_nogil(data: Any, start: int, stop: int) -> int:
    """The compiled loop, with the GIL released."""
    from perflab.kernels import vector_sum

    return vector_sum.sum_int64_nogil(data, start, stop)


WORKLOAD = Workload(
    name="vector_sum_int64",
    summary="sum of an int64 vector: reads 8 bytes an element",
    implementations={
        "python": sum_python,
        "builtin": sum_builtin,
        "numpy": sum_numpy,
        "gil": sum_gil,
        "nogil": sum_nogil,
    },
    load=load,
    oracle=oracle,
    typecode="q",
    imports={"numpy": ("numpy",)},
)
