"""A Manager's proxies: workers add their partials to a shared Value under a shared Lock, as the tutorial teaches.

Memory: total, lock and input live in the manager's server process. The input is a ``Manager.Array`` (8 bytes an
element, sliced by ``[start:stop]``; a ``Manager.list`` would hold and pickle an object for each); every call fetches
each part's slice anew, because fetching is what a proxy does. So a part sees its slice from 0, and its answer may
depend on the elements alone, not on where they stand. The order of the additions is that of arrival.
Cold: starting the server, loading, sending it the input, starting the workers, each of which connects.
Warm: the reset, for each part its slice and four round trips (acquire, read, write, release), the reading of the
total. Teardown: terminating and joining the workers, then shutting the server down.
Thread-safety: one call at a time, since there is one total. A dead worker: as in ``pool``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from perflab.model import Call, Number, Part, Strategy, Task
from perflab.workers import Bounds, attach, attached, context_of, open_pool


@dataclass(slots=True)
class Shared:
    """The proxies of one opened task. ``data`` is None for a workload without input."""

    total: Any
    lock: Any
    data: Any
    combine: Callable[..., Number]


def open_manager(task: Task) -> Iterator[Call]:
    """Start the server first and the pool second: both fork, if they do, before the pool's threads exist."""
    with context_of(task).Manager() as manager:
        shared = Shared(manager.Value("O", None), manager.Lock(), _served(manager, task), task.workload.combine)
        with open_pool(task, _attach, (task.part, shared)) as pool:

            def call() -> Number:
                shared.total.value = None
                pool.map(add, task.bounds, chunksize=1)
                total: Number = shared.total.value
                return total

            yield call


def _served(manager: Any, task: Task) -> Any:
    data = task.workload.load(task.size)
    return manager.Array(task.workload.typecode, data) if task.workload.typecode else None


def _attach(part: Part, shared: Shared) -> None:
    attach(part, shared)


def add(bounds: Bounds) -> None:
    """Compute one part, then combine it into the total under the lock; ``+=`` alone would lose updates."""
    mine = attached()
    shared: Shared = mine.data
    partial = _partial(mine.part, shared.data, *bounds)
    with shared.lock:
        total = shared.total.value
        shared.total.value = partial if total is None else shared.combine((total, partial))


def _partial(part: Part, data: Any, start: int, stop: int) -> Number:
    return part(None, start, stop) if data is None else part(data[start:stop], 0, stop - start)


STRATEGY = Strategy(
    name="manager",
    summary="a Manager's Value, Lock and Array, used by a Pool's workers",
    workers="processes",
    memory="server",
    open=open_manager,
    imports=("multiprocessing.managers", "multiprocessing.pool"),
)
