"""The first six experiments: every design is well formed, and made by little."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product

import pytest

from experiments_support import METHODS, NAMES, experiment_named, printed_by
from perflab import registry
from perflab.model import PLANS, Case, Clause, Design, Estimand, Experiment, Role, Settings

GRID = (
    *(Settings(plan, cores, METHODS, method) for plan, cores, method in product(PLANS, (1, 2, 4, 48), METHODS)),
    Settings("default", 2, ("spawn",), "spawn"),
    Settings("quick", 2, overrides=(("workers", (3, 1)), ("size", (1000,)), ("start_method", ("spawn",)))),
)


def _named(settings: Settings) -> str:
    return f"{settings.plan}-{settings.cores}-{settings.default_start_method}-{len(settings.start_methods)}"


def _meets(design: Design, case: Case, control: Case | None) -> bool:
    """Whether one group has both, so that they are visited in the same rounds."""
    wanted = {case} | ({control} if control else set())
    return any(wanted <= {arm.case for arm in group.arms} for group in design.groups)


every_design = pytest.mark.parametrize(
    ("experiment", "design", "settings"),
    [
        pytest.param(
            experiment_named(name), experiment_named(name).design(settings), settings, id=f"{name}-{_named(settings)}"
        )
        for name in NAMES
        for settings in GRID
    ],
)


@every_design
def test_groups_are_small_and_hold_their_controls(experiment: Experiment, design: Design, settings: Settings) -> None:
    """A group has two to five cases, none twice, and each is compared with a case of the same group."""
    assert all(count == 1 for count in Counter(group.name for group in design.groups).values())
    for group in design.groups:
        cases = [arm.case for arm in group.arms]
        assert 2 <= len(cases) <= 5, group.name
        assert len({case.id for case in cases}) == len(cases), group.name
        assert {arm.control for arm in group.arms if arm.control} <= set(cases), group.name
        assert not any(arm.control == arm.case for arm in group.arms), group.name
        assert any(arm.control for arm in group.arms), group.name


@every_design
def test_claims_rest_on_cases_that_are_measured_together(
    experiment: Experiment, design: Design, settings: Settings
) -> None:
    """A claim that is judged has a deciding clause, and every clause's case and control meet in a group."""
    for claim in design.claims:
        assert claim.not_applicable or any(clause.role is Role.DECIDES for clause in claim.clauses), claim.id
        for clause in claim.clauses:
            assert _meets(design, clause.case, clause.control), f"{claim.id}: {clause.label}"
            assert experiment.quantity(clause.quantity)
            assert clause.control is not None
            assert clause.estimand is Estimand.RATIO
            assert clause.label


@every_design
def test_figures_show_what_is_measured(experiment: Experiment, design: Design, settings: Settings) -> None:
    """A mark's case is measured, and its control in the same blocks; lines have places; captions name real claims."""
    assert design.figures
    measured, claims = set(design.cases), {claim.id for claim in design.claims}
    for figure in design.figures:
        assert figure.marks, figure.name
        assert experiment.quantity(figure.quantity)
        assert set(figure.claims) <= claims, figure.name
        labels = Counter((mark.series, mark.label) for mark in figure.marks)
        assert max(labels.values()) == 1, figure.name
        for mark in figure.marks:
            assert mark.case in measured, f"{figure.name}: {mark.label}"
            assert mark.control is None or mark.control in measured, f"{figure.name}: {mark.label}"
            assert (mark.control is None) == (figure.estimand is Estimand.LEVEL)
            assert (mark.x is not None) == (figure.kind == "lines")


@every_design
def test_cases_that_start_processes_live_alone(experiment: Experiment, design: Design, settings: Settings) -> None:
    """A case with a start method has a host of its own; Manager cases share one, because they share the server."""
    for group in design.groups:
        hosts = Counter(arm.host for arm in group.arms)
        for arm in group.arms:
            if experiment.name == "manager-gap":
                served = str(arm.case.param("target")).startswith("Manager.")
                assert (arm.host, bool(arm.case.start_method)) == (("manager", True) if served else ("local", False))
            elif arm.case.start_method:
                assert arm.host == arm.case.id
                assert hosts[arm.host] == 1


