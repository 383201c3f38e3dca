"""What every registered experiment keeps, whatever it asks: well-formed groups, claims and figures under all settings.

An experiment is found by being there; a new one passes these without being named anywhere.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from perflab import registry
from perflab.model import (
    PLANS,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Relation,
    Role,
    Settings,
)

METHODS = ("fork", "forkserver", "spawn")
GRID = (
    *(Settings(plan, cores, METHODS, method) for plan, cores, method in product(PLANS, (1, 2, 4, 48), METHODS)),
    Settings("default", 2, ("spawn",), "spawn"),
    Settings("quick", 2, overrides=(("workers", (3, 1)), ("size", (1000,)), ("start_method", ("spawn",)))),
)
HEAVY = {"numpy", "multiprocessing", "concurrent.futures", "matplotlib", "ctypes", "rich", "asyncio"}
NO_SIBLING = {Estimand.LEVEL, Estimand.SHARE}
"""Estimands of a case alone; the others compare it with a control."""

SENTENCES = {f"S{number:02}" for number in range(1, 28)}
"""The ids of what the tutorial says."""

EXPERIMENTS = registry.experiments()
every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)


def designs(experiment: Experiment) -> Iterator[tuple[str, Design]]:
    """The design under all settings of the grid, each with words that name the settings."""
    for settings in GRID:
        yield f"{settings.plan}, {settings.cores} cores, {settings.default_start_method}", experiment.design(settings)


def faults_of_group(group: Group) -> Iterator[str]:
    """What keeps the cases of a group from being visited in turn and compared."""
    cases = [arm.case for arm in group.arms]
    if not cases or (not group.single and not 2 <= len(cases) <= 5):
        yield f"has {len(cases)} cases"
    if len({case.id for case in cases}) < len(cases):
        yield "has two cases of one id"
    if group.single and (group.per_case_count or group.rounds):
        yield "is observed once, and yet has counts or rounds"
    if not group.single and not any(arm.control for arm in group.arms):
        yield "compares nothing"
    for arm in group.arms:
        if arm.control is not None and (arm.control == arm.case or arm.control not in cases):
            yield f"compares {arm.case.id} with {arm.control.id}"


def faults_of_claim(claim: Claim, design: Design, experiment: Experiment) -> Iterator[str]:
    """What would keep a claim from ever being judged, or its clauses from being told apart."""
    if not claim.not_applicable and not any(clause.role is Role.DECIDES for clause in claim.clauses):
        yield "nothing decides"
    if not all(re.fullmatch(r"S\d\d", seed) for seed in claim.seed):
        yield f"judges {claim.seed}, which are no ids of sentences"
    if claim.id[:3] in SENTENCES and claim.id[:3] not in claim.seed:
        yield "is named after a sentence that it does not judge"
    if not claim.sentence or claim.sentence.endswith("."):
        yield "its sentence is empty or ends with a full stop"
    labels = Counter((clause.label, clause.control) for clause in claim.clauses)
    yield from (f"two clauses are called {label!r}" for (label, _), count in labels.items() if count > 1)
    for clause in claim.clauses:
        yield from (f"{clause.label}: {fault}" for fault in faults_of_clause(clause, design, experiment))


def faults_of_clause(clause: Clause, design: Design, experiment: Experiment) -> Iterator[str]:
    """What would keep a clause from having a value."""
    quantity = {one.name: one for one in experiment.quantities}.get(clause.quantity)
    if quantity is None:
        yield f"{clause.quantity} is not declared"
    elif quantity.inverse and clause.estimand is not Estimand.RATIO:
        yield f"{clause.quantity} is read upside down and has a ratio only"
    if not clause.label:
        yield "it has no label"
    if (clause.control is None) != (clause.estimand in NO_SIBLING):
        yield f"a {clause.estimand} with control {clause.control}"
    if clause.expected and clause.estimand is not Estimand.SHARE:
        yield f"an outcome is expected of a {clause.estimand}"
    if clause.estimand is Estimand.SHARE and not (0 < clause.bound < 1 and clause.relation is not Relation.WITHIN):
        yield f"a share {clause.relation} {clause.bound} holds always or never"
    if not meets(design, clause.case, clause.control):
        yield "its cases are not measured together"


def meets(design: Design, case: Case, control: Case | None) -> bool:
    """Whether one group has both, so that they are visited in the same rounds."""
    wanted = {case} | ({control} if control else set())
    return any(wanted <= {arm.case for arm in group.arms} for group in design.groups)


def faults_of_figure(figure: Figure, design: Design, experiment: Experiment) -> Iterator[str]:
    """What of a figure could not be drawn."""
    measured, claims = set(design.cases), {claim.id for claim in design.claims}
    if not figure.marks:
        yield "has no marks"
    for quantity in {figure.quantity, figure.across} - {"", *(quantity.name for quantity in experiment.quantities)}:
        yield f"{quantity} is not declared"
    if not set(figure.claims) <= claims:
        yield f"names the claims {sorted(set(figure.claims) - claims)}, which are not there"
    if len({(mark.series, mark.label, mark.x) for mark in figure.marks}) < len(figure.marks):
        yield "has two marks in one place"
    for mark in figure.marks:
        if not {mark.case, mark.control or mark.case} <= measured:
            yield f"{mark.label}: not measured"
        if (mark.control is None) != (figure.estimand in NO_SIBLING):
            yield f"{mark.label}: a {figure.estimand} with control {mark.control}"
        if (mark.x is not None) != (figure.kind == "lines" and not figure.across):
            yield f"{mark.label}: x is {mark.x} in {figure.kind}"


@every_experiment
def test_groups_can_be_visited(experiment: Experiment) -> None:
    """A group that goes in rounds has two to five cases with a control among them; none has a case twice."""
    for words, design in designs(experiment):
        assert [name for name, count in Counter(g.name for g in design.groups).items() if count > 1] == [], words
        found = [f"{group.name} {fault}" for group in design.groups for fault in faults_of_group(group)]
        assert found == [], words


@every_experiment
def test_claims_can_be_judged(experiment: Experiment) -> None:
    """Every claim has what decides it, of declared quantities and of cases that are measured together."""
    for words, design in designs(experiment):
        found = [f"{claim.id}: {f}" for claim in design.claims for f in faults_of_claim(claim, design, experiment)]
        assert found == [], words


@every_experiment
def test_figures_can_be_drawn(experiment: Experiment) -> None:
    """There is a figure; its marks are measured, its quantities declared, its captions name real claims."""
    for words, design in designs(experiment):
        assert design.figures, words
        found = [
            f"{figure.name}: {f}" for figure in design.figures for f in faults_of_figure(figure, design, experiment)
        ]
        assert found == [], words


@every_experiment
def test_one_id_is_one_case(experiment: Experiment) -> None:
    """Samples are stored under ids: two cases that differ never share one."""
    for words, design in designs(experiment):
        assert len({case.id for case in design.cases}) == len(design.cases), words


@every_experiment
def test_start_methods_are_those_of_the_platform(experiment: Experiment) -> None:
    """No case starts processes in a way that the platform, or the user, does not offer."""
    for settings in GRID:
        allowed = settings.override("start_method") or settings.start_methods
        assert {case.start_method for case in experiment.design(settings).cases} <= {"", *allowed}


@pytest.mark.parametrize("name", [name for name, experiment in EXPERIMENTS.items() if experiment.probe is None])
def test_timed_cases_name_what_is_registered(name: str) -> None:
    """Without a probe, a case names a workload, an implementation and a strategy there are, and fits them."""
    for words, design in designs(EXPERIMENTS[name]):
        for case in design.cases:
            assert case.implementation in registry.find("workload", case.workload).implementations, words
            strategy = registry.find("strategy", case.strategy)
            assert strategy.starts_processes == bool(case.start_method), case.id
            assert (strategy.workers == "none") == (case.workers == 0), case.id
            assert case.size > 0


@every_experiment
def test_the_same_settings_make_the_same_design(experiment: Experiment) -> None:
    """A design is made again from the settings in a run's header, equal in every part."""
    for settings in GRID:
        again = Settings.from_json(json.loads(json.dumps(settings.to_json())))
        assert experiment.design(again) == experiment.design(settings)


