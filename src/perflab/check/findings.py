"""What a check finds: one finding for each expectation and for each ratio that was compared with a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perflab.model import Word


class Status(Word):
    """How an expectation fared."""

    AGAINST = "against"
    """Contradicted, and in independent blocks again."""
    FAILED = "failed"
    """What it needs could not be measured: it raised, hung, died or answered wrongly."""
    UNRESOLVED = "unresolved"
    """The run cannot tell, or did not measure it."""
    AS_EXPECTED = "as-expected"


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation and what became of it; ``claim`` is the id whose evidence 'perflab show' has, if any."""

    status: Status
    experiment: str
    name: str
    expected: str
    found: str
    reason: str = ""
    claim: str = ""

    @property
    def sentence(self) -> str:
        """Everything but where the evidence is, in a line."""
        where = f"{self.experiment}: {self.name}" if self.experiment else self.name
        reason = f": {self.reason}" if self.reason else ""
        return " ".join(f"{where} was expected {self.expected} and {self.found}{reason}".split())

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON types, and the sentence."""
        return {
            "status": str(self.status),
            "experiment": self.experiment,
            "name": self.name,
            "claim": self.claim or None,
            "expected": self.expected,
            "found": self.found,
            "reason": self.reason,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole check. ``baseline`` is None where none was given; ``notes`` say what a reader should know beside it."""

    expected: tuple[Finding, ...] = ()
    baseline: tuple[Finding, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the expectations, then those of the baseline."""
        return (*self.expected, *(self.baseline or ()))

    def of(self, status: Status) -> tuple[Finding, ...]:
        """The findings of one status, in order."""
        return tuple(one for one in self.findings if one.status is status)
