"""A sheet of paper in inches on which shapes are noted down; SVG and PNG are both written from these notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from perflab.report.figures import TEXT, text_width
from perflab.report.palette import GRID, INK, PAPER, Look

Spot = tuple[float, float]
"""x from the left and y from above, in inches."""

_ASCENT, _DESCENT, _PAD = 0.76, 0.24, 0.011
"""Of a line of text, in sizes of type; and what its own paper is wider on each side, in inches."""

_DOT, _MEDIAN, _ACROSS = 11**0.5, 40**0.5, 6.5
"""Diameters of a block's dot and of a median's mark, and the length of what closes an interval, in points."""


@dataclass(frozen=True, slots=True)
class Line:
    """Strokes through points, each of its own; ``width`` and ``dashes`` (on, off) are in points."""

    strokes: tuple[tuple[Spot, ...], ...]
    color: str
    width: float
    dashes: tuple[float, ...] = ()
    over: int = 1


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon."""

    outline: tuple[Spot, ...]
    color: str
    alpha: float = 1.0
    over: int = 2


@dataclass(frozen=True, slots=True)
class Marks:
    """The same shape at several spots; ``size`` in points. An empty ``edge`` is no outline."""

    spots: tuple[Spot, ...]
    shape: str
    size: float
    face: str
    alpha: float = 1.0
    edge: str = ""
    width: float = 0.0
    over: int = 3


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text whose baseline begins at ``spot``."""

    spot: Spot
    text: str
    size: float
    color: str
    bold: bool = False
    italic: bool = False
    over: int = 3

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of its line, in inches."""
        (x, y), inch = self.spot, self.size / 72
        return x, y - _ASCENT * inch, x + text_width(self.text, self.size, self.bold), y + _DESCENT * inch


Shape = Line | Area | Marks | Text


class Sheet:
    """A sheet of ``width`` by ``height`` inches; x counts from the left and y from above, both in inches."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._shapes: list[Shape] = []

    @property
    def shapes(self) -> Iterator[Shape]:
        """What is on it, from the lowest layer to the topmost, within a layer in the order of drawing."""
        return iter(sorted(self._shapes, key=attrgetter("over")))

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float = TEXT,
        color: str = INK,
        *,
        ha: str = "left",
        bold: bool = False,
        italic: bool = False,
        paper: bool = False,
    ) -> None:
        """A line of text, centred on y, starting at x unless ``ha`` says otherwise; on paper of its own if asked."""
        back = {"left": 0.0, "center": 0.5, "right": 1.0}[ha] * text_width(text, size, bold)
        found = Text((x - back, y + _ASCENT / 2 * size / 72), text, size, color, bold, italic)
        if paper:
            left, top, right, bottom = found.edges
            left, top, right, bottom = left - _PAD, top - _PAD, right + _PAD, bottom + _PAD
            self._shapes.append(Area(((left, top), (right, top), (right, bottom), (left, bottom)), PAPER, over=3))
        self._shapes.append(found)

    def rule(
        self, start: Spot, end: Spot, color: str = GRID, *, width: float = 0.8, dashes: tuple[float, ...] = ()
    ) -> None:
        """A straight line behind all marks."""
        self._shapes.append(Line(((start, end),), color, width, dashes))

    def path(
        self, xs: Sequence[float], ys: Sequence[float], color: str, width: float, dashes: tuple[float, ...]
    ) -> None:
        """A line through points, behind all marks."""
        self._shapes.append(Line((_spots(xs, ys),), color, width, dashes))

    def curve(self, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
        """A line through points; dashed for a hollow look."""
        self._shapes.append(Line((_spots(xs, ys),), look.color, 1.7, (6.8, 3.4) if look.hollow else (), over=4))

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], look: Look) -> None:
        """The area between two curves."""
        if len(xs) > 1:
            self._shapes.append(Area((*_spots(xs, lows), *reversed(_spots(xs, highs))), look.color, 0.16))

    def dots(self, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
        """Small translucent dots, one a block."""
        if xs:
            self._shapes.append(Marks(_spots(xs, ys), "o", _DOT, look.color, 0.45))

    def median(self, x: float, y: float, look: Look) -> None:
        """The large mark, in ink's outline so that it is seen where its colour is pale."""
        face = PAPER if look.hollow else look.color
        edge, thick = (look.color, 1.6) if look.hollow else (INK, 0.7)
        self._shapes.append(Marks(((x, y),), look.marker, _MEDIAN, face, 1.0, edge, thick, over=6))

    def bar(self, start: Spot, end: Spot) -> None:
        """An interval with its ends marked across."""
        half = _ACROSS / 2 / 72
        dx, dy = (0.0, half) if start[1] == end[1] else (half, 0.0)
        across = tuple(((x - dx, y - dy), (x + dx, y + dy)) for x, y in (start, end))
        self._shapes.append(Line(((start, end), *across), INK, 1.2, over=5))


def _spots(xs: Sequence[float], ys: Sequence[float]) -> tuple[Spot, ...]:
    return tuple(zip(xs, ys, strict=True))
