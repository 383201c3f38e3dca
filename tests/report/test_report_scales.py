"""Axes in numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.report.scales import axis_for, least_covered, levels, spread, stretch_within

POSITIVE = st.floats(1e-6, 1e15)


@given(st.lists(POSITIVE, min_size=1, max_size=30), st.sampled_from(["ns", "bytes", "x", "share", ""]), st.booleans())
def test_all_values_and_ticks_stand_on_the_axis(values: list[float], unit: str, log: bool) -> None:
    """Every value lies between 0 and 1, larger ones further; ticks are few, rising, and inside."""
    axis = axis_for(values, unit, log)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places) and places[0] > 0 and places[-1] < 1
    assert 1 <= len(axis.ticks) <= 8 and axis.ticks == sorted(set(axis.ticks))
    assert all(-1e-6 <= axis.at(tick) <= 1 + 1e-6 for tick in axis.ticks)


@pytest.mark.parametrize(
    ("values", "unit", "log", "labels"),
    [
        ((0.9, 2.1), "x", True, ["1×", "1.5×", "2×"]),
        ((1.0, 1500.0), "x", True, ["1×", "3×", "10×", "30×", "100×", "300×", "1 000×"]),
        ((25.0, 400_000.0), "ns", True, ["100 ns", "1 µs", "10 µs", "100 µs"]),
        ((2.0**20, 5 * 2.0**20), "bytes", False, ["1 MiB", "2 MiB", "3 MiB", "4 MiB", "5 MiB"]),
        ((0.0, 1.0), "share", False, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
        ((0.0, 100.0, 10_000.0), "ns", True, ["0 ns", "100 ns", "200 ns", "500 ns", "1 µs", "2 µs", "5 µs", "10 µs"]),
    ],
)
def test_ticks_are_round_in_the_unit_shown(values: tuple[float, ...], unit: str, log: bool, labels: list[str]) -> None:
    """Bytes in powers of 1024, times in decades, ratios in small factors, zero apart on a logarithmic axis."""
    axis = axis_for(values, unit, log)
    assert [axis.label(tick) for tick in axis.ticks] == labels


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20))
def test_spread_labels_keep_order_and_distance(wanted: list[float]) -> None:
    """At least the gap apart, in the order wanted, inside the ends where they fit."""
    gap = 0.5
    placed = spread(wanted, gap, 0.0, 10.0)
    in_order = [placed[index] for index in sorted(range(len(wanted)), key=lambda index: wanted[index])]
    assert all(b - a >= gap * 0.999 for a, b in itertools.pairwise(in_order))
    assert min(placed) >= gap / 2 - 1e-9 and max(placed) <= 10 - gap / 2 + 1e-9


def test_spread_leaves_alone_what_has_room() -> None:
    """A label that touches no other stands exactly where it is wanted."""
    assert spread([2.0, 8.0], 1.0, 0.0, 10.0) == [2.0, 8.0]


def test_labels_that_would_touch_stand_on_other_levels() -> None:
    """And those near an end are moved inside."""
    assert levels([(1.0, 2.0), (2.0, 2.0), (5.0, 2.0)], 0.0, 10.0) == [(1.0, 0), (2.0, 1), (5.0, 0)]
    assert levels([(9.9, 2.0)], 0.0, 10.0) == [(9.0, 0)]


@pytest.mark.parametrize(
    ("taken", "place"),
    [
        ([], 1.0),
        ([(5.0, 6.0)], 1.0),
        ([(0.0, 1.5)], 1.5),
        ([(0.0, 1.5), (2.0, 9.5)], 1.0),
        ([(0.0, 9.5)], 8.0),
        ([(0.0, 10.0)], 1.0),
        ([(0.0, 10.0), (1.0, 4.0)], 4.0),
    ],
)
def test_a_label_begins_where_it_covers_least(taken: list[tuple[float, float]], place: float) -> None:
    """At the first place, of a label 2 wide between 1 and 10, that what is taken leaves most free."""
    assert least_covered(2.0, 1.0, 10.0, taken) == place


def test_a_label_that_is_too_wide_begins_at_the_start() -> None:
    """There is nowhere better."""
    assert least_covered(20.0, 1.0, 10.0, [(1.0, 5.0)]) == 1.0


@pytest.mark.parametrize(
    ("end", "stretch"),
    [((4.0, 4.0), (1.0, 2.0)), ((4.0, 1.5), (8 / 3, 4.0)), ((4.0, 0.9), None), ((4.0, 0.0), None)],
)
def test_a_line_is_cut_where_it_enters_and_leaves(end: tuple[float, float], stretch: tuple[float, float]) -> None:
    """A straight line from the origin, between heights of 1 and 2, and the same seen from below."""
    for side in (1.0, -1.0):
        low, high = sorted((side * 1.0, side * 2.0))
        found = stretch_within((0.0, 0.0), (end[0], side * end[1]), low, high)
        assert found == (stretch and pytest.approx(stretch))


def test_a_level_line_is_within_or_not() -> None:
    """All of it or nothing."""
    assert stretch_within((0.0, 1.5), (3.0, 1.5), 1.0, 2.0) == (0.0, 3.0)
    assert stretch_within((0.0, 2.5), (3.0, 2.5), 1.0, 2.0) is None
