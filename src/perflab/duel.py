"""Is HEAD slower than BASE? Both in the same blocks, beside a second copy of BASE that shows what noise does."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from perflab import hosts, measure, registry
from perflab.errors import BadInput
from perflab.household import Bench
from perflab.lock import machine_lock
from perflab.model import (
    Arm,
    BlockRecord,
    Case,
    Design,
    Estimand,
    Estimate,
    Experiment,
    Failure,
    Group,
    Plan,
    Thresholds,
)
from perflab.stats import first_look
from perflab.verdict.estimates import NOTHING, estimate
from perflab.verdict.null import extent, is_void
from perflab.verdict.values import tabulate

Word = Literal["slower", "faster", "equivalent", "unresolved", "failed"]

PLAN = Plan("duel", (9, 12, 18, 24, 36, 48, 64, 96, 128), 3, 1_500_000, 10.0, Thresholds(repeat=0.0), 72_000_000)
"""Short samples, short rounds and many blocks: the blocks are the replicates, and a host starts in some 60 ms.

At 9 blocks the outermost ones bound the median; from 12 on one outlier is shed at either end.
"""

RESOLVED = 3.0
"""A call that takes less than so many times an empty one is mostly the loop around it: nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is compared, and how finely; folders are where each side is imported from."""

    base: str
    head: str
    margin: float = 0.01
    budget_s: float = 10.0
    base_dir: Path | None = None
    head_dir: Path | None = None
    lock: bool = True
    seed: int | None = None
    limit_s: float | None = None

    @property
    def apart(self) -> bool:
        """Whether the sides come from different folders, and so need hosts of their own."""
        return self.base_dir is not None or self.head_dir is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the duel stands: ratios are HEAD's (and the twin's) wall time over BASE's."""

    verdict: Word
    reason: str
    ratio: Estimate
    null: Estimate
    cpu: Estimate
    margin: float
    margin_used: float
    blocks: int
    seconds: float
    base_ns: float | None = None
    resolution_ns: float | None = None
    refused: bool = False
    """Whether a target could not be one (it does not import, needs arguments): bad input, not a failure."""
    at_fault: str = ""
    """BASE or HEAD, where one of them was refused or failed."""

    def to_json(self) -> dict[str, Any]:
        """The contract's document, and what goes beyond it: CPU time, the time of a call, the resolution."""
        return {
            "schema": "perflab.duel/1",
            "verdict": self.verdict,
            **_ends(self.ratio),
            "margin": self.margin,
            "margin_used": self.margin_used,
            "blocks": self.blocks,
            "seconds": round(self.seconds, 3),
            "null": _ends(self.null),
            "reason": self.reason,
            "cpu": _ends(self.cpu),
            "base_ns": self.base_ns,
            "resolution_ns": self.resolution_ns,
        }


Observe = Callable[[Standing], None]


def fight(
    challenge: Challenge, observe: Observe = lambda standing: None, wait: Callable[[], None] = lambda: None
) -> Standing:
    """Carry the duel out: blocks until a verdict falls at a declared look, or the budget ends.

    ``wait`` is called when another measurement holds the machine-wide lock.

    Raises BadInput for folders that are not there; a target that cannot be measured is a standing, with its reason.
    """
    _refuse_missing_folders(challenge)
    with ExitStack() as stack:
        if challenge.lock:
            stack.enter_context(machine_lock(lambda event: wait()))
        place = hosts.shelter(challenge.limit_s or hosts.limit_from_environment())
        stack.callback(hosts.leave, place)
        bench = Bench(place, PLAN, paths=_paths(challenge))
        return _rounds_of(challenge, bench, observe)


def _rounds_of(challenge: Challenge, bench: Bench, observe: Observe) -> Standing:
    started, records = bench.clock(), list[BlockRecord]()
    experiment: Experiment = registry.find("experiment", "duel")
    arms = arms_of(challenge)
    seed = challenge.seed if challenge.seed is not None else secrets.randbits(31)
    standing = judge(challenge, records, 0.0)
    known = measure.Known({}, {})
    while len(records) < PLAN.looks[-1]:
        # the first block calibrates BASE alone, so that all three repeat it equally often
        group = Group("duel", arms if known.counts else arms[:1], per_case_count=True)
        everything = frozenset(arm.case.id for arm in group.arms)
        record = measure.one_block(bench, experiment, Design((group,)), len(records), seed, known, everything)
        elapsed = (bench.clock() - started) / 1e9
        if record.groups[0].failures:
            return _failed(challenge, record.groups[0].failures, len(records), elapsed)
        if not known.counts:
            count = record.groups[0].counts[arms[0].case.id]
            known = replace(known, counts={arm.case.id: count for arm in arms})
            continue
        records.append(record)
        late = elapsed * (1 + 1 / (len(records) + 1)) > challenge.budget_s
        if len(records) in PLAN.looks or late:
            standing = judge(challenge, records, elapsed)
            observe(standing)
            if standing.verdict != "unresolved" or late:
                return standing
    return standing


def arms_of(challenge: Challenge) -> tuple[Arm, ...]:
    """BASE, its twin, and HEAD; in one host unless the sides come from different folders."""
    base, head = (Case(params=(("side", side), ("target", name))) for side, name in _sides(challenge))
    twin = replace(base, params=(*base.params, ("twin", 1)))
    if not challenge.apart:
        return Arm(base), Arm(twin, base), Arm(head, base)
    return Arm(base, host="base"), Arm(twin, base, host="twin"), Arm(head, base, host="head")


