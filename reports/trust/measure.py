"""Measure how far ``perflab duel`` can be trusted, beside its peers; hours of it, which may be stopped at any time.

    python reports/trust/measure.py cells                                          what there is to measure
    python reports/trust/measure.py measure FOLDER [--cells 'duel-same-*,pyperf-*'] [--count N] [--budget-minutes M]
    python reports/trust/measure.py table FOLDER [--out FILE]                      what came of it, as Markdown

``measure`` appends a line for each comparison to FOLDER/<cell>.jsonl as soon as it ends, begins where it stopped, and
takes the cell next that is least far, so that all are similarly far whenever it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import contenders
import contested
import findings
from cells import CELLS, Cell, chosen
from contenders import Line

from perflab import environment
from perflab.errors import BadInput

Contend = Callable[[Cell, int], Line]


def measure(
    folder: Path,
    cells: tuple[Cell, ...],
    most: int | None = None,
    minutes: float | None = None,
    contend: Contend = contenders.contend,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Whatever FOLDER lacks of these cells, one comparison at a time, until all is done or the minutes are over."""
    folder.mkdir(parents=True, exist_ok=True)
    remember_machine(folder)
    wanted = {cell: cell.count if most is None else min(most, cell.count) for cell in cells}
    done = {cell: mend(path_of(folder, cell)) for cell in cells}
    started = clock()
    while (cell := least_far(done, wanted)) and (minutes is None or clock() - started < 60 * minutes):
        line = contend(cell, done[cell])
        append(path_of(folder, cell), line)
        done[cell] += 1
        print(progress(cell, line, sum(done.values()), sum(wanted.values())), flush=True)


def least_far(done: dict[Cell, int], wanted: dict[Cell, int]) -> Cell | None:
    """The cell of which the smallest share is done, the first declared of equals; None when all are complete."""
    open_cells = [cell for cell in wanted if done[cell] < wanted[cell]]
    return min(open_cells, key=lambda cell: done[cell] / wanted[cell], default=None)


def path_of(folder: Path, cell: Cell) -> Path:
    """Where the lines of a cell are."""
    return folder / f"{cell.name}.jsonl"


def mend(path: Path) -> int:
    """How many whole lines the file holds; what a stop left of another is cut off."""
    text = path.read_text() if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return whole.count("\n")


def append(path: Path, line: Line) -> None:
    """One line, on disk when this returns."""
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def remember_machine(folder: Path) -> None:
    """What the table says of the machine; BadInput where FOLDER was measured on another one or by another Python."""
    path, now = folder / "machine.json", environment.facts("reports/trust")
    if not path.exists():
        path.write_text(json.dumps({**now, "overheads": overheads()}, indent=1) + "\n")
    if differing := environment.comparable(json.loads(path.read_text()), now):
        raise BadInput(f"{folder} was measured where {', '.join(differing)} differed: choose another folder")


def overheads() -> dict[str, float]:
    """By kind: the least time of a call without turns, as a share of the base's: how far turns are from time."""
    return {kind: least_s(work, 0) / least_s(work, turns) for kind, (work, turns) in contested.KINDS.items()}


def least_s(work: Callable[[int], int], turns: int) -> float:
    """The shortest of 100 calls."""
    times = []
    for _ in range(100):
        started = time.perf_counter()
        work(turns)
        times.append(time.perf_counter() - started)
    return min(times)


def progress(cell: Cell, line: Line, done: int, total: int) -> str:
    """One line for one comparison."""
    said = line["verdict"] if "verdict" in line else line["said"] or line["reason"]
    return f"[{done}/{total}] {cell.name} {line['number']}: {said}, {line['wall_s']:.1f} s"


def main(arguments: list[str] | None = None) -> int:
    """Carry out what the command line says; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("cells", help="list the cells, and the most minutes each takes")
    measuring = actions.add_parser("measure", help="measure what FOLDER lacks")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--cells", help="names or patterns, separated by commas [all]")
    measuring.add_argument("--count", type=int, help="at most so many comparisons a cell")
    measuring.add_argument("--budget-minutes", type=float, help="begin none after so many minutes")
    tabulating = actions.add_parser("table", help="write the table")
    tabulating.add_argument("folder", type=Path)
    tabulating.add_argument("--out", type=Path, default=Path(__file__).with_name("README.md"))
    asked = parser.parse_args(arguments)
    if asked.action == "cells":
        for cell in CELLS:
            print(f"{cell.count:4} × {cell.budget_s:2} s  = {cell.count * cell.budget_s / 60:5.1f} min  {cell.name}")
    elif asked.action == "measure":
        measure(asked.folder, chosen(asked.cells), asked.count, asked.budget_minutes)
    else:
        text = findings.page(asked.folder)
        asked.out.write_text(text)
        print(text, end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadInput as error:
        print(f"measure.py: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
