"""Claims against expected verdicts: numbers go in, and what the check finds is known beforehand."""

from __future__ import annotations

import pytest

from check_support import (
    ARMS,
    ASTRIDE,
    FAST,
    LOOSE,
    QUANTITIES,
    SERIAL,
    SLOW,
    THREADS,
    analysed,
    checked,
    clause,
    deviating,
    status_of,
    times,
)
from perflab import check, verdict
from perflab.check import recurrence
from perflab.check.findings import Status
from perflab.errors import BadInput
from perflab.model import BlockRecord, Claim, Failure, Relation, Role, Verdict
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_round, scripted_run


@pytest.mark.parametrize(
    ("speedups", "expected", "status"),
    [
        (FAST, "confirmed", Status.AS_EXPECTED),
        (SLOW, "confirmed", Status.AGAINST),
        (ASTRIDE, "confirmed", Status.UNRESOLVED),
        (FAST, "refuted", Status.AGAINST),
        (SLOW, "refuted", Status.AS_EXPECTED),
        (ASTRIDE, "refuted", Status.UNRESOLVED),
        (FAST, "not refuted", Status.AS_EXPECTED),
        (SLOW, "not refuted", Status.AGAINST),
        (ASTRIDE, "not refuted", Status.AS_EXPECTED),
        (FAST, "not confirmed", Status.AGAINST),
        (FAST, "unresolved", Status.AGAINST),
        (FAST[:5], "confirmed", Status.UNRESOLVED),
        ([None] * 6, "confirmed", Status.UNRESOLVED),
        ([], "confirmed", Status.UNRESOLVED),
    ],
)
def test_a_verdict_against_its_expectation(speedups: list[float | None], expected: str, status: Status) -> None:
    """Only an answer can go against an expectation; what cannot be told, or was not measured, is unresolved."""
    assert status_of(analysed(times(speedups)), f"scales = '{expected}'") is status


def test_the_sentence_says_what_a_maintainer_needs() -> None:
    """Experiment, claim, what was expected, what was found and why; the claim however it was capitalised."""
    (finding,) = checked(analysed(times(SLOW)), "SCALES = 'confirmed'")
    assert finding.sentence.startswith("gil: scales was expected confirmed and is refuted: ")
    assert "1.00× as fast as" in finding.sentence
    assert finding.claim == "scales"


def test_a_claim_that_does_not_apply_here_is_no_contradiction() -> None:
    """On another system it is unresolved, unless that was expected."""
    for expected, status in (
        ("confirmed", Status.UNRESOLVED),
        ("not refuted", Status.AS_EXPECTED),
        ("not-applicable", Status.AS_EXPECTED),
    ):
        assert status_of(analysed(times(SLOW)), f"elsewhere = '{expected}'") is status


def test_a_failed_claim_is_failed_whatever_was_expected() -> None:
    """A case that raised answers neither way."""
    failure = Failure("raised", "ValueError: no")
    group = scripted_group([scripted_round({SERIAL: 100})], failures={THREADS: failure})
    analysis = analysed(tuple(BlockRecord("gil", number, 1, (group,)) for number in range(6)))
    for expected in ("'confirmed'", "'not refuted'", "'not confirmed'", "{ min = 1.5 }"):
        assert status_of(analysis, f"scales = {expected}") is Status.FAILED


def test_an_unknown_claim_is_refused_with_the_nearest() -> None:
    """Neither this run nor any experiment has it."""
    with pytest.raises(BadInput, match="unknown claim 'scalse': did you mean 'scales'"):
        checked(analysed(times(FAST)), "scalse = 'confirmed'")


def test_a_claim_of_an_experiment_that_was_not_run_is_unresolved() -> None:
    """Known, but not measured: said with the command that would."""
    (finding,) = checked(analysed(times(FAST)), "unheard = 'confirmed'")
    assert finding.status is Status.UNRESOLVED
    assert "was not measured" in finding.sentence
    assert "perflab run other" in finding.sentence


