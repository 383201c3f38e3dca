"""queues: items are counted, outcomes are those that happen, verdicts on both sides of each bound."""

from __future__ import annotations

from typing import Any

import pytest
from sharing_support import METHODS, claim_of, design_of, now_and_then, observe, verdict

from perflab.experiments import _queues, queues
from perflab.model import Case, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = design_of("queues").cases


def test_each_case_observes_what_it_promises_and_leaves_nothing() -> None:
    """Every item arrives once, a copied queue brings nothing, joins end as they must, the program prints its lines."""
    observed = observe("queues", CASES)
    for case in CASES:
        assert set(observed[case.id]) == {"wrong_items" if case.strategy == "crowd" else "outcome"}, case.id
        if case.strategy == "crowd":
            assert observed[case.id] == {"wrong_items": 0}
    joins = {case.param("bytes"): observed[case.id]["outcome"] for case in CASES if case.strategy == "join"}
    assert joins == {queues.SMALL_BYTES: queues.ENDED, queues.LARGE_BYTES: queues.HANGS}
    programs = [observed[case.id]["outcome"] for case in CASES if case.strategy == "program"]
    assert programs == [queues.COMPLETE]


@pytest.mark.parametrize(("lost", "expected"), [("first", 2), ("doubled", 2), ("none", 0)])
def test_items_that_go_astray_are_counted(lost: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that a consumer drops is missing, one that it reports twice is there too often."""

    class Careless:
        def __init__(self, report: Any) -> None:
            self.report = report

        def send(self, taken: list[Any]) -> None:
            self.report.send({"first": taken[1:], "doubled": taken + taken[:1], "none": taken}[lost])

    original = _queues._take
    monkeypatch.setattr(_queues, "_take", lambda items, report: original(_Some(items), Careless(report)))
    assert _queues.delivered_wrongly(1, 2, 40) == expected


class _Some:
    """A queue of which one consumer takes no more than half, so that each of two gets something."""

    def __init__(self, items: Any) -> None:
        self.items, self.taken = items, 0

    def get(self) -> Any:
        if self.taken == 20:
            return None
        self.taken += 1
        return self.items.get()


def test_what_a_copied_queue_holds_does_not_arrive() -> None:
    """Under fork a queue.Queue brings nothing where a multiprocessing.Queue brings the item."""
    assert _queues.given_to_processes("queue.Queue", "fork") == queues.NOTHING
    assert _queues.given_to_processes("multiprocessing.Queue", "fork") == queues.ARRIVED


@pytest.mark.parametrize("way", queues.POOL_WAYS)
def test_a_pool_takes_what_it_can(way: str) -> None:
    """As an argument only the Manager's; by inheritance the other one too."""
    outcome = _queues.given_to_pool(way)
    assert outcome == (queues.INHERITED_ONLY if way == "argument" else queues.ARRIVED)


CROWD = "no item lost or doubled, 2 producers, 2 consumers"
LARGE, SMALL = "join() with 1 MiB in the Queue hangs", "join() with 1 KiB in the Queue ends"
THREAD, SHARED = "nothing comes through a queue.Queue", "the item comes through a multiprocessing.Queue"
ARGUMENT, MANAGED = "multiprocessing.Queue as an argument: RuntimeError", "Manager.Queue as an argument arrives"
INHERITED = "multiprocessing.Queue through the Pool's initializer arrives"
LINES = "the program's two lines, fork"


@pytest.mark.parametrize(
    ("claim", "seen", "expected"),
    [
        ("S26", {CROWD: 0}, CONFIRMED),
        ("S26", {CROWD: 1}, REFUTED),
        ("S26", {CROWD: now_and_then(0, 1)}, UNRESOLVED),
        ("S26-program", {LINES: queues.COMPLETE}, CONFIRMED),
        ("S26-program", {LINES: "queue put a"}, REFUTED),
        ("queue-join", {LARGE: queues.HANGS, SMALL: queues.ENDED}, CONFIRMED),
        ("queue-join", {LARGE: queues.ENDED, SMALL: queues.ENDED}, REFUTED),
        ("queue-join", {LARGE: queues.HANGS, SMALL: queues.HANGS}, UNRESOLVED),
        (
            "S26-thread-queue",
            {
                "a TypeError for a queue.Queue, fork": queues.NOT_PICKLED,
                "a TypeError for a queue.Queue, spawn": queues.NOT_PICKLED,
            },
            CONFIRMED,
        ),
        (
            "S26-thread-queue",
            {
                "a TypeError for a queue.Queue, fork": queues.NOTHING,
                "a TypeError for a queue.Queue, spawn": queues.NOT_PICKLED,
            },
            REFUTED,
        ),
        ("S26-fork-copies", {THREAD: queues.NOTHING, SHARED: queues.ARRIVED}, CONFIRMED),
        ("S26-fork-copies", {THREAD: queues.ARRIVED, SHARED: queues.ARRIVED}, REFUTED),
        ("S26-fork-copies", {THREAD: queues.NOTHING, SHARED: queues.NOTHING}, UNRESOLVED),
        ("S26-pool", {ARGUMENT: queues.INHERITED_ONLY, MANAGED: queues.ARRIVED}, CONFIRMED),
        ("S26-pool", {ARGUMENT: queues.ARRIVED, MANAGED: queues.ARRIVED}, REFUTED),
        ("S26-pool", {ARGUMENT: queues.INHERITED_ONLY, MANAGED: queues.INHERITED_ONLY}, REFUTED),
        ("S26-pool-only", {INHERITED: queues.INHERITED_ONLY}, CONFIRMED),
        ("S26-pool-only", {INHERITED: queues.ARRIVED}, REFUTED),
        ("S26-pool-only", {INHERITED: now_and_then(queues.ARRIVED, "RuntimeError: no")}, UNRESOLVED),
    ],
)
def test_verdicts_on_both_sides(claim: str, seen: dict[str, Any], expected: Verdict) -> None:
    """Every outcome as claimed, and otherwise."""
    assert verdict("queues", claim, seen) is expected


def test_every_start_method_is_tried_where_there_is_time() -> None:
    """The quick plan tries fork and spawn, which differ; without fork its claim is not applicable."""

    def tried(plan: str) -> set[str]:
        cases = design_of("queues", Settings(plan, 2, METHODS)).cases
        return {case.start_method for case in cases if case.param("queue") == "queue.Queue"}

    assert tried("quick") == {"fork", "spawn"}
    assert tried("default") == set(METHODS)
    assert "no fork" in claim_of("queues", "S26-fork-copies", Settings("quick", 2, ("spawn",), "spawn")).not_applicable


def test_a_program_that_prints_nothing_tells_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is an outcome too, never the lines."""
    monkeypatch.setattr(queues, "PROGRAM", "raise KeyError('a')")
    assert next(queues.probe(Case(strategy="program", start_method="fork")))(1) == {"outcome": "KeyError: 'a'"}
