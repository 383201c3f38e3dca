"""Persistent Process workers that take bounds from one shared Queue and put partials into another.

Memory: each worker has its own copy of the input: under fork the parent's pages, copied when written; under spawn
and forkserver a pickled copy, sent once a worker. Cold: loading, starting the workers and sending them the input.
Warm: a pickled message each way and part, each through a feeder thread, a lock and a pipe that all share; whichever
worker is free takes the next part. Teardown: a stop message each, joining, closing the queues.
A worker that dies is noticed before the parts are handed out, or within ``PATIENCE_S`` of silence, and the call
raises ChildProcessError; the queues may hold its lock for ever, so the strategy has to be opened anew.
Thread-safety: one call at a time, since parts of two calls would share their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.model import Call, Number, Part, Strategy, Task
from perflab.workers import Outcome, attach, attempt, context_of, died, end, settle

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

PATIENCE_S = 0.5
"""How long the results may be silent before the workers are looked at. Too long costs only whoever lost a worker."""


@dataclass(frozen=True, slots=True)
class Shop:
    """Both queues and who works on them."""

    tasks: Any
    results: Any
    workers: list[BaseProcess]


def open_process_queue(task: Task) -> Iterator[Call]:
    """All workers fork, if they do, before the first ``put`` starts the feeder thread."""
    with _opened(task) as shop:

        def call() -> Number:
            if any(worker.exitcode is not None for worker in shop.workers):
                raise died(shop.workers)
            for numbered in enumerate(task.bounds):
                shop.tasks.put(numbered)
            answers = dict(_next_answer(shop) for _ in task.bounds)
            return task.workload.combine(settle([answers[number] for number in sorted(answers)]))

        yield call


@contextmanager
def _opened(task: Task) -> Iterator[Shop]:
    context = context_of(task)
    shop = Shop(context.Queue(), context.Queue(), [])
    data = task.workload.load(task.size)
    try:
        for _ in task.bounds:
            shop.workers.append(_hired(context, shop, (task.part, data)))
        yield shop
    finally:
        for _ in shop.workers:
            shop.tasks.put(None)
        end(shop.workers)
        _close((shop.tasks, shop.results))


def _hired(context: Any, shop: Shop, attaching: tuple[Part, Any]) -> BaseProcess:
    worker: BaseProcess = context.Process(target=_serve, args=(shop.tasks, shop.results, *attaching), daemon=True)
    worker.start()
    return worker


def _close(queues: Sequence[Any]) -> None:
    for queue in queues:
        queue.close()
        queue.join_thread()


def _next_answer(shop: Shop) -> tuple[int, Outcome]:
    """The next answer, whoever gives it; ChildProcessError where a worker is dead and none comes."""
    from queue import Empty

    while True:
        try:
            answer: tuple[int, Outcome] = shop.results.get(timeout=PATIENCE_S)
            return answer
        except Empty:
            if any(worker.exitcode is not None for worker in shop.workers):
                raise died(shop.workers) from None


def _serve(tasks: Any, results: Any, part: Part, data: Any) -> None:
    """Answer until told to stop."""
    attach(part, data)
    while (numbered := tasks.get()) is not None:
        number, bounds = numbered
        results.put((number, attempt(bounds)))


STRATEGY = Strategy(
    name="process_queue",
    summary="persistent Process workers, one task Queue and one result Queue",
    workers="processes",
    memory="copied",
    open=open_process_queue,
    imports=("multiprocessing.queues", "multiprocessing.synchronize"),
)
