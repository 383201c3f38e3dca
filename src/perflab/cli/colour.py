"""Whether to colour, decided once for each stream: --color > NO_COLOR > FORCE_COLOR > TERM=dumb > is it a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console


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


def paper() -> Console:
    """The console for tables on stdout: 80 columns wide where it is no terminal, coloured as was decided."""
    from rich.console import Console

    coloured = bool(click.get_current_context().color)
    return Console(
        file=sys.stdout, color_system="standard" if coloured else None, force_terminal=coloured, highlight=False
    )


option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    callback=decide,
    expose_value=False,
    is_eager=True,
    help="Colour, instead of what NO_COLOR, FORCE_COLOR and the terminal say.",
)
"""The option --color, for every command."""
