"""Asks how near sums of vectors come to what the hardware allows, from the first-level cache to memory."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import reduce
from itertools import pairwise, repeat
from operator import xor
from typing import Any, Literal

from perflab.clock import monotonic_ns
from perflab.errors import WrongAnswer
from perflab.experiments._gang import Turn, Work, span_ns, threads
from perflab.experiments._roofline_claims import (
    ARITHMETIC,
    CACHED,
    COMPENSATED,
    FULL,
    LOADS,
    LOADS_BY_ALL,
    MIB,
    NUMPY,
    OURS,
    PARALLEL,
    QUICK,
    REPRODUCIBLE,
    SWEEP,
    TYPES,
    adding,
    case_of,
    claims,
    words,
)
from perflab.experiments._shared import shared
from perflab.experiments._vectors import filled
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
    Sample,
    Settings,
)

READ_BYTES = 32 * MIB
"""What a sample reads, in vectors of its size: a ms or two."""

ADDING_ROUNDS = 1_000_000

ALONE = (OURS, NUMPY, LOADS, COMPENSATED, REPRODUCIBLE)
"""What runs on one thread, in the same rounds; at most five."""

BY_ALL_FROM = 8 * MIB
"""Below, a part is read faster than a thread is told to read it."""

ONCE_FROM = 128 * MIB
"""From here on a case is observed once a block, after one call that is not: each takes some 10 ms."""

PATTERN = (0.0, 1.0, 2.0, 3.0)
LAST = 5.0
"""In place of the last 3: sums of small whole numbers, the same in any order; the exclusive or of all bits is not 0."""

TYPECODES: Mapping[str, Literal["d", "f", "q"]] = {"float64": "d", "float32": "f", "int64": "q"}

QUANTITIES = (Quantity("bandwidth", "GB/s", "bytes of a vector added up in a second, in 10⁹"),)


def design(settings: Settings) -> Design:
    """Two groups for each size, one thread and all; the other types where they fit a cache."""
    sizes = {"quick": QUICK, "full": FULL}.get(settings.plan, SWEEP)
    groups = [group for size in sizes for group in _groups(size, settings.most_workers)]
    groups += [_types(size) for size in sizes if size in CACHED]
    return Design(tuple(groups), tuple(claims(sizes, settings.most_workers)), tuple(_figures(sizes, settings)))


def _groups(size: int, workers: int) -> Iterator[Group]:
    numpy, ours = case_of(NUMPY, size), case_of(OURS, size)
    arms = (_arm(case_of(way, size), None if way == NUMPY else numpy) for way in ALONE)
    yield Group(f"{words(size)} on one thread", tuple(arms), single=size >= ONCE_FROM)
    by_all = [PARALLEL, *([LOADS_BY_ALL] if size >= BY_ALL_FROM else [])]
    arms = (_arm(case_of(way, size, workers), ours) for way in by_all)
    adder = (_arm(adding(), ours),) if size == QUICK[0] else ()
    yield Group(f"{words(size)} on all cores", (_arm(ours, None), *arms, *adder), single=size >= ONCE_FROM)


def _types(size: int) -> Group:
    pairs = [(case_of(NUMPY, size, of=name), case_of(OURS, size, of=name)) for name in TYPES]
    return Group(f"{words(size)} of other types", tuple(a for n, o in pairs for a in (_arm(n, None), _arm(o, n))))


def _arm(case: Case, control: Case | None) -> Arm:
    """The vector belongs to all of a group: it is counted with the one that the others are compared with."""
    return Arm(case, control, memory_bytes=0 if control else case.size)


def _figures(sizes: tuple[int, ...], settings: Settings) -> Iterator[Figure]:
    def series(name: str, way: str, workers: int = 0, least: int = 0) -> Iterator[Mark]:
        for size in sizes:
            if size >= least:
                yield Mark(case_of(way, size, workers), f"{name}, {words(size)}", None, name, size)

    most = settings.most_workers
    limit = (Mark(adding(), f"additions alone, {words(size)}", None, "additions alone", size) for size in sizes)
    yield Figure(
        "roofline",
        "How fast one thread adds up a vector, by its size",
        "lines",
        "bandwidth",
        Estimand.LEVEL,
        (
            *limit,
            *series("loads alone", LOADS),
            *series("sum_float64", OURS),
            *series("numpy.sum", NUMPY),
            *series("sum_compensated", COMPENSATED),
            *series("sum_reproducible", REPRODUCIBLE),
        ),
        x_label="bytes",
        caches=True,
        claims=tuple(claim.id for claim in claims(sizes, most) if claim.id != "roofline-parallel"),
    )
    yield Figure(
        "roofline-cores",
        f"How fast {most} threads add up a vector together, by its size",
        "lines",
        "bandwidth",
        Estimand.LEVEL,
        (
            *series("loads alone, all cores", LOADS_BY_ALL, most, BY_ALL_FROM),
            *series("sum_parallel", PARALLEL, most),
            *series("sum_float64, one thread", OURS),
        ),
        x_label="bytes",
        caches=True,
        claims=("roofline-parallel",),
    )


def probe(case: Case) -> Iterator[Sample]:
    """Adds up the vector of that type and size, which all ways share, until enough bytes are read."""
    if case.workload == ARITHMETIC:
        yield _additions
        return
    kind = (case.implementation, case.size)
    with shared(("vector", *kind), lambda: nullcontext(_vector(*kind))) as vector, _measured(case, vector) as run:
        calls = max(1, READ_BYTES // case.size)
        if case.size >= ONCE_FROM:
            run(1)

        def sample(count: int) -> Mapping[str, Observation]:
            took = sum(run(calls) for _ in range(count))
            return {"bandwidth": count * calls * case.size / took}

        yield sample


def _additions(count: int) -> Mapping[str, Observation]:
    """Numbers added in registers, as the bytes that they would be."""
    from perflab.kernels import limits

    started = monotonic_ns()
    added = sum(limits.arithmetic(ADDING_ROUNDS) for _ in range(count))
    return {"bandwidth": 8 * added / (monotonic_ns() - started)}


def _vector(of: str, size: int) -> Any:
    import numpy as np

    numbers = np.frombuffer(filled(TYPECODES[of], size, [int(one) if of == "int64" else one for one in PATTERN]), of)
    numbers[-1] = LAST
    return numbers


@contextmanager
def _measured(case: Case, vector: Any) -> Iterator[Callable[[int], int]]:
    """What runs the case so many times, checks what comes out, and says how many ns it took."""
    if case.strategy == LOADS_BY_ALL:
        with threads(case.workers) as together:
            yield lambda calls: _check(case, *_read_by_all(together, _parts(vector, case.workers), calls))
        return
    function, arguments = _function(case), (vector, *([case.workers] if case.strategy == PARALLEL else []))

    def run(calls: int) -> int:
        started = monotonic_ns()
        for _ in repeat(None, calls):
            answer = function(*arguments)  # nothing in between: a call on few KiB takes 0.2 µs
        return _check(case, answer, monotonic_ns() - started)

    yield run


def _function(case: Case) -> Callable[..., Any]:
    from perflab.kernels import limits, sums

    if case.strategy == NUMPY:
        import numpy as np

        return np.sum
    ways: dict[str, Callable[..., Any]] = {
        OURS: getattr(sums, f"sum_{case.implementation}"),
        LOADS: limits.load_only,
        COMPENSATED: sums.sum_compensated,
        REPRODUCIBLE: sums.sum_reproducible,
        PARALLEL: sums.sum_parallel,
    }
    return ways[case.strategy]


def _parts(vector: Any, workers: int) -> list[Any]:
    bounds = [len(vector) * number // workers for number in range(workers + 1)]
    return [vector[start:stop] for start, stop in pairwise(bounds)]


def _read_by_all(together: Callable[[list[Work]], list[Turn]], parts: list[Any], calls: int) -> tuple[int, int]:
    """The exclusive or of all parts, each read by a thread so many times, and the ns it took."""
    from perflab.kernels import limits

    def reading(part: Any) -> Work:
        return lambda: [limits.load_only_nogil(part) for _ in repeat(None, calls)][-1]

    turns = together([reading(part) for part in parts])
    return reduce(xor, (turn.answer for turn in turns)), span_ns(turns)


def _check(case: Case, answer: Any, took: int) -> int:
    """The time, if the answer is that of the pattern; WrongAnswer otherwise."""
    if case.strategy in (LOADS, LOADS_BY_ALL):
        expected: float = _bits(LAST) ^ _bits(PATTERN[-1])
    else:
        elements = case.size // (4 if case.implementation == "float32" else 8)
        expected = sum(PATTERN) / len(PATTERN) * elements + LAST - PATTERN[-1]
    if answer != expected:
        raise WrongAnswer(f"{case.id} answered {answer!r}, expected {expected!r}")
    return took


def _bits(number: float) -> int:
    found: int = struct.unpack("=q", struct.pack("=d", number))[0]
    return found


EXPERIMENT = Experiment(
    name="roofline",
    question="How near do sums of vectors come to what the hardware allows, in the caches and beyond?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A vector of one size is added up again and again: by this package's sums, by numpy.sum, by sums that "
        "compensate their rounding or do not depend on the order, and by a pool of threads. Beside them stand two "
        "limits: a loop that loads every number and does next to nothing with it, on one thread and a part by each "
        "thread, and a loop that only adds, in registers. All ways of one size read the same memory in the same "
        "rounds, in pages that were written before. The numbers are small and whole, so that every order of adding "
        "gives one sum, which is checked. Sizes run from the first-level cache to several times the last one."
    ),
    limits=(
        "A vector that is read again and again stays in whatever cache it fits; a program that reads each vector once "
        "meets memory sooner. Calls on a few KiB are mostly the call. How large the caches are is in the head of the "
        "report; in a virtual machine the last one is shared with others, and what it is said to hold may be taken. "
        "Bytes in a second say nothing of errors, which another experiment measures."
    ),
    weight=3,
    place=32,
)
