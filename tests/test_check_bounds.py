"""Bounds: on what a claim measures, and on ratios of one's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from check_support import (
    ARMS,
    ASTRIDE,
    FAST,
    QUANTITIES,
    SERIAL,
    SLOW,
    THREADS,
    TWIN,
    analysed,
    checked,
    status_of,
    times,
)
from perflab import check, verdict
from perflab.check.findings import Status
from perflab.errors import BadInput
from perflab.model import Arm, BlockRecord
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_round, scripted_run


@pytest.mark.parametrize(
    ("speedups", "bounds", "status"),
    [
        (FAST, "min = 1.5", Status.AS_EXPECTED),
        (SLOW, "min = 1.5", Status.AGAINST),
        (ASTRIDE, "min = 1.5", Status.UNRESOLVED),
        (SLOW, "max = 1.5", Status.AS_EXPECTED),
        (FAST, "max = 1.5", Status.AGAINST),
        (ASTRIDE, "max = 1.5", Status.UNRESOLVED),
        (FAST, "min = 1.5, max = 2.0", Status.AS_EXPECTED),
        (FAST, "min = 1.0, max = 1.5", Status.AGAINST),
        ([2.0] * 6, "min = 2.0", Status.AS_EXPECTED),
        ([2.0] * 6, "max = 2.0", Status.AS_EXPECTED),
    ],
)
def test_a_bound_on_a_claims_own_ratio(speedups: list[float], bounds: str, status: Status) -> None:
    """Judged by the whole interval; a bound belongs to what it allows. It says nothing of the claim's own verdict."""
    for claim in ("scales", "blocks", "equal"):
        inverted = claim == "equal"
        asked = [1 / one for one in speedups] if inverted else speedups
        assert status_of(analysed(times(asked)), f"{claim} = {{ {bounds} }}") is status


def test_a_verdict_and_a_bound_are_two_findings() -> None:
    """Each fares for itself."""
    found = checked(analysed(times([1.4] * 6)), "scales = { verdict = 'confirmed', min = 1.5 }")
    assert [one.status for one in found] == [Status.AS_EXPECTED, Status.AGAINST]
    assert "was expected at least 1.50× and is not: " in found[1].sentence


@pytest.mark.parametrize("toml", ["latency = { max = 5 }", "latency = 'confirmed'", "saves = { max = 5 }"])
def test_absolute_times_are_refused(toml: str) -> None:
    """A level in ns depends on the machine; so does a difference as soon as it is bounded."""
    with pytest.raises(BadInput, match="absolute time"):
        checked(analysed(times(FAST)), toml)


def test_amounts_that_are_no_times_may_be_bounded() -> None:
    """Lost updates are counted, not timed; and a claim about a difference keeps its verdict."""
    analysis = analysed(scripted_blocks("gil", {THREADS: [0] * 6}, "lost"))
    assert status_of(analysis, "loses = { max = 0 }") is Status.AS_EXPECTED
    assert status_of(analysis, "loses = { min = 1 }") is Status.AGAINST
    assert status_of(analysed(times(FAST)), "saves = 'confirmed'") is Status.AS_EXPECTED


def test_what_obstructs_a_verdict_obstructs_a_bound() -> None:
    """A void A/A, or a neighbour that stays, leaves bounds on claims and ratios unresolved."""
    void = scripted_blocks("null", {SERIAL: [100] * 6, TWIN: [130] * 6})
    ratio = "r = { case = '*/threads/*', quantity = 'speedup', min = 1.5 }"
    busy_rounds = [scripted_round({SERIAL: 100, THREADS: 100}, contaminated=True)]
    busy = tuple(BlockRecord("gil", number, 1, (scripted_group(busy_rounds),)) for number in range(6))
    for toml in ("scales = { min = 1.5 }", ratio):
        assert status_of(analysed(times(SLOW)), toml) is Status.AGAINST
        assert status_of(analysed(void, times(SLOW)), toml) is Status.UNRESOLVED
        assert status_of(analysed(busy), toml) is Status.UNRESOLVED


