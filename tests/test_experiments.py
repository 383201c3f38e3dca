"""The first six experiments: every design is well formed, every probe keeps its promise, every oracle goes red."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import product
from typing import Any

import pytest

from perflab import registry
from perflab.errors import WrongAnswer
from perflab.experiments import _targets, manager_gap, startup
from perflab.model import PLANS, Case, Clause, Design, Estimand, Experiment, Group, Role, Settings

NAMES = ("null", "ceiling", "gil", "summation", "manager-gap", "startup")
METHODS = ("fork", "forkserver", "spawn")
GRID = (
    *(Settings(plan, cores, METHODS, method) for plan, cores, method in product(PLANS, (1, 2, 4, 48), METHODS)),
    Settings("default", 2, ("spawn",), "spawn"),
    Settings("quick", 2, overrides=(("workers", (3, 1)), ("size", (1000,)), ("start_method", ("spawn",)))),
)


def _experiment(name: str) -> Experiment:
    found: Experiment = registry.find("experiment", name)
    return found


def _named(settings: Settings) -> str:
    return f"{settings.plan}-{settings.cores}-{settings.default_start_method}-{len(settings.start_methods)}"


def _meets(design: Design, case: Case, control: Case | None) -> bool:
    """Whether one group has both, so that they are visited in the same rounds."""
    wanted = {case} | ({control} if control else set())
    return any(wanted <= {arm.case for arm in group.arms} for group in design.groups)


every_design = pytest.mark.parametrize(
    ("experiment", "design", "settings"),
    [
        pytest.param(_experiment(name), _experiment(name).design(settings), settings, id=f"{name}-{_named(settings)}")
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
    designs = [_experiment(name).design(Settings(plan)) for name in NAMES]
    ids = Counter(claim.id for design in designs for claim in design.claims)
    figures = Counter(figure.name for design in designs for figure in design.figures)
    assert max(ids.values()) == max(figures.values()) == 1


def test_the_seed_claims_are_judged() -> None:
    """These experiments judge S01, S02, S08, S22 and S23, each by a claim of that id."""
    claims = [claim for name in NAMES for claim in _experiment(name).design(Settings()).claims]
    assert {claim.id for claim in claims if claim.seed} >= {"S01", "S02", "S08", "S22", "S23"}
    assert all(claim.seed == (claim.id,) for claim in claims if claim.id in {"S01", "S02", "S08", "S22", "S23"})


@pytest.mark.parametrize("name", NAMES)
def test_speeds_are_asked_for_before_they_are_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A design sizes its cases only by pairs that the experiment has measured first, and asks for no other."""
    asked: set[str] = set()
    original = Settings.size

    def size(self: Settings, workload: str, implementation: str, sample_ns: int = 0) -> int:
        asked.add(f"{workload}/{implementation}")
        return original(self, workload, implementation, sample_ns)

    monkeypatch.setattr(Settings, "size", size)
    _experiment(name).design(Settings())
    assert asked == set(_experiment(name).calibrates)


@pytest.mark.parametrize("name", NAMES)
def test_each_experiment_tells_how_and_what_not(name: str) -> None:
    """Each has a question, a paragraph on the method and one on its limits, as sentences."""
    experiment = _experiment(name)
    assert experiment.question.endswith("?")
    for paragraph in (experiment.how, experiment.limits):
        assert paragraph.endswith(".")
        assert "  " not in paragraph
        assert len(paragraph.split()) > 40


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("ceiling", "ceiling"),
        ("S01", "gil"),
        ("S02", "gil"),
        ("gil-kernel-blocks", "gil"),
        ("nogil-threads-scale", "gil"),
        ("summation-pool-beats-threads", "summation"),
    ],
)
def test_one_core_judges_nothing_parallel(claim: str, name: str) -> None:
    """What needs two cores is not applicable on one, nor with one worker, and says why; on two it is judged."""

    def reason(settings: Settings) -> str:
        return {one.id: one.not_applicable for one in _experiment(name).design(settings).claims}[claim]

    assert "one worker" in reason(Settings(cores=1))
    assert "one worker" in reason(Settings(cores=4, overrides=(("workers", (1,)),)))
    assert reason(Settings(cores=2)) == ""


