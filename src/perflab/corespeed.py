"""How fast each core runs just now, which a virtual machine is not told.

Beside a virtual core another machine may run on the other hardware thread of the same core. Steal does not count that,
and load cannot show it; but it takes from Python code up to half of its speed. Measured on two virtual cores of an AMD
EPYC: a loop took 0.93 ms of CPU time or 1.71 ms, for seconds at a time, on either core or both, while compiled vector
arithmetic stayed at 1.08 ms. Where perflab runs on the hardware itself, the system's own account has such neighbours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perflab.clock import thread_cpu_ns

MOST_CORES = 8
"""So many are looked at: more would take longer than they tell, as what is measured has a few workers."""

ADDITIONS = 5_000
"""Some 0.1 ms of Python: long enough for a ratio, short beside a window of rounds."""

TRIES = 2
"""The shorter of so many loops counts: an interrupt lengthens one."""


def loop_ns(core: int) -> int:
    """CPU time of the loop on that core; the thread may then run where it might before."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return min(_loop_ns() for _ in range(TRIES))
    finally:
        os.sched_setaffinity(0, allowed)


def _loop_ns() -> int:
    started, total = thread_cpu_ns(), 0
    for number in range(ADDITIONS):
        total += number
    return max(1, thread_cpu_ns() - started)


@dataclass(slots=True)
class CoreSpeed:
    """The cores to look at, how to look, and the shortest loop of each so far."""

    cores: tuple[int, ...] = ()
    look: Callable[[int], int] = loop_ns
    shortest: dict[int, int] = field(default_factory=dict)

    def slowdown(self) -> float | None:
        """How many times its shortest the loop takes now, on the core where that is most; None without a core."""
        found = []
        for core in self.cores:
            now = self.look(core)
            self.shortest[core] = min(now, self.shortest.get(core, now))
            found.append(now / self.shortest[core])
        return max(found, default=None)


def of_machine(facts: Mapping[str, Any]) -> CoreSpeed:
    """Those of a virtual machine that this process may run on; none where threads cannot be bound to one."""
    if not facts.get("hypervisor") or not hasattr(os, "sched_setaffinity"):
        return CoreSpeed()
    return CoreSpeed(tuple(sorted(os.sched_getaffinity(0)))[:MOST_CORES])
