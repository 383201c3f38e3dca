"""Asks when results arrive, in which order, and when inputs are taken: map, imap, imap_unordered, executors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from perflab.experiments._arrivals import OF_EXECUTOR, OF_POOL, WORKERS, crew, observe
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
    Quantity,
    Relation,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always

QUANTITIES = (
    Quantity("first_share", "share", "time to the first result over the time to the last"),
    Quantity("held_share", "share", "how long the first task's result was held back, over the time to the last result"),
    Quantity("first_ns", "ns", "from the call to the arrival of the first result"),
    Quantity("last_ns", "ns", "from the call to the arrival of the last result"),
    Quantity(
        "consumed_share", "share", "inputs taken from the caller's iterator before the caller took a second result"
    ),
    Quantity("order", "", "whether results came in the order of submission"),
    Quantity("printed", "", "what the tutorial's program prints: the sums for 2000000 and 200000"),
)

UNIT = 150_000
"""Additions of the shortest task, some 4 ms, so that the long one takes about PARALLEL_NS: a worker or its parent that
wakes while both cores are busy may wait for one for several ms."""

SLOW, TASKS = 10, 8
"""One task is ten times as long as the others, as in the tutorial; seven others keep a second worker busy meanwhile."""

TWO_TASKS = "slow of two"

ORDERS: Mapping[str, tuple[int, ...]] = {
    **{f"slow {word}": tuple(SLOW if n == place else 1 for n in range(1, TASKS + 1))
       for word, place in (("first", 1), ("second", 2), ("fourth", 4), ("last", TASKS))},
    "random": (1, 1, 2, 2, 3, 3, 4, 4),
    TWO_TASKS: (SLOW, 1),
}  # fmt: skip
"""Units of work of each task, in the order of submission; the random ones are shuffled in each block.

Two tasks, the slow one first, are the tutorial's. After its short one the second worker leaves its core to the caller,
whom seven short ones kept waiting for one: the first of eight results came after 5 ms or, in a quarter of free-threaded
Python's samples, after 30 to 45.
"""

PLACES = {"slow first": 1, "slow second": 2, "slow fourth": 4, "slow last": TASKS}

SUBMITTED = "as submitted"

STREAMED = ("slow last", "random", "slow first")
"""The orders in which imap is asked whether it waits."""

TWO_TASKS_ROUNDS = 6
"""In which the tutorial's two tasks are visited: times of some 5 and 40 ms are compared, not orders."""

NEARLY_ALL = 0.9
"""Who waits for all tasks has the first result when the last one is there: at 1, or a little before."""

HALF = 0.5
A_TENTH = 0.1
NO_DIFFERENCE = 0.1
SLOW_SUM, FAST_SUM = 1999999000000, 19999900000
PRINTED_SUM = 199999990000000
"""What the tutorial prints for range(2000000): it is the sum of range(20000000), of ten times as many numbers."""

TUTORIAL = """
import json, multiprocessing

def task(num):
    res = 0
    for i in range(num):
        res += i
    return res

if __name__ == "__main__":
    with multiprocessing.get_context("METHOD").Pool(2) as pool:
        results = list(pool.WAY(task, [2000000, 200000]))
    print(json.dumps({"printed": " ".join(map(str, results))}))
"""


def design(settings: Settings) -> Design:
    """Every pair of way and order, and the tutorial's programs, once a block.

    S16 and S16-last compare times of 5 to 40 ms, of which one alone may be off by half when both cores are busy for a
    moment: that pair is visited in rounds as well, where there is time for it.
    """
    alone = (*_streamed(settings, workers=1), _held_back(settings))
    arms = [_arm(settings, case) for case in (*_grid(settings), *alone)]
    programs = _programs(settings)
    arms += [Arm(case, host="pool") for case in programs]
    judged = (*_waiting(settings), *_ordered(settings), *_unordered(settings, programs))
    claims = (*judged, _sums(programs), _eager(settings))
    groups = [Group("orders", tuple(arms), single=True)]
    if settings.plan != "quick":
        pair = [_arm(settings, _case(settings, way, TWO_TASKS)) for way in ("imap", "imap_unordered")]
        groups.append(Group("the last result", tuple(pair), rounds=TWO_TASKS_ROUNDS))
    return Design(tuple(groups), claims, tuple(_figures(settings)))


