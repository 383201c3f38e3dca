"""Asks what becomes of a program that starts processes without the main guard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import indent

from perflab.experiments._facts import transcript
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
from perflab.outcomes import always
from perflab.programs import Ended, run_program

QUANTITIES = (
    Quantity("outcome", "", "what the program came to: what it printed if that is right, or else what went wrong"),
    Quantity("status", "", "the exit status of the program's main process, or that it had to be ended"),
)

FAILED = "1"
"""The exit status after an exception that nobody caught."""

GAVE_UP = 7
"""The exit status of a program that was given up."""

WORKS = "child 1: 15, child 2: 20, parent: 10"
PHASE = "bootstrapping phase"
BOOTSTRAPPING = f"RuntimeError, {PHASE}"
REPLACING = "a third worker after two that failed"

HEAD = """
import multiprocessing

context = multiprocessing.get_context("METHOD")
num = 10

def task1():
    global num
    num += 5
    print("child 1:", num)

def task2():
    global num
    num += 10
    print("child 2:", num)
"""

BODY = """
children = [context.Process(target=task1), context.Process(target=task2)]
for child in children:
    child.start()
for child in children:
    child.join()
print("parent:", num)
"""

POOL = """
import multiprocessing, os, threading, time

pool = multiprocessing.get_context("METHOD").Pool(1)

def give_up():
    seen = set()
    while len(seen) < 3:
        seen |= {child.pid for child in multiprocessing.active_children()}
        time.sleep(0.001)
    os._exit(GAVE_UP)

threading.Thread(target=give_up, daemon=True).start()
print(pool.apply_async(sum, ([1, 2],)).get())
"""
"""The least that a Pool does, given up when it starts a third worker in the place of one; it would go on for ever."""

GUARDED = f"{HEAD}\nif __name__ == '__main__':\n{indent(BODY, '    ')}"

PROGRAMS: Mapping[str, str] = {"without guard": HEAD + BODY, "with guard": GUARDED, "Pool without guard": POOL}
"""The tutorial's first program as it stands there, the same with the guard, and an unguarded Pool."""


def design(settings: Settings) -> Design:
    """The unguarded program by each start method; the guarded one beside it; a Pool where the plan has time."""
    methods, quick = settings.chosen_start_methods, settings.plan == "quick"
    bare = [_case("without guard", method) for method in methods]
    fresh = [method for method in methods if method != "fork"]
    guarded = [_case("with guard", method) for method in (fresh[:1] if quick else methods)]
    pools = [_case("Pool without guard", method) for method in fresh if method == "spawn" and not quick]
    claims = (
        _never_needed(settings, bare, guarded),
        _default(bare[0]),
        _needed(bare, guarded),
        _tells(bare),
        _endless(pools),
    )
    arms = tuple(Arm(case) for case in (*bare, *guarded, *pools))
    return Design((Group("programs", arms, single=True),), claims, (_figure(bare, guarded),))


def _case(program: str, method: str) -> Case:
    return Case(strategy="process", start_method=method, params=(("program", program),))


def _shows(case: Case, expected: str, role: Role = Role.DECIDES, quantity: str = "outcome") -> Clause:
    words = {WORKS: "prints 15, 20 and 10", FAILED: "exit status 1"}.get(expected, expected)
    label = f"{case.start_method}, {case.param('program')}: {words}"
    return always(case, quantity, expected, label, role)


def _never_needed(settings: Settings, bare: list[Case], guarded: list[Case]) -> Claim:
    controls = (_shows(case, WORKS, Role.SUPPORTS) for case in guarded)
    # A claim's own value is that of its first clause: of the start method that asks most of a program.
    hardest = sorted(bare, key=lambda case: case.start_method == "fork")
    return Claim(
        "S10",
        "On Linux a program needs no main guard to start processes",
        (*(_shows(case, WORKS) for case in hardest), *controls),
        ("S10",),
        conditions="by each start method measured; the same program with a guard works",
        not_applicable="" if "fork" in settings.start_methods else "there is no fork here, so it is not Linux",
    )


