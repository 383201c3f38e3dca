"""What a reader should know before believing a run: each with its cause, the number, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from perflab import units
from perflab.model import Estimand, Estimate, Judgement, RoundRecord, Run, Thresholds
from perflab.rounds import beside_slow_core
from perflab.verdict.evidence import plan_of
from perflab.verdict.null import VOID_ABOVE, extent, is_void
from perflab.verdict.second_look import GUARD_ALPHA, Dispute, Suspicion, dependent, disputed, drifting

BUSY_ABOVE = 0.20
"""More contaminated rounds than this are worth a warning."""

NULL_WIDE_ABOVE = 0.05
"""A/A wider than this widens the margins of most claims of sameness."""

T = TypeVar("T")

NAMED = 3
"""So many claims are named in one warning."""


def caveats(run: Run, null: Mapping[str, Estimate], judgements: Sequence[Judgement] = ()) -> tuple[str, ...]:
    """The warnings of a run, in the order in which they matter."""
    return (
        *_ended_early(run),
        *_disturbed(run),
        *_null_wide(null),
        *_no_replicates(judgements),
        *_disputed(judgements, plan_of(run.settings).looks),
    )


def _ended_early(run: Run) -> Iterator[str]:
    if not run.ended:
        yield "The run did not come to its end: what it stored is judged; 'perflab run-all --resume' goes on."
    elif run.ended.get("interrupted"):
        yield "The run was interrupted: what was measured is judged; 'perflab run-all --resume' goes on."


def _disturbed(run: Run) -> Iterator[str]:
    rounds = [one for block in run.blocks for group in block.groups for one in group.rounds]
    kept = [one for one in rounds if not one.replaced]
    thresholds = plan_of(run.settings).thresholds
    if _contaminated(kept) > thresholds.repeat:
        yield (
            f"Something else kept this machine busy in {_percent(_contaminated(kept))} of the rounds, too many to run "
            f"again: they are flagged and counted{_elsewhere(kept, thresholds)}. Strategies that need all cores look "
            "slower than they are; end the neighbour ('perflab doctor' helps to find it) or use an idle machine, and "
            "run again."
        )
    elif _contaminated(rounds) > BUSY_ABOVE:
        yield (
            f"The machine was busy: {_percent(_contaminated(rounds))} of the rounds were disturbed by "
            f"others{_elsewhere(rounds, thresholds)}, and repeated where that was allowed. Close what else runs "
            "('perflab doctor' helps to find it) and run again."
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
                f"Two copies of the same code ({kind}) may differ by {_percent(width)} here, so that no smaller "
                "difference counts against sameness: a longer run (--full) or a quieter machine tells finer."
            )


def _no_replicates(judgements: Sequence[Judgement]) -> Iterator[str]:
    drifted, resembling = _some(drifting(judgements)), _some(dependent(judgements))
    if drifted:
        yield (
            "The machine did not stay the same: from the first to the second half of the blocks more moved than chance "
            f"allows ({_named([_drift(one) for one in drifted])}), so the answer is that of a time that has passed. "
            f"{_REPLICATES}"
        )
    if resembling:
        found = [f"{one.claim}: correlation {one.size:+.2f}" for one in resembling]
        yield (
            f"Blocks resemble the block before, or avoid it, more than chance allows ({_named(found)}): they are not "
            f"independent, and where the correlation is positive intervals are too narrow. {_REPLICATES}"
        )


def _disputed(judgements: Sequence[Judgement], looks: tuple[int, ...]) -> Iterator[str]:
    found = _some(disputed(judgements, looks))
    if found:
        yield (
            f"A second opinion differs: {_named([_dispute(one) for one in found])}. The verdict is that of the ranks "
            "and hangs on very few blocks: another run, or one with more blocks (--full), tells which is right."
        )


def _drift(found: Suspicion) -> str:
    if found.clause.estimand is Estimand.RATIO:
        return f"{found.claim}: {100 * math.expm1(found.size):+.1f} %"
    return f"{found.claim}: {units.three_digits(found.size)}"


def _dispute(found: Dispute) -> str:
    side = {True: "holds", False: "does not hold", None: "is open"}
    ranks, again = found.result.estimate, found.again
    return (
        f"{found.claim} {side[found.result.holds]} by ranks ({_ends(ranks)}) and {side[found.holds]} by resampling "
        f"({_ends(again)})"
    )


def _ends(found: Estimate) -> str:
    return f"{units.three_digits(found.low or 0.0)} to {units.three_digits(found.high or 0.0)}"


def _named(found: Sequence[str]) -> str:
    return "; ".join(found[:NAMED]) + (" and others" if len(found) > NAMED else "")


def _some(found: Iterator[T]) -> list[T]:
    """As many as are named, and one more where there are others."""
    return list(islice(found, NAMED + 1))


def _contaminated(rounds: list[RoundRecord]) -> float:
    return sum(one.contaminated for one in rounds) / len(rounds) if rounds else 0.0


def _elsewhere(rounds: list[RoundRecord], thresholds: Thresholds) -> str:
    """In words, how often it was a core that ran slower than it can, beside another machine on the same hardware."""
    slow = [one for one in rounds if beside_slow_core(one.evidence, thresholds)]
    if not slow:
        return ""
    most = units.human(max(one.evidence["slowdown"] for one in slow), "x")
    return (
        f" (in {_percent(len(slow) / len(rounds))} a core ran up to {most} slower than at its best: another machine on "
        "the same hardware, which only another hour or another machine can change)"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


_REPLICATES = (
    f"Where nothing is wrong at most {_percent(GUARD_ALPHA)} of runs are told so: look for what changes slowly, "
    "such as heat, power saving or a neighbour that comes and goes ('perflab doctor' helps), and run again."
)
