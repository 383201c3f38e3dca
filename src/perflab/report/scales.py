"""Axes in numbers: where a value stands, round ticks, and labels placed without overlap. Nothing is drawn here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perflab import units

_MOST_TICKS = 7
_SUBDIVISIONS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,))
_ZERO_AT = 0.03
"""Where zero stands on a logarithmic axis that has to show one: apart, before its lowest value."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A stretch from ``low`` (at 0) to ``high`` (at 1); ``zero`` says that a logarithmic one keeps room for zero."""

    low: float
    high: float
    unit: str
    log: bool = False
    zero: bool = False

    def at(self, value: float) -> float:
        """Where a value stands, as a fraction of the axis."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return _ZERO_AT
        start = 2 * _ZERO_AT if self.zero else 0.0
        return start + (1 - start) * math.log(value / self.low) / math.log(self.high / self.low)

    @property
    def ticks(self) -> list[float]:
        """At most eight round values, and at least two."""
        zero = [0.0] if self.zero and self.log else []
        if self.log and self.high / self.low > 3:
            return zero + (_powers_of_two if self.unit == "bytes" else _decades)(self.low, self.high)
        return zero + _evenly(self.low, self.high, _divisor(self.high, self.unit))

    def label(self, tick: float) -> str:
        """The value in human units without trailing zeros: "1 ms", "1.5×"."""
        text = re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", units.human(tick, self.unit))
        return text.replace(".×", "×").replace(". ", " ").rstrip(".")


def axis_for(values: Iterable[float], unit: str, log: bool) -> Axis:
    """An axis that shows all values with a margin; linear where a value is negative or none is above zero."""
    known = [value for value in values if math.isfinite(value)] or [1.0]
    positive = [value for value in known if value > 0]
    if log and positive and min(known) >= 0:
        low, high = min(positive) / 1.04, max(positive) * 1.04
        margin = (high / low) ** 0.05
        return Axis(low / margin, high * margin, unit, True, zero=min(known) == 0)
    low, high = min(known), max(known)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - margin, high + margin, unit)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, in their order, at least ``gap`` apart and between the ends where they fit.

    Neighbours that would touch share a pile, centred where its members want to be.
    """
    piles: list[list[int]] = []
    for index in sorted(range(len(wanted)), key=lambda index: wanted[index]):
        piles.append([index])
        while len(piles) > 1 and _start(piles[-1], wanted, gap, low, high) < _end(piles[-2], wanted, gap, low, high):
            last = piles.pop()
            piles[-1] += last
    placed = [0.0] * len(wanted)
    for pile in piles:
        start = _start(pile, wanted, gap, low, high) + gap / 2
        for step, index in enumerate(pile):
            placed[index] = start + step * gap
    return placed


def least_covered(width: float, low: float, high: float, taken: Sequence[tuple[float, float]]) -> float:
    """Where a label of that width begins, between the ends, to cover least of what is taken; the first such place."""
    last = max(low, high - width)
    edges = [edge for left, right in taken for edge in (right, left - width)]
    places = sorted({low, last, *(edge for edge in edges if low <= edge <= last)})

    def covered(place: float) -> float:
        return sum(max(0.0, min(place + width, right) - max(place, left)) for left, right in taken)

    return min(places, key=lambda place: (round(covered(place), 6), place))


def stretch_within(
    start: tuple[float, float], end: tuple[float, float], low: float, high: float
) -> tuple[float, float] | None:
    """From which x to which a straight line from a point rightwards to another has its y between two bounds."""
    (x, y), (to_x, to_y) = start, end
    if y == to_y:
        return (x, to_x) if low <= y <= high else None
    first, last = sorted((bound - y) / (to_y - y) for bound in (low, high))
    first, last = max(first, 0.0), min(last, 1.0)
    return (x + first * (to_x - x), x + last * (to_x - x)) if first <= last else None


def levels(wanted: Sequence[tuple[float, float]], low: float, high: float) -> list[tuple[float, int]]:
    """For labels as (centre, width): the centre moved to fit between the ends, and the lowest free level of each."""
    taken: list[tuple[float, float, int]] = []
    placed = []
    for centre, width in wanted:
        middle = max(low + width / 2, min(high - width / 2, centre))
        left, right = middle - width / 2, middle + width / 2
        crossed = {level for start, end, level in taken if start < right and left < end}
        level = next(number for number in range(len(taken) + 1) if number not in crossed)
        taken.append((left, right, level))
        placed.append((middle, level))
    return placed


def _start(pile: list[int], wanted: Sequence[float], gap: float, low: float, high: float) -> float:
    centre = sum(wanted[index] for index in pile) / len(pile)
    return max(low, min(high - gap * len(pile), centre - gap * len(pile) / 2))


def _end(pile: list[int], wanted: Sequence[float], gap: float, low: float, high: float) -> float:
    return _start(pile, wanted, gap, low, high) + gap * len(pile) * (1 - 1e-9)


def _decades(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for subdivision in _SUBDIVISIONS:
        found = [10.0**e * s for e in exponents for s in subdivision if low <= 10.0**e * s <= high]
        if len(found) <= _MOST_TICKS:
            return found
    return _thinned([10.0**e for e in exponents if low <= 10.0**e <= high])


def _powers_of_two(low: float, high: float) -> list[float]:
    return _thinned([2.0**e for e in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)])


def _thinned(values: list[float]) -> list[float]:
    return values[:: math.ceil(len(values) / _MOST_TICKS)]


def _evenly(low: float, high: float, divisor: float) -> list[float]:
    raw = (high - low) / divisor / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= raw * 0.999)
    first, last = math.ceil(low / divisor / step - 1e-9), math.floor(high / divisor / step + 1e-9)
    return [float(f"{number * step:.10g}") * divisor for number in range(first, last + 1)]


def _divisor(high: float, unit: str) -> float:
    """Bytes are counted in powers of 1024, so round values are those of the shown unit."""
    return 1024.0 ** min(3, math.floor(math.log(high, 1024))) if unit == "bytes" and high > 1 else 1.0