def _case(settings: Settings, way: str, order: str, workers: int = WORKERS) -> Case:
    method = settings.chosen_start_methods[0]
    return Case(strategy=way, start_method=method, workers=workers, params=(("order", order),))


def _arm(settings: Settings, case: Case) -> Arm:
    """In the host of its Pool or executor; imap_unordered is compared with imap on the same tasks."""
    imap = _case(settings, "imap", str(case.param("order"))) if case.strategy == "imap_unordered" else None
    host = "pool" if case.strategy in OF_POOL else "executor"
    return Arm(case, imap, host if case.workers == WORKERS else f"{host} of {case.workers}")


def _programs(settings: Settings) -> list[Case]:
    """The tutorial's two programs; the quick plan runs by the other start methods only that which decides."""
    pairs = [(method, way) for method in settings.chosen_start_methods for way in ("imap", "imap_unordered")]
    first = settings.chosen_start_methods[0]
    kept = [(m, w) for m, w in pairs if m == first or w == "imap_unordered" or settings.plan != "quick"]
    return [Case(strategy="program", start_method=method, params=(("way", way),)) for method, way in kept]


def _grid(settings: Settings) -> list[Case]:
    """In the quick plan only what the claims need; the others sweep the place of the slow task."""
    if settings.plan == "quick":
        pairs = [("imap", order) for order in ("slow first", "slow last", "random")]
        pairs += [("map", "slow last"), ("imap_unordered", "slow first"), ("Executor.map", "slow last")]
        pairs += [(way, TWO_TASKS) for way in ("imap", "imap_unordered")]
    else:
        pairs = [(way, order) for way in OF_POOL for order in PLACES]
        pairs += [(way, order) for way in ("imap", "imap_unordered") for order in ("random", TWO_TASKS)]
        pairs += [(way, order) for way in OF_EXECUTOR for order in ("slow first", "slow last")]
    return [_case(settings, *pair) for pair in pairs]


def _streamed(settings: Settings, workers: int = WORKERS) -> list[Case]:
    """Whether imap waits: one worker leaves one of two cores to who waits, who without one does not see a result."""
    return [_case(settings, "imap", order, workers) for order in STREAMED]


def _held_back(settings: Settings) -> Case:
    """The same with map, which does wait."""
    return _case(settings, "map", "slow last", workers=1)


def _level(case: Case, quantity: str, relation: Relation, bound: float, role: Role = Role.DECIDES) -> Clause:
    words = {
        "first_share": "first result",
        "held_share": "first task's result held back",
        "consumed_share": "inputs taken",
    }
    workers = "1 worker" if case.workers == 1 else f"{case.workers} workers"
    label = f"{words[quantity]}, {case.strategy}, {case.param('order')}, {workers}"
    return Clause(case, quantity, Estimand.LEVEL, relation, bound, role=role, label=label)


