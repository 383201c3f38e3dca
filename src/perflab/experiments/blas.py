"""Asks what happens when several workers call a BLAS that has threads of its own: workers against threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from perflab import procfs
from perflab.clock import monotonic_ns
from perflab.errors import CaseError, WrongAnswer
from perflab.experiments._shared import shared
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

QUANTITIES = (
    Quantity("time_ns", "ns", "wall time of all products"),
    Quantity("threads", "threads", "threads of a worker after its products"),
)

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What BLAS libraries read once, when they are loaded: hence a host for each number of threads."""

JUDGED = 256
SIZES = {"quick": (JUDGED,), "default": (64, 128, JUDGED), "full": (64, 128, JUDGED, 512, 1024)}
"""Rows of the matrices, by plan: a millisecond or two a product at the judged size."""

LEAST_PRODUCTS = 4
CORES_PRODUCTS = {"quick": LEAST_PRODUCTS, "default": 64, "full": 64}
"""What shows that there are two cores, by plan: 64 products take some 40 ms. Four, in two workers of 1.3 ms each, did
not overlap at all; but 64 by too many threads take up to a second, which is why only the precondition asks for them."""

SLOWER = 1.2
"""Two processes that do the same differ by up to 11 %: slower means more than that."""

FASTER = 1 / 1.2
TWO_CORES = 1 / 1.3
"""What a machine with a second core to spare gives, as a precondition."""

SEVERAL = 1.5
"""One thread and two lie on either side of it."""


def design(settings: Settings) -> Design:
    """For each size of matrix: one worker or as many as cores, each with one BLAS thread or as many as cores."""
    groups = tuple(_group(settings, size) for size in SIZES[settings.plan])
    figures = (_figure(settings), *((_sweep(settings),) if len(groups) > 1 else ()))
    one, each = _cores(settings)
    if one not in {arm.case for group in groups for arm in group.arms}:
        groups = (*groups, Group("cores", (_arm(one, None), _arm(each, one))))
    return Design(groups, tuple(_claims(settings)), figures)


def _many(settings: Settings) -> int:
    return max(2, settings.most_workers)


def _case(settings: Settings, workers: int, threads: int, size: int = JUDGED, least: int = LEAST_PRODUCTS) -> Case:
    products = max(least, _many(settings))
    params = (("threads", threads), ("products", products - products % workers), ("crew", _many(settings)))
    return Case(
        strategy="pool", workers=workers, size=size, start_method=settings.chosen_start_methods[0], params=params
    )


def _group(settings: Settings, size: int) -> Group:
    """The control is the way that uses each core once: as many workers as cores, a thread each."""
    many = _many(settings)
    control = _case(settings, many, 1, size)
    cells = ((many, many), (1, 1), (1, many))
    others = (_arm(_case(settings, *cell, size), control) for cell in cells)
    return Group(f"matrices of {size}", (_arm(control, None), *others))


def _cores(settings: Settings) -> tuple[Case, Case]:
    """One worker and all of them, with a thread each, on work that is long enough to overlap."""
    least = CORES_PRODUCTS[settings.plan]
    return _case(settings, 1, 1, least=least), _case(settings, _many(settings), 1, least=least)


def _arm(case: Case, control: Case | None) -> Arm:
    threads = int(case.param("threads"))
    needed = 3 * 8 * case.size**2 * int(case.param("crew"))
    return Arm(case, control, f"{threads} BLAS threads", needed, cores=case.workers * threads)


def _claims(settings: Settings) -> Iterator[Claim]:
    many = _many(settings)
    alone = "one core only: nothing can run in parallel" if min(settings.cores, settings.most_workers) < 2 else ""
    each, crowd = _case(settings, many, 1), _case(settings, many, many)
    one, one_threaded = _case(settings, 1, 1), _case(settings, 1, many)
    obeyed = Clause(
        crowd,
        "threads",
        Estimand.LEVEL,
        Relation.ABOVE,
        SEVERAL,
        role=Role.PRECONDITION,
        label="threads that a worker's BLAS has started",
    )
    long_one, long_each = _cores(settings)
    cores = Clause(
        long_each,
        "time_ns",
        Estimand.RATIO,
        Relation.BELOW,
        TWO_CORES,
        long_one,
        Role.PRECONDITION,
        f"{many} workers with one thread each",
    )
    work = f"numpy products of {JUDGED} × {JUDGED} float64 matrices, {many} processes, warm"
    yield Claim(
        "blas-oversubscription",
        "As many workers as cores are slower when each has as many BLAS threads as when each has one",
        (
            Clause(crowd, "time_ns", Estimand.RATIO, Relation.ABOVE, SLOWER, each, label=f"{many} threads each"),
            obeyed,
            cores,
        ),
        conditions=f"by more than a fifth; {work}",
        not_applicable=alone,
    )
    yield Claim(
        "blas-threads",
        "A single worker's products are faster with as many BLAS threads as cores than with one",
        (
            Clause(one_threaded, "time_ns", Estimand.RATIO, Relation.BELOW, FASTER, one, label=f"{many} BLAS threads"),
            obeyed,
            cores,
        ),
        conditions=f"more than 1.2 times as fast; {work}, of which one works",
        not_applicable=alone,
    )


