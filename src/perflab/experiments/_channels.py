"""The ways to send a small message that messages compares, the echo at their other end, and writers that share an end.

A channel is made by one side as objects that a child can be given under any start method; each side then opens its
end of it as two functions, so that a round trip is the same code for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from perflab.clock import pause
from perflab.experiments._partner import LIMIT_S, partners
from perflab.experiments._places import ANYWHERE, put

MESSAGE_BYTES = 64
STOP = bytes(MESSAGE_BYTES)
"""The message that ends an echo; no other is made of zeros."""

SEMAPHORES, SPINNING = "shared memory, semaphores", "shared memory, spinning"

SPINS = 2_000
"""Looks at the flag (about a tenth of a millisecond) before a spinner offers its core to whoever else wants one."""

GIVEN_UP = 200_000
"""Offers after which the other side is taken to be gone."""


def _nothing(trips: int) -> None:
    """What most channels need before a row of round trips."""


@dataclass(frozen=True, slots=True)
class End:
    """One side of a channel; ``begin`` is called before a row of that many round trips, and with 0 at the end."""

    send: Callable[[bytes], object]
    receive: Callable[[], Any]
    begin: Callable[[int], object] = _nothing


Opened = AbstractContextManager[Any]


@contextmanager
def _pipe(started_by: Any) -> Iterator[Any]:
    near, far = started_by.Pipe()
    with near, far:
        yield near, far


@contextmanager
def _sockets(started_by: Any) -> Iterator[Any]:
    import socket

    near, far = socket.socketpair()
    with near, far:
        yield near, far


@contextmanager
def _queues(started_by: Any, name: str) -> Iterator[Any]:
    """One there and one back. A Queue's feeder thread is waited for; a SimpleQueue has none."""
    there, back = getattr(started_by, name)(), getattr(started_by, name)()
    try:
        yield there, back
    finally:
        for queue in (there, back):
            queue.close()
            if name == "Queue":
                queue.join_thread()


@contextmanager
def _managed(started_by: Any) -> Iterator[Any]:
    with started_by.Manager() as manager:
        yield manager.Queue(), manager.Queue()


@contextmanager
def _spun(started_by: Any) -> Iterator[Any]:
    """With a pipe that says how long to spin: nobody spins while other cases are measured."""
    near, far = started_by.Pipe()
    with near, far:
        yield _memory(started_by), started_by.RawArray("B", 2), (near, far)


def _memory(started_by: Any) -> Any:
    return started_by.RawArray("B", 2 * MESSAGE_BYTES)


CHANNELS: Mapping[str, Callable[[Any], Opened]] = {
    "Pipe": _pipe,
    "Connection bytes": _pipe,
    "socketpair": _sockets,
    "SimpleQueue": lambda started_by: _queues(started_by, "SimpleQueue"),
    "Queue": lambda started_by: _queues(started_by, "Queue"),
    "Manager.Queue": _managed,
    SEMAPHORES: lambda started_by: nullcontext((_memory(started_by), started_by.Semaphore(0), started_by.Semaphore(0))),
    SPINNING: _spun,
}
"""Makes what both sides of each channel are given."""


def end(kind: str, given: Any, side: int) -> End:
    """Side 0 or 1 of a channel: what one sends the other receives."""
    if kind == "Pipe":
        return End(given[side].send, given[side].recv)
    if kind == "Connection bytes":
        return End(given[side].send_bytes, given[side].recv_bytes)
    if kind == "socketpair":
        return End(given[side].sendall, lambda: _exactly(given[side]))
    if kind == SEMAPHORES:
        return _with_semaphores(given, side)
    if kind == SPINNING:
        return _spinning(given, side)
    return End(given[side].put, given[1 - side].get)


