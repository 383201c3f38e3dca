"""The findings of the doctor on paper: the conclusion, then what spoils numbers, what to know, what is fine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from perflab import doctor, lock
from perflab.doctor import Finding, Level

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SIGNS = {Level.WARNING: ("✘", "red"), Level.NOTE: ("!", "yellow"), Level.FINE: ("✔", "green")}
"""Shapes beside the colours, in the order of the text."""


def findings() -> tuple[Finding, ...]:
    """What is found on this machine now; takes about half a second."""
    return doctor.examine(doctor.gather(lock.lock_folder() / lock.LOCK))


def as_json(found: Sequence[Finding]) -> dict[str, Any]:
    """The document of ``doctor --json``."""
    return doctor.to_json(found)


def as_text(found: Sequence[Finding]) -> Iterator[RenderableType]:
    """One line of conclusion, then the findings, the worst first; of what is fine only what was found."""
    from rich.text import Text

    yield Text(doctor.conclusion(found), style="bold")
    for level in SIGNS:
        chosen = [one for one in found if one.level is level]
        if chosen:
            yield ""
            yield _table(chosen)


def _table(found: Sequence[Finding]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=max(len(examined.__name__) for examined in doctor.EXAMINATIONS))
    table.add_column(ratio=1)
    for one in found:
        sign, style = SIGNS[one.level]
        said = Text(one.found)
        if one.level is not Level.FINE:
            said.append(f"\n{one.effect}\n→ {one.remedy}", style="default")
        table.add_row(Text(sign, style=style), Text(one.name, style="bold"), said)
    return table
