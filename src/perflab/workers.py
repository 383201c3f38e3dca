"""Worker processes that strategies have in common: how they start, what runs inside them, how they end.

Inside a worker, one module global holds what it attached to when it started; the parent never sets it, so that
strategies opened side by side in one process cannot meet. All functions of the worker's side are called in its main
thread only. Nothing of ``multiprocessing`` is imported before a strategy is opened.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.model import Number, Part, Task

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool
    from multiprocessing.process import BaseProcess

Bounds = tuple[int, int]
Outcome = tuple[Number, Exception | None]
"""What one part came to: its partial result, or what it raised."""

GRACE_S = 1.0
"""How long an idle worker may take to end by itself; one that is still busy then is terminated."""


@dataclass(slots=True)
class Attached:
    """What a worker computes with: the code of a part, its input, and the slots for partials where it has some."""

    part: Part
    data: Any = None
    slots: Any = None


_attached: Attached | None = None


def attach(part: Part, data: Any = None, slots: Any = None) -> None:
    """Run once in each worker as it starts. Ctrl-C is left to the parent, which ends its workers."""
    global _attached
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _attached = Attached(part, data, slots)


def attached() -> Attached:
    """What this worker attached to; RuntimeError where it never did."""
    if _attached is None:
        raise RuntimeError("found a process that attached to nothing, expected a worker: call attach() in it first")
    return _attached


def compute(bounds: Bounds) -> Number:
    """The partial result of one part, to be sent back."""
    mine = attached()
    return mine.part(mine.data, *bounds)


def store(numbered: tuple[int, Bounds]) -> None:
    """Compute the part of that number and leave its result in its slot: nothing is sent back.

    TypeError for a partial that is no integer, ValueError for one beyond int64.
    """
    mine, (number, bounds) = attached(), numbered
    mine.slots[number] = mine.part(mine.data, *bounds)


def attempt(bounds: Bounds) -> Outcome:
    """The partial result of one part, or the exception, with the worker's traceback as a note."""
    try:
        return compute(bounds), None
    except Exception as error:
        return 0, _portable(error)


def _portable(error: Exception) -> Exception:
    """The exception itself where it survives pickling, otherwise a RuntimeError that carries its type and text."""
    import pickle
    import traceback

    error.add_note("in the worker: " + "".join(traceback.format_exception(error)))
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:
        again = None
    return error if type(again) is type(error) else RuntimeError(f"{type(error).__name__}: {error}")


def context_of(task: Task) -> BaseContext:
    """The multiprocessing context of the task's start method; the platform's default where it names none."""
    import multiprocessing

    return multiprocessing.get_context(task.start_method or None)


@contextmanager
def open_pool(task: Task, initializer: Callable[..., object], initargs: Sequence[Any]) -> Iterator[Pool]:
    """A ``multiprocessing.Pool`` with a worker for each part.

    It ends as ``with Pool(...)`` does, by terminating idle workers, and then waits until they are gone. The workers
    fork before the pool starts its three threads. A Pool loses the task of a worker that dies and waits for ever:
    these are its own semantics, against which only the time limit of the caller helps.
    """
    pool = context_of(task).Pool(len(task.bounds), initializer, tuple(initargs))
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()


@dataclass(frozen=True, slots=True)
class Member:
    """A persistent worker process and the parent's end of its pipe."""

    process: BaseProcess
    connection: Connection[Any, Any]


Serve = Callable[["Connection[Any, Any]", "Connection[Any, Any]", Part, Any, Bounds], None]
"""What a member runs: the parent's end (to close at once), its own end, the part, the input, the part's bounds."""


@contextmanager
def open_crew(task: Task, serve: Serve, data: Any) -> Iterator[list[Member]]:
    """A persistent process for each part, each at the end of a pipe of its own.

    A None ends it. Closing the pipe would not do: workers that were forked later hold its parent's end as well.
    """
    members: list[Member] = []
    try:
        for bounds in task.bounds:
            members.append(_hire(task, serve, data, bounds))
        yield members
    finally:
        for member in members:
            with suppress(OSError):  # the pipe of a worker that died
                member.connection.send(None)
            member.connection.close()
        end([member.process for member in members])


def _hire(task: Task, serve: Serve, data: Any, bounds: Bounds) -> Member:
    context = context_of(task)
    near, far = context.Pipe()
    process = context.Process(target=serve, args=(near, far, task.part, data, bounds), daemon=True)  # type: ignore[attr-defined]
    with far:  # only the worker keeps its end: then its death closes the pipe
        process.start()
    return Member(process, near)


def died(processes: Sequence[BaseProcess]) -> ChildProcessError:
    """What to raise when a worker ended before it answered: which one, and how."""
    from multiprocessing.connection import wait

    wait([process.sentinel for process in processes], GRACE_S)  # its pipe closes shortly before it can be waited for
    ended = [f"{process.name} with exit code {process.exitcode}" for process in processes if not process.is_alive()]
    return ChildProcessError(
        f"found dead: {', '.join(ended) or 'no worker, but a closed pipe'}; expected a partial result of each worker: "
        f"see what it wrote to stderr (a negative code is the signal that killed it), and open the strategy anew"
    )


def settle(outcomes: Sequence[Outcome]) -> list[Number]:
    """The partial results in order; the first exception where there was any.

    Takes all outcomes at once: a call that raised half-way would leave answers in the pipes for the next one.
    """
    for _, error in outcomes:
        if error is not None:
            raise error
    return [partial for partial, _ in outcomes]


def end(processes: Sequence[BaseProcess]) -> None:
    """Wait until all are gone; what is not after ``GRACE_S`` is terminated, then killed."""
    for process in processes:
        process.join(GRACE_S)
        if process.is_alive():
            process.terminate()
            process.join(GRACE_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
