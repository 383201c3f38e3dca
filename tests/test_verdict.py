"""Verdicts from scripted runs: numbers go in, and the end of each claim is known beforehand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import verdict
from perflab.errors import BadRun
from perflab.model import (
    Analysis,
    Arm,
    BlockRecord,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Failure,
    Group,
    Judgement,
    Quantity,
    Relation,
    Role,
    Run,
    Settings,
    Verdict,
)
from perflab.testing import (
    merged_blocks,
    scripted_blocks,
    scripted_experiment,
    scripted_group,
    scripted_round,
    scripted_run,
)
from perflab.units import human

SERIAL = Case("sum", "python", "serial", size=1000)
THREADS = replace(SERIAL, strategy="threads", workers=2)
POOL = replace(SERIAL, strategy="pool", workers=2, start_method="fork")
TWIN = replace(SERIAL, params=(("twin", 1),))
POOL_TWIN = replace(POOL, params=(("twin", 1),))

QUANTITIES = (
    *Experiment("", "", lambda settings: None).quantities,  # type: ignore[arg-type, return-value]
    Quantity("lost", "updates", "updates that were lost"),
    Quantity("outcome", "", "what happened"),
)
ARMS = (Arm(SERIAL), Arm(THREADS, SERIAL), Arm(POOL, SERIAL, host="pool"))
NULL = scripted_experiment(
    "null", (Arm(SERIAL), Arm(TWIN, SERIAL), Arm(POOL, host="a"), Arm(POOL_TWIN, POOL, host="b")), ()
)


def wall(case: Case, relation: Relation, bound: float, role: Role = Role.DECIDES, label: str = "") -> Clause:
    return Clause(case, "wall_ns", Estimand.RATIO, relation, bound, SERIAL, role, label)


def faster(case: Case, bound: float, role: Role = Role.DECIDES, relation: Relation = Relation.ABOVE) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, relation, bound, SERIAL, role)


def experiment(*clauses: Clause, not_applicable: str = "", name: str = "gil") -> Experiment:
    claim = Claim("C1", "A sentence", clauses, ("S01",), "conditions", not_applicable)
    return scripted_experiment(name, ARMS, [claim], QUANTITIES)


def analysed(asked: Experiment, blocks: tuple[BlockRecord, ...], null: tuple[BlockRecord, ...] = ()) -> Analysis:
    return verdict.analyse(
        scripted_run((*null, *blocks), experiments=["null", asked.name]), {asked.name: asked, "null": NULL}
    )


def judged(asked: Experiment, blocks: tuple[BlockRecord, ...], null: tuple[BlockRecord, ...] = ()) -> Judgement:
    return analysed(asked, blocks, null).judgements[-1]


def steady(threads: float | None = None, pool: float | None = None, blocks: int = 6) -> tuple[BlockRecord, ...]:
    """Blocks in which serial takes 100 ns and the others what is said; None: not measured."""
    return scripted_blocks("gil", {SERIAL: [100] * blocks, THREADS: [threads] * blocks, POOL: [pool] * blocks})


def spread(case: Case, low: float, high: float, blocks: int = 6) -> tuple[BlockRecord, ...]:
    """Blocks in which the case's ratio to serial runs from low to high, so that 1..6 is exactly that."""
    ratios = [low * (high / low) ** (block / (blocks - 1)) for block in range(blocks)]
    return scripted_blocks("gil", {SERIAL: [100] * blocks, case: [100 * ratio for ratio in ratios]})


def aa(one_host: float = 1.0, separate: float = 1.0, blocks: int = 6) -> tuple[BlockRecord, ...]:
    series = {SERIAL: 100, TWIN: 100 * one_host, POOL: 100, POOL_TWIN: 100 * separate}
    return scripted_blocks("null", {case: [value] * blocks for case, value in series.items()})


