"""imbalance: the cut of the work, real pools on it, and verdicts on both sides of each bound."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import WrongAnswer
from perflab.experiments import imbalance
from perflab.experiments.imbalance import A_WORKER, CHUNKS, ONE_BY_ONE, OWN, SHAPES, TASKS_A_WORKER, limits_of
from perflab.model import Case, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = {(case.param("tasks"), case.param("cut")): case for case in design_of("imbalance").cases}


def test_each_case_has_what_it_promises_and_leaves_nothing() -> None:
    """A makespan and its ratio to the ideal, above zero."""
    observed = observe("imbalance", [replace(case, size=5000) for case in CASES.values()])
    assert len(observed) == 7
    for case, seen in observed.items():
        assert set(seen) == {"makespan_ns", "relative"}, case
        assert all(value > 0 for value in seen.values()), case  # type: ignore[operator]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_every_shape_is_the_same_amount_of_work(shape: str, workers: int) -> None:
    """As many tasks, together as long, up to rounding."""
    limits = limits_of(shape, 1_000_000, workers)
    assert len(limits) == TASKS_A_WORKER * workers and min(limits) >= 1
    assert sum(limits) == pytest.approx(1_000_000, rel=0.001)


def test_shapes_are_what_they_are_called() -> None:
    """Even, each longer than the one before, and one as long as a worker's share at either end."""
    even, rising, last, first = (limits_of(shape, 1_000_000, 4) for shape in SHAPES)
    assert set(even) == {15_625}
    assert all(one < other for one, other in pairwise(rising))
    assert last[-1] == pytest.approx(250_000, rel=0.001) and len(set(last[:-1])) == 1
    assert first == last[::-1]


def test_a_chunk_a_worker_leaves_no_task_over() -> None:
    """As many chunks as workers, also where tasks do not divide; Pool chooses where it is left to."""
    assert CHUNKS[A_WORKER](32, 2) == 16 and CHUNKS[A_WORKER](10, 4) == 3
    assert CHUNKS[ONE_BY_ONE](32, 2) == 1 and CHUNKS[OWN](32, 2) is None


def test_wrong_sums_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that loses a task goes red."""

    class Losing:
        def map(self, function: Any, arguments: Any, chunk: Any) -> list[int]:
            return [function(argument) for argument in arguments][1:]

    monkeypatch.setattr(imbalance, "shared", lambda kind, make: _Given(Losing()))
    with pytest.raises(WrongAnswer, match="expected"):
        next(imbalance.probe(replace(CASES["even", ONE_BY_ONE], size=1000)))(1)


class _Given:
    """A context manager that gives what it was given."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __enter__(self) -> Any:
        return self.thing

    def __exit__(self, *error: object) -> None:
        pass


IDLE: dict[tuple[Case, str], float] = {(CASES["even", ONE_BY_ONE], "relative"): 1.05}
BUSY = dict.fromkeys(IDLE, 1.6)


def rising(worker: float = 150.0, own: float = 105.0, even: float = 101.0) -> dict[tuple[Case, str], float]:
    """Makespans of rising tasks by chunk, and of even ones in one chunk a worker; single tasks take 100."""
    cells = {
        ("rising", ONE_BY_ONE): 100.0, ("rising", A_WORKER): worker, ("rising", OWN): own,
        ("even", ONE_BY_ONE): 100.0, ("even", A_WORKER): even,
    }  # fmt: skip
    return {**IDLE, **{(CASES[cell], "makespan_ns"): value for cell, value in cells.items()}}


def long_last(last: float) -> dict[tuple[Case, str], float]:
    times = {"long first": 100.0, "long last": last}
    return {**IDLE, **{(CASES[tasks, ONE_BY_ONE], "makespan_ns"): value for tasks, value in times.items()}}


@pytest.mark.parametrize(
    ("claim", "seen", "verdict"),
    [
        ("imbalance-chunks", rising(), CONFIRMED),
        ("imbalance-chunks", rising(worker=115), REFUTED),
        ("imbalance-chunks", rising(even=150), UNRESOLVED),
        ("imbalance-own", rising(), CONFIRMED),
        ("imbalance-own", rising(own=115), REFUTED),
        ("imbalance-order", long_last(150), CONFIRMED),
        ("imbalance-order", long_last(110), REFUTED),
        ("imbalance-chunks", {**rising(worker=105), **BUSY}, UNRESOLVED),
        ("imbalance-own", {**rising(own=130), **BUSY}, UNRESOLVED),
        ("imbalance-order", {**long_last(105), **BUSY}, UNRESOLVED),
    ],
)
def test_makespans_are_judged_by_their_bounds(claim: str, seen: dict, verdict: Verdict) -> None:
    """A fifth longer is longer, a tenth alike; where even tasks take longer too, or cores are missing, it is open."""
    assert verdicts("imbalance", seen)[claim].verdict is verdict
