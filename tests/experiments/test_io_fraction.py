"""io-fraction: real waits on a real server, every task counted, and verdicts on both sides of each bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scheduling_support import astride, judged, observe, quick

from perflab.errors import WrongAnswer
from perflab.experiments import _io_tasks, io_fraction
from perflab.experiments._loopback import connected, delaying_server
from perflab.model import Case, Judgement, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = {
    (case.implementation, case.strategy, case.param("percent")): case
    for case in (*io_fraction.design(Settings("default")).cases, *quick("io-fraction").cases)
    if case.param("percent") in ("", 0, 20, 100)
}


def tiny(case: Case) -> Case:
    """The same case with shorter waits and sums."""
    params = dict(case.params)
    if params.get("wait_us"):
        params["wait_us"] = 300
    return replace(case, size=min(case.size, 100), params=tuple(params.items()))


def test_each_case_does_all_its_tasks_and_leaves_nothing() -> None:
    """In turn, on threads, in processes and compiled: wall time is observed, every task and sum having been checked."""
    observed = observe("io-fraction", [tiny(case) for case in CASES.values()])
    assert len(observed) == len(CASES) == 11
    for case, samples in observed.items():
        assert [set(sample) for sample in samples] == [{"wall_ns"}] * 2, case
        assert all(sample["wall_ns"] > 0 for sample in samples), case  # type: ignore[operator]


def test_spawned_processes_do_the_same() -> None:
    """Workers that inherit nothing connect by the port they are told."""
    case = replace(tiny(CASES["python", "processes", 20]), workers=2, start_method="spawn")
    params = {**dict(case.params), "tasks": 2 * io_fraction.TASKS_A_WORKER}
    assert observe("io-fraction", [replace(case, params=tuple(params.items()))])


class _Mute:
    """A connection on which the same wrong answer comes to every request."""

    def sendall(self, request: bytes) -> None:
        pass

    def recv(self, count: int) -> bytes:
        return bytes(count)


def test_a_server_that_answers_something_else_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose answer is not its request's is not counted as done."""
    mute: Any = _Mute()
    monkeypatch.setitem(_io_tasks.WAYS, "serial", lambda case, port, stack: lambda: _io_tasks.perform(mute, 8, 300, 0))  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match=r"\(0, 0\), expected \(8, 0\)"):
        next(io_fraction.probe(tiny(CASES["python", "serial", 0])))(1)


def test_a_wrong_sum_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that add up something else are not timed."""
    monkeypatch.setitem(_io_tasks.WAYS, "serial", lambda case, port, stack: lambda: (8, 1))  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match="expected"):
        next(io_fraction.probe(tiny(CASES["python", "serial", 100])))(1)


def test_the_server_answers_when_it_is_told() -> None:
    """Of two waits that overlap the shorter one is over first, though it was asked for later."""
    import selectors

    with (
        delaying_server() as port,
        connected(port) as slow,
        connected(port) as fast,
        selectors.DefaultSelector() as both,
    ):
        for line in (slow, fast):
            both.register(line, selectors.EVENT_READ)
        slow.sendall((200_000).to_bytes(4, "little"))
        fast.sendall((1_000).to_bytes(4, "little"))
        order = []
        while len(order) < 2:
            for key, _ in both.select():
                order.append(int.from_bytes(key.fileobj.recv(4), "little"))  # type: ignore[union-attr]
    assert order == [1_000, 200_000]


def judgements(**changed: Any) -> dict[str, Judgement]:
    """Judged by speed-ups that confirm S03 and obey the law, but for those that are ``changed``."""
    speedups = {
        "threads_0": 3.8, "threads_20": 3.0, "threads_100": 1.0,
        "processes_0": 3.8, "processes_100": 1.8, "ceiling": 1.8,
    } | changed  # fmt: skip
    serial = {percent: CASES["python", "serial", percent] for percent in (0, 20, 100)}
    wall: dict[Case, Any] = dict.fromkeys(serial.values(), 100.0)
    for name, speedup in speedups.items():
        strategy, _, percent = name.partition("_")
        key = ("nogil", "threads", "") if strategy == "ceiling" else ("python", strategy, int(percent))
        wall[CASES[key]] = [100.0 / one for one in speedup] if isinstance(speedup, list) else 100.0 / speedup
    return judged("io-fraction", wall_ns={**wall, CASES["nogil", "serial", ""]: 100.0})


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, CONFIRMED),
        ({"threads_0": 1.9}, REFUTED),
        ({"threads_0": astride(2.0)}, UNRESOLVED),
        ({"threads_100": 1.3}, REFUTED),
        ({"threads_100": astride(1.2)}, UNRESOLVED),
        ({"processes_100": 1.1}, REFUTED),
        ({"processes_100": astride(1.2)}, UNRESOLVED),
        ({"processes_100": 1.1, "ceiling": 1.2}, UNRESOLVED),
    ],
)
def test_threads_wait_and_processes_compute(changed: dict[str, Any], verdict: Verdict) -> None:
    """S03 needs all three, each on its side of the bound, and a machine that had two cores to give."""
    assert judgements(**changed)["S03"].verdict is verdict


@pytest.mark.parametrize(("speedup", "verdict"), [(3.8, REFUTED), (3.3, CONFIRMED), (astride(3.8 / 1.05), UNRESOLVED)])
def test_waiting_processes_are_held_against_threads(speedup: Any, verdict: Verdict) -> None:
    """Processes that only wait are worse if they take more than five percent longer than threads."""
    assert judgements(processes_0=speedup)["S03-waiting-processes"].verdict is verdict


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, CONFIRMED),
        ({"threads_20": 2.2}, REFUTED),
        ({"threads_20": 4.5}, REFUTED),
        ({"threads_100": 1.8}, REFUTED),
        ({"threads_20": astride(2.25)}, UNRESOLVED),
    ],
)
def test_the_law_binds_from_both_sides(changed: dict[str, Any], verdict: Verdict) -> None:
    """With four threads and 20 % computing the law leaves 2.5 to 4, and a tenth beyond; at 100 % only 1."""
    assert judgements(**changed)["io-fraction-law"].verdict is verdict


def test_the_law_is_that_of_one_processor() -> None:
    """min(N, 1/f) and N / (1 + (N - 1) f) meet where nothing computes and where all do."""
    assert [io_fraction._most(4, percent) for percent in (0, 20, 50, 100)] == [4, 4, 2, 1]
    assert [io_fraction._least(4, percent) for percent in (0, 20, 50, 100)] == [4, 2.5, 1.6, 1]


def test_one_core_or_one_worker_judges_nothing_parallel() -> None:
    """Processes need a second core, and any overlap needs a second worker; the reason is given."""

    def reasons(settings: Settings) -> dict[str, str]:
        return {claim.id: claim.not_applicable for claim in io_fraction.design(settings).claims}

    assert "one core" in reasons(Settings(cores=1))["S03"]
    assert reasons(Settings(cores=1))["io-fraction-law"] == ""
    assert "one worker" in reasons(Settings(cores=4, overrides=(("workers", (1,)),)))["io-fraction-law"]
    assert set(reasons(Settings(cores=2)).values()) == {""}


def test_longer_plans_vary_the_share_more_finely() -> None:
    """The quick plan looks at none, a fifth and all; the others at six shares, and every task keeps its length."""
    for plan, count in (("quick", 3), ("default", 6), ("full", 6)):
        design = io_fraction.design(Settings(plan))
        waits = {int(case.param("percent")): int(case.param("wait_us")) for case in design.cases if case.params}
        assert len(waits) == count
        assert all(wait == 18 * (100 - percent) for percent, wait in waits.items())
