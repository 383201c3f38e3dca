"""How a run's command ends: the report by a child, the verdicts, where the time went, the path of the report."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click

from perflab import store
from perflab.cli import DONE, FAILED, INTERRUPTED, colour, showing
from perflab.clock import monotonic_ns
from perflab.lab import Order, Outcome
from perflab.model import Analysis
from perflab.report import content, text


def conclude(outcome: Outcome, order: Order) -> int:
    """Say how the run ended, on stdout up to its last line, the report's path; return the exit status."""
    if outcome.interrupted:
        click.echo(f"perflab: {interrupted_line(outcome, order)}", err=True)
        return INTERRUPTED
    begun = monotonic_ns()
    page = rendered(outcome.path)
    analysis = with_report_time(showing.analysed(outcome.path), (monotonic_ns() - begun) / 1e9)
    click.echo(colour.painted(summary(analysis)))
    for warning in analysis.warnings:
        click.echo(f"warning: {warning}", err=True)
    if page is None:
        click.echo(f"perflab: no report; everything measured is stored: perflab report {_quoted(outcome.path)}", err=True)
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
    """The path of the report that a child wrote: this process measured, and stays free of matplotlib. None on failure."""
    command = [sys.executable, "-m", "perflab", "report", str(run)]
    child = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    lines = child.stdout.splitlines()
    return lines[-1] if child.returncode == DONE and lines else None


def with_report_time(analysis: Analysis, seconds: float) -> Analysis:
    """The analysis of a run whose ledger also says how long the report took."""
    ended = analysis.run.ended
    spent = {"report_s": seconds, "wall_s": float(ended.get("wall_s", 0.0)) + seconds}
    return replace(analysis, run=replace(analysis.run, ended={**ended, **spent}))


def summary(analysis: Analysis) -> str:
    """The verdicts, the notable figures, the slowest experiments, where the time went."""
    parts = [text.verdict_table(analysis), text.notable(analysis), text.slowest(analysis), spent_table(analysis)]
    return "\n\n".join(part for part in parts if part)


def spent_table(analysis: Analysis) -> str:
    """Where the time went, the report's included."""
    rows = content.spent(analysis)
    width = max((len(what) for what, _, _ in rows), default=0)
    return "\n".join(["Where the time went", *(f"  {what:{width}}  {s:>8}  {share:>5}" for what, s, share in rows)])


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
