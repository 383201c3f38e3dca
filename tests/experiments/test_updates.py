"""updates: what is lost is counted, locks that lock lose nothing, and verdicts on both sides of each bound."""

from __future__ import annotations

import sys
from typing import Any

import psutil
import pytest
from sharing_support import METHODS, astride, claim_of, design_of, now_and_then, observe, verdict

from perflab.errors import WrongAnswer
from perflab.experiments import _updates, updates
from perflab.experiments._partner import context, partners, told
from perflab.model import Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = design_of("updates").cases
COUNTED = {"lost_fraction", "lost_updates"}


def test_each_case_observes_what_it_promises_and_leaves_nothing() -> None:
    """Processes: losses, what is left and the cost; threads: losses; a lock as argument: how that ended."""
    observed = observe("updates", CASES)
    promised = {"threads": COUNTED, "argument": {"outcome"}}
    promised |= dict.fromkeys(updates.NUMBERS, COUNTED | {"final_value", "update_ns"})
    assert {case.strategy for case in CASES} == set(promised)
    for case in CASES:
        assert set(observed[case.id]) == promised[case.strategy], case.id
        if case.param("lock") in ("Lock", "get_lock", "Manager.Lock"):
            assert (observed[case.id]["lost_updates"], observed[case.id]["final_value"]) == (0, 0), case.id


