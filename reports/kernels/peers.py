"""Other packages' sums of float64 vectors, each as its users call it when they want it fast. None of them is needed.

``pip install perflab[peers]`` brings them all.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Sum = Callable[[Any], float]


def numba_on_one_thread() -> Sum:
    """A plain loop that the compiler may reorder and spread over lanes, compiled before it is timed."""
    import numba
    import numpy as np

    @numba.njit("float64(float64[::1])", fastmath=True, nogil=True)
    def total(vector: Any) -> float:
        result = 0.0
        for index in range(len(vector)):
            result += vector[index]
        return result

    assert total(np.ones(3)) == 3
    return total


def numba_on_all() -> Sum:
    """The same loop by all its threads."""
    import numba
    import numpy as np

    @numba.njit("float64(float64[::1])", fastmath=True, parallel=True)
    def total(vector: Any) -> float:
        result = 0.0
        for index in numba.prange(len(vector)):
            result += vector[index]
        return result

    assert total(np.ones(3)) == 3
    return total


def numexpr() -> Sum:
    """Its sum of an expression, here of one name."""
    import numexpr as package

    return lambda vector: float(package.evaluate("sum(vector)", {"vector": vector}))


def bottleneck() -> Sum:
    """Its sum that leaves NaN out, the only one it has."""
    import bottleneck as package

    return package.nansum


PEERS: Mapping[str, tuple[str, Callable[[], Sum]]] = {
    "numba": ("numba", numba_on_one_thread),
    "numba parallel": ("numba", numba_on_all),
    "numexpr": ("numexpr", numexpr),
    "bottleneck": ("bottleneck", bottleneck),
}
"""Name -> package, and what makes its sum."""


@cache
def installed() -> Mapping[str, Sum]:
    """The sums of those packages that are here; compiled once."""
    return {name: make() for name, (package, make) in PEERS.items() if importlib.util.find_spec(package)}
