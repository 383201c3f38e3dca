"""What the tests of exports share: a scripted run of known ratios, and strict readers of what comes out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from perflab import verdict
from perflab.export import export
from perflab.model import Arm, BlockRecord, Case, Claim, Clause, Estimand, Experiment, Failure, Relation
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_run

ONE = Case("sum", "python", "serial", size=1000)
TWO = replace(ONE, strategy="threads", workers=2)


def doubling(one: Case = ONE, two: Case = TWO, blocks: int = 6, scale: float = 1.0) -> tuple[BlockRecord, ...]:
    """Blocks in which the second case takes exactly twice as long as the first, whatever the block."""
    first = [scale * (1000 + 10 * block) for block in range(blocks)]
    return scripted_blocks("trial", {one: first, two: [2 * value for value in first]}, rounds=2)


def trial(*arms: Arm, **options: Any) -> Experiment:
    """The experiment that these blocks belong to; threads against serial unless other arms are given."""
    claim = Claim(
        "slower", "Two threads are slower", (Clause(TWO, "wall_ns", Estimand.RATIO, Relation.ABOVE, 1.5, ONE),)
    )
    return scripted_experiment("trial", arms or (Arm(ONE), Arm(TWO, ONE)), [claim], **options)


def exported(
    format: str,
    blocks: Sequence[BlockRecord],
    *arms: Arm,
    known: Mapping[str, Experiment] | None = None,
    **options: Any,
) -> str:
    """What the format makes of a scripted run."""
    experiments = {"trial": trial(*arms, **options), **(known or {})}
    return export(verdict.analyse(scripted_run(blocks), experiments), format, experiments)


def strict(text: str) -> Any:
    """The document as JSON; NaN and infinity are errors."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} in the document")

    return json.loads(text, parse_constant=refuse)


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def with_failure(message: str = "it broke") -> tuple[BlockRecord, ...]:
    """The doubling blocks, in the last of which the second case fails."""
    *kept, last = doubling()
    group = scripted_group(last.groups[0].rounds, failures={TWO: Failure("raised", message)})
    return (*kept, replace(last, groups=(group,)))
