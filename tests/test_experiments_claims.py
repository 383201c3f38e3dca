"""The first six experiments: what each plan measures, and which cases decide its claims."""

from __future__ import annotations

import pytest

from experiments_support import METHODS, NAMES, experiment_named
from perflab.model import PLANS, Group, Role, Settings


def test_the_seed_claims_are_judged() -> None:
    """These experiments judge S01, S02, S08, S22 and S23, each by a claim of that id."""
    claims = [claim for name in NAMES for claim in experiment_named(name).design(Settings()).claims]
    assert {claim.id for claim in claims if claim.seed} >= {"S01", "S02", "S08", "S22", "S23"}
    assert all(claim.seed == (claim.id,) for claim in claims if claim.id in {"S01", "S02", "S08", "S22", "S23"})


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
        return {one.id: one.not_applicable for one in experiment_named(name).design(settings).claims}[claim]

    assert "one worker" in reason(Settings(cores=1))
    assert "one worker" in reason(Settings(cores=4, overrides=(("workers", (1,)),)))
    assert reason(Settings(cores=2)) == ""


def test_spawn_is_compared_with_fork_where_both_are() -> None:
    """Without fork the comparison is not applicable, and the thread is compared with spawn alone."""
    design = experiment_named("startup").design(Settings(start_methods=("spawn",), default_start_method="spawn"))
    claims = {claim.id: claim for claim in design.claims}
    assert "there is only spawn" in claims["startup-spawn-fork"].not_applicable
    assert [clause.case.start_method for clause in claims["S08"].clauses] == ["spawn"]


def test_start_up_measures_every_start_method_in_every_plan() -> None:
    """S08 has a deciding clause for each start method, the default one first."""
    for plan in PLANS:
        claims = experiment_named("startup").design(Settings(plan, 2, METHODS, "forkserver")).claims
        clauses = next(claim for claim in claims if claim.id == "S08").clauses
        assert [clause.case.start_method for clause in clauses] == ["forkserver", "fork", "spawn"]


def test_threads_are_judged_with_processes_as_positive_control() -> None:
    """S01 needs processes that scale and a ceiling that leaves room; threads alone decide."""
    claims = {claim.id: claim for claim in experiment_named("gil").design(Settings()).claims}
    roles = {clause.role: clause.case.strategy for clause in claims["S01"].clauses}
    assert roles == {Role.DECIDES: "threads", Role.SUPPORTS: "pool", Role.PRECONDITION: "ceiling"}
    deciding = [clause.case.start_method for clause in claims["S02"].clauses if clause.role is Role.DECIDES]
    assert deciding == ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize(("plan", "expected"), [("quick", {4}), ("default", {1, 2, 4}), ("full", {1, 2, 4})])
def test_worker_counts_are_swept_where_the_plan_has_time(plan: str, expected: set[int]) -> None:
    """The quick plan looks at the most workers only; the others at each count, and draw a line through them."""
    design = experiment_named("gil").design(Settings(plan, cores=4))
    assert {case.workers for case in design.cases if case.workers} == expected
    assert any(figure.kind == "lines" for figure in design.figures) == (plan != "quick")


def test_the_deciding_pair_of_the_manager_gap_is_the_value() -> None:
    """S22 is decided by += on a Manager's Value against a Value alone; every other pair only stands beside it."""
    claims = {claim.id: claim for claim in experiment_named("manager-gap").design(Settings("quick")).claims}
    first, *others = claims["S22"].clauses
    assert (first.role, first.case.param("operation"), first.bound) == (Role.DECIDES, "add", 100.0)
    assert [one.param("target") for one in (first.case, first.control) if one] == ["Manager.Value", "Value"]
    assert {clause.role for clause in others} == {Role.BESIDE}
    own = {claim.clauses[0].case.id for name, claim in claims.items() if name.startswith("S22-")}
    assert own == {clause.case.id for clause in others if clause.case != first.case} | {first.case.id}


def test_bulk_sums_are_judged_up_to_one_mebibyte() -> None:
    """Where the pages that the system has decide more than sharing, both kinds of private memory are shown beside."""

    def roles(plan: str) -> dict[tuple[int | str, int | str], Role]:
        claims = {claim.id: claim for claim in experiment_named("manager-gap").design(Settings(plan)).claims}
        clauses = claims["S23-view"].clauses
        return {(one.case.param("bytes"), one.control.param("target")): one.role for one in clauses if one.control}

    judged = dict.fromkeys(((2**16, "numpy"), (2**20, "numpy")), Role.DECIDES)
    kinds = ("numpy, small pages", "numpy")
    assert roles("quick") == {**judged, **dict.fromkeys(((2**23, kind) for kind in kinds), Role.BESIDE)}
    shown = ((size, kind) for size in (2**23, 2**25) for kind in kinds)
    assert roles("default") == {**judged, **dict.fromkeys(shown, Role.BESIDE)}


def test_every_strategy_sums_the_same_numbers() -> None:
    """All cases of the comparison have one size, and each group holds the plain loop."""
    design = experiment_named("summation").design(Settings("full", cores=4))
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
    """The quick plan has what claims name, the default one all strategies, the full one all by every method."""

    def started(plan: str, method: str) -> set[str]:
        cases = experiment_named("summation").design(Settings(plan)).cases
        return {case.strategy for case in cases if case.start_method == method}

    everything = {
        "pool", "pool_apply_async", "executor", "process_pipe", "process_queue", "manager", "rawarray", "shared_memory",
    }  # fmt: skip
    assert started("quick", "fork") == {"pool", "rawarray", "manager", "ceiling"}
    assert started("default", "fork") == started("full", "fork") == {*everything, "ceiling"}
    assert [started(plan, "spawn") for plan in ("quick", "default")] == [set(), set()]
    assert started("full", "spawn") == everything


def test_a_pair_without_difference_is_loaded_twice() -> None:
    """Each A/A case is its control but for the twin mark; serial pairs share a host, pools do not."""
    groups: dict[str, Group] = {group.name: group for group in experiment_named("null").design(Settings()).groups}
    for name, group in groups.items():
        first, second = group.arms
        assert second.control == first.case
        assert second.case.params == (("twin", 1),)
        assert {**second.case.to_json(), "params": {}} == first.case.to_json()
        assert (first.host == second.host) == name.startswith("one host")
