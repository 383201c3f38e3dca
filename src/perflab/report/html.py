"""The report as one page that needs no network: figures, style and all inlined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from perflab.report import wording
from perflab.report.content import Content, Drawing
from perflab.report.palette import BLUE, GREY, GRID, INK, MUTED, ORANGE, PAPER, PLUM, RED, VIOLET

THEMED = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    BLUE: "blue",
    ORANGE: "orange",
    RED: "red",
    PLUM: "plum",
    GREY: "grey",
    VIOLET: "violet",
}
"""Colours of figures that the page exchanges for its own, which differ in dark mode."""


def write(content: Content, pictures: Mapping[str, str]) -> str:
    """The page; ``pictures`` maps the stems of drawings to their SVG."""
    loader = PackageLoader("perflab.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=unbroken,
    )
    style = (files("perflab.report") / "templates" / "style.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        content=content,
        style=Markup(style),
        picture=lambda drawing: inline(drawing, pictures[drawing.stem]),
        plural=wording.plural,
        symbols=wording.SYMBOLS,
        word=wording.word,
        meanings=wording.MEANINGS,
    )


def unbroken(text: object) -> object:
    """The same with spaces that no line breaks at between the thousands of a number; markup is left as it is."""
    return re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "\N{NO-BREAK SPACE}", text) if type(text) is str else text


def inline(drawing: Drawing, svg: str) -> Markup:
    """An SVG as part of a page: named for those who do not see it, its ids its own, its colours the page's."""
    body = svg[svg.index("<svg") :]
    for unwanted in (r"<!--.*?-->", r"<metadata>.*?</metadata>", r"<style.*?</style>", r' xmlns(:\w+)?="[^"]*"'):
        body = re.sub(unwanted, "", body, flags=re.DOTALL)
    body = body.replace("xlink:href=", "href=")
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{drawing.stem}-", body)
    body = re.sub("|".join(THEMED), lambda found: f"var(--{THEMED[found[0]]})", body)
    box = re.search(r'viewBox="[^"]*"', body)
    head = f'<svg role="img" aria-label="{escape(drawing.alt)}" {box[0] if box else ""}>'
    # Trusted: matplotlib has escaped the texts that came from a run, and draws them as paths.
    return Markup(re.sub(r"\s*\n\s*", "\n", head + body[body.index(">") + 1 :]))