# --- one clause -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "bound", "low", "high", "holds"),
    [
        (Relation.BELOW, 1.2, 1.0, 1.1, True),
        (Relation.BELOW, 1.2, 1.3, 1.4, False),
        (Relation.BELOW, 1.2, 1.1, 1.3, None),
        (Relation.ABOVE, 1.2, 1.3, 1.4, True),
        (Relation.ABOVE, 1.2, 1.0, 1.1, False),
        (Relation.ABOVE, 1.2, 1.1, 1.3, None),
        (Relation.WITHIN, 0.1, 0.95, 1.05, True),
        (Relation.WITHIN, 0.1, 1.2, 1.3, False),
        (Relation.WITHIN, 0.1, 0.8, 0.85, False),
        (Relation.WITHIN, 0.1, 0.85, 1.05, None),
        (Relation.WITHIN, 0.1, 0.95, 1.15, None),
        (Relation.WITHIN, 0.1, 0.8, 1.3, None),
        # 1 / 1.1 is 0.909: the margin is as wide to either side in logarithms
        (Relation.WITHIN, 0.1, 0.905, 1.05, None),
        (Relation.WITHIN, 0.1, 0.91, 1.09, True),
    ],
)
def test_a_clause_holds_by_the_whole_interval(
    relation: Relation, bound: float, low: float, high: float, holds: bool | None
) -> None:
    """An interval beyond the bound holds, one on the other side fails, one astride it tells nothing."""
    judgement = judged(experiment(wall(THREADS, relation, bound)), spread(THREADS, low, high))
    result = judgement.clauses[0]
    assert (result.estimate.low, result.estimate.high) == pytest.approx((low, high))
    assert result.holds is holds
    assert judgement.verdict is {True: Verdict.CONFIRMED, False: Verdict.REFUTED, None: Verdict.UNRESOLVED}[holds]


def test_ratio_is_the_median_over_blocks_of_the_median_over_rounds() -> None:
    """Each round's own ratio counts: a round that is slow for both changes nothing, one outlier neither."""
    rounds = [{SERIAL: 100, THREADS: 110}, {SERIAL: 1000, THREADS: 1100}, {SERIAL: 100, THREADS: 900}]
    group = scripted_group([scripted_round(samples) for samples in rounds])
    blocks = tuple(BlockRecord("gil", number, 1, (group,)) for number in range(6))
    estimate = judged(experiment(wall(THREADS, Relation.BELOW, 1.2)), blocks).clauses[0].estimate
    assert estimate.value == pytest.approx(1.1)
    assert estimate.values == pytest.approx((1.1,) * 6)


def test_speedup_is_control_over_case() -> None:
    """Half the time is a speed-up of two."""
    estimate = judged(experiment(faster(POOL, 1.2)), steady(pool=50)).clauses[0].estimate
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((2.0, 2.0, 2.0))


def test_cases_that_never_share_a_round_are_compared_by_block_medians() -> None:
    """Two groups of the same block: the ratio is that of the medians, block by block."""
    ours = scripted_blocks("gil", {THREADS: [200, 400, 200, 400, 200, 400]}, rounds=3, group="one")
    theirs = scripted_blocks("gil", {SERIAL: [100, 200, 100, 200, 100, 200]}, rounds=2, group="two")
    blocks = merged_blocks(ours, theirs)
    values = judged(experiment(wall(THREADS, Relation.BELOW, 3)), blocks).clauses[0].estimate.values
    assert values == pytest.approx((2.0,) * 6)


def test_what_is_observed_once_a_block_is_compared_too() -> None:
    """Cold cost is found beside the rounds."""
    group = scripted_group(once={SERIAL: {"cold_ns": 10}, POOL: {"cold_ns": 500}})
    clause = Clause(POOL, "cold_ns", Estimand.RATIO, Relation.ABOVE, 10, SERIAL)
    judgement = judged(experiment(clause), tuple(BlockRecord("gil", n, 1, (group,)) for n in range(6)))
    assert judgement.clauses[0].estimate.value == pytest.approx(50)
    assert judgement.verdict is Verdict.CONFIRMED


def test_difference_and_level_stay_in_their_unit() -> None:
    """Case minus control, and the case alone, are medians without logarithms."""
    apart = Clause(THREADS, "wall_ns", Estimand.DIFFERENCE, Relation.BELOW, -20, SERIAL)
    alone = Clause(THREADS, "wall_ns", Estimand.LEVEL, Relation.ABOVE, 60)
    judgement = judged(experiment(apart, alone), steady(threads=70))
    assert [result.estimate.value for result in judgement.clauses] == [-30, 70]
    assert judgement.verdict is Verdict.CONFIRMED


