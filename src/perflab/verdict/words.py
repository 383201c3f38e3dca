"""Say what a clause measured, and where that lies, in words that need no statistics."""

from __future__ import annotations

import textwrap
from collections import Counter

from perflab import units
from perflab.model import Case, Clause, ClauseResult, Estimand, Quantity, Relation
from perflab.verdict.clauses import half_width, quantity_of
from perflab.verdict.evidence import Evidence

MOST_TEXT = 160
"""Characters of an outcome that a sentence quotes."""


def sentence(evidence: Evidence, result: ClauseResult) -> str:
    """What was found against what was asked for; why nothing was found, where there is no value."""
    name = subject(evidence, result.clause)
    if result.estimate.value is None:
        return f"{name}: {_why_nothing(evidence, result.clause)}"
    return f"{name}: {measured(evidence, result)}, {_place(result, unit_of(evidence, result.clause))}"


def measured(evidence: Evidence, result: ClauseResult) -> str:
    """The value, what it is compared with, and its interval if there is one."""
    clause, found = result.clause, result.estimate
    if found.value is None:
        return "no value"
    unit = unit_of(evidence, clause)
    span = "" if found.low is None else f" ({units.interval(found.low, found.high, unit)})"
    return f"{_value(quantity_of(evidence, clause), result, unit)}{_otherwise(evidence, clause)}{span}"


def smallest_effect(evidence: Evidence, result: ClauseResult) -> str:
    """The minimum detectable effect as a clause of a sentence; empty without an interval."""
    width = half_width(result)
    if width is None:
        return ""
    unit = "share" if result.clause.estimand is Estimand.RATIO else unit_of(evidence, result.clause)
    return f"the smallest effect it could have seen is {units.human(width, unit)}"


def subject(evidence: Evidence, clause: Clause) -> str:
    """Whom the clause is about: its label, or its quantity and what sets its case apart from the control."""
    name = quantity_of(evidence, clause).name.replace("_", " ")
    return clause.label or f"{name} of {short(clause.case, clause.control)}"


def unit_of(evidence: Evidence, clause: Clause) -> str:
    """A ratio is a factor and a share a percentage, whatever the quantity's unit."""
    return estimate_unit(clause.estimand, quantity_of(evidence, clause))


def estimate_unit(estimand: Estimand, quantity: Quantity) -> str:
    """The unit in which an estimand of this quantity is given."""
    return {Estimand.RATIO: "x", Estimand.SHARE: "share"}.get(estimand, quantity.unit)


def short(case: Case, other: Case | None = None) -> str:
    """The traits in which a case differs from ``other``; all but its size where it has no other."""
    own = _traits(case)
    if other is None:
        return ", ".join(words for name, words in own.items() if name != "size") or "the case"
    apart = [words for name, words in own.items() if _traits(other).get(name) != words]
    return ", ".join(apart) or short(case)


def _traits(case: Case) -> dict[str, str]:
    named = {
        "implementation": case.implementation,
        "workload": case.workload,
        "strategy": case.strategy,
        "workers": "" if not case.workers else "1 worker" if case.workers == 1 else f"{case.workers} workers",
        "start method": case.start_method,
        "interpreter": case.interpreter,
        "size": f"{case.size} elements" if case.size else "",
        **{name: f"{name} {value}" for name, value in case.params},
    }
    return {name: words.replace("_", " ") for name, words in named.items() if words}


def _value(quantity: Quantity, result: ClauseResult, unit: str) -> str:
    clause, value = result.clause, result.estimate.value or 0.0
    control = "" if clause.control is None else short(clause.control, clause.case)
    if clause.estimand is Estimand.RATIO:
        return f"{units.human(value, unit)} {'as fast as' if quantity.name == 'speedup' else 'that of'} {control}"
    if clause.estimand is Estimand.DIFFERENCE:
        return f"{units.signed(value, unit)} against {control}"
    if clause.estimand is Estimand.SHARE:
        values = result.estimate.values
        return f"as expected in {sum(values):.0f} of {len(values)} blocks"
    return units.human(value, unit)


def _otherwise(evidence: Evidence, clause: Clause) -> str:
    """What a share's other samples showed most often, where that is a text: it is what a reader asks next."""
    if clause.estimand is not Estimand.SHARE:
        return ""
    key = (clause.case.id, quantity_of(evidence, clause).observed)
    seen = (one for table in evidence.tables for one in table.observations(key, False) if isinstance(one, str))
    others = Counter(one for one in seen if one != clause.expected).most_common(1)
    return f", otherwise “{textwrap.shorten(others[0][0], MOST_TEXT, placeholder=' …')}”" if others else ""


def _place(result: ClauseResult, unit: str) -> str:
    clause, found = result.clause, result.estimate
    if found.low is None or found.high is None:
        return f"after {len(found.values)} blocks, too few for an interval"
    if clause.relation is Relation.WITHIN:
        side = {True: "within", False: "outside", None: "astride"}[result.holds]
        return f"{side} the margin {_margin(result, unit)}"
    # A bound that is touched is not passed: shares end at 0 and 1, counts at 0.
    beside = "above" if clause.relation is Relation.ABOVE else "below"
    touched = "astride" if result.holds is None else f"not {beside}"
    side = "above" if found.low > clause.bound else "below" if found.high < clause.bound else touched
    return f"{side} the bound {units.human(clause.bound, unit)}"


def _margin(result: ClauseResult, unit: str) -> str:
    """The declared margin; where sameness is not proved, also the wider one that only the A/A accounts for."""
    unit = "share" if result.clause.estimand is Estimand.RATIO else unit
    used = result.margin_used or 0.0
    declared, wider = units.human(result.clause.bound, unit), units.human(used, unit)
    if result.holds or used <= result.clause.bound:
        return f"±{declared}"
    if result.holds is False:
        return f"±{wider} (declared {declared}) by which two copies of the same code differ"
    return f"±{declared} (two copies of the same code differ by up to {wider} here)"


def _why_nothing(evidence: Evidence, clause: Clause) -> str:
    name = quantity_of(evidence, clause).observed
    cases = [case for case in (clause.case, clause.control) if case is not None]
    unseen = [case for case in cases if not any(table.observations((case.id, name), True) for table in evidence.tables)]
    if unseen:
        return f"not measured ({short(unseen[0])} has no {name})"
    return f"no value (no block has a {name} that a {clause.estimand} can be made of: a ratio needs numbers above 0)"
