"""A persistent Process for each part, at the end of a Pipe of its own: bounds go out, partials come back.

Memory: each worker has its own copy of the input: under fork the parent's pages, copied when written; under spawn
and forkserver a pickled copy, sent once a worker. Cold: loading, starting the workers and sending them the input.
Warm: a pickled message each way and worker, no lock, no thread. Teardown: a stop message each, then joining.
A worker that dies closes its pipe, and the call raises ChildProcessError.
Thread-safety: one call at a time, since answers are told apart by their order alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perflab.model import Call, Number, Part, Strategy, Task
from perflab.workers import Bounds, attach, attempt, died, open_crew, settle

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def open_process_pipe(task: Task) -> Iterator[Call]:
    """Ask all workers before waiting for any."""
    with open_crew(task, _serve, task.workload.load(task.size)) as members:

        def call() -> Number:
            try:
                for member, bounds in zip(members, task.bounds, strict=True):
                    member.connection.send(bounds)
                outcomes = [member.connection.recv() for member in members]
            except (EOFError, OSError) as error:
                raise died([member.process for member in members]) from error
            return task.workload.combine(settle(outcomes))

        yield call


def _serve(near: Connection[Any, Any], far: Connection[Any, Any], part: Part, data: Any, bounds: Bounds | None) -> None:
    """Answer until told to stop, or until the parent is gone: with ``near`` closed here, its end closes the pipe."""
    near.close()
    attach(part, data)
    with far:
        try:
            while (bounds := far.recv()) is not None:
                far.send(attempt(bounds))
        except (EOFError, OSError):
            return


STRATEGY = Strategy(
    name="process_pipe",
    summary="persistent Process workers, a Pipe each",
    workers="processes",
    memory="copied",
    open=open_process_pipe,
    imports=("multiprocessing.connection",),
)
