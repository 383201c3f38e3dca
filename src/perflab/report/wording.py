"""The sentences that every form of the report shares: counts, verdicts, values, bounds, names of cases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from perflab import units
from perflab.model import (
    STANDARD_QUANTITIES,
    Analysis,
    Case,
    Clause,
    ClauseResult,
    Estimand,
    Estimate,
    Judgement,
    Quantity,
    Relation,
    Role,
    Verdict,
)

SYMBOLS: Mapping[Verdict, str] = {
    Verdict.CONFIRMED: "✔",
    Verdict.REFUTED: "✘",
    Verdict.UNRESOLVED: "?",
    Verdict.NOT_APPLICABLE: "–",
    Verdict.FAILED: "!",
}
"""Shapes beside the words, so that no verdict is told by colour alone."""

MEANINGS: Mapping[Verdict, str] = {
    Verdict.CONFIRMED: "the whole interval lies on the side that the sentence says",
    Verdict.REFUTED: "the whole interval lies on the other side",
    Verdict.UNRESOLVED: "the interval lies astride the bound, or a control did not hold: this run cannot tell",
    Verdict.NOT_APPLICABLE: "the sentence is about another system or version",
    Verdict.FAILED: "what it needs could not be measured",
}

ROLES: Mapping[Role, str] = {
    Role.DECIDES: "decides",
    Role.SUPPORTS: "positive control",
    Role.PRECONDITION: "precondition",
    Role.BESIDE: "shown beside",
}

Known = Mapping[tuple[str, str], Quantity]
"""Quantities by experiment and name."""

NOTHING = "–"


def word(verdict: Verdict) -> str:
    """The verdict as people read it: "not applicable", not "not-applicable"."""
    return verdict.value.replace("-", " ")


def badge(verdict: Verdict) -> str:
    """Symbol and word."""
    return f"{SYMBOLS[verdict]} {word(verdict)}"


def plural(count: int, noun: str) -> str:
    """'1 claim', '2 claims'."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def counts(judgements: Iterable[Judgement]) -> str:
    """One line: how many claims ended how; verdicts that nobody got are left out."""
    tally = Counter(judgement.verdict for judgement in judgements)
    parts = [f"{tally[verdict]} {word(verdict)}" for verdict in Verdict if tally[verdict]]
    return f"{plural(tally.total(), 'claim')}: {', '.join(parts)}" if parts else "no claims were judged"


def case_words(case: Case | None) -> str:
    """A case as a phrase: what is computed, by which code, how it is run, how large."""
    if case is None:
        return NOTHING
    words = [case.workload, case.implementation, case.strategy, case.start_method, case.interpreter]
    words += [plural(case.workers, "worker")] if case.workers else []
    words += [f"{name} {value}" for name, value in case.params]
    words += [f"n = {case.size:,}".replace(",", " ")] if case.size else []
    return " · ".join(part.replace("_", " ") for part in words if part) or "the case"


def short_case(case: Case | None, other: Case | None = None) -> str:
    """The fields in which a case differs from ``other``; all of them where there is no other."""
    if case is None or other is None:
        return case_words(case)
    fields = ("workload", "implementation", "strategy", "start_method", "interpreter", "workers", "size")
    kept = {name: getattr(case, name) for name in fields if getattr(case, name) != getattr(other, name)}
    params = tuple(pair for pair in case.params if pair not in other.params)
    return case_words(Case(**kept, params=params)) if kept or params else case_words(case)


def quantities(analysis: Analysis) -> dict[tuple[str, str], Quantity]:
    """Every quantity that the summaries know, by experiment and name."""
    return {(row.experiment, row.quantity.name): row.quantity for row in analysis.summaries}


def quantity_named(known: Known, experiment: str, name: str) -> Quantity:
    """The quantity of an experiment: as summarised, as declared, as standard, or a bare name without a unit."""
    from perflab import registry

    if (experiment, name) in known:
        return known[experiment, name]
    declared = registry.experiments().get(experiment)
    candidates = (*(declared.quantities if declared else ()), *STANDARD_QUANTITIES)
    return next((one for one in candidates if one.name == name), Quantity(name, "", name.replace("_", " ")))


def unit_of(quantity: Quantity, estimand: Estimand) -> str:
    """The unit of the estimate: a ratio is a factor and a share a percentage, whatever the quantity's unit."""
    return {Estimand.RATIO: "x", Estimand.SHARE: "share"}.get(estimand, quantity.unit)


def value(estimate: Estimate | None, unit: str, estimand: Estimand = Estimand.LEVEL) -> str:
    """The median in human units; a dash where nothing was measured."""
    if estimate is None or estimate.value is None:
        return NOTHING
    return units.signed(estimate.value, unit) if estimand is Estimand.DIFFERENCE else units.human(estimate.value, unit)


def interval(estimate: Estimate | None, unit: str) -> str:
    """The interval in human units; a dash where too few blocks allow none."""
    return NOTHING if estimate is None else units.interval(estimate.low, estimate.high, unit)


def with_interval(estimate: Estimate | None, unit: str, estimand: Estimand = Estimand.LEVEL) -> str:
    """'1.97× (1.90–2.01×)'."""
    span = interval(estimate, unit)
    return value(estimate, unit, estimand) + (f" ({span})" if span != NOTHING else "")


def within(clause: Clause, bound: float) -> tuple[float, float]:
    """The two ends of WITHIN: factors around 1 for a ratio, amounts around 0 for the others."""
    return (1 / (1 + bound), 1 + bound) if clause.estimand is Estimand.RATIO else (-bound, bound)


def bound(result: ClauseResult, unit: str) -> str:
    """What the clause demands: 'below 1.20×', 'within 0.909–1.10×' (the declared margin)."""
    clause = result.clause
    if clause.relation is Relation.WITHIN:
        return f"within {units.interval(*within(clause, clause.bound), unit)}"
    return f"{'below' if clause.relation is Relation.BELOW else 'above'} {units.human(clause.bound, unit)}"


def would_refute(result: ClauseResult, unit: str) -> str:
    """The interval that would have failed the clause."""
    clause = result.clause
    limit = units.human(clause.bound, unit)
    if clause.relation is Relation.WITHIN:
        margin = clause.bound if result.margin_used is None else result.margin_used
        return f"an interval wholly outside of {units.interval(*within(clause, margin), unit)}"
    return f"an interval wholly {'above' if clause.relation is Relation.BELOW else 'below'} {limit}"


def held(holds: bool | None) -> str:
    """Whether a clause held, in a word."""
    return {True: "holds", False: "does not hold", None: "cannot tell"}[holds]


def clause_words(result: ClauseResult, quantity: Quantity) -> str:
    """What the clause compares: its label, or the quantity and the two cases."""
    clause = result.clause
    if clause.label:
        return clause.label
    name = quantity.name.replace("_", " ")
    if clause.estimand is Estimand.SHARE:
        return f"share of blocks in which {short_case(clause.case)} shows “{clause.expected}”"
    against = f" against {short_case(clause.control, clause.case)}" if clause.control else ""
    return f"{name} of {short_case(clause.case, clause.control)}{against}"


def orders(factor: float) -> str:
    """A factor as orders of magnitude, for those of ten and more: '2.9 orders of magnitude'."""
    return f"{abs(math.log10(factor)):.1f} orders of magnitude"
