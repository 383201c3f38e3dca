"""What manager_gap accesses: one number, or a whole array, in every kind of memory; opened here, timed there.

Each entry of TARGETS and SUMS makes a context manager, so that nothing is left behind: no segment, no server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

ELEMENT_BYTES = 8
PAGE_BYTES = 4096

Sum = Callable[[], float]


class _Plain:
    """An object with an ordinary attribute."""

    def __init__(self) -> None:
        self.value = 0.0


def _local(make: Callable[[], Any]) -> Callable[[str], AbstractContextManager[Any]]:
    """Open a target that the garbage collector takes away."""
    return lambda start_method: nullcontext(make())


def _sharedctypes(name: str, *arguments: Any) -> Any:
    import multiprocessing

    return getattr(multiprocessing, name)("d", *arguments)


@contextmanager
def _segment(size: int) -> Iterator[Any]:
    """Create a shared-memory segment, seen as float64; it is unlinked in the end."""
    from multiprocessing.shared_memory import SharedMemory

    segment: Any = SharedMemory(create=True, size=size)
    try:
        with segment.buf.cast("d") as view:
            yield view
    finally:
        segment.close()
        segment.unlink()


_managers: dict[str, tuple[Any, list[None]]] = {}
"""The host's manager by start method, and a place taken for each case that uses it."""


@contextmanager
def _manager(start_method: str) -> Iterator[Any]:
    """One manager for all cases of a host: started with the first, shut down with the last."""
    import multiprocessing

    if start_method not in _managers:
        context: Any = multiprocessing.get_context(start_method)
        _managers[start_method] = (context.Manager(), [])
    manager, users = _managers[start_method]
    users.append(None)
    try:
        yield manager
    finally:
        users.pop()
        if not users:
            del _managers[start_method]
            manager.shutdown()


def _numpy_view(count: int) -> Any:
    import numpy

    return numpy.frombuffer(_sharedctypes("RawArray", count))


def _managed(name: str, *arguments: Any) -> Callable[[str], AbstractContextManager[Any]]:
    @contextmanager
    def opened(start_method: str) -> Iterator[Any]:
        with _manager(start_method) as manager:
            yield getattr(manager, name)(*arguments)

    return opened


TARGETS: Mapping[str, Callable[[str], AbstractContextManager[Any]]] = {
    "attribute": _local(_Plain),
    "RawValue": _local(lambda: _sharedctypes("RawValue", 0.0)),
    "Value": _local(lambda: _sharedctypes("Value", 0.0)),
    "list": _local(lambda: [0.0] * 8),
    "RawArray": _local(lambda: _sharedctypes("RawArray", 8)),
    "numpy-view": _local(lambda: _numpy_view(8)),
    "SharedMemory": lambda start_method: _segment(PAGE_BYTES),
    "Manager.Value": _managed("Value", "d", 0.0),
    "Manager.Array": _managed("Array", "d", [0.0] * 8),
    "Manager.list": _managed("list", [0.0] * 8),
}
"""Opens each target of single accesses, given a start method."""


def _paged(allocate: Callable[[int], Any]) -> Callable[[int, str], AbstractContextManager[Sum]]:
    """Open the sum of 0, 1, 2, … over memory that begins on a page and was written, so that only its kind differs."""

    @contextmanager
    def opened(elements: int, start_method: str) -> Iterator[Sum]:
        import numpy

        memory = allocate(elements + PAGE_BYTES // ELEMENT_BYTES)
        skipped = -memory.__array_interface__["data"][0] % PAGE_BYTES // ELEMENT_BYTES
        view = memory[skipped : skipped + elements]
        view[:] = numpy.arange(elements)
        yield view.sum

    return opened


@contextmanager
def _sum_of_segment(elements: int, start_method: str) -> Iterator[Sum]:
    import numpy

    with _segment(ELEMENT_BYTES * elements) as memory:
        views = [numpy.frombuffer(memory)[:elements]]
        views[0][:] = numpy.arange(elements)
        try:
            yield lambda: float(views[0].sum())
        finally:
            views.clear()  # a segment cannot be closed while an array looks at it


@contextmanager
def _sum_of_list(elements: int, start_method: str) -> Iterator[Sum]:
    with _managed("list", [float(number) for number in range(elements)])(start_method) as proxy:
        yield lambda: sum(proxy[:])


@contextmanager
def _sum_of_array(elements: int, start_method: str) -> Iterator[Sum]:
    import numpy

    with _managed("Array", "d", [float(number) for number in range(elements)])(start_method) as proxy:
        yield lambda: float(numpy.frombuffer(proxy[:]).sum())


def _numpy_own(count: int) -> Any:
    import numpy

    return numpy.empty(count)


def _numpy_in_small_pages(count: int) -> Any:
    """Ordinary memory without the huge pages that numpy asks for from 4 MiB on, where the system has any."""
    import mmap

    import numpy

    if not hasattr(mmap, "MAP_PRIVATE"):
        return _numpy_own(count)
    memory = mmap.mmap(-1, ELEMENT_BYTES * count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages knows no such advice
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return numpy.frombuffer(memory)


SUMS: Mapping[str, Callable[[int, str], AbstractContextManager[Sum]]] = {
    "numpy": _paged(_numpy_own),
    "numpy, small pages": _paged(_numpy_in_small_pages),
    "numpy-view": _paged(_numpy_view),
    "SharedMemory": _sum_of_segment,
    "Manager.list": _sum_of_list,
    "Manager.Array": _sum_of_array,
}
"""Opens each array that is summed whole, given its elements and a start method; yields the sum."""
