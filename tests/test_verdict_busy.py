"""Beside a neighbour that stays, slowness of the case that needs more cores proves nothing."""

from __future__ import annotations

import pytest

from perflab.model import Arm, BlockRecord, Case, Claim, Clause, Estimand, Relation, Role, Verdict
from perflab.testing import scripted_experiment, scripted_group, scripted_round, scripted_run
from perflab.verdict import judge

ONE, TWO = Case(strategy="serial", size=9), Case(strategy="ceiling", workers=2, size=9)
FASTER = Clause(TWO, "speedup", Estimand.RATIO, Relation.ABOVE, 1.3, ONE)
ARMS = (Arm(ONE), Arm(TWO, ONE, "own"))


def verdict_of(clauses, two_ns, contaminated):
    """The verdict when one case takes 100 ns, the other ``two_ns``, with so many of 4 rounds contaminated."""
    claim = Claim("c", "two are faster than one", clauses)
    experiment = scripted_experiment("e", ARMS, [claim])
    rounds = [scripted_round({ONE: 100, TWO: two_ns}, contaminated=index < contaminated) for index in range(4)]
    run = scripted_run([BlockRecord("e", block, block, (scripted_group(rounds),)) for block in range(8)])
    (judgement,) = judge(run, "e", {"e": experiment})
    return judgement.verdict, judgement.reason


@pytest.mark.parametrize(
    ("two_ns", "contaminated", "expected"),
    [
        (100, 0, Verdict.REFUTED),
        (100, 1, Verdict.REFUTED),
        (100, 4, Verdict.UNRESOLVED),
        (50, 4, Verdict.CONFIRMED),
    ],
)
def test_a_neighbour_lifts_only_what_speaks_against_the_wider_case(two_ns, contaminated, expected):
    """Two workers that are not faster refute on an idle machine only; two that are faster all the same confirm."""
    verdict, reason = verdict_of((FASTER,), two_ns, contaminated)
    assert verdict is expected
    assert ("others kept the machine busy" in reason) is (expected is Verdict.UNRESOLVED)


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
    experiment = scripted_experiment("e", arms, [Claim("c", "ten times as fast", (faster,))])
    rounds = [scripted_round({ours: 100, theirs: 1200}, contaminated=True) for _ in range(4)]
    run = scripted_run([BlockRecord("e", block, block, (scripted_group(rounds),)) for block in range(8)])
    (judgement,) = judge(run, "e", {"e": experiment})
    assert judgement.verdict is expected