def _default(bare: Case) -> Claim:
    return Claim(
        "S10-default",
        "With the start method that is the default here, a program needs no main guard to start processes",
        (_shows(bare, WORKS),),
        ("S10",),
        conditions=f"the default start method, which is {bare.start_method} here",
    )


def _needed(bare: list[Case], guarded: list[Case]) -> Claim:
    fresh = [case for case in bare if case.start_method != "fork"]
    controls = (_shows(case, WORKS, Role.SUPPORTS) for case in guarded)
    return Claim(
        "S10-spawn",
        "A program that starts processes by spawn or forkserver without a main guard fails, on any system",
        (*(_shows(case, BOOTSTRAPPING) for case in fresh), *controls) if fresh else (),
        ("S10",),
        conditions="a RuntimeError says that a process was started before the bootstrapping phase was over",
        not_applicable="" if fresh else "only fork is measured, which imports no module again",
    )


def _tells(bare: list[Case]) -> Claim:
    spawned = [case for case in bare if case.start_method == "spawn"]
    return Claim(
        "S10-status",
        "A program whose spawned children fail for want of a guard ends with an error itself",
        tuple(_shows(case, FAILED, quantity="status") for case in spawned),
        ("S10",),
        conditions="it ends with status 1, as after an exception that nobody caught; under spawn",
        not_applicable="" if spawned else "spawn is not measured",
    )


def _endless(pools: list[Case]) -> Claim:
    return Claim(
        "S10-pool",
        "A spawning Pool without a main guard replaces each worker that fails by another, and has no result",
        tuple(_shows(case, REPLACING) for case in pools),
        ("S10",),
        conditions="a Pool of one worker is given up at the third worker, after two failures; it would go on for ever",
        not_applicable="" if pools else "it is measured where the plan has time for it and spawn is there",
    )


def _figure(bare: list[Case], guarded: list[Case]) -> Figure:
    marks = [Mark(case, case.start_method, series=str(case.param("program"))) for case in (*bare, *guarded)]
    return Figure(
        "guard-works",
        "How often a program with and without a main guard works",
        "strip",
        "outcome",
        Estimand.SHARE,
        tuple(marks),
        log=False,
        claims=("S10", "S10-default"),
    )


def probe(case: Case) -> Iterator[Sample]:
    """One sample runs the program to its end."""
    source = PROGRAMS[str(case.param("program"))].replace("METHOD", case.start_method).replace("GAVE_UP", str(GAVE_UP))

    def sample(count: int) -> Mapping[str, Observation]:
        ended = run_program(source)
        return {"outcome": outcome_of(ended), "status": "had to be ended" if ended.hung else str(ended.status)}

    yield sample


def outcome_of(ended: Ended) -> str:
    """What was printed, or the error that speaks of the bootstrapping phase, whichever process raised it."""
    failures = ended.err.count(PHASE)
    if ended.status == GAVE_UP and failures > 1:
        return REPLACING
    return BOOTSTRAPPING if failures else transcript(ended)


EXPERIMENT = Experiment(
    name="guard",
    question="Does a program that starts processes need the main guard?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "The tutorial's first program, which starts two processes without `if __name__ == '__main__'`, is run from a "
        "file by each start method, and so is the same program with the guard. What they print, the errors in the "
        "output of all their processes and the exit status are noted. spawn and forkserver import the program's file "
        "again in each child: without the guard that would start processes anew, and Python raises a RuntimeError "
        "instead, which speaks of the bootstrapping phase. The longer plans also let a Pool of one worker do so, and "
        "end it."
    ),
    limits=(
        "Windows knows spawn alone, so that its programs behave as those under spawn here, but nothing is measured "
        "there. Which start method is the default depends on the system and the version of Python: on Linux it is fork "
        "up to 3.13 and forkserver from 3.14 on, and with it the tutorial's sentence has changed sides. A program that "
        "is typed in or piped into Python has no file to be imported again and fails in other ways."
    ),
    weight=2,
    place=52,
)
