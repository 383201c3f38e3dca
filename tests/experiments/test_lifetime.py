"""lifetime: every end is observed and nothing of it stays, also when the observer is killed; verdicts on both sides."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from sharing_support import METHODS, claim_of, design_of, observe, verdict

from perflab import procfs
from perflab.errors import WrongAnswer
from perflab.experiments import _lifetimes, lifetime
from perflab.model import Case, Settings, Verdict
from perflab.testing import scripted_blocks, scripted_run
from perflab.verdict import judge

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
REMAINS, GONE, KEPT = lifetime.REMAINS, lifetime.GONE, lifetime.KEPT
CASES = design_of("lifetime").cases


def test_each_case_observes_what_it_promises_and_leaves_nothing() -> None:
    """What must be so under any Python: a forgotten segment remains, mapped memory is kept; nothing is there after."""
    observed = observe("lifetime", CASES)
    for case in CASES:
        event = str(case.param("event"))
        both = case.strategy == "RawArray" or event in (lifetime.READER, lifetime.UNTRACKED_READER, lifetime.CHILD)
        assert set(observed[case.id]) == ({"outcome", "memory"} if both else {"outcome"}), case.id
        assert observed[case.id]["outcome"] in (REMAINS, GONE)
        if both:
            assert observed[case.id]["memory"] == KEPT, case.id
        if event in (lifetime.FORGOTTEN, lifetime.UNTRACKED, lifetime.CHILD):
            assert observed[case.id]["outcome"] == REMAINS, case.id


def test_a_name_is_looked_for_and_unlinked() -> None:
    """While it exists it is found; after the look-out it does not exist, whoever made it."""
    from multiprocessing.shared_memory import SharedMemory

    with _lifetimes._name() as name:
        assert not _lifetimes._exists(name)
        segment = SharedMemory(name, create=True, size=8)
        assert _lifetimes._exists(name)
        segment.close()
    assert not _lifetimes._exists(name)


KILLED_IN_BETWEEN = """
import os, signal
from perflab.experiments import _lifetimes
with _lifetimes._name() as name:
    _lifetimes._use({"forgotten": name}, "create")
    print(name, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the folder of shared memory")
def test_a_forgotten_segment_does_not_outlive_a_killed_observer() -> None:
    """The observer's own tracker knows the name and unlinks it."""
    done = subprocess.run([sys.executable, "-c", KILLED_IN_BETWEEN], capture_output=True, text=True, timeout=30)
    name = done.stdout.strip()
    assert done.returncode == -signal.SIGKILL
    assert name.startswith("psm_")
    for _ in range(300):
        if name not in procfs.shm_entries():
            break
        time.sleep(0.01)
    assert name not in procfs.shm_entries()


def test_a_program_that_says_something_else_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that could not make or read its segment, or that found another number, tells nothing about a lifetime."""
    with pytest.raises(WrongAnswer, match="FileNotFoundError"):
        _lifetimes._use({"tracked": "psm_there_is_none"})
    monkeypatch.setattr(_lifetimes, "USES", "print(8)")
    with pytest.raises(WrongAnswer, match="expected 7 in each of 1"):
        _lifetimes._use({"tracked": "psm_any"})
    monkeypatch.setattr(_lifetimes, "SERVERS", "print('exits', 8); print('killed', 7)")
    with pytest.raises(WrongAnswer, match="expected 7 or none"), _lifetimes.managers():
        pass
    with pytest.raises(WrongAnswer, match="read 8"):
        _lifetimes._expect(8)


def _labels(claim: str) -> list[str]:
    return [clause.label for clause in claim_of("lifetime", claim).clauses]


FORGOTTEN = "SharedMemory remains: creator exits, forgotten by its tracker", "SharedMemory is gone: creator exits"
READER = "SharedMemory is gone: reader exits", "SharedMemory remains: child exits"


@pytest.mark.parametrize(
    ("claim", "values", "expected"),
    [
        ("S25", (REMAINS, REMAINS), CONFIRMED),
        ("S25", (GONE, GONE), REFUTED),
        ("S25", (REMAINS, GONE), REFUTED),
        ("S25-system", (REMAINS, GONE), CONFIRMED),
        ("S25-system", (GONE, GONE), REFUTED),
        ("S25-system", (REMAINS, REMAINS), UNRESOLVED),
        ("S25-reader", (GONE, REMAINS), CONFIRMED),
        ("S25-reader", (REMAINS, REMAINS), REFUTED),
        ("S25-reader", (GONE, GONE), UNRESOLVED),
        ("S25-mapped", (KEPT, KEPT, KEPT), CONFIRMED),
        ("S25-mapped", (KEPT, "lost", KEPT), REFUTED),
        ("S25-RawArray", (GONE, GONE), CONFIRMED),
        ("S25-RawArray", (GONE, REMAINS), REFUTED),
        ("S25-Manager", (GONE, GONE), CONFIRMED),
        ("S25-Manager", (GONE, REMAINS), REFUTED),
    ],
)
def test_verdicts_on_both_sides(claim: str, values: tuple[str, ...], expected: Verdict) -> None:
    """Every outcome as claimed, and otherwise."""
    assert verdict("lifetime", claim, dict(zip(_labels(claim), values, strict=True))) is expected


@pytest.mark.parametrize("claim", ["S25-track", "S25-reader-track"])
def test_the_argument_track_is_judged_where_it_exists(claim: str) -> None:
    """By the Python that measured: before 3.13 the claim is not applicable and says why, whatever Python reads it."""

    def found(python: tuple[int, int], outcome: str) -> Verdict:
        settings = Settings("quick", python=python)
        event = lifetime.UNTRACKED if claim == "S25-track" else lifetime.UNTRACKED_READER
        case = Case(strategy="SharedMemory", params=(("event", event),))
        assert (case in design_of("lifetime", settings).cases) is (python >= (3, 13))
        run = scripted_run(scripted_blocks("lifetime", {case: [outcome] * 6}, "outcome"), "quick", ["lifetime"])
        judgements = judge(replace(run, settings=settings), "lifetime")
        return next(one.verdict for one in judgements if one.claim.id == claim)

    assert found((3, 12), REMAINS) is Verdict.NOT_APPLICABLE
    assert found((3, 13), REMAINS) is CONFIRMED
    assert found((3, 14), GONE) is REFUTED


def test_without_fork_segments_are_still_observed() -> None:
    """What is made by forking is left out, and its claims say so."""
    design = design_of("lifetime", Settings("quick", 2, ("spawn",), "spawn"))
    assert {case.strategy for case in design.cases} == {"SharedMemory"}
    reasons = {claim.id: claim.not_applicable for claim in design.claims}
    assert all("no fork" in reasons[name] for name in ("S25-mapped", "S25-RawArray", "S25-Manager"))
    assert not reasons["S25"]
    assert {case.strategy for case in design_of("lifetime", Settings("quick", 2, METHODS)).cases} > {"Manager"}