@pytest.mark.parametrize("number", updates.NUMBERS)
def test_losses_are_seen_where_a_lock_does_not_lock(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop that holds the lock, replaced by one that overwrites what the other wrote, loses; the count says so."""

    def overwrite(cell: Any, step: int, count: int, held: Any) -> None:
        for done in range(count):
            if number == "SharedMemory":
                cell[0] = step * (done + 1)
            else:
                cell.value = step * (done + 1)

    for key in _updates.LOOPS:
        monkeypatch.setitem(_updates.LOOPS, key, overwrite)
    seen = _updates.two_processes(number, updates.PROPER[number], 100)
    assert (abs(seen.balance), seen.total) == (100, 100)
    assert updates._missing(seen.total, 200) == {"lost_fraction": 0.5, "lost_updates": 100}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 10), (0, 10), 1.0),
        ((0, 10), (5, 20), 0.5),
        ((0, 100), (20, 30), 1.0),
        ((0, 10), (10, 20), 0.0),
        ((50, 60), (0, 10), 0.0),
    ],
)
def test_overlap_is_the_share_of_the_shorter_span(
    first: tuple[int, int], second: tuple[int, int], expected: float
) -> None:
    """Of whichever is shorter, in either order; none where one was over before the other began."""
    assert _updates.overlap(first, second) == _updates.overlap(second, first) == expected


@pytest.mark.parametrize(("overlaps", "tried"), [([0.6], 1), ([0.4, 0.1, 0.5], 3), ([0.0] * 9, 4)])
def test_a_pair_is_tried_again_until_it_was_together(
    overlaps: list[float], tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock alone, and at most four times: then the last one counts as it is."""
    made = [_updates.Outcome(0, number, 1, one) for number, one in enumerate(overlaps, 1)]
    waiting = iter(made)
    monkeypatch.setattr(_updates, "_attempt", lambda kind, lock, count: next(waiting))
    assert _updates.two_processes("RawValue", "none", 10) == made[tried - 1]


@pytest.mark.parametrize("total", [-1, 1, 201])
def test_a_number_that_no_updates_can_leave_is_a_wrong_answer(total: int) -> None:
    """More than was added, or less than the last update leaves."""
    with pytest.raises(WrongAnswer, match="expected 2 to 200"):
        updates._missing(total, 200)


def test_a_partner_that_dies_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends without its report is not waited for."""
    monkeypatch.setattr(_updates, "update", lambda *arguments: None)
    with pytest.raises(WrongAnswer, match="ended without a report"):
        _updates.two_processes("RawValue", "none", 10)


def test_a_partner_that_is_left_running_is_killed() -> None:
    """An error in the body ends the partners at once."""
    started = []

    def fail() -> None:
        with partners(context(), (_sleep, (60,))) as (process,):
            started.append(process.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not psutil.pid_exists(started[0])


def _sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)


def test_a_silent_partner_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """No report within the limit ends the wait."""
    monkeypatch.setattr("perflab.experiments._partner.LIMIT_S", 0.01)
    near, far = context().Pipe()
    with near, far, pytest.raises(WrongAnswer, match="said nothing"):
        told(near)


@pytest.mark.parametrize("shape", _updates.SHAPES)
def test_two_threads_make_every_update_when_they_take_turns(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a switch interval that no loop outlasts nothing is lost under a GIL; the interval is as before."""
    monkeypatch.setattr(_updates, "TINY_SWITCH_S", 10.0)
    before = sys.getswitchinterval()
    total = _updates.two_threads(shape, 500)
    assert sys.getswitchinterval() == before
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        assert total == 1000
    else:
        assert 2 <= total <= 1000


LOST = {f"lost from a {number} without a lock": 0.4 for number in updates.NUMBERS}
KEPT = {
    "no update lost from a RawValue with a multiprocessing.Lock": 0,
    "no update lost from a Value with its get_lock()": 0,
    "no update lost from a SharedMemory with a multiprocessing.Lock": 0,
    "no update lost from a Manager.Value with the Manager's Lock": 0,
}
RAW, OWN, SEGMENT, _ = KEPT
FORKED = "lost from a RawValue with a forked threading.Lock"
HELD, FREE = "0 in the end, Manager.Value with the Manager's Lock", "0 in the end, Manager.Value without a lock"
PLAIN = {f"nothing lost by {updates.STATEMENTS[shape]}": 0 for shape in updates.PLAIN_SHAPES}
CALLS = {f"lost by {updates.STATEMENTS[shape]}": 12 for shape in updates.CALLING_SHAPES}
CALL, GUARDED = f"lost by {updates.STATEMENTS['call']}", f"nothing lost by {updates.STATEMENTS[updates.GUARDED_SHAPE]}"


@pytest.mark.parametrize(
    ("claim", "seen", "expected"),
    [
        ("S19", {**LOST, **KEPT}, CONFIRMED),
        ("S19", {**LOST, **KEPT, "lost from a Value without a lock": 0.0}, REFUTED),
        ("S19", {**LOST, **KEPT, "lost from a Value without a lock": now_and_then(0.0, 0.1)}, UNRESOLVED),
        ("S19", {**LOST, **KEPT, RAW: 3}, UNRESOLVED),
        ("S19-own-lock", {"lost from a Value without a lock": 0.001, OWN: 0}, CONFIRMED),
        ("S19-own-lock", {"lost from a Value without a lock": 0.0, OWN: 0}, REFUTED),
        ("S19-own-lock", {"lost from a Value without a lock": 0.4, OWN: 1}, UNRESOLVED),
        ("S20", {HELD: 0, FREE: 17}, CONFIRMED),
        ("S20", {HELD: -1, FREE: 17}, REFUTED),
        ("S20", {HELD: now_and_then(0, 2), FREE: 17}, UNRESOLVED),
        ("S20", {HELD: 0, FREE: 0}, UNRESOLVED),
        ("S20-cost", {"Manager / Value": 101.0}, CONFIRMED),
        ("S20-cost", {"Manager / Value": 99.0}, REFUTED),
        ("S20-cost", {"Manager / Value": astride(100.0)}, UNRESOLVED),
        ("S21", {FORKED: 0.3, RAW: 0}, CONFIRMED),
        ("S21", {FORKED: 0.0, RAW: 0}, REFUTED),
        ("S21", {FORKED: 0.3, RAW: 5}, UNRESOLVED),
        ("S21-other-locks", {RAW: 0, OWN: 0, SEGMENT: 0}, CONFIRMED),
        ("S21-other-locks", {RAW: 0, OWN: 2, SEGMENT: 0}, REFUTED),
        ("S21-pickle", {updates.NOT_PICKLED: updates.NOT_PICKLED}, CONFIRMED),
        ("S21-pickle", {updates.NOT_PICKLED: "it was started"}, REFUTED),
        ("lost-threads-plain", {**PLAIN, CALL: 1}, CONFIRMED),
        ("lost-threads-plain", {**PLAIN, CALL: 0}, UNRESOLVED),
        ("lost-threads-plain", {**PLAIN, "nothing lost by number += 1, a global": 1, CALL: 1}, REFUTED),
        ("lost-threads-call", {**CALLS, GUARDED: 0}, CONFIRMED),
        ("lost-threads-call", {**CALLS, CALL: 0, GUARDED: 0}, REFUTED),
        ("lost-threads-call", {**CALLS, GUARDED: 1}, UNRESOLVED),
    ],
)
def test_verdicts_on_both_sides(claim: str, seen: dict[str, Any], expected: Verdict) -> None:
    """Losses where losses are claimed, none where none are, and controls that forbid an answer."""
    assert verdict("updates", claim, seen) is expected


def test_without_a_second_core_or_fork_nothing_is_judged_that_needs_them() -> None:
    """One core: what needs an overlap is not applicable; no fork or no spawn: neither is what is about it."""
    single = Settings("quick", 1, METHODS)
    reasons = [claim_of("updates", name, single).not_applicable for name in ("S19", "S19-own-lock", "S21")]
    assert all("one core" in reason for reason in reasons)
    assert "no fork" in claim_of("updates", "S21", Settings("quick", 2, ("spawn",), "spawn")).not_applicable
    assert "no spawn" in claim_of("updates", "S21-pickle", Settings("quick", 2, ("fork",))).not_applicable


def test_the_full_plan_makes_as_many_updates_as_the_tutorial() -> None:
    """Ten thousand each way through the Manager, and more than that everywhere else in every plan."""
    managed = {case.param("updates") for case in design_of("updates", Settings("full")).cases if _is_managed(case)}
    assert managed == {10_000}
    others = [case.param("updates") for case in CASES if case.strategy in updates.NUMBERS[:3]]
    assert min(map(int, others)) >= 10_000


def _is_managed(case: Any) -> bool:
    return bool(case.strategy == "Manager.Value")
