"""Designs: which cases meet in which groups, and what is claimed and shown of them."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.model.cases import Case
from perflab.model.claims import Claim
from perflab.model.figures import Figure, Guide


@dataclass(frozen=True, slots=True)
class Arm:
    """A case as a member of a group: whom it is compared with, and where it lives.

    Arms of one group with equal ``host`` share one host process; a case that starts worker processes
    has a host of its own (give it its case id). ``memory_bytes`` is what it needs beyond an interpreter.
    ``cores`` is how many it can keep busy at once, where that is not its number of workers (a server besides them).
    """

    case: Case
    control: Case | None = None
    host: str = "shared"
    memory_bytes: int = 0
    cores: int = 0

    @property
    def demand(self) -> int:
        """How many cores it can keep busy at once, at least one."""
        return max(1, self.cores or self.case.workers)


@dataclass(frozen=True, slots=True)
class Group:
    """At most about four cases that are visited in turn, in the same rounds.

    With ``per_case_count`` each case calibrates how many times one sample repeats its call, so that a sample of
    a fast case lasts as long as that of a slow one, and its quantities are per call. Otherwise a sample is one call.
    """

    name: str
    arms: tuple[Arm, ...]
    per_case_count: bool = False
    rounds: int = 0
    """The least number of rounds in a block; 0 leaves it to the plan."""
    single: bool = False
    """Observe each case once a block, when it is opened, and in no rounds: for outcomes, and for what is costly to see.
    Such a group may have any number of cases, and its ratios are those of the two observations of a block."""


@dataclass(frozen=True, slots=True)
class Design:
    """What an experiment does under given settings."""

    groups: tuple[Group, ...]
    claims: tuple[Claim, ...] = ()
    figures: tuple[Figure, ...] = ()
    guides: tuple[Guide, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case once, in order of first appearance."""
        return tuple(dict.fromkeys(arm.case for group in self.groups for arm in group.arms))