def test_spawn_is_compared_with_fork_where_both_are() -> None:
    """Without fork the comparison is not applicable, and the thread is compared with spawn alone."""
    design = _experiment("startup").design(Settings(start_methods=("spawn",), default_start_method="spawn"))
    claims = {claim.id: claim for claim in design.claims}
    assert "there is only spawn" in claims["startup-spawn-fork"].not_applicable
    assert [clause.case.start_method for clause in claims["S08"].clauses] == ["spawn"]


def test_start_up_measures_every_start_method_in_every_plan() -> None:
    """S08 has a deciding clause for each start method, the default one first."""
    for plan in PLANS:
        claims = _experiment("startup").design(Settings(plan, 2, METHODS, "forkserver")).claims
        clauses = next(claim for claim in claims if claim.id == "S08").clauses
        assert [clause.case.start_method for clause in clauses] == ["forkserver", "fork", "spawn"]


def test_threads_are_judged_with_processes_as_positive_control() -> None:
    """S01 needs processes that scale and a ceiling that leaves room; threads alone decide."""
    claims = {claim.id: claim for claim in _experiment("gil").design(Settings()).claims}
    roles = {clause.role: clause.case.strategy for clause in claims["S01"].clauses}
    assert roles == {Role.DECIDES: "threads", Role.SUPPORTS: "pool", Role.PRECONDITION: "ceiling"}
    deciding = [clause.case.start_method for clause in claims["S02"].clauses if clause.role is Role.DECIDES]
    assert deciding == ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize(("plan", "expected"), [("quick", {4}), ("default", {1, 2, 4}), ("full", {1, 2, 4})])
def test_worker_counts_are_swept_where_the_plan_has_time(plan: str, expected: set[int]) -> None:
    """The quick plan looks at the most workers only; the others at each count, and draw a line through them."""
    design = _experiment("gil").design(Settings(plan, cores=4))
    assert {case.workers for case in design.cases if case.workers} == expected
    assert any(figure.kind == "lines" for figure in design.figures) == (plan != "quick")


def test_the_deciding_pair_of_the_manager_gap_is_the_value() -> None:
    """S22 is decided by += on a Manager's Value against a Value alone; every other pair only stands beside it."""
    claims = {claim.id: claim for claim in _experiment("manager-gap").design(Settings("quick")).claims}
    first, *others = claims["S22"].clauses
    assert (first.role, first.case.param("operation"), first.bound) == (Role.DECIDES, "add", 100.0)
    assert [one.param("target") for one in (first.case, first.control) if one] == ["Manager.Value", "Value"]
    assert {clause.role for clause in others} == {Role.BESIDE}
    own = {claim.clauses[0].case.id for name, claim in claims.items() if name.startswith("S22-")}
    assert own == {clause.case.id for clause in others if clause.case != first.case} | {first.case.id}


def test_bulk_sums_are_judged_up_to_eight_mebibytes() -> None:
    """Sizes that fit one kind of page decide; the largest array is shown beside them, and not in the quick plan."""

    def roles(plan: str) -> dict[int | str, Role]:
        claims = {claim.id: claim for claim in _experiment("manager-gap").design(Settings(plan)).claims}
        return {clause.case.param("bytes"): clause.role for clause in claims["S23-view"].clauses}

    judged = dict.fromkeys((2**16, 2**20, 2**23), Role.DECIDES)
    assert roles("quick") == judged
    assert roles("default") == {**judged, 2**25: Role.BESIDE}


def test_every_strategy_sums_the_same_numbers() -> None:
    """All cases of the comparison have one size, and each group holds the plain loop."""
    design = _experiment("summation").design(Settings("full", cores=4))
    assert len({case.size for case in design.cases}) == 1
    assert {case.strategy for case in design.cases} >= {
        "serial", "threads", "pool", "pool_apply_async", "executor", "rawarray", "shared_memory", "manager",
        "process_pipe", "process_queue", "ceiling",
    }  # fmt: skip
    for group in design.groups:
        control = group.arms[0]
        assert (control.case.implementation, control.case.strategy, control.control) == ("python", "serial", None)
        assert group.per_case_count


