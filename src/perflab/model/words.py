"""Words with a fixed meaning: what is estimated, how it must lie, what a clause does, how a claim ends."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A string enumeration whose members print and serialise as their value."""

    def __str__(self) -> str:
        return str(self.value)


class Estimand(Word):
    """What is estimated from a quantity over the blocks."""

    RATIO = "ratio"
    """Case over control: the median over blocks of the within-block log ratio, shown as a factor."""
    DIFFERENCE = "difference"
    """Case minus control, in the quantity's unit."""
    LEVEL = "level"
    """The case's own value, in the quantity's unit."""
    SHARE = "share"
    """The fraction of blocks whose every sample shows the expected outcome, Clopper-Pearson over blocks."""


class Relation(Word):
    """How the interval must lie to the bound for a clause to hold."""

    BELOW = "<"
    ABOVE = ">"
    WITHIN = "within"
    """For a ratio: between 1 / (1 + bound) and 1 + bound. For the others: between -bound and +bound."""


class Role(Word):
    """What a clause does in its claim."""

    DECIDES = "decides"
    """Holding confirms (with all its like), failing refutes."""
    SUPPORTS = "supports"
    """A positive control: must hold before the claim is confirmed, but can never refute it."""
    PRECONDITION = "precondition"
    """Must hold, or the claim is unresolved either way (a ceiling too low to tell)."""
    BESIDE = "beside"
    """Measured and shown next to the others; changes no verdict."""


class Verdict(Word):
    """The five ends of a claim, spelled as in JSON."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNRESOLVED = "unresolved"
    NOT_APPLICABLE = "not-applicable"
    FAILED = "failed"
