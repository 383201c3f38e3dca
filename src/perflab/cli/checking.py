"""Carry out ``perflab check``: read runs and expectations, print what was found, say the exit status."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from perflab import check
from perflab.check import sources, wording
from perflab.cli import DONE, FAILED, showing
from perflab.errors import BadInput
from perflab.model import Analysis

AGAINST, UNRESOLVED = 1, 4


def carry_out(run: Path, expect: Path | None, baseline: Path | None, strict: bool, as_json: bool) -> int:
    """Print the check of a run, tell GitHub about it where that is asked for, and return the exit status."""
    source = check.find(expect, Path())
    if source is None and baseline is None:
        raise sources.nowhere(Path())
    outcome = judged(showing.analysed(run), source, None if baseline is None else _older(baseline))
    status, path = exit_status(outcome, strict), shlex.quote(str(run))
    if as_json:
        click.echo(json.dumps(wording.to_json(outcome, strict, status), indent=2, allow_nan=False))
    else:
        for line in wording.lines(outcome, path):
            click.echo(line)
    _tell_github(outcome, path, strict, os.environ, as_json)
    return status


def judged(analysis: Analysis, source: check.Source | None, older: Analysis | None) -> check.Outcome:
    """Everything that was found, of expectations and baseline."""
    expected = () if source is None else check.parse(source.table, str(source.file))
    findings = check.check(analysis, expected)
    beside = None if older is None else check.compare(analysis, older, expected)
    return check.Outcome(findings, beside, tuple(_notes(analysis, source, older)))


def exit_status(outcome: check.Outcome, strict: bool) -> int:
    """What went against an expectation outranks what failed, and that what is unresolved, which counts if strict."""
    if outcome.of(check.Status.AGAINST):
        return AGAINST
    if outcome.of(check.Status.FAILED):
        return FAILED
    return UNRESOLVED if strict and outcome.of(check.Status.UNRESOLVED) else DONE


def _older(baseline: Path) -> Analysis:
    try:
        return showing.analysed(baseline)
    except BadInput as error:
        raise BadInput(f"--baseline: {error}") from error


def _notes(analysis: Analysis, source: check.Source | None, older: Analysis | None) -> list[str]:
    notes = [] if source is None else [f"expectations from {source.file}"]
    if older is not None and older.run.code_hash != analysis.run.code_hash:
        notes.append("perflab's own code differs between the run and its baseline, though the version is the same")
    return [*notes, *analysis.warnings]


def _tell_github(outcome: check.Outcome, run: str, strict: bool, environ: Mapping[str, str], as_json: bool) -> None:
    """Annotations, which a runner reads from either stream, and the job's summary."""
    if environ.get("GITHUB_ACTIONS") == "true":
        for line in wording.error_annotations(outcome, run, strict):
            click.echo(line, err=as_json)
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        _append(Path(summary), outcome, run)


def _append(file: Path, outcome: check.Outcome, run: str) -> None:
    """Add to the summary what still has room in it; a file that cannot be written costs a warning, not the check."""
    try:
        before = file.stat().st_size if file.exists() else 0
        room = wording.SUMMARY_BYTES - before
        if room < wording.LEAST_BYTES:
            click.echo(f"warning: {file} is full: its {before} bytes leave no room for this check", err=True)
            return
        with file.open("a", encoding="utf-8") as stream:
            stream.write("\n" * bool(before) + wording.summary(outcome, run, room - 1))
    except OSError as error:
        click.echo(f"warning: cannot write the job's summary to {file}: {error.strerror}", err=True)
