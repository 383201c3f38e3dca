"""switching: two that hand over by the same means on the same cores, and verdicts on both sides of each bound."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from scheduling_support import astride, judged, observe, quick

from perflab.errors import WrongAnswer
from perflab.experiments import _pingpong, switching
from perflab.experiments._interval import switch_interval
from perflab.model import Case, Role, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
GAME = {"switch_ns", "handover_ns", "alone_ns"}

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="binds threads to cores")
two_cores = pytest.mark.skipif(
    hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2, reason="needs two cores"
)


def cases(plan: str = "default") -> dict[tuple[Any, ...], Case]:
    """The cases of two cores by strategy, means and cores; those of the sum by workers and interval."""
    return {
        (case.strategy, *((case.workers, case.param("interval", "")) if case.workload else
                          (case.param("means"), case.param("cores")))): case
        for case in switching.design(Settings(plan)).cases
    }  # fmt: skip


ALL = cases()


def game(kind: str, means: str = "pipe", cores: int = 1) -> Case:
    return ALL[kind, means, cores]


@two_cores
def test_each_game_is_played_and_each_sum_added_and_nothing_is_left() -> None:
    """Threads and processes, pipe and semaphore, one core and two: three times; the sums: wall time."""
    observed = observe("switching", [replace(case, size=min(case.size, 1000)) for case in ALL.values()])
    assert len(observed) == len(ALL) == 8 + 5
    for case, samples in observed.items():
        for sample in samples:
            assert set(sample) == ({"wall_ns"} if "range_sum" in case else GAME), case
            positive = set(sample) - {"switch_ns"}
            assert all(sample[name] > 0 for name in positive), case  # type: ignore[operator]


@pytest.mark.parametrize("means", ["pipe", "semaphore"])
def test_a_spawned_partner_plays_as_well(means: str) -> None:
    """A process that inherits nothing gets its ends of the pipes, or the semaphores, from its parent."""
    assert observe("switching", [replace(game("processes", means), start_method="spawn")])


@pytest.mark.parametrize("means", ["pipe", "semaphore"])
def test_they_take_turns(means: str) -> None:
    """The partner moves once, and only once, for each move of the leader's."""
    import multiprocessing
    from contextlib import ExitStack

    with ExitStack() as stack:
        source, target = _pingpong._channel(multiprocessing.get_context(), means, stack)
        moves: list[str] = []
        give, take = _pingpong.giving(target), _pingpong.taking(source)
        for number in range(3):
            moves.append(f"give {number}")
            give()
        for number in range(3):
            take()
            moves.append(f"take {number}")
        assert moves == [f"{verb} {number}" for verb in ("give", "take") for number in range(3)]
        assert _is_empty(source, means)


def _is_empty(source: Any, means: str) -> bool:
    return not source.poll(0) if means == "pipe" else not source.acquire(block=False)


def test_the_leader_may_run_everywhere_again_afterwards() -> None:
    """Bound to one core while it plays, and only then."""
    before = os.sched_getaffinity(0)
    core = min(before)
    with _pingpong.bound_to(core):
        assert os.sched_getaffinity(0) == {core}
    opened = switching.probe(game("threads"))
    next(opened)(3)
    assert os.sched_getaffinity(0) == before
    opened.close()  # type: ignore[attr-defined]


def test_the_switch_interval_is_as_before_afterwards() -> None:
    """Set for the body alone, whatever happens in it; 0 changes nothing."""
    before = sys.getswitchinterval()
    with suppress(KeyError), switch_interval(50):
        assert sys.getswitchinterval() == pytest.approx(50e-6)
        raise KeyError
    assert sys.getswitchinterval() == before
    with switch_interval(0):
        assert sys.getswitchinterval() == before


