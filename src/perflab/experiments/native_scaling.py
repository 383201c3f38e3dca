"""Asks which kinds of compiled work gain from more threads, and what releasing the GIL costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from perflab.errors import WrongAnswer
from perflab.experiments._gang import Turn, processes, span_ns, take_turn, threads
from perflab.experiments._native import Job, job, rounds_of, summed_bytes_of
from perflab.experiments._native_claims import (
    CALCULATING,
    CHAIN,
    GIL,
    IN_CACHE_KIB,
    LONG_KIB,
    LOOP,
    NOGIL,
    NOTHING,
    OFTEN,
    SELDOM,
    SUMMING,
    Cells,
    cells_of,
    claims,
)
from perflab.model import (
    Arm,
    Case,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Reference,
    Sample,
    Settings,
)

MIB = 2**20

SWEEP_KIB = (32, 128, 2048)
SWEEP_EVERY = (100, 10_000, 100_000)
SMALL_SIZES = (1, 16, 64, 256, 1024, 4096)

QUANTITIES = (
    Quantity("alone_ns", "ns", "time one thread takes for a piece of work"),
    Quantity("together_ns", "ns", "time all threads at once take for as much work"),
    Quantity("gain", "x", "how much faster work is done by all threads at once than by one"),
    Quantity("speed", "x", "how fast one thread does a piece of work", of="alone_ns", inverse=True),
)


def design(settings: Settings) -> Design:
    """Kinds of work beside the ceiling, counters, habits, twins; sweeps where the plan has time."""
    cells = cells_of(settings.most_workers)
    sweep = settings.plan != "quick"
    groups = (*_judged(cells), *(_swept(cells) if sweep else ()))
    alone = "one worker only: nothing can run in parallel" if settings.alone else ""
    return Design(groups, tuple(claims(cells, alone)), (*_figures(cells), *(_sweeps(cells) if sweep else ())))


def _judged(cells: Cells) -> Iterator[Group]:
    mib = int(cells.loads.param("mib")) * MIB
    yield Group(
        "kinds of work",
        (
            Arm(cells.ceiling),
            Arm(cells.arithmetic, cells.ceiling),
            Arm(cells.loads, cells.arithmetic, memory_bytes=mib),
            Arm(cells.signature, cells.arithmetic),
        ),
    )
    yield Group("private data", (Arm(cells.private_ceiling), Arm(cells.private, cells.private_ceiling)))
    yield Group("counters", (Arm(cells.padded), Arm(cells.adjacent, cells.padded), Arm(cells.atomic)))
    yield Group("taking the GIL back", (Arm(cells.seldom), Arm(cells.often, cells.seldom)))
    yield _pairs("twins", CALCULATING, SUMMING)
    yield _pairs("small", NOTHING, (CHAIN, LOOP))


def _pairs(name: str, *pairs: tuple[Case, Case]) -> Group:
    """The first of each pair is the control of the second."""
    return Group(name, tuple(arm for first, second in pairs for arm in (Arm(first), Arm(second, first))))


def _swept(cells: Cells) -> Iterator[Group]:
    every = (Arm(replace(cells.seldom, params=(("every", one),)), cells.seldom) for one in SWEEP_EVERY)
    yield Group("taking the GIL back, by how often", (Arm(cells.seldom), *every))
    sizes = (Arm(_private(cells, kib), cells.private) for kib in SWEEP_KIB)
    yield Group("private data, by its size", (Arm(cells.private), *sizes))
    for elements in SMALL_SIZES:
        yield _pairs(f"sums of {elements}", _small(cells, elements))


def _private(cells: Cells, kib: int) -> Case:
    return replace(cells.private, params=(("kib", kib),))


def _small(cells: Cells, elements: int) -> tuple[Case, Case]:
    gil = Case("small_sums", GIL, "threads", cells.padded.workers, params=(("elements", elements),))
    return gil, replace(gil, implementation=NOGIL)


def _figures(cells: Cells) -> Iterator[Figure]:
    labels = {
        "independent processes: arithmetic": cells.ceiling,
        "arithmetic": cells.arithmetic,
        f"independent processes: sums of {IN_CACHE_KIB} KiB": cells.private_ceiling,
        f"sums of {IN_CACHE_KIB} KiB of its own": cells.private,
        "reading memory": cells.loads,
        "counters far apart": cells.padded,
        "counters in one cache line": cells.adjacent,
        "one atomic counter": cells.atomic,
        "taking the GIL every million additions": cells.seldom,
        "taking the GIL every thousand additions": cells.often,
        "nogil in the signature only": cells.signature,
    }
    yield Figure(
        "native-scaling",
        f"How much faster {cells.arithmetic.workers} threads of compiled code are than one, by what they do",
        "strip",
        "gain",
        Estimand.LEVEL,
        tuple(Mark(case, label) for label, case in labels.items()),
        references=(Reference(1.0, "one thread"), Reference(1.0, "ceiling", cells.ceiling)),
        claims=("native-arithmetic", "native-private", "native-bandwidth", "native-atomic", "native-signature"),
    )
    pairs = {
        "a call that does nothing": NOTHING,
        f"sums of {LONG_KIB // 1024} MiB": SUMMING,
        "arithmetic": CALCULATING,
    }
    yield Figure(
        "native-scaling-release",
        "How much longer a call takes on one thread that releases the GIL",
        "strip",
        "alone_ns",
        Estimand.RATIO,
        tuple(Mark(nogil, label, gil) for label, (gil, nogil) in pairs.items()),
        references=(Reference(1.0, "holding the GIL"),),
        claims=("native-twins", "native-release"),
    )


def _sweeps(cells: Cells) -> Iterator[Figure]:
    one = (Reference(1.0, "one thread"),)
    title = "How much faster all threads are than one when they take the GIL back now and then"
    every = sorted({OFTEN, SELDOM, *SWEEP_EVERY})
    marks = tuple(Mark(replace(cells.often, params=(("every", k),)), f"every {k}", None, "loops", k) for k in every)
    yield Figure(
        "native-scaling-reacquire",
        title,
        "lines",
        "gain",
        Estimand.LEVEL,
        marks,
        x_label="additions until the GIL is taken",
        references=one,
        claims=("native-reacquire",),
    )
    title = "How much faster all threads are than one, by the size of what each adds up"
    sizes = sorted({IN_CACHE_KIB, *SWEEP_KIB})
    marks = tuple(Mark(_private(cells, kib), f"{kib} KiB", None, "private data", kib * 1024) for kib in sizes)
    yield Figure(
        "native-scaling-private",
        title,
        "lines",
        "gain",
        Estimand.LEVEL,
        marks,
        x_label="bytes a sum",
        references=one,
        claims=("native-private",),
    )
    for quantity, who in (("alone_ns", "on one thread"), ("together_ns", f"on {cells.padded.workers} threads at once")):
        pairs = [(elements, *_small(cells, elements)) for elements in SMALL_SIZES]
        yield Figure(
            f"native-scaling-small-{quantity.removesuffix('_ns')}",
            f"How long a small sum takes that releases the GIL, against one that holds it, {who}",
            "lines",
            quantity,
            Estimand.RATIO,
            tuple(Mark(nogil, f"{n} elements", gil, who, n) for n, gil, nogil in pairs),
            x_label="numbers a call",
            references=(Reference(1.0, "holding the GIL"),),
        )


Measure = Callable[[], float]
"""One run, in ns for a unit of work."""


def probe(case: Case) -> Iterator[Sample]:
    """One thread's work, and everybody's at once: the one first, then the other, in turn."""
    work = job(case)
    with _measures(case, work) as measures:
        names = list(measures)

        def sample(count: int) -> Mapping[str, Observation]:
            totals = dict.fromkeys(measures, 0.0)
            for _ in range(count):
                names.reverse()
                for name in names:
                    totals[name] += measures[name]() / count
            gain = {"gain": totals["alone_ns"] / totals["together_ns"]} if "together_ns" in totals else {}
            return {**totals, **gain}

        yield sample


@contextmanager
def _measures(case: Case, work: Job) -> Iterator[dict[str, Measure]]:
    """What is measured of a case, by the quantity that it gives."""
    if case.strategy == "alone":
        yield {"alone_ns": lambda: _per_unit([take_turn(work.alone)], work, work.alone_units)}
    elif case.strategy == "processes":
        rounds = rounds_of(case)
        with processes(case.workers, summed_bytes_of(case)) as independent:
            yield {
                "alone_ns": lambda: _per_unit(independent([rounds]), work, 1.0),
                "together_ns": lambda: _per_unit(independent([rounds] * case.workers), work, float(case.workers)),
            }
    else:
        with threads(case.workers) as together:
            yield {
                "alone_ns": lambda: _per_unit([take_turn(work.alone)], work, work.alone_units),
                "together_ns": lambda: _per_unit(together(work.each), work, work.each_units * case.workers),
            }


def _per_unit(turns: list[Turn], work: Job, units: float) -> float:
    """From the first beginning to the last end, for each unit of work; WrongAnswer where some was not done."""
    answers = [turn.answer for turn in turns]
    if not work.right(answers):
        raise WrongAnswer(f"{len(answers)} workers answered {answers}, expected the answers of all their work")
    return span_ns(turns) / units


EXPERIMENT = Experiment(
    name="native-scaling",
    question="Which kinds of compiled work gain from more threads, and what does releasing the GIL cost?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Each sample runs a piece of compiled work on one thread and then on all threads at once, or the other way "
        "round, and divides: that is the gain. Threads meet at a gate where they spin without the GIL, and have "
        "been put on cores of their own just before, so that they really begin together; from there the system may "
        "move them. The ceiling is the gain of independent processes that calculate and touch no memory, for sums of "
        "private data that of processes that do the same sums. Kinds of work are: arithmetic in registers, sums of "
        "data in a thread's own cache, reading a vector far larger than any cache, counters shared, side by side or "
        "far apart, functions that only say nogil in their signature, and loops that take the GIL back every so "
        "often. Twins that differ in releasing the GIL and in nothing else are compared on one thread. Every answer "
        "is checked: sums, counters, exclusive ors."
    ),
    limits=(
        "Shared virtual cores, hardware threads of one core and clocks that fall under load all lower the ceiling, "
        "so gains are to be read against it. Reading memory is limited by what other guests of the machine leave. "
        "How dear a shared cache line is depends on how far apart the cores are that happen to share it. Releasing "
        "the GIL costs more than is shown here where other threads wait for it. On a free-threaded build there is no "
        "GIL to hold, and the sentences about holding it should come out refuted."
    ),
    weight=6.5,
    place=30,
)
