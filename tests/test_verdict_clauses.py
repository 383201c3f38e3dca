"""One clause: what is estimated of scripted runs, how it must lie, and the words for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perflab.model import BlockRecord, Clause, Estimand, Relation, Verdict
from perflab.testing import merged_blocks, scripted_blocks, scripted_group, scripted_round
from verdict_support import POOL, SERIAL, THREADS, aa, experiment, faster, judged, spread, steady, wall


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
