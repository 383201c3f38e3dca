"""The pool-semantics experiment: what its programs observe, and what its claims say to that."""

from __future__ import annotations

import os
from typing import Any

import pytest
from claims_support import children, design_of, observe, verdicts

from perflab.errors import WrongAnswer
from perflab.experiments import pool_semantics as subject
from perflab.model import Case, Observation, Role, Verdict

LIVES = [
    Case(strategy="pool", start_method=method, params=(("process", "free"), ("usable", 2)))
    for method in ("fork", "spawn")
]
FREE = LIVES[0]
BOUND = Case(strategy="pool", start_method="fork", params=(("process", subject.BOUND), ("usable", 1)))
GOOD: dict[str, Observation] = {
    "transcript": subject.RESULTS,
    "without_join": subject.RESULTS,
    "started": "yes",
    "blocks": "yes",
    "early_join": subject.EARLY_JOIN,
    "left": "lost",
    "closed": "done",
}
AS_SAID: dict[tuple[Case, str], Any] = {
    **{(case, name): seen for case in LIVES for name, seen in GOOD.items()},
    **{(case, quantity): 0 for case in (*LIVES, BOUND) for quantity in ("beyond_cpu_count", "beyond_usable")},
}


@pytest.mark.parametrize("case", LIVES, ids=lambda case: case.start_method)
def test_the_life_of_a_pool(case: Case) -> None:
    """Its outcomes are those that the documentation promises, and the start is dated."""
    seen = observe("pool-semantics", case)
    assert set(seen) == {quantity.name for quantity in (*subject.WORKERS, *subject.LIFE)}
    assert {name: seen[name] for name in GOOD} == GOOD
    assert int(seen["start_ns"]) > 0
    assert seen["workers"] == int(seen["beyond_cpu_count"]) + (os.cpu_count() or 1) == int(seen["beyond_usable"]) + 2
    assert children() == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to a core")
def test_workers_are_counted_in_a_process_that_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one worker, less the one core that it may use; it is bound indeed, and this process is not."""
    seen = observe("pool-semantics", BOUND)
    assert set(seen) == {quantity.name for quantity in subject.WORKERS}
    assert seen["workers"] == int(seen["beyond_usable"]) + 1 >= 1
    monkeypatch.setattr(subject, "COUNT", subject.COUNT.replace("os.cpu_count()", "len(os.sched_getaffinity(0))"))
    again = observe("pool-semantics", BOUND)
    assert int(again["workers"]) - int(again["beyond_cpu_count"]) == 1
    assert children() == []


def test_what_the_tutorial_says_confirms_it() -> None:
    """Every outcome as it should be confirms every claim."""
    assert {one.verdict for one in verdicts("pool-semantics", AS_SAID).values()} == {Verdict.CONFIRMED}


@pytest.mark.parametrize(
    ("quantity", "other", "claim"),
    [
        ("started", "no", "S14"),
        ("blocks", "no", "S14"),
        ("without_join", "49995000", "S14"),
        ("early_join", "nothing", "S14"),
        ("transcript", "49995000 199990001", "S14-results"),
        ("left", "done", "S14-leaving"),
    ],
)
@pytest.mark.parametrize("case", LIVES, ids=lambda case: case.start_method)
def test_another_outcome_refutes_what_it_is_about(case: Case, quantity: str, other: str, claim: str) -> None:
    """By any start method; half of the blocks decide nothing."""
    found = verdicts("pool-semantics", {**AS_SAID, (case, quantity): other})
    assert {name for name, one in found.items() if one.verdict is not Verdict.CONFIRMED} == {claim}
    assert found[claim].verdict is Verdict.REFUTED
    astride = verdicts("pool-semantics", {**AS_SAID, (case, quantity): [other, GOOD[quantity]] * 3})
    assert astride[claim].verdict is Verdict.UNRESOLVED


def test_a_task_that_is_lost_either_way_says_nothing_of_leaving() -> None:
    """Close and join are the control: they have to bring the same task to its end."""
    seen = {(case, "closed"): "lost" for case in LIVES}
    assert verdicts("pool-semantics", {**AS_SAID, **seen})["S14-leaving"].verdict is Verdict.UNRESOLVED


@pytest.mark.parametrize("surplus", [1, -1])
def test_one_worker_more_or_less_refutes_s13(surplus: int) -> None:
    """As many as cores means just as many; what is usable only stands beside."""
    found = verdicts("pool-semantics", {**AS_SAID, (FREE, "beyond_cpu_count"): surplus})
    assert found["S13"].verdict is Verdict.REFUTED
    spawned = verdicts("pool-semantics", {**AS_SAID, (LIVES[1], "beyond_cpu_count"): surplus})
    assert spawned["S13"].verdict is Verdict.REFUTED
    beside = verdicts("pool-semantics", {**AS_SAID, (FREE, "beyond_usable"): surplus})
    assert beside["S13"].verdict is Verdict.CONFIRMED
    clauses = next(claim for claim in design_of("pool-semantics").claims if claim.id == "S13").clauses
    assert [clause.role for clause in clauses] == [Role.DECIDES, Role.DECIDES, Role.BESIDE]


@pytest.mark.parametrize("case", [FREE, BOUND], ids=("free", "bound"))
def test_one_worker_too_many_for_the_usable_cores_refutes(case: Case) -> None:
    """One more is too many, one less is not; changing blocks decide nothing."""

    def end(surplus: Any) -> Verdict:
        return verdicts("pool-semantics", {**AS_SAID, (case, "beyond_usable"): surplus})["S13-usable"].verdict

    assert (end(1), end(-1), end([0, 1] * 3)) == (Verdict.REFUTED, Verdict.CONFIRMED, Verdict.UNRESOLVED)


def test_a_program_that_breaks_off_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the program is no outcome of a pool."""
    monkeypatch.setattr(subject, "USE", "raise OSError('gone')")
    with pytest.raises(WrongAnswer, match="OSError: gone"):
        observe("pool-semantics", LIVES[0])


def test_another_sum_is_another_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program computes what it prints."""
    monkeypatch.setattr(subject, "USE", subject.USE.replace("res += i", "res += 1"))
    assert observe("pool-semantics", LIVES[0])["transcript"] == "10000 20000"
