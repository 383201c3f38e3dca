"""Parents of a given size, and children that do one thing with their memory: what ``memory`` measures in its hosts.

Everything here starts processes or threads and ends them again before it returns, whatever happens in between.
"""

from __future__ import annotations

import gc
import os
import select
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from perflab import procfs
from perflab.clock import monotonic_ns
from perflab.errors import CaseError, WrongAnswer

MIB = 2**20
PAGE_BYTES = 4096
OBJECT_BYTES = 72
"""An empty list takes 64 bytes with the collector's part, and 8 in the list that holds it."""

LIMIT_S = 10.0
NUMBER = struct.Struct("=q")


@dataclass(frozen=True, slots=True)
class Parent:
    """What a parent holds: an array whose bytes are all 1, and as much in small objects."""

    array: bytearray
    objects: list[list[None]]


_parents: dict[int, Parent] = {}


def parent_of(mebibytes: int) -> Parent:
    """The host's memory of that size, made by the first case that asks for it and kept until the host ends."""
    if mebibytes not in _parents:
        half = mebibytes * MIB // 2
        collects = gc.isenabled()
        gc.disable()  # while objects are made, each of them would be looked at several times
        try:
            objects: list[list[None]] = [[] for _ in range(half // OBJECT_BYTES)]
        finally:
            if collects:
                gc.enable()
        gc.collect()  # now they are old: otherwise the first collection in a child would touch them all
        _parents[mebibytes] = Parent(bytearray(b"\1") * half, objects)
    return _parents[mebibytes]


def _iterate(parent: Parent) -> int:
    count = 0
    for one in parent.objects:
        count += one is not None
    return count


def _write(parent: Parent) -> int:
    for first in range(0, len(parent.array), PAGE_BYTES):
        parent.array[first] = 2
    return parent.array.count(2)


def _collect(parent: Parent) -> int:
    before: int = gc.get_stats()[-1]["collections"]
    gc.collect()
    after: int = gc.get_stats()[-1]["collections"]
    return after - before


@dataclass(frozen=True, slots=True)
class Action:
    """What a child does with its parent's memory, and what it must answer."""

    act: Callable[[Parent], int]
    answer: Callable[[Parent], int]


ACTIONS: Mapping[str, Action] = {
    "idle": Action(lambda parent: 0, lambda parent: 0),
    "read": Action(lambda parent: parent.array.count(1), lambda parent: len(parent.array)),
    "write": Action(_write, lambda parent: len(range(0, len(parent.array), PAGE_BYTES))),
    "iterate": Action(_iterate, lambda parent: len(parent.objects)),
    "collect": Action(_collect, lambda parent: 1),
}


@contextmanager
def frozen(wanted: bool) -> Iterator[None]:
    """Keep everything that exists now away from the collector while the body runs, if so wanted."""
    if wanted:
        gc.freeze()
    try:
        yield
    finally:
        if wanted:
            gc.unfreeze()


def private_bytes(pid: int) -> int:
    """What only this process has; CaseError where the system does not tell."""
    found = procfs.private_dirty_bytes(pid)
    if found is None:
        raise CaseError("found no Private_Dirty of a process, expected smaps_rollup: Linux 4.14 or newer tells it")
    return found


def forked_bytes(parent: Parent, action: Action) -> int:
    """Private memory of a forked child that has done the action and waits; WrongAnswer for another answer.

    The parent reads it, and touches nothing meanwhile: a page that it writes to would be the child's alone.
    """
    told, tell = os.pipe()
    held, release = os.pipe()
    pid = os.fork()
    if pid == 0:
        _live(parent, action, tell, held, release)
    os.close(tell)
    os.close(held)
    try:
        said = os.read(told, NUMBER.size)
        found = private_bytes(pid) if len(said) == NUMBER.size else 0
    finally:
        os.close(release)
        os.close(told)
        os.waitpid(pid, 0)
    expected = action.answer(parent)
    if said != NUMBER.pack(expected):
        answer = str(NUMBER.unpack(said)[0]) if len(said) == NUMBER.size else "nothing"
        raise WrongAnswer(f"the child answered {answer}, expected {expected}")
    return found


def _live(parent: Parent, action: Action, tell: int, held: int, release: int) -> NoReturn:
    """The child: act, answer, wait until the parent lets go of the pipe, end without unwinding anything."""
    try:
        os.close(release)
        os.write(tell, NUMBER.pack(action.act(parent)))
        os.read(held, 1)
    finally:
        os._exit(0)


def fork_ns() -> int:
    """What os.fork() takes in the parent, with a child that ends at once."""
    started = monotonic_ns()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    took = monotonic_ns() - started
    status = os.waitpid(pid, 0)[1]
    if status != 0:
        raise WrongAnswer(f"the child ended with status {status}, expected 0")
    return took


WAITING = "with open(ready, 'wb', 0) as say:\n    say.write(b'.')\nwith open(go, 'rb', 0) as told:\n    told.read(1)"
"""What a child runs, given to the built-in exec: a spawned one would import the module of any other target.

Of two named pipes it writes to the first and waits for a byte in the second.
"""

Begin = Callable[[Mapping[str, str]], Any]
"""Makes an unstarted thread or process that runs WAITING with these names."""


def thread(names: Mapping[str, str]) -> Any:
    """An unstarted thread that waits."""
    import threading

    return threading.Thread(target=exec, args=(WAITING, dict(names)), daemon=True)


def process(start_method: str) -> Begin:
    """How to make an unstarted process that waits."""
    import multiprocessing

    context: Any = multiprocessing.get_context(start_method)
    return lambda names: context.Process(target=exec, args=(WAITING, dict(names)), daemon=True)


def added_bytes(begin: Begin, count: int) -> float:
    """How much the PSS of this process and its descendants grows for each of so many waiting children.

    One is started and ended before: with the first forkserver or spawned child a server or a tracker starts as well.
    """
    with _alive(begin, 1):
        pass
    before = _tree_bytes()
    with _alive(begin, count):
        return (_tree_bytes() - before) / count


def _tree_bytes() -> int:
    found = procfs.pss_bytes((os.getpid(), *procfs.descendants(os.getpid())))
    if found is None:
        raise CaseError("found no PSS of this process, expected smaps_rollup or what psutil makes of it")
    return found


@contextmanager
def _alive(begin: Begin, count: int) -> Iterator[None]:
    """So many children that have begun and wait; they have ended when this does."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        names = {name: os.path.join(folder, name) for name in ("ready", "go")}
        for path in names.values():
            os.mkfifo(path)
        # Open for both, so that nobody waits for the other end to be opened.
        ready, go = (os.open(path, os.O_RDWR) for path in names.values())
        children = [begin(names) for _ in range(count)]
        try:
            for child in children:
                child.start()
            _await(ready, count)
            yield
        finally:
            os.write(go, b"." * count)
            for child in children:
                child.join(LIMIT_S)
            os.close(ready)
            os.close(go)


def _await(ready: int, count: int) -> None:
    """Take a byte from each child; CaseError when they take longer than the limit."""
    deadline, seen = monotonic_ns() + int(LIMIT_S * 1e9), 0
    while seen < count:
        left_s = (deadline - monotonic_ns()) / 1e9
        if left_s <= 0 or not select.select([ready], [], [], left_s)[0]:
            raise CaseError(f"{seen} of {count} children began within {LIMIT_S:g} s, expected all")
        seen += len(os.read(ready, count - seen))
