"""What is derived from a stored run: estimates, judgements, summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perflab.model.cases import Case, Quantity
from perflab.model.claims import Claim, Clause
from perflab.model.records import Failure, Run
from perflab.model.words import Role, Verdict


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimand over blocks: median and interval; ``values`` are the blocks' own, in order.

    ``low`` and ``high`` are None where too few blocks allow no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    values: tuple[float, ...] = ()
    all_value: float | None = None
    """The same with contaminated rounds put back, published beside it."""


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """A clause with what was measured; ``holds`` is None where the interval lies astride the bound."""

    clause: Clause
    estimate: Estimate
    holds: bool | None
    margin_used: float | None = None
    """For WITHIN: the bound after widening by the run's A/A interval."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim's end: the verdict, why in a sentence, and every clause's result."""

    experiment: str
    claim: Claim
    verdict: Verdict
    reason: str
    clauses: tuple[ClauseResult, ...] = ()
    confidence: float = 0.95

    @property
    def deciding(self) -> ClauseResult | None:
        """The clause whose value is the claim's own."""
        return next((result for result in self.clauses if result.clause.role is Role.DECIDES), None)


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One row of the table of cases: a quantity's level, and its ratio to the case's control."""

    experiment: str
    case: Case
    quantity: Quantity
    level: Estimate
    control: Case | None = None
    ratio: Estimate | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything derived from a stored run that a report shows."""

    run: Run
    judgements: tuple[Judgement, ...]
    summaries: tuple[CaseSummary, ...]
    null: Mapping[str, Estimate] = field(default_factory=dict)
    """The A/A ratios by kind ("one host", "separate hosts")."""
    warnings: tuple[str, ...] = ()
