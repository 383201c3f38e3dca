"""The ways to pass a block of bytes to another process that bulk compares; the receiver answers with a checksum.

Each way is two functions: one sends a block and returns once it is sent, the other, in the receiver, takes a block and
returns its checksum, or None when it is told to stop.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from perflab.errors import CaseError
from perflab.experiments._partner import context, partners, told
from perflab.experiments._places import ANYWHERE, put

KEPT, FRESH = "shared memory, kept", "shared memory, fresh"
SHARED_MEMORY = "/dev/shm"

Transfer = Callable[[], int]
"""Sends the block and returns the receiver's checksum of it."""


@contextmanager
def transferring(way: str, block: bytes, place: str = ANYWHERE) -> Iterator[Transfer]:
    """A receiver process, bound to where the place has it. CaseError where shared memory has no room for the block."""
    if way in (KEPT, FRESH):
        _refuse_too_little(len(block))
    started_by = context()
    control, answers = started_by.Pipe()
    with ExitStack() as stack:
        stack.enter_context(control)
        stack.enter_context(answers)
        send, stop, given = stack.enter_context(_means(way, started_by, len(block)))
        (receiver,) = stack.enter_context(partners(started_by, (receive, (way, given, answers, len(block)))))
        put(place, receiver.pid)
        stack.callback(stop, control)

        def transfer() -> int:
            done = send(block, control)
            checksum: int = told(control)
            done()
            return checksum

        yield transfer


def _refuse_too_little(size: int) -> None:
    """A write beyond what the folder of shared memory can hold ends the process by SIGBUS."""
    with suppress(OSError):
        room = os.statvfs(SHARED_MEMORY)
        free = room.f_bavail * room.f_frsize
        if free < 2 * size:
            raise CaseError(f"{SHARED_MEMORY} has {free} bytes free, and two segments of {size} are needed")


def _nothing() -> None:
    """What is left to do after most transfers."""


Means = tuple[Callable[[bytes, Any], Callable[[], None]], Callable[[Any], object], Any]
"""How to send (returning what is to be done after the answer), how to stop the receiver, and what that is given."""


@contextmanager
def _means(way: str, started_by: Any, size: int) -> Iterator[Means]:
    opened = {"Pipe": _pipe, "Queue": _queue, "socket": _socket, KEPT: _kept, FRESH: _fresh}[way]
    with opened(started_by, size) as means:
        yield means


@contextmanager
def _pipe(started_by: Any, size: int) -> Iterator[Means]:
    near, far = started_by.Pipe()

    def send(block: bytes, control: Any) -> Callable[[], None]:
        near.send_bytes(block)
        return _nothing

    with near, far:
        yield send, lambda control: near.send_bytes(b""), far


@contextmanager
def _queue(started_by: Any, size: int) -> Iterator[Means]:
    queue = started_by.Queue()

    def send(block: bytes, control: Any) -> Callable[[], None]:
        queue.put(block)
        return _nothing

    try:
        yield send, lambda control: queue.put(b""), queue
    finally:
        queue.close()
        queue.join_thread()


@contextmanager
def _socket(started_by: Any, size: int) -> Iterator[Means]:
    import socket

    near, far = socket.socketpair()

    def send(block: bytes, control: Any) -> Callable[[], None]:
        near.sendall(block)
        return _nothing

    with near, far:
        yield send, lambda control: near.shutdown(socket.SHUT_WR), far


@contextmanager
def _kept(started_by: Any, size: int) -> Iterator[Means]:
    """One segment for all blocks; a word on the control pipe says that a new one is there."""
    with _segment(size) as segment:

        def send(block: bytes, control: Any) -> Callable[[], None]:
            segment.buf[:size] = block
            control.send_bytes(b"new")
            return _nothing

        yield send, lambda control: control.send_bytes(b""), segment.name


@contextmanager
def _fresh(started_by: Any, size: int) -> Iterator[Means]:
    """A segment for each block, made by the sender and unlinked by it after the answer."""

    def send(block: bytes, control: Any) -> Callable[[], None]:
        lifetime = _segment(size)
        segment = lifetime.__enter__()
        segment.buf[:size] = block
        control.send_bytes(segment.name.encode())

        def done() -> None:
            lifetime.__exit__(None, None, None)

        return done

    yield send, lambda control: control.send_bytes(b""), None


@contextmanager
def _segment(size: int) -> Iterator[Any]:
    from multiprocessing.shared_memory import SharedMemory

    segment = SharedMemory(create=True, size=size)
    try:
        yield segment
    finally:
        segment.close()
        segment.unlink()


@contextmanager
def _attached(name: str) -> Iterator[Any]:
    from multiprocessing.shared_memory import SharedMemory

    segment = SharedMemory(name)
    try:
        yield segment
    finally:
        segment.close()


def receive(way: str, given: Any, answers: Any, size: int) -> None:
    """The receiver's life: the checksum of each block, until told to stop."""
    with _taker(way, given, answers, size) as take:
        while (checksum := take()) is not None:
            answers.send(checksum)


Take = Callable[[], "int | None"]


@contextmanager
def _taker(way: str, given: Any, answers: Any, size: int) -> Iterator[Take]:
    if way == "socket":
        yield _from_socket(given, size)
    elif way == KEPT:
        with _attached(given) as segment, segment.buf[:size] as view:
            yield lambda: zlib.adler32(view) if answers.recv_bytes() else None
    elif way == FRESH:
        yield lambda: _from_fresh(answers.recv_bytes().decode(), size)
    else:
        take = given.recv_bytes if way == "Pipe" else given.get
        yield lambda: _checksum(take())


def _checksum(block: bytes) -> int | None:
    return zlib.adler32(block) if block else None


def _from_fresh(name: str, size: int) -> int | None:
    if not name:
        return None
    with _attached(name) as segment, segment.buf[:size] as view:
        return zlib.adler32(view)


def _from_socket(line: Any, size: int) -> Take:
    """Into one buffer that is kept, as who reads blocks of a known size would."""
    buffer = memoryview(bytearray(size))

    def take() -> int | None:
        found = 0
        while found < size:
            count = line.recv_into(buffer[found:])
            if not count:
                return None
            found += count
        return zlib.adler32(buffer)

    return take
