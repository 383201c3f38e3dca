"""Everything shown of a stored run: files (:func:`render`) and what a terminal prints (:mod:`perflab.report.text`).

Nothing here measures; everything is rendered from a :class:`perflab.model.Analysis`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.model import Analysis, Experiment

if TYPE_CHECKING:
    from perflab.report.content import Drawing
    from perflab.report.estimates import Estimator

__all__ = ["render"]

MANY, MOST_DRAWERS = 16, 4
"""Below so many figures processes to draw them would take longer to start than they save; each takes some 90 MB."""


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
    pictures = dict(zip((drawing.stem for drawing in drawn), _draw_all(drawn, out / "figures"), strict=True))
    _write(out / "report.md", markdown.write(report).encode())
    _write(out / "report.html", html.write(report, pictures).encode())
    return out / "report.html"


def _draw_all(drawn: Sequence[Drawing], folder: Path) -> list[str]:
    """Every figure's SVG, in order; many are drawn on several cores, since each takes some 200 ms of one."""
    drawers = min(os.cpu_count() or 1, MOST_DRAWERS)
    if len(drawn) < MANY or drawers < 2 or not _can_fork():
        return [_draw(drawing, folder) for drawing in drawn]
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(drawers, multiprocessing.get_context("fork")) as pool:
        return list(pool.map(_draw, drawn, [folder] * len(drawn)))


def _can_fork() -> bool:
    """Whether this process may be forked: it has no threads, not even those that numpy's libraries start."""
    return hasattr(os, "fork") and "numpy" not in sys.modules and threading.active_count() == 1


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
