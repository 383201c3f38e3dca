"""Asks which way of running concurrent tasks suits which kind of work on this machine: the map on the front page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from perflab import procfs
from perflab.clock import monotonic_ns, process_cpu_ns
from perflab.experiments._jobs import JOBS, WAIT_US, Crew
from perflab.experiments._ways import CREWS
from perflab.model import (
    PARALLEL_NS,
    Arm,
    Case,
    Choice,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Guide,
    Mark,
    Observation,
    Quantity,
    Relation,
    Role,
    Sample,
    Settings,
)

QUANTITIES = (
    Quantity("time_ns", "ns", "wall time of the whole work, warm (of one update, for the shared number)"),
    Quantity("cpu_ns", "ns", "CPU time of all processes that take part, likewise"),
    Quantity("pss_bytes", "bytes", "memory (PSS) of all processes that take part, interpreters included"),
)

SERIAL_NS = {
    "quick": {"python": 8_000_000, "compiled": 10_000_000},
    "default": {"python": PARALLEL_NS, "compiled": 20_000_000},
    "full": {"python": PARALLEL_NS, "compiled": PARALLEL_NS},
}
"""How long the plain loop takes, by plan and kind of work; processes overlap less than threads in short loops."""

BULK_BYTES = {"quick": 4 * 2**20, "default": 16 * 2**20, "full": 64 * 2**20}
LEAST_WORKERS = 4
FASTER = 1 / 1.2
"""Two processes that do the same differ by up to 11 %: faster means more than that."""

ALIKE = 1.1
"""Ten percent slower is still as fast."""

HALF = 0.5
TENTH = 0.1
TWO_CORES = 1 / 1.3
"""What a machine with a second core to spare gives, as a precondition."""

WAYS = {
    "serial": "one after another",
    "threads": "threads",
    "pool": "Pool",
    "executor": "ProcessPoolExecutor",
    "shared_memory": "shared memory",
    "manager": "Manager",
}
_ALL = ("serial", "threads", "pool", "executor")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work: what it is called, the ways that can run it, and the claim that speaks of it."""

    words: str
    ways: tuple[str, ...]
    claim: str


KINDS: Mapping[str, Kind] = {
    "python": Kind("computing in Python", _ALL, "models-python"),
    "compiled": Kind("computing in compiled code without the GIL", _ALL, "models-compiled"),
    "waiting": Kind("waiting for answers of a server", _ALL, "models-waiting"),
    "bulk": Kind("reading bulk data", (*_ALL, "shared_memory", "manager"), "models-bulk"),
    "shared": Kind("updating one shared number", ("serial", "threads", "shared_memory", "manager"), "models-shared"),
}


def design(settings: Settings) -> Design:
    """A group for each kind of work, two where bulk data has six ways."""
    cases = {kind: {way: _case(settings, kind, way) for way in _ways(settings, kind)} for kind in KINDS}
    groups = tuple(group for kind in KINDS for group in _groups(kind, cases[kind]))
    choices = (
        Choice(KINDS[kind].words, tuple((WAYS[way], case) for way, case in of.items()), KINDS[kind].claim)
        for kind, of in cases.items()
    )
    guide = Guide("Which way for which work", tuple(choices), "time_ns", ("cpu_ns", "pss_bytes"))
    return Design(groups, tuple(_claims(settings, cases)), (_figure(cases),), (guide,))


def _ways(settings: Settings, kind: str) -> tuple[str, ...]:
    """The quick plan looks at an executor once: what it does for the other kinds it does much as a Pool does."""
    left_out = "executor" if settings.plan == "quick" and kind != "python" else ""
    return tuple(way for way in KINDS[kind].ways if way != left_out)


