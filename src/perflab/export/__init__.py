"""A stored run in the formats of other tools: each exporter is one file, and a row of EXPORTERS.

Nothing is measured here: every number is an analysis's own, or a block's, under the names that the other tool expects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from perflab.errors import BadInput
from perflab.export import bmf, csv, github_action, pyperf, pytest_benchmark
from perflab.export.files import write
from perflab.export.source import Source, failures, gather
from perflab.model import Analysis
from perflab.registry import nearest
from perflab.verdict.evidence import Known

__all__ = ["EXPORTERS", "export", "exporter", "failures", "write"]

Exporter = Callable[[Source], str]

EXPORTERS: Mapping[str, Exporter] = {
    "pyperf": pyperf.document,
    "pytest-benchmark": pytest_benchmark.document,
    "github-action": github_action.document,
    "bmf": bmf.document,
    "csv": csv.document,
}


def exporter(format: str) -> Exporter:
    """The exporter of that name; BadInput with the near names for one that is not there."""
    if format not in EXPORTERS:
        known = ", ".join(EXPORTERS)
        raise BadInput(f"unknown format '{format}'{nearest(format, EXPORTERS)}; expected --format with one of {known}")
    return EXPORTERS[format]


def export(analysis: Analysis, format: str, experiments: Known = None) -> str:
    """The whole document as text; BadInput where the run holds nothing that the format could carry."""
    return exporter(format)(gather(analysis, experiments))
