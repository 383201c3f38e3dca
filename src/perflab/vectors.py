"""Vectors that count up from 0, made quickly and without numpy where numpy would cost more than it saves."""

from __future__ import annotations

from array import array
from typing import Any

FEW = 1_000_000
"""Up to here (40-70 ms) a plain loop is quicker than importing numpy, which a host may not need otherwise."""

_STEP = 1 << 16
"""Elements written at once: half a MiB stays in the cache, and no second vector of full length is ever made."""


def count_up(typecode: str, size: int) -> array[Any]:
    """An ``array.array`` of the elements 0, 1, … size - 1, as "d" (float64) or "q" (int64).

    One type at every size: it is pickled as plain bytes, and its readers need no numpy.
    """
    return array(typecode, range(size)) if size <= FEW else _count_up_by_numpy(typecode, size)


def check_size(size: int, most: int, why: str) -> None:
    """ValueError unless 0 <= size <= most; ``why`` says in a clause what goes wrong above."""
    if not 0 <= size <= most:
        raise ValueError(f"found size {size}, expected 0 to {most}: {why}; choose a smaller size")


def fill(target: memoryview, data: Any) -> None:
    """Copy the bytes of ``data`` into ``target`` of equal length, however either spells its typecode ("l" or "q")."""
    source = memoryview(data)
    if source.nbytes:  # a view without elements cannot be cast
        target.cast("B")[:] = source.cast("B")


def _count_up_by_numpy(typecode: str, size: int) -> array[Any]:
    import numpy as np

    vector = array(typecode, [0]) * size
    elements = np.frombuffer(vector, dtype=typecode)
    for start in range(0, size, _STEP):
        stop = min(size, start + _STEP)
        elements[start:stop] = np.arange(start, stop)
    return vector
