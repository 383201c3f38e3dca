"""What a GitHub job is told beside the output: annotations, the job's summary, the verdict as an output of the step.

Everything goes by the variables that a runner sets, and nothing is said where they are missing. What cannot be
written costs a warning and never changes an exit status.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from perflab.check.wording import LEAST_BYTES, SUMMARY_BYTES


def running() -> bool:
    """Whether this is a step of a job, whose output a runner reads."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def summarise(write: Callable[[int], str]) -> None:
    """Add to the job's summary what ``write`` makes of the bytes that are left in it."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    file = Path(name)
    try:
        before = file.stat().st_size if file.exists() else 0
        room = SUMMARY_BYTES - before
        if room < LEAST_BYTES:
            click.echo(f"warning: {file} is full: its {before} bytes leave no room for this", err=True)
            return
        with file.open("a", encoding="utf-8") as stream:
            stream.write("\n" * bool(before) + write(room - 1))
    except OSError as error:
        click.echo(f"warning: cannot write the job's summary to {file}: {error.strerror}", err=True)


def conclude(verdict: str, worst_first: Sequence[str]) -> None:
    """Set the step's output ``verdict``; where the step has one already, to the worse of both."""
    name = os.environ.get("GITHUB_OUTPUT")
    if not name:
        return
    file = Path(name)
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        known = {line.removeprefix("verdict=") for line in lines if line.startswith("verdict=")}
        worst = next((word for word in worst_first if word in known | {verdict}), verdict)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"verdict={worst}\n")
    except OSError as error:
        click.echo(f"warning: cannot write the step's outputs to {file}: {error.strerror}", err=True)
