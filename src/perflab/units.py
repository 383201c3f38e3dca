"""Numbers with units, as people read them."""

from __future__ import annotations

import math

_SCALES = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
    "bytes": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
}


def three_digits(value: float) -> str:
    """Three significant digits without an exponent: 1.23, 45.6, 789, 12 300, 0.0000123."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 1000:
        return f"{rounded:,.0f}".replace(",", " ")
    return f"{rounded:.{2 - math.floor(math.log10(abs(rounded)))}f}"


def human(value: float, unit: str) -> str:
    """A value in the unit that suits its size: 1 234 567 ns is "1.23 ms", a factor "1.97×", a share "40 %"."""
    if unit in _SCALES:
        return _scaled(value, unit)
    if unit == "x":
        return f"{three_digits(value)}×"
    if unit == "share":
        return f"{_whole_or_three_digits(100 * value)} %"
    return f"{_whole_or_three_digits(value)} {unit}".rstrip()


def signed(value: float, unit: str) -> str:
    """A difference: "+1.20 ms", "-300 ns", and "0 ns" for none."""
    return f"{'+' if value > 0 else ''}{human(value, unit)}"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """From low to high, the unit said once where both share it: "1.90–2.01×", "900 ns – 1.20 µs", "-0.1 to 0.2 s"."""
    if low is None or high is None:
        return "–"
    first, last = human(low, unit), human(high, unit)
    if low < 0:
        return f"{first} to {last}"
    suffix = last.lstrip("0123456789. ")
    if suffix and first.endswith(suffix) and first[: -len(suffix)].strip("0123456789. ") == "":
        return f"{first[: -len(suffix)].rstrip()}–{last}"
    return f"{first} – {last}" if suffix else f"{first}–{last}"


def duration(seconds: float) -> str:
    """Whole seconds below two minutes, minutes and seconds above."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"


def _scaled(value: float, unit: str) -> str:
    # Compared after rounding, so that 999.7 ns is "1.00 µs" and never "1 000 ns".
    fitting = (pair for pair in _SCALES[unit] if abs(float(f"{value / pair[0]:.3g}")) >= 1)
    scale, name = next(fitting, _SCALES[unit][-1])
    return f"{_whole_or_three_digits(value) if name == 'B' else three_digits(value / scale)} {name}"


def _whole_or_three_digits(value: float) -> str:
    """A count below a thousand stays whole: 3, not 3.00."""
    nearest = round(value) if math.isfinite(value) else value
    return f"{nearest:.0f}" if abs(value) < 1000 and abs(value - nearest) < 1e-9 else three_digits(value)
