"""A strip: a row for each mark, grouped by series, with its value written at the right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perflab.model import Estimate, Mark
from perflab.report import palette, wording
from perflab.report.content import Drawing
from perflab.report.figures import SMALL, Sheet, text_width, wrapped
from perflab.report.layout import (
    BELOW,
    DASHED,
    GAP,
    LINE,
    MARGIN,
    ROW,
    WIDTH,
    Box,
    axis_words,
    blank,
    jitter,
    references,
    value_axis,
)
from perflab.report.palette import MUTED, PAPER, Look
from perflab.report.scales import Axis, levels

_LABELS, _NARROWEST = 2.5, 2.4
_NOTHING = Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a strip: a mark with its label in lines, or (without a mark) the name of a series."""

    label: tuple[str, ...]
    y: float
    mark: Mark | None = None
    estimate: Estimate = _NOTHING


def draw(drawing: Drawing) -> Sheet:
    """The strip; wider than usual where labels, values and intervals leave too little for the axis."""
    rows, height = _rows(drawing)
    values = [wording.value(row.estimate, drawing.unit, drawing.figure.estimand) if row.mark else "" for row in rows]
    spans = [wording.interval(row.estimate, drawing.unit) if row.estimate.values else "" for row in rows]
    left = MARGIN + max(text_width(line, bold=row.mark is None) for row in rows for line in row.label) + GAP
    value_width = max(text_width(value, bold=True) for value in values)
    right = 2.4 * GAP + value_width + max(text_width(span, SMALL) for span in spans) + MARGIN
    width = max(_NARROWEST, WIDTH - left - right)
    axis, sheet_width = value_axis(drawing), left + width + right
    labels = _reference_labels(drawing, axis, left, width, sheet_width)
    above = LINE * (1 + max((level for _, level in labels), default=-1))
    sheet, top = blank(drawing, above + height + BELOW, sheet_width)
    box = Box(left, top + above, width, height)
    _axis_below(sheet, box, axis, axis_words(drawing, axis))
    _draw_references(sheet, box, axis, drawing, labels)
    looks = dict(zip(drawing.figure.marks, palette.looks_of_rows(drawing.figure.marks), strict=True))
    for row, value, span in zip(rows, values, spans, strict=True):
        _draw_row(sheet, box, row, axis, looks)
        sheet.write(box.right + GAP + value_width, box.top + row.y, value, weight="bold", ha="right")
        sheet.write(box.right + 1.9 * GAP + value_width, box.top + row.y, span, SMALL, MUTED)
    return sheet


def _rows(drawing: Drawing) -> tuple[list[Row], float]:
    """Rows grouped by series, each at its inches from the top of the box, and the height of all."""
    pairs = list(zip(drawing.figure.marks, drawing.estimates, strict=True))
    series = list(dict.fromkeys(mark.series for mark, _ in pairs))
    titled = len(series) > 1 and not all(mark.series.lower() in mark.label.lower() for mark, _ in pairs)
    rows, y = [], 0.04
    for name in series:
        if titled and name:
            rows.append(Row(tuple(wrapped(name, _LABELS, bold=True)[:1]), y + ROW / 2))
            y += ROW
        elif rows:
            y += ROW / 3
        for mark, estimate in (pair for pair in pairs if pair[0].series == name):
            label = tuple(wrapped(mark.label or wording.case_words(mark.case), _LABELS))
            height = ROW + LINE * (len(label) - 1)
            rows.append(Row(label, y + height / 2, mark, estimate))
            y += height
    return rows, y + 0.04


def _draw_row(sheet: Sheet, box: Box, row: Row, axis: Axis, looks: Mapping[Mark, Look]) -> None:
    y = box.top + row.y
    for number, line in enumerate(row.label):
        weight = "normal" if row.mark else "bold"
        sheet.write(MARGIN, y + LINE * (number - (len(row.label) - 1) / 2), line, weight=weight)
    if row.mark is None:
        return
    if row.estimate.value is None:
        sheet.write(box.left + box.width / 2, y, "not measured", SMALL, MUTED, ha="center", style="italic")
        return
    look = looks[row.mark]
    shifts = jitter(len(row.estimate.values), 0.075)
    sheet.dots([box.left + box.width * axis.at(v) for v in row.estimate.values], [y + shift for shift in shifts], look)
    if row.estimate.low is not None and row.estimate.high is not None:
        ends = (box.left + box.width * axis.at(end) for end in (row.estimate.low, row.estimate.high))
        sheet.bar(*((x, y) for x in ends))
    sheet.median(box.left + box.width * axis.at(row.estimate.value), y, look)


def _reference_labels(
    drawing: Drawing, axis: Axis, left: float, width: float, sheet_width: float
) -> list[tuple[float, int]]:
    """The centre of each reference's label, and on which line above the box it stands."""
    wanted = [(left + width * axis.at(r.value), text_width(r.label, SMALL) + GAP) for r in references(drawing)]
    return levels(wanted, MARGIN, sheet_width - MARGIN)


def _draw_references(sheet: Sheet, box: Box, axis: Axis, drawing: Drawing, labels: list[tuple[float, int]]) -> None:
    for reference, (centre, level) in zip(references(drawing), labels, strict=True):
        x, y = box.left + box.width * axis.at(reference.value), box.top - LINE * (level + 0.5)
        sheet.rule((x, y + LINE / 2), (x, box.bottom), **DASHED)
        # On paper of its own: the line of a reference named one level higher passes behind it.
        paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
        sheet.write(centre, y, reference.label, SMALL, MUTED, ha="center", bbox=paper)


def _axis_below(sheet: Sheet, box: Box, axis: Axis, words: str) -> None:
    for tick in axis.ticks:
        x = box.left + box.width * axis.at(tick)
        sheet.rule((x, box.top), (x, box.bottom))
        sheet.write(x, box.bottom + 0.11, axis.label(tick), SMALL, MUTED, ha="center")
    said = wrapped(words, sheet.width - 2 * MARGIN, SMALL)[0]
    half = text_width(said, SMALL) / 2
    middle = min(max(box.left + box.width / 2, MARGIN + half), sheet.width - MARGIN - half)
    sheet.write(middle, box.bottom + 0.3, said, SMALL, MUTED, ha="center")
