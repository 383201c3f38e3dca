"""decomposition: sums cut for processes, a chain that cannot be, and verdicts on both sides of each bound."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_support import astride, judged, observe, quick

from perflab.errors import WrongAnswer
from perflab.experiments import _crew, _divided, decomposition
from perflab.experiments._crew import answers, crew
from perflab.experiments._places import spread
from perflab.model import Case, Judgement, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = {
    (case.workload, case.implementation, case.strategy, case.param("serial", 0)): case
    for case in quick("decomposition").cases
}
SUM, CHAIN, COMPILED = ("range_sum", "python"), ("squaring", "python"), ("range_sum", "nogil")
WHOLE, HALVES, HALF_SERIAL = (CASES[*SUM, *rest] for rest in (("whole", 0), ("split", 0), ("split", 50)))


def test_each_case_is_computed_and_leaves_nothing() -> None:
    """Whole, split, two at once, two in turn, chain and kernel: wall time is observed, each answer checked."""
    observed = observe("decomposition", [replace(case, size=101) for case in CASES.values()])
    assert len(observed) == len(CASES) == 9
    for case, samples in observed.items():
        assert [set(sample) for sample in samples] == [{"wall_ns"}] * 2, case
        assert all(sample["wall_ns"] > 0 for sample in samples), case  # type: ignore[operator]


def test_spawned_processes_compute_the_same() -> None:
    """Workers that inherit nothing import what they are asked to call."""
    assert observe("decomposition", [replace(HALF_SERIAL, size=101, start_method="spawn")])


def one_too_many(start: int, stop: int) -> int:
    return _divided.square(stop, 1)


@pytest.mark.parametrize("case", [WHOLE, HALVES, CASES[*SUM, "two at once", 0]], ids=lambda case: case.strategy)
def test_a_wrong_sum_is_a_wrong_answer(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that compute something else are not timed."""
    monkeypatch.setattr(_divided, "add_range", one_too_many)
    probe = decomposition.probe(replace(case, size=101, start_method="fork"))
    with pytest.raises(WrongAnswer, match="expected"):
        next(probe)(1)
    probe.close()  # type: ignore[attr-defined]


def test_a_chain_that_is_cut_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two halves that both begin at the beginning do not come to the end of the chain."""
    monkeypatch.setattr(_divided, "square", from_the_beginning)
    probe = decomposition.probe(replace(CASES[*CHAIN, "split", 0], size=101, start_method="fork"))
    with pytest.raises(WrongAnswer, match="expected"):
        next(probe)(1)
    probe.close()  # type: ignore[attr-defined]


ORIGINAL = _divided.square


def from_the_beginning(number: int, steps: int) -> int:
    return ORIGINAL(_divided.SEED, steps)


@given(st.integers(0, 300))
def test_the_short_cut_ends_where_the_chain_does(steps: int) -> None:
    """Squaring step by step, and by the exponent reduced with Euler's theorem, come to the same number."""
    totient = (_divided.PRIMES[0] - 1) * (_divided.PRIMES[1] - 1)
    assert _divided.square(_divided.SEED, steps) == pow(_divided.SEED, pow(2, steps, totient), _divided.MODULUS)


def test_the_primes_are_primes() -> None:
    """Otherwise the short cut would be none."""
    for prime in _divided.PRIMES:
        assert all(prime % divisor for divisor in range(2, int(prime**0.5) + 1))


@given(st.integers(1, 10_000), st.integers(1, 9), st.sampled_from([0, 10, 25, 50]))
def test_parts_make_up_the_whole(size: int, workers: int, percent: int) -> None:
    """The serial part and the workers' parts follow each other without gap or overlap."""
    case = Case("range_sum", "python", "split", workers, size, "fork", params=(("serial", percent),))
    *serial, parallel = _divided._stages(case)
    bounds = [bound for stage in (*serial, parallel) for bound in stage]
    assert len(parallel) == workers
    assert [number for bound in bounds for number in range(*bound)] == list(range(size))
    assert sum(stop - start for stage in serial for start, stop in stage) == size * percent // 100


