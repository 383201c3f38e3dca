"""Asks how many workers a Pool makes, when they begin, and what get, join, close and leaving do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from perflab.experiments._facts import facts_of
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Reference,
    Relation,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always

WORKERS = (
    Quantity("workers", "workers", "worker processes that Pool() makes when it is told no number"),
    Quantity("beyond_cpu_count", "workers", "workers of Pool() less os.cpu_count()"),
    Quantity("beyond_usable", "workers", "workers of Pool() less the cores that this process may use at once"),
)
LIFE = (
    Quantity("transcript", "", "what the tutorial's program prints: close, join, then two times get"),
    Quantity("without_join", "", "what get returns before the pool was closed or joined"),
    Quantity("started", "", "whether a task ran to its end while its caller asked for nothing"),
    Quantity("start_ns", "ns", "from the call of apply_async to the first instruction of the task, in a warm pool"),
    Quantity("blocks", "", "whether get was called before its task ended and returned after it"),
    Quantity("early_join", "", "what join raises on a pool that is not closed"),
    Quantity("left", "", "what became of an unfinished task when its pool's with block was left"),
    Quantity("closed", "", "what became of the same task when its pool was closed and joined"),
)

HALF_A_WORKER = 0.5
"""Workers are whole: fewer than this too many are none."""

BOUND = "bound to one core"
RESULTS = "49995000 199990000"
YES = "yes"
EARLY_JOIN = "ValueError: Pool is still running"
DONE, LOST = "done", "lost"

COUNT = """
import json, multiprocessing, os

if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with multiprocessing.get_context("METHOD").Pool() as pool:
        workers = len(multiprocessing.active_children())
    print(json.dumps({"workers": workers, "cpu_count": os.cpu_count()}))
"""
"""Counts the children that Pool() makes in a process that may use one core only."""

USE = """
import json, multiprocessing, os, time

def task(num):
    res = 0
    for i in range(num):
        res += i
    return res

def instant():
    return time.monotonic_ns()

def nap(seconds):
    time.sleep(seconds)
    return time.monotonic_ns()

def leave_trace(name):
    time.sleep(0.02)
    open(name, "x").close()

def fate(name):
    return "done" if os.path.exists(name) else "lost"

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    pool = context.Pool()
    found = {"workers": len(multiprocessing.active_children()), "cpu_count": os.cpu_count()}
    pair = [pool.apply_async(task, args=(num,)) for num in (10000, 20000)]
    found["without_join"] = " ".join(str(one.get()) for one in pair)

    asked = time.monotonic_ns()
    alone = pool.apply_async(instant)
    patience = time.monotonic() + 5
    while not alone.ready() and time.monotonic() < patience:
        time.sleep(0.0005)
    found["started"] = "yes" if alone.ready() else "no"
    found["start_ns"] = alone.get() - asked

    asked = time.monotonic_ns()
    ended = pool.apply_async(nap, (0.01,)).get()
    found["blocks"] = "yes" if asked < ended <= time.monotonic_ns() else "no"

    try:
        pool.join()
        found["early_join"] = "nothing"
    except Exception as error:
        found["early_join"] = f"{type(error).__name__}: {error}"

    task1 = pool.apply_async(task, args=(10000,))
    task2 = pool.apply_async(task, args=(20000,))
    closing = pool.apply_async(leave_trace, ("closed",))
    pool.close()
    pool.join()
    found["transcript"] = f"{task1.get()} {task2.get()}"
    found["closed"] = fate("closed")

    with context.Pool(1) as brief:
        brief.apply_async(leave_trace, ("left",))
    brief.join()
    found["left"] = fate("left")
    print(json.dumps(found))
"""
"""The tutorial's program, and around it one question after the other; the two pools leave traces as files."""


def design(settings: Settings) -> Design:
    """The life of a pool by each start method, and what Pool() makes in a process that is bound to one core."""
    free = [_case(method, "free", settings.cores) for method in settings.chosen_start_methods]
    bound = [_case(free[0].start_method, BOUND, 1)] if hasattr(os, "sched_setaffinity") else []
    claims = (_as_many(free), _as_usable([*bound, free[0]]), *_life_claims(free))
    arms = tuple(Arm(case) for case in (*free, *bound))
    figures = (_workers([*free, *bound]), _starts(free))
    return Design((Group("programs", arms, single=True),), claims, figures)


def _case(method: str, place: str, usable: int) -> Case:
    return Case(strategy="pool", start_method=method, params=(("process", place), ("usable", usable)))


