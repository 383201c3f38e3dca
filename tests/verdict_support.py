"""What the tests of verdicts share: three cases, their clauses, and runs scripted to known ratios."""

from __future__ import annotations

from dataclasses import replace

from perflab import verdict
from perflab.model import (
    Analysis,
    Arm,
    BlockRecord,
    Case,
    Claim,
    Clause,
    Estimand,
    Experiment,
    Failure,
    Judgement,
    Quantity,
    Relation,
    Role,
)
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_run

SERIAL = Case("sum", "python", "serial", size=1000)
THREADS = replace(SERIAL, strategy="threads", workers=2)
POOL = replace(SERIAL, strategy="pool", workers=2, start_method="fork")
TWIN = replace(SERIAL, params=(("twin", 1),))
POOL_TWIN = replace(POOL, params=(("twin", 1),))

QUANTITIES = (
    *Experiment("", "", lambda settings: None).quantities,  # type: ignore[arg-type, return-value]
    Quantity("lost", "updates", "updates that were lost"),
    Quantity("outcome", "", "what happened"),
)
ARMS = (Arm(SERIAL), Arm(THREADS, SERIAL), Arm(POOL, SERIAL, host="pool"))
NULL = scripted_experiment(
    "null", (Arm(SERIAL), Arm(TWIN, SERIAL), Arm(POOL, host="a"), Arm(POOL_TWIN, POOL, host="b")), ()
)


def wall(case: Case, relation: Relation, bound: float, role: Role = Role.DECIDES, label: str = "") -> Clause:
    return Clause(case, "wall_ns", Estimand.RATIO, relation, bound, SERIAL, role, label)


def faster(case: Case, bound: float, role: Role = Role.DECIDES, relation: Relation = Relation.ABOVE) -> Clause:
    return Clause(case, "speedup", Estimand.RATIO, relation, bound, SERIAL, role)


def experiment(*clauses: Clause, not_applicable: str = "", name: str = "gil") -> Experiment:
    claim = Claim("C1", "A sentence", clauses, ("S01",), "conditions", not_applicable)
    return scripted_experiment(name, ARMS, [claim], QUANTITIES)


def analysed(asked: Experiment, blocks: tuple[BlockRecord, ...], null: tuple[BlockRecord, ...] = ()) -> Analysis:
    return verdict.analyse(
        scripted_run((*null, *blocks), experiments=["null", asked.name]), {asked.name: asked, "null": NULL}
    )


def judged(asked: Experiment, blocks: tuple[BlockRecord, ...], null: tuple[BlockRecord, ...] = ()) -> Judgement:
    return analysed(asked, blocks, null).judgements[-1]


def steady(threads: float | None = None, pool: float | None = None, blocks: int = 6) -> tuple[BlockRecord, ...]:
    """Blocks in which serial takes 100 ns and the others what is said; None: not measured."""
    return scripted_blocks("gil", {SERIAL: [100] * blocks, THREADS: [threads] * blocks, POOL: [pool] * blocks})


def spread(case: Case, low: float, high: float, blocks: int = 6) -> tuple[BlockRecord, ...]:
    """Blocks in which the case's ratio to serial runs from low to high, so that 1..6 is exactly that."""
    ratios = [low * (high / low) ** (block / (blocks - 1)) for block in range(blocks)]
    return scripted_blocks("gil", {SERIAL: [100] * blocks, case: [100 * ratio for ratio in ratios]})


def aa(one_host: float = 1.0, separate: float = 1.0, blocks: int = 6) -> tuple[BlockRecord, ...]:
    series = {SERIAL: 100, TWIN: 100 * one_host, POOL: 100, POOL_TWIN: 100 * separate}
    return scripted_blocks("null", {case: [value] * blocks for case, value in series.items()})


SLOW, CEILING = wall(THREADS, Relation.BELOW, 1.2), faster(POOL, 1.3, Role.PRECONDITION)
PROCESSES = faster(POOL, 1.2, Role.SUPPORTS)


def with_failure(blocks: tuple[BlockRecord, ...], case: Case) -> tuple[BlockRecord, ...]:
    group = scripted_group(failures={case: Failure("died", "killed by signal 9 in round 2")}, name="failing")
    return (replace(blocks[0], groups=(*blocks[0].groups, group)), *blocks[1:])
