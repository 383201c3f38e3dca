"""Lines: value against x, a curve for each series, named where it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from perflab.model import Curve, Estimate, Mark
from perflab.report import palette, wording
from perflab.report.content import Drawing
from perflab.report.figures import SMALL, Sheet, text_width, wrapped
from perflab.report.layout import (
    BELOW,
    DASHED,
    DOTTED,
    GAP,
    LINE,
    MARGIN,
    WIDTH,
    Box,
    axis_words,
    blank,
    jitter,
    references,
    value_axis,
)
from perflab.report.palette import MUTED, Look
from perflab.report.scales import Axis, axis_for, least_covered, levels, spread, stretch_within

_PLOT, _LEGEND = 2.9, 1.9
_MARK = 0.09
"""How far a mark reaches from its middle, in inches."""


@dataclass(frozen=True, slots=True)
class Point:
    """A mark of a lines figure: where it stands on the x axis (0 to 1), and what was measured."""

    x: float
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Border:
    """An upright line at a place of the x axis, in inches, and where above the box its name stands."""

    label: str
    x: float
    centre: float
    level: int


def draw(drawing: Drawing) -> Sheet:
    """The curves; higher than usual where many series have to be named."""
    axis, across = value_axis(drawing), _x_axis(drawing)
    series = _series(drawing, across)
    labels = {name: _legend(name, points, drawing) for name, points in series.items()}
    labels |= {curve.label: wrapped(curve.label, _LEGEND) for curve in drawing.figure.curves}
    lines = max((len(label) for label in labels.values()), default=1)
    gap = LINE * lines + 0.05
    height = max(_PLOT, gap * len(labels))
    words = wrapped(axis_words(drawing, axis), WIDTH - 2 * MARGIN, SMALL)
    left = MARGIN + max(text_width(axis.label(tick), SMALL) for tick in axis.ticks) + 0.08
    legend = max((text_width(line) for label in labels.values() for line in label), default=0.0)
    width = WIDTH - left - legend - 0.62 - MARGIN
    borders = _borders(drawing, across, left, width)
    above = LINE * (len(words) + 1 + max((one.level for one in borders), default=-1)) + 0.05
    sheet, top = blank(drawing, above + height + BELOW)
    box = Box(left, top + above, width, height)
    for number, line in enumerate(words):
        sheet.write(MARGIN, top + LINE * (number + 0.3), line, SMALL, MUTED)
    _frame(sheet, box, axis, across, drawing)
    _draw_borders(sheet, box, borders)
    _draw_references(sheet, box, axis, drawing, series.values())
    looks = palette.looks_of_series(drawing.figure.marks)
    ends = [_draw_curve(sheet, box, points, axis, looks[name]) for name, points in series.items()]
    ends += [_draw_law(sheet, box, curve, axis, across) for curve in drawing.figure.curves]
    placed = spread([y for _, y in ends], gap, box.top, box.bottom)
    for name, end, y in zip(labels, ends, placed, strict=True):
        sheet.rule((end[0] + 0.09, end[1]), (box.right + 0.26, y), MUTED, linewidth=0.6)
        _name(sheet, box.right + 0.36, y, labels[name], looks[name] if name in series else None)
    return sheet


def _name(sheet: Sheet, x: float, y: float, label: list[str], look: Look | None) -> None:
    """A curve's name beside its mark, or beside a piece of broken line where it is only declared."""
    if look is None:
        sheet.rule((x - 0.08, y), (x + 0.08, y), **DASHED)
    else:
        sheet.median(x, y, look)
    for number, line in enumerate(label):
        sheet.write(x + 0.12, y + LINE * (number - (len(label) - 1) / 2), line)


def _legend(name: str, points: list[Point], drawing: Drawing) -> list[str]:
    """The series and its value at the end of its curve, in lines."""
    last = wording.value(points[-1].estimate, drawing.unit, drawing.figure.estimand)
    return [*wrapped(name, _LEGEND), last]


def _x_axis(drawing: Drawing) -> Axis:
    placed = (pair for pair in enumerate(drawing.figure.marks) if pair[1].x is not None or not drawing.figure.across)
    xs = [_x(mark, number) for number, mark in placed]
    xs += [x for curve in drawing.figure.curves for x, _ in curve.points]
    unit = drawing.x_unit or ("bytes" if "byte" in drawing.figure.x_label.lower() else "")
    return axis_for(xs, unit, log=min(xs) > 0 and max(xs) / min(xs) >= 8)


def _x(mark: Mark, number: int) -> float:
    return float(number) if mark.x is None else mark.x


def _series(drawing: Drawing, across: Axis) -> dict[str, list[Point]]:
    """The measured points of each series, by x where that is declared; one without any is left to the notes."""
    found: dict[str, list[tuple[float, Estimate]]] = {}
    for number, (mark, estimate) in enumerate(zip(drawing.figure.marks, drawing.estimates, strict=True)):
        if estimate.value is not None:
            found.setdefault(palette.series_of(mark), []).append((_x(mark, number), estimate))
    if not drawing.figure.across:
        found = {name: sorted(pairs, key=lambda pair: pair[0]) for name, pairs in found.items()}
    return {name: [Point(across.at(x), estimate) for x, estimate in pairs] for name, pairs in found.items()}


