"""Public fakes for tests without timing: a clock that is told, and experiments and runs made of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from perflab.clock import FakeClock
from perflab.model import (
    STANDARD_QUANTITIES,
    Arm,
    BlockRecord,
    Case,
    Claim,
    Design,
    Experiment,
    Failure,
    Group,
    GroupRecord,
    Observation,
    Quantity,
    RoundRecord,
    Run,
    Settings,
)

__all__ = [
    "FakeClock",
    "merged_blocks",
    "scripted_blocks",
    "scripted_experiment",
    "scripted_group",
    "scripted_round",
    "scripted_run",
]


def scripted_experiment(
    name: str,
    arms: Iterable[Arm],
    claims: Iterable[Claim] = (),
    quantities: tuple[Quantity, ...] = STANDARD_QUANTITIES,
) -> Experiment:
    """An experiment of one group whose design is the same under all settings."""
    design = Design((Group("scripted", tuple(arms)),), tuple(claims))
    return Experiment(name, f"What does {name} show?", lambda settings: design, quantities=quantities)


def scripted_round(
    samples: Mapping[Case, Observation],
    quantity: str = "wall_ns",
    *,
    contaminated: bool = False,
    replaced: bool = False,
) -> RoundRecord:
    """One visit of each case, in the order given."""
    observed = {case.id: {quantity: seen} for case, seen in samples.items()}
    return RoundRecord(observed, tuple(observed), contaminated=contaminated, replaced=replaced)


def scripted_group(
    rounds: Iterable[RoundRecord] = (),
    once: Mapping[Case, Mapping[str, Observation]] | None = None,
    failures: Mapping[Case, Failure] | None = None,
    name: str = "scripted",
) -> GroupRecord:
    """What one block saw of a group: its rounds, what it observed once, and which cases failed."""
    return GroupRecord(
        name,
        tuple(rounds),
        once={case.id: seen for case, seen in (once or {}).items()},
        failures={case.id: failure for case, failure in (failures or {}).items()},
    )


def scripted_blocks(
    experiment: str,
    series: Mapping[Case, Sequence[Observation | None]],
    quantity: str = "wall_ns",
    *,
    group: str = "scripted",
    rounds: int = 1,
) -> tuple[BlockRecord, ...]:
    """Blocks from a number for each case and block, the same in every round; None: not measured in that block."""
    length = max((len(values) for values in series.values()), default=0)
    blocks = [{case: values[b] for case, values in series.items() if b < len(values)} for b in range(length)]
    seen = [{case: value for case, value in block.items() if value is not None} for block in blocks]
    groups = (scripted_group([scripted_round(one, quantity)] * rounds, name=group) for one in seen)
    return tuple(BlockRecord(experiment, number, number, (record,)) for number, record in enumerate(groups))


def merged_blocks(*parts: Sequence[BlockRecord]) -> tuple[BlockRecord, ...]:
    """The groups of several series of one experiment side by side, block by block."""
    together = (tuple(block for block in same if block is not None) for same in zip_longest(*parts))
    return tuple(
        BlockRecord(same[0].experiment, number, number, tuple(group for block in same for group in block.groups))
        for number, same in enumerate(together)
    )


def scripted_run(blocks: Iterable[BlockRecord], plan: str = "quick", experiments: Iterable[str] = ()) -> Run:
    """A finished run of these blocks; ``experiments`` names those that have none as well."""
    stored = tuple(blocks)
    names = dict.fromkeys((*experiments, *(block.experiment for block in stored)))
    return Run(
        settings=Settings(plan=plan),
        experiments=tuple(names),
        seed=1,
        environment={"python": "scripted"},
        code_hash="0" * 16,
        started="2026-01-01T00:00:00Z",
        blocks=stored,
        ended={"seconds": 1.0, "interrupted": False},
    )
