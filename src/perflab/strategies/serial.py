"""One part after another in the calling thread: the control of every other strategy.

Memory: the parts read the input where it was loaded. Cold: loading. Warm: the parts and nothing else. Teardown:
nothing. Thread-safety: the call keeps no state, so that calls may overlap.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Call, Number, Strategy, Task


def open_serial(task: Task) -> Iterator[Call]:
    """Load, then run the parts in order."""
    data = task.workload.load(task.size)
    part, bounds, combine = task.part, task.bounds, task.workload.combine

    def call() -> Number:
        return combine([part(data, start, stop) for start, stop in bounds])

    yield call


STRATEGY = Strategy(
    name="serial",
    summary="one part after another in the calling thread",
    workers="none",
    memory="shared",
    open=open_serial,
)
