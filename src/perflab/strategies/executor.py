"""A ProcessPoolExecutor whose workers attach to the input once; ``map`` sends bounds, one part a task.

Memory: each worker has its own copy of the input: under fork the parent's pages, copied when written; under spawn
and forkserver a pickled copy, sent once a worker. Cold: loading, and the start of the workers, which the executor
puts off until the first call (before its own thread starts, so that fork stays safe).
Warm: bounds and partials, pickled, through a queue and a thread of the parent. Teardown: a stop message a worker,
then joining. A worker that dies breaks the executor: this call and all later ones raise BrokenProcessPool.
Thread-safety: calls from several threads may overlap; they would share the workers.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Call, Strategy, Task
from perflab.workers import attach, compute, context_of


def open_executor(task: Task) -> Iterator[Call]:
    """Load, then map the parts over workers that attach as they start."""
    from concurrent.futures import ProcessPoolExecutor

    data = task.workload.load(task.size)
    bounds, combine = task.bounds, task.workload.combine
    with ProcessPoolExecutor(len(bounds), context_of(task), attach, (task.part, data)) as executor:
        yield lambda: combine(executor.map(compute, bounds))


STRATEGY = Strategy(
    name="executor",
    summary="ProcessPoolExecutor.map, the input attached once a worker",
    workers="processes",
    memory="copied",
    open=open_executor,
    imports=("concurrent.futures.process", "multiprocessing.synchronize"),
)
