"""Asks what remains of shared memory when those who made or used it end, or are killed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from perflab.experiments._lifetimes import GONE, KEPT, REMAINS, child_ends, creators, managers, rawarray, readers
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
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always

EXITS, KILLED = "creator exits", "creator is killed"
FORGOTTEN, UNTRACKED = "creator exits, forgotten by its tracker", "creator exits, track=False"
READER, UNTRACKED_READER, CHILD = "reader exits", "reader exits, track=False", "child exits"
TRACK_SINCE = (3, 13)
"""The Python from which on SharedMemory() takes the argument ``track``: before, nothing can be asked of it."""

QUANTITIES = (
    Quantity("outcome", "", "whether a name (for a Manager: a server that answers) is left"),
    Quantity("memory", "", "whether a process that had mapped the memory before still reads what was written there"),
)


def design(settings: Settings) -> Design:
    """Everything is observed once a block."""
    methods = settings.override("start_method") or settings.start_methods
    has_track = settings.python >= TRACK_SINCE
    forks = "fork" in methods
    segment = [EXITS, KILLED, FORGOTTEN, READER, CHILD, *([UNTRACKED, UNTRACKED_READER] if has_track else [])]
    others = [(kind, event) for kind in ("RawArray", "Manager") for event in (EXITS, KILLED)] if forks else []
    cases = [_case("SharedMemory", event) for event in segment] + [_case(*pair) for pair in others]
    claims = (*_segment_claims(has_track), *_forked_claims(forks))
    return Design((Group("lifetimes", tuple(map(Arm, cases)), single=True),), claims, (_figure(claims),))


def _case(kind: str, event: str) -> Case:
    return Case(strategy=kind, params=(("event", event),))


def _ends(kind: str, event: str, outcome: str, role: Role = Role.DECIDES) -> Clause:
    verb = "remains" if outcome == REMAINS else "is gone"
    label = f"{kind} {verb}: {event}"
    case = _case(kind, event)
    return always(case, "outcome", outcome, label, role)


def _keeps(kind: str, event: str) -> Clause:
    label, case = f"{kind} still read by who has it mapped: {event}", _case(kind, event)
    return always(case, "memory", KEPT, label)


def _segment_claims(has_track: bool) -> Iterator[Claim]:
    kind, no_track = (
        "SharedMemory",
        "" if has_track else "SharedMemory() has no argument track here; it came with Python 3.13",
    )
    yield Claim(
        "S25",
        "Shared memory belongs to no process and stays in the system after its users have ended",
        (_ends(kind, EXITS, REMAINS), _ends(kind, KILLED, REMAINS)),
        ("S25",),
        conditions="a SharedMemory that nobody unlinked, as Python makes it by default",
    )
    yield Claim(
        "S25-system",
        "It is Python's resource tracker that takes it away: told to forget a segment, it leaves it in the system",
        (_ends(kind, FORGOTTEN, REMAINS), _ends(kind, EXITS, GONE, Role.SUPPORTS)),
        ("S25",),
        conditions="resource_tracker.unregister() before the creator exits; without it as control",
    )
    yield Claim(
        "S25-track",
        "With track=False a SharedMemory stays after its creator's exit",
        (_ends(kind, UNTRACKED, REMAINS),) if has_track else (),
        ("S25",),
        not_applicable=no_track,
    )
    yield Claim(
        "S25-reader",
        "The exit of a program that only read a segment takes it away from its living owner",
        (_ends(kind, READER, GONE), _ends(kind, CHILD, REMAINS, Role.SUPPORTS)),
        ("S25",),
        conditions="a reader that is no child of the owner and so has a tracker of its own; a child as control",
    )
    yield Claim(
        "S25-reader-track",
        "With track=False a program that only read a segment leaves it to its owner",
        (_ends(kind, UNTRACKED_READER, REMAINS),) if has_track else (),
        ("S25",),
        not_applicable=no_track,
    )


def _forked_claims(forks: bool) -> Iterator[Claim]:
    reason = "" if forks else "its cases are made by forking, and there is no fork"
    yield Claim(
        "S25-mapped",
        "Who has mapped shared memory keeps it, also after its creator has ended and its name is gone",
        (_keeps("RawArray", EXITS), _keeps("RawArray", KILLED), _keeps("SharedMemory", READER)) if forks else (),
        ("S25",),
        conditions="a RawArray read by a child that outlives its creator; a SharedMemory by the owner of a lost name",
        not_applicable=reason,
    )
    yield Claim(
        "S25-RawArray",
        "A RawArray leaves no name in the system, however its creator ends",
        (_ends("RawArray", EXITS, GONE), _ends("RawArray", KILLED, GONE)) if forks else (),
        ("S25",),
        conditions="looked for in the folder of shared memory while another process still reads it",
        not_applicable=reason,
    )
    yield Claim(
        "S25-Manager",
        "What a Manager holds is gone when the process that made the Manager has ended",
        (_ends("Manager", EXITS, GONE), _ends("Manager", KILLED, GONE)) if forks else (),
        ("S25",),
        conditions="its exit, and its end by SIGKILL, after which nobody tells the Manager's server to stop",
        not_applicable=reason,
    )


def _figure(claims: tuple[Claim, ...]) -> Figure:
    clauses = [clause for claim in claims for clause in claim.clauses if clause.quantity == "outcome"]
    first: dict[Case, Clause] = {}
    for clause in clauses:
        first.setdefault(clause.case, clause)
    marks = tuple(Mark(case, clause.label, series=case.strategy) for case, clause in first.items())
    title = "What remains of shared memory: share of blocks with the outcome named"
    return Figure(
        "lifetimes", title, "strip", "outcome", Estimand.SHARE, marks, log=False, claims=("S25", "S25-reader")
    )


def probe(case: Case) -> Iterator[Sample]:
    """What happened is observed when the case is opened, for some together with others that one program can show."""
    kind, event = case.strategy, str(case.param("event"))
    if kind == "RawArray":
        yield lambda count: rawarray(HOW[event])
    elif kind == "Manager":
        with managers() as seen:
            yield lambda count: seen[HOW[event]]
    elif event == CHILD:
        yield lambda count: child_ends()
    else:
        with _program(event) as seen:
            yield lambda count: seen[WAYS[event]]


HOW = {EXITS: "exits", KILLED: "killed"}
WAYS = {
    EXITS: "tracked",
    KILLED: "tracked",
    READER: "tracked",
    FORGOTTEN: "forgotten",
    UNTRACKED: "untracked",
    UNTRACKED_READER: "untracked",
}
"""How a program treats its segment in each event."""


def _program(event: str) -> AbstractContextManager[Mapping[str, dict[str, str]]]:
    """The program that shows the event, and others with it."""
    untracked = ("untracked",) if sys.version_info >= TRACK_SINCE else ()
    if event == KILLED:
        return creators("killed", "tracked")
    if event in (READER, UNTRACKED_READER):
        return readers("tracked", *untracked)
    return creators("exits", "tracked", "forgotten", *untracked)


EXPERIMENT = Experiment(
    name="lifetime",
    question="What remains of shared memory when those who made or used it end, or are killed?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Programs of their own create a segment and end without unlinking it: by themselves, by SIGKILL, with the "
        "resource tracker told to forget it, and, where there is that argument, with track=False; or they only read a "
        "segment whose owner lives on. Once they and their trackers are gone, the name is looked for. A RawArray is "
        "left to a child that outlives its creator, and a Manager's server is asked for its number after the process "
        "that made it has ended."
    ),
    limits=(
        "An outcome seen in every block shows what this Python does by default, not what the kernel would do: the "
        "tutorial describes the kernel, which indeed keeps a segment until it is unlinked. Nothing is said about "
        "segments of System V, about a restart of the machine, or about Windows, where a segment ends with the last "
        "handle to it. What the programs leave behind is unlinked at once."
    ),
    weight=3.5,
    place=76,
)
