"""What a reader should know before believing a run: each with its cause, the number, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from perflab import units
from perflab.model import Estimate, RoundRecord, Run
from perflab.verdict.evidence import plan_of
from perflab.verdict.null import VOID_ABOVE, extent, is_void

BUSY_ABOVE = 0.20
"""More contaminated rounds than this are worth a warning."""

NULL_WIDE_ABOVE = 0.05
"""A/A wider than this widens the margins of most claims of sameness."""


def caveats(run: Run, null: Mapping[str, Estimate]) -> tuple[str, ...]:
    """The warnings of a run, in the order in which they matter."""
    return (*_ended_early(run), *_disturbed(run), *_null_wide(null))


def _ended_early(run: Run) -> Iterator[str]:
    if not run.ended:
        yield "The run did not come to its end: what it stored is judged; 'perflab run-all --resume' goes on."
    elif run.ended.get("interrupted"):
        yield "The run was interrupted: what was measured is judged; 'perflab run-all --resume' goes on."


def _disturbed(run: Run) -> Iterator[str]:
    rounds = [one for block in run.blocks for group in block.groups for one in group.rounds]
    kept = [one for one in rounds if not one.replaced]
    if _contaminated(kept) > plan_of(run.settings).thresholds.repeat:
        yield (
            f"Something else kept this machine busy in {_percent(_contaminated(kept))} of the rounds, too many to run "
            "again: they are flagged and counted. Strategies that need all cores look slower than they are; end the "
            "neighbour ('perflab doctor' helps to find it) or use an idle machine, and run again."
        )
    elif _contaminated(rounds) > BUSY_ABOVE:
        yield (
            f"The machine was busy: {_percent(_contaminated(rounds))} of the rounds were disturbed by other "
            "programs, and repeated where that was allowed. Close what else runs ('perflab doctor' helps to "
            "find it) and run again."
        )


def _null_wide(null: Mapping[str, Estimate]) -> Iterator[str]:
    for kind, found in null.items():
        width = math.expm1(extent(found))
        if is_void(found):
            yield (
                f"Void: two copies of the same code ({kind}) gave a ratio of {units.human(found.value or 0.0, 'x')}, "
                f"more than {_percent(VOID_ABOVE)} off: no ratio of such pairs counts. Run again on a quieter machine."
            )
        elif width > NULL_WIDE_ABOVE:
            yield (
                f"Two copies of the same code ({kind}) may differ by {_percent(width)} here, and margins of "
                "sameness are widened to that: a longer run (--full) or a quieter machine narrows them."
            )


def _contaminated(rounds: list[RoundRecord]) -> float:
    return sum(one.contaminated for one in rounds) / len(rounds) if rounds else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
