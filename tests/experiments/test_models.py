"""models: every kind of work done by every way that can, and verdicts on both sides of each bound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import WrongAnswer
from perflab.experiments import _jobs, _ways, models
from perflab.experiments._jobs import JOBS, Crew
from perflab.model import Case, Settings, Verdict
from perflab.registry import find

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = {(case.workload, case.strategy): case for case in design_of("models").cases}


def tiny(case: Case, start_method: str = "") -> Case:
    """Two workers, two tasks, little to do."""
    params = {**dict(case.params), "tasks": 2, "bytes": 2**14}
    return replace(
        case,
        size=min(case.size, 100),
        workers=min(case.workers, 2),
        start_method=start_method if case.start_method and start_method else case.start_method,
        params=tuple(params.items()),
    )


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_each_way_does_each_kind_of_work_and_leaves_nothing(start_method: str) -> None:
    """Time, CPU time and memory of all of them, each answer having been checked."""
    chosen = [case for case in CASES.values() if start_method == "fork" or case.strategy in ("pool", "shared_memory")]
    observed = observe("models", [tiny(case, start_method) for case in chosen])
    assert len(observed) == len(chosen) and len(CASES) == 4 + 3 + 3 + 5 + 4
    for case, seen in observed.items():
        assert set(seen) == {"time_ns", "cpu_ns", "pss_bytes"}, case
        assert all(value > 0 for value in seen.values()), case  # type: ignore[operator]


def wrong(function: object, arguments: Sequence[object]) -> list[str]:
    """A crew that does nothing of what it is told."""
    return ["wrong"] * len(arguments)


@pytest.mark.parametrize("kind", JOBS)
def test_wrong_answers_are_not_timed(kind: str) -> None:
    """A crew that answers something else, or does not add, goes red, whatever the work; one that works does not."""
    crew = Crew(lambda: nullcontext(wrong), port=0)
    with JOBS[kind](tiny(CASES[kind, "serial"]), crew) as job:
        job.run(wrong)
        with pytest.raises(WrongAnswer):
            job.check()
        if kind != "waiting":
            with JOBS[kind](tiny(CASES[kind, "serial"]), crew) as again:
                again.run(lambda function, arguments: [function(argument) for argument in arguments])
                again.check()


@pytest.mark.parametrize("strategy", ["shared_memory", "manager"])
def test_lost_updates_are_a_wrong_answer(strategy: str) -> None:
    """A crew that does nothing leaves a number that is too small."""

    class Cell:
        value = 0

    shared: Any = _jobs.Shared(Cell(), None, Cell(), None, None)
    case = tiny(CASES["shared", strategy])
    with JOBS["shared"](case, Crew(lambda: nullcontext(wrong), shared=shared)) as job:
        job.run(wrong)
        with pytest.raises(WrongAnswer, match="updates were lost"):
            job.check()


def test_threads_are_gone_while_the_host_works_alone() -> None:
    """Threads exist only during their own samples, so that they count in nobody else's memory."""
    import threading

    before = threading.active_count()
    with _ways.threads(tiny(CASES["python", "threads"])) as crew:
        assert threading.active_count() == before
        with crew.at_work() as each:
            assert threading.active_count() == before + 2
            assert list(each(abs, [-1, -2])) == [1, 2]
    assert threading.active_count() == before


def test_the_managers_server_counts_only_where_it_is_used() -> None:
    """The same workers without it and with it: one process more."""
    case = tiny(CASES["shared", "manager"])
    with _ways.managed(case) as served, _ways.sharing(case) as sharing:
        assert len(sharing.pids) == 2
        assert set(sharing.pids) < set(served.pids) and len(served.pids) == 3


def row(kind: str, quantity: str = "time_ns", **ways: float) -> dict[tuple[Case, str], float]:
    return {(CASES[kind, way], quantity): value for way, value in ways.items()}


TWO_CORES = row("compiled", serial=100.0, threads=55.0, pool=55.0)


