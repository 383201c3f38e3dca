"""Many clauses, one verdict: the order of what decides a claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import verdict
from perflab.model import BlockRecord, Case, Clause, Estimand, Judgement, Relation, Role, Verdict
from perflab.testing import merged_blocks, scripted_blocks, scripted_group, scripted_round, scripted_run
from verdict_support import (
    CEILING,
    POOL,
    PROCESSES,
    SERIAL,
    SLOW,
    THREADS,
    experiment,
    faster,
    judged,
    spread,
    steady,
    wall,
    with_failure,
)


def test_confirmed_needs_all_deciding_and_all_supporting_clauses() -> None:
    """Threads not faster and processes faster: confirmed, and the sentence names both numbers."""
    not_faster = faster(THREADS, 1.2, relation=Relation.BELOW)
    judgement = judged(experiment(not_faster, PROCESSES), steady(threads=100, pool=50))
    assert judgement.verdict is Verdict.CONFIRMED
    assert judgement.reason == (
        "speedup of threads, 2 workers: 1.00× as fast as serial (1.00–1.00×), below the bound 1.20×, while "
        "speedup of pool, 2 workers, fork: 2.00× as fast as serial (2.00–2.00×), above the bound 1.20×"
    )


def test_one_failing_deciding_clause_refutes() -> None:
    """All others hold, one is decided against: refuted, by that one."""
    judgement = judged(experiment(SLOW, wall(POOL, Relation.BELOW, 1.2)), steady(threads=100, pool=200))
    assert judgement.verdict is Verdict.REFUTED
    assert "pool" in judgement.reason
    assert "threads" not in judgement.reason


def test_one_open_deciding_clause_leaves_the_claim_open() -> None:
    """All others hold, one is astride its bound: unresolved, with the smallest effect it could have seen."""
    blocks = merged_blocks(spread(THREADS, 1.0, 1.44), steady(pool=50))
    judgement = judged(experiment(wall(POOL, Relation.BELOW, 1.2), SLOW), blocks)
    assert judgement.verdict is Verdict.UNRESOLVED
    assert "astride the bound 1.20×" in judgement.reason
    assert judgement.reason.endswith("the smallest effect it could have seen is 20 %")


def test_a_positive_control_that_fails_leaves_the_claim_open_but_never_refutes() -> None:
    """On a busy machine processes are not faster either: nothing is said about threads."""
    judgement = judged(experiment(SLOW, PROCESSES), steady(threads=100, pool=100))
    assert judgement.verdict is Verdict.UNRESOLVED
    assert "the positive control failed" in judgement.reason
    refuted = judged(experiment(SLOW, PROCESSES), steady(threads=200, pool=100))
    assert refuted.verdict is Verdict.REFUTED


@pytest.mark.parametrize(("threads", "pool", "word"), [(100, 90, "is not met"), (200, 90, "is not met")])
def test_a_failed_precondition_decides_before_anything_else(threads: float, pool: float, word: str) -> None:
    """A ceiling too low leaves the claim open either way, with the number measured."""
    judgement = judged(experiment(SLOW, CEILING), steady(threads=threads, pool=pool))
    assert judgement.verdict is Verdict.UNRESOLVED
    assert f"a precondition {word}" in judgement.reason
    assert "1.11× as fast as serial" in judgement.reason


def test_an_uncertain_precondition_leaves_the_claim_open() -> None:
    """Astride is not met either."""
    blocks = merged_blocks(spread(POOL, 0.5, 1.0), steady(threads=100))
    judgement = judged(experiment(SLOW, CEILING), blocks)
    assert judgement.verdict is Verdict.UNRESOLVED
    assert "a precondition is not certain" in judgement.reason


def test_what_stands_beside_changes_nothing() -> None:
    """A clause that is only shown may fail, be missing or crash."""
    beside = replace(faster(POOL, 1.2), role=Role.BESIDE)
    assert judged(experiment(SLOW, beside), steady(threads=100, pool=200)).verdict is Verdict.CONFIRMED
    assert judged(experiment(SLOW, beside), steady(threads=100)).verdict is Verdict.CONFIRMED
    crashed = with_failure(steady(threads=100), POOL)
    assert judged(experiment(SLOW, beside), crashed).verdict is Verdict.CONFIRMED


@pytest.mark.parametrize("failing", [THREADS, SERIAL, POOL])
def test_a_failed_case_fails_every_claim_that_uses_it(failing: Case) -> None:
    """Case, control or support: the claim says how it failed."""
    judgement = judged(experiment(SLOW, PROCESSES), with_failure(steady(threads=100, pool=50), failing))
    assert judgement.verdict is Verdict.FAILED
    assert "died: killed by signal 9 in round 2" in judgement.reason


def test_not_applicable_precedes_failure_and_measurement() -> None:
    """The reason is the claim's own."""
    asked = experiment(SLOW, not_applicable="Windows only")
    judgement = judged(asked, with_failure(steady(threads=100), THREADS))
    assert (judgement.verdict, judgement.reason) == (Verdict.NOT_APPLICABLE, "Windows only")