@every_design
def test_designs_name_what_is_registered(experiment: Experiment, design: Design, settings: Settings) -> None:
    """Timed cases name a workload, an implementation and a strategy there are; processes have a start method."""
    if experiment.probe:
        return
    for case in design.cases:
        assert case.implementation in registry.find("workload", case.workload).implementations
        strategy = registry.find("strategy", case.strategy)
        assert strategy.starts_processes == bool(case.start_method), case.id
        assert (strategy.workers == "none") == (case.workers == 0), case.id
        assert case.size > 0


@every_design
def test_start_methods_are_those_of_the_platform(experiment: Experiment, design: Design, settings: Settings) -> None:
    """No case starts processes in a way that the platform, or the user, does not offer."""
    allowed = settings.override("start_method") or settings.start_methods
    assert {case.start_method for case in design.cases} <= {"", *allowed}


@every_design
def test_the_same_settings_make_the_same_design(experiment: Experiment, design: Design, settings: Settings) -> None:
    """A design is made again from the settings in a run's header, equal in every part."""
    assert experiment.design(Settings.from_json(json.loads(json.dumps(settings.to_json())))) == design


@pytest.mark.parametrize("plan", PLANS)
def test_claims_and_figures_have_names_of_their_own(plan: str) -> None:
    """No id of a claim, and no name of a figure, is used twice among the experiments."""
    designs = [experiment_named(name).design(Settings(plan)) for name in NAMES]
    ids = Counter(claim.id for design in designs for claim in design.claims)
    figures = Counter(figure.name for design in designs for figure in design.figures)
    assert max(ids.values()) == max(figures.values()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_speeds_are_asked_for_before_they_are_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A design sizes its cases only by pairs that the experiment has measured first, and asks for no other."""
    asked: set[str] = set()
    original = Settings.size

    def size(self: Settings, workload: str, implementation: str, sample_ns: int = 0) -> int:
        asked.add(f"{workload}/{implementation}")
        return original(self, workload, implementation, sample_ns)

    monkeypatch.setattr(Settings, "size", size)
    experiment_named(name).design(Settings())
    assert asked == set(experiment_named(name).calibrates)


@pytest.mark.parametrize("name", NAMES)
def test_each_experiment_tells_how_and_what_not(name: str) -> None:
    """Each has a question, a paragraph on the method and one on its limits, as sentences."""
    experiment = experiment_named(name)
    assert experiment.question.endswith("?")
    for paragraph in (experiment.how, experiment.limits):
        assert paragraph.endswith(".")
        assert "  " not in paragraph
        assert len(paragraph.split()) > 40


def test_designing_imports_nothing_heavy() -> None:
    """Making every design of every plan imports no numpy, multiprocessing, concurrent.futures, matplotlib or ctypes."""
    script = """
    import sys
    from perflab import registry
    from perflab.model import PLANS, Settings
    for experiment in registry.experiments().values():
        for plan in PLANS:
            experiment.design(Settings(plan, cores=4))
    heavy = {"numpy", "multiprocessing", "concurrent.futures", "matplotlib", "ctypes", "rich"}
    print(sorted(heavy & sys.modules.keys()))
    """
    assert printed_by(script).strip() == "[]"


def test_clauses_say_which_pair_they_are_about() -> None:
    """No two clauses of a claim have one label and one control."""
    clauses: list[tuple[str, Clause]] = [
        (claim.id, clause) for name in NAMES for claim in experiment_named(name).design(Settings()).claims
        for clause in claim.clauses
    ]  # fmt: skip
    assert max(Counter((claim, clause.label, clause.control) for claim, clause in clauses).values()) == 1
