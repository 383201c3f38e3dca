"""workers: three kinds of work cut for threads, counters of CPUs, and verdicts on both sides of each bound."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scheduling_support import astride, judged, observe, quick

from perflab.errors import WrongAnswer
from perflab.experiments import _counted, worker_counts
from perflab.model import Case, Judgement, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
QUICK = quick("workers").cases
CASES = {
    (case.param("kind"), case.workers or case.strategy): case
    for case in (*worker_counts.design(Settings("default")).cases, *QUICK)
}
KINDS = ("compute", "memory", "wait")


def test_each_case_is_done_and_each_counter_answers_and_nothing_is_left() -> None:
    """Wall time of each kind of work, checked; a number of CPUs of at least one from everyone who is asked."""
    small = [replace(case, size=min(case.size, 1000)) for case in CASES.values()]
    observed = observe("workers", small)
    assert len(observed) == len(CASES) == 3 * 4 + 5
    for case, samples in observed.items():
        quantity = "cpus" if "kind=count" in case else "wall_ns"
        assert [set(sample) for sample in samples] == [{quantity}] * 2, case
        assert all(sample[quantity] > 0 for sample in samples), case  # type: ignore[operator]


@pytest.mark.parametrize("kind", KINDS)
def test_work_that_is_left_out_is_a_wrong_answer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that leaves its last element is found out, whatever the work."""
    original = _counted.bounds

    def short(case: Case) -> list[tuple[int, int, int]]:
        *parts, (worker, start, stop) = original(case)
        return [*parts, (worker, start, stop - 1)]

    monkeypatch.setattr(worker_counts, "bounds", short)
    probe = worker_counts.probe(replace(CASES[kind, 2], size=10))
    with pytest.raises(WrongAnswer, match="expected"):
        next(probe)(1)
    probe.close()  # type: ignore[attr-defined]


def test_cases_of_one_host_share_the_vector() -> None:
    """The memory that is read is filled once a host, and given back with its last case."""
    from perflab.experiments import _shared

    with ExitStack() as stack:
        for workers in (1, 2):
            _counted.read_memory(replace(CASES["memory", 1], workers=workers, size=10), stack)
        assert [kind for kind in _shared._held if kind[0] == "vector"] == [("vector", 10)]  # type: ignore[index]
    assert not any(kind[0] == "vector" for kind in _shared._held)  # type: ignore[index]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_quotas_of_both_versions(files: dict[str, str], expected: float | None, tmp_path: Path) -> None:
    """One file in version 2, two in version 1; no limit, and no file, mean no quota."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert _counted.parse_quota(tmp_path) == expected


def judgements(**changed: Any) -> dict[str, Judgement]:
    """Judged by speed-ups and counts that confirm all claims, but for those that are ``changed``."""
    speedups: dict[str, Any] = {"compute_2": 1.8, "compute_8": 1.8, "wait_2": 2.0, "wait_8": 7.5} | changed
    quota = speedups.pop("quota", 2.0)
    wall: dict[Case, Any] = {CASES[kind, 1]: 100.0 for kind in KINDS}
    for name, one in speedups.items():
        kind, _, workers = name.partition("_")
        wall[CASES[kind, int(workers)]] = [100.0 / s for s in one] if isinstance(one, list) else 100.0 / one
    cpus = {case: 2.0 for case in QUICK if case.param("kind") == "count"} | {CASES["count", "cgroup quota"]: quota}
    return judged("workers", wall_ns=wall, cpus=cpus)


@pytest.mark.parametrize(
    ("claim", "changed", "verdict"),
    [
        ("workers-compute", {}, CONFIRMED),
        ("workers-compute", {"compute_8": 2.2}, REFUTED),
        ("workers-compute", {"compute_8": astride(1.98)}, UNRESOLVED),
        ("workers-compute", {"compute_2": 1.1, "compute_8": 1.1}, UNRESOLVED),
        ("workers-wait", {}, CONFIRMED),
        ("workers-wait", {"wait_8": 3.0}, REFUTED),
        ("workers-wait", {"wait_8": astride(4.0)}, UNRESOLVED),
        ("workers-counts", {}, CONFIRMED),
        ("workers-counts", {"quota": 1.0}, REFUTED),
    ],
)
def test_both_sides_of_each_bound(claim: str, changed: dict[str, Any], verdict: Verdict) -> None:
    """More workers help what waits and not what computes; one who counts otherwise is enough to refute."""
    assert judgements(**changed)[claim].verdict is verdict


@pytest.mark.parametrize(
    ("plan", "cores", "expected"),
    [
        ("quick", 1, {1, 4}),
        ("quick", 2, {1, 2, 8}),
        ("default", 2, {1, 2, 4, 8}),
        ("default", 6, {1, 2, 4, 6, 8, 16, 24}),
        ("full", 48, {1, 2, 4, 8, 16, 32, 48, 64}),
    ],
)
def test_the_sweep_ends_at_four_a_core(plan: str, cores: int, expected: set[int]) -> None:
    """One, the cores and four a core always; the powers of two between them in longer plans; never above 64."""
    design = worker_counts.design(Settings(plan, cores))
    for kind in ("compute", "wait") if plan == "quick" else KINDS:
        assert {case.workers for case in design.cases if case.param("kind") == kind} == expected


def test_the_quick_plan_leaves_out_what_takes_long() -> None:
    """No vector to fill, and no Pool to start; all who count but the Pool are asked."""
    assert {case.param("kind") for case in QUICK} == {"compute", "wait", "count"}
    assert {case.strategy for case in QUICK if case.param("kind") == "count"} == set(_counted.COUNTERS) - {"Pool()"}


def test_who_counts_agrees_with_the_system() -> None:
    """The plainest answer is the system's own, and the Pool starts what Python says this process may use."""
    assert _counted.COUNTERS["os.cpu_count"]() == os.cpu_count()
    assert _counted.COUNTERS["Pool()"]() == (getattr(os, "process_cpu_count", os.cpu_count)() or 1)


def test_one_core_judges_nothing_parallel() -> None:
    """What needs two cores says so; waiting does not need them."""
    claims = {claim.id: claim for claim in worker_counts.design(Settings(cores=1)).claims}
    assert "one worker" in claims["workers-compute"].not_applicable
    assert claims["workers-wait"].not_applicable == ""
