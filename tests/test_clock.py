"""The lab's clock and its fake."""

from __future__ import annotations

import pytest

from perflab.clock import FakeClock, monotonic_ns


def test_the_fake_clock_moves_only_when_told() -> None:
    """Reading does not advance it; advancing adds up."""
    clock = FakeClock(5)
    assert (clock(), clock()) == (5, 5)
    clock.advance(7)
    clock.advance(0)
    assert clock() == 12


def test_the_fake_clock_refuses_to_go_back() -> None:
    """The error says by how much and what to do, and the time stands."""
    clock = FakeClock(5)
    with pytest.raises(ValueError, match="cannot go back by 3 ns"):
        clock.advance(-3)
    assert clock() == 5


def test_the_real_clock_counts_whole_nanoseconds_and_never_goes_back() -> None:
    """A thousand readings ascend, and are integers."""
    readings = [monotonic_ns() for _ in range(1000)]
    assert readings == sorted(readings)
    assert all(type(reading) is int for reading in readings)
