"""A run against an older one: what is worse, what only looks so, what cannot be compared."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from check_support import (
    ARMS,
    FAST,
    GIL,
    KNOWN,
    LOOSE,
    QUANTITIES,
    SERIAL,
    SLOW,
    THREADS,
    TWIN,
    analysed,
    clause,
    deviating,
    times,
)
from perflab import check, verdict
from perflab.check import baseline
from perflab.check.findings import Finding, Status
from perflab.errors import BadInput
from perflab.model import Analysis, Arm, BlockRecord, Claim, Failure, Role, Settings
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_round, scripted_run


def compared(new: Analysis, old: Analysis, toml: str = "") -> dict[str, Finding]:
    """The findings by name."""
    expected = check.parse(tomllib.loads(toml), "test") if toml else ()
    return {one.name: one for one in check.compare(new, old, expected, KNOWN)}


WALL = f"wall_ns of {THREADS.id}"


@pytest.mark.parametrize(
    ("new", "scales", "blocks", "wall"),
    [
        ([1.9] * 6, Status.AS_EXPECTED, Status.AS_EXPECTED, Status.AS_EXPECTED),
        ([1.6] * 6, Status.AGAINST, Status.AS_EXPECTED, Status.AGAINST),
        ([2.2] * 6, Status.AS_EXPECTED, Status.AGAINST, Status.AS_EXPECTED),
        ([1.85] * 6, Status.AS_EXPECTED, Status.AS_EXPECTED, Status.AS_EXPECTED),
        ([1.83] * 6, Status.AGAINST, Status.AS_EXPECTED, Status.AGAINST),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.9], Status.AS_EXPECTED, Status.AS_EXPECTED, Status.AS_EXPECTED),
    ],
    ids=["same", "slower", "faster", "2.7 % slower", "3.8 % slower", "overlapping"],
)
def test_worse_than_the_baseline(new: list[float], scales: Status, blocks: Status, wall: Status) -> None:
    """A claim loses ground towards its wrong side, a case by taking more; not below 3 %, nor by overlapping."""
    found = compared(analysed(times(new)), analysed(times([1.9] * 6)))
    assert [found[name].status for name in ("scales", "blocks", WALL)] == [scales, blocks, wall]


def test_the_sentence_about_a_worse_ratio() -> None:
    """Both ratios, the change, what would be none."""
    sentence = compared(analysed(times([1.0] * 6)), analysed(times([2.0] * 6)))["scales"].sentence
    assert sentence == (
        "gil: scales was expected no worse than in the baseline and is worse: 1.00× (1.00–1.00×) as fast as serial, "
        "where it was 2.00× (2.00–2.00×): 100 % for the worse, where up to 3 % counts as no change"
    )


def test_sameness_gets_worse_to_either_side() -> None:
    """Farther from equal is worse, nearer is not."""
    near, above, below = (analysed(times([one] * 6)) for one in (1.01, 1.1, 0.9))
    assert [compared(one, near)["equal"].status for one in (above, below)] == [Status.AGAINST] * 2
    assert compared(near, above)["equal"].status is Status.AS_EXPECTED
    assert compared(above, below)["equal"].status is Status.AS_EXPECTED


def test_what_is_expected_refuted_gets_worse_the_other_way() -> None:
    """Where threads scale, the claim that they do not must stay refuted."""
    slower, faster = analysed(times([1.4] * 6)), analysed(times([1.9] * 6))
    assert compared(slower, faster)["blocks"].status is Status.AS_EXPECTED
    for expected in ("refuted", "not confirmed"):
        assert compared(slower, faster, f"Blocks = '{expected}'")["blocks"].status is Status.AGAINST
        assert compared(faster, slower, f"Blocks = '{expected}'")["blocks"].status is Status.AS_EXPECTED
    for neither in ("not refuted", "not failed"):
        assert compared(faster, slower, f"blocks = '{neither}'")["blocks"].status is Status.AGAINST


def test_a_change_must_recur_in_the_halves_of_the_newer_run() -> None:
    """Sixteen of 48 blocks as before, together in the even ones, leave it unresolved; scattered ones do not."""
    old = analysed(times([1.9] * 48), plan="full")
    together = analysed(times(deviating(*range(0, 32, 2))), plan="full")
    scattered = analysed(times(deviating(*range(0, 48, 3))), plan="full")
    assert compared(together, old)["scales"].status is Status.UNRESOLVED
    assert "looks worse" in compared(together, old)["scales"].sentence
    assert compared(scattered, old)["scales"].status is Status.AGAINST


def test_a_change_must_recur_in_the_halves_of_the_older_run() -> None:
    """Where the older run was once as slow, for sixteen blocks together, it is no clear change either."""
    new = analysed(times([1.0] * 48), plan="full")
    together = analysed(times([1.0 if b < 16 else 1.9 for b in range(48)]), plan="full")
    scattered = analysed(times([1.9 if b % 3 else 1.0 for b in range(48)]), plan="full")
    assert compared(new, together)["scales"].status is Status.UNRESOLVED
    assert compared(new, scattered)["scales"].status is Status.AGAINST


def twins(ratio: float) -> tuple[BlockRecord, ...]:
    return scripted_blocks("null", {SERIAL: [100] * 6, TWIN: [100 * ratio] * 6})


def test_the_margin_is_widened_by_the_null_of_either_run() -> None:
    """10 % less is no change where two copies of the same code differed by 12 %, then or now."""
    before, now = times([1.9] * 6), times([1.72] * 6)
    assert compared(analysed(twins(1), now), analysed(twins(1), before))["scales"].status is Status.AGAINST
    for ours, theirs in ((1.12, 1), (1, 1.12), (1 / 1.12, 1)):
        found = compared(analysed(twins(ours), now), analysed(twins(theirs), before))
        assert found["scales"].status is Status.AS_EXPECTED
        assert "up to 12 % counts" in found["scales"].reason


def test_a_void_run_is_not_compared() -> None:
    """Pairs of that kind are left out, and one finding says so."""
    found = compared(analysed(twins(1.3), times(SLOW)), analysed(twins(1), times(FAST)))
    assert {name: one.status for name, one in found.items()} == {"pairs in one host": Status.UNRESOLVED}


def test_what_the_machine_gave_less_is_no_regression() -> None:
    """Threads lost 20 %, and so did the ceiling; a case with as many workers as its control is not excused."""
    before = (times([2.0] * 6, "ceiling"), times([2.0] * 6))
    now = (times([1.6] * 6, "ceiling"), times([1.6] * 6))
    assert compared(analysed(*now), analysed(*before))["scales"].status is Status.AS_EXPECTED
    assert compared(analysed(*now[1:]), analysed(*before[1:]))["scales"].status is Status.AGAINST
    assert compared(analysed(before[0], now[1]), analysed(*before))["scales"].status is Status.AGAINST
    assert "most" not in compared(analysed(*now), analysed(*before))


def test_sizes_that_were_calibrated_otherwise_are_allowed_for() -> None:
    """A size that is 20 % larger explains as much of a change, and the cases are found by their place."""

    def sized(settings: Settings) -> Any:
        size = settings.size("sum", "nogil")
        small, split = replace(SERIAL, size=size), replace(THREADS, size=size)
        return scripted_experiment("gil", (Arm(small), Arm(split, small)), (), QUANTITIES).design(settings)

    known = {"gil": replace(GIL, design=sized)}

    def run(speed: float, speedup: float) -> Analysis:
        settings = Settings("quick", speeds=(("sum/nogil", speed),))
        small, split = (arm.case for arm in sized(settings).groups[0].arms)
        blocks = scripted_blocks("gil", {small: [1200] * 6, split: [1200 / speedup] * 6})
        return verdict.analyse(replace(scripted_run(blocks), settings=settings), known)

    for speed, status in ((10.0, Status.AGAINST), (8.0, Status.AS_EXPECTED), (12.5, Status.AS_EXPECTED)):
        (finding,) = check.compare(run(speed, 1.7), run(10.0, 1.9), (), known)
        assert finding.status is status


def test_a_neighbour_makes_worse_ratios_doubtful() -> None:
    """Beside one that stays, what needs more cores proves nothing."""
    rounds = [scripted_round({SERIAL: 100, THREADS: 100}, contaminated=True)]
    busy = tuple(BlockRecord("gil", number, 1, (scripted_group(rounds),)) for number in range(6))
    found = compared(analysed(busy), analysed(times(FAST)))
    assert (found["scales"].status, found[WALL].status) == (Status.UNRESOLVED, Status.UNRESOLVED)


def test_an_unmet_precondition_makes_a_worse_ratio_doubtful() -> None:
    """The claim could be told neither way in one of the runs, so its ratio is no evidence either."""
    claim = Claim("given", "", (clause(), clause(case=LOOSE, bound=1.9, role=Role.PRECONDITION)))
    known = {"gil": scripted_experiment("gil", ARMS, [claim], QUANTITIES)}

    def run(threads: float, loose: float) -> Analysis:
        series = {SERIAL: [1200] * 6, THREADS: [threads] * 6, LOOSE: [loose] * 6}
        return verdict.analyse(scripted_run(scripted_blocks("gil", series)), known)

    for now, before, status in (
        (600, 600, Status.AGAINST),
        (900, 600, Status.UNRESOLVED),
        (600, 900, Status.UNRESOLVED),
    ):
        found = {one.name: one.status for one in check.compare(run(1200, now), run(600, before), (), known)}
        assert found["given"] is status


def test_a_case_that_failed_since_is_a_failure() -> None:
    """Measured in the baseline, raised now; not if it failed before too."""
    group = scripted_group([scripted_round({SERIAL: 1200})], failures={THREADS: Failure("raised", "ValueError: no")})
    broken = analysed(tuple(BlockRecord("gil", number, 1, (group,)) for number in range(6)))
    found = compared(broken, analysed(times(FAST)))
    assert {name: one.status for name, one in found.items()} == {THREADS.id: Status.FAILED}
    assert "raised: ValueError: no" in found[THREADS.id].sentence
    with pytest.raises(BadInput, match="no ratio in common"):
        compared(broken, broken)


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"environment": {"python": "other"}}, r"python \(other, now scripted\)"),
        ({"environment": {"python": "scripted", "cpu": "faster"}}, r"cpu \(faster, now None\)"),
        ({"version": "9.9"}, "measured by perflab 9.9"),
        ({"settings": Settings("full")}, r"plan \(full, now quick\)"),
        ({"settings": Settings("quick", cores=8)}, r"cores \(8, now 2\)"),
        ({"settings": Settings("quick", overrides=(("size", (5,)),))}, "overrides"),
        ({"experiments": ("other",), "blocks": ()}, "no ratio in common"),
    ],
)
def test_a_baseline_that_cannot_be_compared_is_refused(changes: Mapping[str, Any], fragment: str) -> None:
    """Another environment, version, plan or settings: named one by one."""
    new = analysed(times(FAST))
    with pytest.raises(BadInput, match=fragment):
        compared(new, analysed(times(FAST), **changes))


def test_speeds_and_what_does_not_matter_may_differ() -> None:
    """They are measured anew in each run; the clock and the container are no reason to refuse."""
    other = Settings("quick", speeds=(("sum/nogil", 3.0),))
    old = analysed(times(FAST), settings=other, environment={"python": "scripted", "container": "docker"}, seed=9)
    baseline.refuse_incomparable(analysed(times(FAST)).run, old.run)
    assert compared(analysed(times(FAST)), old)["scales"].status is Status.AS_EXPECTED
