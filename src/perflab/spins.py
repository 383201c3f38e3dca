"""Functions whose relative cost is known: the truths that the lab is held against by ``perflab selftest``."""

from __future__ import annotations

WORK = 1_000_000
"""Additions of the base: some 0.3 ms of compiled code, so that a percent of it is well above the clock's resolution."""


def base() -> str:
    """The work that the others are compared with."""
    return _spin(0)


def slower_1() -> str:
    """1 % more work."""
    return _spin(1)


def slower_2() -> str:
    """2 % more work."""
    return _spin(2)


def slower_3() -> str:
    """3 % more work."""
    return _spin(3)


def slower_5() -> str:
    """5 % more work."""
    return _spin(5)


def slower_10() -> str:
    """10 % more work."""
    return _spin(10)


def twice() -> str:
    """Twice the work."""
    return _spin(100)


def wrong() -> str:
    """The same work with another answer."""
    _spin(0)
    return "another answer"


def hangs() -> str:
    """Never returns."""
    import threading

    threading.Event().wait()
    return "never"


def crashes() -> str:
    """Ends its process."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def _spin(percent: int) -> str:
    from perflab.kernels import range_sum

    range_sum.sum_nogil(0, WORK + WORK * percent // 100)
    return "done"
