"""native-scaling: work is done at once and all of it, gains are ratios, verdicts on both sides of each bound."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import WrongAnswer
from perflab.experiments import _gang, _native, native_scaling
from perflab.experiments._native_claims import CALCULATING, CHAIN, LOOP, NOTHING, SUMMING, cells_of
from perflab.kernels import limits, range_sum, sharing, sums
from perflab.model import Case, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CELLS = cells_of(2)


def test_each_case_is_timed_and_leaves_nothing() -> None:
    """One thread's work has a time; that of several has two, and their ratio."""
    cases = design_of("native-scaling").cases
    observed = observe("native-scaling", cases)
    assert len(observed) == len(cases) == 19
    for case in cases:
        seen: dict[str, Any] = dict(observed[case.id])
        assert set(seen) == {"alone_ns"} | ({"together_ns", "gain"} if case.workers else set()), case
        assert min(seen.values()) > 0, case
        if case.workers:
            assert seen["gain"] == pytest.approx(seen["alone_ns"] / seen["together_ns"])


def test_pieces_run_at_once() -> None:
    """Pieces that wait for each other all end."""
    met = threading.Barrier(3, timeout=10)
    with _gang.threads(3) as together:
        turns = together([met.wait] * 3)
    assert sorted(turn.answer for turn in turns) == [0, 1, 2]
    assert max(turn.started_ns for turn in turns) <= min(turn.ended_ns for turn in turns)


def test_processes_run_at_once() -> None:
    """Each answers as many numbers as its rounds add, and none begins before it is told."""
    with _gang.processes(2) as together:
        before = _gang.monotonic_ns()
        turns = together([1000, 2000])
    assert _native.arithmetic_right(1000)([turns[0].answer])
    assert turns[1].answer == 2 * turns[0].answer
    assert min(turn.started_ns for turn in turns) >= before + _gang.LEAD_NS


def test_processes_sum_data_of_their_own() -> None:
    """So many times each, as the threads that are compared with them do."""
    small = Case("private_sums", "nogil", "processes", 2, params=(("kib", 2**20),))
    assert (_native.rounds_of(small), _native.summed_bytes_of(CELLS.ceiling)) == (1, 0)
    with _gang.processes(2, 8 * 1000) as together:
        assert [turn.answer for turn in together([3, 4])] == [3000.0, 4000.0]


def test_a_span_is_from_the_first_beginning_to_the_last_end() -> None:
    """Whoever waits for the lock meanwhile counts as well."""
    assert _gang.span_ns([_gang.Turn(5, 9, None), _gang.Turn(7, 20, None)]) == 15


def test_a_thread_that_does_not_come_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others do not spin for ever."""
    monkeypatch.setattr(_gang, "MOST_SPINS", 1000)
    with pytest.raises(WrongAnswer, match="1 threads came to begin, expected 2"):
        _gang.Gate(2).wait()


def test_a_process_that_says_something_else_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are no instants."""
    monkeypatch.setattr(_gang, "INDEPENDENT", "import sys\nsys.stdin.readline()\nprint('no', flush=True)")
    with _gang.processes(1) as together, pytest.raises(WrongAnswer, match="answered \\['no'\\]"):
        together([1])


