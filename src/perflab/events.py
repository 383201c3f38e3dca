"""What a run tells its observer as it goes; nothing here prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perflab.model import Failure, Judgement


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another run measures on this machine; this one begins when that one has ended."""

    holder: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run's folder and plan are settled."""

    path: Path
    experiments: tuple[str, ...]
    plan: str
    budget_s: float


@dataclass(frozen=True, slots=True)
class ExperimentStarted:
    """An experiment is measured from now on; ``position`` counts from 1."""

    name: str
    question: str
    position: int
    total: int


@dataclass(frozen=True, slots=True)
class RoundDone:
    """One round of a block is over."""

    experiment: str
    block: int
    most_blocks: int
    group: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class BlockDone:
    """A block is in the journal; ``blocks_planned`` is the next look at which the experiment may end."""

    experiment: str
    block: int
    blocks_planned: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class VerdictFell:
    """A claim has its verdict for this run."""

    judgement: Judgement


@dataclass(frozen=True, slots=True)
class CaseFailed:
    """A case was lost, and why."""

    experiment: str
    case_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class ExperimentDone:
    """An experiment has ended."""

    name: str
    seconds: float
    blocks: int


@dataclass(frozen=True, slots=True)
class RunDone:
    """The run has ended."""

    path: Path
    seconds: float


Event = (
    Waiting
    | RunStarted
    | ExperimentStarted
    | RoundDone
    | BlockDone
    | VerdictFell
    | CaseFailed
    | ExperimentDone
    | RunDone
)
Observe = Callable[[Event], None]
