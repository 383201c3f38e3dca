"""Clauses about outcomes: what is the rule and what never happens, by one bound for all experiments."""

from __future__ import annotations

from perflab.model import Case, Clause, Estimand, Relation, Role

HALF = 0.5
"""What is seen in more than half of all blocks is the rule. Six of six blocks are the least to show it: 0.502 to 1."""


def always(case: Case, quantity: str, expected: str, label: str, role: Role = Role.DECIDES) -> Clause:
    """That ``quantity`` shows the expected outcome, as a rule; a number is expected as its text."""
    return Clause(case, quantity, Estimand.SHARE, Relation.ABOVE, HALF, role=role, label=label, expected=expected)


def never(case: Case, quantity: str, expected: str, label: str, role: Role = Role.DECIDES) -> Clause:
    """That ``quantity`` does not show this outcome, as a rule."""
    return Clause(case, quantity, Estimand.SHARE, Relation.BELOW, HALF, role=role, label=label, expected=expected)
