"""Beside a neighbour that stays, slowness of the case that needs more cores proves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perflab.model import Arm, BlockRecord, Case, Claim, Clause, Estimand, Relation, Role, Verdict
from perflab.testing import scripted_experiment, scripted_group, scripted_round, scripted_run
from perflab.verdict import judge

ONE, TWO = Case(strategy="serial", size=9), Case(strategy="ceiling", workers=2, size=9)
FASTER = Clause(TWO, "speedup", Estimand.RATIO, Relation.ABOVE, 1.3, ONE)
ARMS = (Arm(ONE), Arm(TWO, ONE, "own"))


def judged(arms, clauses, seen, contaminated, evidence=None):
    """Verdict and reason when each case takes the ns that were ``seen``, with so many of 4 rounds contaminated."""
    experiment = scripted_experiment("e", arms, [Claim("c", "what the clauses say", clauses)])
    rounds = [scripted_round(seen, contaminated=index < contaminated) for index in range(4)]
    group = scripted_group([replace(one, evidence=evidence or one.evidence) for one in rounds])
    run = scripted_run([BlockRecord("e", block, block, (group,)) for block in range(8)])
    (judgement,) = judge(run, "e", {"e": experiment})
    return judgement.verdict, judgement.reason


def beside_a_slow_core(slowdown):
    """The evidence of a round in which nobody else was there, and a core so many times slower."""
    return {"wall_ns": 1e8, "foreign_ns": 0, "slowdown": slowdown}


def verdict_of(clauses, two_ns, contaminated):
    """The same of two workers that take ``two_ns`` where one takes 100 ns."""
    return judged(ARMS, clauses, {ONE: 100, TWO: two_ns}, contaminated)


@pytest.mark.parametrize(
    ("two_ns", "contaminated", "slowdown", "expected"),
    [
        (100, 0, None, Verdict.REFUTED),
        (100, 1, None, Verdict.REFUTED),
        (100, 4, None, Verdict.UNRESOLVED),
        (50, 4, None, Verdict.CONFIRMED),
        (160, 4, None, Verdict.UNRESOLVED),
        # A slow core makes two workers up to twice as slow, no more: 160 ns against 1.3 is not its doing.
        (100, 0, 1.1, Verdict.REFUTED),
        (100, 4, 1.8, Verdict.UNRESOLVED),
        (50, 4, 1.8, Verdict.CONFIRMED),
        (160, 4, 1.8, Verdict.REFUTED),
    ],
)
def test_a_neighbour_or_a_slow_core_lifts_only_what_speaks_against_the_wider_case(
    two_ns, contaminated, slowdown, expected
):
    """Two workers that are not faster refute on an idle machine only; two that are faster all the same confirm."""
    seen, evidence = {ONE: 100, TWO: two_ns}, slowdown and beside_a_slow_core(slowdown)
    verdict, reason = judged(ARMS, (FASTER,), seen, contaminated, evidence)
    assert verdict is expected
    why = "another machine slowed a core down in 100 %" if slowdown else "others kept the machine busy"
    assert (why in reason) is (expected is Verdict.UNRESOLVED)


def test_the_doubt_holds_whichever_way_round_the_claim_is_put():
    """Confirming that the wider case is slow is the same evidence as refuting that it is fast."""
    slower = Clause(TWO, "wall_ns", Estimand.RATIO, Relation.ABOVE, 0.9, ONE)
    turned = Clause(ONE, "wall_ns", Estimand.RATIO, Relation.BELOW, 1.1, TWO)
    for clause in (slower, turned):
        assert verdict_of((clause,), 100, 0)[0] is Verdict.CONFIRMED
        assert verdict_of((clause,), 100, 4)[0] is Verdict.UNRESOLVED


def test_a_ceiling_in_the_same_blocks_lifts_the_doubt():
    """A precondition that holds shows that the cores were there."""
    precondition = Clause(TWO, "speedup", Estimand.RATIO, Relation.ABOVE, 0.9, ONE, Role.PRECONDITION)
    assert verdict_of((FASTER, precondition), 100, 4)[0] is Verdict.REFUTED


@pytest.mark.parametrize(("server", "expected"), [(0, Verdict.CONFIRMED), (3, Verdict.UNRESOLVED)])
def test_a_server_beside_the_workers_counts_as_a_demand_for_cores(server, expected):
    """With as many workers on both sides, the one that also needs a server is the one that a neighbour slows."""
    ours, theirs = Case(strategy="rawarray", workers=2), Case(strategy="manager", workers=2)
    arms = (Arm(ours, theirs), Arm(theirs, cores=server))
    faster = Clause(ours, "speedup", Estimand.RATIO, Relation.ABOVE, 10, theirs)
    assert judged(arms, (faster,), {ours: 100, theirs: 2500}, 4)[0] is expected


def of_both(ratio, contaminated, claim_of, relation=Relation.BELOW):
    """The verdict about two cases that keep both cores busy, when one takes ``ratio`` times as long as the other."""
    pipe, other = Case(strategy="pipe", workers=2), Case(strategy="other", workers=2)
    clauses = claim_of(lambda case, bound: Clause(case, "wall_ns", Estimand.RATIO, relation, bound, pipe), other)
    arms = (Arm(pipe), Arm(other, pipe), Arm(ONE, pipe))
    return judged(arms, clauses, {pipe: 1000, other: round(1000 * ratio), ONE: 1500}, contaminated)


@pytest.mark.parametrize(
    ("ratio", "contaminated", "expected"),
    [
        (0.7, 0, Verdict.CONFIRMED),
        (0.7, 4, Verdict.UNRESOLVED),
        (1.4, 0, Verdict.REFUTED),
        (1.4, 4, Verdict.UNRESOLVED),
        (0.4, 4, Verdict.CONFIRMED),
        (2.5, 4, Verdict.REFUTED),
    ],
)
def test_which_of_two_that_need_all_cores_is_slower_is_open_beside_a_neighbour(ratio, contaminated, expected):
    """It wakes some and not others, and so turns orders round; but not by more than its share of the cores."""
    verdict, reason = of_both(ratio, contaminated, lambda clause, other: (clause(other, 1.0),))
    assert verdict is expected
    assert ("that need all cores" in reason) is (expected is Verdict.UNRESOLVED)


def test_a_clause_that_is_not_in_doubt_refutes_alone():
    """The narrower case is slower than allowed, and no neighbour makes it so; the other clause does not matter."""
    for ratio in (0.7, 1.4):
        verdict, _ = of_both(ratio, 4, lambda clause, other: (clause(other, 1.0), clause(ONE, 1.2)))
        assert verdict is Verdict.REFUTED


def test_sameness_of_two_that_need_all_cores_is_judged_all_the_same():
    """The margin of a claim of sameness is widened by the A/A of the run instead."""
    pipe, other = Case(strategy="pipe", workers=2), Case(strategy="other", workers=2)
    same = Clause(other, "wall_ns", Estimand.RATIO, Relation.WITHIN, 0.1, pipe)
    assert judged((Arm(pipe), Arm(other, pipe)), (same,), {pipe: 1000, other: 1001}, 4)[0] is Verdict.CONFIRMED


@pytest.mark.parametrize(("ratio", "expected"), [(0.7, Verdict.CONFIRMED), (1.4, Verdict.REFUTED)])
def test_of_two_that_need_all_cores_a_slow_one_meets_both(ratio, expected):
    """It is woken as at other times, and what it slows it slows in both."""
    pipe, other = Case(strategy="pipe", workers=2), Case(strategy="other", workers=2)
    below = Clause(other, "wall_ns", Estimand.RATIO, Relation.BELOW, 1.0, pipe)
    seen = {pipe: 1000, other: round(1000 * ratio)}
    arms = (Arm(pipe), Arm(other, pipe))
    assert judged(arms, (below,), seen, 4, beside_a_slow_core(1.8))[0] is expected
