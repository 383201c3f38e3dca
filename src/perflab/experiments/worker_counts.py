"""Asks how many workers are best for work that computes, that waits and that reads memory; and who counts the cores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._counted import COUNTERS, POOL, WORK, bounds
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

A_CORE = 4
"""The sweep ends with so many workers for each core, or with MOST."""

MOST = 64
ARMS_BESIDE_CONTROL = 3

GAIN = 1.1
"""More workers than cores are worth their memory if they are a tenth faster."""

OVERLAP = 2.0
"""Four waiting workers a core instead of one should be four times as fast; at least half of that."""

PARALLEL = 1.3
"""What S01's ceiling asks of a machine before it says anything of several cores."""

VECTOR_BYTES = 128 * 2**20
"""More than all caches of most machines; filling it takes too long for the quick plan."""

ELEMENT_BYTES = 8

KINDS = {"compute": "a compiled loop", "memory": "a compiled sum over memory", "wait": "waiting for a server"}

QUANTITIES = (
    Quantity("wall_ns", "ns", "wall time until all is done"),
    Quantity("speedup", "x", "how many times faster than one worker", of="wall_ns", inverse=True),
    Quantity("cpus", "", "how many CPUs there are, by who is asked"),
)


def design(settings: Settings) -> Design:
    """Each kind of work by its number of workers, and each counter asked once a block."""
    counts = _counts(settings)
    few = min(settings.most_workers, counts[-1])
    kinds = [kind for kind in KINDS if settings.plan != "quick" or kind != "memory"]
    swept = {kind: {count: _case(settings, kind, count, counts[-1]) for count in counts} for kind in kinds}
    asked = [name for name in COUNTERS if settings.plan != "quick" or name != POOL]
    counters = {name: Case(strategy=name, params=(("kind", "count"),)) for name in asked}
    groups = (*(group for kind in kinds for group in _groups(kind, swept[kind], few)), _counting(counters))
    claims = tuple(_claims(settings, swept, few, counters))
    return Design(groups, claims, tuple(_figures(settings, swept, counters)))


def _counts(settings: Settings) -> tuple[int, ...]:
    """One, the cores, and several a core; the powers of two between them where there is time."""
    cores = settings.most_workers
    last = max(2, min(MOST, A_CORE * cores))
    between = () if settings.plan == "quick" else (2**k for k in range(7) if 2**k < last)
    return tuple(sorted({1, min(cores, last), last, *between}))


def _case(settings: Settings, kind: str, workers: int, most: int) -> Case:
    sizes = {
        "compute": lambda: settings.affordable_parallel_size("range_sum", "nogil"),
        "memory": lambda: VECTOR_BYTES // ELEMENT_BYTES,
        "wait": lambda: most,
    }
    return Case(
        implementation="nogil", strategy="threads", workers=workers, size=sizes[kind](), params=(("kind", kind),)
    )


def _groups(kind: str, cases: Mapping[int, Case], few: int) -> Iterator[Group]:
    """A few counts in a group, each against one worker; the two that are judged stand in the first."""
    one, *others = sorted(cases.values(), key=lambda case: (case.workers > 1, case.workers not in (few, max(cases))))
    memory = VECTOR_BYTES if kind == "memory" else 0
    for start in range(0, len(others), ARMS_BESIDE_CONTROL):
        some = others[start : start + ARMS_BESIDE_CONTROL]
        # Threads that wait keep no core busy: what they demand is one, for the turns they take.
        arms = (Arm(case, one, memory_bytes=memory, cores=1 if kind == "wait" else 0) for case in some)
        name = f"{KINDS[kind]}, {' and '.join(str(case.workers) for case in some)} workers"
        yield Group(name, (Arm(one, memory_bytes=memory), *arms))


def _counting(counters: Mapping[str, Case]) -> Group:
    """The Pool in a host of its own, which has no threads when it forks."""
    first, *others = counters.values()
    arms = (Arm(case, first, "pool" if case.strategy == POOL else "shared") for case in others)
    return Group("who counts", (Arm(first), *arms), single=True)


