"""pytest-benchmark's JSON: a benchmark for each case and time, its statistics taken over the blocks' values in seconds.

Each block's value stands for one of its rounds, since blocks are the replicates; ratio, interval and verdicts stand in
``extra_info``. The names of the statistics, and which quartiles they are, are those of pytest-benchmark.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from perflab.export.documents import as_json, refuse_empty
from perflab.export.source import Source, block_levels, failures, full_name, is_void_ratio, judging, timed
from perflab.model import CaseSummary, Estimate

WHISKER = 1.5
"""Tukey's: what lies further beyond a quartile, in interquartile ranges, is an outlier."""


def document(source: Source) -> str:
    """What ``--benchmark-json`` would have written; BadInput for a run in which nothing was timed."""
    run = source.analysis.run
    benchmarks = [_benchmark(source, row) for row in timed(source)]
    refuse_empty(benchmarks, "times")
    return as_json(
        {
            "machine_info": _machine(run.environment),
            "commit_info": {},
            "benchmarks": benchmarks,
            "datetime": run.started,
            "version": f"perflab {run.version}".strip(),
            "perflab": {
                "plan": run.settings.plan,
                "seed": run.seed,
                "code_hash": run.code_hash,
                "failures": failures(source.analysis),
                "warnings": list(source.analysis.warnings),
            },
        }
    )


def describe(values: Sequence[float]) -> dict[str, Any]:
    """The statistics of at least one value, under pytest-benchmark's names."""
    data, count = sorted(values), len(values)
    mean, total = statistics.fmean(data), math.fsum(data)
    deviation = statistics.stdev(data) if count > 1 else 0.0
    q1, q3 = quartiles(data)
    reach = WHISKER * (q3 - q1)
    inside = [value for value in data if q1 - reach <= value <= q3 + reach]
    far = sum(not mean - deviation <= value <= mean + deviation for value in data)
    return {
        **{"min": data[0], "max": data[-1], "mean": mean, "stddev": deviation, "median": statistics.median(data)},
        **{"rounds": count, "total": total, "ops": count / total if total else 0.0},
        **{"q1": q1, "q3": q3, "iqr": q3 - q1, "ld15iqr": inside[0], "hd15iqr": inside[-1]},
        **{"iqr_outliers": count - len(inside), "stddev_outliers": far, "outliers": f"{far};{count - len(inside)}"},
    }


def quartiles(data: Sequence[float]) -> tuple[float, float]:
    """The medians of the two halves; of an odd number, the mean of the halves with and without the middle one."""
    short, long = len(data) // 2, (len(data) + 1) // 2
    lower = [statistics.median(half) for half in (data[:short] or data, data[:long])]
    upper = [statistics.median(half) for half in (data[long:] or data, data[short:])]
    return statistics.fmean(lower), statistics.fmean(upper)


def _benchmark(source: Source, row: CaseSummary) -> dict[str, Any]:
    fields = row.case.to_json()
    seconds = [value / 1e9 for value in block_levels(source, row).values()]
    return {
        "group": f"{row.experiment} {row.quantity.name}",
        "name": row.case.id,
        "fullname": f"{full_name(row)}::{row.quantity.name}",
        "params": {**fields.pop("params"), **fields},
        "param": row.case.id,
        "extra_info": _extra(source, row),
        "options": {},
        "stats": {**describe(seconds), "data": seconds, "iterations": 1},
    }


def _extra(source: Source, row: CaseSummary) -> dict[str, Any]:
    level, ratio = row.level, row.ratio or Estimate(None, None, None)
    return {
        "experiment": row.experiment,
        "quantity": row.quantity.name,
        "meaning": row.quantity.meaning,
        "median_low": None if level.low is None else level.low / 1e9,
        "median_high": None if level.high is None else level.high / 1e9,
        "control": row.control.id if row.control else None,
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "ratio_void": is_void_ratio(source, row),
        "verdicts": {one.claim.id: str(one.verdict) for one in judging(source, row)},
    }


def _machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The circumstances under pytest-benchmark's names; the node's name is never stored."""
    return {
        "node": "",
        "processor": facts.get("cpu") or "",
        "machine": facts.get("machine") or "",
        "python_compiler": facts.get("compiler") or "",
        "python_implementation": facts.get("implementation") or "",
        "python_implementation_version": facts.get("python") or "",
        "python_version": facts.get("python") or "",
        "python_build": [],
        "release": facts.get("kernel") or "",
        "system": facts.get("system") or "",
        "cpu": {"brand_raw": facts.get("cpu") or "", "count": (facts.get("cores") or {}).get("os_cpu_count")},
    }