def test_difference_within_is_around_zero() -> None:
    """A difference of 30 ns is within 40 and outside 20, and the A/A does not widen amounts."""
    within = [Clause(THREADS, "wall_ns", Estimand.DIFFERENCE, Relation.WITHIN, m, SERIAL) for m in (40, 20)]
    judgement = judged(experiment(*within), steady(threads=70), aa(one_host=1.14))
    assert [result.holds for result in judgement.clauses] == [True, False]


@pytest.mark.parametrize(("low", "high", "holds"), [(20, 20, True), (-20, -20, True), (20, 30, None), (-30, -20, None)])
def test_the_ends_of_a_margin_belong_to_it(low: int, high: int, holds: bool | None) -> None:
    """Exactly the margin is still within it, so an interval that starts there is not wholly outside."""
    clause = Clause(THREADS, "lost", Estimand.LEVEL, Relation.WITHIN, 20)
    blocks = scripted_blocks("gil", {THREADS: [low, low, low, high, high, high]}, "lost")
    assert judged(experiment(clause), blocks).clauses[0].holds is holds


def test_zero_is_a_level_but_no_ratio() -> None:
    """Rounds at zero have no ratio; where nothing is left the claim is unresolved and says so; the level is 0."""
    ratio = judged(experiment(wall(THREADS, Relation.BELOW, 1.2)), steady(threads=0))
    assert ratio.verdict is Verdict.UNRESOLVED
    assert "a ratio needs numbers above 0" in ratio.reason
    level = Clause(THREADS, "wall_ns", Estimand.LEVEL, Relation.BELOW, 1)
    assert judged(experiment(level), steady(threads=0)).verdict is Verdict.CONFIRMED


def test_a_round_at_zero_is_left_out_of_the_ratio() -> None:
    """The other rounds of the block still count."""
    rounds = [{SERIAL: 100, THREADS: 0}, {SERIAL: 100, THREADS: 110}]
    group = scripted_group([scripted_round(samples) for samples in rounds])
    blocks = tuple(BlockRecord("gil", number, 1, (group,)) for number in range(6))
    found = judged(experiment(wall(THREADS, Relation.BELOW, 1.2)), blocks).clauses[0].estimate
    assert found.values == pytest.approx((1.1,) * 6)


@pytest.mark.parametrize(
    ("outcomes", "end"),
    [(["ok"] * 6, Verdict.CONFIRMED), (["no"] * 6, Verdict.REFUTED), (["ok"] * 5 + ["no"], Verdict.UNRESOLVED)],
)
def test_share_counts_blocks_with_the_expected_outcome(outcomes: list[str], end: Verdict) -> None:
    """Six of six exclude a half, five of six do not."""
    clause = Clause(THREADS, "outcome", Estimand.SHARE, Relation.ABOVE, 0.5, expected="ok")
    judgement = judged(experiment(clause), scripted_blocks("gil", {THREADS: outcomes}, "outcome"))
    assert judgement.verdict is end
    assert judgement.clauses[0].estimate.value == outcomes.count("ok") / 6
    assert f"in {outcomes.count('ok')} of 6 blocks" in judgement.reason


def test_share_needs_every_sample_of_the_block() -> None:
    """One unexpected sample makes the block no success; a number without an expectation must not be zero."""
    mixed = scripted_group([scripted_round({THREADS: seen}, "outcome") for seen in ("ok", "no")])
    outcome = Clause(THREADS, "outcome", Estimand.SHARE, Relation.BELOW, 0.5, expected="ok")
    blocks = tuple(BlockRecord("gil", number, 1, (mixed,)) for number in range(6))
    assert judged(experiment(outcome), blocks).clauses[0].estimate.value == 0
    truthy = Clause(THREADS, "lost", Estimand.SHARE, Relation.ABOVE, 0.2)
    found = judged(experiment(truthy), scripted_blocks("gil", {THREADS: [0, 1, 2, 0, 3, 4]}, "lost"))
    assert found.clauses[0].estimate.values == (0, 1, 1, 0, 1, 1)
    exact = replace(truthy, expected="2")
    found = judged(experiment(exact), scripted_blocks("gil", {THREADS: [0, 1, 2, 0, 3, 4]}, "lost"))
    assert found.clauses[0].estimate.values == (0, 0, 1, 0, 0, 0)


