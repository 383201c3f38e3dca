"""The guard experiment: what becomes of unguarded programs, and what its claims say to that."""

from __future__ import annotations

import pytest
from claims_support import children, design_of, observe, verdicts

from perflab.experiments import guard as subject
from perflab.model import Case, Role, Verdict
from perflab.programs import Ended

BARE = {
    m: Case(strategy="process", start_method=m, params=(("program", "without guard"),))
    for m in ("fork", "spawn", "forkserver")
}
GUARDED = Case(strategy="process", start_method="spawn", params=(("program", "with guard"),))
POOL = Case(strategy="process", start_method="spawn", params=(("program", "Pool without guard"),))
AS_SAID = {(case, "outcome"): subject.WORKS for case in (*BARE.values(), GUARDED)}


@pytest.mark.parametrize("case", [*design_of("guard").cases, BARE["forkserver"]], ids=lambda case: case.id)
def test_each_program_comes_to_what_is_known_of_it(case: Case) -> None:
    """With the guard, and under fork without it, it works; otherwise Python speaks of the bootstrapping phase."""
    seen = observe("guard", case)
    works = case.start_method == "fork" or case == GUARDED
    assert seen["outcome"] == (subject.WORKS if works else subject.BOOTSTRAPPING)
    assert seen["status"] in ({"0"} if works else {"0", "1"})
    assert children() == []


def test_an_unguarded_pool_goes_on_replacing_its_worker() -> None:
    """It is given up at the third one, and leaves none of them."""
    assert observe("guard", POOL) == {"outcome": subject.REPLACING, "status": "7"}
    assert children() == []


def test_start_methods_are_those_of_the_plan_and_the_hardest_comes_first() -> None:
    """The tutorial's sentence is judged by each start method, and that of the default by one."""
    for plan, methods in (("quick", ["spawn", "fork"]), ("default", ["spawn", "forkserver", "fork"])):
        claims = {claim.id: claim for claim in design_of("guard", plan).claims}
        deciding = [clause.case for clause in claims["S10"].clauses if clause.role is Role.DECIDES]
        assert deciding == [BARE[method] for method in methods]
        assert [clause.case for clause in claims["S10-default"].clauses] == [BARE["fork"]]


def test_programs_that_always_work_confirm_the_tutorial() -> None:
    """Then no guard would be needed, and the claim that it is would be refuted."""
    found = verdicts("guard", AS_SAID)
    ends = {name: found[name].verdict for name in ("S10", "S10-default", "S10-spawn")}
    assert ends == {"S10": Verdict.CONFIRMED, "S10-default": Verdict.CONFIRMED, "S10-spawn": Verdict.REFUTED}


def test_one_start_method_that_fails_refutes_it() -> None:
    """What fails under spawn refutes the sentence, not that about the default; half of the blocks decide nothing."""

    def ends(outcome: object) -> list[Verdict]:
        found = verdicts("guard", {**AS_SAID, (BARE["spawn"], "outcome"): outcome})  # type: ignore[dict-item]
        return [found[name].verdict for name in ("S10", "S10-default", "S10-spawn")]

    assert ends(subject.BOOTSTRAPPING) == [Verdict.REFUTED, Verdict.CONFIRMED, Verdict.CONFIRMED]
    mixed = [subject.BOOTSTRAPPING, subject.WORKS] * 3
    assert ends(mixed) == [Verdict.UNRESOLVED, Verdict.CONFIRMED, Verdict.UNRESOLVED]


def test_a_program_that_fails_with_its_guard_proves_nothing() -> None:
    """Then it fails for another reason than the lack of a guard."""
    seen = {(case, "outcome"): subject.BOOTSTRAPPING for case in (*BARE.values(), GUARDED)}
    assert verdicts("guard", seen)["S10-spawn"].verdict is Verdict.UNRESOLVED


@pytest.mark.parametrize(("status", "end"), [("1", Verdict.CONFIRMED), ("0", Verdict.REFUTED)])
def test_the_exit_status_decides_whether_the_program_tells(status: str, end: Verdict) -> None:
    """Status 0 after children that failed refutes it."""
    seen = {(BARE["spawn"], "status"): status}
    assert verdicts("guard", {**AS_SAID, **seen})["S10-status"].verdict is end


@pytest.mark.parametrize(
    ("outcome", "end"), [(subject.REPLACING, Verdict.CONFIRMED), (subject.BOOTSTRAPPING, Verdict.REFUTED)]
)
def test_a_pool_that_gives_up_refutes_that_it_never_ends(outcome: str, end: Verdict) -> None:
    """The quick plan does not wait for it."""
    seen = {**AS_SAID, (POOL, "outcome"): outcome}
    assert verdicts("guard", seen, "default", blocks=8)["S10-pool"].verdict is end
    assert verdicts("guard", AS_SAID)["S10-pool"].verdict is Verdict.NOT_APPLICABLE


def test_only_fork_leaves_nothing_to_say_of_the_others() -> None:
    """Claims about start methods that are not there are not applicable; without fork it is not Linux."""
    from perflab import registry
    from perflab.model import Settings

    def reasons(method: str) -> dict[str, str]:
        chosen = Settings(start_methods=(method,), default_start_method=method)
        return {one.id: one.not_applicable for one in registry.find("experiment", "guard").design(chosen).claims}

    assert "only fork" in reasons("fork")["S10-spawn"]
    assert "spawn is not measured" in reasons("fork")["S10-status"]
    assert "no fork here" in reasons("spawn")["S10"]
    assert reasons("spawn")["S10-spawn"] == reasons("fork")["S10"] == ""
    newer = Settings("quick", start_methods=("fork", "spawn", "forkserver"), default_start_method="forkserver")
    (claim,) = [one for one in registry.find("experiment", "guard").design(newer).claims if one.id == "S10"]
    assert claim.not_applicable == "", "fork is there, although nothing is measured by it"


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (Ended(7, "", f"{subject.PHASE}\n" * 2, hung=False), subject.REPLACING),
        (Ended(7, "", f"{subject.PHASE}\n", hung=False), subject.BOOTSTRAPPING),
        (Ended(None, "", f"{subject.PHASE}\n" * 2, hung=True), subject.BOOTSTRAPPING),
        (Ended(1, "parent: 10\n", f"{subject.PHASE}\n" * 2, hung=False), subject.BOOTSTRAPPING),
        (Ended(1, "parent: 10\n", "EOFError\n", hung=False), "parent: 10, EOFError, status 1"),
        (Ended(None, "", "", hung=True), "hung"),
    ],
)
def test_outcomes_are_told_apart(ended: Ended, outcome: str) -> None:
    """Only repeated failures of a program that was given up are replacements; other errors are named as they are."""
    assert subject.outcome_of(ended) == outcome