@pytest.mark.parametrize(
    ("module", "function", "cases"),
    [
        (limits, "arithmetic_nogil", [CELLS.arithmetic, CALCULATING[1]]),
        (limits, "arithmetic_gil", [CALCULATING[0]]),
        (limits, "load_only_nogil", [CELLS.loads]),
        (sums, "sum_float64_nogil", [SUMMING[1]]),
        (sums, "sum_repeatedly_nogil", [CELLS.private]),
        (sums, "sum_float64_gil", [SUMMING[0]]),
        (sharing, "add_plain", [CELLS.padded, CELLS.adjacent]),
        (sharing, "signature_only", [CELLS.signature]),
        (sharing, "reacquire", [CELLS.often, CELLS.seldom]),
        (sharing, "dependent_adds", [CHAIN]),
        (range_sum, "sum_nogil", [LOOP]),
        (sharing, "tiny_gil", [NOTHING[0]]),
        (sharing, "tiny_nogil", [NOTHING[1]]),
    ],
)
def test_work_that_was_not_done_is_a_wrong_answer(
    module: Any, function: str, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that answers otherwise, or leaves its counter alone, is not timed."""
    monkeypatch.setattr(module, function, lambda *given: 3)
    for case in cases:
        small = Case(case.workload, case.implementation, case.strategy, case.workers, params=_smaller(case))
        probe = native_scaling.probe(small)
        with pytest.raises(WrongAnswer, match="expected the answers of all their work"):
            next(probe)(1)
        probe.close()  # type: ignore[attr-defined]


def _smaller(case: Case) -> tuple[tuple[str, int], ...]:
    return tuple((name, 1 if name == "mib" else int(value)) for name, value in case.params)


def test_lost_increments_are_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared counter that is one short is found."""
    job = _native.job(CELLS.atomic)
    add = sharing.add_atomic
    monkeypatch.setattr(sharing, "add_atomic", lambda counters, place, n: add(counters, place, n - 1))
    assert not _native.job(CELLS.atomic).right([])
    assert job.right([job.alone()])
    assert job.right([work() for work in job.each])
    short = _native.job(CELLS.atomic)
    assert not short.right([work() for work in short.each])


@pytest.mark.parametrize("address", [0, 8, 64, 120, 4096 + 16])
def test_counters_share_a_line_or_lie_apart(address: int) -> None:
    """Side by side in one line of 64 bytes, one and the same, or in lines of their own."""
    at = {
        name: [address + 8 * place for place in _native.places(name, address, 8)]
        for name in ("atomic_counter", "adjacent_counters", "padded_counters")
    }
    assert len(set(at["atomic_counter"])) == 1
    assert len({byte // 64 for byte in at["adjacent_counters"]}) == 1 < len(set(at["adjacent_counters"])) == 8
    assert len({byte // 128 for byte in at["padded_counters"]}) == 8


def seen(**changed: Any) -> dict[tuple[Case, str], Any]:
    """What confirms all claims, but for what is ``changed``: gains and times by the cell's name."""
    gains = {
        "ceiling": 2.0,
        "arithmetic": 1.98,
        "private": 1.98,
        "private_ceiling": 2.0,
        "loads": 1.4,
        "signature": 1.0,
        "padded": 1.9,
        "atomic": 0.3,
        "often": 0.8,
        "seldom": 1.9,
    }
    times = {"padded": 1.0, "adjacent": 5.0}
    pairs = {"twin": (CALCULATING, 1.0), "twin_sums": (SUMMING, 1.0), "loop": ((CHAIN, LOOP), 1.0)}
    released = changed.get("released", 60.0)
    found: dict[tuple[Case, str], Any] = {
        (getattr(CELLS, name), "gain"): changed.get(name, gain) for name, gain in gains.items()
    }
    found |= {(getattr(CELLS, name), "together_ns"): changed.get(f"{name}_ns", ns) for name, ns in times.items()}
    for name, ((control, case), ratio) in pairs.items():
        found |= {(control, "alone_ns"): 1.0, (case, "alone_ns"): changed.get(name, ratio)}
    return found | {(NOTHING[0], "alone_ns"): 20.0, (NOTHING[1], "alone_ns"): released}


ASTRIDE = (0.8, 1.25) * 3


def astride(value: float) -> list[float]:
    """A value for each block, so that any interval of their median lies astride it."""
    return [value * factor for factor in ASTRIDE]


@pytest.mark.parametrize(
    ("claim", "changed", "verdict"),
    [
        ("native-arithmetic", {}, CONFIRMED),
        ("native-arithmetic", {"arithmetic": 1.85}, REFUTED),
        ("native-arithmetic", {"arithmetic": astride(1.9)}, UNRESOLVED),
        ("native-arithmetic", {"ceiling": 1.25}, UNRESOLVED),
        ("native-private", {}, CONFIRMED),
        ("native-private", {"private": 1.92}, REFUTED),
        ("native-private", {"private": astride(1.94)}, UNRESOLVED),
        ("native-private", {"private": 1.7, "private_ceiling": 1.72}, CONFIRMED),
        ("native-private", {"ceiling": 1.25}, UNRESOLVED),
        ("native-bandwidth", {}, CONFIRMED),
        ("native-bandwidth", {"loads": 1.85}, REFUTED),
        ("native-bandwidth", {"loads": astride(1.78)}, UNRESOLVED),
        ("native-atomic", {}, CONFIRMED),
        ("native-atomic", {"atomic": 1.1}, REFUTED),
        ("native-atomic", {"padded": 1.0}, UNRESOLVED),
        ("native-adjacent", {}, CONFIRMED),
        ("native-adjacent", {"adjacent_ns": 1.9}, REFUTED),
        ("native-adjacent", {"adjacent_ns": astride(2.0)}, UNRESOLVED),
        ("native-signature", {}, CONFIRMED),
        ("native-signature", {"signature": 1.9}, REFUTED),
        ("native-signature", {"arithmetic": 1.1}, UNRESOLVED),
        ("native-reacquire", {}, CONFIRMED),
        ("native-reacquire", {"often": 1.3}, REFUTED),
        ("native-reacquire", {"seldom": 1.1}, UNRESOLVED),
        ("native-twins", {}, CONFIRMED),
        ("native-twins", {"twin_sums": 1.02}, REFUTED),
        ("native-twins", {"twin": astride(1.0)}, UNRESOLVED),
        ("native-release", {}, CONFIRMED),
        ("native-release", {"released": 130.0}, REFUTED),
        ("native-release", {"released": [110.0, 130.0] * 3}, UNRESOLVED),
        ("native-range-sum", {}, CONFIRMED),
        ("native-range-sum", {"loop": 1.05}, REFUTED),
        ("native-range-sum", {"loop": astride(1.03)}, UNRESOLVED),
    ],
)
def test_both_sides_of_each_bound(claim: str, changed: dict[str, Any], verdict: Verdict) -> None:
    """Enough, too little, and both by turns; no answer without a ceiling or a positive control."""
    assert verdicts("native-scaling", seen(**changed))[claim].verdict is verdict


def test_longer_plans_sweep() -> None:
    """How often the GIL is taken, how much is added up: only where there is time."""

    def values(plan: str, name: str) -> set[int | str]:
        cases = native_scaling.design(Settings(plan)).cases
        return {case.param(name) for case in cases if case.param(name) and case.workers}

    assert values("quick", "every") == {1000, 1_000_000}
    assert values("default", "every") == {100, 1000, 10_000, 100_000, 1_000_000}
    assert values("quick", "elements") == set()
    assert values("default", "elements") == {1, 16, 64, 256, 1024, 4096}


def test_one_core_has_nothing_to_gain() -> None:
    """Where there is one worker only, sentences about several are not applicable, those about one thread are."""
    claims = native_scaling.design(Settings("quick", cores=1)).claims
    assert {claim.id for claim in claims if not claim.not_applicable} == {
        "native-twins",
        "native-release",
        "native-range-sum",
    }