def _waiting(settings: Settings) -> Iterator[Claim]:
    """S15 is judged by the first result's place in time; what would wait stands beside it as a control."""
    streamed, alone = _streamed(settings), _streamed(settings, workers=1)
    waits = _level(_case(settings, "map", "slow last"), "first_share", Relation.ABOVE, NEARLY_ALL, Role.SUPPORTS)
    yield Claim(
        "S15",
        "imap waits until all tasks are done before it returns the first result",
        (*(_level(case, "first_share", Relation.ABOVE, NEARLY_ALL) for case in streamed), waits),
        ("S15",),
        conditions="8 tasks on 2 workers, chunksize 1; the tutorial's own example has the slow task first",
    )
    yield Claim(
        "S15-streams",
        "imap hands over the first task's result as soon as that task is done",
        (
            *(_level(case, "held_share", Relation.BELOW, A_TENTH) for case in alone),
            _level(_held_back(settings), "held_share", Relation.ABOVE, HALF, Role.SUPPORTS),
            *(_level(case, "held_share", Relation.BELOW, A_TENTH, Role.BESIDE) for case in streamed),
        ),
        ("S15",),
        conditions=(
            "within a tenth of the time to the last result; 8 tasks, chunksize 1, on 1 worker, so that a core is free "
            "for who waits; with 2 workers beside"
        ),
    )
    yield Claim(
        "S15-executor",
        "imap is like Executor.map: both hand over first results before all tasks are done",
        tuple(
            _level(_case(settings, way, "slow last"), "first_share", Relation.BELOW, HALF)
            for way in ("imap", "Executor.map")
        ),
        ("S15",),
        conditions="the slow task last: the first result is there in less than half of the time to the last",
    )


def _ordered(settings: Settings) -> Iterator[Claim]:
    cases = [case for case in _grid(settings) if case.strategy in ("map", "imap", "Executor.map")]
    yield Claim(
        "S15-order",
        "map, imap and Executor.map return results in the order of submission, whichever task ends first",
        tuple(always(case, "order", SUBMITTED, f"{case.strategy}, {case.param('order')}") for case in cases),
        ("S15",),
        conditions="8 tasks on 2 workers",
    )


def _unordered(settings: Settings, programs: list[Case]) -> Iterator[Claim]:
    fast_first, ours = f"{FAST_SUM} {SLOW_SUM}", [one for one in programs if one.param("way") == "imap_unordered"]
    # Right after a slow start the first worker may have done both tasks before the second one is there.
    roles = [Role.DECIDES, *[Role.BESIDE] * (len(ours) - 1)]
    yield Claim(
        "S16",
        "imap_unordered yields whichever result is there first, and so has one sooner than imap",
        (
            _sooner(settings, TWO_TASKS, Role.DECIDES),
            *(always(one, "printed", fast_first, _program(one), role) for one, role in zip(ours, roles, strict=True)),
            _sooner(settings, "slow first", Role.BESIDE),
        ),
        ("S16",),
        conditions=(
            "two tasks, as in the tutorial, the first ten times as long; less than half of imap's time; chunksize 1; "
            "the program by the default method; eight tasks beside, where the caller has to wait for a core"
        ),
    )
    unordered, imap = (_case(settings, way, TWO_TASKS) for way in ("imap_unordered", "imap"))
    last = Clause(
        unordered, "last_ns", Estimand.RATIO, Relation.WITHIN, NO_DIFFERENCE, imap, label="time to the last result"
    )
    yield Claim(
        "S16-last",
        "imap_unordered has the last result when imap has it",
        (last,),
        ("S16",),
        conditions="two tasks, the slow one first, chunksize 1; no difference means 10 % at most",
    )


def _sooner(settings: Settings, order: str, role: Role) -> Clause:
    unordered, imap = (_case(settings, way, order) for way in ("imap_unordered", "imap"))
    label = f"time to the first result, {order}"
    return Clause(unordered, "first_ns", Estimand.RATIO, Relation.BELOW, HALF, imap, role, label)


def _sums(programs: list[Case]) -> Claim:
    printed = {"imap": f"{PRINTED_SUM} {FAST_SUM}", "imap_unordered": f"{FAST_SUM} {PRINTED_SUM}"}
    return Claim(
        "S16-sums",
        f"The tutorial's programs print {PRINTED_SUM} and {FAST_SUM}, as it says",
        tuple(always(one, "printed", printed[str(one.param("way"))], _program(one)) for one in programs),
        ("S15", "S16"),
        conditions=f"the tasks are 2000000 and 200000; {PRINTED_SUM} would be the sum for 20000000",
    )


