"""convoy: an echo beside a thread that computes, messages sent in time, and verdicts on both sides of each bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from scheduling_support import astride, judged, observe, quick

from perflab.clock import pause
from perflab.errors import WrongAnswer
from perflab.experiments import convoy
from perflab.experiments._loopback import sender
from perflab.model import Case, Judgement, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
MS = 1e6
CASES = {(case.strategy, convoy._interval_us(case)): case for case in quick("convoy").cases}
ALONE, COMPILED = CASES["echo alone", 5000], CASES["echo beside a compiled loop", 5000]
LOOP, SHORT = CASES["echo beside a Python loop", 5000], CASES["echo beside a Python loop", 500]


def test_each_case_is_answered_and_leaves_nothing() -> None:
    """Alone and beside each neighbour every message comes back; the longest time is no shorter than the median."""
    observed = observe("convoy", list(CASES.values()))
    assert len(observed) == 4
    for case, samples in observed.items():
        for sample in samples:
            assert set(sample) == {"latency_ns", "worst_ns"}, case
            assert 0 < sample["latency_ns"] <= sample["worst_ns"], case  # type: ignore[operator]


def answering(monkeypatch: pytest.MonkeyPatch, reply: Callable[[bytes], bytes]) -> None:
    """Let the echo answer otherwise."""

    def answer(line: Any) -> None:
        while message := line.recv(4096):
            line.sendall(reply(message))

    monkeypatch.setattr(convoy, "_answer", answer)


def test_a_message_that_comes_back_otherwise_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An echo that sends something else is not timed."""
    answering(monkeypatch, lambda message: bytes(len(message) - 1) + b"!")
    with pytest.raises(WrongAnswer, match="0 of 1 messages"):
        next(convoy.probe(ALONE))


def test_an_echo_that_hangs_up_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is closed instead of answered is not timed."""

    def hang_up(line: Any) -> None:
        line.recv(4096)

    monkeypatch.setattr(convoy, "_answer", hang_up)
    with pytest.raises(WrongAnswer, match="0 of 1 messages"):
        next(convoy.probe(ALONE))


def test_a_late_answer_does_not_put_off_the_next_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages due while the first is unanswered wait as well, and their wait counts from when they were due.

    The echo sleeps 100 ms over the first of three messages, sent 20 ms apart: the others wait at least 80 and 60 ms.
    A sender that waited for answers would report no wait for them.
    """
    naps, sizes = iter([0.0, 0.1]), []

    def nap(message: bytes) -> bytes:
        sizes.append(len(message))
        pause(next(naps, 0.0))
        return message

    answering(monkeypatch, nap)
    with sender() as sending, convoy._echo(sending) as port:
        assert len(convoy._play(sending, port, [0])) == 1
        first, second, third = convoy._play(sending, port, [0, 20_000, 40_000])
    assert sizes == [4, 4, 8]  # the two were sent while the first one was unanswered
    assert first > 100 * MS
    assert second > 80 * MS
    assert third > 60 * MS


def test_messages_are_far_enough_apart_to_find_the_echo_idle() -> None:
    """Beside a thread that holds the GIL they leave more than two intervals, which an echo may take for one message."""
    for case in convoy.design(Settings("default")).cases:
        held = 2 * convoy._interval_us(case) if case.strategy == LOOP.strategy else 0
        offsets = convoy._offsets(case)
        assert 1 <= len(offsets) <= 3
        assert all(later - earlier > held for earlier, later in pairwise(offsets))


@pytest.mark.parametrize("strategy", [LOOP.strategy, COMPILED.strategy])
def test_a_neighbour_lives_while_the_body_does(strategy: str) -> None:
    """One thread more inside, none afterwards."""
    before = threading.active_count()
    with convoy._neighbour(strategy):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def judgements(**changed: Any) -> dict[str, Judgement]:
    """Judged by latencies that confirm all three claims, but for those that are ``changed``."""
    latencies: dict[str, Any] = {"alone": 0.1, "loop": 5.2, "short": 0.6, "compiled": 0.12} | changed
    cases: dict[str, Case] = {"alone": ALONE, "loop": LOOP, "short": SHORT, "compiled": COMPILED}
    return judged("convoy", latency_ns={cases[name]: _ns(one) for name, one in latencies.items()})


def _ns(ms: Any) -> Any:
    return [one * MS for one in ms] if isinstance(ms, list) else ms * MS


@pytest.mark.parametrize(
    ("claim", "changed", "verdict"),
    [
        ("convoy", {}, CONFIRMED),
        ("convoy", {"loop": 0.2, "short": 0.1}, REFUTED),
        ("convoy", {"loop": 4.4}, REFUTED),
        ("convoy", {"loop": 12.0}, CONFIRMED),
        ("convoy", {"alone": 0.6}, REFUTED),
        ("convoy", {"loop": astride(4.5)}, UNRESOLVED),
        ("convoy", {"compiled": 1.2}, UNRESOLVED),
        ("convoy-interval", {}, CONFIRMED),
        ("convoy-interval", {"short": 1.2}, REFUTED),
        ("convoy-interval", {"short": 0.2}, REFUTED),
        ("convoy-interval", {"compiled": 0.6}, UNRESOLVED),
        ("convoy-interval", {"short": astride(1.04)}, UNRESOLVED),
        ("convoy-nogil", {}, CONFIRMED),
        ("convoy-nogil", {"compiled": 1.2}, REFUTED),
        ("convoy-nogil", {"compiled": astride(1.0)}, UNRESOLVED),
    ],
)
def test_both_sides_of_each_bound(claim: str, changed: dict[str, Any], verdict: Verdict) -> None:
    """An interval at least; ten times shorter with it, where cores are not scarce; nothing of it without the GIL."""
    assert judgements(**changed)[claim].verdict is verdict


def test_longer_plans_sweep_the_interval() -> None:
    """The quick plan looks at two intervals, the others at seven from 0.05 to 20 ms."""

    def swept(plan: str) -> list[int]:
        cases = convoy.design(Settings(plan)).cases
        return sorted(convoy._interval_us(case) for case in cases if case.strategy == LOOP.strategy)

    assert swept("quick") == [500, 5000]
    assert swept("default") == swept("full") == [50, 200, 500, 1000, 2000, 5000, 20_000]
