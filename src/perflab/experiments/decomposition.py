"""Asks what processes can share out: two tasks, one task, a chain of steps, a task of which a part stays serial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._crew import crew
from perflab.experiments._divided import add_up, chain
from perflab.experiments._places import spread
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Curve,
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

TWO = 2
MOST_WORKERS = 8
SERIAL_PERCENTS = {"quick": (0, 50)}
ALL_SERIAL_PERCENTS = (0, 10, 25, 50)

TASK_NS = {"quick": 8_000_000, "default": 24_000_000, "full": 40_000_000}
"""The whole task, by plan: halves of 5 ms hardly overlapped: a second worker often wakes on the first one's core."""

SERIAL_ROUNDS = 10
"""Of the group whose speed-ups are held against a law: it leaves them twentieths."""

NEARER_TO_ONE = 1.5
"""Half-way between the time of one task and that of two."""

HELPS = 1.2
"""Less than a fifth faster is no help: the bound that S01 is judged by as well. Halved would be 2."""

CEILING = 1.5
"""With less than this, two tasks at once would take longer than 1.33 times one on any account."""

LAW_LEAST, LAW_MOST = 0.8, 1.05
"""A speed-up that obeys Amdahl's law lies here, as a part of what the law promises for ideal processors."""

ADDITIONS_A_SQUARING = 3
"""A step of the chain takes about as long as so many of the sum, so that both tasks are about equally long."""

