"""A multiprocessing.Pool whose workers attach to the input once; ``map`` sends bounds, one part a task.

Memory: each worker has its own copy of the input: under fork the parent's pages, copied when written; under spawn
and forkserver a pickled copy, sent once a worker. Cold: loading, starting the workers and sending them the input.
Warm: bounds and partials, pickled, through two pipes that all workers share. Teardown: terminating and joining.
A worker that dies takes its task along in silence and the call waits for ever: the Pool's own semantics.
Thread-safety: calls from several threads may overlap; they would share the workers.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Call, Strategy, Task
from perflab.workers import attach, compute, open_pool


def open_with_map(task: Task) -> Iterator[Call]:
    """Load, attach each worker, then map with ``chunksize=1``: the default would be the same for so few parts."""
    data = task.workload.load(task.size)
    bounds, combine = task.bounds, task.workload.combine
    with open_pool(task, attach, (task.part, data)) as pool:
        yield lambda: combine(pool.map(compute, bounds, chunksize=1))


STRATEGY = Strategy(
    name="pool",
    summary="multiprocessing.Pool.map, the input attached once a worker",
    workers="processes",
    memory="copied",
    open=open_with_map,
    imports=("multiprocessing.pool",),
)
