"""Carry out ``perflab check``: read runs and expectations, print what was found, say the exit status."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from perflab import check
from perflab.check import sources, wording
from perflab.cli import DONE, FAILED, github, showing
from perflab.errors import BadInput
from perflab.model import Analysis

AGAINST, UNRESOLVED = 1, 4
WORST_FIRST = (check.Status.AGAINST, check.Status.FAILED, check.Status.UNRESOLVED)


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
    _tell_github(outcome, path, strict, as_json)
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


def _tell_github(outcome: check.Outcome, run: str, strict: bool, as_json: bool) -> None:
    """Annotations, which a runner reads from either stream, the job's summary, and the step's verdict."""
    if github.running():
        for line in wording.error_annotations(outcome, run, strict):
            click.echo(line, err=as_json)
    github.summarise(lambda room: wording.summary(outcome, run, room))
    found = next((status for status in WORST_FIRST if outcome.of(status)), check.Status.AS_EXPECTED)
    github.conclude(str(found), [str(status) for status in WORST_FIRST])
