"""A stored run against expectations and a baseline: numbers go in, and whether the check fails is known beforehand."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perflab import check, cli, registry, store, verdict
from perflab.check import baseline, expectations, recurrence, sources, wording
from perflab.check.findings import Finding, Outcome, Status
from perflab.errors import BadInput
from perflab.model import (
    STANDARD_QUANTITIES,
    Analysis,
    Arm,
    BlockRecord,
    Case,
    Claim,
    Clause,
    Estimand,
    Failure,
    Quantity,
    Relation,
    Role,
    Run,
    Settings,
    Verdict,
)
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_round, scripted_run

SERIAL = Case("sum", "nogil", "serial", size=1000)
THREADS = replace(SERIAL, strategy="threads", workers=2)
LOOSE = replace(SERIAL, strategy="loose")
TWIN = replace(SERIAL, params=(("twin", 1),))
ARMS = (Arm(SERIAL), Arm(THREADS, SERIAL), Arm(LOOSE))
QUANTITIES = (*STANDARD_QUANTITIES, Quantity("lost", "updates", "updates lost"), Quantity("outcome", "", "what it was"))


def clause(relation: Relation = Relation.ABOVE, bound: float = 1.2, **more: Any) -> Clause:
    given = {"case": THREADS, "quantity": "speedup", "estimand": Estimand.RATIO, "control": SERIAL, **more}
    return Clause(relation=relation, bound=bound, **given)


def alone(quantity: str, estimand: Estimand, bound: float, **more: Any) -> Clause:
    return clause(Relation.ABOVE, bound, quantity=quantity, estimand=estimand, **more)


CLAIMS = (
    Claim("scales", "Threads are faster", (clause(),)),
    Claim("blocks", "Threads are not faster", (clause(Relation.BELOW),)),
    Claim("equal", "Threads take as long", (clause(Relation.WITHIN, 0.02, quantity="wall_ns"),)),
    Claim("latency", "Threads take more than 1 ns", (alone("wall_ns", Estimand.LEVEL, 1, control=None),)),
    Claim("saves", "Threads save time", (clause(Relation.BELOW, 0, quantity="wall_ns", estimand=Estimand.DIFFERENCE),)),
    Claim("loses", "Threads lose updates", (alone("lost", Estimand.LEVEL, 0, control=None),)),
    Claim("right", "Threads are right", (alone("outcome", Estimand.SHARE, 0.5, control=None, expected="ok"),)),
    Claim("elsewhere", "Not here", (clause(),), not_applicable="another system"),
)
GIL = scripted_experiment("gil", ARMS, CLAIMS, QUANTITIES)
OTHER = scripted_experiment(
    "other",
    (Arm(replace(TWIN, strategy="other"), TWIN), Arm(TWIN)),
    [Claim("unheard", "Of another experiment", (clause(),))],
    (*STANDARD_QUANTITIES, Quantity("rare", "", "only here")),
)
NULL = scripted_experiment("null", (Arm(SERIAL), Arm(TWIN, SERIAL)))
CEILING = scripted_experiment("ceiling", (Arm(SERIAL), Arm(THREADS, SERIAL, "own")), [Claim("most", "", (clause(),))])
KNOWN = {one.name: one for one in (NULL, CEILING, GIL, OTHER)}


def times(speedups: Sequence[float | None], name: str = "gil", case: Case = THREADS) -> tuple[BlockRecord, ...]:
    """Blocks in which threads are so much faster than serial; None: not measured."""
    taken = [None if one is None else 1200 / one for one in speedups]
    return scripted_blocks(name, {SERIAL: [1200] * len(taken), LOOSE: [600] * len(taken), case: taken})


def analysed(*blocks: tuple[BlockRecord, ...], plan: str = "quick", **changes: Any) -> Analysis:
    run = scripted_run([block for part in blocks for block in part], plan, ["gil"])
    return verdict.analyse(replace(run, **changes), KNOWN)


def checked(analysis: Analysis, toml: str) -> tuple[Finding, ...]:
    return check.check(analysis, check.parse(tomllib.loads(toml), "test"), KNOWN)


def status_of(analysis: Analysis, toml: str) -> Status:
    (finding,) = checked(analysis, toml)
    return finding.status


# --- expectations as they are written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("confirmed", {Verdict.CONFIRMED}),
        ("Refuted", {Verdict.REFUTED}),
        ("not refuted", set(Verdict) - {Verdict.REFUTED}),
        ("not-confirmed", set(Verdict) - {Verdict.CONFIRMED}),
        ("not-applicable", {Verdict.NOT_APPLICABLE}),
        ("not applicable", {Verdict.NOT_APPLICABLE}),
        ("unresolved", {Verdict.UNRESOLVED}),
    ],
)
def test_a_verdict_is_read_as_meant(text: str, allowed: set[Verdict]) -> None:
    """Itself, or with "not" every other; alone in a line or in a table."""
    for value in (text, {"verdict": text}):
        (found,) = check.parse({"S01": value}, "test")
        assert isinstance(found, check.ClaimExpected)
        assert found.verdicts == allowed


def test_bounds_and_named_ratios_are_read() -> None:
    """A table with a case is a ratio of its own, one without is about a claim."""
    claim, ratio = check.parse(
        {"S01": {"min": 1, "max": 1.5}, "mine": {"case": "a*", "control": "b*", "quantity": "speedup", "min": 2}},
        "test",
    )
    assert claim == check.ClaimExpected("S01", bounds=expectations.Bounds(1.0, 1.5))
    assert ratio == check.RatioExpected("mine", "a*", "speedup", expectations.Bounds(2.0), "b*")


BAD_TABLES = [
    ("", "holds no expectation"),
    ("S01 = 'confirmd'", "did you mean 'confirmed'"),
    ("S01 = 'failed'", "never as expected"),
    ("S01 = 1.5", "expected a verdict"),
    ("S01 = {}", "expects nothing"),
    ("S01 = { verdict = true }", "expected a verdict"),
    ("S01 = { minimum = 1.5 }", "did you mean 'min'"),
    ("S01 = { verdct = 'confirmed' }", "did you mean 'verdict'"),
    ("S01 = { min = 'fast' }", "is no bound"),
    ("S01 = { min = true }", "is no bound"),
    ("S01 = { max = nan }", "is no bound"),
    ("S01 = { max = inf }", "is no bound"),
    ("S01 = { min = 2, max = 1 }", "swap them"),
    ("r = { case = '*', min = 1 }", "has no quantity"),
    ("r = { quantity = 'speedup', min = 1 }", "has no case"),
    ("r = { case = '*', quantity = 'speedup' }", "has no bound"),
    ("r = { case = 1, quantity = 'speedup', min = 1 }", "expected a text"),
    ("r = { case = '', quantity = 'speedup', min = 1 }", "expected a text"),
    ("r = { case = '*', quantity = 'speedup', min = 0 }", "above 0"),
    ("r = { case = '*', quantity = 'speedup', max = -1 }", "above 0"),
    ("r = { case = '*', quantity = 'speedup', experimnt = 'gil', min = 1 }", "did you mean 'experiment'"),
]


@pytest.mark.parametrize(("toml", "fragment"), BAD_TABLES, ids=[toml for toml, _ in BAD_TABLES])
def test_what_makes_no_sense_is_refused(toml: str, fragment: str) -> None:
    """The message names the source, and what would be right."""
    with pytest.raises(BadInput, match=fragment) as caught:
        check.parse(tomllib.loads(toml), "here.toml")
    assert "here.toml" in str(caught.value)


def test_the_nearest_project_file_with_expectations_counts(tmp_path: Path) -> None:
    """Upwards from the folder; a project file without the table is passed by, and none is no error here."""
    inner = tmp_path / "package" / "module"
    inner.mkdir(parents=True)
    assert check.find(None, inner) is None
    (tmp_path / "pyproject.toml").write_text("[tool.perflab.expect]\nS01 = 'confirmed'\n")
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.perflab.export]\na = 1\n")
    found = check.find(None, inner)
    assert found == check.Source(tmp_path / "pyproject.toml", {"S01": "confirmed"})
    (inner / "pyproject.toml").write_text("[tool.perflab.expect]\nS02 = 'confirmed'\n")
    nearest = check.find(None, inner)
    assert nearest is not None
    assert nearest.table == {"S02": "confirmed"}


@pytest.mark.parametrize("text", ["S01 = 'refuted'", "[tool.perflab.expect]\nS01 = 'refuted'"])
def test_a_named_file_has_them_at_its_top_or_nested(text: str, tmp_path: Path) -> None:
    """Both forms are the same table, and the named file goes before any pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text("[tool.perflab.expect]\nS01 = 'confirmed'\n")
    file = tmp_path / "expect.toml"
    file.write_text(text)
    assert check.find(file, tmp_path) == check.Source(file, {"S01": "refuted"})


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("S01 = ", "is not TOML"),
        ("[tool.perflab]\nexpct = {}", "did you mean 'expect'"),
        ("[tool.perflab]\nexpect = 'confirmed'", "expected a table"),
        ("[tool]\nperflab = 5", "expected a table"),
        ("[tool.other]\na = 1", r"has no table \[tool.perflab.expect\]"),
    ],
)
def test_a_file_without_expectations_is_refused(text: str, fragment: str, tmp_path: Path) -> None:
    """Named by its path, with what was wrong."""
    file = tmp_path / "expect.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=fragment):
        check.find(file, tmp_path)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Missing, a folder, or in another encoding."""
    (tmp_path / "latin").write_bytes(b"S01 = '\xe9'")
    for name, fragment in (("missing", "cannot read"), (".", "cannot read"), ("latin", "is not TOML")):
        with pytest.raises(BadInput, match=fragment):
            check.find(tmp_path / name, tmp_path)


# --- verdicts -------------------------------------------------------------------------------------------------------

FAST, SLOW, ASTRIDE = [1.9] * 6, [1.0] * 6, [1.0, 1.0, 1.0, 1.9, 1.9, 1.9]


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


def deviating(*indices: int) -> list[float]:
    """48 blocks in which threads are slow, but for these."""
    return [1.9 if index in indices else 1.0 for index in range(48)]


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


# --- bounds ---------------------------------------------------------------------------------------------------------


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


# --- the baseline ---------------------------------------------------------------------------------------------------


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


# --- words ----------------------------------------------------------------------------------------------------------


def finding(status: Status, name: str = "scales", reason: str = "because") -> Finding:
    return Finding(status, "gil", name, "confirmed", "is refuted", reason, name)


def test_counts_come_first() -> None:
    """Then what is wrong, the worst first, each with its command; then the names of the rest."""
    outcome = Outcome(
        (finding(Status.AS_EXPECTED, "good"), finding(Status.UNRESOLVED, "open"), finding(Status.AGAINST)),
        None,
        ("busy",),
    )
    assert list(wording.lines(outcome, "RUN")) == [
        "3 expectations: 1 against, 1 unresolved, 1 as expected",
        "against: gil: scales was expected confirmed and is refuted: because; "
        "run perflab show RUN --claim scales for the evidence",
        "unresolved: gil: open was expected confirmed and is refuted: because; "
        "run perflab show RUN --claim open for the evidence",
        "as expected: good",
        "note: busy",
    ]


def test_counts_beside_a_baseline() -> None:
    """Expectations and ratios are counted apart; without expectations only the ratios are."""
    worse = (finding(Status.AGAINST), finding(Status.AS_EXPECTED))
    assert wording.counts(Outcome((finding(Status.AS_EXPECTED),), worse)) == (
        "1 expectation: 1 as expected; 2 ratios: 1 worse, 1 no worse than in the baseline"
    )
    assert wording.counts(Outcome((), worse)) == "2 ratios: 1 worse, 1 no worse than in the baseline"


def test_annotations_are_few_and_escaped() -> None:
    """Ten at most; a percent sign and line breaks cannot end the command; unresolved ones count if strict."""
    outcome = Outcome(tuple(finding(Status.AGAINST, reason="95 % of\r\nit\x0b::error::") for _ in range(30)))
    told = list(wording.error_annotations(outcome, "reports/100%\n::error", strict=False))
    assert len(told) == 10
    assert all(line.startswith("::error title=perflab check::gil: scales") for line in told)
    assert all("95 %25 of" in line and "100%25%0A" in line and "\n" not in line for line in told)
    unresolved = Outcome((finding(Status.UNRESOLVED), finding(Status.FAILED, "bad"), finding(Status.AS_EXPECTED)))
    assert len(list(wording.error_annotations(unresolved, "RUN", strict=False))) == 1
    first, second = wording.error_annotations(unresolved, "RUN", strict=True)
    assert ("bad" in first, "scales" in second) == (True, True)


def test_the_summary_is_markdown_with_the_counts_first() -> None:
    """What is wrong in full, the rest folded, nothing that means something to Markdown or HTML."""
    outcome = Outcome((finding(Status.AGAINST, reason="<b>|*x*"), finding(Status.AS_EXPECTED, "good")), None, ("busy",))
    text = wording.summary(outcome, "RUN")
    assert text.splitlines()[0] == "**perflab check**: 2 expectations: 1 against, 1 as expected"
    assert r"- **against** gil: scales was expected confirmed and is refuted: &lt;b&gt;\|\*x\*; run" in text
    assert text.index("<details>") < text.index("good") < text.index("</details>")
    assert "- note: busy" in text


@pytest.mark.parametrize("status", [Status.AGAINST, Status.AS_EXPECTED])
def test_the_summary_never_exceeds_its_room(status: Status) -> None:
    """Thousands of findings are cut at a line, and it says how many are missing."""
    outcome = Outcome(tuple(finding(status, f"claim-{number}", "×" * 100) for number in range(9000)))
    text = wording.summary(outcome, "RUN")
    assert 800_000 < len(text.encode()) <= wording.SUMMARY_BYTES
    assert "more lines" in text
    assert text.startswith("**perflab check**: 9000 expectations")
    assert text.count("<details>") == text.count("</details>") == (status is Status.AS_EXPECTED)
    assert len(wording.summary(outcome, "RUN", 1000).encode()) <= 1000
    mixed = Outcome((*outcome.expected, finding(Status.AS_EXPECTED)))
    assert wording.summary(mixed, "RUN").count("details>") == 2 * (status is Status.AS_EXPECTED)


# --- the command ----------------------------------------------------------------------------------------------------


def stored(folder: Path, run: Run) -> Path:
    """The run as a journal on disk."""
    folder.mkdir()
    with store.journal(folder) as journal:
        journal.append(store.header(run))
        for block in run.blocks:
            journal.append(store.block_line(block))
        journal.append({"kind": "end", "interrupted": False, "wall_s": 1.0})
    return folder


def real_run(nogil_threads: float = 1.97, plan: str = "quick") -> Run:
    """The experiment 'gil' as two idle cores would measure it, and compiled threads as fast as is said."""
    settings = Settings(plan)
    cases = registry.find("experiment", "gil").design(settings).cases

    def speedup(case: Case) -> float:
        if case.implementation == "nogil" and case.strategy == "threads":
            return nogil_threads
        return 1.98 if case.strategy in ("pool", "ceiling") else 1.0

    blocks = scripted_blocks("gil", {case: [10_000_000 / speedup(case)] * 8 for case in cases})
    return replace(scripted_run(blocks, plan), settings=settings)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that expects the kernel to release the GIL, with a run of one that does and of one that does not."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / "good", real_run())
    stored(tmp_path / "bad", real_run(1.0))
    (tmp_path / "pyproject.toml").write_text("[tool.perflab.expect]\nnogil-threads-scale = 'confirmed'\n")
    return tmp_path


def out_of(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    """What the check prints, once its exit status is as said."""
    assert cli.main(["check", *arguments]) == status
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.usefixtures("project")
def test_the_build_fails_when_a_kernel_stops_releasing_the_gil(capsys: pytest.CaptureFixture[str]) -> None:
    """0 while it scales, 1 when it does not, with the sentence that a maintainer needs."""
    assert out_of(capsys, 0, "good").startswith("1 expectation: 1 as expected\n")
    out = out_of(capsys, 1, "bad")
    assert out.startswith("1 expectation: 1 against\n")
    assert "gil: nogil-threads-scale was expected confirmed and is refuted: threads that release the GIL" in out
    assert "; run perflab show bad --claim nogil-threads-scale for the evidence" in out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("more", "status"), [((), 0), (("--strict",), 4)])
def test_unresolved_fails_under_strict_only(
    more: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim of an experiment that was not run."""
    Path("expect.toml").write_text("S08 = 'confirmed'\n")
    assert "1 unresolved" in out_of(capsys, status, "good", "--expect", "expect.toml", *more)


