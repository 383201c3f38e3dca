"""Bencher Metric Format: benchmarks by name, their measures by name, each a value between two ends.

A ratio is followed from run to run, so it stands under a name without the calibrated size. A latency belongs to a
size and stands under the name that has it; under the other it would move with the calibration.
"""

from __future__ import annotations

from perflab.export.documents import as_json, refuse_empty
from perflab.export.names import stable
from perflab.export.source import Source, full_name, measured, sound_ratio
from perflab.model import CaseSummary, Estimate

LATENCY = "latency"
"""Bencher's own measure in ns, for the wall time of one call."""

Metric = dict[str, float]


def document(source: Source) -> str:
    """All ratios that count and all times; BadInput for a run without either."""
    found: dict[str, dict[str, Metric]] = {}
    for row in measured(source):
        ratio = sound_ratio(source, row)
        if ratio is not None:
            name = f"{row.experiment}/{stable(source, row.experiment, row.case)}"
            found.setdefault(name, {})[_ratio_measure(row)] = _metric(ratio)
        if row.quantity.unit == "ns" and row.level.value is not None:
            found.setdefault(full_name(row), {})[_level_measure(row)] = _metric(row.level)
    refuse_empty(found, "ratios that count and no times")
    return as_json(found)


def _level_measure(row: CaseSummary) -> str:
    return LATENCY if row.quantity.name == "wall_ns" else _slug(row.quantity.name)


def _ratio_measure(row: CaseSummary) -> str:
    """A quantity read upside down is a ratio by its own name: speedup."""
    return _slug(row.quantity.name if row.quantity.inverse else f"{row.quantity.name}-ratio")


def _slug(name: str) -> str:
    return name.replace("_", "-").lower()


def _metric(found: Estimate) -> Metric:
    ends = {"value": found.value, "lower_value": found.low, "upper_value": found.high}
    return {name: end for name, end in ends.items() if end is not None}
