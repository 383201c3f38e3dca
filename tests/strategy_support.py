"""What the specification of strategies runs in a process of its own: misbehaving workloads, and the observations.

Importable by worker processes under every start method. ``observe`` prints one JSON object: what came of each check,
and what was left behind after it.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import process, shared_memory
from pathlib import Path

from perflab import registry
from perflab.model import Call, Strategy, Task, Workload

IN_PARENT = 100
PATIENCE_S = 20.0
HANG_S = 60


def scratch() -> Path:
    """A folder for rendezvous by files, outside the TMPDIR that must stay empty."""
    return Path(os.environ["STRATEGY_SCRATCH"])


def patience_s() -> float:
    """How long a part waits for its neighbour: for ever, as it were, unless a file says that none will come.

    A file and no variable: workers of a forkserver have the environment that the server started with.
    """
    return 0.2 if (scratch() / "alone").exists() else PATIENCE_S


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + patience_s()
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def nothing(size: int) -> None:
    """No input."""


def zeros(size: int) -> array[float]:
    """An input that parts may mark."""
    return array("d", bytes(8 * size))


def break_second(data: object, start: int, stop: int) -> int:
    """Every part but the first raises."""
    if start:
        raise ValueError(f"part {start} to {stop} is broken")
    return stop


class Awkward(Exception):
    """Pickles, but does not come back: its constructor wants two arguments."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"{found} instead of {expected}")


def raise_awkward(data: object, start: int, stop: int) -> int:
    """Raises what cannot be sent as it is."""
    raise Awkward("a fish", "a bird")


def meet(data: object, start: int, stop: int) -> int:
    """1 where another part runs at the same time, and more where it runs in the process that opened the strategy.

    Both return at the next tick of 10 ms, so that they hand in their partials at once and one may get lost.
    """
    (scratch() / f"met-{start}").touch()
    met = wait_until(lambda: len(list(scratch().glob("met-*"))) == 2)
    tick = time.monotonic() // 0.01
    while time.monotonic() // 0.01 == tick:
        pass
    return met + IN_PARENT * (multiprocessing.parent_process() is None)


def mark(data: array[float], start: int, stop: int) -> int:
    """1 where the neighbour's element comes to hold the mark of another thread or process."""
    if len(data) < 2:
        return 0
    own = threading.get_native_id()
    data[start] = own
    return int(wait_until(lambda: data[1 - start] not in (0, own)))


def die_when_told(data: object, start: int, stop: int) -> int:
    """Every part but the first ends its process once a file says so."""
    if start and (scratch() / "die").exists():
        os._exit(3)
    return 1


def made(part: Callable[..., object], load: Callable[..., object] = nothing, typecode: str = "") -> Workload:
    """A workload of one implementation that is judged by its answer, not by its oracle."""
    return Workload(part.__name__, "", {"python": part}, load, oracle=abs, typecode=typecode)


def task_of(workload: str | Workload, size: int, workers: int, start_method: str) -> Task:
    """A task of the interpreted implementation, which every build has."""
    found = registry.find("workload", workload) if isinstance(workload, str) else workload
    return Task(found, "python", size, workers, start_method)


@contextmanager
def opened(strategy: Strategy, task: Task) -> Iterator[Call]:
    """The call of an opened strategy; closing the generator tears it down, as a host does."""
    generator = strategy.open(task)
    try:
        yield next(generator)
    finally:
        generator.close()


def answers(strategy: Strategy, start_method: str) -> dict[str, object]:
    """Three answers and the oracle's for sizes and worker counts that fit each other badly."""
    grid = [
        ("range_sum", 1001, 2),
        ("range_sum", 2, 3),
        ("vector_sum", 0, 1),
        ("vector_sum_int64", 1, 2),
        ("vector_sum", 1000, 3),
    ]
    found: dict[str, object] = {}
    for workload, size, workers in grid:
        task = task_of(workload, size, workers, start_method)
        with opened(strategy, task) as call:
            three = [call(), call(), call()]
        found[f"{workload} of {size} by {workers}"] = [three, task.workload.oracle(size)]
    return found


def side_by_side(strategy: Strategy, start_method: str) -> object:
    """Answers of two strategies that are open at once, called in turn, the older one closed first."""
    with warnings.catch_warnings():
        # The second one forks, if it does, beside the threads of the first: on 3.12+ Python warns, with reason.
        warnings.simplefilter("ignore", DeprecationWarning)
        first = strategy.open(task_of("range_sum", 10, 1, start_method))
        second = strategy.open(task_of("vector_sum", 7, 1, start_method))
        ask_first, ask_second = next(first), next(second)
        found = [ask_first(), ask_second(), ask_first(), ask_second()]
        first.close()
        found.append(ask_second())
        second.close()
    return found


