"""What the tests of the check share: a scripted experiment and its runs, and what the check finds of them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from perflab import check, verdict
from perflab.check.findings import Finding, Status
from perflab.model import (
    STANDARD_QUANTITIES,
    Analysis,
    Arm,
    BlockRecord,
    Case,
    Claim,
    Clause,
    Estimand,
    Quantity,
    Relation,
)
from perflab.testing import scripted_blocks, scripted_experiment, scripted_run

SERIAL = Case("sum", "nogil", "serial", size=1000)
THREADS = replace(SERIAL, strategy="threads", workers=2)
LOOSE = replace(SERIAL, strategy="loose")
TWIN = replace(SERIAL, params=(("twin", 1),))
ARMS = (Arm(SERIAL), Arm(THREADS, SERIAL), Arm(LOOSE))
QUANTITIES = (*STANDARD_QUANTITIES, Quantity("lost", "updates", "updates lost"), Quantity("outcome", "", "what it was"))


def clause(relation: Relation = Relation.ABOVE, bound: float = 1.2, **more: Any) -> Clause:
    given = {"case": THREADS, "quantity": "speedup", "estimand": Estimand.RATIO, "control": SERIAL, **more}
    return Clause(relation=relation, bound=bound, **given)


def alone(quantity: str, estimand: Estimand, bound: float, **more: Any) -> Clause:
    return clause(Relation.ABOVE, bound, quantity=quantity, estimand=estimand, **more)


CLAIMS = (
    Claim("scales", "Threads are faster", (clause(),)),
    Claim("blocks", "Threads are not faster", (clause(Relation.BELOW),)),
    Claim("equal", "Threads take as long", (clause(Relation.WITHIN, 0.02, quantity="wall_ns"),)),
    Claim("latency", "Threads take more than 1 ns", (alone("wall_ns", Estimand.LEVEL, 1, control=None),)),
    Claim("saves", "Threads save time", (clause(Relation.BELOW, 0, quantity="wall_ns", estimand=Estimand.DIFFERENCE),)),
    Claim("loses", "Threads lose updates", (alone("lost", Estimand.LEVEL, 0, control=None),)),
    Claim("right", "Threads are right", (alone("outcome", Estimand.SHARE, 0.5, control=None, expected="ok"),)),
    Claim("elsewhere", "Not here", (clause(),), not_applicable="another system"),
)
GIL = scripted_experiment("gil", ARMS, CLAIMS, QUANTITIES)
OTHER = scripted_experiment(
    "other",
    (Arm(replace(TWIN, strategy="other"), TWIN), Arm(TWIN)),
    [Claim("unheard", "Of another experiment", (clause(),))],
    (*STANDARD_QUANTITIES, Quantity("rare", "", "only here")),
)
NULL = scripted_experiment("null", (Arm(SERIAL), Arm(TWIN, SERIAL)))
CEILING = scripted_experiment("ceiling", (Arm(SERIAL), Arm(THREADS, SERIAL, "own")), [Claim("most", "", (clause(),))])
KNOWN = {one.name: one for one in (NULL, CEILING, GIL, OTHER)}


def times(speedups: Sequence[float | None], name: str = "gil", case: Case = THREADS) -> tuple[BlockRecord, ...]:
    """Blocks in which threads are so much faster than serial; None: not measured."""
    taken = [None if one is None else 1200 / one for one in speedups]
    return scripted_blocks(name, {SERIAL: [1200] * len(taken), LOOSE: [600] * len(taken), case: taken})


def analysed(*blocks: tuple[BlockRecord, ...], plan: str = "quick", **changes: Any) -> Analysis:
    run = scripted_run([block for part in blocks for block in part], plan, ["gil"])
    return verdict.analyse(replace(run, **changes), KNOWN)


def checked(analysis: Analysis, toml: str) -> tuple[Finding, ...]:
    return check.check(analysis, check.parse(tomllib.loads(toml), "test"), KNOWN)


def status_of(analysis: Analysis, toml: str) -> Status:
    (finding,) = checked(analysis, toml)
    return finding.status


FAST, SLOW, ASTRIDE = [1.9] * 6, [1.0] * 6, [1.0, 1.0, 1.0, 1.9, 1.9, 1.9]


def deviating(*indices: int) -> list[float]:
    """48 blocks in which threads are slow, but for these."""
    return [1.9 if index in indices else 1.0 for index in range(48)]
