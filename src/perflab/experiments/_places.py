"""Where two processes that pass something to each other run: both on one core, or each on a core of its own.

A scheduler that is free to choose does now this and now that, and leaves it so for many messages. On one core a
hand-over is a switch; from core to core a sleeping core is woken, which takes several times as long. A comparison of
two ways that are placed unlike compares the places.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from perflab.experiments._pingpong import bound_to
from perflab.model import Settings

ONE_CORE, TWO_CORES, ANYWHERE = "one core", "two cores", "anywhere"


def places(settings: Settings) -> tuple[str, ...]:
    """The places to compare in, first that of two that run in parallel; ANYWHERE alone where none can be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        return (ANYWHERE,)
    return (TWO_CORES, ONE_CORE) if settings.cores > 1 else (ONE_CORE,)


def put(place: str, pid: int | None) -> None:
    """Bind the other process to where that place has it, from now on; its threads to come as well."""
    if place != ANYWHERE and pid is not None:
        os.sched_setaffinity(pid, {_core(place != ONE_CORE)})


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Let this thread run where that place has it while the body does."""
    if place == ANYWHERE:
        yield
        return
    with bound_to(_core(False)):
        yield


@contextmanager
def spread(pids: Sequence[int | None]) -> Iterator[None]:
    """Bind each of these processes to a core, in turn; while the body runs, this thread to the core of the last one.

    Who asks them in order then asks the last one on its own core: one that wakes up there before may run first, and
    keep it from asking the others.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    for index, pid in enumerate(pids):
        if pid is not None:
            os.sched_setaffinity(pid, {cores[index % len(cores)]})
    with bound_to(cores[(len(pids) - 1) % len(cores)]):
        yield


def _core(other: bool) -> int:
    cores = sorted(os.sched_getaffinity(0))
    return cores[min(int(other), len(cores) - 1)]
