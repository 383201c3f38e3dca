"""The imap experiment: arrivals, orders and inputs as they are observed, and what its claims say to that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from claims_support import children, design_of, observe, verdicts

from perflab import registry
from perflab.errors import WrongAnswer
from perflab.experiments import _arrivals
from perflab.experiments import imap as subject
from perflab.model import Case, Role, Settings, Verdict

DESIGN = design_of("imap")
TIMED = [case for case in DESIGN.cases if case.strategy != "program"]
PROGRAMS = [case for case in DESIGN.cases if case.strategy == "program"]


def case_of(way: str, order: str, workers: int = 2) -> Case:
    return Case(strategy=way, start_method="fork", workers=workers, params=(("order", order),))


def as_said() -> dict[tuple[Case, str], Any]:
    """What the tutorial says: imap waits for all; imap_unordered is sooner; the sums that it prints."""
    seen: dict[tuple[Case, str], Any] = {}
    for case in TIMED:
        waits = case.strategy in ("map", "imap")
        share = 1.0 if waits or case.strategy == "Executor.map" else 0.1
        seen[case, "first_share"], seen[case, "held_share"] = share, 0.9 if waits else 0.01
        seen[case, "first_ns"], seen[case, "last_ns"] = int(1e7 * share), 10_000_000
        seen[case, "order"], seen[case, "consumed_share"] = "as submitted", 1.0
    for case in PROGRAMS:
        ordered = f"{subject.PRINTED_SUM} {subject.FAST_SUM}"
        seen[case, "printed"] = ordered if case.param("way") == "imap" else f"{subject.FAST_SUM} {subject.SLOW_SUM}"
    return seen


def as_known() -> dict[tuple[Case, str], Any]:
    """What is so: imap waits for its first task only; the sums are those of the numbers."""
    seen = as_said()
    for case in DESIGN.cases:
        streams = case.strategy in ("imap", "Executor.map")
        first = case.param("order") in ("slow first", "slow of two")
        if streams:
            seen[case, "first_share"], seen[case, "held_share"] = (1.0 if first else 0.1), 0.01
        if case.strategy == "program" and case.param("way") == "imap":
            seen[case, "printed"] = f"{subject.SLOW_SUM} {subject.FAST_SUM}"
    return seen


@pytest.fixture(scope="module")
def observed() -> dict[Case, dict[str, Any]]:
    """Every timed case of the quick plan, opened side by side as in a host, sampled once and closed."""
    experiment = registry.find("experiment", "imap")
    probes = {case: experiment.probe(case) for case in TIMED}
    samples = {case: next(probe) for case, probe in probes.items()}
    living = len(children())
    for sample in samples.values():  # the second time both workers are awake
        sample(1)
    found = {case: dict(sample(1)) for case, sample in samples.items()}
    for probe in probes.values():
        probe.close()
    assert (living, children()) == (5, []), "Pools of two and of one, an executor of two, and none of them afterwards"
    return found


def test_each_case_observes_what_is_promised(observed: dict[Case, dict[str, Any]]) -> None:
    """Dates in their order, shares between 0 and 1, every input taken in the end."""
    promised = {quantity.name for quantity in subject.QUANTITIES} - {"printed"}
    for case, seen in observed.items():
        assert set(seen) == promised, case.id
        assert 0 < seen["first_ns"] <= seen["last_ns"]
        assert seen["first_share"] == seen["first_ns"] / seen["last_ns"]
        assert 0 <= seen["held_share"] < 1
        assert 1 / subject.TASKS <= seen["consumed_share"] <= 1


def test_results_come_in_the_order_that_each_way_promises(observed: dict[Case, dict[str, Any]]) -> None:
    """map, imap and Executor.map keep the order; imap_unordered lets seven short tasks overtake the long one."""
    for case, seen in observed.items():
        assert seen["order"] == ("otherwise" if case.strategy == "imap_unordered" else "as submitted"), case.id


def test_map_gives_all_results_at_once(observed: dict[Case, dict[str, Any]]) -> None:
    """Its first result arrives with its last, in any order of tasks."""
    for case, seen in observed.items():
        if case.strategy == "map":
            assert seen["first_share"] > 0.5  # far from the tenth of imap, even if this process has to wait for a core


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda case: case.id)
def test_the_tutorials_programs_print_the_sums_of_their_numbers(case: Case) -> None:
    """In order of submission with imap; the sum that the tutorial shows belongs to ten times as many numbers."""
    printed = str(observe("imap", case)["printed"])
    assert set(printed.split()) == {"1999999000000", "19999900000"}
    assert case.param("way") == "imap_unordered" or printed == "1999999000000 19999900000"
    assert subject.SLOW_SUM == 2_000_000 * 1_999_999 // 2
    assert subject.PRINTED_SUM == 20_000_000 * 19_999_999 // 2
    assert children() == []


@pytest.mark.parametrize("way", [*_arrivals.OF_POOL, *_arrivals.OF_EXECUTOR])
def test_spawned_workers_do_the_same(way: str) -> None:
    """Tasks are found by their module in a fresh interpreter, whatever the way."""
    with _arrivals.crew(way, "spawn") as workers:
        seen = _arrivals.observe(way, workers, [100, 10])
    assert set(seen) >= {"first_ns", "order"}


def test_as_completed_lets_short_tasks_overtake() -> None:
    """The one way that the quick plan leaves out. A worker may get no core for as long as the long task takes."""
    probe = subject.probe(case_of("as_completed", "slow first"))
    try:
        sample = next(probe)
        seen = [dict(sample(1)) for _ in range(5)]
    finally:
        probe.close()  # type: ignore[attr-defined]
    assert "otherwise" in {one["order"] for one in seen}
    assert {one["consumed_share"] for one in seen} == {1}


def test_what_the_tutorial_says_confirms_it() -> None:
    """Then imap waits, imap_unordered does not, and what knows better is refuted."""
    found = {name: one.verdict for name, one in verdicts("imap", as_said()).items()}
    assert found.pop("S15-streams") is found.pop("S15-executor") is Verdict.REFUTED
    assert found.pop("S16-sums") is Verdict.REFUTED, "imap_unordered printed the sum of its numbers"
    assert set(found.values()) == {Verdict.CONFIRMED}


def test_what_is_known_refutes_that_imap_waits_for_all() -> None:
    """The slow task last is enough; the tutorial's own order alone would have confirmed it."""
    found = verdicts("imap", as_known())
    ends = {name: one.verdict for name, one in found.items()}
    assert ends.pop("S15") is ends.pop("S16-sums") is Verdict.REFUTED
    assert set(ends.values()) == {Verdict.CONFIRMED}
    assert str(subject.SLOW_SUM) in found["S16-sums"].reason
    clauses = next(claim for claim in DESIGN.claims if claim.id == "S15").clauses
    assert {clause.case.param("order") for clause in clauses if clause.role is Role.DECIDES} == {
        "slow first", "slow last", "random",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("way", "order", "quantity", "values", "claim", "end"),  # by one worker what S15-streams asks
    [
        ("imap", "slow last", "first_share", [0.85, 0.95] * 3, "S15", Verdict.UNRESOLVED),
        ("imap", "slow last", "first_share", 0.9, "S15", Verdict.REFUTED),
        ("map", "slow last", "first_share", 0.5, "S15", Verdict.UNRESOLVED),
        ("imap", "random", "held_share", 0.2, "S15-streams", Verdict.REFUTED),
        ("imap", "random", "held_share", [0.05, 0.2] * 3, "S15-streams", Verdict.UNRESOLVED),
        ("map", "slow last", "held_share", 0.01, "S15-streams", Verdict.UNRESOLVED),
        ("Executor.map", "slow last", "first_share", 1.0, "S15-executor", Verdict.REFUTED),
        ("map", "slow last", "order", "otherwise", "S15-order", Verdict.REFUTED),
        ("imap_unordered", "slow of two", "first_ns", 9_000_000, "S16", Verdict.REFUTED),
        ("imap_unordered", "slow of two", "first_ns", [1_000_000, 9_000_000] * 3, "S16", Verdict.UNRESOLVED),
        ("imap_unordered", "slow of two", "last_ns", 12_000_000, "S16-last", Verdict.REFUTED),
        ("imap_unordered", "slow of two", "last_ns", 8_000_000, "S16-last", Verdict.REFUTED),
        ("imap_unordered", "slow of two", "last_ns", [10_000_000, 12_000_000] * 3, "S16-last", Verdict.UNRESOLVED),
        ("imap", "slow last", "consumed_share", 0.5, "imap-eager", Verdict.REFUTED),
    ],
)
def test_bounds_are_those_of_the_claims_words(
    way: str, order: str, quantity: str, values: Any, claim: str, end: Verdict
) -> None:
    """On either side of a bound, and astride; only the claim in question changes its end, or a supported one falls."""
    base = as_said() if claim == "S15" else as_known()
    before = {name: one.verdict for name, one in verdicts("imap", base).items()}
    changed = {(case_of(way, order, 1 if claim == "S15-streams" else 2), quantity): values}
    after = {name: one.verdict for name, one in verdicts("imap", {**base, **changed}).items()}
    assert (before[claim], after[claim]) == (Verdict.CONFIRMED, end)