def test_only_the_full_plan_starts_everything_by_every_method() -> None:
    """The shorter plans spawn a pool and a RawArray's workers alone; the full plan spawns for every strategy."""

    def spawned(plan: str) -> set[str]:
        cases = _experiment("summation").design(Settings(plan)).cases
        return {case.strategy for case in cases if case.start_method == "spawn"}

    assert spawned("quick") == spawned("default") == {"pool", "rawarray"}
    assert spawned("full") == {
        "pool", "pool_apply_async", "executor", "process_pipe", "process_queue", "manager", "rawarray", "shared_memory",
    }  # fmt: skip


def test_a_pair_without_difference_is_loaded_twice() -> None:
    """Each A/A case is its control but for the twin mark; serial pairs share a host, pools do not."""
    groups: dict[str, Group] = {group.name: group for group in _experiment("null").design(Settings()).groups}
    for name, group in groups.items():
        first, second = group.arms
        assert second.control == first.case
        assert second.case.params == (("twin", 1),)
        assert {**second.case.to_json(), "params": {}} == first.case.to_json()
        assert (first.host == second.host) == name.startswith("one host")


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
    assert _run(script).strip() == "[]"


LOOK = """
import json, multiprocessing, pathlib, psutil, re
from perflab import registry
from perflab.model import Case, Settings

def is_servant(process):
    # The resource tracker and the forkserver serve the whole process and end with it; what it forks looks like it.
    line = " ".join(process.cmdline())
    return process.ppid() == psutil.Process().pid and re.search(
        "from multiprocessing[.](resource_tracker|forkserver) imp", line)

def children():
    return [child.pid for child in psutil.Process().children(recursive=True) if not is_servant(child)]

def segments():
    maps = pathlib.Path("/proc/self/maps")
    return set(re.findall(r"/dev/shm/psm_\\w+", maps.read_text())) if maps.exists() else set()
"""

PROBE_EACH_CASE = """
experiment, observed, seen = registry.find("experiment", NAME), {}, set()
methods = tuple(multiprocessing.get_all_start_methods())
for case in experiment.design(Settings("full", 2, methods, METHOD if METHOD in methods else "spawn")).cases:
    probe = experiment.probe(case)
    sample = next(probe)
    observed[case.id] = [dict(sample(1)), dict(sample(3))]
    seen |= segments()
    probe.close()
left = sorted(one for one in seen if pathlib.Path(one).exists())
print(json.dumps({"observed": observed, "children": children(), "seen": len(seen), "left": left}))
"""


@pytest.mark.parametrize(
    ("name", "method", "segments"), [("startup", "fork", 0), ("manager-gap", "fork", 4), ("manager-gap", "spawn", 4)]
)
def test_each_probe_observes_what_it_promises_and_leaves_nothing(name: str, method: str, segments: int) -> None:
    """Opened, sampled once and thrice, and closed: the declared quantities, no process, no segment."""
    found = json.loads(_run(f"NAME, METHOD = {name!r}, {method!r}\n{LOOK}{PROBE_EACH_CASE}"))
    promised = {quantity.name for quantity in _experiment(name).quantities}
    assert len(found["observed"]) > 3
    for case, (once, thrice) in found["observed"].items():
        assert set(once) == set(thrice) == promised, case
        assert all(value > 0 for value in (*once.values(), *thrice.values())), case
    assert found["children"] == []
    assert found["seen"] == (segments if sys.platform == "linux" else 0)
    assert found["left"] == []


TWO_CASES_OF_A_MANAGER = """
probe = registry.find("experiment", "manager-gap").probe
method = multiprocessing.get_all_start_methods()[0]
probes = [
    probe(Case(start_method=method, params=(("operation", "add"), ("target", target))))
    for target in ("Manager.Value", "Manager.list")
]
samples, counts = [next(one) for one in probes], [len(children())]
for one in probes:
    samples[-1](2)
    one.close()
    counts.append(len(children()))
print(counts)
"""


def test_a_managers_cases_share_its_server_until_the_last_is_closed() -> None:
    """Two open cases have one server between them; it outlives the first and ends with the second."""
    assert _run(LOOK + TWO_CASES_OF_A_MANAGER).strip() == "[1, 1, 0]"