@pytest.mark.usefixtures("project")
def test_what_goes_against_an_expectation_outranks_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    """1 before 3 before 4."""
    run = real_run()
    threads = next(case for case in registry.find("experiment", "gil").design(run.settings).cases if case.workers)
    group = replace(run.blocks[0].groups[0], failures={threads.id: Failure("hung", "no answer")})
    stored(Path("failed"), replace(run, blocks=(replace(run.blocks[0], groups=(group,)), *run.blocks[1:])))
    Path("failed.toml").write_text("S01 = 'confirmed'\nS08 = 'confirmed'\n")
    assert "1 failed, 1 unresolved" in out_of(capsys, 3, "failed", "--expect", "failed.toml", "--strict")
    Path("both.toml").write_text("S01 = 'confirmed'\nS02 = 'refuted'\n")
    assert "1 against, 1 failed" in out_of(capsys, 1, "failed", "--expect", "both.toml", "--strict")


@pytest.mark.usefixtures("project")
def test_a_baseline_suffices_without_expectations(capsys: pytest.CaptureFixture[str]) -> None:
    """What scaled before and does not now is worse; the same run is not."""
    Path("pyproject.toml").unlink()
    assert " no worse than in the baseline" in out_of(capsys, 0, "good", "--baseline", "good")
    out = out_of(capsys, 1, "bad", "--baseline", "good")
    assert "against: gil: nogil-threads-scale was expected no worse than in the baseline and is worse: 0.505×" in out