QUANTITIES = (
    Quantity("wall_ns", "ns", "wall time until all is done"),
    Quantity("speedup", "x", "how many times faster than the whole task in one process", of="wall_ns", inverse=True),
)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cases; ``whole`` is task A in one process, ``splits`` has it shared out by percentage left serial."""

    whole: Case
    in_turn: Case
    at_once: Case
    halves: Case
    splits: Mapping[int, Case]
    chain: Case
    chain_halves: Case
    compiled: Case
    compiled_halves: Case


def design(settings: Settings) -> Design:
    """Two tasks and one; the chain; compiled loops beside them; and what a serial part leaves of the speed-up."""
    cells = _cells(settings)
    first, splits = (cells.in_turn, cells.at_once, cells.halves), tuple(cells.splits.values())
    quick = settings.plan == "quick"
    groups = [
        _group("one task and two", cells.whole, *dict.fromkeys((*first, *(splits if quick else ())))),
        _group("a chain", cells.chain, cells.chain_halves),
        _group("ceiling", cells.compiled, cells.compiled_halves),
    ]
    if not quick:
        groups.append(_group("a serial part", cells.whole, *splits, rounds=SERIAL_ROUNDS))
    return Design(tuple(groups), tuple(_claims(settings, cells)), tuple(_figures(cells)))


def _cells(settings: Settings) -> _Cells:
    size = settings.size("range_sum", "python", TASK_NS[settings.plan])
    method, most = settings.chosen_start_methods[0], min(MOST_WORKERS, max(TWO, settings.most_workers))
    whole = Case("range_sum", "python", "whole", 1, size, method)
    chain = replace(whole, workload="squaring", size=max(2, size // ADDITIONS_A_SQUARING))
    compiled = replace(whole, implementation="nogil", size=settings.affordable_parallel_size("range_sum", "nogil"))
    percents = SERIAL_PERCENTS.get(settings.plan, ALL_SERIAL_PERCENTS)
    return _Cells(
        whole=whole,
        in_turn=replace(whole, strategy="two in turn"),
        at_once=replace(whole, strategy="two at once", workers=TWO),
        halves=_split(whole),
        splits={percent: _split(whole, TWO if settings.plan == "quick" else most, percent) for percent in percents},
        chain=chain,
        chain_halves=_split(chain),
        compiled=compiled,
        compiled_halves=_split(compiled),
    )


def _split(whole: Case, workers: int = TWO, percent: int = 0) -> Case:
    return replace(whole, strategy="split", workers=workers, params=(("serial", percent),))


def _group(name: str, control: Case, *cases: Case, rounds: int = 0) -> Group:
    """All in one host, because they share its processes: as many as each of them asks for."""
    return Group(name, (Arm(control, host="crew"), *(Arm(case, control, "crew") for case in cases)), rounds=rounds)


def _claims(settings: Settings, cells: _Cells) -> Iterator[Claim]:
    alone = "one worker only: nothing can run in parallel" if settings.alone else ""
    ceiling = _faster(
        cells.compiled_halves, cells.compiled, Relation.ABOVE, CEILING, "compiled loop, split", Role.PRECONDITION
    )
    halves = _faster(cells.halves, cells.whole, Relation.BELOW, HELPS, "sum of a range, split")
    yield Claim(
        "S05",
        "Two independent tasks on two processes take about the time of one",
        (
            _longer(cells.at_once, cells.whole, Relation.BELOW, "two tasks at once"),
            replace(
                _longer(cells.in_turn, cells.whole, Relation.ABOVE, "two tasks in turn, one process"),
                role=Role.SUPPORTS,
            ),
            ceiling,
        ),
        ("S05",),
        conditions=f"nearer to the time of one than of two, below {NEARER_TO_ONE:g} times; Python loops, processes up",
        not_applicable=alone,
    )
    yield Claim(
        "S06",
        "Two processes cannot share one task so that it takes less time",
        (halves, ceiling),
        ("S06",),
        conditions="a task that consists of parts: the sum of a range, of which each process adds up a half",
        not_applicable=alone,
    )
    yield Claim(
        "S06-chain",
        "Two processes cannot share a task whose every step needs the one before",
        (
            _faster(cells.chain_halves, cells.chain, Relation.BELOW, HELPS, "chain of squarings, split"),
            replace(halves, relation=Relation.ABOVE, role=Role.SUPPORTS),
            ceiling,
        ),
        ("S06",),
        conditions="x becomes x² mod N again and again, the second process goes on where the first ended",
        not_applicable=alone,
    )
    yield _amdahl(cells, ceiling, alone)


def _amdahl(cells: _Cells, ceiling: Clause, alone: str) -> Claim:
    def clauses() -> Iterator[Clause]:
        for percent, case in cells.splits.items():
            law = _law(case.workers, percent)
            yield _faster(case, cells.whole, Relation.ABOVE, LAW_LEAST * law, f"{percent} % serial, the least")
            yield _faster(case, cells.whole, Relation.BELOW, LAW_MOST * law, f"{percent} % serial, the most")

    return Claim(
        "decomposition-amdahl",
        "The part of a task that stays serial limits the speed-up as Amdahl's law says",
        (*clauses(), ceiling),
        ("S06",),
        conditions=f"between {LAW_LEAST:.0%} and {LAW_MOST:.0%} of 1 / (s + (1 - s) / W), with W = {_workers(cells)}",
        not_applicable=alone,
    )


def _law(workers: int, percent: float) -> float:
    """Amdahl 1967: the speed-up of ``workers`` processors when ``percent`` of the work stays with one."""
    return 1 / (percent / 100 + (1 - percent / 100) / workers)


def _workers(cells: _Cells) -> int:
    return next(iter(cells.splits.values())).workers


def _faster(
    case: Case, control: Case, relation: Relation, bound: float, label: str, role: Role = Role.DECIDES
) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, relation, bound, control, role, label)


def _longer(case: Case, control: Case, relation: Relation, label: str) -> Clause:
    return Clause(case, "wall_ns", Estimand.RATIO, relation, NEARER_TO_ONE, control, label=label)


def _figures(cells: _Cells) -> Iterator[Figure]:
    yield Figure(
        "decomposition-two-tasks",
        "How long two tasks take, as a multiple of one",
        "strip",
        "wall_ns",
        Estimand.RATIO,
        (
            Mark(cells.at_once, "on two processes", cells.whole),
            Mark(cells.in_turn, "one after the other, one process", cells.whole),
        ),
        references=(Reference(1.0, "one task"), Reference(2.0, "two tasks")),
        claims=("S05",),
    )
    yield Figure(
        "decomposition-one-task",
        "How much faster one task gets when two processes share it",
        "strip",
        "speedup",
        Estimand.RATIO,
        (
            Mark(cells.halves, "sum of a range, Python loop", cells.whole),
            Mark(cells.chain_halves, "chain of squarings, Python loop", cells.chain),
            Mark(cells.compiled_halves, "ceiling: sum of a range, compiled", cells.compiled),
        ),
        references=(Reference(1.0, "no gain"), Reference(2.0, "halved")),
        claims=("S06", "S06-chain"),
    )
    workers = _workers(cells)
    yield Figure(
        "decomposition-amdahl",
        f"What a serial part leaves of the speed-up of {workers} processes",
        "lines",
        "speedup",
        Estimand.RATIO,
        tuple(
            Mark(case, f"{percent} % serial", cells.whole, "measured", percent)
            for percent, case in cells.splits.items()
        ),
        x_label="part of the work that stays serial, %",
        references=(Reference(1.0, "one process"),),
        claims=("decomposition-amdahl",),
        curves=(Curve("Amdahl's law", tuple((float(one), _law(workers, one)) for one in range(0, 51, 5))),),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Takes a place in the host's crew; a sample is the time from the first request to the last answer, checked."""
    with crew(case.start_method, case.workers) as members:
        run, expected = (chain if case.workload == "squaring" else add_up)(case, members)

        def sample(count: int) -> Mapping[str, Observation]:
            with spread([member.process.pid for member in members]):
                started = monotonic_ns()
                for _ in range(count):
                    found = run()
                    if found != expected:
                        raise WrongAnswer(f"{case.id} came to {found}, expected {expected}")
                return {"wall_ns": (monotonic_ns() - started) / count}

        yield sample


EXPERIMENT = Experiment(
    name="decomposition",
    question="What can two processes share: two tasks, one task, a chain of steps?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    calibrates=("range_sum/python", "range_sum/nogil"),
    how=(
        "Processes that are up already, each bound to a core, are asked over pipes to add up ranges in a Python "
        "loop. Task A is one range, task B the next one: A alone in one process, both at once in two, both in turn "
        "in one, and A cut in half for two. Beside them stands a chain of squarings modulo a product of two primes, "
        "where each step needs the result of the one before: the second process can only go on when the first has "
        "ended. A part of A from none to a half is then left to one process before the others start, as in Amdahl's "
        "law. Every answer is checked, and compiled loops on the same processes show whether this machine had two "
        "cores to give."
    ),
    limits=(
        "The tasks need no input and return one number, so that sharing them out costs next to nothing; a task over "
        "data that has to be sent gains less. Adding up a range can be cut anywhere. That nobody knows how to cut the "
        "chain is a conjecture on which cryptography builds, not a theorem; but processes do not help to find out. "
        "The start of the processes is not counted. Processes that are not bound may wake up on one core and stay "
        "there for some ten milliseconds, so that tasks as short as these gain less, or nothing."
    ),
    weight=6,
    place=46,
)
