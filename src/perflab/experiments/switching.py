"""Asks what switching costs: from thread to thread and from process to process, and CPU-bound threads as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._interval import switch_interval
from perflab.experiments._pingpong import bound_to, lead, table
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

CORES = {1: "one core", 2: "two cores"}
PLAYED = (("pipe", 1), ("semaphore", 1), ("pipe", 2), ("semaphore", 2))

FAR = 2.0
"""'A lot cheaper' is less than half. A stricter reading, such as a tenth, could only be harder to confirm."""

SLOWER = 1.05
"""Beyond the few percent by which two copies of the same code may differ."""

SUM_NS = 30_000_000
"""Six switch intervals, so that the threads are switched at all."""

MANY = 4
DEFAULT_US = 5000
SHORT_US = 50
INTERVALS_US: Mapping[str, tuple[int, ...]] = {"default": (SHORT_US, 500), "full": (SHORT_US, 500, 50_000)}
CLOSE_ROUNDS = 8
"""More rounds for the short interval against the default one: a round scatters by a tenth, and 5 % are asked for."""

QUANTITIES = (
    Quantity("switch_ns", "ns", "what handing over once costs beyond the same two calls without a partner"),
    Quantity("handover_ns", "ns", "half of a round trip between two"),
    Quantity("alone_ns", "ns", "the same two calls without a partner"),
    Quantity("wall_ns", "ns", "wall time until the whole sum is there"),
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The same game between two threads and between two processes."""

    threads: Case
    processes: Case

    @property
    def words(self) -> str:
        """Means and number of cores."""
        return f"{self.threads.param('means')}, {CORES[int(self.threads.param('cores'))]}"


@dataclass(frozen=True, slots=True)
class _Sums:
    """One thread on a sum, and several on its parts: by their number, and by the switch interval in µs."""

    serial: Case
    several: Case
    many: Case
    by_interval: Mapping[int, Case]


def design(settings: Settings) -> Design:
    """A group for each means and number of cores; then one thread against several on the same sum."""
    pairs = [_pair(settings, means, cores) for means, cores in PLAYED if cores <= settings.cores]
    if settings.plan == "quick":
        pairs = [pair for pair in pairs if pair.words != "semaphore, two cores"]
    sums = _sums(settings)
    groups = (*(_game(pair) for pair in pairs), *_sum_groups(settings, sums))
    claims = (*_switch_claims(pairs), *_sum_claims(settings, sums))
    return Design(groups, claims, tuple(_figures(settings, pairs, sums)))


def _pair(settings: Settings, means: str, cores: int) -> _Pair:
    threads = Case(strategy="threads", workers=2, params=(("cores", cores), ("means", means)))
    return _Pair(threads, replace(threads, strategy="processes", start_method=settings.chosen_start_methods[0]))


def _game(pair: _Pair) -> Group:
    """The leaders of all process pairs share a host: they are told apart by their partners."""
    cores = int(pair.threads.param("cores"))
    threads, processes = Arm(pair.threads, cores=cores), Arm(pair.processes, pair.threads, "leader", cores=cores)
    return Group(pair.words, (threads, processes), per_case_count=True)


def _sums(settings: Settings) -> _Sums:
    serial = Case("range_sum", "python", "serial", size=settings.size("range_sum", "python", SUM_NS))
    several = _every(DEFAULT_US, replace(serial, strategy="threads", workers=max(2, settings.most_workers)))
    intervals = INTERVALS_US.get(settings.plan, ())
    return _Sums(
        serial=serial,
        several=several,
        many=replace(several, workers=MANY * several.workers),
        by_interval={us: _every(us, several) for us in intervals},
    )


def _every(us: int, case: Case) -> Case:
    """The same under a switch interval."""
    return replace(case, params=(("interval", f"{us} us"),))


