"""The self-test counts right answers, and fails only where a promise is broken beyond chance."""

from __future__ import annotations

import json

import pytest

from perflab import spins
from perflab.cli import selftesting
from perflab.duel import Standing
from perflab.model import Estimate
from perflab.selftest import TRIALS, Trial, examine, failing, found, halved, no_alarm, row_of


def standing(verdict, low=1.0, high=1.0, reason=""):
    """A duel that ended so."""
    ratio = Estimate((low + high) / 2, low, high)
    return Standing(verdict, reason, ratio, ratio, ratio, 0.01, 0.01, 8, 1.0)


@pytest.mark.parametrize(
    ("judge", "end", "expected"),
    [
        (no_alarm, standing("equivalent"), True),
        (no_alarm, standing("unresolved"), True),
        (no_alarm, standing("slower"), False),
        (no_alarm, standing("faster"), False),
        (no_alarm, standing("failed"), False),
        (found, standing("slower"), True),
        (found, standing("unresolved"), False),
        (halved, standing("faster", 0.49, 0.51), True),
        (halved, standing("faster", 0.60, 0.65), False),
        (halved, standing("unresolved", 0.49, 0.51), False),
        (failing("hung"), standing("failed", reason="HEAD hung: no answer"), True),
        (failing("hung"), standing("failed", reason="HEAD died"), False),
        (failing("hung"), standing("unresolved", reason="hung"), False),
    ],
)
def test_what_counts_as_right(judge, end, expected):
    """Each trial knows its own right answers, on both sides."""
    assert judge(end) is expected


@pytest.mark.parametrize(("right", "of", "kept"), [(12, 12, True), (11, 12, True), (4, 12, False), (0, 2, False)])
def test_a_promise_is_broken_only_beyond_its_interval(right, of, kept):
    """One wrong answer of twelve says nothing against 99 %; eight do."""
    trial = Trial("t", "base", "base", found, of, 1.0, 0.99)
    ends = [standing("slower")] * right + [standing("unresolved", reason="why")] * (of - right)
    row = row_of(trial, ends)
    assert (row.right, row.trials, row.kept) == (right, of, kept)
    assert row.said == ("unresolved: why",) * (of - right)
    assert selftesting.status((row,)) == (0 if kept else 1)


def test_what_is_only_shown_breaks_no_promise():
    """A trial without a promise is kept whatever it found."""
    assert row_of(Trial("t", "base", "base", found, 1, 1.0, None), [standing("unresolved")]).kept


def test_the_document_and_the_lines_say_the_same():
    """JSON has every row; a line has its counts."""
    row = row_of(TRIALS[0], [standing("equivalent")] * 12)
    document = json.loads(json.dumps(selftesting.as_json((row,)), allow_nan=False))
    assert document["schema"] == "perflab.selftest/1"
    assert document["rows"][0]["right"] == 12
    assert "12 of 12" in selftesting.line(row)
    assert "Every promise holds" in selftesting.conclusion((row,))


def test_every_truth_names_functions_that_are_there():
    """Base and head of every trial are functions of the module of spins."""
    for trial in TRIALS:
        assert callable(getattr(spins, trial.base))
        assert callable(getattr(spins, trial.head))


def test_failures_are_told_for_what_they_are():
    """A hang, a crash and a wrong answer, for real: each ends its duel with its own reason."""
    trials = tuple(trial for trial in TRIALS if trial.budget_s == 5.0)
    rows = list(examine(trials))
    assert [(row.right, row.trials) for row in rows] == [(1, 1)] * 3, rows