def test_too_few_blocks_give_a_value_but_no_interval() -> None:
    """Five blocks decide nothing, and the reason says how many there were."""
    judgement = judged(experiment(wall(THREADS, Relation.BELOW, 1.2)), steady(threads=100, blocks=5))
    estimate = judgement.clauses[0].estimate
    assert (estimate.value, estimate.low, estimate.high) == (pytest.approx(1.0), None, None)
    assert judgement.verdict is Verdict.UNRESOLVED
    assert "after 5 blocks, too few for an interval" in judgement.reason


def test_blocks_without_the_case_do_not_count() -> None:
    """A case that stopped after six blocks keeps the interval of six."""
    blocks = scripted_blocks("gil", {SERIAL: [100] * 12, THREADS: [90, 95, 100, 105, 110, 120]})
    estimate = judged(experiment(wall(THREADS, Relation.BELOW, 1.5)), blocks).clauses[0].estimate
    assert len(estimate.values) == 6
    assert (estimate.low, estimate.high) == pytest.approx((0.9, 1.2))


def test_replaced_rounds_are_left_out_and_published_beside() -> None:
    """The verdict rests on the repeated rounds; the value with all of them stands beside it."""
    rounds = [
        scripted_round({SERIAL: 100, THREADS: 300}, contaminated=True, replaced=True),
        scripted_round({SERIAL: 100, THREADS: 300}, contaminated=True, replaced=True),
        scripted_round({SERIAL: 100, THREADS: 105}),
    ]
    blocks = tuple(BlockRecord("gil", number, 1, (scripted_group(rounds),)) for number in range(6))
    judgement = judged(experiment(wall(THREADS, Relation.BELOW, 1.2)), blocks)
    assert judgement.verdict is Verdict.CONFIRMED
    assert judgement.clauses[0].estimate.value == pytest.approx(1.05)
    assert judgement.clauses[0].estimate.all_value == pytest.approx(3.0)


def test_share_leaves_replaced_rounds_out_too() -> None:
    """An outcome that only a disturbed round showed is published beside the share, not in it."""
    rounds = [scripted_round({THREADS: "no"}, "outcome", replaced=True), scripted_round({THREADS: "ok"}, "outcome")]
    blocks = tuple(BlockRecord("gil", number, 1, (scripted_group(rounds),)) for number in range(6))
    clause = Clause(THREADS, "outcome", Estimand.SHARE, Relation.ABOVE, 0.5, expected="ok")
    estimate = judged(experiment(clause), blocks).clauses[0].estimate
    assert (estimate.value, estimate.all_value) == (1.0, 0.0)


def test_quantities_below_one_have_ratios() -> None:
    """A tenth of a nanosecond is above zero."""
    blocks = scripted_blocks("gil", {SERIAL: [0.2] * 6, THREADS: [0.1] * 6})
    assert judged(experiment(wall(THREADS, Relation.BELOW, 1.2)), blocks).clauses[0].estimate.value == pytest.approx(
        0.5
    )


# --- the A/A --------------------------------------------------------------------------------------------------------


def test_null_margin_widens_sameness_of_pairs_in_one_host() -> None:
    """5 % apart is unequal at a margin of 2 %, and neither where two copies of the same code are 8 % apart."""
    asked = experiment(wall(THREADS, Relation.WITHIN, 0.02))
    assert judged(asked, steady(threads=105)).verdict is Verdict.REFUTED
    judgement = judged(asked, steady(threads=105), aa(one_host=1.08, separate=1.0))
    assert judgement.verdict is Verdict.UNRESOLVED
    assert judgement.clauses[0].margin_used == pytest.approx(0.08)
    assert "astride the margin ±2 % (two copies of the same code differ by up to 8 % here)" in judgement.reason
    judgement = judged(asked, steady(threads=110), aa(one_host=1.08, separate=1.0))
    assert judgement.verdict is Verdict.REFUTED
    assert "outside the margin ±8 % (declared 2 %)" in judgement.reason


def test_a_wide_null_does_not_stand_in_the_way_of_proved_sameness() -> None:
    """An interval within the declared margin is that, however far the copies of something else are apart."""
    asked = experiment(wall(THREADS, Relation.WITHIN, 0.02))
    assert judged(asked, steady(threads=101), aa(one_host=1.08)).verdict is Verdict.CONFIRMED


