"""The executors experiment: what its programs observe, and what its claims say to that."""

from __future__ import annotations

from typing import Any

import pytest
from claims_support import children, design_of, observe, verdicts

from perflab.errors import WrongAnswer
from perflab.experiments import _failing
from perflab.experiments import executors as subject
from perflab.model import Case, Verdict


def case_of(topic: str, kind: str, method: str = "") -> Case:
    return Case(strategy=kind, start_method=method, params=(("topic", topic),))


THREAD = case_of("interface", subject.THREAD)
FORK, SPAWN = (case_of("interface", subject.PROCESS, method) for method in ("fork", "spawn"))
POOL, EXECUTOR = (case_of("failure", kind, "fork") for kind in (subject.POOL, subject.PROCESS))
ENDS_OF_POOL, ENDS_OF_EXECUTOR = (case_of("ends", kind, "fork") for kind in (subject.POOL, subject.PROCESS))

GOES_ON = {
    "raised": "ValueError: 3 is refused; next 81",
    "argument": "an error; next 81",
    "result": "an error; next 81",
}
KNOWN: dict[Case, dict[str, str]] = {
    THREAD: {"said": _failing.SAID, "lambda": "done", "chunk": "2 workers", "change": "seen"},
    FORK: {"said": _failing.SAID, "lambda": "an error", "chunk": "1 worker", "change": "not seen"},
    POOL: {**GOES_ON, "killed": "no answer", "queued": "done, done"},
    EXECUTOR: {**GOES_ON, "killed": "BrokenProcessPool", "queued": "BrokenProcessPool, BrokenProcessPool"},
}  # fmt: skip
ENDINGS: dict[Case, dict[str, str]] = {
    ENDS_OF_POOL: {"shut": "hangs", "idle": "no answer", "abandon": "hangs"},
    ENDS_OF_EXECUTOR: {"shut": "ends", "idle": "BrokenProcessPool", "abandon": "ends"},
}
AS_KNOWN = {(case, name): seen for case, named in KNOWN.items() for name, seen in named.items()}
LONGER = {(case, name): seen for case, named in ENDINGS.items() for name, seen in named.items()}
SAME = {(case, name): KNOWN[THREAD][name] for case in (FORK,) for name in ("lambda", "change")}


@pytest.mark.parametrize("case", design_of("executors").cases, ids=lambda case: case.id)
def test_each_program_observes_what_is_known(case: Case) -> None:
    """Interfaces are the same but for lambdas, chunks and globals; failures differ when a worker is killed."""
    assert observe("executors", case) == KNOWN[case]
    assert children() == []


