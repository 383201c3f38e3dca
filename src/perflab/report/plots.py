"""Draw a drawing, whatever its kind."""

from __future__ import annotations

from perflab.report import lines, strip
from perflab.report.content import Drawing
from perflab.report.figures import Sheet
from perflab.report.layout import blank


def draw(drawing: Drawing) -> Sheet:
    """The figure of a drawing; one of which nothing was measured has a title and says what is missing."""
    if all(estimate.value is None for estimate in drawing.estimates):
        return blank(drawing, 0.0)[0]
    return lines.draw(drawing) if drawing.figure.kind == "lines" else strip.draw(drawing)