def test_a_waiter_without_a_core_to_wake_on_decides_nothing() -> None:
    """Eight tasks on two workers keep both cores busy: what arrives late then stands beside, and decides nothing."""
    late = {(case_of("imap", order), "held_share"): 0.3 for order in subject.STREAMED}
    late[case_of("imap_unordered", "slow first"), "first_ns"] = 9_000_000
    found = verdicts("imap", {**as_known(), **late})
    assert found["S15-streams"].verdict is found["S16"].verdict is Verdict.CONFIRMED
    beside = {
        name: [one.clause.case for one in found[name].clauses if one.clause.role is Role.BESIDE] for name in found
    }
    assert beside["S15-streams"] == [case_of("imap", order) for order in subject.STREAMED]
    assert case_of("imap_unordered", "slow first") in beside["S16"]


def test_the_program_in_the_wrong_order_refutes_s16() -> None:
    """By the default start method: by another, whose workers start slowly, it only stands beside."""
    _, fork, spawn = PROGRAMS
    slow_first = f"{subject.SLOW_SUM} {subject.FAST_SUM}"
    assert verdicts("imap", {**as_known(), (fork, "printed"): slow_first})["S16"].verdict is Verdict.REFUTED
    assert verdicts("imap", {**as_known(), (spawn, "printed"): slow_first})["S16"].verdict is Verdict.CONFIRMED