def test_null_margin_is_that_of_the_pairs_kind() -> None:
    """A pair in separate hosts is not excused by twins in one host, but by twins that live apart."""
    asked = experiment(wall(POOL, Relation.WITHIN, 0.02))
    assert judged(asked, steady(pool=105), aa(one_host=1.08)).verdict is Verdict.REFUTED
    assert judged(asked, steady(pool=105), aa(separate=1 / 1.08)).verdict is Verdict.UNRESOLVED


def test_null_margin_never_narrows_nor_moves_one_sided_bounds() -> None:
    """A perfect A/A leaves the declared margin, and < is judged by its bound alone."""
    within = judged(experiment(wall(THREADS, Relation.WITHIN, 0.1)), steady(threads=105), aa(one_host=1.0))
    assert within.clauses[0].margin_used == 0.1
    below = judged(experiment(wall(THREADS, Relation.BELOW, 1.02)), steady(threads=105), aa(one_host=1.08))
    assert (below.verdict, below.clauses[0].margin_used) == (Verdict.REFUTED, None)


def test_null_claims_are_not_excused_by_themselves() -> None:
    """The A/A's own claim is judged at its declared margin, and is refuted as measured even in a void run."""
    clause = Clause(TWIN, "wall_ns", Estimand.RATIO, Relation.WITHIN, 0.02, SERIAL)
    null = scripted_experiment("null", (Arm(SERIAL), Arm(TWIN, SERIAL)), [Claim("A", "Equal", (clause,))])
    for apart in (1.08, 1.5):
        analysis = verdict.analyse(scripted_run(aa(one_host=apart)), {"null": null})
        assert analysis.judgements[0].verdict is Verdict.REFUTED


@pytest.mark.parametrize("apart", [1.2, 1 / 1.2])
def test_a_void_run_resolves_no_ratio(apart: float) -> None:
    """Two copies of the same code 20 % apart: ratios of such pairs count for nothing, whatever they are."""
    asked = experiment(faster(THREADS, 1.2, relation=Relation.BELOW))
    judgement = judged(asked, steady(threads=100), aa(one_host=apart))
    assert judgement.verdict is Verdict.UNRESOLVED
    assert f"two copies of the same code (one host) gave a ratio of {human(apart, 'x')}" in judgement.reason


def test_a_void_run_spares_levels_and_the_other_kind() -> None:
    """Levels are no ratios, and pairs in separate hosts are judged by twins in separate hosts."""
    level = Clause(THREADS, "wall_ns", Estimand.LEVEL, Relation.ABOVE, 60)
    assert judged(experiment(level), steady(threads=70), aa(one_host=1.5)).verdict is Verdict.CONFIRMED
    assert judged(experiment(faster(POOL, 1.2)), steady(pool=50), aa(one_host=1.5)).verdict is Verdict.CONFIRMED
    assert judged(experiment(faster(POOL, 1.2)), steady(pool=50), aa(separate=1.5)).verdict is Verdict.UNRESOLVED


@pytest.mark.parametrize(("first", "second"), [(101, 96), (96, 101)])
def test_of_several_twins_the_widest_speaks(first: float, second: float) -> None:
    """The null estimates of a run are by kind, each the pair that differs most."""
    again = replace(TWIN, implementation="nogil")
    nogil = replace(SERIAL, implementation="nogil")
    arms = (Arm(SERIAL), Arm(TWIN, SERIAL), Arm(nogil), Arm(again, nogil))
    blocks = scripted_blocks("null", {SERIAL: [100] * 6, TWIN: [first] * 6, nogil: [100] * 6, again: [second] * 6})
    found = verdict.null_estimates(scripted_run(blocks), {"null": scripted_experiment("null", arms)})
    assert set(found) == {"one host"}
    assert found["one host"].value == pytest.approx(0.96)


def test_too_few_null_blocks_widen_by_all_of_them() -> None:
    """Without an interval the block that differs most sets the margin; a longer series trusts its interval."""
    values = [100, 100, 108]
    blocks = scripted_blocks("null", {SERIAL: [100] * 3, TWIN: values})
    asked = experiment(wall(THREADS, Relation.WITHIN, 0.02))
    assert judged(asked, steady(threads=105), blocks).clauses[0].margin_used == pytest.approx(0.08)
    longer = scripted_blocks("null", {SERIAL: [100] * 12, TWIN: [100] * 10 + [101, 150]})
    assert judged(asked, steady(threads=105), longer).clauses[0].margin_used == 0.02


