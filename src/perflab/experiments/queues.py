"""Asks which queue reaches whom: many processes, a Pool's tasks, and what cannot be given or joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perflab.experiments import _queues
from perflab.experiments._queues import ARRIVED, ENDED, HANGS, LARGE_BYTES, NOTHING, SMALL_BYTES
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
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always, never

EACH = {"quick": 300, "default": 1000, "full": 10_000}
"""Items of each producer."""

CROWDS = {"quick": ((2, 2),), "default": ((1, 4), (2, 2), (4, 1), (4, 4)), "full": ((1, 4), (2, 2), (4, 1), (4, 4))}
"""Producers and consumers."""

NOT_PICKLED = "TypeError: cannot pickle '_thread.lock' object"
INHERITED_ONLY = "RuntimeError: Queue objects should only be shared between processes through inheritance"
COMPLETE = "queue put a; queue get a"

PROGRAM = """
import multiprocessing
import sys


def putting(queue):
    queue.put("a")
    print("queue put a")


def getting(queue):
    print("queue get", queue.get())


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    processes = [context.Process(target=task, args=(queue,)) for task in (putting, getting)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
"""
"""The tutorial's program on Queue, written anew."""

QUANTITIES = (
    Quantity("wrong_items", "items", "items that did not reach exactly one of the consumers"),
    Quantity("outcome", "", "what came of it: that something arrived or ended, or the error"),
)


def design(settings: Settings) -> Design:
    """Everything is observed once a block."""
    cases = (*_crowds(settings), *_given(settings), *map(_pool, POOL_WAYS), *map(_join, JOINED), *_programs(settings))
    arms = tuple(Arm(case) for case in dict.fromkeys(cases))
    claims = (*_use_claims(settings), *_refusal_claims(settings), *_pool_claims())
    return Design((Group("queues", arms, single=True),), claims, (_figure(claims),))


def _crowds(settings: Settings) -> tuple[Case, ...]:
    each = EACH[settings.plan]
    return tuple(
        Case(strategy="crowd", workers=put + take, params=(("producers", put), ("consumers", take), ("each", each)))
        for put, take in CROWDS[settings.plan]
    )


def _methods(settings: Settings) -> tuple[str, ...]:
    """Fork and spawn in every plan, because they differ; the others too where there is time."""
    known = settings.override("start_method") or settings.start_methods
    return tuple(method for method in known if settings.plan != "quick" or method in ("fork", "spawn"))


def _to_process(kind: str, start_method: str) -> Case:
    return Case(strategy="processes", start_method=start_method, params=(("queue", kind),))


def _given(settings: Settings) -> tuple[Case, ...]:
    methods = _methods(settings)
    own = tuple(_to_process("queue.Queue", method) for method in methods)
    return own + ((_to_process("multiprocessing.Queue", "fork"),) if "fork" in methods else ())


POOL_WAYS = {
    "argument": "multiprocessing.Queue as a task's argument",
    "Manager.Queue": "Manager.Queue as a task's argument",
    "initializer": "multiprocessing.Queue through the initializer",
}
JOINED = {LARGE_BYTES: HANGS, SMALL_BYTES: ENDED}


def _pool(way: str) -> Case:
    return Case(strategy="pool", params=(("way", way),))


def _join(size: int) -> Case:
    return Case(strategy="join", params=(("bytes", size),))


def _programs(settings: Settings) -> tuple[Case, ...]:
    methods = settings.chosen_start_methods[: 1 if settings.plan == "quick" else None]
    return tuple(Case(strategy="program", start_method=method) for method in methods)


def _crowd_words(case: Case) -> str:
    return f"no item lost or doubled, {case.param('producers')} producers, {case.param('consumers')} consumers"


def _use_claims(settings: Settings) -> Iterator[Claim]:
    yield Claim(
        "S26",
        "Many processes can put into one Queue and take from it, and every item arrives exactly once",
        tuple(always(case, "wrong_items", "0", _crowd_words(case)) for case in _crowds(settings)),
        ("S26",),
        conditions=f"a multiprocessing.Queue, {EACH[settings.plan]:,} items from each producer",
    )
    yield Claim(
        "S26-program",
        "The tutorial's program on Queue prints 'queue put a' and 'queue get a'",
        tuple(
            always(case, "outcome", COMPLETE, f"the program's two lines, {case.start_method}")
            for case in _programs(settings)
        ),
        ("S26",),
        conditions="run for real; the order of the lines is open, as two processes print them",
    )
    large, small = map(_join, JOINED)
    yield Claim(
        "queue-join",
        "A process that has more than 64 KiB in its Queue cannot be joined before somebody reads them",
        (
            always(large, "outcome", HANGS, "join() with 1 MiB in the Queue hangs"),
            always(small, "outcome", ENDED, "join() with 1 KiB in the Queue ends", Role.SUPPORTS),
        ),
        conditions="the process's own code is over; a pipe takes 64 KiB, and its feeder thread waits with the rest",
    )


def _refusal_claims(settings: Settings) -> Iterator[Claim]:
    methods = _methods(settings)
    cases = {method: _to_process("queue.Queue", method) for method in methods}
    yield Claim(
        "S26-thread-queue",
        "A queue.Queue given to processes raises an error",
        tuple(
            always(case, "outcome", NOT_PICKLED, f"a TypeError for a queue.Queue, {method}")
            for method, case in cases.items()
        ),
        ("S26",),
        conditions="one process puts, another takes; under every start method",
    )
    works = _to_process("multiprocessing.Queue", "fork")
    yield Claim(
        "S26-fork-copies",
        "Under fork a queue.Queue raises nothing, and what one process puts never arrives in another",
        (
            always(cases["fork"], "outcome", NOTHING, "nothing comes through a queue.Queue"),
            always(works, "outcome", ARRIVED, "the item comes through a multiprocessing.Queue", Role.SUPPORTS),
        )
        if "fork" in cases
        else (),
        ("S26",),
        conditions="the second process looks after the first has ended",
        not_applicable="" if "fork" in cases else "it is about forked processes, and there is no fork",
    )


def _pool_claims() -> Iterator[Claim]:
    argument, managed, inherited = map(_pool, POOL_WAYS)
    yield Claim(
        "S26-pool",
        "A task of a Pool cannot be given a multiprocessing.Queue, and can be given a Manager's",
        (
            always(argument, "outcome", INHERITED_ONLY, "multiprocessing.Queue as an argument: RuntimeError"),
            always(managed, "outcome", ARRIVED, "Manager.Queue as an argument arrives"),
        ),
        ("S26",),
        conditions=f"as an argument of apply_async(); get() raises {INHERITED_ONLY}",
    )
    yield Claim(
        "S26-pool-only",
        "With a Pool only a Manager's Queue can be used",
        (never(inherited, "outcome", ARRIVED, "multiprocessing.Queue through the Pool's initializer arrives"),),
        ("S26",),
        conditions="the workers inherit a multiprocessing.Queue when they start",
    )


def _figure(claims: tuple[Claim, ...]) -> Figure:
    """Each outcome with the share of blocks that showed what its claim says of it."""
    clauses = [clause for claim in claims for clause in claim.clauses if clause.quantity == "outcome"]
    first: dict[Case, Clause] = {}
    for clause in clauses:
        first.setdefault(clause.case, clause)
    marks = tuple(Mark(case, clause.label) for case, clause in first.items())
    ids = ("S26-thread-queue", "S26-pool", "S26-pool-only")
    title = "What comes of queues between processes: share of blocks with the outcome named"
    return Figure("queue-outcomes", title, "strip", "outcome", Estimand.SHARE, marks, log=False, claims=ids)


def probe(case: Case) -> Iterator[Sample]:
    """One observation each time it is asked."""
    yield lambda count: _observe(case)


def _observe(case: Case) -> Mapping[str, Observation]:
    if case.strategy == "crowd":
        numbers = (int(case.param(name)) for name in ("producers", "consumers", "each"))
        return {"wrong_items": _queues.delivered_wrongly(*numbers)}
    if case.strategy == "program":
        return {"outcome": _transcript(case.start_method)}
    if case.strategy == "processes":
        return {"outcome": _queues.given_to_processes(str(case.param("queue")), case.start_method)}
    if case.strategy == "pool":
        return {"outcome": _queues.given_to_pool(str(case.param("way")))}
    return {"outcome": _queues.joined(int(case.param("bytes")))}


def _transcript(start_method: str) -> str:
    from perflab.programs import run_program

    ended = run_program(PROGRAM, arguments=(start_method,))
    printed = "; ".join(sorted(ended.out.splitlines(), reverse=True))
    return "it hung" if ended.hung else printed or ended.error


EXPERIMENT = Experiment(
    name="queues",
    question="Which queue reaches whom: other processes, a Pool's tasks, and which cannot be given or joined?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Producers put numbered items into one Queue and consumers report what they took; an item that is missing or "
        "there twice is counted. A queue.Queue is given to a process that puts and, once that has ended, to one that "
        "takes, by each start method; what arrives or which error is raised is the outcome, by type and text. The "
        "same is tried with queues given to a Pool's task and through its initializer. A process that put a MiB into "
        "its Queue is joined for a tenth of a second, then the queue is read and it is joined again."
    ),
    limits=(
        "An outcome seen in every block shows that it happens, not that nothing else ever does. The texts of errors "
        "are those of this interpreter. How fast queues are is asked by the experiment on messages; here they are "
        "only counted. The tutorial says that a queue.Queue raises an error: under fork it does not, which is worse, "
        "because the program then waits for ever without a word."
    ),
    weight=2,
    place=80,
)
