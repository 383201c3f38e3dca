"""A small, seeded part of the simulation, and proof that it concludes what the lab itself would."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perflab import duel, stats, verdict
from perflab.model import (
    PLANS,
    Arm,
    BlockRecord,
    Case,
    Claim,
    Clause,
    ClauseResult,
    Estimand,
    Estimate,
    Judgement,
    Relation,
    Settings,
    Verdict,
)
from perflab.stats import shares
from perflab.testing import scripted_experiment, scripted_group, scripted_round, scripted_run
from perflab.verdict import second_look

sys.path.insert(0, str(Path(__file__).parents[1] / "reports" / "trust"))
import noise
import second_looks
import simulate
import simulation_tables
import trials

BASE_NS = 1e6
DUEL, QUICK, DEFAULT = (trials.SCHEMES[name] for name in ("duel", "quick", "default"))
SOME_MODELS = (
    "clean (layout 0 %)",
    "walk of speed, τ = 0.1 s",
    "bursts in 30 % of samples",
    "layout 8 %, separate processes",
    "unequal skew",
)


def most(chance: float, runs: int) -> int:
    """So many of the runs and more come up with less than one in a million."""
    return next(k for k in range(runs + 1) if shares._binomial_tail(k, runs, chance) < 1e-6)


# --- the simulation concludes what the lab does ---------------------------------------------------------------------


def duel_records(logs: np.ndarray, challenge: duel.Challenge) -> list[BlockRecord]:
    """What one duel would have stored: (blocks, rounds, cases) of log times."""
    ids = [arm.case.id for arm in duel.arms_of(challenge)]
    return [
        BlockRecord("duel", number, number, (scripted_group([duel_round(ids, times) for times in block]),))
        for number, block in enumerate(np.exp(logs) * BASE_NS)
    ]


def duel_round(ids: list[str], times: np.ndarray):
    samples = {
        name: {"wall_ns": float(time), "cpu_ns": float(time), "empty_ns": 1.0, "result": "1"}
        for name, time in zip(ids, times, strict=True)
    }
    return replace(scripted_round({}), samples=samples, order=tuple(ids))


@pytest.mark.parametrize("name", SOME_MODELS)
@pytest.mark.parametrize("effect", [0.0, 0.03])
def test_a_simulated_duel_ends_as_the_real_judge_ends_it(name: str, effect: float) -> None:
    """Interval, margin and verdict of 20 duels for each noise, at a look of each, are those of ``duel.judge``."""
    model, challenge = noise.MODELS[name], duel.Challenge("m:base", "m:head")
    logs = model.noise(trials.generator(f"check {name}", 0), replace(DUEL.visits(20), blocks=24))
    logs[..., -1] += math.log1p(effect)
    looks = tuple(look for look in DUEL.looks if look <= 24)
    ratio, twin = (some_intervals(trials.block_values(logs, case), looks) for case in (-1, 1))
    for number in range(20):
        look = list(ratio)[number % len(ratio)]
        stood = duel.judge(challenge, duel_records(logs[number, :look], challenge), 1.0)
        assert stood.ratio.low == pytest.approx(math.exp(ratio[look].low[number]), rel=1e-12)
        assert stood.ratio.high == pytest.approx(math.exp(ratio[look].high[number]), rel=1e-12)
        assert stood.margin_used == pytest.approx(max(0.01, math.expm1(twin[look].extent[number])), rel=1e-9)
        said = trials.judged(DUEL, 0.01, ratio[look], twin[look], 0.0)[number]
        assert stood.verdict == trials.WORDS[said]


def some_intervals(values: np.ndarray, looks: tuple[int, ...]) -> dict[int, trials.Interval]:
    """At the first looks of a duel, with the ranks that all its looks together give."""
    found = trials.intervals(np.pad(values, ((0, 0), (0, DUEL.looks[-1] - values.shape[1]))), DUEL.looks)
    return {look: one for look, one in found.items() if look in looks}


CONTROL, CASE = Case("sum", "python", "serial", size=10), Case("sum", "python", "threads", size=10)
TWIN = replace(CONTROL, params=(("twin", 1),))


def claim_of(case: Case, margin: float) -> Claim:
    clause = Clause(case, "wall_ns", Estimand.RATIO, Relation.WITHIN, margin, CONTROL)
    return Claim("same", "Both are the same", (clause,))


NULL = scripted_experiment("null", (Arm(CONTROL), Arm(TWIN, CONTROL)), [claim_of(TWIN, 0.02)])
ASKED = scripted_experiment("gil", (Arm(CONTROL), Arm(CASE, CONTROL)), [claim_of(CASE, 0.02)])


def plan_blocks(experiment: str, logs: np.ndarray, cases: tuple[Case, ...]) -> tuple[BlockRecord, ...]:
    times = np.exp(logs) * BASE_NS
    return tuple(
        BlockRecord(
            experiment,
            number,
            number,
            (scripted_group([scripted_round(dict(zip(cases, map(float, one), strict=True))) for one in block]),),
        )
        for number, block in enumerate(times)
    )


@pytest.mark.parametrize("name", ["clean (layout 0 %)", "bursts in 30 % of samples", "unequal skew"])
def test_a_simulated_claim_of_sameness_ends_as_analysed(name: str) -> None:
    """Interval, margin and verdict of 30 stored runs of the quick plan are those that ``verdict.analyse`` derives."""
    model, rng = noise.MODELS[name], trials.generator(f"claims {name}", 0)
    logs, twins = model.noise(rng, QUICK.visits(30)), model.noise(rng, QUICK.null_visits(30, apart=False))
    logs[..., -1] += np.linspace(0, 0.05, 30)[:, None, None]
    last = QUICK.looks[-1]
    ratio = trials.intervals(trials.block_values(logs, -1), QUICK.looks)[last]
    twin = trials.intervals(trials.block_values(twins, 1), QUICK.looks)[last]
    said = trials.judged(QUICK, 0.02, ratio, twin, 0.0)
    ends = {0: Verdict.UNRESOLVED, 1: Verdict.REFUTED, 2: Verdict.REFUTED, 3: Verdict.CONFIRMED}
    for number in range(30):
        blocks = plan_blocks("null", twins[number, ..., :2], (CONTROL, TWIN))
        blocks += plan_blocks("gil", logs[number][..., [0, -1]], (CONTROL, CASE))
        judgement = verdict.analyse(scripted_run(blocks, "quick"), {"null": NULL, "gil": ASKED}).judgements[-1]
        result = judgement.clauses[0]
        assert result.estimate.low == pytest.approx(math.exp(ratio.low[number]), rel=1e-12)
        assert result.margin_used == pytest.approx(max(0.02, math.expm1(twin.extent[number])), rel=1e-9)
        assert judgement.verdict is ends[int(said[number])]


def test_the_simulated_null_stops_where_the_lab_stops_it() -> None:
    """The A/A that widens margins is that of the look at which its own claim ended, as ``verdict.undecided`` says."""
    name = "bursts in 30 % of samples"
    twins = noise.MODELS[name].noise(trials.generator("null", 0), QUICK.null_visits(30, apart=False))
    values = trials.block_values(twins, 1)
    kept, plain = trials.null_intervals(QUICK, noise.MODELS[name], values), trials.intervals(values, QUICK.looks)
    ended = []
    for number in range(30):
        blocks = plan_blocks("null", twins[number, ..., :2], (CONTROL, TWIN))
        settings = Settings(plan="quick")
        looks = [look for look in plain if not verdict.undecided(settings, "null", blocks[:look], {}, {"null": NULL})]
        ended.append(looks[0])
        assert kept[QUICK.looks[-1]].low[number] == plain[looks[0]].low[number]
    assert len(set(ended)) > 1


def test_every_case_has_a_place_in_every_round() -> None:
    """The walk is seen in the lab's own orders: each a permutation, each case first equally often in a block."""
    drawn = noise.places(trials.generator("places", 0), replace(DUEL.visits(50), blocks=4))
    assert drawn.shape == (50, 4, DUEL.rounds, 3)
    assert (np.sort(drawn, axis=3) == np.arange(3)).all()
    assert ((drawn == 0).sum(axis=2) == DUEL.rounds // 3).all()


def test_the_walk_is_as_wide_and_as_long_as_stated() -> None:
    """Samples 3 ms apart differ by what a walk of 5 % and 0.1 s leaves after 3 ms, and none is wider than 5 %."""
    visits = replace(DUEL.visits(4000), blocks=2, rounds=6, sample_s=0.003)
    logs = noise.walk(trials.generator("walk", 0), visits, 0.1)
    assert logs.std() == pytest.approx(math.hypot(noise.WALK, noise.JITTER), rel=0.03)
    apart = (logs[..., 1] - logs[..., 0]).var() - 2 * noise.JITTER**2
    lags = {1: 2 / 3, 2: 1 / 3}  # of two cases in a round of three: neighbours twice as often as ends
    expected = sum(share * 2 * noise.WALK**2 * (1 - math.exp(-lag * 0.003 / 0.1)) for lag, share in lags.items())
    assert apart == pytest.approx(expected, rel=0.1)


# --- coverage, false alarms, power ----------------------------------------------------------------------------------

RUNS = 600


@pytest.mark.parametrize("name", [name for name in noise.MODELS if name != second_looks.BROKEN])
def test_no_noise_brings_the_coverage_below_nominal(name: str) -> None:
    """Over all looks of the default plan fewer runs miss the truth than 5 % would in all but one of a million seeds."""
    counts = trials.chunk(DEFAULT, name, 0, RUNS)
    assert 0 < counts["missed"] < most(stats.ALPHA, RUNS)


def test_blocks_that_depend_on_each_other_are_not_covered() -> None:
    """The simulation can fail: where the assumption is broken it finds the coverage below nominal."""
    assert trials.chunk(DEFAULT, second_looks.BROKEN, 0, RUNS)["missed"] > most(stats.ALPHA, RUNS)


@pytest.mark.parametrize("name", SOME_MODELS[:4])
def test_duels_of_equals_raise_no_alarm_and_slower_ones_do(name: str) -> None:
    """Of 200 A/A duels at most a few are called different; where the noise allows it 10 % is found nearly always."""
    counts = trials.chunk(DUEL, name, 0, 200)
    assert counts["0"]["slower"] + counts["0"]["faster"] < most(stats.ALPHA, 200)
    assert counts["0.1"]["slower"] > 150
    assert counts["0.1"]["faster"] == counts["0.1"]["equivalent"] == 0
    assert sum(counts["0.03"][word] for word in trials.WORDS) == 200


def test_truth_under_unequal_skew_is_not_the_ratio_of_medians() -> None:
    """The middle of paired ratios lies apart from the ratio of middles; symmetric noise has both at 0."""
    assert trials.truth(DEFAULT, "clean (layout 0 %)") == 0.0
    assert -0.01 < trials.truth(DEFAULT, "unequal skew") < -0.0001


# --- guards and bootstrap -------------------------------------------------------------------------------------------


def run_of(series: np.ndarray) -> list[Judgement]:
    """A run with a deciding comparison for each row of log ratios."""
    return [
        Judgement("x", Claim(f"C{number}", "", ()), Verdict.UNRESOLVED, "", (deciding(number, row),))
        for number, row in enumerate(series)
    ]


def deciding(number: int, row: np.ndarray) -> ClauseResult:
    clause = Clause(Case("sum", workers=number + 1), "wall_ns", Estimand.RATIO, Relation.BELOW, 1.0, CONTROL)
    values = tuple(float(value) for value in np.exp(row))
    return ClauseResult(clause, Estimate(1.0, 0.9, 1.1, values), None)


def test_a_run_of_many_sound_comparisons_does_not_cry_wolf() -> None:
    """Of 100 runs with 20 skewed comparisons each, guards warn of no more than 1 % may bring."""
    draw = trials.generator("wolf", 0)
    runs = [run_of(draw.exponential(0.1, (20, 24))) for _ in range(100)]
    warned = sum(any(second_look.dependent(run)) or any(second_look.drifting(run)) for run in runs)
    assert warned < most(second_look.GUARD_ALPHA, 100)


def test_guards_see_what_they_are_for_and_sound_noise_leaves_them_quiet() -> None:
    """Chunks of the simulation: drift is seen in most runs, dependence in more than chance brings, noise in few."""
    sound = second_looks.guarded("clean (layout 0 %)", 0, 200)
    assert sound["drifting"] + sound["dependent"] < most(second_look.GUARD_ALPHA, sound["long"])
    drift = second_looks.guarded("a ratio that drifts by 3 %", 0, 200)
    assert drift["drifting"] > drift["long"] / 2
    assert second_looks.guarded(second_looks.BROKEN, 0)["dependent"] > most(second_look.GUARD_ALPHA / 2, 500)


# --- the store and the page -----------------------------------------------------------------------------------------


def test_simulating_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk a call, each once, until nothing is missing; then nothing more."""
    asked: list[int] = []

    def chunk(number: int) -> dict[str, object]:
        asked.append(number)
        return {"runs": simulate.CHUNK, "inner": {"number": number}}

    monkeypatch.setattr(simulate, "tasks", lambda: iter([("a: b", chunk)]))
    store, runs = tmp_path / "simulation.json", 3 * simulate.CHUNK
    assert simulate.simulate(simulate.CHUNK, 60.0, store)
    assert not simulate.simulate(runs, -1.0, store)
    assert simulate.simulate(runs, 60.0, store)
    assert simulate.simulate(runs, 60.0, store)
    assert asked == [0, 1, 2]
    assert json.loads(store.read_text())["counts"] == {"a: b": {"runs": runs, "inner": {"number": 3}}}


def test_the_page_holds_the_tables_of_the_stored_simulation() -> None:
    """docs/methods.md shows what the script makes of simulation.json, of 10,000 runs each."""
    stored = json.loads(simulate.STORE.read_text())
    text = simulate.PAGE.read_text()
    shown = text.split(simulation_tables.BEGIN)[1].split(simulation_tables.END)[0]
    assert shown.strip() == "\n".join(simulation_tables.tables(stored)).strip()
    assert {key for key, _ in simulate.tasks()} == set(stored["counts"])
    assert min(counts["runs"] for counts in stored["counts"].values()) == 10_000


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten where there is no place for the tables."""
    page = tmp_path / "page.md"
    page.write_text("text")
    with pytest.raises(ValueError, match="has not exactly one"):
        simulation_tables.write_into(page, {})
    assert page.read_text() == "text"


def test_plans_and_duel_are_all_simulated() -> None:
    """A plan that is added is simulated too, with its own looks and rounds."""
    assert set(trials.SCHEMES) == {"duel", *PLANS}
    assert DUEL.looks == duel.PLAN.looks