def judge(challenge: Challenge, records: Sequence[BlockRecord], seconds: float) -> Standing:
    """Where the duel stands after these blocks; nothing is decided before the first look that allows an interval."""
    base, twin, head = (arm.case for arm in arms_of(challenge))
    tables = tuple(tabulate(record) for record in records)
    quantities = {quantity.name: quantity for quantity in registry.find("experiment", "duel").quantities}

    def ratio(case: Case, name: str = "wall_ns") -> Estimate:
        return estimate(tables, PLAN.looks, Estimand.RATIO, quantities[name], case, base, "")

    def level(name: str) -> float | None:
        return estimate(tables, PLAN.looks, Estimand.LEVEL, quantities[name], base, None, "").value

    found, null = ratio(head), ratio(twin)
    used = max(challenge.margin, math.expm1(extent(null)) if null.low is not None else 0.0)
    standing = Standing(
        verdict="unresolved",
        reason="",
        ratio=found,
        null=null,
        cpu=ratio(head, "cpu_ns"),
        margin=challenge.margin,
        margin_used=used,
        blocks=len(records),
        seconds=seconds,
        base_ns=level("wall_ns"),
        resolution_ns=level("empty_ns"),
    )
    verdict, reason = _verdict(standing, differing(records, base, twin, head))
    return replace(standing, verdict=verdict, reason=reason)


def _verdict(now: Standing, difference: str) -> tuple[Word, str]:
    low, high = now.ratio.low, now.ratio.high
    if difference:
        return "failed", difference
    if low is None or high is None:
        return (
            "unresolved",
            f"{now.blocks} blocks are too few for an interval, {first_look(PLAN.looks)} are needed",
        )
    if now.base_ns is not None and now.resolution_ns is not None and now.base_ns < RESOLVED * now.resolution_ns:
        return "unresolved", (
            f"one call of BASE takes {now.base_ns:.1f} ns and one of an empty function {now.resolution_ns:.1f} ns: "
            "let each call do more work"
        )
    if is_void(now.null):
        return (
            "unresolved",
            f"two copies of BASE differ by a factor of {now.null.value:.2f}: nothing can be told here now",
        )
    return _by_interval(now, low, high)


def _by_interval(now: Standing, low: float, high: float) -> tuple[Word, str]:
    span = f"HEAD takes {now.ratio.value:.4f} times as long as BASE ({low:.4f} to {high:.4f})"
    margin = f"{now.margin_used:.2%}"
    if low > 1 + now.margin_used:
        return "slower", f"{span}, beyond the margin of {margin}"
    if high < 1 / (1 + now.margin_used):
        return "faster", f"{span}, beyond the margin of {margin}"
    if 1 / (1 + now.margin) <= low and high <= 1 + now.margin and now.margin_used <= now.margin:
        return "equivalent", f"{span}, within the margin of {margin}"
    seen = (1 + now.margin_used) * math.exp((math.log(high) - math.log(low)) / 2) - 1
    return "unresolved", (
        f"{span}, astride the margin of {margin}; the smallest difference it could have seen is {seen:.1%}, "
        f"and to settle the margin of {now.margin:.2%} would take about {_needed_s(now, low, high):.0f} s"
    )


def _needed_s(now: Standing, low: float, high: float) -> float:
    """Seconds until half the interval is half the declared margin, if it narrows with the root of the blocks."""
    half = max((math.log(high) - math.log(low)) / 2, extent(now.null))
    return now.seconds * max(1.0, (half / (math.log1p(now.margin) / 2)) ** 2)


def differing(records: Sequence[BlockRecord], base: Case, twin: Case, head: Case) -> str:
    """What is wrong with the returned values, compared within blocks, which share a hash seed; else empty."""
    for record in records:
        rounds = [one.samples for group in record.groups for one in group.rounds]
        mine, again, theirs = ({str(one[case.id]["result"]) for one in rounds} for case in (base, twin, head))
        if len(mine | again) > 1:
            some = sorted(mine | again)[:2]
            return f"BASE returns differing values ({' and '.join(some)}): whether HEAD computes the same is unknown"
        if theirs != mine:
            return f"they compute different things: BASE returned {min(mine)}, HEAD returned {min(theirs - mine)}"
    return ""


def _failed(challenge: Challenge, failures: Any, blocks: int, seconds: float) -> Standing:
    reasons: dict[str, Failure] = dict(failures)
    own = {case: failure for case, failure in reasons.items() if "its control" not in failure.message}
    case, failure = next(iter((own or reasons).items()))
    side = "HEAD" if "side=head" in case else "BASE"
    refused = failure.kind == "refused"
    reason = f"{side}: {failure.message}" if refused else f"{side} {failure.kind}: {failure.message}"
    return Standing(
        "failed",
        reason,
        NOTHING,
        NOTHING,
        NOTHING,
        challenge.margin,
        challenge.margin,
        blocks,
        seconds,
        refused=refused,
        at_fault=side,
    )


def _refuse_missing_folders(challenge: Challenge) -> None:
    for option, folder in (("--base-dir", challenge.base_dir), ("--head-dir", challenge.head_dir)):
        if folder is not None and not folder.is_dir():
            raise BadInput(f"{option} {folder} is not a folder: give the one that the module is imported from")


def _paths(challenge: Challenge) -> dict[str, list[str]]:
    here = Path.cwd()
    base, head = (str((folder or here).resolve()) for folder in (challenge.base_dir, challenge.head_dir))
    return {"shared": [base], "base": [base], "twin": [base], "head": [head]}


def _sides(challenge: Challenge) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("base", challenge.base), ("head", challenge.head)


def _ends(found: Estimate) -> dict[str, float | None]:
    return {"ratio": found.value, "low": found.low, "high": found.high}
