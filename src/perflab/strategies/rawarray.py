"""The input in a sharedctypes RawArray, read by a Pool's workers in place; only bounds and partials travel.

Memory: one copy for all, in an anonymous shared mapping that every worker attaches to as it starts, seen by the parts
as a memoryview of the workload's typecode (numpy wraps it without copying). A workload without input shares its
partial results instead: an int64 slot a part, written by the workers and read by the parent, so that nothing but
bounds travels. Nothing is locked: the parts only read, and no two write the same slot.
Cold: loading, copying the input into the array, starting workers. Warm: bounds and partials through the Pool's
pipes. Teardown: terminating and joining; the mapping is freed with its last user, and it never had a name to leak.
Thread-safety: with slots one call at a time, otherwise calls may overlap. A dead worker: as in ``pool``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflab.model import Call, Number, Part, Strategy, Task
from perflab.vectors import fill
from perflab.workers import attach, compute, context_of, open_pool, store


def open_rawarray(task: Task) -> Iterator[Call]:
    """Share the input where there is one, the partial results otherwise."""
    return _open_on_slots(task) if not task.workload.typecode else _open_on_input(task)


def _open_on_input(task: Task) -> Iterator[Call]:
    raw = _filled(task)
    bounds, combine = task.bounds, task.workload.combine
    with open_pool(task, _attach_input, (task.part, raw, task.workload.typecode, task.size)) as pool:
        yield lambda: combine(pool.map(compute, bounds, chunksize=1))


def _open_on_slots(task: Task) -> Iterator[Call]:
    task.workload.load(task.size)  # checks the size
    numbered, combine = tuple(enumerate(task.bounds)), task.workload.combine
    raw = context_of(task).RawArray("q", len(numbered))
    slots = as_view(raw, "q", len(numbered))
    with open_pool(task, _attach_slots, (task.part, raw, len(numbered))) as pool:

        def call() -> Number:
            pool.map(store, numbered, chunksize=1)
            return combine(slots)

        yield call


def _filled(task: Task) -> Any:
    """A RawArray with the input copied in; at least one element, since a view of none cannot be cast."""
    typecode, size = task.workload.typecode, task.size
    raw = context_of(task).RawArray(typecode, max(1, size))
    fill(as_view(raw, typecode, size), task.workload.load(size))
    return raw


def as_view(raw: Any, typecode: str, size: int) -> memoryview:
    """The first ``size`` elements; ctypes says "<d" where memoryview can index only "d", hence the two casts."""
    return memoryview(raw).cast("B").cast(typecode)[:size]  # type: ignore[call-overload, no-any-return]


def _attach_input(part: Part, raw: Any, typecode: str, size: int) -> None:
    attach(part, as_view(raw, typecode, size))


def _attach_slots(part: Part, raw: Any, count: int) -> None:
    attach(part, slots=as_view(raw, "q", count))


STRATEGY = Strategy(
    name="rawarray",
    summary="sharedctypes.RawArray attached once by a Pool's workers; bounds travel",
    workers="processes",
    memory="shared",
    open=open_rawarray,
    imports=("multiprocessing.pool", "multiprocessing.sharedctypes"),
)