@pytest.mark.parametrize(
    "results",
    [
        [(0, 45, 1), (1, 190, 2)][:1],
        [(0, 45, 1), (1, 191, 2)],
        [(0, 45, 1), (1, 190, 2), (1, 190, 3)],
        [(0, 190, 1), (1, 45, 2)],
    ],
)
def test_a_missing_wrong_double_or_exchanged_sum_is_a_wrong_answer(results: list[Any]) -> None:
    """Results that are not one right sum of each task are not dated."""
    with pytest.raises(WrongAnswer, match="the tasks found the sums"):
        _arrivals.check(results, [10, 20])
    _arrivals.check([(1, 190, 1), (0, 45, 2)], [10, 20])


def test_a_way_that_gives_a_wrong_sum_is_not_dated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observing checks what it observed."""
    monkeypatch.setattr(_arrivals, "OF_POOL", {"wrong": lambda crew, inputs: [(n, end, 0) for n, end in inputs]})
    with pytest.raises(WrongAnswer, match="the tasks found the sums"):
        _arrivals.observe("wrong", None, [10, 20])


def test_arrivals_are_dated_as_they_come() -> None:
    """A way that holds everything back shows in the shares; one that takes inputs one by one, in what is consumed."""

    def lazily(crew: Any, inputs: Any) -> Iterator[Any]:
        yield from map(_arrivals.add_up, inputs)

    def hold(crew: Any, inputs: Any) -> list[Any]:
        return sorted(map(_arrivals.add_up, inputs), reverse=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_arrivals, "OF_POOL", {"lazily": lazily, "hold": hold})
        one_by_one, held = (_arrivals.observe(way, None, [20_000] * 8) for way in ("lazily", "hold"))
    assert (one_by_one["consumed_share"], held["consumed_share"]) == (1 / 8, 1)
    assert (one_by_one["order"], held["order"]) == ("as submitted", "otherwise")
    assert one_by_one["first_share"] < held["first_share"]
    assert one_by_one["held_share"] < held["held_share"]


def test_longer_plans_sweep_the_place_of_the_slow_task() -> None:
    """A figure of lines over the place; the quick plan has what the claims need."""
    design = registry.find("experiment", "imap").design(Settings("default"))
    (lines,) = [figure for figure in design.figures if figure.kind == "lines"]
    assert {mark.x for mark in lines.marks} == {1, 2, 4, 8}
    assert all(figure.kind == "strip" for figure in DESIGN.figures)


def test_random_orders_follow_the_hash_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One block has one order for all ways, another block another; the work is the same."""

    def drawn(seed: str) -> list[int]:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        return subject._sizes("random")

    assert drawn("1") == drawn("1")
    assert len({tuple(drawn(str(seed))) for seed in range(5)}) > 1
    assert sum(drawn("1")) == sum(drawn("2"))
