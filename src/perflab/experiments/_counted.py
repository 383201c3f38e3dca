"""What workers runs: three kinds of work cut for threads, and everyone who says how many CPUs there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from perflab import procfs
from perflab.experiments._loopback import REQUEST_BYTES, connected, delaying_server
from perflab.experiments._shared import shared
from perflab.model import Case

if TYPE_CHECKING:
    import socket

WAIT_US = 1000
POOL = "Pool()"

Part = Callable[[int, int, int], float]
"""What the worker of that number does for the elements from start up to stop; parts add up."""

Work = tuple[Part, float]
"""A part, and what all parts add up to."""


def compute(case: Case, stack: ExitStack) -> Work:
    """Adds up the numbers below n in registers."""
    from perflab.kernels import range_sum

    return lambda worker, start, stop: range_sum.sum_nogil(start, stop), case.size * (case.size - 1) / 2


def read_memory(case: Case, stack: ExitStack) -> Work:
    """Adds up n float64 of 1.0 from memory that all cases of the host share."""
    from perflab.kernels import vector_sum

    vector = stack.enter_context(shared(("vector", case.size), lambda: _ones(case.size)))
    return lambda worker, start, stop: vector_sum.sum_float64_nogil(vector, start, stop), float(case.size)


@contextmanager
def _ones(size: int) -> Iterator[Any]:
    from array import array

    yield array("d", [1.0]) * size


def wait(case: Case, stack: ExitStack) -> Work:
    """Asks a server n times, over a connection for each worker, and counts the right answers."""
    port = stack.enter_context(delaying_server())
    lines = [stack.enter_context(connected(port)) for _ in range(case.workers)]
    return lambda worker, start, stop: _ask(lines[worker], stop - start), float(case.size)


def _ask(line: socket.socket, times: int) -> int:
    request, right = WAIT_US.to_bytes(REQUEST_BYTES, "little"), 0
    for _ in range(times):
        line.sendall(request)
        right += line.recv(REQUEST_BYTES) == request
    return right


WORK: Mapping[str, Callable[[Case, ExitStack], Work]] = {"compute": compute, "memory": read_memory, "wait": wait}


def bounds(case: Case) -> list[tuple[int, int, int]]:
    """Worker, start and stop for each part."""
    edges = [case.size * worker // case.workers for worker in range(case.workers + 1)]
    return [(worker, *pair) for worker, pair in enumerate(pairwise(edges))]


def _by_affinity() -> int:
    counted: Callable[[], int | None] | None = getattr(os, "process_cpu_count", None)
    affinity = getattr(os, "sched_getaffinity", None)
    return (counted() if counted else None) or (len(affinity(0)) if affinity else os.cpu_count()) or 1


def _by_quota() -> float:
    """The least quota of the control groups above this process, in cores; all CPUs where there is none."""
    quotas = (parse_quota(folder) for folder in procfs.cgroup_folders("cpu"))
    return min((quota for quota in quotas if quota is not None), default=os.cpu_count() or 1)


def parse_quota(folder: Any) -> float | None:
    """Version 2 keeps quota and period in one file, version 1 in two; "max" and -1 mean none."""
    words = (procfs.read(folder / "cpu.max") or "").split()
    words = words or [(procfs.read(folder / f"cpu.cfs_{one}_us") or "").strip() for one in ("quota", "period")]
    with suppress(ValueError, ZeroDivisionError):
        share = int(words[0]) / int(words[1])
        return share if share > 0 else None
    return None


def _by_psutil() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or 0


def _by_pool() -> int:
    """As many processes as a Pool starts when it is not told; never used, ended at once."""
    import multiprocessing

    with multiprocessing.Pool() as pool:
        pids = [process.pid for process in pool._pool]  # type: ignore[attr-defined]
    pool.join()
    return len(pids)


COUNTERS: Mapping[str, Callable[[], float]] = {
    "os.cpu_count": lambda: os.cpu_count() or 1,
    "process_cpu_count": _by_affinity,
    "cgroup quota": _by_quota,
    "psutil physical": _by_psutil,
    POOL: _by_pool,
}
"""Who is asked, the plainest first."""
