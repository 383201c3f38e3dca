"""What queues tries with queues: many at both ends, the wrong kind, a Pool, and a process that cannot be joined."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from perflab.experiments._partner import LIMIT_S, context, partners, told

SMALL_BYTES, LARGE_BYTES = 1024, 1024 * 1024
"""What a pipe of 64 KiB takes at once, and what it does not."""

PATIENCE_S = 0.03
"""How long a process may take to end whose own code is over, and an item to arrive that was put by one that ended."""

ARRIVED, NOTHING, ENDED, HANGS = "it arrives", "nothing arrives", "it ends", "it hangs until the queue is read"


def delivered_wrongly(producers: int, consumers: int, each: int) -> int:
    """How many of the items that ``producers`` put, ``each`` so many, did not reach exactly one of the consumers."""
    started_by = context()
    items = started_by.Queue()
    pipes = [started_by.Pipe(False) for _ in range(consumers)]
    takers = [(_take, (items, report)) for _, report in pipes]
    with partners(started_by, *takers):
        for _, report in pipes:
            report.close()
        with partners(started_by, *((_put, (items, number, each)) for number in range(producers))):
            pass
        for _ in range(consumers):
            items.put(None)
        found = Counter(item for heard, _ in pipes for item in told(heard))
    for heard, _ in pipes:
        heard.close()
    items.close()
    items.join_thread()
    expected = Counter((number, item) for number in range(producers) for item in range(each))
    return ((found - expected) + (expected - found)).total()


def _put(items: Any, number: int, each: int) -> None:
    for item in range(each):
        items.put((number, item))


def _take(items: Any, report: Any) -> None:
    taken = []
    while (item := items.get()) is not None:
        taken.append(item)
    report.send(taken)


def given_to_processes(kind: str, start_method: str) -> str:
    """What comes of a queue that one process puts into and another, once that has ended, takes from; or the error."""
    started_by = context(start_method)
    items: Any = queue.Queue() if kind == "queue.Queue" else started_by.Queue()
    heard, report = started_by.Pipe(False)
    with heard, report:
        try:
            with partners(started_by, (_put, (items, 0, 1))):
                pass
            with partners(started_by, (_look, (items, report))):
                return str(told(heard))
        except (TypeError, RuntimeError) as error:
            return named(error)


def _look(items: Any, report: Any) -> None:
    try:
        items.get(timeout=PATIENCE_S)
        report.send(ARRIVED)
    except queue.Empty:
        report.send(NOTHING)


def given_to_pool(way: str) -> str:
    """What comes of a queue that a Pool's task is to put into: given as its argument, or to the Pool's initializer."""
    started_by = context()
    with _pool_queue(started_by, way) as items:
        initializer = (_remember, (items,)) if way == "initializer" else (None, ())
        with started_by.Pool(1, *initializer) as pool:
            try:
                pool.apply_async(_put_remembered if way == "initializer" else _put_one, _argument(way, items)).get(
                    LIMIT_S
                )
                items.get(timeout=LIMIT_S)
                return ARRIVED
            except (TypeError, RuntimeError) as error:
                return named(error)
            finally:
                pool.terminate()
                pool.join()


def _argument(way: str, items: Any) -> tuple[Any, ...]:
    return () if way == "initializer" else (items,)


@contextmanager
def _pool_queue(started_by: Any, way: str) -> Iterator[Any]:
    if way == "Manager.Queue":
        with started_by.Manager() as manager:
            yield manager.Queue()
    else:
        items = started_by.Queue()
        yield items
        items.close()
        items.join_thread()


_remembered: Any = None


def _remember(items: Any) -> None:
    global _remembered
    _remembered = items


def _put_remembered() -> None:
    _put_one(_remembered)


def _put_one(items: Any) -> None:
    items.put("a")


def joined(size: int) -> str:
    """Whether a process that put so many bytes into a Queue ends by itself, or only once somebody took them out."""
    started_by = context()
    items = started_by.Queue()
    heard, report = started_by.Pipe(False)
    with heard, report, partners(started_by, (_put_bytes, (items, size, report))) as (process,):
        told(heard)
        process.join(PATIENCE_S if size > SMALL_BYTES else LIMIT_S)
        alive = process.is_alive()
        items.get(timeout=LIMIT_S)
        process.join(LIMIT_S)
        said = "it hangs" if process.is_alive() else HANGS if alive else ENDED
    items.close()
    items.join_thread()
    return said


def _put_bytes(items: Any, size: int, report: Any) -> None:
    items.put(bytes(size))
    report.send("done")


def named(error: BaseException) -> str:
    """Type and text, as the last line of a traceback has them."""
    return f"{type(error).__name__}: {error}"
