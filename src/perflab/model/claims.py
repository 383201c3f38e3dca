"""Claims, and the clauses that decide them."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.model.cases import Case
from perflab.model.words import Estimand, Relation, Role


@dataclass(frozen=True, slots=True)
class Clause:
    """One measurable part of a claim: the interval of (case against control) must lie beyond the bound."""

    case: Case
    quantity: str
    estimand: Estimand
    relation: Relation
    bound: float
    control: Case | None = None
    role: Role = Role.DECIDES
    label: str = ""
    expected: str = ""
    """For a share: the outcome that counts."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that the lab judges; the first deciding clause gives the claim its value."""

    id: str
    sentence: str
    clauses: tuple[Clause, ...]
    seed: tuple[str, ...] = ()
    conditions: str = ""
    """The conditions under which the sentence is meant, in words."""
    not_applicable: str = ""
    """Why it cannot be judged here (another system, another version); empty where it can."""
