"""The A/A of a run: which margins it widens, and which ratios it voids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perflab import verdict
from perflab.model import Arm, Claim, Clause, Design, Estimand, Group, Relation, Verdict
from perflab.testing import scripted_blocks, scripted_experiment, scripted_run
from perflab.units import human
from verdict_support import POOL, SERIAL, THREADS, TWIN, aa, experiment, faster, judged, steady, wall


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