def _claims(
    settings: Settings, swept: Mapping[str, Mapping[int, Case]], few: int, counters: Mapping[str, Case]
) -> Iterator[Claim]:
    one, last = 1, max(swept["wait"])
    alone = "one worker only: nothing can run in parallel" if min(settings.cores, few) < 2 else ""

    def faster(kind: str, many: int, than: int, relation: Relation, bound: float, label: str) -> Clause:
        case, control = swept[kind][many], swept[kind][than]
        return Clause(case, "speedup", Estimand.RATIO, relation, bound, control, label=label)

    parallel = replace(
        faster("compute", few, one, Relation.ABOVE, PARALLEL, f"{few} workers, compiled loop"), role=Role.PRECONDITION
    )
    yield Claim(
        "workers-compute",
        "More workers than cores do not speed up work that computes",
        (faster("compute", last, few, Relation.BELOW, GAIN, f"{last} workers"), parallel),
        conditions=f"less than {GAIN - 1:.0%} faster; a compiled loop on {last} threads against {few}, GIL released",
        not_applicable=alone,
    )
    yield Claim(
        "workers-wait",
        "More workers than cores speed up work that waits",
        (faster("wait", last, few, Relation.ABOVE, OVERLAP, f"{last} workers"),),
        conditions=f"more than {OVERLAP:g} times as fast; waiting for a server on {last} threads against {few}",
        not_applicable="" if last >= A_CORE * few else f"{last} workers are too few for {few} cores",
    )
    first, *others = counters.items()
    yield Claim(
        "workers-counts",
        "Everyone who is asked for the number of CPUs says the same",
        tuple(
            Clause(case, "cpus", Estimand.DIFFERENCE, Relation.WITHIN, 0.5, first[1], label=name)
            for name, case in others
        ),
        conditions=f"against {first[0]}, to the nearest whole CPU",
    )


def _figures(
    settings: Settings, swept: Mapping[str, Mapping[int, Case]], counters: Mapping[str, Case]
) -> Iterator[Figure]:
    yield Figure(
        "workers",
        "How much faster than one worker, by the number of workers and the kind of work",
        "lines",
        "speedup",
        Estimand.RATIO,
        tuple(
            Mark(case, f"{words}, {count}", swept[kind][1], words, count)
            for kind, words in KINDS.items()
            for count, case in swept.get(kind, {}).items()
            if count > 1
        ),
        x_label="workers",
        references=(
            Reference(1.0, "one worker"),
            *((Reference(float(settings.cores), "as many times as cores"),) if settings.cores > 1 else ()),
        ),
        claims=("workers-compute", "workers-wait"),
    )
    yield Figure(
        "workers-counts",
        "How many CPUs there are, by who is asked",
        "strip",
        "cpus",
        Estimand.LEVEL,
        tuple(Mark(case, name) for name, case in counters.items()),
        log=False,
        claims=("workers-counts",),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Threads that are kept between samples; or the answer of one who counts CPUs."""
    if case.strategy in COUNTERS:
        yield lambda count: {"cpus": COUNTERS[case.strategy]()}
        return
    from concurrent.futures import ThreadPoolExecutor

    with ExitStack() as stack:
        part, expected = WORK[str(case.param("kind"))](case, stack)
        threads = stack.enter_context(ThreadPoolExecutor(case.workers))
        parts = bounds(case)

        def sample(count: int) -> Mapping[str, Observation]:
            started = monotonic_ns()
            for _ in range(count):
                found = sum(threads.map(lambda one: part(*one), parts))
                if found != expected:
                    raise WrongAnswer(f"{case.id} came to {found}, expected {expected}")
            return {"wall_ns": (monotonic_ns() - started) / count}

        yield sample


EXPERIMENT = Experiment(
    name="workers",
    question="How many workers are best, and who knows how many cores there are?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    calibrates=("range_sum/nogil",),
    how=(
        "The same work is cut for one thread, for one a core, and for up to four a core: a compiled loop that stays in "
        "registers, in longer runs a compiled sum over 128 MiB of memory, both without the GIL, and questions to a "
        "server on the loopback that answers each after 1 ms. The threads are up already, and every result is "
        "checked. Once a block everyone who knows is asked for the number of CPUs: the operating system, the affinity "
        "of this process, the quota of its control group, psutil for physical cores, and in longer runs a Pool that is "
        "not told how many processes to start."
    ),
    limits=(
        "Threads without the GIL stand for workers of any kind: what processes cost to start and to feed is asked "
        "elsewhere. A server that answers any number of questions at once is kind; a real one sets a limit of its own. "
        "Whether four workers a core are the best for work that waits depends on how long it waits and how much it "
        "computes. Memory is read once from start to end, which is the easiest way."
    ),
    weight=4,
    place=90,
)
