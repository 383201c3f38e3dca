"""Asks which updates are lost when two processes, or two threads, change one number at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perflab.errors import WrongAnswer
from perflab.experiments._partner import context, partners
from perflab.experiments._updates import two_processes, two_threads
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
    Relation,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always, never

LONG, MIDDLE, SHORT = 100_000, 30_000, 10_000
"""Updates of each process: without a lock, of a Value (which takes its own each time), and where they wait in turn.

The more the faster they are: 10,000 of the fast ones are over before the other process is awake.
"""

MANAGED = {"quick": 400, "default": 1500, "full": 10_000}
"""Fewer through a Manager, where the 80,000 of the tutorial's number would take ten seconds a block.

A single one takes longer there than the two processes need to start together, so that few overlap as well as many.
"""

THREADED = 120_000
"""Updates of each thread: at some 50 ns a hundredth of a second, in which threads do change places."""

NUMBERS = ("RawValue", "Value", "SharedMemory", "Manager.Value")
PROPER = {"RawValue": "Lock", "Value": "get_lock", "SharedMemory": "Lock", "Manager.Value": "Manager.Lock"}
PLAIN_SHAPES, CALLING_SHAPES, GUARDED_SHAPE = ("global", "attribute", "item"), ("property", "call"), "call, with a lock"
STATEMENTS = {
    "global": "number += 1, a global",
    "attribute": "it.value += 1, an attribute",
    "item": "it[0] += 1, an item of a list",
    "property": "it.value += 1, a property",
    "call": "number = plus_one(number)",
    GUARDED_SHAPE: "the same call under a lock",
}
WORDS = {
    "none": "without a lock",
    "Lock": "with a multiprocessing.Lock",
    "get_lock": "with its get_lock()",
    "Manager.Lock": "with the Manager's Lock",
    "threading.Lock": "with a forked threading.Lock",
}
USELESS = ("none", "threading.Lock")
NOT_PICKLED = "TypeError: cannot pickle '_thread.lock' object"
TWO_ORDERS = 100.0

QUANTITIES = (
    Quantity("lost_fraction", "share", "updates that are missing in the end, of all that were made"),
    Quantity("lost_updates", "updates", "updates that are missing in the end"),
    Quantity("final_value", "", "what a number is after as many +1 by one process as -1 by another; 0 is right"),
    Quantity("update_ns", "ns", "time until both were done, for each update of the two"),
    Quantity("outcome", "", "what giving a threading.Lock to a spawned process ended with"),
)


def design(settings: Settings) -> Design:
    """Every number without and with its proper lock, a lock that cannot help, and threads by shape of the statement."""
    pairs = [_pair(settings, number, lock) for number in NUMBERS for lock in ("none", PROPER[number])]
    own = [case for case in (_forked(settings), _pickled(settings)) if case]
    threads = [_threads(shape) for shape in STATEMENTS]
    arms = (Arm(case, cores=3 if case.strategy == "Manager.Value" else 0) for case in (*pairs, *own, *threads))
    claims = (*_process_claims(settings), *_lock_claims(settings), *_thread_claims())
    return Design((Group("updates", tuple(arms), single=True),), claims, tuple(_figures(settings)))


def _pair(settings: Settings, number: str, lock: str, start_method: str = "") -> Case:
    free = MIDDLE if number == "Value" else LONG
    count = MANAGED[settings.plan] if number == "Manager.Value" else free if lock in USELESS else SHORT
    return Case(strategy=number, workers=2, start_method=start_method, params=(("lock", lock), ("updates", count)))


def _methods(settings: Settings) -> tuple[str, ...]:
    return settings.override("start_method") or settings.start_methods


def _forked(settings: Settings) -> Case | None:
    return _pair(settings, "RawValue", "threading.Lock", "fork") if "fork" in _methods(settings) else None


def _pickled(settings: Settings) -> Case | None:
    """A threading.Lock as argument of a spawned process."""
    known = "spawn" in _methods(settings)
    return Case(strategy="argument", start_method="spawn", params=(("lock", "threading.Lock"),)) if known else None


def _threads(shape: str) -> Case:
    return Case(strategy="threads", workers=2, params=(("shape", shape), ("updates", THREADED)))


def _loses(case: Case, role: Role = Role.DECIDES) -> Clause:
    label = f"lost from a {case.strategy} {WORDS[str(case.param('lock'))]}"
    return Clause(case, "lost_fraction", Estimand.LEVEL, Relation.ABOVE, 0.0, role=role, label=label)


def _loses_nothing(case: Case, role: Role = Role.DECIDES) -> Clause:
    label = f"no update lost from a {case.strategy} {WORDS[str(case.param('lock'))]}"
    return always(case, "lost_updates", "0", label, role)


def _ends_at_zero(case: Case, role: Role = Role.DECIDES) -> Clause:
    return always(case, "final_value", "0", _zero_words(case), role)


def _ends_elsewhere(case: Case, role: Role) -> Clause:
    return never(case, "final_value", "0", _zero_words(case), role)


def _zero_words(case: Case) -> str:
    return f"0 in the end, {case.strategy} {WORDS[str(case.param('lock'))]}"


def _alone(settings: Settings) -> str:
    """On one core two processes overlap only where one is interrupted, so that next to nothing could be lost."""
    return "" if settings.cores > 1 else "there is one core, and two processes on it hardly ever overlap"


def _process_claims(settings: Settings) -> Iterator[Claim]:
    free = [_pair(settings, number, "none") for number in NUMBERS]
    held = [_pair(settings, number, PROPER[number]) for number in NUMBERS]
    words = f"two processes at once, {SHORT:,} updates each or more ({MANAGED[settings.plan]:,} through a Manager)"
    yield Claim(
        "S19",
        "Updates of shared memory by two processes without a lock are lost",
        (*map(_loses, free), *(_loses_nothing(case, Role.SUPPORTS) for case in held)),
        ("S19",),
        conditions=f"{words}; += 1 on each kind of number, and the same with a lock as control",
        not_applicable=_alone(settings),
    )
    yield Claim(
        "S19-own-lock",
        "The lock that a Value comes with does not make += atomic",
        (_loses(free[1]), _loses_nothing(held[1], Role.SUPPORTS)),
        ("S19",),
        conditions="value += 1 by two processes; the control holds get_lock() round the whole statement",
        not_applicable=_alone(settings),
    )
    managed = free[3], held[3]
    yield Claim(
        "S20",
        "With a Manager's lock, as many +1 as -1 by two processes leave exactly 0",
        (_ends_at_zero(managed[1]), _ends_elsewhere(managed[0], Role.SUPPORTS)),
        ("S20",),
        conditions=f"{MANAGED[settings.plan]:,} updates each way; the control is the same without the lock",
    )
    cost = Clause(managed[1], "update_ns", Estimand.RATIO, Relation.ABOVE, TWO_ORDERS, held[1], label="Manager / Value")
    yield Claim(
        "S20-cost",
        "A correct update through a Manager and its lock costs two orders of magnitude more than one of a Value",
        (cost,),
        ("S20", "S22"),
        conditions="a Value under its get_lock(); time until both processes were done, for each update of the two",
    )


def _lock_claims(settings: Settings) -> Iterator[Claim]:
    others = [_pair(settings, number, PROPER[number]) for number in NUMBERS[:3]]
    yield Claim(
        "S21-other-locks",
        "A multiprocessing.Lock and a Value's get_lock() protect as a Manager's lock does: nothing is lost",
        tuple(map(_loses_nothing, others)),
        ("S20", "S21"),
        conditions="the tutorial says that it has to be the Manager's",
    )
    forked, pickled = _forked(settings), _pickled(settings)
    yield Claim(
        "S21",
        "A threading.Lock cannot protect processes: each forked child has a copy of its own",
        (_loses(forked), _loses_nothing(others[0], Role.SUPPORTS)) if forked else (),
        ("S21",),
        conditions="updates of a RawValue under the lock, by two forked processes; a multiprocessing.Lock as control",
        not_applicable=_alone(settings) if forked else "it is about forked processes, and there is no fork",
    )
    yield Claim(
        "S21-pickle",
        "A threading.Lock cannot even be given to a spawned process",
        (_refused(pickled),) if pickled else (),
        ("S21",),
        conditions=f"start() raises {NOT_PICKLED}",
        not_applicable="" if pickled else "it is about spawned processes, and there is no spawn",
    )


def _refused(case: Case) -> Clause:
    return always(case, "outcome", NOT_PICKLED, NOT_PICKLED)


def _thread_claims() -> Iterator[Claim]:
    def lost(shape: str, role: Role = Role.DECIDES) -> Clause:
        label = f"lost by {STATEMENTS[shape]}"
        return Clause(_threads(shape), "lost_updates", Estimand.LEVEL, Relation.ABOVE, 0.0, role=role, label=label)

    def kept(shape: str, role: Role = Role.DECIDES) -> Clause:
        label, case = f"nothing lost by {STATEMENTS[shape]}", _threads(shape)
        return always(case, "lost_updates", "0", label, role)

    often = f"two threads, {THREADED:,} times each, as many switches between them as there can be"
    yield Claim(
        "lost-threads-plain",
        "Between threads, += 1 on a global, an attribute or an item of a list loses nothing, without a lock",
        (*map(kept, PLAIN_SHAPES), lost("call", Role.SUPPORTS)),
        conditions=f"{often}; a statement that does lose updates is the control that they switched",
    )
    yield Claim(
        "lost-threads-call",
        "Between threads, a call or a property between reading and writing loses updates",
        (*map(lost, CALLING_SHAPES), kept(GUARDED_SHAPE, Role.SUPPORTS)),
        conditions=often,
    )


def _figures(settings: Settings) -> Iterator[Figure]:
    free = [_pair(settings, number, "none") for number in NUMBERS]
    held = [_pair(settings, number, PROPER[number]) for number in NUMBERS]
    forked = _forked(settings)
    useless = [forked] if forked else []
    everything = tuple(Mark(case, _label(case)) for case in (*free, *useless, *held))
    lost, final = (
        "What two processes lost of their updates of one number",
        "As many +1 as -1 by two processes: what is left",
    )
    level = Estimand.LEVEL
    yield Figure("lost-updates", lost, "strip", "lost_fraction", level, everything, log=False, claims=("S19", "S21"))
    yield Figure("final-values", final, "strip", "final_value", level, everything, log=False, claims=("S20",))
    correct = tuple(Mark(case, _label(case)) for case in held)
    cost = "What a correct update costs, with two processes at it"
    yield Figure("update-costs", cost, "strip", "update_ns", level, correct, claims=("S20-cost",))
    shapes = tuple(Mark(_threads(shape), words) for shape, words in STATEMENTS.items())
    claims = ("lost-threads-plain", "lost-threads-call")
    title = "What two threads lost of their updates of one number, by the shape of the statement"
    yield Figure("lost-threads", title, "strip", "lost_fraction", level, shapes, log=False, claims=claims)


def _label(case: Case) -> str:
    return f"{case.strategy}, {WORDS[str(case.param('lock'))].removeprefix('with ')}"


def probe(case: Case) -> Iterator[Sample]:
    """One observation each time it is asked, whatever the count."""
    observe = {"threads": _between_threads, "argument": _argument}.get(case.strategy, _processes)
    yield lambda count: observe(case)


def _processes(case: Case) -> Mapping[str, Observation]:
    made = int(case.param("updates"))
    seen = two_processes(case.strategy, str(case.param("lock")), made)
    return {**_missing(seen.total, 2 * made), "final_value": seen.balance, "update_ns": seen.took_ns / (2 * made)}


def _between_threads(case: Case) -> Mapping[str, Observation]:
    made = int(case.param("updates"))
    return _missing(two_threads(str(case.param("shape")), made), 2 * made)


def _missing(total: int, made: int) -> dict[str, Observation]:
    if not 2 <= total <= made:
        raise WrongAnswer(f"{made} updates by +1 left {total}, expected 2 to {made}")
    return {"lost_fraction": (made - total) / made, "lost_updates": made - total}


def _argument(case: Case) -> Mapping[str, Observation]:
    """What comes of giving a process a threading.Lock."""
    import threading

    try:
        with partners(context(case.start_method), (bool, (threading.Lock(),))):
            return {"outcome": "it was started"}
    except Exception as error:  # which one is what is asked
        return {"outcome": f"{type(error).__name__}: {error}"}


EXPERIMENT = Experiment(
    name="updates",
    question="Which updates are lost when two processes, or two threads, change one number at the same time?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Two processes wait for each other and then change one number in shared memory as often as they can: first "
        "one adds 1 while the other takes 1 away, and what is left is read; then both add 1, and what is missing is "
        "counted, because losses of opposite sign would cancel out. A pair that was not at it together for half of "
        "the time, by the clock, is tried again, whatever it lost. The same is done with the lock that belongs to "
        "each kind of number, and with a threading.Lock that was forked. Threads do the same to ordinary variables, "
        "with the switch interval at a microsecond."
    ),
    limits=(
        "How much is lost depends on how closely the two overlap: real programs do something between two updates and "
        "lose less often, which makes the loss harder to find and no less wrong. That nothing was lost between "
        "threads is a property of how this interpreter switches and is promised nowhere. Two cores that update one "
        "cache line also slow each other, so costs are those under contention. A Manager gets fewer updates than the "
        "others for its cost; the full plan gives it the tutorial's 10000."
    ),
    weight=6,
    place=74,
)