def _sum_groups(settings: Settings, sums: _Sums) -> Iterator[Group]:
    """Two cases in the quick plan: with a third, a square of visiting orders has six rounds instead of four."""
    if settings.plan == "quick":
        yield Group("one sum", (Arm(sums.serial), Arm(sums.several, sums.serial)))
        return
    others = (case for us, case in sums.by_interval.items() if us != SHORT_US)
    yield Group("one sum", (Arm(sums.serial), *(Arm(c, sums.serial) for c in (sums.several, sums.many, *others))))
    short = Arm(sums.by_interval[SHORT_US], sums.several)
    yield Group("switch intervals", (Arm(sums.several), short), rounds=CLOSE_ROUNDS)


def _switch_claims(pairs: list[_Pair]) -> Iterator[Claim]:
    unpinned = "" if hasattr(os, "sched_setaffinity") else "this system cannot bind a thread to a core"
    by_cores = {n: [pair for pair in pairs if pair.threads.param("cores") == n] for n in CORES}
    for cores, suffix, where in (
        (1, "", "both on one core, so that each hand-over is a switch"),
        (2, "-two-cores", "each on a core of its own, which has to wake up for each hand-over"),
    ):
        others = by_cores[2] if cores == 1 else ()
        clauses = (
            *(_dearer(pair, Role.DECIDES) for pair in by_cores[cores]),
            *(_dearer(pair, Role.BESIDE) for pair in others),
        )
        yield Claim(
            f"S07{suffix}",
            "Switching between threads is far cheaper than between processes"
            + (", also from core to core" if suffix else ""),
            clauses,
            ("S07",),
            conditions=f"less than half; {where}; the calls themselves are taken off",
            not_applicable=unpinned or ("" if clauses else "one core only: there is no other to switch to"),
        )


def _dearer(pair: _Pair, role: Role) -> Clause:
    label = f"process to process, {pair.words}"
    return Clause(pair.processes, "switch_ns", Estimand.RATIO, Relation.ABOVE, FAR, pair.threads, role, label)


def _sum_claims(settings: Settings, sums: _Sums) -> Iterator[Claim]:
    def longer(case: Case, control: Case, label: str, role: Role = Role.DECIDES) -> Clause:
        return Clause(case, "wall_ns", Estimand.RATIO, Relation.ABOVE, SLOWER, control, role, label)

    workers = sums.several.workers
    measured = settings.plan != "quick"
    many = longer(sums.many, sums.serial, f"{sums.many.workers} threads", Role.BESIDE)
    yield Claim(
        "S04",
        "CPU-bound threads are slower than one thread, because of switching",
        (longer(sums.several, sums.serial, f"{workers} threads"), *((many,) if measured else ())),
        ("S04",),
        conditions=f"more than {SLOWER - 1:.0%} slower; a Python loop cut into parts for {workers} warm threads, "
        f"against one thread on the whole, switch interval {DEFAULT_US // 1000} ms as it is by default",
    )
    if measured:
        short = SHORT_US
        yield Claim(
            "S04-interval",
            f"Switched {DEFAULT_US // short} times as often, CPU-bound threads are slower",
            (longer(sums.by_interval[short], sums.several, f"every {short} µs"),),
            ("S04",),
            conditions=f"more than {SLOWER - 1:.0%} slower than the same threads at the default interval; "
            "it shows that this comparison would see what switching costs",
        )


def _figures(settings: Settings, pairs: list[_Pair], sums: _Sums) -> Iterator[Figure]:
    marks = (
        Mark(case, f"{name}, {pair.words}")
        for pair in pairs
        for name, case in (("threads", pair.threads), ("processes", pair.processes))
    )
    claims = tuple(claim.id for claim in _switch_claims(pairs))
    title = "What it costs to hand over to another thread, and to another process"
    yield Figure("switching", title, "strip", "switch_ns", Estimand.LEVEL, tuple(marks), claims=claims)
    one = Reference(1.0, "one thread")
    if settings.plan == "quick":
        rows = (Mark(sums.several, f"{sums.several.workers} threads", sums.serial),)
        title = "How long several CPU-bound threads take for the work of one"
        yield Figure("thread-sum", title, "strip", "wall_ns", Estimand.RATIO, rows, references=(one,), claims=("S04",))
        return
    points = sorted({DEFAULT_US: sums.several, **sums.by_interval}.items())
    yield Figure(
        "thread-sum",
        "How long several CPU-bound threads take for the work of one, by the switch interval",
        "lines",
        "wall_ns",
        Estimand.RATIO,
        tuple(Mark(case, f"{us} µs", sums.serial, f"{case.workers} threads", us / 1000) for us, case in points),
        x_label="switch interval, ms",
        references=(one,),
        claims=("S04", "S04-interval"),
    )


