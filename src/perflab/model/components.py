"""What is found by its place: experiments, workloads and strategies, and the task that joins the last two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from perflab.model.cases import STANDARD_QUANTITIES, Case, Number, Observation, Params, Quantity
from perflab.model.designs import Design
from perflab.model.plans import Settings

Sample = Callable[[int], Mapping[str, Observation]]
"""Takes one sample of ``count`` repetitions and says what it observed, per repetition."""

Probe = Callable[[Case], Iterator[Sample]]
"""A generator function: set up, ``yield`` the sample, tear down."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question, and how it is answered: one file in ``perflab.experiments`` whose EXPERIMENT is this.

    ``design`` maps settings to groups, claims and figures. ``probe`` observes a case in a host; without one,
    a case is a timed call of its workload under its strategy. ``calibrates`` names the "workload/implementation"
    pairs whose speed the design needs. ``weight`` is seven times the seconds of a quick block: the time to the first
    look, and a little; the sum of weights times the plan's scale is a run's budget.
    """

    name: str
    question: str
    design: Callable[[Settings], Design]
    probe: Probe | None = None
    quantities: tuple[Quantity, ...] = STANDARD_QUANTITIES
    calibrates: tuple[str, ...] = ()
    how: str = ""
    """How it is measured, in a paragraph for the report."""
    limits: str = ""
    """What the numbers do not say, in a paragraph for the report."""
    weight: float = 1.0
    place: int = 100
    """Where it stands in the order of a run and of the report."""
    listed: bool = True
    """False for one that a command of its own carries out, with cases that only it knows."""

    def quantity(self, name: str) -> Quantity:
        """The declared quantity of that name; KeyError where there is none."""
        return {quantity.name: quantity for quantity in self.quantities}[name]


Part = Callable[[Any, int, int], Number]
"""The partial result of the elements from start up to stop; a function of a module, so that it can be pickled."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is computed: inputs, code, oracle, and how partial results combine.

    ``load(size)`` makes the input: None, or an object with the buffer protocol of ``size`` elements of ``typecode``
    (an ``array`` type code). Sums of the inputs are exact, so that every split gives the identical answer.
    """

    name: str
    summary: str
    implementations: Mapping[str, Part]
    load: Callable[[int], Any]
    oracle: Callable[[int], Number]
    combine: Callable[[Iterable[Number]], Number] = sum
    typecode: str = ""
    imports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Modules by implementation that a host imports beforehand, as those of a strategy."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a strategy is asked to run."""

    workload: Workload
    implementation: str
    size: int
    workers: int = 1
    start_method: str = ""
    params: Params = ()

    @property
    def part(self) -> Part:
        """The code that computes one part."""
        return self.workload.implementations[self.implementation]

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """The parts, one a worker: contiguous, in order, of sizes that differ by at most one."""
        workers = max(1, self.workers)
        edges = [self.size * index // workers for index in range(workers + 1)]
        return tuple(pairwise(edges))


Call = Callable[[], Number]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the parts are run: one file in ``perflab.strategies`` whose STRATEGY is this.

    ``open`` is a generator function: it sets up, yields the call (which returns the combined answer), tears down.
    """

    name: str
    summary: str
    workers: Literal["none", "threads", "processes"]
    memory: Literal["shared", "copied", "server"]
    open: Callable[[Task], Iterator[Call]]
    imports: tuple[str, ...] = ()
    """Modules that ``open`` imports; a host imports them beforehand, so that cold does not time the import system."""

    @property
    def starts_processes(self) -> bool:
        """Whether its cases have a start method, and a host of their own."""
        return self.workers == "processes"
