"""Warnings of what the blocks themselves betray: drift, dependence, and a second opinion that differs."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from perflab import stats, verdict
from perflab.model import Analysis, Arm, Case, Claim, Clause, Estimand, Judgement, Relation, Role
from perflab.testing import scripted_blocks, scripted_experiment, scripted_run
from perflab.verdict import second_look
from perflab.verdict.caveats import caveats

CONTROL = Case("sum", "python", "serial", size=10)
CASE = replace(CONTROL, strategy="threads", workers=2)


def clause(bound: float = 2.0, role: Role = Role.DECIDES, estimand: Estimand = Estimand.RATIO) -> Clause:
    return Clause(CASE, "wall_ns", estimand, Relation.BELOW, bound, CONTROL, role)


def analysed(logs: list[float], *clauses: Clause) -> Analysis:
    """A run of the default plan whose case is so many log units slower than its control, block by block."""
    claims = [Claim(f"C{number}", "", (one,)) for number, one in enumerate(clauses or (clause(),), 1)]
    asked = scripted_experiment("asked", (Arm(CONTROL), Arm(CASE, CONTROL)), claims)
    series = {CONTROL: [100.0] * len(logs), CASE: [100 * math.exp(x) for x in logs]}
    return verdict.analyse(scripted_run(scripted_blocks("asked", series), "default"), {"asked": asked})


def noise(count: int, seed: int = 1) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(0, 0.01) for _ in range(count)]


def drift(count: int) -> list[float]:
    return [x + (0.05 if block >= count / 2 else 0.0) for block, x in enumerate(noise(count))]


def waves(count: int) -> list[float]:
    """Two swings up and two down, each as long as the other: far from replicates, and without a drift of the halves."""
    return [0.05 * math.sin(4 * math.pi * block / count) for block in range(count)]


def test_sound_blocks_are_not_warned_of() -> None:
    """24 blocks of noise give no warning at all."""
    assert analysed(noise(24)).warnings == ()


def test_what_chance_often_brings_is_no_warning() -> None:
    """Halves as far apart as in one sound series of ten are passed over."""
    values = next(one for one in (noise(24, seed) for seed in range(100)) if 0.05 < stats.split_half_p(one) < 0.1)
    assert analysed(values).warnings == ()


def test_drift_is_a_warning_with_its_size_and_a_remedy() -> None:
    """The later half 5 % slower: the claim is named, with how far it moved and what to do."""
    (text,) = (text for text in analysed(drift(24)).warnings if "did not stay the same" in text)
    assert "(C1: +5" in text
    assert "%)" in text
    assert "at most 1 % of runs" in text
    assert "'perflab doctor'" in text


def test_blocks_that_resemble_each_other_are_a_warning() -> None:
    """Slow waves leave both halves alike and each block like the one before."""
    (text,) = analysed(waves(24)).warnings
    assert "Blocks resemble the block before" in text
    assert "C1: correlation +0." in text
    assert "'perflab doctor'" in text


def test_differences_drift_in_their_unit() -> None:
    """A drift of a difference is an amount, not a percentage: 5 ns of 100."""
    (text,) = (
        text
        for text in analysed(drift(24), clause(estimand=Estimand.DIFFERENCE, bound=1e3)).warnings
        if "did not stay the same" in text
    )
    assert "C1: 5." in text


def test_only_deciding_clauses_with_enough_blocks_are_compared_each_once() -> None:
    """Two claims on one comparison are one, what stands beside is none, and eleven blocks are too few."""
    same = analysed(drift(24), clause(bound=2.0), clause(bound=3.0))
    assert len(second_look.series(same.judgements)) == 1
    beside = analysed(drift(24), clause(role=Role.BESIDE))
    assert second_look.series(beside.judgements) == []
    assert second_look.series(analysed(drift(11)).judgements) == []
    assert len(second_look.series(analysed(drift(12)).judgements)) == 1


def test_the_false_alarms_of_a_run_are_shared_among_its_comparisons() -> None:
    """Twenty comparisons get a twentieth each, and each guard half of that."""
    assert second_look.share_of(1) == second_look.GUARD_ALPHA / 2
    assert second_look.share_of(20) == pytest.approx(second_look.GUARD_ALPHA / 40)


def test_of_many_suspicions_three_are_named() -> None:
    """Five drifting comparisons: three by name, and word that there are others."""
    base = analysed(drift(24)).judgements[0]
    five = [renamed(base, number) for number in range(5)]
    (text,) = (text for text in caveats(scripted_run((), "default"), {}, five) if "did not stay" in text)
    assert text.count("D") == 3
    assert "and others" in text


def renamed(judgement: Judgement, number: int) -> Judgement:
    result = judgement.clauses[0]
    other = replace(result, clause=replace(result.clause, case=replace(CASE, workers=number + 2)))
    return replace(judgement, claim=replace(judgement.claim, id=f"D{number}"), clauses=(other,))


def between(count: int = 24) -> tuple[list[float], float]:
    """Blocks, and a bound between the end of the resampled interval and that of the ranks', which lies farther out."""
    values, looks = noise(count), (8, 12, 18, 24)
    _, high = stats.interval(values, stats.rank_at(looks, count) or 1)
    _, again = stats.bootstrap_interval(values, stats.confidence_at(looks, count) or 0.95) or (0.0, 0.0)
    assert again < high
    return values, math.exp((high + again) / 2)


