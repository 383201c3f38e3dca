"""The nouns of the lab: frozen, slotted, free of behaviour that measures, reads files or prints.

Everything here can be imported by every other module, and imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any, Literal

Number = int | float
Observation = int | float | str
"""What one sample says of one quantity; a text is an outcome, judged as a share."""

Params = tuple[tuple[str, int | str], ...]


class Word(str, Enum):
    """A string enumeration whose members print and serialise as their value."""

    def __str__(self) -> str:
        return str(self.value)


class Estimand(Word):
    """What is estimated from a quantity over the blocks."""

    RATIO = "ratio"
    """Case over control: the median over blocks of the within-block log ratio, shown as a factor."""
    DIFFERENCE = "difference"
    """Case minus control, in the quantity's unit."""
    LEVEL = "level"
    """The case's own value, in the quantity's unit."""
    SHARE = "share"
    """The fraction of blocks whose every sample shows the expected outcome, Clopper-Pearson over blocks."""


class Relation(Word):
    """How the interval must lie to the bound for a clause to hold."""

    BELOW = "<"
    ABOVE = ">"
    WITHIN = "within"
    """For a ratio: between 1 / (1 + bound) and 1 + bound. For the others: between -bound and +bound."""


class Role(Word):
    """What a clause does in its claim."""

    DECIDES = "decides"
    """Holding confirms (with all its like), failing refutes."""
    SUPPORTS = "supports"
    """A positive control: must hold before the claim is confirmed, but can never refute it."""
    PRECONDITION = "precondition"
    """Must hold, or the claim is unresolved either way (a ceiling too low to tell)."""
    BESIDE = "beside"
    """Measured and shown next to the others; changes no verdict."""


class Verdict(Word):
    """The five ends of a claim, spelled as in JSON."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNRESOLVED = "unresolved"
    NOT_APPLICABLE = "not-applicable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of a grid, and its identity everywhere.

    ``size`` is the number of elements of the workload, ``workers`` counts threads or processes (0: not meant),
    ``start_method`` is empty unless processes are started, ``interpreter`` is empty for the lab's own,
    ``params`` are sorted pairs, so that an experiment can name what it varies without editing the model.
    """

    workload: str = ""
    implementation: str = ""
    strategy: str = ""
    workers: int = 0
    size: int = 0
    start_method: str = ""
    interpreter: str = ""
    params: Params = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(sorted((str(name), value) for name, value in self.params)))

    @property
    def id(self) -> str:
        """The identity as one line: unique among cases, stable across runs with the same sizes."""
        words = [self.workload, self.implementation, self.strategy, self.start_method, self.interpreter]
        words += [f"w{self.workers}"] if self.workers else []
        words += [f"n{self.size}"] if self.size else []
        words += [f"{name}={value}" for name, value in self.params]
        return "/".join(word for word in words if word)

    def param(self, name: str, default: int | str = "") -> int | str:
        """The value of one parameter, or ``default``."""
        return dict(self.params).get(name, default)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON types; ``params`` as an object."""
        return {**asdict(self), "params": dict(self.params)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Case:
        """The inverse of :meth:`to_json`."""
        return cls(**{**fields, "params": tuple(fields["params"].items())})


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something a sample observes: ``wall_ns`` in ns, say.

    A derived quantity names the observed one it is ``of`` and reads it upside down (``inverse``):
    speed-up is the inverse of wall time, so that a clause may say "speed-up above 1.2".
    """

    name: str
    unit: str
    meaning: str
    of: str = ""
    inverse: bool = False

    @property
    def observed(self) -> str:
        """The name under which samples carry it."""
        return self.of or self.name


