"""Which cases and controls the patterns of an expected ratio mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from perflab import registry
from perflab.check.expectations import RatioExpected
from perflab.errors import BadInput
from perflab.model import Case, Design, Experiment, Run
from perflab.verdict.evidence import Known, find_experiment


@dataclass(frozen=True, slots=True)
class Pair:
    """A case and what it is compared with, in one experiment."""

    experiment: str
    case: Case
    control: Case


@dataclass(frozen=True, slots=True)
class Pairs:
    """Those that the run measured; where there are none, the experiment that would."""

    measured: tuple[Pair, ...]
    elsewhere: str = ""


def pairs(run: Run, wanted: RatioExpected, known: Known) -> Pairs:
    """All that fit; BadInput where no known experiment has such a case, control or quantity."""
    experiments = registry.experiments() if known is None else known
    if wanted.experiment and wanted.experiment not in (*experiments, *run.experiments):
        close = registry.nearest(wanted.experiment, experiments)
        raise BadInput(f"'{wanted.name}' expects something of an unknown experiment '{wanted.experiment}'{close}")
    held = [find_experiment(name, known) for name in run.experiments if wanted.experiment in ("", name)]
    found = tuple(pair for one in held for pair in _in(one, one.design(run.settings), wanted))
    if found:
        return Pairs(found)
    others = [
        one for name, one in experiments.items() if name not in run.experiments and wanted.experiment in ("", name)
    ]
    for other in others:
        if any(_in(other, other.design(run.settings), wanted)):
            return Pairs((), other.name)
    raise _nothing_fits(run, wanted, {one.name: one for one in (*held, *others)})


def _in(experiment: Experiment, design: Design, wanted: RatioExpected) -> Iterator[Pair]:
    """Controls as they are declared; where none fits, one other case that is the only one to fit the pattern."""
    if wanted.quantity not in {quantity.name for quantity in experiment.quantities}:
        return
    chosen = [case for case in design.cases if fnmatchcase(case.id, wanted.case)]
    declared = list(_declared(design, chosen, wanted.control))
    if not declared and wanted.control:
        declared = [(case, _only_one(design, case, wanted)) for case in chosen]
    yield from (Pair(experiment.name, case, control) for case, control in declared if control is not None)


def _declared(design: Design, chosen: list[Case], pattern: str) -> Iterator[tuple[Case, Case | None]]:
    arms = [arm for group in design.groups for arm in group.arms if arm.control is not None]
    for case in chosen:
        controls = [arm.control for arm in arms if arm.case == case and arm.control is not None]
        yield from ((case, one) for one in dict.fromkeys(controls) if fnmatchcase(one.id, pattern or "*"))


def _only_one(design: Design, case: Case, wanted: RatioExpected) -> Case | None:
    others = [one for one in design.cases if one != case and fnmatchcase(one.id, wanted.control)]
    if len(others) > 1:
        raise BadInput(
            f"'{wanted.name}': control = '{wanted.control}' fits {len(others)} cases beside {case.id} "
            f"({', '.join(one.id for one in others[:3])}, …), expected one: make the pattern narrower"
        )
    return others[0] if others else None


def _nothing_fits(run: Run, wanted: RatioExpected, experiments: Mapping[str, Experiment]) -> BadInput:
    """Why there is nothing to compare: the quantity, the case or the control, with what comes nearest."""
    quantities = dict.fromkeys(quantity.name for one in experiments.values() for quantity in one.quantities)
    if wanted.quantity not in quantities:
        close = registry.nearest(wanted.quantity, quantities)
        return BadInput(f"'{wanted.name}' names an unknown quantity '{wanted.quantity}'{close}")
    ids = [case.id for one in experiments.values() for case in one.design(run.settings).cases]
    for key, pattern in (("case", wanted.case), ("control", wanted.control or "*")):
        if not any(fnmatchcase(one, pattern) for one in ids):
            close = registry.nearest(pattern, ids)
            return BadInput(
                f"'{wanted.name}': {key} = '{pattern}' fits no case{close}; 'perflab show RUN --json' has all"
            )
    return BadInput(
        f"'{wanted.name}': no case that fits '{wanted.case}' has a control that fits '{wanted.control or '*'}' and "
        f"the quantity {wanted.quantity} in one experiment; 'perflab show RUN --json' has all pairs"
    )
