"""The list that github-action-benchmark reads as ``customSmallerIsBetter``: ratios to the control, never seconds.

Another runner changes every number of seconds and few ratios, so an alarm means the code. What has no better side
(counts, points, outcomes) is left out, as is a speed-up beside the time that it is the inverse of: one change would
raise two alarms. So is a ratio whose own interval spans a factor of 2, the action's usual threshold: it would alarm
by noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perflab import units
from perflab.export.documents import as_json, refuse_empty
from perflab.export.names import stable
from perflab.export.source import Source, judging, measured, sound_ratio
from perflab.model import CaseSummary, Estimate

COSTS = frozenset({"ns", "bytes"})
"""Units of what is better the less there is of it."""

WIDEST = 2.0
"""The upper end over the lower end beyond which a ratio says nothing of a change."""


def document(source: Source) -> str:
    """An entry for each cost of each case with a control; BadInput for a run without any."""
    entries = [_entry(source, row, ratio) for row, ratio in _alarming(source)]
    refuse_empty(entries, "ratio of a time or a size to a control that counts")
    return as_json(entries)


def _alarming(source: Source) -> Iterator[tuple[CaseSummary, Estimate]]:
    sound = ((row, sound_ratio(source, row)) for row in measured(source))
    rows = [(row, ratio) for row, ratio in sound if ratio is not None and not _is_vague(ratio)]
    told = {(row.experiment, row.case, row.quantity.name) for row, _ in rows}
    for row, ratio in rows:
        if row.quantity.inverse and (row.experiment, row.case, row.quantity.of) not in told:
            yield row, _turned_over(ratio)
        elif row.quantity.unit in COSTS and not row.quantity.inverse:
            yield row, ratio


def _is_vague(ratio: Estimate) -> bool:
    return ratio.low is not None and ratio.high is not None and ratio.high > WIDEST * ratio.low


def _entry(source: Source, row: CaseSummary, ratio: Estimate) -> dict[str, Any]:
    span = "too few blocks for one" if ratio.low is None else units.interval(ratio.low, ratio.high, "x")
    about = {"name": _name(source, row), "unit": "ratio", "value": ratio.value}
    return {**about, "range": f"95 % interval: {span}", "extra": _extra(source, row)}


def _name(source: Source, row: CaseSummary) -> str:
    names = [stable(source, row.experiment, case) for case in (row.case, row.control) if case is not None]
    quantity = f"1/{row.quantity.name}" if row.quantity.inverse else row.quantity.name
    return f"{row.experiment} {quantity}: {' against '.join(names)}"


def _extra(source: Source, row: CaseSummary) -> str:
    """What the chart shows at a point: how much stands behind it, what was judged, and where."""
    blocks = len(row.ratio.values) if row.ratio else 0
    verdicts = (f"{one.claim.id}: {one.verdict}" for one in judging(source, row))
    return "\n".join((f"median of {blocks} blocks", *verdicts, _place(source.analysis.run.environment)))


def _place(environment: Mapping[str, Any]) -> str:
    known = (environment.get(name) for name in ("implementation", "python", "cpu"))
    return ", ".join(str(one) for one in known if one)


def _turned_over(ratio: Estimate) -> Estimate:
    value, low, high = (1 / end if end else None for end in (ratio.value, ratio.high, ratio.low))
    return Estimate(value, low, high)
