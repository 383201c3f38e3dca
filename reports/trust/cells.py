"""What is measured, as data: cells (a tool, two functions, circumstances, a count) and what is promised of them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from typing import Literal

from perflab.errors import BadInput

Tool = Literal["duel", "pytest-benchmark", "pyperf"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One comparison, repeated ``count`` times; ``percent`` is by how much HEAD does more work than BASE."""

    kind: str
    percent: int
    budget_s: int
    count: int
    beside: bool = False
    apart: bool = False
    tool: Tool = "duel"

    @property
    def situation(self) -> str:
        """What is compared and where, without the tool that does it."""
        size = f"slower{self.percent}" if self.percent else "same"
        where = ("beside" if self.beside else "quiet") + ("-apart" if self.apart else "")
        return f"{size}-{self.kind}-{self.budget_s}s-{where}"

    @property
    def name(self) -> str:
        """The name of its file, and what ``--cells`` chooses by."""
        return f"{self.tool}-{self.situation}"

    @property
    def base(self) -> str:
        """The function of ``contested`` that is compared with."""
        return f"{self.kind}_0"

    @property
    def head(self) -> str:
        """The function of ``contested`` that does ``percent`` more."""
        return f"{self.kind}_{self.percent}"


@dataclass(frozen=True, slots=True)
class Promise:
    """At most so many verdicts of "slower" or "faster", or at least so many of "slower" and none of "faster"."""

    sentence: str
    cells: tuple[Cell, ...]
    most_alarms: int | None = None
    least_found: int | None = None
    resolution: bool = False
    """Whether each duel has to state its resolution in ns."""

    @property
    def count(self) -> int:
        """Duels in all its cells."""
        return sum(cell.count for cell in self.cells)


KINDS = ("python", "native")

SAME = tuple(
    Cell(kind, 0, budget, 50, beside) for budget, beside, kind in product((10, 2), (False, True), KINDS)
)  # fmt: skip
INJECTED = tuple(
    Cell(kind, percent, budget, 60, beside, apart)
    for (percent, budget, beside, apart), kind in product(
        ((3, 10, False, False), (10, 2, False, False), (5, 10, True, False), (5, 30, False, True)), KINDS
    )
)
EMPTY = tuple(Cell("empty", 0, 2, 30, beside) for beside in (False, True))
SAME_APART = tuple(Cell(kind, 0, 30, 30, apart=True) for kind in KINDS)
"""Shown, not promised: two processes of the same function differ, and the twin has to say by how much."""

SITUATIONS = ((0, 10, False), (0, 10, True), (3, 10, False), (10, 2, False), (5, 10, True))
PEERS = tuple(
    Cell(kind, percent, budget, 30, beside, tool=tool)
    for (percent, budget, beside), kind, tool in product(SITUATIONS, KINDS, ("pytest-benchmark", "pyperf"))
)

CELLS = (*SAME, *INJECTED, *EMPTY, *SAME_APART, *PEERS)

LEAST = {3: 57, 10: 57, 5: 54}
"""Of 60 slow-downs of so many percent, how many are to be found."""


def _found(cell: Cell) -> Promise:
    where = " beside a spinning neighbour" if cell.beside else " in separate processes" if cell.apart else ""
    least = LEAST[cell.percent]
    sentence = f"{cell.percent} % more work ({cell.kind}){where}: found in at least {least} of 60, each within "
    return Promise(f"{sentence}{cell.budget_s} s, and never called faster", (cell,), least_found=least)


PROMISES = (
    *(
        Promise(
            f"a function against itself, {budget} s at most, half of them beside a spinning neighbour: "
            "at most 2 of 200 called slower or faster",
            tuple(cell for cell in SAME if cell.budget_s == budget),
            most_alarms=2,
        )
        for budget in (10, 2)
    ),
    *map(_found, INJECTED),
    Promise(
        "an empty function against itself: never slower or faster, and every duel states its resolution",
        EMPTY,
        most_alarms=0,
        resolution=True,
    ),
)


def chosen(patterns: str | None, cells: tuple[Cell, ...] = CELLS) -> tuple[Cell, ...]:
    """The cells whose name fits one of the patterns, which are separated by commas; BadInput where one fits none."""
    if patterns is None:
        return cells
    wanted = patterns.split(",")
    for pattern in wanted:
        if not any(fnmatchcase(cell.name, pattern) for cell in cells):
            raise BadInput(f"no cell is called {pattern}: `measure.py cells` lists them")
    return tuple(cell for cell in cells if any(fnmatchcase(cell.name, pattern) for pattern in wanted))