def test_a_claim_without_blocks_is_unresolved_and_not_measured() -> None:
    """An experiment that the budget never reached."""
    asked = experiment(SLOW)
    judgement = verdict.judge(scripted_run((), experiments=["gil"]), "gil", {"gil": asked})[0]
    assert judgement.verdict is Verdict.UNRESOLVED
    assert "not measured" in judgement.reason


def test_a_case_that_was_never_observed_is_named() -> None:
    """The reason says which case has nothing."""
    judgement = judged(experiment(SLOW), steady(pool=50))
    assert judgement.verdict is Verdict.UNRESOLVED
    assert "not measured (threads, 2 workers" not in judgement.reason
    assert "not measured (python, sum, threads, 2 workers has no wall_ns)" in judgement.reason


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        (replace(SLOW, quantity="walls"), "names quantity 'walls'"),
        (replace(SLOW, control=None), "names no control"),
        (Clause(THREADS, "speedup", Estimand.LEVEL, Relation.ABOVE, 1), "has no level"),
        (replace(SLOW, role=Role.SUPPORTS), "none of its clauses decides"),
    ],
)
def test_a_claim_that_cannot_be_judged_as_written_says_so(clause: Clause, text: str) -> None:
    """A slip in an experiment costs its claim, not the report, and nothing is confirmed by it."""
    judgement = judged(experiment(clause), steady(threads=100))
    assert judgement.verdict is Verdict.UNRESOLVED
    assert text in judgement.reason


@pytest.mark.parametrize(
    ("relation", "text"), [(Relation.ABOVE, "not above the bound 0"), (Relation.BELOW, "not below the bound 0")]
)
def test_an_interval_that_touches_its_bound_does_not_pass_it(relation: Relation, text: str) -> None:
    """No update was lost: neither above 0 nor below, and the words say so."""
    clause = Clause(THREADS, "lost", Estimand.LEVEL, relation, 0)
    judgement = judged(experiment(clause), scripted_blocks("gil", {THREADS: [0] * 6}, "lost"))
    assert judgement.verdict is Verdict.REFUTED
    assert judgement.reason.endswith(text + " updates")


@given(st.lists(st.tuples(st.floats(50, 200), st.floats(50, 200)), max_size=14))
def test_verdicts_depend_on_the_stored_run_alone(pairs: list[tuple[float, float]]) -> None:
    """The same blocks give the same answer each time, and the order of cases within a round is no part of it."""
    blocks = scripted_blocks("gil", {SERIAL: [a for a, _ in pairs], THREADS: [b for _, b in pairs]})
    turned = scripted_blocks("gil", {THREADS: [b for _, b in pairs], SERIAL: [a for a, _ in pairs]})
    asked = experiment(SLOW)
    assert judged(asked, blocks) == judged(asked, blocks) == judged(asked, turned)


def beside_a_neighbour(*clauses: Clause, quantity: str = "wall_ns", busy: bool = True) -> Judgement:
    """Serial, threads and pool at 100 each, in rounds that others disturbed without end."""
    one = scripted_round({SERIAL: 100, THREADS: 100, POOL: 100}, quantity, contaminated=busy)
    blocks = tuple(BlockRecord("gil", number, 1, (scripted_group([one]),)) for number in range(6))
    return judged(experiment(*clauses), blocks)


def test_beside_a_neighbour_only_a_control_that_holds_lifts_the_doubt() -> None:
    """A positive control that fails as well shows that there were no cores to be had."""
    low = faster(POOL, 0.9, Role.SUPPORTS)
    assert beside_a_neighbour(faster(THREADS, 1.2), low).verdict is Verdict.REFUTED
    assert beside_a_neighbour(faster(THREADS, 1.2), PROCESSES).verdict is Verdict.UNRESOLVED
    assert beside_a_neighbour(faster(THREADS, 1.2), PROCESSES, busy=False).verdict is Verdict.REFUTED


def test_a_neighbour_slows_but_takes_no_memory() -> None:
    """Only times are doubted beside a neighbour, not bytes."""
    bytes_ = Clause(POOL, "pss_bytes", Estimand.RATIO, Relation.ABOVE, 0.9, SERIAL)
    assert beside_a_neighbour(bytes_, quantity="pss_bytes").verdict is Verdict.CONFIRMED
    assert beside_a_neighbour(replace(bytes_, quantity="wall_ns")).verdict is Verdict.UNRESOLVED
