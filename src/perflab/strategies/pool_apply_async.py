"""A multiprocessing.Pool asked by ``apply_async`` for each part, then ``get`` for each result.

Memory, cold and teardown as in ``pool``: the input is attached once a worker, copied under spawn and forkserver,
inherited under fork. Warm: a task and a result object a part, each pickled on its own. A worker that dies makes
``get`` wait for ever: the Pool's own semantics.
Thread-safety: calls from several threads may overlap; they would share the workers.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Call, Number, Strategy, Task
from perflab.workers import attach, compute, open_pool


def open_with_apply_async(task: Task) -> Iterator[Call]:
    """Load, attach each worker, then submit every part before waiting for any."""
    data = task.workload.load(task.size)
    bounds, combine = task.bounds, task.workload.combine
    with open_pool(task, attach, (task.part, data)) as pool:

        def call() -> Number:
            promised = [pool.apply_async(compute, (one,)) for one in bounds]
            return combine([result.get() for result in promised])

        yield call


STRATEGY = Strategy(
    name="pool_apply_async",
    summary="multiprocessing.Pool.apply_async for each part, then get",
    workers="processes",
    memory="copied",
    open=open_with_apply_async,
    imports=("multiprocessing.pool",),
)