@pytest.mark.parametrize(
    ("pool", "threads", "verdict"), [(55.0, 100.0, CONFIRMED), (55.0, 56.0, REFUTED), (90.0, 100.0, REFUTED)]
)
def test_a_pool_wins_for_python_where_it_beats_both(pool: float, threads: float, verdict: Verdict) -> None:
    """Threads that scale, as without a GIL, refute; so does a pool that does not gain a fifth."""
    seen = row("python", serial=100.0, threads=threads, pool=pool, executor=pool)
    assert verdicts("models", {**seen, **TWO_CORES})["models-python"].verdict is verdict


def test_without_a_second_core_nothing_is_said_of_pools() -> None:
    """Where compiled threads gain nothing either, the machine was busy: the claim is open."""
    seen = row("python", serial=100.0, threads=100.0, pool=95.0, executor=95.0)
    busy = row("compiled", serial=100.0, threads=95.0, pool=95.0)
    assert verdicts("models", {**seen, **busy})["models-python"].verdict is UNRESOLVED


@pytest.mark.parametrize(("kind", "claim"), [("compiled", "models-compiled"), ("waiting", "models-waiting")])
@pytest.mark.parametrize(
    ("threads", "serial", "memory", "verdict"),
    [
        (55.0, 130.0, 20.0, CONFIRMED),
        (65.0, 140.0, 20.0, REFUTED),
        (55.0, 130.0, 60.0, REFUTED),
        (55.0, 56.0, 20.0, UNRESOLVED),
    ],
)
def test_threads_suit_what_waits_or_lets_go(kind, claim, threads, serial, memory, verdict) -> None:
    """As fast as a pool within a tenth, in less than half its memory; and faster than nobody at all."""
    seen = row(kind, serial=serial, threads=threads, pool=56.0)
    used = row(kind, "pss_bytes", threads=memory, pool=100.0)
    assert verdicts("models", {**seen, **used})[claim].verdict is verdict


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [({}, CONFIRMED), ({"threads": 25.0}, REFUTED), ({"shared_memory": 38.0}, REFUTED), ({"manager": 41.0}, REFUTED)],
)
def test_bulk_data_has_an_order_of_ways(changed: dict[str, float], verdict: Verdict) -> None:
    """Threads, shared memory, pickling, a Manager: out of order anywhere refutes."""
    usual = {"serial": 20.0, "threads": 10.0, "shared_memory": 20.0, "pool": 40.0, "manager": 100.0}
    assert verdicts("models", row("bulk", **{**usual, **changed}))["models-bulk"].verdict is verdict


@pytest.mark.parametrize(
    ("changed", "verdict"), [({}, CONFIRMED), ({"threads": 900.0}, REFUTED), ({"manager": 9000.0}, REFUTED)]
)
def test_a_shared_number_has_one_too(changed: dict[str, float], verdict: Verdict) -> None:
    """Threads before shared memory, and a Manager an order of magnitude behind."""
    usual = {"serial": 20.0, "threads": 100.0, "shared_memory": 1000.0, "manager": 50_000.0}
    assert verdicts("models", row("shared", **{**usual, **changed}))["models-shared"].verdict is verdict


@pytest.mark.parametrize("plan", ["quick", "default", "full"])
def test_the_map_shows_every_case_once(plan: str) -> None:
    """Its choices are the kinds of work, their ways the measured cases, their claims those that are judged."""
    design = find("experiment", "models").design(Settings(plan))
    (guide,) = design.guides
    shown = [case for choice in guide.choices for _, case in choice.ways]
    assert sorted(case.id for case in shown) == sorted(case.id for case in design.cases)
    assert {choice.claim for choice in guide.choices} == {claim.id for claim in design.claims}
    assert {guide.quantity, *guide.beside} == {quantity.name for quantity in models.QUANTITIES}


def test_bulk_data_has_processes_of_its_own() -> None:
    """What 16 MiB leave behind in a process would be read as the memory of the kinds of work that come after."""
    groups = find("experiment", "models").design(Settings("default")).groups
    hosts = {bulk: {arm.host for group in groups for arm in group.arms if (arm.case.workload == "bulk") is bulk}
             for bulk in (True, False)}  # fmt: skip
    assert len(hosts[True]) == len(hosts[False]) == 4
    assert hosts[True].isdisjoint(hosts[False])