# --- ratios of one's own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "status"),
    [
        ("case = '*/threads/*', quantity = 'speedup', min = 1.5", Status.AS_EXPECTED),
        ("case = '*/threads/*', quantity = 'speedup', min = 2.5", Status.AGAINST),
        ("case = '*/threads/*', quantity = 'wall_ns', max = 0.6", Status.AS_EXPECTED),
        ("case = '*/threads/*', control = '*/serial/*', quantity = 'wall_ns', max = 0.5", Status.AGAINST),
        ("case = '*/threads/*', control = '*/loose/*', quantity = 'wall_ns', min = 1.05", Status.AS_EXPECTED),
        ("case = '*/threads/*', control = '*/loose/*', quantity = 'wall_ns', max = 1.04", Status.AGAINST),
        ("case = '*', quantity = 'wall_ns', max = 0.6", Status.AS_EXPECTED),
        ("case = '*/threads/*', control = '*', quantity = 'speedup', min = 1.5", Status.AS_EXPECTED),
        ("case = '*/threads/*', quantity = 'cpu_ns', max = 0.6", Status.UNRESOLVED),
    ],
)
def test_a_ratio_of_ones_own(toml: str, status: Status) -> None:
    """Against the declared control, or the one case that the pattern fits; a quantity not observed is unresolved."""
    assert status_of(analysed(times(FAST)), f"mine = {{ {toml} }}") is status


def test_a_pattern_that_fits_several_cases_is_several_findings() -> None:
    """Each pair is judged by itself, and named by its case."""
    pool = replace(THREADS, strategy="pool")
    known = {"gil": scripted_experiment("gil", (*ARMS, Arm(pool, SERIAL)), (), QUANTITIES)}
    blocks = scripted_blocks("gil", {SERIAL: [100] * 6, THREADS: [50] * 6, pool: [90] * 6})
    expected = check.parse({"mine": {"case": "*/w2/*", "quantity": "speedup", "min": 1.5}}, "test")
    found = check.check(verdict.analyse(scripted_run(blocks), known), expected, known)
    assert [(one.name, one.status) for one in found] == [
        (f"mine ({THREADS.id})", Status.AS_EXPECTED),
        (f"mine ({pool.id})", Status.AGAINST),
    ]


@pytest.mark.parametrize(
    ("toml", "fragment"),
    [
        (
            "case = 'sum/nogil/thread/*', quantity = 'speedup'",
            "fits no case: did you mean 'sum/nogil/threads/w2/n1000'",
        ),
        ("case = '*/threads/*', control = 'none', quantity = 'speedup'", "control = 'none' fits no case"),
        ("case = '*/threads/*', quantity = 'speedups'", "unknown quantity 'speedups': did you mean 'speedup'"),
        ("case = '*/threads/*', control = '*/[sl]*/*', quantity = 'rare'", "no case that fits"),
        ("case = '*/loose/*', control = '*', quantity = 'speedup'", "make the pattern narrower"),
        ("case = '*', quantity = 'speedup', experiment = 'gill'", "unknown experiment 'gill': did you mean 'gil'"),
    ],
)
def test_a_ratio_that_nothing_fits_is_refused(toml: str, fragment: str) -> None:
    """With what comes nearest."""
    with pytest.raises(BadInput, match=fragment.replace("*", r"\*")):
        checked(analysed(times(FAST)), f"mine = {{ {toml}, min = 1 }}")


def test_a_ratio_of_an_experiment_that_was_not_run_is_unresolved() -> None:
    """Another experiment has such a case."""
    for more in ("", ", experiment = 'other'"):
        toml = f"mine = {{ case = '*/other/*', quantity = 'speedup', min = 1{more} }}"
        assert status_of(analysed(times(FAST)), toml) is Status.UNRESOLVED
