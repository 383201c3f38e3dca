"""The self-test at the command line: a line for each truth, and whether the promises hold."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from perflab.cli import DONE
from perflab.lock import machine_lock
from perflab.selftest import Row, examine

WORSE = 1


def examined(say: bool, lock: bool) -> tuple[Row, ...]:
    """Every row, each told as it falls."""
    rows = []
    with machine_lock(lambda event: tell_waiting()) if lock else nullcontext():
        for row in examine():
            rows.append(row)
            if say:
                click.echo(line(row))
    return tuple(rows)


def tell_waiting() -> None:
    """Say that another measurement holds the lock."""
    click.echo("another perflab run is measuring on this machine: waiting until it ends", err=True)


def line(row: Row) -> str:
    """One truth: what was right how often, its interval, its promise, and what else was said."""
    promise = "not promised" if row.promise is None else f"promised {row.promise:.0%}"
    counted = f"{row.right} of {row.trials} ({row.low:.0%} to {row.high:.0%}, {promise})"
    said = "".join(f"\n    {one}" for one in row.said)
    return f"{'✔' if row.kept else '✘'} {row.name}: {counted}{said}"


def conclusion(rows: tuple[Row, ...]) -> str:
    """The sentence at the end."""
    broken = [row.name for row in rows if not row.kept]
    if broken:
        return (
            f"Worse than promised: {'; '.join(broken)}. Is the machine busy? 'perflab doctor' tells; then run it again."
        )
    return "Every promise holds, as far as so few trials can tell."


def as_json(rows: tuple[Row, ...]) -> dict[str, Any]:
    """The rows as a document."""
    kept = all(row.kept for row in rows)
    return {"schema": "perflab.selftest/1", "kept": kept, "rows": [row.to_json() for row in rows]}


def status(rows: tuple[Row, ...]) -> int:
    """1 when a promise is broken beyond its interval."""
    return DONE if all(row.kept for row in rows) else WORSE
