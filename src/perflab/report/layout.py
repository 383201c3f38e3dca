"""What all figures have in common: the sheet with title, verdicts and notes, the axis of values, references."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from perflab.model import Estimand, Reference
from perflab.report import wording
from perflab.report.content import Drawing
from perflab.report.figures import SMALL, TITLE, Sheet, wrapped
from perflab.report.palette import MUTED
from perflab.report.scales import Axis, axis_for

WIDTH, MARGIN, GAP = 7.6, 0.16, 0.14
LINE, TITLE_LINE, ROW = 0.155, 0.21, 0.27
BELOW = 0.46
"""Inches, all of these; the last is the room for ticks and the name of an axis."""

_GOLDEN = 0.6180339887

NEUTRAL = {Estimand.RATIO: 1.0, Estimand.DIFFERENCE: 0.0}
"""Where the control stands."""

DASHED: dict[str, Any] = {"color": MUTED, "linestyle": (0, (3, 2)), "linewidth": 1.0}
"""How a reference is drawn."""

DOTTED: dict[str, Any] = {"color": MUTED, "linestyle": (0, (1, 2)), "linewidth": 1.0}
"""How a border along x is drawn."""


@dataclass(frozen=True, slots=True)
class Box:
    """The plotting area, in inches from the left and from above."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height


def blank(drawing: Drawing, body: float, width: float = WIDTH) -> tuple[Sheet, float]:
    """A sheet as high as its title, verdicts, body and notes need, and where its body begins."""
    room = WIDTH - 2 * MARGIN
    title = wrapped(drawing.figure.title, room, TITLE, bold=True)
    told = [f"{wording.SYMBOLS[v]} {name} {wording.word(v)}: {sentence}" for name, v, sentence in drawing.verdicts]
    verdicts = [line for text in told for line in wrapped(text, room)]
    notes = [line for text in drawing.notes for line in wrapped(text, room, SMALL)]
    under = MARGIN + TITLE_LINE * len(title)
    top = under + LINE * len(verdicts) + GAP
    sheet = Sheet(width, top + body + LINE * len(notes) + MARGIN)
    for number, line in enumerate(title):
        sheet.write(MARGIN, MARGIN + TITLE_LINE * (number + 0.5), line, TITLE, weight="bold")
    for number, line in enumerate(verdicts):
        sheet.write(MARGIN, under + LINE * (number + 0.6), line, color=MUTED)
    for number, line in enumerate(notes):
        sheet.write(MARGIN, top + body + LINE * (number + 0.5), line, SMALL, MUTED)
    return sheet, top


def references(drawing: Drawing) -> tuple[Reference, ...]:
    """The declared lines that can be placed, and the control's own where they leave it out."""
    measured = {mark.case: found.value for mark, found in zip(drawing.figure.marks, drawing.estimates, strict=False)}
    scaled = ((one, 1.0 if one.of is None else measured.get(one.of)) for one in drawing.figure.references)
    declared = tuple(replace(one, value=one.value * times) for one, times in scaled if times)
    neutral = NEUTRAL.get(drawing.figure.estimand)
    if neutral is None or any(reference.value == neutral for reference in declared):
        return declared
    return (Reference(neutral, "control"), *declared)


def value_axis(drawing: Drawing) -> Axis:
    """The axis that shows blocks, intervals, references, curves; a ratio's is always logarithmic, a share's never."""
    known = [v for e in drawing.estimates for v in (*e.values, e.value, e.low, e.high) if v is not None]
    known += [reference.value for reference in references(drawing)]
    known += [value for curve in drawing.figure.curves for _, value in curve.points]
    ratio, share = (drawing.figure.estimand is kind for kind in (Estimand.RATIO, Estimand.SHARE))
    return axis_for([*known, *((0.0, 1.0) if share else ())], drawing.unit, (drawing.figure.log or ratio) and not share)


def axis_words(drawing: Drawing, axis: Axis) -> str:
    """What the axis of values shows."""
    meaning = drawing.quantity.meaning or drawing.quantity.name.replace("_", " ")
    said = {
        Estimand.RATIO: f"{meaning}, as a multiple of the control's" if not drawing.quantity.inverse else meaning,
        Estimand.DIFFERENCE: f"{meaning}, minus the control's",
        Estimand.SHARE: f"share of blocks: {meaning}",
    }
    return said.get(drawing.figure.estimand, meaning) + (" (log scale)" if axis.log else "")


def jitter(count: int, reach: float) -> list[float]:
    """Offsets within ±reach that look random and are the same each time."""
    return [reach * (2 * ((number + 1) * _GOLDEN % 1) - 1) for number in range(count)]