def test_cases_that_never_meet_in_a_group_are_judged_as_of_separate_hosts() -> None:
    """Equal host names in two groups are two hosts, and the wider A/A of separate hosts counts."""
    clause = wall(THREADS, Relation.WITHIN, 0.02)
    design = Design((Group("a", (Arm(SERIAL),)), Group("b", (Arm(THREADS),))), (Claim("C", "c", (clause,)),))
    apart = replace(experiment(clause), design=lambda settings: design)
    assert judged(apart, steady(threads=105), aa(separate=1.08)).verdict is Verdict.UNRESOLVED
    assert judged(apart, steady(threads=105), aa(one_host=1.08)).verdict is Verdict.REFUTED


def test_only_twins_are_null() -> None:
    """A case beside them that has a control but is no twin does not count as A/A."""
    null = scripted_experiment("null", (Arm(SERIAL), Arm(TWIN, SERIAL), Arm(THREADS, SERIAL)))
    blocks = scripted_blocks("null", {SERIAL: [100] * 6, TWIN: [101] * 6, THREADS: [300] * 6})
    found = verdict.null_estimates(scripted_run(blocks), {"null": null})
    assert found["one host"].value == pytest.approx(1.01)


def test_a_run_without_null_has_no_null_estimates() -> None:
    """Margins are then the declared ones."""
    assert verdict.null_estimates(scripted_run(steady(threads=100)), {}) == {}


# --- the order of what decides --------------------------------------------------------------------------------------

SLOW, CEILING = wall(THREADS, Relation.BELOW, 1.2), faster(POOL, 1.3, Role.PRECONDITION)
PROCESSES = faster(POOL, 1.2, Role.SUPPORTS)


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
    crashed = _with_failure(steady(threads=100), POOL)
    assert judged(experiment(SLOW, beside), crashed).verdict is Verdict.CONFIRMED


def _with_failure(blocks: tuple[BlockRecord, ...], case: Case) -> tuple[BlockRecord, ...]:
    group = scripted_group(failures={case: Failure("died", "killed by signal 9 in round 2")}, name="failing")
    return (replace(blocks[0], groups=(*blocks[0].groups, group)), *blocks[1:])


@pytest.mark.parametrize("failing", [THREADS, SERIAL, POOL])
def test_a_failed_case_fails_every_claim_that_uses_it(failing: Case) -> None:
    """Case, control or support: the claim says how it failed."""
    judgement = judged(experiment(SLOW, PROCESSES), _with_failure(steady(threads=100, pool=50), failing))
    assert judgement.verdict is Verdict.FAILED
    assert "died: killed by signal 9 in round 2" in judgement.reason


def test_not_applicable_precedes_failure_and_measurement() -> None:
    """The reason is the claim's own."""
    asked = experiment(SLOW, not_applicable="Windows only")
    judgement = judged(asked, _with_failure(steady(threads=100), THREADS))
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


# --- stopping -------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "other", [CEILING, PROCESSES, replace(PROCESSES, bound=3.0), replace(CEILING, role=Role.BESIDE)]
)
def test_an_open_claim_keeps_all_its_cases_whatever_their_role(other: Clause) -> None:
    """Preconditions, controls and what is only shown all go on."""
    blocks = merged_blocks(spread(THREADS, 1.0, 1.4), steady(pool=50))
    assert needed(experiment(SLOW, other), blocks) == ALL


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
    assert needed(experiment(SLOW), _with_failure(blocks, THREADS)) == frozenset()
    assert needed(experiment(SLOW, not_applicable="no"), blocks) == frozenset()


def test_undecided_hears_the_null_of_the_run() -> None:
    """What is refuted at the declared margin stays open where two copies of the same code are further apart."""
    asked = experiment(wall(THREADS, Relation.WITHIN, 0.03))
    blocks = spread(THREADS, 1.04, 1.05)
    null = verdict.null_estimates(scripted_run(aa(one_host=1.08)), {"null": NULL})
    assert needed(asked, blocks) == frozenset()
    assert verdict.undecided(Settings(plan="quick"), "gil", blocks, null, {"gil": asked}) == {THREADS.id, SERIAL.id}


