"""The numbers behind a figure's marks, by the very statistics that judge the claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from perflab.model import Analysis, Case, Design, Estimand, Estimate, Experiment

Estimator = Callable[[str, Case, "Case | None", str, Estimand], Estimate]
"""Gives the estimate of (experiment, case, control, quantity name, estimand), with its block values."""


def estimator(analysis: Analysis, experiments: Mapping[str, Experiment]) -> Estimator:
    """Estimates from the analysed run; KeyError for what its experiments do not declare."""
    from perflab.verdict.estimates import estimate
    from perflab.verdict.evidence import Evidence, gather

    @cache
    def evidence(name: str) -> Evidence:
        return gather(experiments[name], analysis.run.settings, analysis.run.blocks_of(name), analysis.null)

    def of(name: str, case: Case, control: Case | None, quantity: str, estimand: Estimand) -> Estimate:
        found = evidence(name)
        declared = found.experiment.quantity(quantity)
        expected = _expected(found.design, case, quantity)
        return estimate(found.tables, found.looks, estimand, declared, case, control, expected)

    return of


def _expected(design: Design, case: Case, quantity: str) -> str:
    """The outcome that a claim expects of the case: a figure of shares shows the share of that."""
    clauses = (clause for claim in design.claims for clause in claim.clauses)
    asked = (c.expected for c in clauses if c.expected and c.case == case and c.quantity == quantity)
    return next(asked, "")