def _words(workers: int, threads: int) -> str:
    worker = "1 worker" if workers == 1 else f"{workers} workers"
    return f"{worker}, {threads} BLAS thread{'s' if threads > 1 else ''} each"


def _figure(settings: Settings) -> Figure:
    many = _many(settings)
    cells = ((1, 1), (1, many), (many, many))
    control = _case(settings, many, 1)
    return Figure(
        "blas",
        f"Time of the same matrix products, against {_words(many, 1)}",
        "strip",
        "time_ns",
        Estimand.RATIO,
        tuple(Mark(_case(settings, *cell), _words(*cell), control) for cell in cells),
        references=(Reference(1.0, _words(many, 1)),),
        claims=("blas-oversubscription", "blas-threads"),
    )


def _sweep(settings: Settings) -> Figure:
    many = _many(settings)
    marks = (
        Mark(
            _case(settings, *cell, size),
            f"{_words(*cell)}, {size} rows",
            _case(settings, many, 1, size),
            _words(*cell),
            float(size),
        )
        for cell in ((1, many), (many, many))
        for size in SIZES[settings.plan]
    )
    return Figure(
        "blas-sizes",
        f"Time of matrix products by the size of the matrices, against {_words(many, 1)}",
        "lines",
        "time_ns",
        Estimand.RATIO,
        tuple(marks),
        x_label="rows and columns",
        claims=("blas-oversubscription",),
    )


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Set the variables while the body starts workers. CaseError where numpy is loaded: its BLAS has read them."""
    if "numpy" in sys.modules:
        raise CaseError("numpy is loaded already, expected a fresh process: its BLAS reads the variables only once")
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _crew(start_method: str, workers: int, threads: int) -> Iterator[Any]:
    """The one pool of this host. Its workers load numpy themselves: loaded before, its threads would meet the fork."""
    import multiprocessing

    with limited_to(threads):
        pool = multiprocessing.get_context(start_method).Pool(workers)
    with pool:
        pool.map(multiply, [(JUDGED, 1)] * 2 * workers, 1)
        yield pool
        pool.close()
        pool.join()


@cache
def _matrices(size: int) -> tuple[Any, Any, float]:
    """Two matrices of small whole numbers, and the sum over their product: exact, and found without a product."""
    import numpy

    left = (numpy.arange(size * size) % 7).astype(float).reshape(size, size)
    right = (numpy.arange(size * size) % 5).astype(float).reshape(size, size)
    return left, right, float((left.sum(axis=0) * right.sum(axis=1)).sum())


def multiply(task: tuple[int, int]) -> int:
    """So many products of matrices of that size, in a worker; how many threads it has then. WrongAnswer when off."""
    size, products = task
    left, right, expected = _matrices(size)
    for _ in range(products):
        found = left @ right
    if float(found.sum()) != expected:
        raise WrongAnswer(f"the product's elements sum to {float(found.sum())}, expected {expected}")
    return procfs.thread_count(os.getpid()) or 0


def probe(case: Case) -> Iterator[Sample]:
    """All products by one worker of the host's pool, or shared by all."""
    threads, products, crew = (int(case.param(name)) for name in ("threads", "products", "crew"))
    tasks = [(case.size, products // case.workers)] * case.workers
    with shared(("blas", threads), lambda: _crew(case.start_method, crew, threads)) as pool:

        def sample(count: int) -> Mapping[str, Observation]:
            started = monotonic_ns()
            for _ in range(count):
                seen = pool.map(multiply, tasks, 1)
            return {"time_ns": (monotonic_ns() - started) / count, "threads": max(seen)}

        yield sample


EXPERIMENT = Experiment(
    name="blas",
    question="What happens when several workers call a BLAS that has threads of its own?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "A pool with as many workers as cores multiplies matrices with numpy: all its workers share the products, or "
        "one of them does them all. Once every worker's BLAS may use one thread, once as many as there are cores: "
        f"that is said by {', '.join(VARIABLES)}, set in a process of its own before its workers load numpy, because "
        "the library reads them only then. How many threads a worker really has is read from /proc. The elements of "
        "each product are whole numbers, and their sum is checked."
    ),
    limits=(
        "It is the BLAS that this numpy came with, at one size of matrix (the longer plans sweep it); others share "
        "cores better or worse. Other libraries with threads of their own (OpenMP loops, compression, data frames) "
        "are oversubscribed in the same way, and are not measured here. Where the library ignores the variables, the "
        "claims are left open, since a precondition asks for its threads."
    ),
    weight=3.5,
    place=86,
)
