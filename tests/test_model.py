"""The nouns: identities, round trips through JSON, and what settings imply."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.model import (
    PLANS,
    Arm,
    Case,
    Claim,
    Clause,
    ClauseResult,
    Design,
    Estimand,
    Estimate,
    Experiment,
    Group,
    Judgement,
    Quantity,
    Relation,
    Role,
    Run,
    Settings,
    Strategy,
    Task,
    Verdict,
    Workload,
)
from perflab.stats import first_look

words = st.text("abcdefgh_", max_size=5)
cases = st.builds(
    Case,
    workload=words,
    implementation=words,
    strategy=words,
    workers=st.integers(0, 64),
    size=st.integers(0, 10**9),
    start_method=words,
    interpreter=words,
    params=st.dictionaries(st.text("abc", min_size=1), st.integers() | words).map(lambda d: tuple(d.items())),
)


@given(cases)
def test_a_case_survives_json(case: Case) -> None:
    """What is stored is read back as the same case."""
    assert Case.from_json(json.loads(json.dumps(case.to_json()))) == case


def test_params_are_sorted_so_that_their_order_is_no_identity() -> None:
    """Two cases that name the same parameters in another order are one."""
    one, other = Case(params=(("b", 2), ("a", 1))), Case(params=(("a", 1), ("b", 2)))
    assert one == other
    assert one.id == other.id == "a=1/b=2"


def test_a_case_id_names_what_is_set_and_nothing_else() -> None:
    """Empty fields leave no trace in the id."""
    assert (
        Case("sum", "nogil", "pool", 4, 1000, "fork", "", (("chunk", 7),)).id == "sum/nogil/pool/fork/w4/n1000/chunk=7"
    )
    assert Case("sum").id == "sum"


@given(cases, st.integers(65, 99))
def test_one_other_field_is_another_id(case: Case, workers: int) -> None:
    """Cases that differ in their workers differ in their id."""
    other = Case.from_json({**case.to_json(), "workers": workers})
    assert other.id != case.id


def test_a_param_is_found_by_name() -> None:
    """An absent one has the default."""
    case = Case(params=(("twin", 1),))
    assert (case.param("twin"), case.param("chunk", 3), case.param("chunk")) == (1, 3, "")


def test_enumerations_print_as_their_value() -> None:
    """JSON and messages carry the published spelling."""
    assert f"{Verdict.NOT_APPLICABLE} {Relation.WITHIN}" == "not-applicable within"
    assert json.dumps([Verdict.CONFIRMED, Estimand.RATIO]) == '["confirmed", "ratio"]'


def test_a_derived_quantity_names_what_is_observed() -> None:
    """Speed-up is read from wall time; wall time from itself."""
    experiment = Experiment("x", "?", lambda settings: Design(()))
    assert experiment.quantity("speedup").observed == "wall_ns"
    assert experiment.quantity("wall_ns").observed == "wall_ns"
    with pytest.raises(KeyError):
        experiment.quantity("nothing")


def test_a_design_lists_each_case_once_in_order() -> None:
    """A control that serves two groups is one case."""
    a, b, c = Case("a"), Case("b"), Case("c")
    groups = (Group("one", (Arm(b), Arm(a, b))), Group("two", (Arm(b), Arm(c, b))))
    assert Design(groups).cases == (b, a, c)


@pytest.mark.parametrize("name", PLANS)
def test_plans_are_known_by_their_name_and_ascend(name: str) -> None:
    """Every plan looks at ever more blocks, and can give an interval from eight on."""
    plan = PLANS[name]
    assert plan.name == name
    assert 6 <= first_look(plan.looks) <= 8
    assert list(plan.looks) == sorted(set(plan.looks))
    assert plan.repeated_ns == plan.sample_ns // 3


@pytest.mark.parametrize(
    ("cores", "workers"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))]
)
def test_workers_are_powers_of_two_and_the_cores(cores: int, workers: tuple[int, ...]) -> None:
    """The sweep ends at the cores, where claims are judged."""
    settings = Settings(cores=cores)
    assert settings.workers == workers
    assert settings.most_workers == cores


def test_overrides_replace_what_settings_would_choose() -> None:
    """--set wins over cores, speeds and the plan."""
    settings = Settings(overrides=(("workers", (3,)), ("size", (77,)), ("start_method", ("spawn",))))
    assert (settings.workers, settings.size("sum", "python"), settings.chosen_start_methods) == ((3,), 77, ("spawn",))
    assert settings.override("interpreter") == ()


def test_quick_adds_spawn_only_and_the_default_method_comes_first() -> None:
    """Methods that the platform lacks are not chosen."""
    settings = Settings(plan="quick", default_start_method="forkserver")
    assert settings.chosen_start_methods == ("forkserver", "spawn")
    assert Settings(plan="full").chosen_start_methods == ("fork", "spawn", "forkserver")
    windows = Settings(plan="quick", start_methods=("spawn",), default_start_method="spawn")
    assert windows.chosen_start_methods == ("spawn",)


def test_size_follows_the_measured_speed_to_two_digits() -> None:
    """15 ms at 7 ns an element are 2.1 million elements; an unmeasured speed counts as 10 ns."""
    settings = Settings(speeds=(("sum/python", 7.0),))
    assert settings.size("sum", "python") == 2_100_000
    assert settings.size("sum", "python", 1_000_000) == 140_000
    assert settings.size("sum", "nogil") == 1_500_000
    assert Settings(speeds=(("slow/python", 1e12),)).size("slow", "python") == 2


@pytest.mark.parametrize(("plan", "elements"), [("quick", 1_200_000), ("default", 4_000_000), ("full", 4_000_000)])
def test_work_to_share_out_is_longer_where_there_is_time(plan: str, elements: int) -> None:
    """12 ms in the quick plan, 40 ms in the others, at 10 ns an element."""
    assert Settings(plan).affordable_parallel_size("sum", "nogil") == elements


def test_settings_survive_json() -> None:
    """The same design can be made again from a stored header."""
    settings = Settings(
        "full", 4, ("spawn",), "spawn", (("sum/python", 6.5),), (("workers", (1, 4)), ("start_method", ("spawn",)))
    )
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@given(st.integers(0, 1000), st.integers(1, 12))
def test_parts_cover_the_input_without_gap_or_overlap(size: int, workers: int) -> None:
    """Contiguous, in order, and of sizes that differ by at most one."""
    workload = Workload("w", "", {}, lambda n: None, lambda n: 0)
    bounds = Task(workload, "python", size, workers).bounds
    assert len(bounds) == workers
    assert [i for start, stop in bounds for i in range(start, stop)] == list(range(size))
    lengths = {stop - start for start, stop in bounds}
    assert max(lengths) - min(lengths) <= 1


def test_a_task_without_workers_is_one_part() -> None:
    """Zero workers mean that workers are not meant."""
    workload = Workload("w", "", {"python": lambda data, start, stop: stop - start}, lambda n: None, lambda n: n)
    task = Task(workload, "python", 10, 0)
    assert task.bounds == ((0, 10),)
    assert task.part(None, 0, 10) == 10


def test_only_process_strategies_start_processes() -> None:
    """Threads need no start method and no host of their own."""
    kinds = {
        kind: Strategy(kind, "", kind, "shared", lambda task: iter(())) for kind in ("none", "threads", "processes")
    }
    assert [kind for kind, strategy in kinds.items() if strategy.starts_processes] == ["processes"]


def test_the_first_deciding_clause_speaks_for_the_claim() -> None:
    """A support listed before it does not."""
    nothing = Estimate(None, None, None)
    clauses = [
        Clause(Case("a"), "wall_ns", Estimand.LEVEL, Relation.BELOW, 1, role=role)
        for role in (Role.SUPPORTS, Role.DECIDES)
    ]
    results = tuple(ClauseResult(clause, nothing, None) for clause in clauses)
    claim = Claim("C", "c", tuple(clauses))
    assert Judgement("x", claim, Verdict.UNRESOLVED, "", results).deciding is results[1]
    assert Judgement("x", claim, Verdict.UNRESOLVED, "", results[:1]).deciding is None


def test_a_run_knows_the_blocks_of_each_experiment() -> None:
    """Blocks of others are passed over, order is kept."""
    from perflab.testing import scripted_blocks

    ours, theirs = scripted_blocks("a", {Case("x"): [1, 2]}), scripted_blocks("b", {Case("x"): [3]})
    run = Run(Settings(), ("a", "b"), 1, {}, "", "", (ours[0], *theirs, ours[1]))
    assert run.blocks_of("a") == ours


def test_nouns_do_not_change() -> None:
    """Frozen: a case or quantity that is shared can't be altered by one of its users."""
    with pytest.raises(AttributeError):
        Case("a").workload = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Quantity("a", "ns", "").unit = "s"  # type: ignore[misc]
