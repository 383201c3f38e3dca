"""What switching times: two that hand over to each other, by turns, each with nothing else to do.

The leader is always the host's main thread; its partner is another thread of the host or another process, and runs
the same code. Both are bound to their cores while they play.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

from perflab.model import Case
from perflab.workers import end

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Table:
    """Where they play: the leader's moves, what it does alone, how it calls its partner, and their cores."""

    give: Action
    take: Action
    give_itself: Action
    take_itself: Action
    orders: Connection[Any, Any]
    own_core: int
    partner_core: int


@contextmanager
def table(case: Case) -> Iterator[Table]:
    """Start the partner; it is gone when the body is over, and so is what they played with."""
    import multiprocessing

    context: Any = multiprocessing.get_context(case.start_method or None)
    cores = sorted(os.sched_getaffinity(0))
    own_core, partner_core = cores[0], cores[int(case.param("cores")) - 1]
    with ExitStack() as stack:
        there, back, itself = (_channel(context, str(case.param("means")), stack) for _ in range(3))
        orders, partners_orders = (stack.enter_context(one) for one in context.Pipe())
        start = _start_thread if case.strategy == "threads" else partial(_start_process, context)
        stop = start((partners_orders, there[0], back[1], partner_core))
        try:
            yield Table(
                giving(there[1]),
                taking(back[0]),
                giving(itself[1]),
                taking(itself[0]),
                orders,
                own_core,
                partner_core,
            )
        finally:
            with suppress(OSError):  # a partner that died
                orders.send(0)
            stop()


Channel = tuple[Any, Any]
"""Where to take, where to give: the two ends of a pipe, or twice the same semaphore."""


def _channel(context: Any, means: str, stack: ExitStack) -> Channel:
    if means == "pipe":
        reader, writer = context.Pipe(duplex=False)
        return stack.enter_context(reader), stack.enter_context(writer)
    semaphore = context.Semaphore(0)
    return semaphore, semaphore


def giving(end_of_channel: Any) -> Action:
    """What hands over: a byte into a pipe, or one to a semaphore."""
    if hasattr(end_of_channel, "release"):
        return end_of_channel.release  # type: ignore[no-any-return]
    return partial(os.write, end_of_channel.fileno(), b"x")


def taking(end_of_channel: Any) -> Action:
    """What waits until it is handed over to."""
    if hasattr(end_of_channel, "acquire"):
        return end_of_channel.acquire  # type: ignore[no-any-return]
    return partial(os.read, end_of_channel.fileno(), 1)


def lead(give: Action, take: Action, count: int) -> None:
    """As many round trips, begun by this side; or, with both ends in one hand, as many calls without a partner."""
    for _ in repeat(None, count):
        give()
        take()


def follow(orders: Connection[Any, Any], source: Any, target: Any, core: int) -> None:
    """The partner: as many round trips as each order says, reported with the cores it may run on; 0 ends it."""
    os.sched_setaffinity(0, {core})
    give, take = giving(target), taking(source)
    while count := orders.recv():
        for _ in repeat(None, count):
            take()
            give()
        orders.send((count, sorted(os.sched_getaffinity(0))))


def _start_thread(arguments: Sequence[Any]) -> Action:
    import threading

    thread = threading.Thread(target=follow, args=arguments, daemon=True)
    thread.start()
    return thread.join


def _start_process(context: Any, arguments: Sequence[Any]) -> Action:
    process = context.Process(target=follow, args=arguments, daemon=True)
    process.start()
    for one in arguments:
        if hasattr(one, "close"):  # only the partner keeps its ends: then its death closes them
            one.close()
    return partial(end, [process])


@contextmanager
def bound_to(core: int) -> Iterator[None]:
    """Let this thread run on that core alone while the body does; afterwards where it could before."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