@pytest.mark.usefixtures("project")
def test_json_is_one_document(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is to be told goes elsewhere."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert cli.main(["check", "bad", "--baseline", "good", "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["schema"], found["exit"], found["findings"][0]["status"]) == ("perflab.check/1", 1, "against")
    assert found["counts"]["against"] == 1 + sum(one["status"] == "against" for one in found["baseline"])
    assert err.startswith("::error title=perflab check::gil: nogil-threads-scale")


@pytest.mark.usefixtures("project")
def test_github_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary is added to what other steps of the job wrote; annotations only where actions run."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert "::error" not in out_of(capsys, 1, "bad")
    assert Path("summary.md").read_text().startswith("**perflab check**: 1 expectation: 1 against\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("summary.md").write_text("earlier\n")
    assert out_of(capsys, 1, "bad").count("::error title=perflab check::") == 1
    assert Path("summary.md").read_text().startswith("earlier\n\n**perflab check**: 1 expectation: 1 against\n")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("full", [True, False])
def test_a_summary_that_cannot_be_written_costs_a_warning(
    full: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the check is not changed by it."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md" if full else "missing/summary.md")
    if full:
        Path("summary.md").write_text("x" * wording.SUMMARY_BYTES)
    assert cli.main(["check", "bad"]) == 1
    assert capsys.readouterr().err.startswith("warning: ")
    assert not full or len(Path("summary.md").read_text()) == wording.SUMMARY_BYTES


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "toml", "fragment"),
    [
        (["nowhere"], "", "nowhere"),
        (["good", "--expect", "missing.toml"], "", "cannot read missing.toml"),
        (["good", "--baseline", "nowhere"], "", "--baseline: no run at nowhere"),
        (["good", "--baseline", "full"], "", "plan (full, now quick)"),
        (["good", "--expect", "expect.toml"], "nogil-thread-scale = 'confirmed'", "did you mean 'nogil-threads-scale'"),
        (["good", "--expect", "expect.toml"], "S01 = { least = 1 }", "unknown key 'least'"),
        (["good", "--strikt"], "", "--strict"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], toml: str, fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on stdout."""
    Path("expect.toml").write_text(toml)
    stored(Path("full"), real_run(plan="full"))
    assert cli.main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert fragment in err


def test_without_expectations_it_says_where_they_were_looked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an example of one."""
    (project / "pyproject.toml").unlink()
    assert cli.main(["check", "good"]) == 2
    err = capsys.readouterr().err
    assert str(project) in err
    assert sources.TABLE in err
    assert expectations.EXAMPLE in err