# --- a contradiction must recur -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "status"),
    [
        (deviating(), Status.AGAINST),
        (deviating(*range(0, 48, 3)), Status.AGAINST),
        (deviating(*(block for block in range(48) if block % 6 in (0, 2))), Status.UNRESOLVED),
        (deviating(*(block for block in range(48) if block % 6 in (1, 3))), Status.UNRESOLVED),
        (deviating(*range(16)), Status.UNRESOLVED),
        (deviating(*range(32, 48)), Status.UNRESOLVED),
    ],
    ids=["none", "16 scattered", "16 even", "16 odd", "the first 16", "the last 16"],
)
def test_halves_that_disagree_leave_it_unresolved(blocks: list[float], status: Status) -> None:
    """Sixteen blocks of 48 leave the interval on the wrong side; together in one half they are its majority."""
    analysis = analysed(times(blocks), plan="full")
    assert analysis.judgements[0].verdict is Verdict.REFUTED
    assert status_of(analysis, "scales = 'confirmed'") is status
    assert status_of(analysis, "scales = { min = 1.2 }") is status
    assert status_of(analysis, "blocks = 'refuted'") is status  # that claim is confirmed by the same blocks


def test_halves_of_a_contradicted_sameness_and_share() -> None:
    """WITHIN leans to the outside by its median, a share by its mean."""
    analysis = analysed(times([1.3] * 6))
    assert status_of(analysis, "equal = 'confirmed'") is Status.AGAINST
    assert status_of(analysed(times([1.01] * 6)), "equal = 'confirmed'") is Status.AS_EXPECTED
    assert status_of(analysed(times([1.01] * 6)), "equal = 'refuted'") is Status.AGAINST
    wrong = analysed(scripted_blocks("gil", {THREADS: ["no"] * 6}, "outcome"))
    assert status_of(wrong, "right = 'confirmed'") is Status.AGAINST


def test_a_refutation_recurs_by_a_clause_that_fails() -> None:
    """A second clause that is open, and leans the same way everywhere, is no second sight of the first."""
    claim = Claim("both", "", (clause(), clause(case=LOOSE)))
    known = {"gil": scripted_experiment("gil", ARMS, [claim], QUANTITIES)}
    mostly = [600 if block % 24 % 4 < 2 and block % 24 < 18 else 1200 for block in range(48)]
    series = {SERIAL: [1200] * 48, THREADS: [1200 / one for one in deviating(*range(16))], LOOSE: mostly}
    analysis = verdict.analyse(scripted_run(scripted_blocks("gil", series), "full"), known)
    assert [result.holds for result in analysis.judgements[0].clauses] == [False, None]
    (found,) = check.check(analysis, check.parse({"both": "confirmed"}, "test"), known)
    assert found.status is Status.UNRESOLVED


def test_a_half_without_blocks_does_not_lean() -> None:
    """One block has no earlier half, so nothing recurs."""
    result = analysed(times(SLOW)).judgements[0].clauses[0]
    assert recurrence.leans(result, ()) is None
    assert recurrence.leans(result, (1.3,)) is True
    assert recurrence.leans(result, (1.1, 1.2)) is False


def test_confirmation_recurs_with_its_positive_controls() -> None:
    """A control that holds over all blocks but not in the even ones leaves a contradicting confirmation unresolved."""
    support = clause(case=LOOSE, role=Role.SUPPORTS)
    claim = Claim("supported", "", (clause(Relation.BELOW), support))
    known = {"gil": scripted_experiment("gil", ARMS, [claim], QUANTITIES)}
    for slow, status in ((range(0, 32, 2), Status.UNRESOLVED), (range(16, 32), Status.AGAINST)):
        series = {SERIAL: [1200] * 48, THREADS: [1200] * 48, LOOSE: [1200 if b in slow else 600 for b in range(48)]}
        analysis = verdict.analyse(scripted_run(scripted_blocks("gil", series), "full"), known)
        assert analysis.judgements[0].verdict is Verdict.CONFIRMED
        (finding,) = check.check(analysis, check.parse({"supported": "refuted"}, "test"), known)
        assert finding.status is status
