"""One colour and one marker for each strategy, the same in every figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

from perflab.model import Mark

INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#d9dee3", "#ffffff"
"""Used with these meanings alone, so that a page may exchange them for its own in dark mode."""

BLUE, ORANGE, RED, PLUM, GREY, VIOLET = "#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd"
"""The sequence petroff6, told apart by protanopes, deuteranopes and tritanopes; spelled out because older
matplotlib does not know its name."""

COLORS = (BLUE, ORANGE, RED, PLUM, GREY, VIOLET)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
"""Shapes that stay apart when printed in grey."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a strategy's marks look; a hollow one is the second series of the same strategy."""

    color: str
    marker: str
    hollow: bool = False


LOOKS: Mapping[str, Look] = {
    "serial": Look(GREY, "o"),
    "plain": Look(GREY, "o"),
    "ceiling": Look(GREY, "^"),
    "threads": Look(BLUE, "s"),
    "thread": Look(BLUE, "s"),
    "subinterpreters": Look(BLUE, "P"),
    "executor": Look(ORANGE, "v"),
    "pool": Look(RED, "D"),
    "pool_apply_async": Look(RED, "P"),
    "processes": Look(ORANGE, "^"),
    "process_pipe": Look(ORANGE, "^"),
    "process_queue": Look(ORANGE, "s"),
    "fork": Look(ORANGE, "^"),
    "forkserver": Look(RED, "p"),
    "spawn": Look(PLUM, "X"),
    "rawarray": Look(VIOLET, "P"),
    "rawvalue": Look(VIOLET, "o"),
    "value": Look(RED, "s"),
    "array": Look(RED, "D"),
    "shared_memory": Look(BLUE, "X"),
    "manager": Look(PLUM, "p"),
    "pipe": Look(BLUE, "^"),
    "queue": Look(RED, "s"),
    "simplequeue": Look(ORANGE, "o"),
    "numpy": Look(BLUE, "D"),
}
"""What is shown together keeps apart by colour, the rest by marker; grey is what the others are measured against."""


def looks_of_series(marks: Iterable[Mark]) -> dict[str, Look]:
    """The look of every series of a figure; no two of them are equal."""
    members: dict[str, list[Mark]] = {}
    for mark in marks:
        members.setdefault(series_of(mark), []).append(mark)
    return _apart({series: _look(series, of_series) for series, of_series in members.items()})


def looks_of_rows(marks: Iterable[Mark]) -> list[Look]:
    """The look of every mark of a strip: rows of one strategy look alike, their labels tell them apart."""
    names = [_row_name(mark) for mark in marks]
    found = _apart({name: _known(name) or _drawn_by_lot(name) for name in names})
    return [found[name] for name in names]


def series_of(mark: Mark) -> str:
    """The name of the mark's series, as a reader sees it."""
    return mark.series or mark.case.strategy or mark.case.start_method or mark.case.implementation or mark.label


def _row_name(mark: Mark) -> str:
    """How the case is run, where that is known by name; otherwise what it is called."""
    names = (mark.case.strategy, mark.label, mark.series, mark.case.start_method)
    return next((name for name in names if _known(name)), mark.case.strategy or mark.series or mark.label)


def _look(series: str, marks: list[Mark]) -> Look:
    """By the series' own name if it is known, else by the one strategy of all its marks, else by lot."""
    strategies = {mark.case.strategy for mark in marks}
    only = strategies.pop() if len(strategies) == 1 else ""
    return LOOKS.get(_plain(series)) or _known(only) or _known(series) or _drawn_by_lot(only or series)


def _known(name: str) -> Look | None:
    """By the whole name, else by the first known word in it: "process, spawn" is spawn, "Manager.Value" a manager."""
    words = re.findall(r"[a-z0-9_]+", name.lower())
    return LOOKS.get(_plain(name)) or next((LOOKS[word] for word in words if word in LOOKS), None)


def _plain(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def _drawn_by_lot(name: str) -> Look:
    """The same for the same name on every machine, in every run."""
    number = crc32(name.encode())
    return Look(COLORS[number % len(COLORS)], MARKERS[number // len(COLORS) % len(MARKERS)])


def _apart(wanted: Mapping[str, Look]) -> dict[str, Look]:
    chosen: dict[str, Look] = {}
    for name, look in wanted.items():
        chosen[name] = _free(look, set(chosen.values()))
    return chosen


def _free(wanted: Look, taken: set[Look]) -> Look:
    """The wanted look, else the same hollow, else its colour with another marker, else whatever nobody has."""
    same_color = (Look(wanted.color, marker, True) for marker in MARKERS)
    others = (Look(color, marker, hollow) for hollow in (False, True) for marker in MARKERS for color in COLORS)
    candidates = (wanted, replace(wanted, hollow=True), *same_color, *others)
    return next((look for look in candidates if look not in taken), wanted)
