"""Gather what one experiment's claims are judged by: its design, its blocks, its failures, and the run's A/A."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perflab import registry
from perflab.errors import BadRun
from perflab.model import PLANS, BlockRecord, Case, Design, Estimate, Experiment, Failure, Plan, Settings
from perflab.rounds import beside_slow_core, has_neighbour
from perflab.verdict.values import BlockTable, tabulate

NULL = "null"
"""The experiment whose cases with the parameter twin=1 are A/A: a control loaded a second time."""

ONE_HOST, SEPARATE_HOSTS = "one host", "separate hosts"

Known = Mapping[str, Experiment] | None
"""Experiments by name; None for the registered ones."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One experiment as far as it was measured; ``failures`` are each case's first, by case id."""

    experiment: Experiment
    design: Design
    looks: tuple[int, ...]
    tables: tuple[BlockTable, ...]
    failures: Mapping[str, Failure]
    null: Mapping[str, Estimate]
    busy: float = 0.0
    """The share of rounds that others on this machine disturbed and that were not run again."""
    slow: float = 0.0
    """The share of rounds beside a core that another machine slowed down, and that were not set aside."""
    busy_above: float = 1.0
    """The share from which on the neighbour is taken to be constant."""
    cores: int = 1
    """How many this machine has for the lab."""

    def kind(self, case: Case, control: Case) -> str:
        """Whether the two share one host in every group where they meet: such twins differ less."""
        return host_kind(self.design, case, control)

    def demand(self, case: Case) -> int:
        """How many cores the case can keep busy at once."""
        arms = (arm for group in self.design.groups for arm in group.arms if arm.case == case)
        return max((arm.demand for arm in arms), default=max(1, case.workers))


def gather(
    experiment: Experiment, settings: Settings, blocks: Iterable[BlockRecord], null: Mapping[str, Estimate]
) -> Evidence:
    """The evidence in these blocks; those of other experiments are passed over."""
    own = [block for block in blocks if block.experiment == experiment.name]
    failures: dict[str, Failure] = {}
    for group in (group for block in own for group in block.groups):
        failures = {**group.failures, **failures}
    kept = [one for block in own for group in block.groups for one in group.rounds if not one.replaced]
    thresholds = plan_of(settings).thresholds
    return Evidence(
        experiment=experiment,
        design=experiment.design(settings),
        looks=plan_of(settings).looks,
        tables=tuple(tabulate(block) for block in own),
        failures=failures,
        # The A/A of a run judges the others; it cannot excuse itself.
        null={} if experiment.name == NULL else null,
        busy=sum(one.contaminated and has_neighbour(one.evidence, thresholds) for one in kept) / max(1, len(kept)),
        slow=sum(beside_slow_core(one.evidence, thresholds) for one in kept) / max(1, len(kept)),
        busy_above=thresholds.repeat,
        cores=settings.cores,
    )


def plan_of(settings: Settings) -> Plan:
    """The plan of these settings; BadRun for a name that this version does not know."""
    if settings.plan not in PLANS:
        raise BadRun(
            f"the run's plan is '{settings.plan}', expected one of {', '.join(PLANS)}: is it from a newer perflab?"
        )
    return PLANS[settings.plan]


def find_experiment(name: str, known: Known) -> Experiment:
    """The experiment of that name; BadRun where the run names one that is not there any more."""
    experiments = registry.experiments() if known is None else known
    if name not in experiments:
        raise BadRun(
            f"the run holds experiment '{name}', which is not there now{registry.nearest(name, experiments)}; "
            "install the package that brought it, or read the run with the version that wrote it"
        )
    return experiments[name]


def host_kind(design: Design, case: Case, control: Case) -> str:
    """ONE_HOST where every group that has both gives both the same host, else SEPARATE_HOSTS."""
    hosts = [{arm.case: arm.host for arm in group.arms} for group in design.groups]
    meetings = [(of[case], of[control]) for of in hosts if case in of and control in of]
    return ONE_HOST if meetings and all(a == b for a, b in meetings) else SEPARATE_HOSTS