def _frame(sheet: Sheet, box: Box, axis: Axis, across: Axis, drawing: Drawing) -> None:
    for tick in axis.ticks:
        y = box.bottom - box.height * axis.at(tick)
        sheet.rule((box.left, y), (box.right, y))
        sheet.write(box.left - 0.07, y, axis.label(tick), SMALL, MUTED, ha="right")
    free = -1.0
    for tick in _x_ticks(drawing, across):
        x, label = box.left + box.width * across.at(tick), across.label(tick)
        half = text_width(label, SMALL) / 2 + 0.04
        sheet.rule((x, box.bottom), (x, box.bottom + 0.04), MUTED)
        if x - half > free:
            sheet.write(x, box.bottom + 0.13, label, SMALL, MUTED, ha="center")
            free = x + half
    sheet.write(box.left + box.width / 2, box.bottom + 0.32, drawing.figure.x_label, SMALL, MUTED, ha="center")


def _borders(drawing: Drawing, across: Axis, left: float, width: float) -> list[Border]:
    """Those of the drawing's borders that lie on the axis, with room for their names side by side or in levels."""
    inside = [(name, at) for name, at in drawing.borders if 0 <= across.at(at) <= 1]
    shown = [(f"{name} {across.label(at)}", left + width * across.at(at)) for name, at in inside]
    wanted = [(x, text_width(label, SMALL) + GAP) for label, x in shown]
    placed = levels(wanted, MARGIN, WIDTH - MARGIN)
    return [Border(label, x, *place) for (label, x), place in zip(shown, placed, strict=True)]


def _draw_borders(sheet: Sheet, box: Box, borders: list[Border]) -> None:
    for one in borders:
        y = box.top - LINE * (one.level + 0.5)
        sheet.rule((one.x, y + LINE / 2), (one.x, box.bottom), **DOTTED)
        sheet.write(one.centre, y, one.label, SMALL, MUTED, ha="center")


def _draw_references(sheet: Sheet, box: Box, axis: Axis, drawing: Drawing, series: Iterable[list[Point]]) -> None:
    """A broken line for each, named above it where the fewest marks and curves are in the way."""
    heights = [_height(box, axis, reference.value) for reference in references(drawing)]
    placed = spread([y - LINE / 2 for y in heights], LINE, box.top, box.bottom)
    shown = list(series)
    for reference, y, label_y in zip(references(drawing), heights, placed, strict=True):
        sheet.rule((box.left, y), (box.right, y), **DASHED)
        taken = [each for points in shown for each in _taken(box, axis, points, label_y)]
        x = least_covered(text_width(reference.label, SMALL), box.left + 0.05, box.right - 0.05, taken)
        sheet.write(x, label_y, reference.label, SMALL, MUTED)


def _taken(box: Box, axis: Axis, points: list[Point], y: float) -> Iterator[tuple[float, float]]:
    """The stretches of a line of text at that height over which marks (thrice, as they hide more) or the curve lie."""
    top, bottom = y - LINE / 2, y + LINE / 2
    before = None
    for point in points:
        known = (*point.estimate.values, point.estimate.value, point.estimate.low, point.estimate.high)
        x, ys = box.left + box.width * point.x, [_height(box, axis, v) for v in known if v is not None]
        if min(ys) - _MARK <= bottom and max(ys) + _MARK >= top:
            yield from 3 * [(x - _MARK, x + _MARK)]
        here = (x, _height(box, axis, point.estimate.value))
        if before and before[0] < x and (over := stretch_within(before, here, top, bottom)):
            yield over
        before = here


def _x_ticks(drawing: Drawing, across: Axis) -> list[float]:
    """Where the marks stand, if they are few and their places were declared; otherwise round values."""
    own = sorted({_x(mark, number) for number, mark in enumerate(drawing.figure.marks)})
    return own if len(own) <= 10 and not drawing.figure.across else across.ticks


def _draw_curve(sheet: Sheet, box: Box, points: list[Point], axis: Axis, look: Look) -> tuple[float, float]:
    """Draws one series; where its curve ends, in inches."""
    xs = [box.left + box.width * point.x for point in points]
    ys = [_height(box, axis, point.estimate.value) for point in points]
    sheet.curve(xs, ys, look)
    found = ((x, point.estimate.low, point.estimate.high) for x, point in zip(xs, points, strict=True))
    sure = [(x, _height(box, axis, low), _height(box, axis, high)) for x, low, high in found if low is not None]
    sheet.band([x for x, _, _ in sure], [low for _, low, _ in sure], [high for _, _, high in sure], look)
    for x, low, high in sure:
        sheet.bar((x, low), (x, high))
    for x, y, point in zip(xs, ys, points, strict=True):
        shifts = jitter(len(point.estimate.values), 0.06)
        sheet.dots([x + s for s in shifts], [_height(box, axis, v) for v in point.estimate.values], look)
        sheet.median(x, y, look)
    return xs[-1], ys[-1]


def _draw_law(sheet: Sheet, box: Box, curve: Curve, axis: Axis, across: Axis) -> tuple[float, float]:
    """Draws a declared curve; where it ends, in inches."""
    xs = [box.left + box.width * across.at(x) for x, _ in curve.points]
    ys = [_height(box, axis, value) for _, value in curve.points]
    sheet.path(xs, ys, **DASHED)
    return xs[-1], ys[-1]


def _height(box: Box, axis: Axis, value: float | None) -> float:
    return box.bottom - box.height * axis.at(value or 0.0)
