"""The ways of running tasks that ``models`` compares: nobody else, threads, and processes that share what they share.

Crews of processes are opened once a host and serve every kind of work there, so that all kinds meet the same workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from perflab import procfs
from perflab.clock import pause
from perflab.experiments._jobs import Crew, Each, Shared, attach
from perflab.experiments._loopback import delaying_server
from perflab.experiments._shared import shared
from perflab.model import Case

WARMING_S = 0.001
"""Each new worker process is kept this long, so that none does two of the first tasks and another none."""


def _stay(_: int) -> int:
    pause(WARMING_S)
    return os.getpid()


def _one_after_another(function: Callable[[Any], Any], arguments: Sequence[Any]) -> Sequence[Any]:
    return [function(argument) for argument in arguments]


@contextmanager
def alone(case: Case) -> Iterator[Crew]:
    """The host itself, with the server that it asks."""
    with delaying_server() as port:
        yield Crew(lambda: nullcontext(_one_after_another), port=port)


@contextmanager
def threads(case: Case) -> Iterator[Crew]:
    """New threads for each sample, started before it is timed: they are not there while the host works alone."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    @contextmanager
    def started() -> Iterator[Each]:
        together = threading.Barrier(case.workers)  # an executor starts no thread while another one is idle
        with ThreadPoolExecutor(case.workers) as executor:
            list(executor.map(lambda _: together.wait(), range(case.workers)))
            yield lambda function, arguments: list(executor.map(function, arguments))

    with delaying_server() as port:
        yield Crew(started, port=port)


@contextmanager
def pool(case: Case) -> Iterator[Crew]:
    """A Pool, kept between kinds of work; tasks are handed out one by one."""
    with shared(("pool", case.start_method, case.workers), lambda: _open_pool(case)) as crew:
        yield crew


@contextmanager
def _open_pool(case: Case) -> Iterator[Crew]:
    with delaying_server() as port:  # started before the pool has threads
        before = _descendants()
        with _context(case).Pool(case.workers) as made:
            each = _one_by_one(made)
            each(_stay, range(case.workers))
            yield Crew(lambda: nullcontext(each), _descendants(before), port)
            made.close()
            made.join()


def _one_by_one(made: Any) -> Each:
    return lambda function, arguments: made.map(function, arguments, chunksize=1)


@contextmanager
def executor(case: Case) -> Iterator[Crew]:
    """A ProcessPoolExecutor, likewise."""
    with shared(("executor", case.start_method, case.workers), lambda: _open_executor(case)) as crew:
        yield crew


@contextmanager
def _open_executor(case: Case) -> Iterator[Crew]:
    from concurrent.futures import ProcessPoolExecutor

    with delaying_server() as port:
        before = _descendants()
        with ProcessPoolExecutor(case.workers, mp_context=_context(case)) as made:

            def each(function: Callable[[Any], Any], arguments: Sequence[Any]) -> Sequence[Any]:
                return list(made.map(function, arguments))

            each(_stay, range(case.workers))
            yield Crew(lambda: nullcontext(each), _descendants(before), port)


@contextmanager
def sharing(case: Case) -> Iterator[Crew]:
    """A Pool whose workers share memory, without the Manager's process beside them."""
    with shared(("sharing", case.start_method, case.workers), lambda: _open_sharing(case)) as (crew, _):
        yield crew


@contextmanager
def managed(case: Case) -> Iterator[Crew]:
    """The same workers, and the Manager's process that serves them."""
    with shared(("sharing", case.start_method, case.workers), lambda: _open_sharing(case)) as (_, crew):
        yield crew


@contextmanager
def _open_sharing(case: Case) -> Iterator[tuple[Crew, ...]]:
    """One pool for both ways: without the Manager's process and with it."""
    context, total = _context(case), int(case.param("bytes"))
    before = _descendants()
    with context.Manager() as manager:
        server = _descendants(before)
        attached = Shared(
            context.Value("q", 0),
            context.RawArray("B", total),
            manager.Value("q", 0),
            manager.Lock(),
            manager.list([b""] * case.workers),
        )
        with context.Pool(case.workers, attach, (attached,)) as made:
            each = _one_by_one(made)
            each(_stay, range(case.workers))
            workers = _descendants((*before, *server))
            with_server = (*workers, *server)
            yield tuple(Crew(lambda: nullcontext(each), pids, shared=attached) for pids in (workers, with_server))
            made.close()
            made.join()


CREWS: Mapping[str, Callable[[Case], AbstractContextManager[Crew]]] = {
    "serial": alone,
    "threads": threads,
    "pool": pool,
    "executor": executor,
    "shared_memory": sharing,
    "manager": managed,
}
"""The ways of running, each a context manager that is given the case."""


def _context(case: Case) -> Any:
    import multiprocessing

    return multiprocessing.get_context(case.start_method)


def _descendants(known: Sequence[int] = ()) -> tuple[int, ...]:
    """The processes below this one that were not known before."""
    return tuple(pid for pid in procfs.descendants(os.getpid()) if pid not in known)
