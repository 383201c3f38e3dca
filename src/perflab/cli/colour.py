"""Whether to colour, decided once for each stream: --color > NO_COLOR > FORCE_COLOR > TERM=dumb > is it a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import click

_VERDICT_COLOURS = {
    "confirmed": "green",
    "refuted": "red",
    "unresolved": "yellow",
    "not applicable": "bright_black",
    "failed": "magenta",
}


def wanted(choice: str, environ: Mapping[str, str], terminal: bool) -> bool:
    """Whether a stream is coloured; ``choice`` is auto, always or never. An empty variable counts as not set."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return terminal and environ.get("TERM") != "dumb"


def moving(environ: Mapping[str, str], terminal: bool) -> bool:
    """Whether a display may redraw itself: on a real terminal only, however much colour is asked for."""
    return terminal and environ.get("TERM") != "dumb"


def decide(context: click.Context, parameter: click.Parameter, choice: str | None) -> None:
    """Take --color in: the innermost command that was given it decides, for click (stdout) and for rich (stderr)."""
    root = context.find_root()
    if choice is not None or root.obj is None:
        root.obj = choice or "auto"
    root.color = context.color = wanted(root.obj, os.environ, sys.stdout.isatty())


def of_stderr() -> bool:
    """The decision for stderr, for the command that is running."""
    choice: Any = click.get_current_context().find_root().obj
    return wanted(choice or "auto", os.environ, sys.stderr.isatty())


def moves(stream: TextIO) -> bool:
    """Whether the live display may animate on ``stream``."""
    return moving(os.environ, stream.isatty())


def painted(text: str) -> str:
    """The text with its verdicts in colour; click takes the colours out again where none are wanted."""
    words = "|".join(_VERDICT_COLOURS)
    return re.sub(rf"\b({words})\b", lambda found: click.style(found[0], fg=_VERDICT_COLOURS[found[0]]), text)


option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    callback=decide,
    expose_value=False,
    is_eager=True,
    help="Colour, instead of what NO_COLOR, FORCE_COLOR and the terminal say.",
)
"""The option --color, for every command."""
