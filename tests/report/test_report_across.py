"""Figures whose marks are placed by what was measured: where they stand, in which order, and which are missing."""

from __future__ import annotations

from itertools import pairwise

from perflab import verdict
from perflab.model import Arm, Case, Design, Estimand, Experiment, Figure, Group, Mark, Quantity
from perflab.report import plots
from perflab.report.compose import compose
from perflab.report.content import Drawing
from perflab.report.estimates import estimator
from perflab.testing import merged_blocks, scripted_blocks, scripted_run

NAMES = ("first", "second", "third", "untimed")
CASES = {name: Case(strategy=name) for name in NAMES}
TIMES = {"first": 3e6, "second": 1e6, "third": 2e6}
ERRORS = {"first": 1.0, "second": 2.0, "third": 3.0, "untimed": 4.0}
QUANTITIES = (Quantity("error", "ulp", "the error"), Quantity("wall_ns", "ns", "the time"))


def drawing() -> Drawing:
    """Errors by times, four cases of one series, of which one has an error but no time."""
    marks = tuple(Mark(case, name, None, "ways") for name, case in CASES.items())
    figure = Figure("trade", "Error by time", "lines", "error", Estimand.LEVEL, marks, x_label="time", across="wall_ns")
    design = Design((Group("one", tuple(Arm(case) for case in CASES.values())),), figures=(figure,))
    experiments = {"trade": Experiment("trade", "?", lambda settings: design, quantities=QUANTITIES)}
    times = scripted_blocks("trade", {CASES[name]: [ns] * 6 for name, ns in TIMES.items()}, "wall_ns")
    errors = scripted_blocks("trade", {CASES[name]: [ulps] * 6 for name, ulps in ERRORS.items()}, "error")
    run = scripted_run(merged_blocks(times, errors), "quick", ["trade"])
    analysis = verdict.analyse(run, experiments)
    (section,) = compose(analysis, estimator(analysis, experiments), experiments).sections
    return section.drawings[0]


def test_marks_stand_where_they_were_measured() -> None:
    """At the median of the other quantity, in its unit; one without it is told missing."""
    found = drawing()
    assert [mark.x for mark in found.figure.marks] == [3e6, 1e6, 2e6, None]
    assert [one.value for one in found.estimates] == [1.0, 2.0, 3.0, None]
    assert found.notes == ("Missing: ways, untimed (no wall_ns)",)
    assert any("ms" in text.get_text() for text in plots.draw(found).canvas.axes[0].texts)


def test_marks_are_joined_in_the_order_in_which_they_are_declared() -> None:
    """The curve goes left and then right again: it is a path, and no function of x."""
    lines = [line.get_xdata() for line in plots.draw(drawing()).canvas.axes[0].get_lines()]
    (path,) = [xs for xs in lines if len(xs) == 3]
    assert [later > earlier for earlier, later in pairwise(path)] == [False, True]