# --- summaries, warnings, JSON --------------------------------------------------------------------------------------


def test_summaries_give_level_ratio_and_speedup() -> None:
    """A row for each case and quantity; the control has no ratio and no speed-up."""
    rows = analysed(experiment(SLOW), steady(threads=50)).summaries
    found = {(row.case.strategy, row.quantity.name): row for row in rows}
    assert set(found) == {("serial", "wall_ns"), ("threads", "wall_ns"), ("threads", "speedup")}
    assert found["serial", "wall_ns"].level.value == 100
    assert found["serial", "wall_ns"].ratio is None
    wall_row, speedup = found["threads", "wall_ns"], found["threads", "speedup"]
    assert (wall_row.level.value, wall_row.ratio and wall_row.ratio.value) == (50, pytest.approx(0.5))
    assert (speedup.level.value, speedup.ratio and speedup.ratio.value) == (None, pytest.approx(2.0))
    assert wall_row.control == SERIAL


def test_summaries_carry_failures_also_of_what_was_never_observed() -> None:
    """A case that died at once still has a row, and says how."""
    rows = analysed(experiment(SLOW), _with_failure(steady(threads=50), POOL)).summaries
    failed = [row for row in rows if row.failure is not None]
    assert [(row.case, row.level.value) for row in failed] == [(POOL, None)]
    assert failed[0].failure is not None
    assert failed[0].failure.kind == "died"


def run_with_rounds(contaminated: int, replaced: int, clean: int) -> Run:
    samples = {SERIAL: 100, THREADS: 100}
    rounds = [scripted_round(samples, contaminated=True)] * contaminated
    rounds += [scripted_round(samples, contaminated=True, replaced=True)] * replaced
    rounds += [scripted_round(samples)] * clean
    return scripted_run((BlockRecord("gil", 0, 1, (scripted_group(rounds),)),))


def warnings_of(run: Run) -> str:
    return "\n".join(verdict.analyse(run, {"gil": experiment(SLOW), "null": NULL}).warnings)


def test_a_quiet_finished_run_warns_of_nothing() -> None:
    """One round in five is no warning yet."""
    assert warnings_of(run_with_rounds(0, 2, 8)) == ""


def test_a_busy_machine_is_a_warning_with_its_share_and_a_remedy() -> None:
    """Three of ten rounds were disturbed and repeated."""
    text = warnings_of(run_with_rounds(0, 3, 7))
    assert "The machine was busy: 30 %" in text
    assert "Close what else runs ('perflab doctor' helps to find it)" in text


def test_a_constant_neighbour_is_told_apart_from_bursts() -> None:
    """Rounds that stay contaminated were not repeated, and what that does to ratios is said."""
    text = warnings_of(run_with_rounds(4, 0, 6))
    assert "kept this machine busy in 40 %" in text
    assert "'perflab doctor'" in text
    assert "The machine was busy" not in text


def test_interrupted_and_unfinished_runs_say_so() -> None:
    """Both name the command that goes on."""
    run = run_with_rounds(0, 0, 1)
    for ended, word in (({}, "did not come to its end"), ({"interrupted": True}, "was interrupted")):
        text = warnings_of(replace(run, ended=ended))
        assert word in text
        assert "--resume" in text


@pytest.mark.parametrize(
    ("apart", "word"), [(1.04, ""), (1.08, "may differ by 8 %"), (1.3, "Void: two copies"), (0.7, "Void: two copies")]
)
def test_a_wide_null_is_a_warning_and_a_void_one_another(apart: float, word: str) -> None:
    """Below 5 % nothing is said."""
    text = warnings_of(scripted_run(aa(one_host=apart)))
    assert word in text
    assert bool(text) is bool(word)


CLAIM_KEYS = (
    "id experiment seed sentence verdict quantity value low high relation bound unit"
    " confidence conditions reason clauses"
)
CLAUSE_KEYS = "case control quantity estimand value low high relation bound holds"
CASE_KEYS = "experiment case quantity unit median low high blocks control ratio ratio_low ratio_high"