def test_a_second_opinion_that_differs_is_a_warning_and_changes_nothing() -> None:
    """Resampling puts the whole interval below the bound, the ranks do not: both are said, the verdict stays."""
    values, bound = between()
    found = analysed(values, clause(bound=bound))
    (text,) = found.warnings
    assert "A second opinion differs: C1 is open by ranks" in text
    assert "and holds by resampling" in text
    assert "--full" in text
    assert found.judgements[0].verdict == "unresolved"


def test_an_answer_that_resampling_does_not_give_is_a_warning_too() -> None:
    """A clause that holds by too narrow an interval is named as one that resampling leaves open."""
    judgement = analysed(noise(24), clause(bound=1.0)).judgements[0]
    result = judgement.clauses[0]
    bold = replace(result, holds=True, estimate=replace(result.estimate, high=0.999))
    (text,) = caveats(scripted_run((), "default"), {}, [replace(judgement, clauses=(bold,))])
    assert "C1 holds by ranks" in text
    assert "and is open by resampling" in text


def test_a_second_opinion_that_agrees_is_silent() -> None:
    """A bound that both intervals lie below, and one that both lie astride."""
    values, bound = between()
    assert min(values) < math.log(bound) < max(values)
    for agreed in (math.exp(max(values)) * 0.9999, 1.0):
        assert not any("second opinion" in text for text in analysed(values, clause(bound=agreed)).warnings)


def test_no_second_opinion_below_twenty_blocks_or_where_all_blocks_agree() -> None:
    """Nineteen blocks are too few; blocks that all lie on one side need no resampling."""
    few = analysed(noise(19), clause(bound=1.0)).judgements[0].clauses[0]
    assert second_look.second_opinion(few, (8, 12, 18, 24)) is None
    some = analysed(noise(24), clause(bound=1.0)).judgements[0].clauses[0]
    assert second_look.second_opinion(some, (8, 12, 18, 24)) is not None
    clear = analysed(noise(24), clause(bound=5.0)).judgements[0].clauses[0]
    assert second_look.second_opinion(clear, (8, 12, 18, 24)) is None


def test_no_second_opinion_on_more_blocks_than_the_plan_has() -> None:
    """A file that somebody lengthened keeps the ranks of its last look; resampling cannot be as sure as those."""
    assert analysed(noise(60), clause(bound=1.0)).warnings == ()


def test_shares_have_neither_guard_nor_second_opinion() -> None:
    """Yes or no, block by block, is bounded by Clopper and Pearson alone."""
    found = analysed(drift(24), clause(estimand=Estimand.SHARE, bound=0.5))
    assert second_look.series(found.judgements) == []
    assert list(second_look.disputed(found.judgements, (8, 12, 18, 24))) == []