def probe(case: Case) -> Iterator[Sample]:
    """A game of handing over, or a sum on threads."""
    yield from _summing(case) if case.workload else _playing(case)


def _playing(case: Case) -> Iterator[Sample]:
    """One sample: so many round trips, and as many times the same calls without a partner."""
    with table(case) as at:

        def sample(count: int) -> Mapping[str, Observation]:
            with bound_to(at.own_core):
                at.orders.send(count)
                started = monotonic_ns()
                lead(at.give, at.take, count)
                played = monotonic_ns()
                report = at.orders.recv()
                paused = monotonic_ns()
                lead(at.give_itself, at.take_itself, count)
                ended = monotonic_ns()
            if report != (count, [at.partner_core]):
                raise WrongAnswer(f"the partner reports {report}, expected {(count, [at.partner_core])}")
            handover, alone = (played - started) / count / 2, (ended - paused) / count
            return {"switch_ns": handover - alone, "handover_ns": handover, "alone_ns": alone}

        yield sample


def _summing(case: Case) -> Iterator[Sample]:
    """One sample: the whole sum, by the calling thread or in equal parts by as many threads."""
    from concurrent.futures import ThreadPoolExecutor

    parts = max(1, case.workers)
    edges = [case.size * part // parts for part in range(parts + 1)]
    interval_us = int(str(case.param("interval", "0 us")).removesuffix(" us"))
    expected = case.size * (case.size - 1) // 2
    with ThreadPoolExecutor(parts) as threads:

        def sample(count: int) -> Mapping[str, Observation]:
            with switch_interval(interval_us):
                started = monotonic_ns()
                for _ in range(count):
                    sums = threads.map(add_range, edges, edges[1:]) if case.workers else [add_range(0, case.size)]
                    found = sum(sums)
                    if found != expected:
                        raise WrongAnswer(f"{case.id} came to {found}, expected {expected}")
                ended = monotonic_ns()
            return {"wall_ns": (ended - started) / count}

        yield sample


def add_range(start: int, stop: int) -> int:
    """The sum of a range in a Python loop."""
    total = 0
    for number in range(start, stop):
        total += number
    return total


EXPERIMENT = Experiment(
    name="switching",
    question="What does it cost to switch between threads, and between processes?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    calibrates=("range_sum/python",),
    how=(
        "Two threads of one process, or two processes, hand over to each other in turn: each gives and then waits "
        "until it is given back. They do so by the same means, a byte in a pipe or a semaphore of multiprocessing; "
        "each is bound to a core: both to the same one, where every hand-over makes the core switch, then to two. "
        "The same two calls are then made without a partner, and their time is taken off; what is left of half a round "
        "trip is the switch. Whether switching slows down threads that compute is asked directly: a Python loop is run "
        "as a whole by one thread, and in parts by several."
    ),
    limits=(
        "What is switched to has little memory; the caches and the address translations that a large process finds "
        "cold after a switch come on top. Between threads the GIL changes hands as well, and that belongs to what is "
        "measured. From core to core most of it goes into waking up an idle core, which on virtual machines takes "
        "many times as long as a switch. How often threads that compute are switched depends on the switch "
        "interval, which is varied in longer runs."
    ),
    weight=6,
    place=44,
)