def _case(settings: Settings, kind: str, way: str) -> Case:
    workers = max(LEAST_WORKERS, settings.most_workers)
    implementation = {"python": "python", "compiled": "nogil"}.get(kind, "")
    task_ns = SERIAL_NS[settings.plan].get(kind, 0) // workers
    processes = way not in ("serial", "threads")
    return Case(
        workload=kind,
        strategy=way,
        workers=0 if way == "serial" else workers,
        size=settings.size("range_sum", implementation, task_ns) if implementation else 0,
        start_method=settings.chosen_start_methods[0] if processes else "",
        params=(("tasks", workers), ("bytes", BULK_BYTES[settings.plan])),
    )


def _groups(kind: str, cases: Mapping[str, Case]) -> Iterator[Group]:
    serial, names = cases["serial"], list(cases)
    few = names if len(names) <= 5 else ["serial", "threads", "pool", "shared_memory"]
    yield Group(KINDS[kind].words, tuple(_arm(cases[name], None if name == "serial" else serial) for name in few))
    rest = [name for name in names if name not in few]
    if rest:
        arms = (_arm(cases[name], cases["pool"]) for name in rest)
        yield Group(f"{KINDS[kind].words}, other ways", (_arm(cases["pool"], None), *arms))


def _arm(case: Case, control: Case | None) -> Arm:
    hosts = {"serial": "alone", "threads": "alone", "shared_memory": "sharing", "manager": "sharing"}
    host, copies = hosts.get(case.strategy, case.strategy), 0
    if case.workload == "bulk":  # in hosts of its own: what it frees stays in the memory of its processes
        host, copies = f"{host}, bulk data", 3
    return Arm(case, control, host, copies * int(case.param("bytes")))


Cases = Mapping[str, Mapping[str, Case]]


def _below(
    of: Mapping[str, Case], way: str, other: str, bound: float, quantity: str = "time_ns", role: Role = Role.DECIDES
) -> Clause:
    words = {"time_ns": "time of", "pss_bytes": "memory of"}[quantity]
    label = f"{KINDS[of[way].workload].words}: {words} {WAYS[way]}"
    return Clause(of[way], quantity, Estimand.RATIO, Relation.BELOW, bound, of[other], role, label)


def _claims(settings: Settings, cases: Cases) -> Iterator[Claim]:
    alone = "one core only: nothing can run in parallel" if min(settings.cores, settings.most_workers) < 2 else ""
    python, compiled, waiting, bulk, shared = (cases[kind] for kind in KINDS)
    workers = python["threads"].workers
    everywhere = f"{workers} tasks, {workers} workers, warm, start method {python['pool'].start_method}"
    # Its own positive control is in another kind of work: where that gains nothing, there is no second core to be had.
    two_cores = _below(compiled, "threads", "serial", TWO_CORES, role=Role.PRECONDITION)
    yield Claim(
        "models-python",
        "For computing in Python a pool of processes is faster than threads and than no workers at all",
        (
            _below(python, "pool", "serial", FASTER),
            _below(python, "pool", "threads", FASTER),
            _below(python, "executor", "threads", FASTER, role=Role.BESIDE),
            two_cores,
        ),
        conditions=f"more than 1.2 times as fast; {everywhere}",
        not_applicable=alone,
    )
    yield Claim(
        "models-compiled",
        "For compiled code that releases the GIL threads are as fast as a pool, with less than half of its memory",
        (
            _below(compiled, "threads", "pool", ALIKE),
            _below(compiled, "threads", "pool", HALF, "pss_bytes"),
            _below(compiled, "threads", "serial", FASTER, role=Role.SUPPORTS),
        ),
        conditions=f"at most a tenth slower; {everywhere}",
        not_applicable=alone,
    )
    yield Claim(
        "models-waiting",
        "For waiting threads are as fast as a pool of as many processes, with less than half of its memory",
        (
            _below(waiting, "threads", "pool", ALIKE),
            _below(waiting, "threads", "pool", HALF, "pss_bytes"),
            _below(waiting, "threads", "serial", HALF, role=Role.SUPPORTS),
        ),
        conditions=f"a server on the same machine answers after {WAIT_US / 1000:g} ms; {everywhere}",
    )
    yield from _data_claims(bulk, shared, everywhere)