@pytest.mark.parametrize(("case", "moment"), [(ENDS_OF_POOL, 0.25), (ENDS_OF_EXECUTOR, 5)], ids=["Pool", "executor"])
def test_pools_that_lost_a_worker_hang_and_executors_tell(
    case: Case, moment: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longer plans' cases: closing after a loss, and an idle worker killed; nothing of them is left.

    The executor has more patience here than in the experiment, because tests run on busy machines as well.
    """
    patient = _failing.ENDS.replace("MOMENT = 5, 0.25", f"MOMENT = 5, {moment}")
    assert f"MOMENT = 5, {moment}" in patient
    monkeypatch.setitem(subject.PROGRAMS, "ends", patient)  # type: ignore[arg-type]
    assert observe("executors", case) == ENDINGS[case]
    assert children() == []


def test_what_is_known_ends_as_it_should() -> None:
    """The interface is the same; that lambdas, chunks and globals are alike is refuted; failures are as described."""
    found = {name: one.verdict for name, one in verdicts("executors", AS_KNOWN).items()}
    assert {name for name, end in found.items() if end is Verdict.REFUTED} == {
        "S17-lambda",
        "S17-chunks",
        "S17-globals",
    }
    assert {name for name, end in found.items() if end is Verdict.NOT_APPLICABLE} == {
        "executors-idle",
        "executors-shut",
    }
    assert set(found.values()) == {Verdict.REFUTED, Verdict.NOT_APPLICABLE, Verdict.CONFIRMED}


def test_executors_that_were_all_alike_confirm_it() -> None:
    """Had processes run lambdas and changed globals, and threads heeded chunks, nothing would differ."""
    seen = {**AS_KNOWN, **SAME, (THREAD, "chunk"): "1 worker"}
    found = verdicts("executors", seen)
    assert {found[name].verdict for name in ("S17-lambda", "S17-chunks", "S17-globals")} == {Verdict.CONFIRMED}


@pytest.mark.parametrize(
    ("case", "quantity", "other", "claim"),
    [
        (FORK, "said", "submit 49", "S17"),
        (THREAD, "said", "submit 49", "S17"),
        (POOL, "raised", "RuntimeError: 3 is refused; next 81", "executors-raised"),
        (EXECUTOR, "argument", "no answer; next 81", "executors-argument"),
        (POOL, "result", "an error; next no answer", "executors-result"),
        (EXECUTOR, "killed", "no answer", "S17-killed"),
        (POOL, "killed", "BrokenProcessPool", "S17-pool-killed"),
        (POOL, "queued", "no answer, no answer", "executors-pool-goes-on"),
        (EXECUTOR, "queued", "done, done", "executors-broken"),
    ],
)
def test_one_other_outcome_refutes_what_it_is_about(case: Case, quantity: str, other: str, claim: str) -> None:
    """And nothing else; half of the blocks decide nothing."""
    before, after = (verdicts("executors", seen) for seen in (AS_KNOWN, {**AS_KNOWN, (case, quantity): other}))
    assert {name for name in after if after[name].verdict is not before[name].verdict} == {claim}
    assert (before[claim].verdict, after[claim].verdict) == (Verdict.CONFIRMED, Verdict.REFUTED)
    mixed: list[Any] = [other, KNOWN[case][quantity]] * 3
    assert verdicts("executors", {**AS_KNOWN, (case, quantity): mixed})[claim].verdict is Verdict.UNRESOLVED


@pytest.mark.parametrize(
    ("claim", "quantity", "of_pool", "of_executor"),
    [
        ("executors-idle", "idle", "done", "no answer"),
        ("executors-idle", "abandon", "ends", "hangs"),
        ("executors-shut", "shut", "ends", "hangs"),
    ],
)
def test_a_pool_that_ends_well_refutes_that_it_hangs(claim: str, quantity: str, of_pool: str, of_executor: str) -> None:
    """And where the executor does not end well either, nothing is said of the Pool."""

    def end(changed: dict[tuple[Case, str], str]) -> Verdict:
        return verdicts("executors", {**AS_KNOWN, **LONGER, **changed}, "default", blocks=8)[claim].verdict

    assert end({}) is Verdict.CONFIRMED
    assert end({(ENDS_OF_POOL, quantity): of_pool}) is Verdict.REFUTED
    assert end({(ENDS_OF_EXECUTOR, quantity): of_executor}) is Verdict.UNRESOLVED


def test_longer_plans_look_at_every_start_method() -> None:
    """The interface by all of them from the default plan on; failures by all of them in the full one."""

    def methods(plan: str, topic: str) -> set[str]:
        cases = design_of("executors", plan).cases
        return {case.start_method for case in cases if case.param("topic") == topic and case.start_method}

    assert methods("quick", "interface") == methods("default", "failure") == {"fork"}
    assert methods("default", "interface") == methods("full", "failure") == {"fork", "spawn", "forkserver"}


def test_a_spawned_executor_has_the_same_interface() -> None:
    """In the longer plans; it differs from threads as a forked one does."""
    assert observe("executors", SPAWN) == KNOWN[FORK]


@pytest.mark.parametrize(
    ("before", "after", "case", "seen"),
    [
        ("return x * x", "return x", FORK, {"said": "submit 7"}),
        ("number += 5", "pass", THREAD, {"change": "not seen"}),
        ("lambda: 7", "os.getpid", FORK, {"lambda": "wrong"}),
    ],
)
def test_other_behaviour_is_another_outcome(
    before: str, after: str, case: Case, seen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs observe; what they report changes with what happens."""
    assert before in _failing.INTERFACE
    monkeypatch.setitem(subject.PROGRAMS, "interface", _failing.INTERFACE.replace(before, after))  # type: ignore[arg-type]
    found = observe("executors", case)
    assert {name: str(found[name])[: len(text)] for name, text in seen.items()} == seen


def test_a_worker_that_lives_is_no_killed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the signal the task is answered, and so are those behind it."""
    spared = _failing.FAIL.replace("os.kill(os.getpid(), signal.SIGKILL)", "pass")
    monkeypatch.setitem(subject.PROGRAMS, "failure", spared)  # type: ignore[arg-type]
    for case in (POOL, EXECUTOR):
        assert observe("executors", case) == {**GOES_ON, "killed": "done", "queued": "done, done"}


def test_a_program_that_breaks_off_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the program itself is no outcome of a task."""
    monkeypatch.setitem(subject.PROGRAMS, "failure", "raise OSError('gone')")  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match="OSError: gone"):
        observe("executors", POOL)
