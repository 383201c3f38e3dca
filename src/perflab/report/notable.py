"""The figures worth a sentence: the best speed-up, the widest gap, what a Manager costs, the ceiling, A against A."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from perflab import units
from perflab.model import Analysis, CaseSummary, Estimate
from perflab.report.wording import case_words, orders, short_case, with_interval

_ASIDE = frozenset({"cold_ns", "teardown_ns", "cpu_ns", "pss_bytes"})
"""What a case costs besides its calls: shown in the tables, no gap to be surprised at."""

_MANAGER = "S22"
"""The sentence of the tutorial that the Manager's price belongs to."""

_LARGE = 10.0
"""From this factor on a gap is told in orders of magnitude."""


def notable(analysis: Analysis) -> list[str]:
    """A sentence for each notable figure that this run holds; what was not measured is left out."""
    rows = [row for row in analysis.summaries if _ratio(row) is not None and row.quantity.name not in _ASIDE]
    sentences = [_speedup(rows), _ceiling(rows), _manager(analysis), _gap(rows), *_null(analysis)]
    return [sentence for sentence in sentences if sentence]


def faster(row: CaseSummary) -> float:
    """How many times faster than its control; below 1 for slower, 0 where there is no ratio."""
    ratio = _ratio(row)
    if ratio is None:
        return 0.0
    return ratio if row.quantity.inverse else 1 / ratio


def _ratio(row: CaseSummary) -> float | None:
    value = row.ratio.value if row.ratio is not None and row.control is not None else None
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _names(row: CaseSummary) -> str:
    return f"{row.case.id} {row.control.id if row.control else ''}".lower()


def _parallel(row: CaseSummary) -> bool:
    """The same work by the same code, run by several workers: what people call a speed-up."""
    same = row.control is not None and (row.case.workload, row.case.implementation) == (
        row.control.workload,
        row.control.implementation,
    )
    return same and row.case.workers > 1 and "ceiling" not in _names(row)


def _speedup(rows: Iterable[CaseSummary]) -> str:
    warm = (row for row in rows if row.quantity.observed == "wall_ns" and _parallel(row))
    best = max(warm, key=faster, default=None)
    if best is None or faster(best) <= 1:
        return ""
    work = case_words(replace(best.case, strategy="", workers=0, size=0, start_method="", params=()))
    who = short_case(best.case, best.control)
    return (
        f"The best speed-up by workers: {who}, {_times(best)} as fast as {_control(best)} ({work}, {best.experiment})."
    )


def _ceiling(rows: Iterable[CaseSummary]) -> str:
    best = max((row for row in rows if "ceiling" in _names(row)), key=faster, default=None)
    if best is None:
        return ""
    return f"The ceiling: independent loops, one a core, got {_times(best)} the work done of one alone."


def _manager(analysis: Analysis) -> str:
    judged = (one.deciding for one in analysis.judgements if _MANAGER in one.claim.seed)
    found = next((one for one in judged if one is not None and one.estimate.value), None)
    if found is None or found.estimate.value is None:
        return ""
    ends = [units.three_digits(math.log10(end)) for end in (found.estimate.low, found.estimate.high) if end]
    within = f" ({'–'.join(ends)})" if len(ends) == 2 else ""
    factor, size = with_interval(found.estimate, "x"), units.three_digits(math.log10(found.estimate.value))
    case, control = found.clause.case, found.clause.control
    pair = f"{short_case(case, control)} against {short_case(control, case)}"
    return f"The Manager's price: {factor}, {size} orders of magnitude{within}: {found.clause.label or pair}."


def _gap(rows: Iterable[CaseSummary]) -> str:
    times = (row for row in rows if row.quantity.unit == "ns" and row.quantity.observed != "wall_ns")
    alike = (row for row in times if "manager" not in _names(row))
    widest = max(alike, key=_factor, default=None)
    return f"The widest gap beside it: {_gap_words(widest)}." if widest and _factor(widest) >= 2 else ""


def _null(analysis: Analysis) -> list[str]:
    return [f"The same code against itself ({kind}): {with_interval(estimate, 'x')}." for kind, estimate in
            analysis.null.items()]  # fmt: skip


def _factor(row: CaseSummary) -> float:
    return max(faster(row), 1 / faster(row)) if faster(row) else 1.0


def _gap_words(row: CaseSummary) -> str:
    case, control = row.case, row.control
    slow, fast = (control, case) if faster(row) > 1 else (case, control)
    size = f", {orders(_factor(row))}" if _factor(row) >= _LARGE else ""
    said = f"{short_case(slow, fast)} takes {units.human(_factor(row), 'x')} the time of {short_case(fast, slow)}"
    return f"{said}{size} ({row.quantity.name}, {row.experiment})"


def _times(row: CaseSummary) -> str:
    """How many times faster, with the interval turned round where the quantity is a time."""
    ratio = row.ratio
    assert ratio is not None
    if row.quantity.inverse or ratio.value is None:
        return with_interval(ratio, "x")
    low, high = (1 / end if end else None for end in (ratio.high, ratio.low))
    return with_interval(Estimate(1 / ratio.value, low, high), "x")


def _control(row: CaseSummary) -> str:
    return short_case(row.control, row.case)