def _program(case: Case) -> str:
    return f"tutorial's program, {case.param('way')}, {case.start_method}"


def _eager(settings: Settings) -> Claim:
    cases = [_case(settings, way, "slow last") for way in ("imap", "Executor.map")]
    return Claim(
        "imap-eager",
        "imap and Executor.map take all of their inputs before their caller takes a second result",
        tuple(_level(case, "consumed_share", Relation.ABOVE, 1 - 1 / (2 * TASKS)) for case in cases),
        ("S15",),
        conditions="8 inputs from a generator; by default, without a buffer size",
    )


def _figures(settings: Settings) -> Iterator[Figure]:
    chosen = [case for case in _grid(settings) if case.param("order") in (*STREAMED, TWO_TASKS)]
    marks = tuple(Mark(case, case.strategy, series=str(case.param("order"))) for case in chosen)
    title = "When the first result arrives, as a share of the time to the last"
    claims = ("S15", "S15-executor")
    yield Figure("imap-first-result", title, "strip", "first_share", Estimand.LEVEL, marks, log=False, claims=claims)
    if settings.plan != "quick":
        swept = [case for case in _grid(settings) if case.strategy in OF_POOL and case.param("order") in PLACES]
        places = tuple(Mark(c, c.strategy, series=c.strategy, x=PLACES[str(c.param("order"))]) for c in swept)
        title = "When the first result arrives, by the place of the slow task"
        yield Figure(
            "imap-place", title, "lines", "first_share", Estimand.LEVEL, places, log=False,
            x_label="place of the slow task among eight", claims=("S15",),
        )  # fmt: skip


def probe(case: Case) -> Iterator[Sample]:
    """One sample has the tasks done and dates their results, or runs the tutorial's program."""
    if case.strategy == "program":
        source = TUTORIAL.replace("METHOD", case.start_method).replace("WAY", str(case.param("way")))
        yield lambda count: facts_of(source)
        return
    with crew(case.strategy, case.start_method, case.workers) as workers:
        yield lambda count: observe(case.strategy, workers, _sizes(str(case.param("order"))))


def _sizes(order: str) -> list[int]:
    """How far each task counts; random orders are drawn by the hash seed, which is new in each block."""
    units = list(ORDERS[order])
    if order == "random":
        import random

        random.Random(os.environ.get("PYTHONHASHSEED", "0")).shuffle(units)
    return [UNIT * many for many in units]


EXPERIMENT = Experiment(
    name="imap",
    question="When do the results of map, imap and imap_unordered arrive, in which order, and when are inputs taken?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Eight tasks, each a sum found by additions in a Python loop, are given to two warm workers of a Pool or of a "
        "ProcessPoolExecutor. One task is ten times as long as the others and is submitted first, last or in between; "
        "or the lengths are mixed at random, anew in each block; or there are only two, as in the tutorial. Workers "
        "date the end of each task, and their parent the arrival of each result, by one clock. How soon a result is "
        "handed over is asked with one worker, and who has one sooner with two tasks: workers that keep both of two "
        "cores busy let who waits for a core not see what is there. Inputs come from a generator that counts how many "
        "were taken. Every sum is checked. The tutorial's two programs are run as they are, with 2000000 and 200000, "
        "on two workers."
    ),
    limits=(
        "imap seems to wait for all tasks where the slow one is submitted first, as in the tutorial's example: it "
        "waits for the next result in order, and hands over what follows as soon as that is there. With a chunksize "
        "above 1 a whole chunk must be done before its first result arrives; that of map is several tasks by default, "
        "and 1 here, so that all are alike. The tutorial prints a sum that belongs to ten times as many numbers. "
        "Seconds are not compared with its own, only orders and proportions."
    ),
    weight=8,
    place=62,
)