def test_json_has_exactly_the_published_names() -> None:
    """The document is strict JSON, and its keys are those of the contract, in their order."""
    asked = experiment(faster(THREADS, 1.2), PROCESSES)
    analysis = analysed(asked, steady(threads=50, pool=60))
    document = verdict.to_json(analysis, {"gil": asked, "null": NULL})
    again = json.loads(json.dumps(document, allow_nan=False))
    assert list(again) == ["schema", "environment", "claims", "cases"]
    assert again["schema"] == "perflab.verdicts/1"
    assert [list(claim) for claim in again["claims"]] == [CLAIM_KEYS.split()]
    assert [list(clause) for clause in again["claims"][0]["clauses"]] == [CLAUSE_KEYS.split()] * 2
    assert {tuple(case) for case in again["cases"]} == {tuple(CASE_KEYS.split())}


def test_json_gives_a_claim_the_value_of_its_first_deciding_clause() -> None:
    """A support listed first does not speak for the claim; unit and verdict are spelled as published."""
    asked = experiment(PROCESSES, faster(THREADS, 1.2))
    document = verdict.to_json(analysed(asked, steady(threads=50, pool=60)), {"gil": asked})
    claim = document["claims"][0]
    assert (claim["value"], claim["unit"], claim["verdict"], claim["relation"], claim["bound"]) == (
        pytest.approx(2.0),
        "x",
        "confirmed",
        ">",
        1.2,
    )
    assert claim["clauses"][0]["case"] == POOL.to_json()


def test_json_says_none_for_what_is_not_known() -> None:
    """An unmeasured claim has no numbers, and a speed-up row no level; blocks are counted all the same."""
    asked = experiment(faster(POOL, 1.2))
    document = verdict.to_json(analysed(asked, steady(threads=50, blocks=3)), {"gil": asked})
    claim = document["claims"][0]
    assert (claim["value"], claim["low"], claim["high"], claim["clauses"][0]["holds"]) == (None,) * 4
    speedup = next(case for case in document["cases"] if case["quantity"] == "speedup")
    assert (speedup["median"], speedup["ratio"], speedup["ratio_low"], speedup["blocks"]) == (
        None,
        pytest.approx(2.0),
        None,
        3,
    )


# --- bad runs -------------------------------------------------------------------------------------------------------


def test_an_experiment_that_is_gone_is_a_bad_run() -> None:
    """The error names it, and the nearest there is."""
    with pytest.raises(BadRun, match=r"holds experiment 'gli'.*did you mean 'gil'"):
        verdict.analyse(scripted_run((), experiments=["gli"]), {"gil": experiment(SLOW)})


def test_a_plan_that_is_unknown_is_a_bad_run() -> None:
    """A run of a newer version is refused by name."""
    run = replace(scripted_run(steady(threads=100)), settings=Settings(plan="epic"))
    with pytest.raises(BadRun, match="plan is 'epic', expected one of quick, default, full"):
        verdict.analyse(run, {"gil": experiment(SLOW)})


def test_margin_words_are_percentages() -> None:
    """The margin of a ratio is told as a percentage, whatever logarithm it was judged by."""
    judgement = judged(experiment(wall(THREADS, Relation.WITHIN, 0.1, label="two loops")), steady(threads=105))
    assert judgement.reason == "two loops: 1.05× that of serial (1.05–1.05×), within the margin ±10 %"
    assert math.isclose(judgement.clauses[0].estimate.value or 0, 1.05)


def test_a_share_says_what_was_shown_instead() -> None:
    """The outcome that most of the other blocks showed, shortened; nothing where all were as expected."""
    clause = Clause(THREADS, "outcome", Estimand.SHARE, Relation.ABOVE, 0.5, expected="ok")

    def reason(outcomes: list[str]) -> str:
        return judged(experiment(clause), scripted_blocks("gil", {THREADS: outcomes}, "outcome")).reason

    assert "in 0 of 6 blocks, otherwise “NameError: num” (0–" in reason(["NameError: num"] * 4 + ["hung"] * 2)
    assert "otherwise" not in reason(["ok"] * 6)
    quoted = reason(["word " * 99] * 6).partition("“")[2].partition("”")[0]
    assert (quoted[:9], quoted[-6:], len(quoted) <= 160) == ("word word", "word …", True)
