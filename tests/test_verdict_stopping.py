"""Stopping: which cases are still needed at each look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perflab import verdict
from perflab.model import Arm, BlockRecord, Claim, Clause, Experiment, Relation, Role, Settings
from perflab.testing import merged_blocks, scripted_blocks, scripted_experiment, scripted_run
from verdict_support import (
    ARMS,
    CEILING,
    NULL,
    POOL,
    PROCESSES,
    SERIAL,
    SLOW,
    THREADS,
    aa,
    experiment,
    spread,
    steady,
    wall,
    with_failure,
)


def needed(asked: Experiment, blocks: tuple[BlockRecord, ...], plan: str = "quick") -> frozenset[str]:
    return verdict.undecided(Settings(plan=plan), asked.name, blocks, {}, {asked.name: asked})


ALL = frozenset(case.id for case in (SERIAL, THREADS, POOL))


@pytest.mark.parametrize(("plan", "before"), [("quick", 5), ("default", 7), ("full", 7)])
def test_every_case_is_needed_before_the_first_look(plan: str, before: int) -> None:
    """The default and full plans allow no interval at 6 blocks, so nothing stops before 8."""
    asked = experiment(SLOW)
    assert needed(asked, steady(threads=100, pool=50, blocks=before), plan) == ALL
    assert needed(asked, steady(threads=100, pool=50, blocks=before + 1), plan) == frozenset()


def test_a_decided_case_stops_and_its_control_stays_for_the_others() -> None:
    """Threads are decided at 6, the pool is not: it goes on, with the serial control."""
    blocks = merged_blocks(steady(threads=100), spread(POOL, 0.5, 1.5))
    claims = [Claim("A", "a", (SLOW,)), Claim("B", "b", (wall(POOL, Relation.BELOW, 1.2),))]
    asked = scripted_experiment("gil", ARMS, claims)
    assert needed(asked, blocks) == {POOL.id, SERIAL.id}


def test_every_case_of_an_open_claim_is_needed_with_controls_of_arm_and_clause() -> None:
    """A clause may compare with another case than the arm does: both are needed, and their controls in turn."""
    chain = replace(SERIAL, workload="chain")
    arms = (Arm(chain), Arm(SERIAL, chain), Arm(THREADS, SERIAL), Arm(POOL, SERIAL))
    clause = replace(wall(THREADS, Relation.BELOW, 1.0), control=POOL)
    asked = scripted_experiment("gil", arms, [Claim("A", "a", (clause,))])
    blocks = scripted_blocks("gil", {SERIAL: [100] * 6, THREADS: range(80, 140, 10), POOL: [100] * 6, chain: [1] * 6})
    assert needed(asked, blocks) == {chain.id, *ALL}


def test_between_looks_the_last_one_stands() -> None:
    """What block 7 brings is heard at block 8: a run resumed in between stops where it would have."""
    six, wild = [90, 95, 100, 105, 110, 115], [900, 900]
    asked = experiment(SLOW)
    series = scripted_blocks("gil", {SERIAL: [100] * 8, THREADS: six + wild, POOL: [50] * 8})
    assert needed(asked, series[:6]) == needed(asked, series[:7]) == frozenset()
    assert needed(asked, series) == {THREADS.id, SERIAL.id}


def test_nothing_is_needed_after_the_last_look() -> None:
    """Open or not: there is no chance left to spend."""
    asked = experiment(SLOW)
    assert needed(asked, spread(THREADS, 1.0, 1.4, blocks=11)) != frozenset()
    assert needed(asked, spread(THREADS, 1.0, 1.4, blocks=12)) == frozenset()


@pytest.mark.parametrize("pool", [90, 200])
def test_a_precondition_that_surely_fails_stops_its_claim(pool: float) -> None:
    """More blocks would be spent in vain."""
    blocks = merged_blocks(spread(THREADS, 1.0, 1.4), steady(pool=pool))
    assert needed(experiment(SLOW, CEILING), blocks) == frozenset()


@pytest.mark.parametrize("other", [CEILING, PROCESSES, replace(PROCESSES, bound=3.0)])
def test_an_open_claim_keeps_its_controls(other: Clause) -> None:
    """Preconditions and positive controls go on: they vouch for the blocks that they are in."""
    blocks = merged_blocks(spread(THREADS, 1.0, 1.4), steady(pool=50))
    assert needed(experiment(SLOW, other), blocks) == ALL


@pytest.mark.parametrize("other", [replace(CEILING, role=Role.BESIDE), replace(CEILING, role=Role.DECIDES)])
def test_what_an_open_claim_was_told_or_only_shows_stops(other: Clause) -> None:
    """The pool was told to be faster, or nobody asks: the threads alone could close the claim."""
    blocks = merged_blocks(spread(THREADS, 1.0, 1.4), steady(pool=50))
    assert needed(experiment(SLOW, other), blocks) == {THREADS.id, SERIAL.id}


def test_a_claim_that_something_else_keeps_open_goes_on_with_all_that_decides() -> None:
    """Each clause is told, but the positive control is not certain."""
    blocks = merged_blocks(steady(threads=100), spread(POOL, 0.3, 0.9))
    support = replace(PROCESSES, role=Role.SUPPORTS)
    assert needed(experiment(SLOW, support), blocks) == ALL


def test_the_control_of_a_decided_case_is_not_needed_for_its_own_sake() -> None:
    """The pool is decided, so its control stops too, while threads and theirs go on."""
    chain = replace(SERIAL, workload="chain")
    arms = (Arm(SERIAL), Arm(THREADS, SERIAL), Arm(chain), Arm(POOL, chain))
    claims = [Claim("A", "a", (SLOW,)), Claim("B", "b", (replace(wall(POOL, Relation.BELOW, 1.2), control=chain),))]
    series = scripted_blocks("gil", {chain: [100] * 6, POOL: [50] * 6}, group="pool")
    asked = scripted_experiment("gil", arms, claims)
    assert needed(asked, merged_blocks(spread(THREADS, 1.0, 1.4), series)) == {SERIAL.id, THREADS.id}


def test_failed_and_inapplicable_claims_need_nothing() -> None:
    """Their verdict is there."""
    blocks = spread(THREADS, 1.0, 1.4)
    assert needed(experiment(SLOW), with_failure(blocks, THREADS)) == frozenset()
    assert needed(experiment(SLOW, not_applicable="no"), blocks) == frozenset()


def test_undecided_hears_the_null_of_the_run() -> None:
    """What is refuted at the declared margin stays open where two copies of the same code are further apart."""
    asked = experiment(wall(THREADS, Relation.WITHIN, 0.03))
    blocks = spread(THREADS, 1.04, 1.05)
    null = verdict.null_estimates(scripted_run(aa(one_host=1.08)), {"null": NULL})
    assert needed(asked, blocks) == frozenset()
    assert verdict.undecided(Settings(plan="quick"), "gil", blocks, null, {"gil": asked}) == {THREADS.id, SERIAL.id}
