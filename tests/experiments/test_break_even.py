"""break-even: real sweeps of short tasks, interpolation by known answers, verdicts on both sides of each bound."""

from __future__ import annotations

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import WrongAnswer
from perflab.experiments import _sweep
from perflab.experiments._sweep import CHUNKS, SWEEPS_US, TASKS, Point, break_even_ns
from perflab.model import Case, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = design_of("break-even").cases
ENDS = {(case.strategy, case.param("start"), case.param("chunk")): case for case in CASES if not case.param("task_us")}
MS = 1e6


def test_each_case_has_what_it_promises() -> None:
    """Points have a relative time, curves a break-even within the sweep; no worker is left."""
    observed = observe("break-even", CASES)
    assert len(observed) == len(CASES) == 4 + 3 * 5 + 3
    for case in CASES:
        seen = observed[case.id]
        assert set(seen) == ({"relative"} if case.param("task_us") else {"break_even_ns"}), case
        assert all(value > 0 for value in seen.values()), case  # type: ignore[operator]


def test_a_sweep_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All cases of a way look into the same one; every curve has all its points."""
    opened = []
    original = _sweep.OPENERS["pool"]
    monkeypatch.setitem(SWEEPS_US, "tiny", (1, 100))  # type: ignore[arg-type]
    monkeypatch.setitem(_sweep.OPENERS, "pool", lambda *given: opened.append(given) or original(*given))  # type: ignore[arg-type]
    monkeypatch.setitem(_sweep.STEADY_NS, "tiny", 1)  # type: ignore[arg-type]
    first, second = (_sweep.sweep("pool", "fork", 2, "tiny") for _ in range(2))
    assert first is second
    assert opened == [("fork", 2)] * 2  # one started for the only cold point, one that stays
    assert {curve: set(points) for curve, points in first.items()} == {
        ("cold", "1"): {100}, **{("warm", chunk): {1, 100} for chunk in CHUNKS["pool"]}
    }  # fmt: skip


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(task_ns, relative) for task_ns, relative in pairs]


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (points((10, 10.0), (1000, 0.1)), 100.0),
        (points((1000, 0.1), (10, 10.0)), 100.0),
        (points((10, 4.0), (100, 2.0), (1000, 0.5)), 316.2278),
        (points((10, 4.0), (100, 1.0), (1000, 0.5)), 100.0),
        (points((10, 2.0), (100, 0.9), (1000, 1.1), (10_000, 0.5)), 1320.9),
        (points((10, 0.9), (100, 0.5)), 10.0),
        (points((10, 3.0), (100, 1.5)), 100.0),
    ],
)
def test_the_break_even_lies_where_the_curve_last_crosses_one(curve: list[Point], expected: float) -> None:
    """Between logarithms; at the end of the sweep where it crosses nowhere."""
    assert break_even_ns(curve) == pytest.approx(expected, rel=0.01)


def test_wrong_sums_are_not_timed() -> None:
    """Whoever leaves one task out, or adds up something else, goes red."""
    with pytest.raises(WrongAnswer, match="expected 64 times 45"):
        _sweep._timed(lambda limits: [45] * (TASKS - 1), 10, 1)
    with pytest.raises(WrongAnswer):
        _sweep._timed(lambda limits: [46] * TASKS, 10, 1)
    assert _sweep._timed(lambda limits: [45] * TASKS, 10, 3) >= 0


LONGEST = next(
    case
    for case in CASES
    if (case.strategy, case.param("start"), case.param("chunk"), case.param("task_us")) == ("pool", "warm", "1", 1000)
)
IDLE: dict[tuple[Case, str], float] = {(LONGEST, "relative"): 0.55}


def ends(single: float, auto: float = 0.02, cold: float = 1.0, executor: float = 0.3) -> dict[tuple[Case, str], float]:
    """Break-evens in ms."""
    by_curve = {
        ("pool", "warm", "1"): single, ("pool", "warm", "auto"): auto, ("pool", "cold", "1"): cold,
        ("executor", "warm", "1"): executor,
    }  # fmt: skip
    return {**IDLE, **{(ENDS[curve], "break_even_ns"): value * MS for curve, value in by_curve.items()}}


@pytest.mark.parametrize(
    ("claim", "seen", "verdict"),
    [
        ("break-even-warm", ends(0.1), CONFIRMED),
        ("break-even-warm", ends(1.5), REFUTED),
        ("break-even-chunks", ends(0.1, auto=0.04), CONFIRMED),
        ("break-even-chunks", ends(0.1, auto=0.06), REFUTED),
        ("break-even-cold", ends(0.1, cold=0.25), CONFIRMED),
        ("break-even-cold", ends(0.1, cold=0.15), REFUTED),
        ("break-even-executor", ends(0.1, executor=0.13), CONFIRMED),
        ("break-even-executor", ends(0.1, executor=0.11), REFUTED),
    ],
)
def test_break_evens_are_judged_by_their_bounds(claim: str, seen: dict, verdict: Verdict) -> None:
    """A millisecond, half, twice, a fifth longer."""
    assert verdicts("break-even", seen)[claim].verdict is verdict


def test_an_interval_astride_the_millisecond_decides_nothing() -> None:
    """Half of the blocks below it, half above."""
    seen = {**IDLE, (ENDS["pool", "warm", "1"], "break_even_ns"): [0.5 * MS, 2 * MS] * 3}
    assert verdicts("break-even", seen)["break-even-warm"].verdict is UNRESOLVED


def test_without_a_second_core_no_break_even_counts() -> None:
    """Where long tasks gain nothing either, the machine was busy: every claim is open."""
    judged = verdicts("break-even", {**ends(1.0), (LONGEST, "relative"): 0.95})
    assert {judgement.verdict for judgement in judged.values()} == {UNRESOLVED}
