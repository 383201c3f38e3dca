"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.234, "1.23"),
        (45.67, "45.7"),
        (789, "789"),
        (999.6, "1 000"),
        (12345, "12 300"),
        (-1.5, "-1.50"),
        (0.0123, "0.0123"),
        (0.0000123, "0.0000123"),
        (9.999, "10.0"),
        (1e9, "1 000 000 000"),
    ],
)
def test_three_digits(value: float, text: str) -> None:
    """Three significant digits, no exponent, thousands apart."""
    assert units.three_digits(value) == text


@given(st.floats(1e-9, 1e15).flatmap(lambda x: st.sampled_from([x, -x])))
def test_three_digits_are_right_to_half_a_percent(value: float) -> None:
    """What is shown can be read back, to the precision it promises, and never has an exponent."""
    text = units.three_digits(value)
    assert "e" not in text
    assert math.isclose(float(text.replace(" ", "")), value, rel_tol=0.00501)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1_234_567, "ns", "1.23 ms"),
        (12, "ns", "12.0 ns"),
        (0.5, "ns", "0.500 ns"),
        (999.7, "ns", "1.00 µs"),
        (-2.5e9, "ns", "-2.50 s"),
        (3 * 2**20, "bytes", "3.00 MiB"),
        (512, "bytes", "512 B"),
        (5 * 2**40, "bytes", "5 120 GiB"),
        (1.97, "x", "1.97×"),
        (0.4, "share", "40 %"),
        (0.123, "share", "12.3 %"),
        (3, "updates", "3 updates"),
        (2.5, "updates", "2.50 updates"),
        (2.5, "", "2.50"),
    ],
)
def test_human_chooses_the_unit_that_suits_the_size(value: float, unit: str, text: str) -> None:
    """Times and bytes are scaled, factors and shares marked, counts stay whole."""
    assert units.human(value, unit) == text


def test_signed_marks_what_is_more() -> None:
    """A difference says its direction; none has no sign."""
    assert [units.signed(value, "ns") for value in (1_200_000, -300, 0)] == ["+1.20 ms", "-300 ns", "0 ns"]


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (1.9, 2.01, "x", "1.90–2.01×"),
        (900, 1200, "ns", "900 ns – 1.20 µs"),
        (-0.1e9, 0.2e9, "ns", "-100 ms to 200 ms"),
        (None, 1.0, "x", "–"),
        (1.0, None, "x", "–"),
    ],
)
def test_interval_says_a_shared_unit_once(low: float | None, high: float | None, unit: str, text: str) -> None:
    """Two ends with one unit share it, a negative end is joined by a word, nothing is a dash."""
    assert units.interval(low, high, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119.4, "119 s"), (120, "2 min 00 s"), (3725, "62 min 05 s")]
)
def test_duration(seconds: float, text: str) -> None:
    """Whole seconds below two minutes, then minutes."""
    assert units.duration(seconds) == text
