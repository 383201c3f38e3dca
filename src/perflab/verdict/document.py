"""The document of ``perflab show --json``: an analysis as plain JSON types, under the published names."""

from __future__ import annotations

import math
from typing import Any

from perflab.model import (
    Analysis,
    Case,
    CaseSummary,
    ClauseResult,
    Estimate,
    Experiment,
    Judgement,
    Quantity,
)
from perflab.verdict.evidence import Known, find_experiment
from perflab.verdict.words import estimate_unit

SCHEMA = "perflab.verdicts/1"


def to_json(analysis: Analysis, experiments: Known = None) -> dict[str, Any]:
    """The whole document; what is not known is None, never NaN."""
    return {
        "schema": SCHEMA,
        "environment": dict(analysis.run.environment),
        "claims": [_claim(judgement, experiments) for judgement in analysis.judgements],
        "cases": [_case(summary) for summary in analysis.summaries],
    }


def _claim(judgement: Judgement, experiments: Known) -> dict[str, Any]:
    claim, deciding = judgement.claim, judgement.deciding
    return {
        "id": claim.id,
        "experiment": judgement.experiment,
        "seed": list(claim.seed),
        "sentence": claim.sentence,
        "verdict": str(judgement.verdict),
        **_deciding(deciding, find_experiment(judgement.experiment, experiments)),
        "confidence": judgement.confidence,
        "conditions": claim.conditions,
        "reason": judgement.reason,
        "clauses": [_clause(result) for result in judgement.clauses],
    }


def _deciding(result: ClauseResult | None, experiment: Experiment) -> dict[str, Any]:
    """The claim's own value: that of its first deciding clause."""
    if result is None:
        return dict.fromkeys(("quantity", "value", "low", "high", "relation", "bound", "unit"))
    declared = {quantity.name: quantity for quantity in experiment.quantities}
    quantity = declared.get(result.clause.quantity, Quantity(result.clause.quantity, "", ""))
    own = _clause(result)
    return {
        **{name: own[name] for name in ("quantity", "value", "low", "high", "relation", "bound")},
        "unit": estimate_unit(result.clause.estimand, quantity),
    }


def _clause(result: ClauseResult) -> dict[str, Any]:
    clause = result.clause
    return {
        "case": clause.case.to_json(),
        "control": _case_or_none(clause.control),
        "quantity": clause.quantity,
        "estimand": str(clause.estimand),
        **_interval(result.estimate),
        "relation": str(clause.relation),
        "bound": _finite(clause.bound),
        "holds": result.holds,
    }


def _case(row: CaseSummary) -> dict[str, Any]:
    level, ratio = _interval(row.level), _interval(row.ratio)
    return {
        "experiment": row.experiment,
        "case": row.case.to_json(),
        "quantity": row.quantity.name,
        "unit": row.quantity.unit,
        "median": level["value"],
        "low": level["low"],
        "high": level["high"],
        "blocks": len(row.level.values) or len(row.ratio.values if row.ratio else ()),
        "control": _case_or_none(row.control),
        "ratio": ratio["value"],
        "ratio_low": ratio["low"],
        "ratio_high": ratio["high"],
    }


def _interval(found: Estimate | None) -> dict[str, float | None]:
    if found is None:
        return {"value": None, "low": None, "high": None}
    return {"value": _finite(found.value), "low": _finite(found.low), "high": _finite(found.high)}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _case_or_none(case: Case | None) -> dict[str, Any] | None:
    return None if case is None else case.to_json()
