"""Processes that stay and compute what they are asked: the same ones for all cases of a host that need as many.

A case that is compared with another one then runs in the very same processes, warm, and nothing is started twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from perflab.experiments._shared import shared
from perflab.workers import Member, end

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Crew = Sequence[Member]

Request = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function of a module, and what it is called with."""


def crew(start_method: str, workers: int) -> AbstractContextManager[Crew]:
    """The host's crew of that kind: started with the first case that uses it, dismissed with the last."""
    return shared(("crew", start_method, workers), lambda: _hired(start_method, workers))


def answers(members: Crew, requests: Sequence[Request]) -> list[Any]:
    """One request to each of the first members, all at once; their answers in order. EOFError where one died."""
    chosen = [member.connection for member in members[: len(requests)]]
    for connection, request in zip(chosen, requests, strict=True):
        connection.send(request)
    return [connection.recv() for connection in chosen]


@contextmanager
def _hired(start_method: str, workers: int) -> Iterator[Crew]:
    """All started, and each has answered once: nothing is measured on cold workers."""
    import multiprocessing

    context: Any = multiprocessing.get_context(start_method or None)
    members: list[Member] = []
    try:
        for _ in range(workers):
            members.append(_start(context))
        answers(members, [(_nothing, ())] * workers)
        yield members
    finally:
        for member in members:
            with suppress(OSError):  # the pipe of one that died
                # Closing the pipe would not do: those forked later, also by another crew, hold this end of it as well.
                member.connection.send(None)
            member.connection.close()
        end([member.process for member in members])


def _start(context: Any) -> Member:
    near, far = context.Pipe()
    process = context.Process(target=_serve, args=(near, far), daemon=True)
    with far:  # only the worker keeps its end: then its death closes the pipe
        process.start()
    return Member(process, near)


def _serve(near: Connection[Any, Any], far: Connection[Any, Any]) -> None:
    """Answer requests until a None comes. Ctrl-C is left to the parent."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    near.close()
    with far, suppress(EOFError, OSError):
        while (request := far.recv()) is not None:
            function, arguments = request
            far.send(function(*arguments))


def _nothing() -> None:
    """What a worker is asked first."""
