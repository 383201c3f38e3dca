"""The only home of matplotlib: how wide text is, the outlines of letters and marks, and a sheet as PNG.

Texts are set letter by letter from outlines that are loaded once, since asking FreeType for every line of every
figure, once for its place and once for each format, took most of the time of a report.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colors
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from perflab.report.palette import PAPER

if TYPE_CHECKING:
    from perflab.report.sheet import Area, Line, Marks, Sheet, Text

TITLE, TEXT, SMALL = 11.5, 8.6, 7.8
"""Sizes of type, in points."""

EM = 100.0
"""Units of an outline to the size of the type."""

_FONT = "DejaVu Sans"
"""Comes with matplotlib, so that text has the same width on every machine."""

_UNKNOWN = "\ufffd"
"""Stands for a letter that the font does not have."""


@cache
def _properties(bold: bool, italic: bool) -> FontProperties:
    return FontProperties(
        family=_FONT, size=EM, weight="bold" if bold else "normal", style="italic" if italic else "normal"
    )


def _font(bold: bool, italic: bool) -> Any:
    font = get_font(findfont(_properties(bold, italic)))
    font.set_size(EM, 72)
    return font


@cache
def letter(character: str, bold: bool = False, italic: bool = False) -> Outline:
    """Its outline: EM units to the size of the type, y upwards from the baseline; empty for a space."""
    known = character if _font(bold, italic).get_char_index(ord(character)) else _UNKNOWN
    vertices, codes = text_to_path.get_text_path(_properties(bold, italic), known)
    return Outline(np.reshape(np.asarray(vertices, float), (-1, 2)), codes if len(codes) else None)


@cache
def _step(character: str, following: str, bold: bool, italic: bool) -> float:
    """From the start of a letter to that of the next, kerning included, in units of an outline."""
    font = _font(bold, italic)
    pair = [one if font.get_char_index(ord(one)) else _UNKNOWN for one in (character, following)]
    for after in (pair[1], " "):  # a pair that the font joins to one letter has no second place
        places = text_to_path.get_glyphs_with_font(font, pair[0] + after)[0]
        if len(places) == 2:
            return float(places[1][1])
    return 0.0


def places(text: str, bold: bool = False, italic: bool = False) -> list[float]:
    """Where each letter of a line begins, and last where the line ends, in units of an outline."""
    x, found = 0.0, [0.0]
    for character, following in zip(text, f"{text[1:]} ", strict=False):
        x += _step(character, following, bold, italic)
        found.append(x)
    return found


@lru_cache(maxsize=8192)
def text_width(text: str, size: float = TEXT, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    return places(text, bold)[-1] * size / EM / 72


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


@cache
def mark(shape: str) -> Outline:
    """The outline of a mark, one unit wide round its centre."""
    style = MarkerStyle(shape)
    return style.get_transform().transform_path(style.get_path())


def png(sheet: Sheet, dpi: int = 144) -> bytes:
    """PNG, without the name of the software that made it."""
    from PIL import Image  # comes with matplotlib, which writes by it too, at twice the copies

    from perflab.report import sheet as shapes

    new: Callable[..., Any] = RendererAgg
    renderer = new(round(sheet.width * dpi), round(sheet.height * dpi), dpi)
    paint: dict[type, Callable[..., None]] = {
        shapes.Line: _line,
        shapes.Area: _area,
        shapes.Marks: _marks,
        shapes.Text: _text,
    }
    inches = Affine2D.from_values(dpi, 0, 0, -dpi, 0, renderer.height)
    everywhere = Affine2D().scale(renderer.width, renderer.height)
    renderer.draw_path(_pen(renderer), Outline.unit_rectangle(), everywhere, _ink(PAPER))
    for shape in sheet.shapes:
        paint[type(shape)](renderer, shape, inches)
    stream, size = io.BytesIO(), (int(renderer.width), int(renderer.height))
    picture = Image.frombuffer("RGBA", size, renderer.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
    picture.save(stream, "png", compress_level=3, dpi=(dpi, dpi))
    return stream.getvalue()


def _pen(renderer: Any, color: str = "black", width: float = 0.0, alpha: float = 1.0) -> Any:
    """What strokes are drawn with; ``width`` in points, none for 0."""
    pen = renderer.new_gc()
    pen.set_foreground(color)
    pen.set_linewidth(width)
    pen.set_joinstyle("round")
    pen.set_alpha(alpha)
    return pen


@cache
def _ink(color: str, alpha: float = 1.0) -> Any:
    return colors.to_rgba(color, alpha)


def _line(renderer: Any, line: Line, inches: Affine2D) -> None:
    pen = _pen(renderer, line.color, line.width)
    if line.dashes:
        pen.set_dashes(0, line.dashes)
    spots = [spot for stroke in line.strokes for spot in stroke]
    codes = [Outline.LINETO if n else Outline.MOVETO for stroke in line.strokes for n in range(len(stroke))]
    renderer.draw_path(pen, Outline(spots, codes), inches)


def _area(renderer: Any, area: Area, inches: Affine2D) -> None:
    outline = Outline([*area.outline, area.outline[0]], closed=True)
    renderer.draw_path(_pen(renderer, alpha=area.alpha), outline, inches, _ink(area.color, area.alpha))


def _marks(renderer: Any, marks: Marks, inches: Affine2D) -> None:
    pen = _pen(renderer, marks.edge or marks.face, marks.width, marks.alpha)
    size = Affine2D().scale(renderer.points_to_pixels(marks.size))
    renderer.draw_markers(pen, mark(marks.shape), size, Outline(marks.spots), inches, _ink(marks.face, marks.alpha))


def _text(renderer: Any, text: Text, inches: Affine2D) -> None:
    placed = [
        (letter(one, text.bold, text.italic), x)
        for one, x in zip(text.text, places(text.text, text.bold, text.italic), strict=False)
        if one != " "
    ]
    if not placed:
        return
    vertices = np.concatenate([np.add(outline.vertices, (x, 0.0)) for outline, x in placed])
    codes = np.concatenate([outline.codes for outline, _ in placed])
    pen = _pen(renderer)
    pen.set_snap(False)
    scale = renderer.points_to_pixels(text.size) / EM
    x, y = inches.transform(text.spot)
    renderer.draw_path(pen, Outline(vertices, codes), Affine2D.from_values(scale, 0, 0, scale, x, y), _ink(text.color))
