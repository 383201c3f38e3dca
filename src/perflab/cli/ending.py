"""How a run's command ends: the report by a child, the verdicts, where the time went, the path of the report."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table

from perflab import store
from perflab.cli import DONE, FAILED, INTERRUPTED, colour, showing
from perflab.clock import monotonic_ns
from perflab.lab import Order, Outcome
from perflab.model import Analysis
from perflab.report import circumstances, text, wording
from perflab.units import duration


def conclude(outcome: Outcome, order: Order) -> int:
    """Say how the run ended, on stdout up to its last line, the report's path; return the exit status."""
    if outcome.interrupted:
        click.echo(f"perflab: {interrupted_line(outcome, order)}", err=True)
        return INTERRUPTED
    begun = monotonic_ns()
    page = rendered(outcome.path)
    analysis = with_report_time(showing.analysed(outcome.path), (monotonic_ns() - begun) / 1e9)
    paper = colour.paper()
    for part in summary(analysis):
        paper.print(part)
    for warning in analysis.warnings:
        click.echo(f"warning: {warning}", err=True)
    if page is None:
        again = f"perflab report {_quoted(outcome.path)}"
        click.echo(f"perflab: the report failed; what was measured is stored; try again: {again}", err=True)
        return FAILED
    click.echo(f"\n{page}")
    return FAILED if outcome.failed else DONE


def interrupted_line(outcome: Outcome, order: Order) -> str:
    """What is kept of an interrupted run, and the command that goes on with it."""
    if not (outcome.path / store.JOURNAL).exists():
        return "interrupted before anything was measured; nothing is stored"
    plan = "" if order.plan == "default" else f" --{order.plan}"
    command = f"perflab run-all{plan} --resume --out {_quoted(outcome.path)}"
    return f"interrupted; what was measured is stored; continue with: {command}"


def rendered(run: Path) -> str | None:
    """The path of the report that a child wrote, so that this process stays free of matplotlib; None on failure."""
    command = [sys.executable, "-m", "perflab", "report", str(run)]
    child = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    lines = child.stdout.splitlines()
    return lines[-1] if child.returncode == DONE and lines else None


def with_report_time(analysis: Analysis, seconds: float) -> Analysis:
    """The analysis of a run whose ledger also says how long the report took."""
    ended = analysis.run.ended
    spent = {"report_s": seconds, "wall_s": float(ended.get("wall_s", 0.0)) + seconds}
    return replace(analysis, run=replace(analysis.run, ended={**ended, **spent}))


def summary(analysis: Analysis) -> Iterator[RenderableType]:
    """The verdicts and their count, the notable figures, the slowest experiments, where the time went."""
    yield text.verdict_table(analysis)
    yield f"\n{wording.counts(analysis.judgements)}"
    if sentences := text.notable(analysis):
        yield "\nNotable"
        yield from (Padding(sentence, (0, 0, 0, 2)) for sentence in sentences)
    yield "\nSlowest experiments"
    yield columns([(name, duration(seconds)) for name, seconds in text.slowest(analysis)])
    yield "\nWhere the time went"
    yield columns(circumstances.spent(analysis))


def columns(rows: Sequence[tuple[str, ...]]) -> Table:
    """Rows below a heading: the first column to the left, figures to the right."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    for _ in range(max(map(len, rows), default=1) - 1):
        table.add_column(justify="right")
    for name, *figures in rows:
        table.add_row(f"  {name}", *figures)
    return table


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
