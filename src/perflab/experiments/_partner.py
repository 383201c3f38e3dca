"""Processes that a probe starts beside itself: how they are started, waited for, and ended in any case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from perflab.errors import WrongAnswer

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

LIMIT_S = 20.0
"""After this long without a word a partner is taken to hang; it is killed with whatever it does."""


def context(start_method: str = "") -> Any:
    """Fork where there is one, because it is the cheapest start and two running processes do not differ by theirs."""
    import multiprocessing

    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context(start_method or ("fork" if "fork" in methods else methods[0]))


@contextmanager
def partners(started_by: Any, *calls: tuple[Callable[..., object], Sequence[Any]]) -> Iterator[list[BaseProcess]]:
    """A daemonic process for each (function, arguments).

    After the body, or when the case is closed, they have LIMIT_S to end by themselves; after an error no time at all.
    """
    processes: list[BaseProcess] = []
    patience = 0.0
    try:
        for function, arguments in calls:
            processes.append(started_by.Process(target=function, args=tuple(arguments), daemon=True))
            processes[-1].start()
        yield processes
        patience = LIMIT_S
    except GeneratorExit:
        patience = LIMIT_S
        raise
    finally:
        for process in processes:
            _end(process, patience)


def told(report: Connection) -> Any:
    """The next word of a partner; WrongAnswer if it ended, or was silent for LIMIT_S."""
    if not report.poll(LIMIT_S):
        raise WrongAnswer(f"a partner process said nothing for {LIMIT_S:g} s, expected its report")
    try:
        return report.recv()
    except EOFError:
        raise WrongAnswer("a partner process ended without a report, expected one") from None


def _end(process: BaseProcess, patience: float) -> None:
    """Wait for one that was started, then kill it if need be, and free what it takes here."""
    if process.pid is not None:
        process.join(patience)
        if process.is_alive():
            process.kill()
            process.join()
    process.close()