def test_a_crew_is_shared_and_answers_in_order() -> None:
    """A second case of the host finds the same processes; they are gone with the last one."""
    with crew("fork", 2) as first:
        with crew("fork", 2) as second:
            assert second is first
            assert answers(second, [(pow, (2, 5)), (pow, (3, 2))]) == [32, 9]
        pids = answers(first, [(os.getpid, ())] * 2)
    assert len(set(pids)) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_crew_is_dismissed_while_another_one_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its members end by themselves, though later processes hold the parent's ends of their pipes as well."""
    statuses: list[int | None] = []

    def watched(processes: Sequence[Any]) -> None:
        for process in processes:
            process.join(10)
            statuses.append(process.exitcode)

    monkeypatch.setattr(_crew, "end", watched)
    with ExitStack() as later:
        with crew("fork", 1):
            later.enter_context(crew("fork", 2))
        assert statuses == [0]
    assert statuses == [0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot bind a process to a core")
def test_a_crew_is_spread_over_the_cores_and_the_asker_stands_with_the_last() -> None:
    """Each member has a core, in turn; who asks gets all of its own back."""
    cores = sorted(os.sched_getaffinity(0))
    with crew("fork", 3) as members:
        with spread([member.process.pid for member in members]):
            asker = os.sched_getaffinity(0)
            bound = answers(members, [(os.sched_getaffinity, (0,))] * 3)
        assert bound == [{cores[index % len(cores)]} for index in range(3)]
        assert asker == bound[-1]
    assert sorted(os.sched_getaffinity(0)) == cores


def test_a_sample_is_taken_on_a_crew_that_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that share a core by chance would take as long as one."""
    spreads: list[int] = []

    @contextmanager
    def watched(pids: Sequence[int | None]) -> Iterator[None]:
        spreads.append(len(pids))
        yield

    monkeypatch.setattr(decomposition, "spread", watched)
    probe = decomposition.probe(replace(HALVES, size=101, start_method="fork"))
    next(probe)(1)
    probe.close()  # type: ignore[attr-defined]
    assert spreads == [2]


def test_a_member_that_dies_is_no_hang() -> None:
    """Its closed pipe is an error, not an answer that is waited for."""
    with crew("fork", 2) as members, pytest.raises((EOFError, OSError)):
        answers(members, [(pow, (1, 1)), (os._exit, (3,))])


def judgements(**changed: Any) -> dict[str, Judgement]:
    """Judged by times that confirm S05, S06-chain and the law, and refute S06, but for those that are ``changed``."""
    times = {
        "at_once": 1.1, "in_turn": 2.0, "halves": 0.55, "half_serial": 0.78, "chain": 1.0, "ceiling": 0.55,
    } | changed  # fmt: skip
    cases = {
        "at_once": CASES[*SUM, "two at once", 0],
        "in_turn": CASES[*SUM, "two in turn", 0],
        "halves": HALVES,
        "half_serial": HALF_SERIAL,
        "chain": CASES[*CHAIN, "split", 0],
        "ceiling": CASES[*COMPILED, "split", 0],
    }
    whole = dict.fromkeys((WHOLE, CASES[*CHAIN, "whole", 0], CASES[*COMPILED, "whole", 0]), 1.0)
    return judged("decomposition", wall_ns=whole | {cases[name]: time for name, time in times.items()})


@pytest.mark.parametrize(
    ("claim", "changed", "verdict"),
    [
        ("S05", {}, CONFIRMED),
        ("S05", {"at_once": 1.6}, REFUTED),
        ("S05", {"at_once": astride(1.5)}, UNRESOLVED),
        ("S05", {"in_turn": 1.4}, UNRESOLVED),
        ("S05", {"at_once": 1.6, "ceiling": 0.7}, UNRESOLVED),
        ("S06", {}, REFUTED),
        ("S06", {"halves": 0.95}, CONFIRMED),
        ("S06", {"halves": astride(1 / 1.2)}, UNRESOLVED),
        ("S06", {"halves": 0.95, "ceiling": 0.7}, UNRESOLVED),
        ("S06-chain", {}, CONFIRMED),
        ("S06-chain", {"chain": 0.6}, REFUTED),
        ("S06-chain", {"chain": astride(1 / 1.2)}, UNRESOLVED),
        ("S06-chain", {"halves": 0.95}, UNRESOLVED),
        ("decomposition-amdahl", {}, CONFIRMED),
        ("decomposition-amdahl", {"half_serial": 0.6}, REFUTED),
        ("decomposition-amdahl", {"half_serial": 0.95}, REFUTED),
        ("decomposition-amdahl", {"half_serial": astride(0.75 / 1.05)}, UNRESOLVED),
    ],
)
def test_both_sides_of_each_bound(claim: str, changed: dict[str, Any], verdict: Verdict) -> None:
    """Each claim has what confirms it, what refutes it, and what leaves it open: a machine without cores above all."""
    assert judgements(**changed)[claim].verdict is verdict


def test_amdahls_law_in_its_known_values() -> None:
    """Nothing serial: as many times as processors; half serial: 4/3 with two, never more than 2."""
    assert [decomposition._law(2, percent) for percent in (0, 50, 100)] == [2, 4 / 3, 1]
    assert decomposition._law(10**9, 50) == pytest.approx(2)


def test_longer_plans_leave_more_parts_serial() -> None:
    """The quick plan knows nothing and a half, the others two parts between them, on up to eight processes."""

    def serial(settings: Settings) -> set[tuple[int, int | str]]:
        cases = decomposition.design(settings).cases
        return {(case.workers, case.param("serial")) for case in cases if case.strategy == "split"}

    assert serial(Settings("quick")) == {(2, 0), (2, 50)}
    assert serial(Settings("default", cores=48)) == {(2, 0), (8, 0), (8, 10), (8, 25), (8, 50)}


def test_one_worker_shares_nothing() -> None:
    """On one core, or with one worker, every claim says that it cannot be judged, and why."""
    for settings in (Settings(cores=1), Settings(cores=4, overrides=(("workers", (1,)),))):
        assert all("one worker" in claim.not_applicable for claim in decomposition.design(settings).claims)
