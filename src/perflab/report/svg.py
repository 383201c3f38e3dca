"""A sheet as SVG: letters as outlines that are defined once, so that it looks the same without any font."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from perflab.report.figures import EM, letter, mark, places
from perflab.report.palette import PAPER
from perflab.report.sheet import Area, Line, Marks, Shape, Sheet, Text

_POINTS, _FINE = 72, 10
"""Units of the page to the inch, and of a letter's coordinates to a unit of its outline: they are whole numbers."""

_COMMANDS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}


def write(sheet: Sheet) -> str:
    """Standalone SVG, without a date: the same text each time."""
    shapes = list(sheet.shapes)
    width, height = (_short(length * _POINTS) for length in (sheet.width, sheet.height))
    letters = sorted({one for text in shapes if isinstance(text, Text) for one in _letters(text)})
    return "\n".join(
        (
            '<?xml version="1.0" encoding="utf-8"?>',
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" stroke-linejoin="round">',
            "<defs>",
            *(f'<path id="{_id(one)}" d="{_letter(one)}"/>' for one in letters),
            "</defs>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
            *(line for shape in shapes for line in _shape(shape)),
            "</svg>\n",
        )
    )


Letter = tuple[str, bool, bool]
"""A character, bold or not, italic or not."""


def _letters(text: Text) -> Iterable[Letter]:
    return ((one, text.bold, text.italic) for one in text.text if one != " ")


def _id(one: Letter) -> str:
    character, bold, italic = one
    return f"{'b' if bold else 'i' if italic else 'g'}{ord(character):x}"


@cache
def _letter(one: Letter) -> str:
    found = _segments(letter(*one))
    return "".join(command + " ".join(str(round(_FINE * end)) for end in ends) for command, ends in found)


def _segments(outline: Any) -> Iterator[tuple[str, Sequence[float]]]:
    """SVG's commands with their coordinates, x and y in turn."""
    for ends, code in outline.iter_segments(simplify=False):
        command = _COMMANDS[int(code)]
        yield command, () if command == "Z" else ends


def _shape(shape: Shape) -> Iterator[str]:
    if isinstance(shape, Line):
        yield from _line(shape)
    elif isinstance(shape, Area):
        yield _area(shape)
    elif isinstance(shape, Marks):
        yield from _marks(shape)
    else:
        yield _text(shape)


def _line(line: Line) -> Iterator[str]:
    broken = f' stroke-dasharray="{" ".join(map(_short, line.dashes))}"' if line.dashes else ""
    yield (
        f'<path d="{"".join(_through(stroke) for stroke in line.strokes)}" fill="none" stroke="{line.color}" '
        f'stroke-width="{_short(line.width)}"{broken}/>'
    )


def _through(spots: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_short(x * _POINTS)} {_short(y * _POINTS)}" for x, y in spots)


def _area(area: Area) -> str:
    return f'<path d="{_through(area.outline)}Z" fill="{area.color}"{_opacity(area.alpha)}/>'


def _marks(marks: Marks) -> Iterator[str]:
    edge = f' stroke="{marks.edge}" stroke-width="{_short(marks.width)}"' if marks.edge else ""
    yield f'<g fill="{marks.face}"{_opacity(marks.alpha)}{edge}>'
    yield "".join(_mark(marks, x * _POINTS, y * _POINTS) for x, y in marks.spots)
    yield "</g>"


def _mark(marks: Marks, x: float, y: float) -> str:
    if marks.shape == "o":
        return f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{_short(marks.size / 2)}"/>'
    found = "".join(
        command
        + " ".join(_short(y - end * marks.size if n % 2 else x + end * marks.size) for n, end in enumerate(ends))
        for command, ends in _segments(mark(marks.shape))
    )
    return f'<path d="{found}"/>'


def _text(text: Text) -> str:
    scale = text.size / EM / _FINE
    x, y = (_short(end * _POINTS) for end in text.spot)
    starts = zip(text.text, places(text.text, text.bold, text.italic), strict=False)
    uses = "".join(
        f'<use xlink:href="#{_id((one, text.bold, text.italic))}" x="{round(start * _FINE)}"/>'
        for one, start in starts
        if one != " "
    )
    return f'<g fill="{text.color}" transform="translate({x} {y}) scale({scale:.6f} {-scale:.6f})">{uses}</g>'


def _opacity(alpha: float) -> str:
    return "" if alpha == 1 else f' fill-opacity="{_short(alpha)}"'


def _short(number: float) -> str:
    """Hundredths are enough for any screen."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