STANDARD_QUANTITIES = (
    Quantity("wall_ns", "ns", "wall time of one warm call"),
    Quantity("cpu_ns", "ns", "CPU time of the host and all its descendants during one warm call"),
    Quantity("cold_ns", "ns", "wall time from nothing set up to the first correct result"),
    Quantity("teardown_ns", "ns", "wall time of closing what was set up"),
    Quantity("pss_bytes", "bytes", "proportional set size of the host and all its descendants, taken warm"),
    Quantity("speedup", "x", "how many times faster than the control", of="wall_ns", inverse=True),
)
"""What every timed case observes; an experiment with a probe of its own declares its own quantities besides."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A case as a member of a group: whom it is compared with, and where it lives.

    Arms of one group with equal ``host`` share one host process; a case that starts worker processes
    has a host of its own (give it its case id). ``memory_bytes`` is what it needs beyond an interpreter.
    ``cores`` is how many it can keep busy at once, where that is not its number of workers (a server besides them).
    """

    case: Case
    control: Case | None = None
    host: str = "shared"
    memory_bytes: int = 0
    cores: int = 0

    @property
    def demand(self) -> int:
        """How many cores it can keep busy at once, at least one."""
        return max(1, self.cores or self.case.workers)


@dataclass(frozen=True, slots=True)
class Group:
    """At most about four cases that are visited in turn, in the same rounds.

    With ``per_case_count`` each case calibrates how many times one sample repeats its call, so that a sample of
    a fast case lasts as long as that of a slow one, and its quantities are per call. Otherwise a sample is one call.
    """

    name: str
    arms: tuple[Arm, ...]
    per_case_count: bool = False
    rounds: int = 0
    """The least number of rounds in a block; 0 leaves it to the plan."""
    single: bool = False
    """Observe each case once a block, when it is opened, and in no rounds: for outcomes, and for what is costly to see.
    Such a group may have any number of cases, and its ratios are those of the two observations of a block."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One measurable part of a claim: the interval of (case against control) must lie beyond the bound."""

    case: Case
    quantity: str
    estimand: Estimand
    relation: Relation
    bound: float
    control: Case | None = None
    role: Role = Role.DECIDES
    label: str = ""
    expected: str = ""
    """For a share: the outcome that counts."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that the lab judges; the first deciding clause gives the claim its value."""

    id: str
    sentence: str
    clauses: tuple[Clause, ...]
    seed: tuple[str, ...] = ()
    conditions: str = ""
    """The conditions under which the sentence is meant, in words."""
    not_applicable: str = ""
    """Why it cannot be judged here (another system, another version); empty where it can."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One row or point of a figure: a case (against a control for ratios) and where it is drawn."""

    case: Case
    label: str
    control: Case | None = None
    series: str = ""
    x: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A labelled line at a value of the quantity's axis; with ``of``, at so many times what that case has."""

    value: float
    label: str
    of: Case | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A labelled line through given points (x, value) of a ``lines`` figure: a law to hold measurements against."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure declared as data.

    ``strip``: a row for each mark, every block a dot, the median and its interval.
    ``lines``: marks joined along ``x`` for each series, every block a dot, the interval as a band.
    """

    name: str
    title: str
    kind: Literal["strip", "lines"]
    quantity: str
    estimand: Estimand
    marks: tuple[Mark, ...]
    log: bool = True
    x_label: str = ""
    references: tuple[Reference, ...] = ()
    claims: tuple[str, ...] = ()
    """Ids of the claims whose verdicts stand under the title."""
    curves: tuple[Curve, ...] = ()
    across: str = ""
    """For ``lines``: the quantity by which marks are placed along x, joined in the order in which they are declared."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of work: the ways of running it, each by its name and a case, and the claim that speaks of it."""

    work: str
    ways: tuple[tuple[str, Case], ...]
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """A map of which way suits which work, for the head of a report.

    The ways of each choice are compared with the best of them by ``quantity``; ``beside`` are shown likewise.
    """

    title: str
    choices: tuple[Choice, ...]
    quantity: str
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """What an experiment does under given settings."""

    groups: tuple[Group, ...]
    claims: tuple[Claim, ...] = ()
    figures: tuple[Figure, ...] = ()
    guides: tuple[Guide, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case once, in order of first appearance."""
        return tuple(dict.fromkeys(arm.case for group in self.groups for arm in group.arms))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What evidence makes a round contaminated: fractions of the round's wall time, summed over the cores."""

    steal: float = 0.05
    foreign_cpu: float = 0.20
    least_ns: int = 30_000_000
    """Kernel ticks are 10 ms: below three of them the evidence says nothing."""
    repeat: float = 0.25
    """At most this share of rounds is run again; if more are contaminated, the neighbour is constant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: declared looks (in blocks), rounds, sample length, seconds for each unit of weight."""

    name: str
    looks: tuple[int, ...]
    rounds: int
    sample_ns: int
    scale: float
    thresholds: Thresholds = Thresholds()


PLANS: Mapping[str, Plan] = {
    "quick": Plan("quick", (6, 8, 12), 3, 12_000_000, 0.85),
    "default": Plan("default", (8, 12, 18, 24), 4, 15_000_000, 2.6),
    "full": Plan("full", (6, 8, 12, 18, 24, 36, 48), 8, 30_000_000, 20.0),
}


PARALLEL_NS = 40_000_000
"""Serial work that is split over workers takes at least this long.

A scheduler often wakes a second worker on the core of the first and moves it only after several ms: measured on two
cores, two nogil threads on 12 ms of work took 1.02 to 1.24 times their best (the median), on 40 ms 1.01 to 1.02 times.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a design may depend on; stored in the run's header, so that the same design can be made again.

    ``speeds`` maps "workload/implementation" to the ns per element measured at the start of the run.
    ``overrides`` are what ``--set`` said: workers, size, start_method.
    """

    plan: str = "default"
    cores: int = 2
    start_methods: tuple[str, ...] = ("fork", "spawn", "forkserver")
    default_start_method: str = "fork"
    speeds: tuple[tuple[str, float], ...] = ()
    overrides: tuple[tuple[str, tuple[int | str, ...]], ...] = ()

    def override(self, name: str) -> tuple[Any, ...]:
        """What ``--set name=…`` gave, or an empty tuple."""
        return dict(self.overrides).get(name, ())

    @property
    def workers(self) -> tuple[int, ...]:
        """The worker counts to sweep: powers of two up to the cores, and the cores."""
        powers = [2**k for k in range(self.cores.bit_length()) if 2**k <= self.cores]
        return self.override("workers") or tuple(sorted({*powers, self.cores}))

    @property
    def most_workers(self) -> int:
        """The worker count at which claims are judged."""
        return max(self.workers)

    @property
    def alone(self) -> bool:
        """Whether there is one core or one worker only, so that nothing can run in parallel."""
        return min(self.cores, self.most_workers) < 2

    @property
    def chosen_start_methods(self) -> tuple[str, ...]:
        """The platform's default first; quick adds spawn only, the other plans all there are."""
        wanted = self.override("start_method")
        if wanted:
            return wanted
        rest = ("spawn",) if self.plan == "quick" else self.start_methods
        return tuple(dict.fromkeys((self.default_start_method, *(m for m in rest if m in self.start_methods))))

    def size(self, workload: str, implementation: str, sample_ns: int = 0) -> int:
        """Elements that take one sample's time, to two digits: what ``--set size=N`` says, or by measured speed."""
        chosen = self.override("size")
        if chosen:
            return int(chosen[0])
        elements = (sample_ns or PLANS[self.plan].sample_ns) / dict(self.speeds).get(f"{workload}/{implementation}", 10)
        return max(2, int(float(f"{elements:.1e}")))

    def parallel_size(self, workload: str, implementation: str) -> int:
        """Elements whose serial work takes PARALLEL_NS or the plan's sample, whichever is longer."""
        return self.size(workload, implementation, max(PARALLEL_NS, PLANS[self.plan].sample_ns))

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON types."""
        return {
            "plan": self.plan,
            "cores": self.cores,
            "start_methods": list(self.start_methods),
            "default_start_method": self.default_start_method,
            "speeds": dict(self.speeds),
            "overrides": {name: list(values) for name, values in self.overrides},
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Settings:
        """The inverse of :meth:`to_json`."""
        return cls(
            plan=fields["plan"],
            cores=fields["cores"],
            start_methods=tuple(fields["start_methods"]),
            default_start_method=fields["default_start_method"],
            speeds=tuple(fields["speeds"].items()),
            overrides=tuple((name, tuple(values)) for name, values in fields["overrides"].items()),
        )


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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case has no answer: what happened, in one line, with the evidence (a traceback, a stack dump)."""

    kind: Literal["raised", "wrong", "hung", "died", "refused"]
    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One visit of each case of a group, in the order drawn; ``samples`` maps case ids to what they observed.

    ``evidence``: ``wall_ns`` of the round, ``steal_ns``, ``foreign_ns`` (CPU time of others), ``psi_us``,
    ``throttled_us``, and for each case id ``run_delay_ns:<id>`` and ``involuntary:<id>``; what the system
    does not tell is left out. ``replaced``: contaminated, and run again later in the same block.
    """

    samples: Mapping[str, Mapping[str, Observation]]
    order: tuple[str, ...] = ()
    evidence: Mapping[str, Number] = field(default_factory=dict)
    contaminated: bool = False
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """What one block observed of a group: rounds, and per case what is observed once a block."""

    name: str
    rounds: tuple[RoundRecord, ...] = ()
    once: Mapping[str, Mapping[str, Observation]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One line of the journal: a finished block of one experiment. ``ledger`` says where its seconds went."""

    experiment: str
    block: int
    seed: int
    groups: tuple[GroupRecord, ...]
    ledger: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run as read back: the header's parts and the finished blocks, in order."""

    settings: Settings
    experiments: tuple[str, ...]
    seed: int
    environment: Mapping[str, Any]
    code_hash: str
    started: str
    blocks: tuple[BlockRecord, ...]
    version: str = ""
    ended: Mapping[str, Any] = field(default_factory=dict)
    """The closing line of a run that came to its end: seconds by kind, and whether it was interrupted."""
    grid: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The case ids that each experiment was designed to measure."""

    def blocks_of(self, experiment: str) -> tuple[BlockRecord, ...]:
        """The blocks of one experiment."""
        return tuple(block for block in self.blocks if block.experiment == experiment)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimand over blocks: median and interval; ``values`` are the blocks' own, in order.

    ``low`` and ``high`` are None where too few blocks allow no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    values: tuple[float, ...] = ()
    all_value: float | None = None
    """The same with contaminated rounds put back, published beside it."""


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """A clause with what was measured; ``holds`` is None where the interval lies astride the bound."""

    clause: Clause
    estimate: Estimate
    holds: bool | None
    margin_used: float | None = None
    """For WITHIN: the bound after widening by the run's A/A interval."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim's end: the verdict, why in a sentence, and every clause's result."""

    experiment: str
    claim: Claim
    verdict: Verdict
    reason: str
    clauses: tuple[ClauseResult, ...] = ()
    confidence: float = 0.95

    @property
    def deciding(self) -> ClauseResult | None:
        """The clause whose value is the claim's own."""
        return next((result for result in self.clauses if result.clause.role is Role.DECIDES), None)


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One row of the table of cases: a quantity's level, and its ratio to the case's control."""

    experiment: str
    case: Case
    quantity: Quantity
    level: Estimate
    control: Case | None = None
    ratio: Estimate | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything derived from a stored run that a report shows."""

    run: Run
    judgements: tuple[Judgement, ...]
    summaries: tuple[CaseSummary, ...]
    null: Mapping[str, Estimate] = field(default_factory=dict)
    """The A/A ratios by kind ("one host", "separate hosts")."""
    warnings: tuple[str, ...] = ()
