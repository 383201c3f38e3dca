"""Everything shown of a stored run: files (:func:`render`) and what a terminal prints (:mod:`perflab.report.text`).

Nothing here measures; everything is rendered from a :class:`perflab.model.Analysis`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.model import Analysis, Experiment

if TYPE_CHECKING:
    from perflab.report.content import Drawing
    from perflab.report.estimates import Estimator

__all__ = ["render"]


def render(
    analysis: Analysis,
    out: Path,
    estimate: Estimator | None = None,
    experiments: Mapping[str, Experiment] | None = None,
) -> Path:
    """Write report.md, report.html, figures/*.svg and figures/*.png into ``out``; returns the path of report.html.

    The same analysis gives the same bytes. ``experiments`` are the registered ones unless given, ``estimate`` is
    that of :mod:`perflab.verdict`.
    """
    from perflab import registry
    from perflab.report import html, markdown
    from perflab.report.compose import compose
    from perflab.report.estimates import estimator

    known = registry.experiments() if experiments is None else experiments
    report = compose(analysis, estimate or estimator(analysis, known), known)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    drawn = [drawing for section in report.sections for drawing in section.drawings]
    pictures = {drawing.stem: _draw(drawing, out / "figures") for drawing in drawn}
    _write(out / "report.md", markdown.write(report).encode())
    _write(out / "report.html", html.write(report, pictures).encode())
    return out / "report.html"


def _draw(drawing: Drawing, folder: Path) -> str:
    """Writes both files of a figure; returns its SVG. One that cannot be drawn says so and costs no other."""
    from perflab.report import figures, plots

    try:
        sheet = plots.draw(drawing)
    except Exception as error:
        sheet = plots.draw(drawing.undrawable(f"{type(error).__name__}: {error}"))
    picture = figures.svg(sheet, drawing.stem)
    _write(folder / f"{drawing.stem}.svg", picture)
    _write(folder / f"{drawing.stem}.png", figures.png(sheet))
    return picture.decode()


def _write(path: Path, data: bytes) -> None:
    """Written aside and renamed, so that no reader ever meets half a file."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)
