"""The only home of matplotlib: a sheet of paper in inches, measured text, and files whose bytes repeat.

What is drawn where is decided in :mod:`perflab.report.plots`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from perflab.report.palette import GRID, INK, PAPER, Look

TITLE, TEXT, SMALL = 11.5, 8.6, 7.8
"""Sizes of type, in points."""

_FONT = "DejaVu Sans"
"""Comes with matplotlib, so that text has the same width on every machine."""


class Sheet:
    """A sheet of ``width`` by ``height`` inches; x counts from the left and y from above, both in inches."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.canvas = Canvas(figsize=(width, height), facecolor=PAPER)
        self._axes = self.canvas.add_axes((0, 0, 1, 1), frame_on=False)
        self._axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])

    def write(self, x: float, y: float, text: str, size: float = TEXT, color: str = INK, **style: Any) -> None:
        """A line of text, centred on y, starting at x unless ``ha`` says otherwise; a dollar sign stays one."""
        self._axes.text(
            x, y, text, fontsize=size, color=color, parse_math=False, va="center_baseline", family=_FONT, **style
        )

    def rule(self, start: tuple[float, float], end: tuple[float, float], color: str = GRID, **style: Any) -> None:
        """A straight line."""
        self._axes.plot(*zip(start, end, strict=True), color=color, **{"linewidth": 0.8, "zorder": 1, **style})

    def curve(self, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
        """A line through points; dashed for a hollow look."""
        style = (0, (4, 2)) if look.hollow else "-"
        self._axes.plot(xs, ys, color=look.color, linewidth=1.7, linestyle=style, zorder=4)

    def path(self, xs: Sequence[float], ys: Sequence[float], **style: Any) -> None:
        """A thin line through points, behind all marks."""
        self._axes.plot(xs, ys, **{"linewidth": 0.8, "zorder": 1, **style})

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], look: Look) -> None:
        """The area between two curves."""
        self._axes.fill_between(xs, lows, highs, color=look.color, alpha=0.16, linewidth=0, zorder=2)

    def dots(self, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
        """Small translucent dots, one a block."""
        self._axes.scatter(xs, ys, s=11, color=look.color, alpha=0.45, linewidths=0, zorder=3)

    def median(self, x: float, y: float, look: Look) -> None:
        """The large mark, in ink's outline so that it is seen where its colour is pale."""
        face = PAPER if look.hollow else look.color
        edge, thick = (look.color, 1.6) if look.hollow else (INK, 0.7)
        self._axes.scatter(
            [x], [y], s=40, marker=look.marker, facecolor=face, edgecolor=edge, linewidths=thick, zorder=6
        )

    def bar(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """An interval with its ends marked across."""
        across = "|" if start[1] == end[1] else "_"
        self.rule(start, end, INK, linewidth=1.2, marker=across, markersize=6.5, zorder=5)


def svg(sheet: Sheet, salt: str) -> bytes:
    """Standalone SVG, without a date and with ids made from ``salt``: the same bytes each time."""
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": f"perflab {salt}", "svg.fonttype": "path"}):
        write: Callable[..., Any] = FigureCanvasSVG(sheet.canvas).print_svg
        write(stream, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return stream.getvalue()


def png(sheet: Sheet, dpi: int = 144) -> bytes:
    """PNG, without the name of the software that made it."""
    stream = io.BytesIO()
    sheet.canvas.set_dpi(dpi)
    write: Callable[..., Any] = FigureCanvasAgg(sheet.canvas).print_png
    # Unhinted text keeps the widths that the layout was made with; it and less packing take a fifth off the time.
    with matplotlib.rc_context({"text.hinting": "none"}):
        write(stream, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return stream.getvalue()


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = TEXT, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    font = FontProperties(family=_FONT, size=size, weight="bold" if bold else "normal")
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def wrapped(text: str, width: float, size: float = TEXT, bold: bool = False) -> list[str]:
    """Lines of at most ``width`` inches; a word too long for a line is cut."""
    lines = [""]
    for word in text.split():
        for piece in _pieces(word, width, size, bold):
            longer = f"{lines[-1]} {piece}".strip()
            if text_width(longer, size, bold) <= width:
                lines[-1] = longer
            else:
                lines.append(piece)
    return [line for line in lines if line] or [""]


def _pieces(word: str, width: float, size: float, bold: bool) -> list[str]:
    if text_width(word, size, bold) <= width or len(word) < 2:
        return [word]
    half = len(word) // 2
    return [*_pieces(word[:half], width, size, bold), *_pieces(word[half:], width, size, bold)]
