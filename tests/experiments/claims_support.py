"""What the tests of experiments share: one real sample of a case, and verdicts of a real design on made-up numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psutil

from perflab import registry, verdict
from perflab.model import Case, Design, Experiment, Judgement, Observation, Settings
from perflab.testing import merged_blocks, scripted_blocks, scripted_run

Seen = Mapping[tuple[Case, str], Observation | Sequence[Observation]]
"""What a case shows of a quantity: the same in every block, or a list with one observation for each."""


def design_of(name: str, plan: str = "quick") -> Design:
    """The design that the verdicts below are judged by: two cores, fork as the default."""
    found: Experiment = registry.find("experiment", name)
    return found.design(Settings(plan))


def observe(name: str, case: Case) -> dict[str, Observation]:
    """Open the case, take one sample, close it."""
    experiment: Experiment = registry.find("experiment", name)
    assert experiment.probe is not None
    probe = experiment.probe(case)
    try:
        return dict(next(probe)(1))
    finally:
        probe.close()  # type: ignore[attr-defined]


def children() -> list[int]:
    """Descendants of this process that are more than the servants of multiprocessing, which end with it."""
    servants = ("resource_tracker import", "forkserver import")
    living = psutil.Process().children(recursive=True)
    return [child.pid for child in living if not any(word in " ".join(child.cmdline()) for word in servants)]


def verdicts(name: str, seen: Seen, plan: str = "quick", blocks: int = 6) -> dict[str, Judgement]:
    """The verdicts of the experiment's own claims, by id, had its cases shown this in so many blocks."""
    quantities = dict.fromkeys(quantity for _, quantity in seen)
    parts = [
        scripted_blocks(
            name, {case: _each(one, blocks) for (case, of), one in seen.items() if of == quantity}, quantity
        )
        for quantity in quantities
    ]
    run = scripted_run(merged_blocks(*parts), plan)
    return {judgement.claim.id: judgement for judgement in verdict.judge(run, name)}


def _each(seen: Observation | Sequence[Observation], blocks: int) -> Sequence[Observation]:
    return [seen] * blocks if isinstance(seen, str) or not isinstance(seen, Sequence) else seen