def _exactly(line: Any) -> bytes:
    """A message from a stream of bytes; the empty one where the other side has gone."""
    message: bytes = line.recv(MESSAGE_BYTES)
    while 0 < len(message) < MESSAGE_BYTES:
        message += line.recv(MESSAGE_BYTES - len(message)) or STOP
    return message


def _with_semaphores(given: Any, side: int) -> End:
    """Each side writes to its half of the memory and releases its semaphore; the other waits for that."""
    memory, first, second = given
    mine, theirs = _halves(memory, side)
    release, acquire = (first, second)[side].release, (first, second)[1 - side].acquire

    def send(message: bytes) -> None:
        mine[:] = message
        release()

    def receive() -> bytes:
        acquire()
        return bytes(theirs)

    return End(send, receive)


def _spinning(given: Any, side: int) -> End:
    """Each side writes to its half of the memory and turns its flag; the other looks at that until it has turned."""
    memory, flags, pipes = given
    mine, theirs = _halves(memory, side)
    marks = memoryview(flags).cast("B")
    last, offer = 0, getattr(os, "sched_yield", partial(pause, 0))

    def send(message: bytes) -> None:
        mine[:] = message
        marks[side] ^= 1

    def receive() -> bytes:
        nonlocal last
        for _ in range(GIVEN_UP):
            for _ in range(SPINS):
                if marks[1 - side] != last:
                    last ^= 1
                    return bytes(theirs)
            offer()
        return b""

    return End(send, receive, pipes[side].send)


def _halves(memory: Any, side: int) -> tuple[memoryview, memoryview]:
    view = memoryview(memory).cast("B")
    halves = view[:MESSAGE_BYTES], view[MESSAGE_BYTES:]
    return halves[side], halves[1 - side]


def echo(kind: str, given: Any) -> None:
    """Send every message back, until one of zeros comes."""
    mine = end(kind, given, 1)
    if kind == SPINNING:
        while trips := given[2][1].recv():
            for _ in range(trips):
                mine.send(mine.receive())
        return
    while (message := mine.receive()) not in (STOP, b""):
        mine.send(message)


@contextmanager
def echoing(kind: str, started_by: Any, place: str = ANYWHERE) -> Iterator[End]:
    """One side of a channel whose other side echoes where the place has it; told to stop in the end, and waited for."""
    with ExitStack() as stack:
        given = stack.enter_context(CHANNELS[kind](started_by))
        (partner,) = stack.enter_context(partners(started_by, (echo, (kind, given))))
        put(place, partner.pid)
        mine = end(kind, given, 0)
        stack.callback(mine.begin, 0)
        stack.callback(mine.send, STOP)
        yield mine


def write(reader: Any, connection: Any, letter: int, size: int, count: int, barrier: Any, lock: Any) -> None:
    """Send that many messages of one letter each, at the same time as another process; until nobody reads them."""
    reader.close()  # a forked writer holds a copy of this end too, and would wait for ever for itself to read
    message = bytes([letter]) * size
    barrier.wait(LIMIT_S)
    try:
        for _ in range(count):
            with lock or nullcontext():
                connection.send_bytes(message)
    except OSError:
        return


def written_by_two(started_by: Any, size: int, count: int, locked: bool) -> int:
    """How many messages arrive whole when two processes write ``count`` each to one end of a Pipe.

    Reading ends with the first length that cannot be: from there on nobody knows where a message begins.
    """
    reader, writer = started_by.Pipe()
    barrier, lock = started_by.Barrier(2), started_by.Lock() if locked else None
    calls = [(write, (reader, writer, letter, size, count, barrier, lock)) for letter in b"ab"]
    with partners(started_by, *calls), reader:
        writer.close()
        return _whole(reader, size, 2 * count)


def _whole(reader: Any, size: int, most: int) -> int:
    found = 0
    try:
        for _ in range(most):
            message = reader.recv_bytes(size) if reader.poll(LIMIT_S) else b""
            found += message.count(message[:1]) == size
    except (EOFError, OSError):
        pass
    return found
