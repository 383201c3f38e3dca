"""What a report draws and maps, declared as data: figures and guides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perflab.model.cases import Case
from perflab.model.words import Estimand


@dataclass(frozen=True, slots=True)
class Mark:
    """One row or point of a figure: a case (against a control for ratios) and where it is drawn."""

    case: Case
    label: str
    control: Case | None = None
    series: str = ""
    x: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A labelled line at a value of the quantity's axis; with ``of``, at so many times what that case has."""

    value: float
    label: str
    of: Case | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A labelled line through given points (x, value) of a ``lines`` figure: a law to hold measurements against."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure declared as data.

    ``strip``: a row for each mark, every block a dot, the median and its interval.
    ``lines``: marks joined along ``x`` for each series, every block a dot, the interval as a band.
    """

    name: str
    title: str
    kind: Literal["strip", "lines"]
    quantity: str
    estimand: Estimand
    marks: tuple[Mark, ...]
    log: bool = True
    x_label: str = ""
    references: tuple[Reference, ...] = ()
    claims: tuple[str, ...] = ()
    """Ids of the claims whose verdicts stand under the title."""
    curves: tuple[Curve, ...] = ()
    across: str = ""
    """For ``lines``: the quantity by which marks are placed along x, joined in the order in which they are declared."""
    caches: bool = False
    """For ``lines`` along bytes: whether the sizes of the machine's caches are marked."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of work: the ways of running it, each by its name and a case, and the claim that speaks of it."""

    work: str
    ways: tuple[tuple[str, Case], ...]
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """A map of which way suits which work, for the head of a report.

    The ways of each choice are compared with the best of them by ``quantity``; ``beside`` are shown likewise.
    """

    title: str
    choices: tuple[Choice, ...]
    quantity: str
    beside: tuple[str, ...] = ()
