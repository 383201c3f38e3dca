"""What exporters read: an analysis, the blocks it came from, and the designs that say what belongs together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from perflab.model import Analysis, CaseSummary, Design, Estimate, Experiment, Judgement, Observation
from perflab.verdict.evidence import NULL, Known, find_experiment, host_kind
from perflab.verdict.null import is_void
from perflab.verdict.values import BlockTable, Key, level, log_ratio, tabulate

NOT_WALL_CLOCK = frozenset({"cpu_ns"})
"""Times that no clock on the wall would show: CPU time adds up what ran side by side."""


@dataclass(frozen=True, slots=True)
class Source:
    """An analysis with each experiment and its design, and its blocks by their number."""

    analysis: Analysis
    experiments: Mapping[str, Experiment]
    designs: Mapping[str, Design]
    tables: Mapping[str, Mapping[int, BlockTable]]


def gather(analysis: Analysis, experiments: Known = None) -> Source:
    """Index the run once; BadRun where it names an experiment that is not there."""
    run = analysis.run
    found = {name: find_experiment(name, experiments) for name in run.experiments}
    return Source(
        analysis=analysis,
        experiments=found,
        designs={name: experiment.design(run.settings) for name, experiment in found.items()},
        tables={name: {block.block: tabulate(block) for block in run.blocks_of(name)} for name in run.experiments},
    )


def failures(analysis: Analysis) -> dict[str, str]:
    """What happened to each case that failed, in one line, by experiment and case."""
    failed = ((row, row.failure) for row in analysis.summaries)
    return {
        full_name(row): f"{failure.kind}: {one_line(failure.message)}" for row, failure in failed if failure is not None
    }


def measured(source: Source) -> Iterator[CaseSummary]:
    """The rows whose case did not fail: what a failed one showed before would be taken for its result."""
    return (row for row in source.analysis.summaries if row.failure is None)


def timed(source: Source) -> Iterator[CaseSummary]:
    """The measured rows that a stopwatch would show; what is read upside down has no level."""
    rows = (row for row in measured(source) if row.quantity.unit == "ns")
    return (row for row in rows if row.quantity.name not in NOT_WALL_CLOCK and row.level.value is not None)


def full_name(row: CaseSummary) -> str:
    """Experiment and case: one line, unique in a run for each quantity."""
    return f"{row.experiment}/{row.case.id}"


def observations(source: Source, row: CaseSummary) -> dict[int, list[Observation]]:
    """What each block observed, round by round; rounds that were run again are left out."""
    seen = {number: table.observations(_key(row), False) for number, table in source.tables[row.experiment].items()}
    return {number: observed for number, observed in seen.items() if observed}


def block_levels(source: Source, row: CaseSummary) -> dict[int, float]:
    """Each block's own value of the case: those that the median of the row is taken of."""
    if row.quantity.inverse:
        return {}
    tables = source.tables[row.experiment]
    found = {number: level(table, _key(row), False) for number, table in tables.items()}
    return {number: value for number, value in found.items() if value is not None}


def block_ratios(source: Source, row: CaseSummary) -> dict[int, float]:
    """Each block's own ratio to the control; of control to case where the quantity is read upside down."""
    if row.control is None:
        return {}
    ours, theirs = _key(row), (row.control.id, row.quantity.observed)
    upper, lower = (theirs, ours) if row.quantity.inverse else (ours, theirs)
    tables = source.tables[row.experiment]
    logs = {number: log_ratio(table, upper, lower, False) for number, table in tables.items()}
    return {number: math.exp(value) for number, value in logs.items() if value is not None}


def is_void_ratio(source: Source, row: CaseSummary) -> bool:
    """Whether two copies of the same code differed so much that no ratio of such a pair counts."""
    if row.control is None or row.experiment == NULL:
        return False
    kind = host_kind(source.designs[row.experiment], row.case, row.control)
    return kind in source.analysis.null and is_void(source.analysis.null[kind])


def sound_ratio(source: Source, row: CaseSummary) -> Estimate | None:
    """The row's ratio where it has one that counts and can be turned over."""
    found = row.ratio
    if found is None or not found.value or not math.isfinite(found.value) or is_void_ratio(source, row):
        return None
    return found


def judging(source: Source, row: CaseSummary) -> list[Judgement]:
    """The verdicts that rest on this case, in what this row observes of it."""
    quantities = source.experiments[row.experiment].quantities
    names = {one.name for one in quantities if one.observed == row.quantity.observed}

    def speaks_of_it(judgement: Judgement) -> bool:
        clauses = (result.clause for result in judgement.clauses)
        return any(clause.case == row.case and clause.quantity in names for clause in clauses)

    own = (judgement for judgement in source.analysis.judgements if judgement.experiment == row.experiment)
    return [judgement for judgement in own if speaks_of_it(judgement)]


def one_line(text: str) -> str:
    """The text without line breaks, which some formats refuse."""
    return " ".join(text.split())


def _key(row: CaseSummary) -> Key:
    return row.case.id, row.quantity.observed
