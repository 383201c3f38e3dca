"""The input in a named shared_memory segment, attached once by each of a Pool's workers.

Memory: one copy for all, seen by the parts as a memoryview of the workload's typecode; bounds and partials travel.
A workload without input shares its partial results instead: an int64 slot a part, written by the workers and read
by the parent.
Cold: loading, copying the input into the segment, starting workers that attach by name. Warm: bounds and partials
through the Pool's pipes. Teardown: terminating and joining the workers, then unlinking the segment.
A reader does not own the segment: from 3.13 on it attaches untracked; before that it registers a second time with the
resource tracker, which all workers of a start method share with the parent, and a set holds each name once.
Thread-safety: with slots one call at a time, otherwise calls may overlap. A dead worker: as in ``pool``.
"""

from __future__ import annotations

import atexit
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from perflab.model import Call, Number, Part, Strategy, Task
from perflab.vectors import fill
from perflab.workers import attach, compute, open_pool, store

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory


def open_shared_memory(task: Task) -> Iterator[Call]:
    """Share the input where there is one, the partial results otherwise."""
    return _open_on_slots(task) if not task.workload.typecode else _open_on_input(task)


def _open_on_input(task: Task) -> Iterator[Call]:
    bounds, combine, typecode = task.bounds, task.workload.combine, task.workload.typecode
    with _created(typecode, task.size) as segment:
        with _view(segment, typecode, task.size) as elements:
            fill(elements, task.workload.load(task.size))
        with open_pool(task, _attach_input, (task.part, segment.name, typecode, task.size)) as pool:
            yield lambda: combine(pool.map(compute, bounds, chunksize=1))


def _open_on_slots(task: Task) -> Iterator[Call]:
    task.workload.load(task.size)  # checks the size
    numbered, combine = tuple(enumerate(task.bounds)), task.workload.combine
    with (
        _created("q", len(numbered)) as segment,
        _view(segment, "q", len(numbered)) as slots,
        open_pool(task, _attach_slots, (task.part, segment.name, len(numbered))) as pool,
    ):

        def call() -> Number:
            pool.map(store, numbered, chunksize=1)
            return combine(slots)

        yield call


@contextmanager
def _created(typecode: str, size: int) -> Iterator[SharedMemory]:
    """A new segment for so many elements (at least one: there is no empty segment), unlinked in the end."""
    from multiprocessing.shared_memory import SharedMemory

    segment = SharedMemory(create=True, size=struct.calcsize(typecode) * max(1, size))
    try:
        yield segment
    finally:
        segment.close()
        segment.unlink()


def _view(segment: SharedMemory, typecode: str, size: int) -> memoryview:
    """The first ``size`` elements; a segment may be longer than asked for."""
    whole: Any = segment.buf
    elements: memoryview = whole[: struct.calcsize(typecode) * size].cast(typecode)
    return elements


def _attach_input(part: Part, name: str, typecode: str, size: int) -> None:
    attach(part, _attached_view(name, typecode, size))


def _attach_slots(part: Part, name: str, count: int) -> None:
    attach(part, slots=_attached_view(name, "q", count))


def _attached_view(name: str, typecode: str, size: int) -> memoryview:
    """The elements of the segment of that name, mapped until this worker ends."""
    from multiprocessing.shared_memory import SharedMemory

    untracked: dict[str, Any] = {"track": False} if sys.version_info >= (3, 13) else {}
    segment = SharedMemory(name=name, **untracked)
    view = _view(segment, typecode, size)
    atexit.register(_detach, segment, view)
    return view


def _detach(segment: SharedMemory, view: memoryview) -> None:
    """In this order: a segment with views on it complains on stderr when the interpreter clears its modules."""
    view.release()
    segment.close()


STRATEGY = Strategy(
    name="shared_memory",
    summary="multiprocessing.shared_memory segment attached once by a Pool's workers; bounds travel",
    workers="processes",
    memory="shared",
    open=open_shared_memory,
    imports=("multiprocessing.pool", "multiprocessing.shared_memory"),
)