def exceptions(strategy: Strategy, start_method: str) -> object:
    """Type and text of what two calls in a row raise."""
    with opened(strategy, task_of(made(break_second), 10, 2, start_method)) as call:
        return [raised_by(call), raised_by(call)]


def awkward_exception(strategy: Strategy, start_method: str) -> object:
    """Type and text of an exception that cannot be pickled."""
    with opened(strategy, task_of(made(raise_awkward), 1, 1, start_method)) as call:
        return raised_by(call)


def raised_by(call: Call) -> list[str]:
    """Type and text of the exception."""
    try:
        return ["answered", repr(call())]
    except Exception as error:
        return [type(error).__name__, str(error)]
    finally:
        gc.collect()  # the standard library's futures and results refer to the exception, and its traceback to them


def meeting(strategy: Strategy, start_method: str) -> object:
    """How many of two parts ran at the same time, in each of some calls."""
    if strategy.workers == "none":
        (scratch() / "alone").touch()
    with opened(strategy, task_of(made(meet), 2, 2, start_method)) as call:
        return [call() for _ in range(20)]


def marks(strategy: Strategy, start_method: str) -> object:
    """How many of two parts saw in the input what the other one wrote."""
    if strategy.memory != "shared" or strategy.workers == "none":
        (scratch() / "alone").touch()
    with opened(strategy, task_of(made(mark, zeros, "d"), 2, 2, start_method)) as call:
        return call()


def death_in_a_part(strategy: Strategy, start_method: str) -> object:
    """What calls do when a worker dies in the middle of one, and ever after."""
    with opened(strategy, task_of(made(die_when_told), 2, 2, start_method)) as call:
        before = call()
        (scratch() / "die").touch()
        return [before, raised_by(call)[0], raised_by(call)[0]]


def death_between_calls(strategy: Strategy, start_method: str) -> object:
    """What the next call does when a worker was killed before it, and the first call that does not answer."""
    with opened(strategy, task_of("range_sum", 10, 2, start_method)) as call:
        before, victim = call(), multiprocessing.active_children()[0]
        victim.kill()
        victim.join()
        came_of_it = [raised_by(call)]
        wait_until(lambda: came_of_it[-1][0] != "answered" or bool(came_of_it.append(raised_by(call))))
        return [before, came_of_it[0], came_of_it[-1][0]]


def descriptors(strategy: Strategy, start_method: str) -> object:
    """Open file descriptors after opening and closing once more, and once more again; names in /dev/shm meanwhile."""
    counts, names = [], []
    for _ in range(2):
        with opened(strategy, task_of("vector_sum", 10, 1, start_method)) as call:
            call()
            names = named()
        counts.append(len(os.listdir("/proc/self/fd")))
    return [*counts, names]


def stopped_by_force(strategy: Strategy, start_method: str) -> object:
    """How often idle worker processes had to be terminated in the end."""
    forced: list[str] = []
    terminate = process.BaseProcess.terminate
    process.BaseProcess.terminate = lambda self: (forced.append(self.name), terminate(self))[1]  # type: ignore[method-assign]
    try:
        with opened(strategy, task_of("range_sum", 10, 2, start_method)) as call:
            call()
    finally:
        process.BaseProcess.terminate = terminate  # type: ignore[method-assign]
    return forced


CHECKS = (answers, side_by_side, exceptions, meeting, marks, descriptors)
WITHOUT_POOL = (stopped_by_force, awkward_exception, death_in_a_part, death_between_calls)


def tag_names() -> None:
    """Make every name in /dev/shm tell whose it is: other processes of the machine have names there as well."""
    process.current_process()._config["semprefix"] = f"/mp{os.getpid()}"
    shared_memory._SHM_NAME_PREFIX = f"/{os.getpid()}_"


def named() -> list[str]:
    """What in /dev/shm has a name of this process."""
    own = (f"sem.mp{os.getpid()}", f"{os.getpid()}_", f"pym-{os.getpid()}-")
    return [name for name in os.listdir("/dev/shm") if name.startswith(own)]


def left_behind() -> dict[str, list[str]]:
    """Threads, children and names that should be gone."""
    gc.collect()  # pools are cycles, and their semaphores go when these do: late on a free-threaded build
    return {
        "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
        "children": [child.name for child in multiprocessing.active_children()],
        "names": named(),
    }


def observe(name: str, start_method: str, without_pool: bool) -> None:
    """Carry out all checks on one strategy under one start method and print what came of them."""
    # A hang becomes stacks on stderr and an end by SIGALRM; dump_traceback_later would be a thread beside each fork.
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(HANG_S)
    tag_names()
    strategy = registry.find("strategy", name)
    found: dict[str, object] = {}
    for check in CHECKS + (WITHOUT_POOL if without_pool else ()):
        try:
            came_of_it = check(strategy, start_method)
        except Exception:
            came_of_it = traceback.format_exc()
        found[check.__name__] = {"found": came_of_it, "left": left_behind()}
    json.dump(found, sys.stdout)
