"""What on this machine will disturb a measurement: gathered once, then judged by pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from perflab.doctor import memory, neighbours, processor, python
from perflab.doctor.gathering import gather
from perflab.doctor.record import Finding, Level, Passed, Record

__all__ = ["EXAMINATIONS", "Finding", "Level", "Passed", "Record", "conclusion", "examine", "gather", "to_json"]

SCHEMA = "perflab.doctor/1"

EXAMINATIONS: tuple[Callable[[Record], Finding], ...] = (
    neighbours.lock,
    neighbours.load,
    neighbours.steal,
    neighbours.pressure,
    neighbours.throttling,
    neighbours.hypervisor,
    neighbours.core_speed,
    neighbours.container,
    processor.cores,
    processor.smt,
    processor.governor,
    processor.turbo,
    processor.clock,
    processor.clock_source,
    memory.memory,
    memory.shared_memory,
    memory.swap,
    memory.huge_pages,
    memory.aslr,
    python.gil,
    python.build,
    python.blas_threads,
)
"""In the order in which they most often are the reason."""


def examine(record: Record) -> tuple[Finding, ...]:
    """One finding of each examination, whatever was gathered."""
    return tuple(examination(record) for examination in EXAMINATIONS)


def conclusion(findings: Iterable[Finding]) -> str:
    """How many findings of which level, and whether to measure here; at most 80 characters."""
    tally = Counter(finding.level for finding in findings)
    warnings, notes = tally[Level.WARNING], tally[Level.NOTE]
    counted = f"{_plural(warnings, 'warning')}, {_plural(notes, 'note')}, {tally[Level.FINE]} fine."
    if warnings:
        return f"{counted} This machine is not fit to measure on as it is."
    return f"{counted} This machine is fit to measure on{'; mind the notes' if notes else ''}."


def to_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The document of ``doctor --json``."""
    return {"schema": SCHEMA, "findings": [{**asdict(one), "level": one.level.value} for one in findings]}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
