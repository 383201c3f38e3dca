"""blas: real products with the threads that were asked for, and verdicts on both sides of each bound."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import CaseError, WrongAnswer
from perflab.experiments import blas
from perflab.model import Case, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = {(case.workers, case.param("threads")): case for case in design_of("blas").cases}


def test_each_case_has_what_it_promises_and_leaves_nothing() -> None:
    """A time, and the threads of a worker: at least its own one."""
    observed = observe("blas", [replace(case, size=64) for case in CASES.values()])
    assert len(observed) == len(CASES) == 4
    for case, seen in observed.items():
        assert set(seen) == {"time_ns", "threads"}, case
        assert seen["time_ns"] > 0 and seen["threads"] >= 1, case  # type: ignore[operator]


def test_all_cases_do_the_same_products() -> None:
    """As many of them, whoever does them, also where the cores are many."""
    for case in CASES.values():
        assert int(case.param("products")) // case.workers * case.workers == 4


def test_the_variables_are_set_while_workers_start_and_not_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's own circumstances are the same before and after."""
    monkeypatch.setattr(sys, "modules", {name: one for name, one in sys.modules.items() if name != "numpy"})
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with blas.limited_to(3):
        assert {os.environ[name] for name in blas.VARIABLES} == {"3"}
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def test_a_process_with_numpy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its BLAS has read the variables: setting them would say what is not so."""
    monkeypatch.setitem(sys.modules, "numpy", sys)
    with pytest.raises(CaseError, match="expected a fresh process"), blas.limited_to(2):
        pass


def test_a_wrong_product_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One element too much in the sum goes red, the right one does not."""
    left, right, expected = blas._matrices(16)
    assert blas.multiply((16, 1)) >= 1
    monkeypatch.setattr(blas, "_matrices", lambda size: (left, right, expected + 1))
    with pytest.raises(WrongAnswer, match="expected"):
        blas.multiply((16, 1))


def seen(each: float, crowd: float, one: float, threaded: float, threads: float = 2.0) -> dict[tuple[Case, str], float]:
    times = {(2, 1): each, (2, 2): crowd, (1, 1): one, (1, 2): threaded}
    return {**{(CASES[cell], "time_ns"): ns for cell, ns in times.items()}, (CASES[2, 2], "threads"): threads}


@pytest.mark.parametrize(
    ("claim", "cells", "verdict"),
    [
        ("blas-oversubscription", seen(50, 75, 100, 55), CONFIRMED),
        ("blas-oversubscription", seen(50, 55, 100, 55), REFUTED),
        ("blas-oversubscription", seen(50, 75, 100, 55, threads=1), UNRESOLVED),
        ("blas-threads", seen(50, 75, 100, 55), CONFIRMED),
        ("blas-threads", seen(50, 75, 100, 95), REFUTED),
        ("blas-threads", seen(50, 75, 100, 95, threads=1), UNRESOLVED),
        ("blas-oversubscription", seen(90, 150, 100, 95), UNRESOLVED),
        ("blas-threads", seen(90, 150, 100, 110), UNRESOLVED),
    ],
)
def test_threads_are_judged_where_they_are_there(claim: str, cells: dict, verdict: Verdict) -> None:
    """A fifth slower, a fifth faster; a library that ignores the variables, or a busy core, leaves both open."""
    assert verdicts("blas", cells)[claim].verdict is verdict
