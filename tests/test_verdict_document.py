"""What is derived of a whole run: summaries, warnings, the JSON document; and runs that cannot be judged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from perflab import verdict
from perflab.errors import BadRun
from perflab.model import BlockRecord, Run, Settings
from perflab.testing import scripted_group, scripted_round, scripted_run
from verdict_support import (
    NULL,
    POOL,
    PROCESSES,
    SERIAL,
    SLOW,
    THREADS,
    aa,
    analysed,
    experiment,
    faster,
    steady,
    with_failure,
)


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
    rows = analysed(experiment(SLOW), with_failure(steady(threads=50), POOL)).summaries
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


def test_an_experiment_that_is_gone_is_a_bad_run() -> None:
    """The error names it, and the nearest there is."""
    with pytest.raises(BadRun, match=r"holds experiment 'gli'.*did you mean 'gil'"):
        verdict.analyse(scripted_run((), experiments=["gli"]), {"gil": experiment(SLOW)})


def test_a_plan_that_is_unknown_is_a_bad_run() -> None:
    """A run of a newer version is refused by name."""
    run = replace(scripted_run(steady(threads=100)), settings=Settings(plan="epic"))
    with pytest.raises(BadRun, match="plan is 'epic', expected one of quick, default, full"):
        verdict.analyse(run, {"gil": experiment(SLOW)})