def _data_claims(bulk: Mapping[str, Case], shared: Mapping[str, Case], everywhere: str) -> Iterator[Claim]:
    size = int(bulk["pool"].param("bytes")) // 2**20
    yield Claim(
        "models-bulk",
        "For bulk data threads beat all processes, and among these shared memory beats pickling, which beats a Manager",
        (
            _below(bulk, "threads", "shared_memory", 1.0),
            _below(bulk, "threads", "pool", FASTER),
            _below(bulk, "shared_memory", "pool", FASTER),
            _below(bulk, "pool", "manager", FASTER),
        ),
        conditions=f"checksums of {size} MiB that the parent has made, handing them over included; {everywhere}",
    )
    yield Claim(
        "models-shared",
        "For a number that all update threads with a lock are faster than processes, and a Manager takes ten times as "
        "long as shared memory",
        (
            _below(shared, "threads", "shared_memory", FASTER),
            _below(shared, "shared_memory", "manager", TENTH),
            _below(shared, "serial", "threads", FASTER, role=Role.BESIDE),
        ),
        conditions=f"one addition under the lock that belongs to it, all workers at it; {everywhere}",
    )


def _figure(cases: Cases) -> Figure:
    marks = (
        Mark(case, WAYS[way], of["serial"], KINDS[kind].words)
        for kind, of in cases.items()
        for way, case in of.items()
        if way != "serial"
    )
    return Figure(
        "models-time",
        "Time of the same work by each way, against one task after another",
        "strip",
        "time_ns",
        Estimand.RATIO,
        tuple(marks),
        claims=tuple(kind.claim for kind in KINDS.values()),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Open the crew; a sample has the whole work done and checks it. Memory is read once, after the first sample."""
    with CREWS[case.strategy](case) as crew:
        memory: int | None = None

        def sample(count: int) -> Mapping[str, Observation]:
            nonlocal memory
            # What the work needs is made here and not kept: it would be found in the memory of the next kind of work.
            with crew.at_work() as each, JOBS[case.workload](case, crew) as job:
                cpu, started = _cpu_ns(crew), monotonic_ns()
                for _ in range(count):
                    job.run(each)
                time_ns, cpu_ns = monotonic_ns() - started, _cpu_ns(crew) - cpu
                job.check()
                memory = memory or procfs.pss_bytes((os.getpid(), *crew.pids))
            units = count * job.units
            observed: dict[str, Observation] = {"time_ns": time_ns / units, "cpu_ns": cpu_ns / units}
            return observed if memory is None else {**observed, "pss_bytes": memory}

        yield sample


def _cpu_ns(crew: Crew) -> int:
    return process_cpu_ns() + sum(procfs.process_cpu_ns(pid) or 0 for pid in crew.pids)


EXPERIMENT = Experiment(
    name="models",
    question="Which way of running tasks side by side suits which kind of work on this machine?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    calibrates=("range_sum/python", "range_sum/nogil"),
    how=(
        "The same tasks, at least four and as many as workers, are done one after another, by threads, by a Pool "
        "and a ProcessPoolExecutor that hand them out one by one, and, where something is shared, by processes with "
        "shared memory or with a Manager: adding up numbers in Python, in compiled code that releases the GIL, "
        "waiting for a server of its own on the loopback, taking checksums of data that the parent has made, and "
        "adding to one number under a lock. Workers are started and warm beforehand. Every result is checked, every "
        "lost update would be found. CPU time and memory are those of the processes that take part: the parent, its "
        "workers, and the Manager's server for the ways that use it."
    ),
    limits=(
        "One size of work for each kind, and small ones in the quick plan: where tasks are smaller, handing them out "
        "costs more than shown, where they are larger less. Starting the workers is not counted here, nor is what "
        "each way costs to write and to debug. The time without workers has no lock around the shared number. The "
        "best way is chosen by its median of these very blocks; ways whose interval reaches it are shown as equal, "
        "which says that this run could not tell them apart, not that they are the same. More workers than cores "
        "wait for each other, which costs little here, and serves those who wait for a server."
    ),
    weight=12,
    place=95,
)