def _as_many(free: list[Case]) -> Claim:
    def equal(case: Case, quantity: str, words: str, role: Role) -> Clause:
        label = f"{case.start_method}: workers less {words}"
        return Clause(case, quantity, Estimand.LEVEL, Relation.WITHIN, 0, role=role, label=label)

    return Claim(
        "S13",
        "Pool() makes as many workers as there are cores",
        (
            *(equal(case, "beyond_cpu_count", "os.cpu_count()", Role.DECIDES) for case in free),
            equal(free[0], "beyond_usable", "the cores that this process may use", Role.BESIDE),
        ),
        ("S13",),
        conditions="cores as os.cpu_count() counts them",
    )


def _as_usable(cases: list[Case]) -> Claim:
    def at_most(case: Case) -> Clause:
        label = f"workers beyond the usable cores, process {case.param('process')}"
        return Clause(case, "beyond_usable", Estimand.LEVEL, Relation.BELOW, HALF_A_WORKER, label=label)

    return Claim(
        "S13-usable",
        "Pool() makes no more workers than the process may use cores at once",
        tuple(at_most(case) for case in cases),
        ("S13",),
        conditions="cores by affinity and by the CPU quota of the control groups; also when bound to one core",
    )


def _life_claims(lives: list[Case]) -> Iterator[Claim]:
    def every(quantity: str, expected: str, words: str, role: Role = Role.DECIDES) -> tuple[Clause, ...]:
        return tuple(always(case, quantity, expected, f"{case.start_method}: {words}", role) for case in lives)

    yield Claim(
        "S14",
        "apply_async starts a task at once; get blocks and needs no join; join before close is an error",
        (
            *every("started", YES, "the task ran while nobody asked for it"),
            *every("blocks", YES, "get returned after its task had ended"),
            *every("without_join", RESULTS, "get before close and join gave the results"),
            *every("early_join", EARLY_JOIN, f"join before close raised {EARLY_JOIN}"),
        ),
        ("S14",),
        conditions="by each start method; the workers are up",
    )
    yield Claim(
        "S14-results",
        "The tutorial's program prints 49995000 and 199990000",
        every("transcript", RESULTS, "prints both after close and join"),
        ("S14",),
        conditions="sum(range(10000)) and sum(range(20000)), by each start method",
    )
    yield Claim(
        "S14-leaving",
        "Leaving the with block of a Pool loses its unfinished tasks, while close and join wait for them",
        (*every("left", LOST, "lost by leaving"), *every("closed", DONE, "done by close and join", Role.SUPPORTS)),
        ("S14",),
        conditions="a task of 20 ms",
    )


def _workers(cases: list[Case]) -> Figure:
    marks = tuple(Mark(case, f"process {case.param('process')}, {case.start_method}") for case in cases)
    return Figure(
        "pool-workers",
        "How many workers Pool() makes beyond the cores that its process may use",
        "strip",
        "beyond_usable",
        Estimand.LEVEL,
        marks,
        log=False,
        references=(Reference(0, "one a core"),),
        claims=("S13", "S13-usable"),
    )


def _starts(lives: list[Case]) -> Figure:
    marks = tuple(Mark(case, f"Pool, {case.start_method}") for case in lives)
    title = "Time from apply_async to the first instruction of the task"
    return Figure("pool-start", title, "strip", "start_ns", Estimand.LEVEL, marks, claims=("S14",))


def probe(case: Case) -> Iterator[Sample]:
    """One sample runs the program that counts workers, or the one that leads a pool through its life."""
    source = (COUNT if case.param("process") == BOUND else USE).replace("METHOD", case.start_method)

    def sample(count: int) -> Mapping[str, Observation]:
        found = facts_of(source)
        workers, cpu_count = found["workers"], found.pop("cpu_count")
        beyond = {"beyond_cpu_count": workers - cpu_count, "beyond_usable": workers - int(case.param("usable"))}
        return {**found, **beyond}

    yield sample


EXPERIMENT = Experiment(
    name="pool-semantics",
    question="How many workers does a Pool make, when do they begin, and what do get, join and leaving do?",
    design=design,
    probe=probe,
    quantities=(*WORKERS, *LIFE),
    how=(
        "Programs are run from a file. One leads a pool through its life by each start method: it counts the children "
        "that Pool() makes; takes results before close and join; lets a task run while it asks for nothing; notes on "
        "one clock when get was called, when its task ended and when get returned; calls join too early; then does as "
        "the tutorial does, with close, join and get; and at last leaves the with block of a second pool whose task is "
        "to leave a file behind, and looks for the file. Another binds itself to one core and counts what Pool() then "
        "makes."
    ),
    limits=(
        "How cores are counted depends on the version of Python: up to 3.12 Pool() takes os.cpu_count(), from 3.13 on "
        "os.process_cpu_count(), which heeds affinity. Neither knows the CPU quota of a container, which is counted "
        "here among the usable cores, whole ones only. The time to the first instruction is that of workers which are "
        "up already; right after Pool() with spawn a task also waits for the workers' interpreters to start."
    ),
    weight=2.5,
    place=60,
)