@every_experiment
def test_speeds_are_asked_for_before_they_are_used(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A design sizes its cases only by pairs that the experiment has measured first, and asks for no other."""
    asked: set[str] = set()
    original = Settings.size

    def size(self: Settings, workload: str, implementation: str, sample_ns: int = 0) -> int:
        asked.add(f"{workload}/{implementation}")
        return original(self, workload, implementation, sample_ns)

    monkeypatch.setattr(Settings, "size", size)
    for settings in GRID:
        experiment.design(settings)
    assert asked == set(experiment.calibrates)


@every_experiment
def test_it_tells_how_and_what_not(experiment: Experiment) -> None:
    """A question, a paragraph on the method and one on its limits, as sentences; a weight; described quantities."""
    assert experiment.question.endswith("?")
    for paragraph in (experiment.how, experiment.limits):
        assert paragraph.endswith(".")
        assert "  " not in paragraph
        assert len(paragraph.split()) > 40
    assert experiment.weight > 0
    assert all(quantity.meaning for quantity in experiment.quantities)


@pytest.mark.parametrize("plan", PLANS)
def test_claims_and_figures_have_names_of_their_own(plan: str) -> None:
    """No id of a claim, and no name of a figure, is used twice among the experiments."""
    found = [experiment.design(Settings(plan)) for experiment in EXPERIMENTS.values()]
    ids = Counter(claim.id for design in found for claim in design.claims)
    figures = Counter(figure.name for design in found for figure in design.figures)
    assert [name for name, count in (*ids.items(), *figures.items()) if count > 1] == []


@pytest.mark.parametrize("plan", PLANS)
def test_every_sentence_of_the_tutorial_is_judged(plan: str) -> None:
    """Each of S01 to S27 is the id of a claim; others may stand beside it."""
    found = {claim.id for experiment in EXPERIMENTS.values() for claim in experiment.design(Settings(plan)).claims}
    assert sorted(SENTENCES - found) == []


def test_designing_imports_nothing_heavy() -> None:
    """Making every design of every plan imports nothing that the list of experiments must not wait for."""
    script = f"""
    import sys
    from perflab import registry
    from perflab.model import PLANS, Settings
    for experiment in registry.experiments().values():
        for plan in PLANS:
            experiment.design(Settings(plan, cores=4))
    print(sorted({HEAVY!r} & sys.modules.keys()))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


# The rules above on designs that break them: a rule that never objects proves nothing.

STARTUP = EXPERIMENTS["startup"]
DESIGN = STARTUP.design(Settings())
GROUP, CLAIM, FIGURE = DESIGN.groups[0], DESIGN.claims[0], DESIGN.figures[0]
THREAD, PROCESS = GROUP.arms[0].case, GROUP.arms[1].case
SHARE = Clause(PROCESS, "join_ns", Estimand.SHARE, Relation.ABOVE, 0.5, label="it ends", expected="ended")


@pytest.mark.parametrize(
    ("group", "fault"),
    [
        (replace(GROUP, arms=GROUP.arms[:1]), "has 1 cases"),
        (replace(GROUP, arms=GROUP.arms * 2), "has 8 cases"),
        (replace(GROUP, arms=(GROUP.arms[0], GROUP.arms[0], GROUP.arms[1])), "has two cases of one id"),
        (replace(GROUP, arms=tuple(replace(arm, control=None) for arm in GROUP.arms)), "compares nothing"),
        (replace(GROUP, arms=GROUP.arms[1:]), f"compares {PROCESS.id} with thread"),
        (replace(GROUP, arms=(GROUP.arms[0], replace(GROUP.arms[1], control=PROCESS))), f"compares {PROCESS.id} with"),
        (replace(GROUP, single=True), "is observed once, and yet"),
    ],
)
def test_a_group_that_cannot_be_visited_is_found(group: Group, fault: str) -> None:
    """Each kind of fault is named."""
    assert any(found.startswith(fault) for found in faults_of_group(group))
    assert list(faults_of_group(GROUP)) == []


@pytest.mark.parametrize(
    ("claim", "fault"),
    [
        (replace(CLAIM, clauses=(replace(CLAIM.clauses[0], role=Role.SUPPORTS),)), "nothing decides"),
        (replace(CLAIM, seed=("8",)), "judges ('8',)"),
        (replace(CLAIM, seed=("S09",)), "is named after a sentence"),
        (replace(CLAIM, sentence="Full."), "its sentence"),
        (replace(CLAIM, clauses=CLAIM.clauses[:1] * 2), "two clauses are called 'fork'"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_found(claim: Claim, fault: str) -> None:
    """Each kind of fault is named."""
    assert any(found.startswith(fault) for found in faults_of_claim(claim, DESIGN, STARTUP))
    assert list(faults_of_claim(CLAIM, DESIGN, STARTUP)) == []


@pytest.mark.parametrize(
    ("clause", "fault"),
    [
        (replace(SHARE, quantity="wall_ns"), "wall_ns is not declared"),
        (replace(SHARE, label=""), "it has no label"),
        (replace(SHARE, control=THREAD), "a share with control"),
        (replace(CLAIM.clauses[0], control=None), "a ratio with control None"),
        (replace(CLAIM.clauses[0], expected="x"), "an outcome is expected of a ratio"),
        (replace(SHARE, bound=1.0), "a share > 1.0 holds always or never"),
        (replace(SHARE, relation=Relation.WITHIN), "a share within 0.5"),
        (replace(SHARE, case=Case(strategy="absent")), "its cases are not measured together"),
    ],
)
def test_a_clause_without_a_value_is_found(clause: Clause, fault: str) -> None:
    """Each kind of fault is named."""
    assert any(found.startswith(fault) for found in faults_of_clause(clause, DESIGN, STARTUP))
    assert list(faults_of_clause(SHARE, DESIGN, STARTUP)) == []


@pytest.mark.parametrize(
    ("figure", "fault"),
    [
        (replace(FIGURE, marks=()), "has no marks"),
        (replace(FIGURE, quantity="wall_ns"), "wall_ns is not declared"),
        (replace(FIGURE, claims=("S99",)), "names the claims ['S99']"),
        (replace(FIGURE, marks=FIGURE.marks * 2), "has two marks in one place"),
        (replace(FIGURE, marks=(replace(FIGURE.marks[0], case=Case(strategy="absent")),)), "thread: not measured"),
        (replace(FIGURE, estimand=Estimand.RATIO), "thread: a ratio with control None"),
        (replace(FIGURE, kind="lines"), "thread: x is None in lines"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_found(figure: Figure, fault: str) -> None:
    """Each kind of fault is named."""
    assert any(found.startswith(fault) for found in faults_of_figure(figure, DESIGN, STARTUP))
    assert list(faults_of_figure(FIGURE, DESIGN, STARTUP)) == []
