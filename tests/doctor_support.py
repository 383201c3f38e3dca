"""What the tests of the doctor share: a machine that nothing can be said against, and ways to change a fact of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perflab import doctor
from perflab.doctor import Finding, Level, Passed, Record

FINE, NOTE, WARNING = Level.FINE, Level.NOTE, Level.WARNING
SECOND, GIB = 10**9, 2**30

QUIET = Passed(SECOND, steal_ns=0, foreign_ns=0, throttled_us=0, swapped_pages=0)
COUNTS: Mapping[str, int | float | None] = {
    "os_cpu_count": 4,
    "affinity": 4,
    "cgroup_quota": None,
    "process_cpu_count": 4,
    "effective": 4,
}
HEALTHY = Record(
    passed=QUIET,
    cores=COUNTS,
    siblings=tuple(frozenset({cpu}) for cpu in range(4)),
    governors=frozenset({"performance"}),
    turbo=False,
    clock_step_ns=40,
    clock_cost_ns=50.0,
    clock_source="tsc",
    steal_since_boot_ns=0,
    load_average=0.0,
    lock_held=False,
    pressure={"cpu": 0.0, "memory": 0.0, "io": 0.0},
    throttled_us=0,
    slowdowns=(),
    hypervisor="",
    container="",
    huge_pages="madvise",
    aslr=2,
    fixed_layout=False,
    swap_bytes=0,
    swap_used_bytes=0,
    free_bytes=16 * GIB,
    shared_free_bytes=8 * GIB,
    gil={"disabled_build": False, "enabled": True},
    build={"debug": False, "pgo": True, "lto": True},
    optimisation="-O3",
    blas_threads={},
)
"""A machine that nothing can be said against."""

NAMES = [finding.name for finding in doctor.examine(HEALTHY)]


def found(name: str, **changes: Any) -> Finding:
    """What is found of a healthy machine with some facts replaced."""
    return next(one for one in doctor.examine(replace(HEALTHY, **changes)) if one.name == name)


def passed(**changes: Any) -> dict[str, Passed]:
    """The change that replaces counters of the quiet second."""
    return {"passed": replace(QUIET, **changes)}


def pair(*cpus: int) -> frozenset[int]:
    return frozenset(cpus)