@pytest.mark.parametrize("lie", [lambda count, cores: (count - 1, cores), lambda count, cores: (count, [*cores, 99])])
def test_a_partner_that_reports_something_else_is_a_wrong_answer(lie: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Round trips that were not made, or another core, are not timed."""

    def follow(orders: Any, source: Any, target: Any, core: int) -> None:
        give, take = _pingpong.giving(target), _pingpong.taking(source)
        while count := orders.recv():
            for _ in range(count):
                take()
                give()
            orders.send(lie(count, [core]))

    monkeypatch.setattr(_pingpong, "follow", follow)
    opened = switching.probe(game("threads"))
    with pytest.raises(WrongAnswer, match="the partner reports"):
        next(opened)(2)
    opened.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", [("serial", 0, ""), ("threads", 2, "5000 us")])
def test_a_wrong_sum_is_a_wrong_answer(key: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum that is one too much is not timed, neither whole nor in parts."""
    original = switching.add_range
    monkeypatch.setattr(switching, "add_range", lambda start, stop: original(start, stop) + 1)
    opened = switching.probe(replace(ALL[key], size=10))
    with pytest.raises(WrongAnswer, match="expected 45"):
        next(opened)(1)
    opened.close()  # type: ignore[attr-defined]


def test_what_a_switch_costs_is_what_the_calls_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two round trips in 100 ns and two calls alone in 20 ns, 15 ns are the switch."""
    times = iter([0, 100, 200, 220])
    monkeypatch.setattr(switching, "monotonic_ns", lambda: next(times))
    opened = switching.probe(game("threads"))
    assert dict(next(opened)(2)) == {"switch_ns": 15, "handover_ns": 25, "alone_ns": 10}
    opened.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ((3.0, 2.5), CONFIRMED),
        ((1.1, 1.2), REFUTED),
        ((3.0, 0.7), REFUTED),
        ((3.0, astride(2.0)), UNRESOLVED),
    ],
)
def test_far_cheaper_is_less_than_half(ratios: tuple[Any, Any], verdict: Verdict) -> None:
    """S07 needs both means on one core; what two cores show stands beside it and changes nothing."""
    values: dict[Case, Any] = {case: 1000.0 for case in quick("switching").cases if not case.workload}
    values |= {
        game("processes", means): _times(1000.0, one) for means, one in zip(("pipe", "semaphore"), ratios, strict=True)
    }
    for beside in (500.0, 5000.0):
        values[game("processes", "pipe", 2)] = beside
        assert judged("switching", switch_ns=values)["S07"].verdict is verdict


def test_two_cores_have_a_verdict_of_their_own() -> None:
    """From core to core is another claim than on one."""
    values: dict[Case, Any] = {case: 1000.0 for case in quick("switching").cases if not case.workload}
    values[game("processes", "pipe", 2)] = 3000.0
    found = judged("switching", switch_ns=values)
    assert (found["S07"].verdict, found["S07-two-cores"].verdict) == (REFUTED, CONFIRMED)


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.2, CONFIRMED), (1.03, REFUTED), (0.6, REFUTED), (astride(1.05), UNRESOLVED)]
)
def test_slower_is_by_more_than_five_percent(ratio: Any, verdict: Verdict) -> None:
    """S04 is confirmed by threads that take longer, and refuted by threads that do not, or are faster."""
    wall = {ALL["serial", 0, ""]: 1000.0, ALL["threads", 2, "5000 us"]: _times(1000.0, ratio)}
    assert judged("switching", wall_ns=wall)["S04"].verdict is verdict


def _times(base: float, ratio: Any) -> Any:
    return [base * one for one in ratio] if isinstance(ratio, list) else base * ratio


def test_one_core_has_no_other_to_switch_to() -> None:
    """Games on two cores, and their claim, need a second one; those on one are judged all the same."""
    design = switching.design(Settings(cores=1))
    claims = {claim.id: claim for claim in design.claims}
    assert "one core" in claims["S07-two-cores"].not_applicable
    assert claims["S07"].not_applicable == ""
    assert {case.param("cores") for case in design.cases if not case.workload} == {1}


def test_longer_plans_vary_the_interval() -> None:
    """The quick plan asks for one number of threads; the others for four times as many, and other intervals."""
    assert {key[1:] for key in cases("quick") if key[0] == "serial" or isinstance(key[1], int)} == {
        (0, ""),
        (2, "5000 us"),
    }
    swept = {key[1:] for key in ALL if isinstance(key[1], int)}
    intervals = {(2, f"{us} us") for us in (50, 500, 5000)}
    assert swept == {(0, ""), (8, "5000 us"), *intervals}
    full = {key[1:] for key in cases("full") if isinstance(key[1], int)}
    assert full - swept == {(2, "50000 us")}
    roles = [
        clause.role for claim in switching.design(Settings()).claims if claim.id == "S04" for clause in claim.clauses
    ]
    assert roles == [Role.DECIDES, Role.BESIDE]
