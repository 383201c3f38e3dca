"""The kinds of work that ``models`` compares: what a task does, and how to see that all of them were done.

Workers import this module under spawn: it stays light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from perflab.errors import WrongAnswer
from perflab.experiments._loopback import REQUEST_BYTES, connected
from perflab.model import Case

WAIT_US = 1000
"""How long the server takes to answer: a fast database in the same building."""

REQUEST = WAIT_US.to_bytes(REQUEST_BYTES, "little")

UPDATES = {"serial": 1000, "threads": 1000, "shared_memory": 100, "manager": 4}
"""Additions a task by way, so that none takes long: the time is given for one."""

Each = Callable[[Callable[[Any], Any], Sequence[Any]], Sequence[Any]]
"""Has a function done for each of several arguments; results in order."""

Work = Callable[[], AbstractContextManager[Each]]
"""Who is there while the body runs, ready to start."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Whoever works: how to have tasks done, the processes besides this one, the server, and what is shared."""

    at_work: Work
    pids: tuple[int, ...] = ()
    port: int = 0
    shared: Shared | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """What workers attach to as they start: a number and blocks, in shared memory and with a Manager."""

    number: Any
    blocks: Any
    managed_number: Any
    managed_lock: Any
    managed_blocks: Any


_attached: Shared | None = None


def attach(shared: Shared) -> None:
    """Run in each worker as it starts."""
    global _attached
    _attached = shared


# Tasks


def add_up(count: int) -> int:
    """The sum of the numbers below ``count``, interpreted."""
    total = 0
    for number in range(count):
        total += number
    return total


def add_up_compiled(count: int) -> int:
    """The same, compiled, with the GIL released."""
    from perflab.kernels import range_sum

    return range_sum.sum_nogil(0, count)


def ask(port: int) -> bytes:
    """A new connection to the server, which answers by what it was asked, after as many microseconds."""
    with connected(port) as line:
        line.sendall(REQUEST)
        return line.recv(REQUEST_BYTES)


def checksum(block: Any) -> int:
    """The CRC-32 of a block; zlib releases the GIL."""
    import zlib

    return zlib.crc32(block)


def checksum_in_place(place: tuple[int, int]) -> int:
    """The same of a part of the shared memory."""
    assert _attached is not None
    start, stop = place
    return checksum(memoryview(_attached.blocks).cast("B")[start:stop])


def checksum_fetched(number: int) -> int:
    """The same of a block that the Manager hands out."""
    assert _attached is not None
    return checksum(_attached.managed_blocks[number])


def add_shared(updates: int) -> None:
    """So many additions of 1 to the shared number, each under its lock."""
    assert _attached is not None
    number = _attached.number
    for _ in range(updates):
        with number.get_lock():
            number.value += 1


def add_managed(updates: int) -> None:
    """The same to the Manager's number, under the Manager's lock."""
    assert _attached is not None
    number, lock = _attached.managed_number, _attached.managed_lock
    for _ in range(updates):
        with lock:
            number.value += 1


class Number:
    """A number of this process, to be added to with and without its lock."""

    def __init__(self) -> None:
        import threading

        self.value = 0
        self._lock = threading.Lock()

    def add(self, updates: int) -> None:
        """So many additions of 1."""
        for _ in range(updates):
            self.value += 1

    def add_locked(self, updates: int) -> None:
        """The same, each under the lock."""
        for _ in range(updates):
            with self._lock:
                self.value += 1


# Kinds of work


@dataclass(frozen=True, slots=True)
class Job:
    """The whole work: how a crew does it, how to see that it was done, and how many units of time it is given in."""

    run: Callable[[Each], None]
    check: Callable[[], None]
    units: int = 1


def _calls(function: Callable[[Any], Any], arguments: Sequence[Any], expected: Sequence[Any]) -> Job:
    """A function of each argument, and the results that there must be."""
    found: list[Any] = []

    def run(each: Each) -> None:
        found[:] = each(function, arguments)

    def check() -> None:
        if found != list(expected):
            raise WrongAnswer(f"the tasks answered {found!r:.200}, expected {list(expected)!r:.200}")

    return Job(run, check)


@contextmanager
def _python(case: Case, crew: Crew) -> Iterator[Job]:
    tasks = int(case.param("tasks"))
    yield _calls(add_up, [case.size] * tasks, [case.size * (case.size - 1) // 2] * tasks)


@contextmanager
def _compiled(case: Case, crew: Crew) -> Iterator[Job]:
    tasks = int(case.param("tasks"))
    yield _calls(add_up_compiled, [case.size] * tasks, [case.size * (case.size - 1) // 2] * tasks)


@contextmanager
def _waiting(case: Case, crew: Crew) -> Iterator[Job]:
    tasks = int(case.param("tasks"))
    yield _calls(ask, [crew.port] * tasks, [REQUEST] * tasks)


@contextmanager
def _bulk(case: Case, crew: Crew) -> Iterator[Job]:
    """Blocks in the parent's memory, of which no two are alike; how they reach the workers is part of the work."""
    tasks = int(case.param("tasks"))
    length = int(case.param("bytes")) // tasks
    blocks = [bytes([number % 251 + 1]) * length for number in range(tasks)]
    expected = [checksum(block) for block in blocks]
    numbers = list(range(tasks))
    if case.strategy not in ("shared_memory", "manager"):
        yield _calls(checksum, blocks, expected)
        return
    assert crew.shared is not None
    view, served = memoryview(crew.shared.blocks).cast("B"), crew.shared.managed_blocks
    places = [(number * length, (number + 1) * length) for number in numbers]
    through_memory = _calls(checksum_in_place, places, expected)
    through_manager = _calls(checksum_fetched, numbers, expected)

    def share(each: Each) -> None:
        for (start, stop), block in zip(places, blocks, strict=True):
            view[start:stop] = block
        through_memory.run(each)

    def serve(each: Each) -> None:
        for number, block in enumerate(blocks):
            served[number] = block
        through_manager.run(each)

    if case.strategy == "shared_memory":
        yield Job(share, through_memory.check)
        return
    yield Job(serve, through_manager.check)
    served[:] = [b""] * tasks


@contextmanager
def _shared(case: Case, crew: Crew) -> Iterator[Job]:
    """Additions of 1 to one number; the number says how many were made."""
    tasks, updates = int(case.param("tasks")), UPDATES[case.strategy]
    add, read = _adder(case, crew)
    expected = read()

    def run(each: Each) -> None:
        nonlocal expected
        expected += tasks * updates
        each(add, [updates] * tasks)

    def check() -> None:
        if read() != expected:
            raise WrongAnswer(f"the number is {read()}, expected {expected}: updates were lost")

    yield Job(run, check, tasks * updates)


def _adder(case: Case, crew: Crew) -> tuple[Callable[[int], None], Callable[[], int]]:
    """How a task adds, and how to read what came of it."""
    if crew.shared is not None:
        shared = crew.shared
        if case.strategy == "manager":
            return add_managed, lambda: int(shared.managed_number.value)
        return add_shared, lambda: int(shared.number.value)
    number = Number()
    return (number.add_locked if case.strategy == "threads" else number.add), lambda: number.value


JOBS: Mapping[str, Callable[[Case, Crew], Any]] = {
    "python": _python,
    "compiled": _compiled,
    "waiting": _waiting,
    "bulk": _bulk,
    "shared": _shared,
}
"""The kinds of work, each a context manager that is given the case and the crew."""
