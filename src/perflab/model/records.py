"""What a run stores: rounds, groups, blocks, failures, and the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from perflab.model.cases import Number, Observation
from perflab.model.plans import Settings


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case has no answer: what happened, in one line, with the evidence (a traceback, a stack dump)."""

    kind: Literal["raised", "wrong", "hung", "died", "refused"]
    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One visit of each case of a group, in the order drawn; ``samples`` maps case ids to what they observed.

    ``evidence``: ``wall_ns`` of the round, ``steal_ns``, ``foreign_ns`` (CPU time of others), ``psi_us``,
    ``throttled_us``, ``slowdown`` (how many times its shortest a fixed loop took on the slowest core), and for each
    case id ``run_delay_ns:<id>`` and ``involuntary:<id>``; what the system does not tell is left out. ``replaced``: set
    aside, as it was contaminated and run again later in the same block, or beside a slow core while others were not.
    """

    samples: Mapping[str, Mapping[str, Observation]]
    order: tuple[str, ...] = ()
    evidence: Mapping[str, Number] = field(default_factory=dict)
    contaminated: bool = False
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """What one block observed of a group: rounds, and per case what is observed once a block."""

    name: str
    rounds: tuple[RoundRecord, ...] = ()
    once: Mapping[str, Mapping[str, Observation]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One line of the journal: a finished block of one experiment. ``ledger`` says where its seconds went."""

    experiment: str
    block: int
    seed: int
    groups: tuple[GroupRecord, ...]
    ledger: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run as read back: the header's parts and the finished blocks, in order."""

    settings: Settings
    experiments: tuple[str, ...]
    seed: int
    environment: Mapping[str, Any]
    code_hash: str
    started: str
    blocks: tuple[BlockRecord, ...]
    version: str = ""
    ended: Mapping[str, Any] = field(default_factory=dict)
    """The closing line of a run that came to its end: seconds by kind, and whether it was interrupted."""
    grid: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The case ids that each experiment was designed to measure."""

    def blocks_of(self, experiment: str) -> tuple[BlockRecord, ...]:
        """The blocks of one experiment."""
        return tuple(block for block in self.blocks if block.experiment == experiment)
