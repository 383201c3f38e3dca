"""Asks how long a small message takes there and back, by each way to send one, and whether a Pipe is for two only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._channels import MESSAGE_BYTES, SEMAPHORES, SPINNING, echoing, written_by_two
from perflab.experiments._partner import context
from perflab.experiments._places import ANYWHERE, ONE_CORE, placed, places
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

QUEUES = ("SimpleQueue", "Queue", "Manager.Queue")
OTHERS = ("Connection bytes", "socketpair", SEMAPHORES, SPINNING)
PLACED = ("Queue", SEMAPHORES)
"""What is judged against the Pipe with both processes on one core, too."""

TRIPS = 150
"""Round trips of a sample, whose mean is kept: 1 to 15 ms."""

SMALL_BYTES, LARGE_BYTES = MESSAGE_BYTES, 256 * 1024
"""Written by two at once: what one call of the system takes whole, and what it takes piece by piece."""

WRITTEN = {SMALL_BYTES: 300, LARGE_BYTES: 30}
"""Messages of each writer."""

PROGRAM = """
import multiprocessing
import sys


def answering(end):
    print("task1 recv", end.recv(), flush=True)
    end.send("Got it")


def asking(end):
    end.send("abc")
    print("task2 send abc", flush=True)
    print(end.recv(), flush=True)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    ends = context.Pipe()
    processes = [context.Process(target=task, args=(end,)) for task, end in zip((answering, asking), ends)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
"""
"""The tutorial's program on Pipe, written anew; each line is written as it comes."""

LINES = ["task2 send abc", "task1 recv abc", "Got it"]
COMPLETE = "all three lines, the answer last"

QUANTITIES = (
    Quantity("round_trip_ns", "ns", "from sending a message of 64 bytes to having its echo"),
    Quantity(
        "damaged_fraction", "share", "messages that did not arrive whole, of all that two processes wrote to one end"
    ),
    Quantity("outcome", "", "what the tutorial's program printed"),
    Quantity("first_line", "", "the line that the tutorial's program printed first"),
)


def design(settings: Settings) -> Design:
    """Round trips in two groups that have the Pipe in common; two writers and the program once a block."""
    first, *elsewhere = places(settings)
    ways = [way for way in OTHERS if way != SPINNING or settings.cores > 1]
    groups = (
        Group("round trips, queues", _against(QUEUES, first)),
        Group("round trips, others", _against(ways, first)),
        *(Group(f"round trips, {place}", _against(PLACED, place)) for place in elsewhere),
        Group("two writers", tuple(Arm(case, cores=3) for case in _written(settings)), single=True),
        Group("the program", tuple(map(Arm, _programs(settings))), single=True),
    )
    claims = (*_speed_claims(settings), *_pipe_claims(settings))
    return Design(groups, claims, tuple(_figures(settings, ways)))


def _way(name: str, place: str) -> Case:
    return Case(strategy=name, workers=1, params=(("task", "round trips"), ("place", place)))


def _against(ways: tuple[str, ...] | list[str], place: str) -> tuple[Arm, ...]:
    """Two processes that take turns; the Manager's is a third, and stays where the system puts it."""
    pipe, cores = _way("Pipe", place), 1 if place == ONE_CORE else 2
    others = (Arm(_way(way, place), pipe, cores=3 if way == "Manager.Queue" else cores) for way in ways)
    return (Arm(pipe, cores=cores), *others)


def _two(size: int, locked: bool) -> Case:
    lock = "Lock" if locked else "none"
    return Case(strategy="Pipe", workers=2, params=(("task", "two writers"), ("bytes", size), ("lock", lock)))


def _written(settings: Settings) -> tuple[Case, ...]:
    return _two(LARGE_BYTES, False), _two(LARGE_BYTES, True), _two(SMALL_BYTES, False)


def _programs(settings: Settings) -> tuple[Case, ...]:
    """By start method; the quick plan has time for the platform's own."""
    methods = settings.chosen_start_methods[: 1 if settings.plan == "quick" else None]
    return tuple(Case(strategy="Pipe", start_method=method, params=(("task", "program"),)) for method in methods)


def _ratio(name: str, place: str, relation: Relation, role: Role = Role.DECIDES) -> Clause:
    """The way's round trip against the Pipe's."""
    case, pipe = _way(name, place), _way("Pipe", place)
    return Clause(case, "round_trip_ns", Estimand.RATIO, relation, 1.0, pipe, role, f"{name} / Pipe, {place}")


def _speed_claims(settings: Settings) -> Iterator[Claim]:
    small = f"a message of {SMALL_BYTES} bytes there and back between two processes, both waiting for nothing else"
    where = places(settings)
    first, both = where[0], f"{small}; on {' and on '.join(where)}"
    yield Claim(
        "S27",
        "A Pipe is faster than a Queue",
        (
            *(_ratio("Queue", place, Relation.ABOVE) for place in where),
            *(_ratio(one, first, Relation.ABOVE, Role.BESIDE) for one in ("SimpleQueue", QUEUES[2])),
        ),
        ("S27",),
        conditions=both,
    )
    yield Claim(
        "S18-small-semaphores",
        "Shared memory with semaphores is faster than a Pipe for a small message",
        (
            *(_ratio(SEMAPHORES, place, Relation.BELOW) for place in where),
            _ratio("Connection bytes", first, Relation.BELOW, Role.BESIDE),
        ),
        ("S18",),
        conditions=f"{both}; the receiver sleeps until a semaphore is released",
    )
    yield Claim(
        "S18-small-spinning",
        "Shared memory with a flag that is watched without sleeping is faster than a Pipe for a small message",
        (_ratio(SPINNING, first, Relation.BELOW),) if settings.cores > 1 else (),
        ("S18",),
        conditions=f"{small}; the receiver keeps a core busy until the flag turns",
        not_applicable="" if settings.cores > 1 else "there is one core, and who watches keeps the other from writing",
    )
    yield Claim(
        "S18-small-Manager",
        "A Manager, which the tutorial counts as shared memory, is faster than a Pipe for a small message",
        (_ratio("Manager.Queue", first, Relation.BELOW),),
        ("S18",),
        conditions=f"{small}, through two queues of a Manager",
    )


def _damage(case: Case, words: str, role: Role = Role.DECIDES, whole: bool = False) -> Clause:
    if not whole:
        return Clause(case, "damaged_fraction", Estimand.LEVEL, Relation.ABOVE, 0.0, role=role, label=words)
    return always(case, "damaged_fraction", "0.0", words, role)


def _pipe_claims(settings: Settings) -> Iterator[Claim]:
    large, locked, small = _written(settings)
    size = f"{LARGE_BYTES // 1024} KiB"
    yield Claim(
        "S27-two-writers",
        "A Pipe is for two processes only: messages are damaged when two write to one end",
        (
            _damage(large, f"damaged of those of {size}, without a lock"),
            _damage(locked, f"none damaged of those of {size}, with a lock round each", Role.SUPPORTS, whole=True),
        ),
        ("S27",),
        conditions=f"messages of {size}, two processes at one end of a Pipe at the same time; with a lock as control",
    )
    yield Claim(
        "S27-two-writers-small",
        "Small messages of two processes to one end of a Pipe arrive whole",
        (_damage(small, f"none damaged of those of {SMALL_BYTES} bytes, without a lock", whole=True),),
        ("S27",),
        conditions=f"messages of {SMALL_BYTES} bytes, each handed to the system in one call",
    )
    clauses = [
        always(case, name, text, f"{words}, {case.start_method}", role)
        for name, role, words, text in (
            ("outcome", Role.DECIDES, "the program's three lines", COMPLETE),
            ("first_line", Role.BESIDE, "the sender's line first, as the tutorial shows", LINES[0]),
        )
        for case in _programs(settings)
    ]  # fmt: skip
    yield Claim(
        "S27-program",
        "The tutorial's program on Pipe prints 'task2 send abc', 'task1 recv abc' and at last 'Got it'",
        tuple(clauses),
        ("S27",),
        conditions="run for real; which of the first two lines comes first is open, as two processes print them",
    )


def _figures(settings: Settings, ways: list[str]) -> Iterator[Figure]:
    first, *elsewhere = places(settings)
    shown = [Mark(_way(way, first), way, series=first) for way in ("Pipe", *ways, *QUEUES)]
    shown += [Mark(_way(way, place), way, series=place) for place in elsewhere for way in ("Pipe", *PLACED)]
    yield Figure(
        "round-trips",
        "A small message there and back between two processes",
        "strip",
        "round_trip_ns",
        Estimand.LEVEL,
        tuple(shown),
        references=(Reference(1.0, f"Pipe, {first}", _way("Pipe", first)),),
        claims=("S27", "S18-small-semaphores", "S18-small-spinning"),
    )
    large, locked, small = _written(settings)
    marks = (
        Mark(large, f"{LARGE_BYTES // 1024} KiB, no lock"),
        Mark(locked, f"{LARGE_BYTES // 1024} KiB, a lock round each"),
        Mark(small, f"{SMALL_BYTES} bytes, no lock"),
    )
    title = "Messages that did not arrive whole, of those that two processes wrote to one end of a Pipe"
    claims = ("S27-two-writers", "S27-two-writers-small")
    yield Figure("two-writers", title, "strip", "damaged_fraction", Estimand.LEVEL, marks, log=False, claims=claims)


def probe(case: Case) -> Iterator[Sample]:
    """A partner that echoes, or an observation that is made anew each time it is asked."""
    if case.param("task") == "round trips":
        yield from _echoed(case.strategy, str(case.param("place", ANYWHERE)))
    else:
        observe = {"two writers": _two_writers, "program": _transcript}[str(case.param("task"))]
        yield lambda count: observe(case)


def _echoed(way: str, place: str) -> Iterator[Sample]:
    with echoing(way, context(), place) as end:
        send, receive = end.send, end.receive
        message = b"m" * MESSAGE_BYTES

        def sample(count: int) -> Mapping[str, Observation]:
            trips = TRIPS * count
            end.begin(trips)
            with placed(place):
                started = monotonic_ns()
                for _ in range(trips):
                    send(message)
                    answer = receive()
                took = monotonic_ns() - started
            if answer != message:
                raise WrongAnswer(f"the echo of {message!r} was {answer!r}")
            return {"round_trip_ns": took / trips}

        yield sample


def _two_writers(case: Case) -> Mapping[str, Observation]:
    size = int(case.param("bytes"))
    written = WRITTEN[size]
    whole = written_by_two(context(), size, written, case.param("lock") == "Lock")
    return {"damaged_fraction": 1 - whole / (2 * written)}


def _transcript(case: Case) -> Mapping[str, Observation]:
    from perflab.programs import run_program

    ended = run_program(PROGRAM, arguments=(case.start_method,))
    printed = ended.out.splitlines()
    complete = sorted(printed) == sorted(LINES) and printed[-1] == LINES[-1]
    said = COMPLETE if complete else "it hung" if ended.hung else ended.error or "; ".join(printed)
    return {"outcome": said, "first_line": printed[0] if printed else ""}


EXPERIMENT = Experiment(
    name="messages",
    question="How long does a small message take there and back between two processes, and how many may share a Pipe?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A partner process sends back every message of 64 bytes; a sample is 150 round trips, one after the other, by "
        "each way: send() and recv() of a Pipe, the same connection with bytes, a socketpair, three kinds of queue "
        "(one there and one back), and shared memory, where the receiver is woken by a semaphore or watches a "
        "flag without sleeping. The two processes are bound each to a core of its own, and by three ways also both to "
        "one core: left to the system they are found now here, now there. Two processes that write to one end of a "
        "Pipe write messages of one letter each, and the reader counts those that are whole. The tutorial's program "
        "is run for real, its output kept."
    ),
    limits=(
        "Both sides do nothing but wait for each other, and the time is mostly that of waking a process up, which "
        "depends on whether its core sleeps. A spinning receiver costs a whole core. A Pipe with two readers, or with "
        "more than two writers, is not looked at. The tutorial shows 'task1 recv abc'; its own print, which ends a "
        "string with a blank and adds another argument, would write two blanks there."
    ),
    weight=5,
    place=70,
)
