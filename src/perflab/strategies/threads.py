"""A thread a part, from a ThreadPoolExecutor that is kept between calls.

Memory: all threads read the one input where it was loaded; nothing is copied or pickled.
Cold: loading, and the start of the threads, which the executor puts off until the first call. Warm: handing over the
parts and their results through queues. Teardown: waking, ending and joining the threads.
Thread-safety: calls from several threads may overlap; they would share the workers.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Call, Number, Strategy, Task


def open_threads(task: Task) -> Iterator[Call]:
    """Load, then map the parts over the threads."""
    from concurrent.futures import ThreadPoolExecutor

    data = task.workload.load(task.size)
    part, bounds, combine = task.part, task.bounds, task.workload.combine

    def compute(one: tuple[int, int]) -> Number:
        return part(data, *one)

    with ThreadPoolExecutor(len(bounds)) as executor:
        yield lambda: combine(executor.map(compute, bounds))


STRATEGY = Strategy(
    name="threads",
    summary="ThreadPoolExecutor.map, the threads kept between calls",
    workers="threads",
    memory="shared",
    open=open_threads,
    imports=("concurrent.futures.thread",),
)
