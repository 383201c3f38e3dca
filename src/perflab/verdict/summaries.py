"""The table of cases: every observed quantity's level, and its ratio to the case's control."""

from __future__ import annotations

from collections.abc import Iterator

from perflab.model import Case, CaseSummary, Quantity
from perflab.verdict.estimates import own_level, ratio
from perflab.verdict.evidence import Evidence


def summaries(evidence: Evidence) -> tuple[CaseSummary, ...]:
    """A row for each case and quantity it was observed in; one row for a case that failed before anything was."""
    return tuple(row for case in evidence.design.cases for row in _rows(evidence, case, _control(evidence, case)))


def _rows(evidence: Evidence, case: Case, control: Case | None) -> Iterator[CaseSummary]:
    rows = [_row(evidence, quantity, case, control) for quantity in _shown(evidence, case, control)]
    if not rows and case.id in evidence.failures:
        rows = [_row(evidence, evidence.experiment.quantities[0], case, control)]
    yield from rows


def _shown(evidence: Evidence, case: Case, control: Case | None) -> list[Quantity]:
    """What the case was observed in; what is read upside down only beside a control."""
    own = case.id
    seen = {name for table in evidence.tables for (case_id, name) in (*table.visits, *table.once) if case_id == own}
    return [q for q in evidence.experiment.quantities if q.observed in seen and (control is not None or not q.inverse)]


def _row(evidence: Evidence, quantity: Quantity, case: Case, control: Case | None) -> CaseSummary:
    return CaseSummary(
        experiment=evidence.experiment.name,
        case=case,
        quantity=quantity,
        level=own_level(evidence.tables, evidence.looks, quantity, case),
        control=control,
        ratio=None if control is None else ratio(evidence.tables, evidence.looks, quantity, case, control),
        failure=evidence.failures.get(case.id),
    )


def _control(evidence: Evidence, case: Case) -> Case | None:
    """The first control that any group gives the case."""
    arms = (arm for group in evidence.design.groups for arm in group.arms if arm.case == case)
    return next((arm.control for arm in arms if arm.control is not None), None)