def test_the_first_instruction_comes_before_the_end_of_join() -> None:
    """A thread's own clock reading lies between its start and the return of join."""
    probe = startup.probe(Case(strategy="thread"))
    observed = next(probe)(5)
    probe.close()  # type: ignore[attr-defined]
    assert 0 < observed["first_instruction_ns"] <= observed["join_ns"]  # type: ignore[operator]


def test_a_thread_that_never_runs_its_code_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that stores no date is not timed."""
    monkeypatch.setattr(startup, "_date", lambda cell: None)
    with pytest.raises(WrongAnswer, match="expected status 0 and a first instruction"):
        next(startup.probe(Case(strategy="thread")))


def test_a_child_that_fails_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spawned child that dates itself and then ends with status 3 is not timed."""
    monkeypatch.setattr(startup, "FROM_A_FRESH_INTERPRETER", startup.FROM_A_FRESH_INTERPRETER + "\nraise SystemExit(3)")
    with pytest.raises(WrongAnswer, match="exit status 3"):
        next(startup.probe(Case(strategy="process", start_method="spawn")))


class _Off:
    """A number in an attribute that is one off after every write."""

    kept = 0.0

    @property
    def value(self) -> float:
        return self.kept

    @value.setter
    def value(self, number: float) -> None:
        self.kept = number + 1


class _Losing(list[float]):
    """A list that loses every second write."""

    writes = 0

    def __setitem__(self, index: Any, number: Any) -> None:
        self.writes += 1
        if self.writes % 2:
            super().__setitem__(index, number)


def _access(operation: str, target: str) -> Case:
    return Case(params=(("operation", operation), ("target", target)))


@pytest.mark.parametrize("operation", ["read", "write", "add"])
def test_an_access_that_leaves_another_number_is_a_wrong_answer(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that stores something else than it is told is not timed, whatever the operation."""
    monkeypatch.setitem(_targets.TARGETS, "Value", lambda start_method: nullcontext(_Off()))  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match="the accesses left"):
        next(manager_gap.probe(_access(operation, "Value")))(10)


def test_lost_additions_are_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten additions of which five are lost are not timed."""
    monkeypatch.setitem(_targets.TARGETS, "list", lambda start_method: nullcontext(_Losing([0.0])))  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match=r"left 6\.0, expected 11\.0"):
        next(manager_gap.probe(_access("add", "list")))(10)


@pytest.mark.parametrize("target", ["numpy", "numpy-view"])
def test_a_wrong_sum_is_a_wrong_answer(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum that is one too much is not timed."""
    original = _targets.SUMS[target]

    @contextmanager
    def one_more(elements: int, start_method: str) -> Iterator[Any]:
        with original(elements, start_method) as total:
            yield lambda: total() + 1

    monkeypatch.setitem(_targets.SUMS, target, one_more)  # type: ignore[arg-type]
    case = Case(params=(("operation", "sum"), ("target", target), ("bytes", 4096)))
    with pytest.raises(WrongAnswer, match=r"left .*130817\.0.*, expected 130816\.0"):
        next(manager_gap.probe(case))(1)


def test_both_kinds_of_memory_begin_on_a_page() -> None:
    """numpy's own array and the view of a RawArray are aligned alike, so that only the kind of memory differs."""
    for target in ("numpy", "numpy-view"):
        with _targets.SUMS[target](1000, "") as total:
            assert total.__self__.__array_interface__["data"][0] % _targets.PAGE_BYTES == 0  # type: ignore[attr-defined]
            assert total() == 499500


def test_every_target_has_a_loop_of_its_own() -> None:
    """Two loops over the same statement share no code, so that neither adapts to the other's types."""
    first, second = manager_gap._loop("seen = target[0]"), manager_gap._loop("seen = target[0]")
    assert first.__code__ is not second.__code__
    assert (first([7.0], 2, 0.0), second([8.0], 2, 0.0)) == (7.0, 8.0)


def test_clauses_say_which_pair_they_are_about() -> None:
    """No two clauses of a claim have one label and one control."""
    clauses: list[tuple[str, Clause]] = [
        (claim.id, clause) for name in NAMES for claim in _experiment(name).design(Settings()).claims
        for clause in claim.clauses
    ]  # fmt: skip
    assert max(Counter((claim, clause.label, clause.control) for claim, clause in clauses).values()) == 1


def _run(script: str) -> str:
    """What a fresh interpreter prints that treats warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
