"""The functions whose relative cost is known by construction: a loop of n turns, and of n turns and some percent.

Every function returns the same text, since a duel times nothing that computes different things. How many turns one
made it can tell itself: each loop sums the numbers of its turns, so the sum gives the count away.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

PYTHON_TURNS = 42_000
"""Some 1 ms of bytecode. The largest sum stays below 2^30, one digit of CPython's integers: no turn costs more."""

NATIVE_TURNS = 4_000_000
"""Some 1 ms of compiled code."""

SIZES = (0, 3, 5, 10)
"""Percent of injected work; 0 is the base itself."""


def python_sum(turns: int) -> int:
    """The sum of the numbers below ``turns``, by a loop of the interpreter."""
    total = 0
    for number in range(turns):
        total += number
    return total


def native_sum(turns: int) -> int:
    """The same by a compiled loop that releases the GIL."""
    from perflab.kernels import range_sum

    return range_sum.sum_nogil(0, turns)


def turns_of(total: int) -> int:
    """How many turns a loop made that summed to this: the n of n (n - 1) / 2."""
    return (1 + isqrt(1 + 8 * total)) // 2


def slowed(base: int, percent: int) -> int:
    """So many turns and ``percent`` more, to the turn."""
    return base + base * percent // 100


def python_0() -> str:
    """The base in pure Python."""
    python_sum(slowed(PYTHON_TURNS, 0))
    return "done"


def python_3() -> str:
    """3 % more turns."""
    python_sum(slowed(PYTHON_TURNS, 3))
    return "done"


def python_5() -> str:
    """5 % more turns."""
    python_sum(slowed(PYTHON_TURNS, 5))
    return "done"


def python_10() -> str:
    """10 % more turns."""
    python_sum(slowed(PYTHON_TURNS, 10))
    return "done"


def native_0() -> str:
    """The base in compiled code."""
    native_sum(slowed(NATIVE_TURNS, 0))
    return "done"


def native_3() -> str:
    """3 % more turns."""
    native_sum(slowed(NATIVE_TURNS, 3))
    return "done"


def native_5() -> str:
    """5 % more turns."""
    native_sum(slowed(NATIVE_TURNS, 5))
    return "done"


def native_10() -> str:
    """10 % more turns."""
    native_sum(slowed(NATIVE_TURNS, 10))
    return "done"


def empty_0() -> None:
    """Nothing: below what any clock around a loop can tell apart."""


KINDS: dict[str, tuple[Callable[[int], int], int]] = {
    "python": (python_sum, PYTHON_TURNS),
    "native": (native_sum, NATIVE_TURNS),
}
