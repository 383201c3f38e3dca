"""Numbers with units, as people read them."""

from __future__ import annotations

_SCALES = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
    "bytes": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
}


def three_digits(value: float) -> str:
    """Three significant digits without an exponent: 1.23, 45.6, 789, 12 300."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 1000:
        return f"{rounded:,.0f}".replace(",", " ")
    return f"{rounded:#.3g}".rstrip(".")


def human(value: float, unit: str) -> str:
    """A value in the unit that suits its size: 1 234 567 ns is "1.23 ms", a factor "1.97×", a share "40 %"."""
    if unit in _SCALES:
        for scale, name in _SCALES[unit]:
            if abs(value) >= scale or scale == 1.0:
                return f"{three_digits(value / scale)} {name}"
    if unit == "x":
        return f"{three_digits(value)}×"
    if unit == "share":
        return f"{three_digits(100 * value)} %"
    return f"{three_digits(value)} {unit}".rstrip()


def duration(seconds: float) -> str:
    """Whole seconds below two minutes, minutes and seconds above."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"
