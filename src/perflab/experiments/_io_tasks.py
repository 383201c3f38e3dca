"""What io-fraction times: tasks that wait for a server and then compute, done in turn, by threads, by processes."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from perflab.experiments._crew import answers, crew
from perflab.experiments._loopback import REQUEST_BYTES, connected
from perflab.model import Case

if TYPE_CHECKING:
    import socket

TASKS_A_WORKER = 2

Done = tuple[int, int]
"""How many tasks were done, and the sum of what they computed."""

Run = Callable[[], Done]


def _in_turn(case: Case, port: int, stack: ExitStack) -> Run:
    line = stack.enter_context(connected(port))
    return lambda: perform(line, int(case.param("tasks")), int(case.param("wait_us")), case.size)


def _on_threads(case: Case, port: int, stack: ExitStack) -> Run:
    from concurrent.futures import ThreadPoolExecutor

    lines = [stack.enter_context(connected(port)) for _ in range(case.workers)]
    threads = stack.enter_context(ThreadPoolExecutor(case.workers))

    def share(line: socket.socket) -> Done:
        return perform(line, TASKS_A_WORKER, int(case.param("wait_us")), case.size)

    return lambda: _added(threads.map(share, lines))


def _in_processes(case: Case, port: int, stack: ExitStack) -> Run:
    members = stack.enter_context(crew(case.start_method, case.workers))
    request = (perform_in_worker, (port, TASKS_A_WORKER, int(case.param("wait_us")), case.size))
    answers(members, [request] * case.workers)  # each connects once, before anything is measured
    return lambda: _added(answers(members, [request] * case.workers))


WAYS: Mapping[str, Callable[[Case, int, ExitStack], Run]] = {
    "serial": _in_turn,
    "threads": _on_threads,
    "processes": _in_processes,
}


def compiled(case: Case, stack: ExitStack) -> Run:
    """A compiled loop that releases the GIL, whole or in a part for each thread."""
    from concurrent.futures import ThreadPoolExecutor

    from perflab.kernels import range_sum

    parts = max(1, case.workers)
    edges = [case.size * index // parts for index in range(parts + 1)]

    def share(part: int) -> Done:
        return 1, range_sum.sum_nogil(edges[part], edges[part + 1])

    if not case.workers:
        return lambda: share(0)
    threads = stack.enter_context(ThreadPoolExecutor(case.workers))
    return lambda: _added(threads.map(share, range(parts)))


def perform(line: socket.socket, tasks: int, wait_us: int, elements: int) -> Done:
    """Do the tasks one after the other: ask the server and wait for its answer, then add up a range."""
    request, total, done = wait_us.to_bytes(REQUEST_BYTES, "little"), 0, 0
    for _ in range(tasks):
        if wait_us:
            line.sendall(request)
        # A task that does not wait has its answer: it asks nobody.
        done += (line.recv(REQUEST_BYTES) if wait_us else request) == request
        for number in range(elements):
            total += number
    return done, total


def perform_in_worker(port: int, tasks: int, wait_us: int, elements: int) -> Done:
    """The same in a worker process, over a connection that it keeps."""
    return perform(_kept_line(port), tasks, wait_us, elements)


@cache
def _kept_line(port: int) -> socket.socket:
    line = connected(port)
    atexit.register(line.close)
    return line


def _added(parts: Iterable[Done]) -> Done:
    done, total = (sum(column) for column in zip(*parts, strict=True))
    return done, total
