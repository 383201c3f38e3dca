"""CSV: a row for each case, quantity and block, with the block's own value; a row for each case that failed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from perflab.export.source import Source, block_levels, block_ratios, measured, observations, one_line
from perflab.model import Case, CaseSummary

COLUMNS = (
    "experiment",
    "case",
    "control",
    "workload",
    "implementation",
    "strategy",
    "workers",
    "size",
    "start_method",
    "interpreter",
    "params",
    "quantity",
    "unit",
    "block",
    "value",
    "ratio",
    "failure",
)
"""``value`` is in ``unit``; ``ratio`` is that to the control; a cell is empty where there is none."""


def document(source: Source) -> str:
    """The table with its header; every cell is quoted, numbers are as exact as they were stored."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_failed(source))
    for row in measured(source):
        writer.writerows(_blocks(source, row))
    return text.getvalue()


def _blocks(source: Source, row: CaseSummary) -> Iterator[dict[str, Any]]:
    values: dict[int, float | str] = {**_outcomes(source, row), **block_levels(source, row)}
    ratios = block_ratios(source, row)
    about = {**_about(row.experiment, row.case), "quantity": row.quantity.name, "unit": row.quantity.unit}
    about["control"] = row.control.id if row.control else ""
    for block in sorted({*values, *ratios}):
        yield {**about, "block": block, "value": values.get(block, ""), "ratio": ratios.get(block, "")}


def _outcomes(source: Source, row: CaseSummary) -> dict[int, str]:
    """What a block saw where that is text: the outcomes, each once."""
    seen = observations(source, row)
    words = {block: [one for one in some if isinstance(one, str)] for block, some in seen.items()}
    return {block: "; ".join(dict.fromkeys(some)) for block, some in words.items() if some}


def _failed(source: Source) -> Iterator[dict[str, Any]]:
    """A row without numbers for each case that failed."""
    failed = {(row.experiment, row.case): row.failure for row in source.analysis.summaries if row.failure}
    for (experiment, case), failure in failed.items():
        yield {**_about(experiment, case), "failure": f"{failure.kind}: {one_line(failure.message)}"}


def _about(experiment: str, case: Case) -> dict[str, Any]:
    fields = {**case.to_json(), "params": json.dumps(dict(case.params)) if case.params else ""}
    return {"experiment": experiment, "case": case.id, **fields}
