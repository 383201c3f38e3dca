"""Compare the ratios of two runs: what got worse since the older one, by more than two runs of one code differ.

A claim's deciding ratio gets worse when it moves towards what would refute the claim (or confirm it, where it is
expected to be refuted); a case's ratio to its control when the case takes more of its experiment's first quantity.
It counts as worse where the two intervals do not overlap, *and* the change exceeds the margin used, *and* it does so
between every half (even, odd, earlier, later) of one run and every half of the other; where only that last does not
hold, or a neighbour stayed through either run and cores are needed, it is unresolved.

The margin used is the declared 3 %, or what two copies of the same code differ by in either run if that is more; and
on top of it what is known to differ. Sizes are calibrated anew in each run, and a fixed cost weighs as much less as
the work beside it is larger. What the machine could give (its ceiling) may differ too, for cases that have more
workers than their control. The two controls of the machine themselves (null and ceiling) are not compared.

Tried on 21 quick runs of the same code, ten of them beside a neighbour: of 420 ordered pairs, 9426 ratios in all, two
pairs alarmed, both over a split sum of less than a millisecond, which for one whole run was three times as fast as in
all others. What is that short is better left out of a gate, or measured longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from perflab import environment, units
from perflab.check.counterparts import CEILING, Both, Counterpart, ceiling_change, of_cases, of_claims, same_arms
from perflab.check.expectations import ClaimExpected, Expected
from perflab.check.findings import Finding, Status
from perflab.check.recurrence import centre, halves
from perflab.check.rules import NOT_EVERYWHERE, evidence_of
from perflab.errors import BadInput
from perflab.model import Analysis, Estimand, Estimate, Run, Verdict
from perflab.verdict.evidence import NULL, Known
from perflab.verdict.null import VOID_ABOVE, extent, is_void

MARGIN = 0.03
NO_WORSE = "no worse than in the baseline"


def compare(
    new: Analysis, old: Analysis, expected: Iterable[Expected] = (), experiments: Known = None
) -> tuple[Finding, ...]:
    """A finding for each ratio that both runs hold with an interval, for each case that failed since, for a void A/A.

    BadInput where the runs differ in what they were measured on or how, or have nothing in common.
    """
    refuse_incomparable(new.run, old.run)
    refuted = frozenset(one.name.lower() for one in expected if _expects_refutation(one))
    names = [name for name in new.run.experiments if name in old.run.experiments and name not in (NULL, CEILING)]
    found = [finding for name in names for finding in _of_experiment(new, old, name, refuted, experiments)]
    void = list(_void(new, old))
    if not found and not void:
        raise BadInput(
            "the run and its baseline hold no ratio in common that has an interval: measure the same experiments in "
            "both, for at least 6 blocks"
        )
    return (*void, *found)


def refuse_incomparable(new: Run, old: Run) -> None:
    """BadInput that names what differs, where ratios of the two runs must not be held against each other."""
    keys = environment.comparable(new.environment, old.environment)
    if keys:
        told = _changes(keys, old.environment, new.environment)
        raise BadInput(f"the baseline is from another environment: {told}; measure a baseline in this one")
    if new.version != old.version:
        raise BadInput(
            f"the baseline was measured by perflab {old.version} and the run by {new.version}, which may measure in "
            "another way: measure the baseline again with this version"
        )
    ours, theirs = new.settings.to_json(), old.settings.to_json()
    # Speeds are measured when a run begins: they always differ, and the sizes that follow from them are allowed for.
    keys = [key for key in ours if key != "speeds" and ours[key] != theirs[key]]
    if keys:
        told = _changes(keys, theirs, ours)
        raise BadInput(f"the baseline was measured with other settings: {told}; measure both runs with the same")


def _changes(keys: Iterable[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} ({old.get(key)}, now {new.get(key)})" for key in keys)


def _expects_refutation(one: Expected) -> bool:
    verdicts = one.verdicts if isinstance(one, ClaimExpected) else frozenset[Verdict]()
    return Verdict.REFUTED in verdicts and Verdict.CONFIRMED not in verdicts


def _of_experiment(new: Analysis, old: Analysis, name: str, refuted: frozenset[str], known: Known) -> Iterator[Finding]:
    both = Both(evidence_of(new, name, known), evidence_of(old, name, known), ceiling_change(new, old))
    yield from _failures(both)
    for one in (*of_claims(both, new, old, refuted), *of_cases(both)):
        void = any(one.kind in run.null and is_void(run.null[one.kind]) for run in (new, old))
        if not void and one.new.low is not None and one.old.low is not None:
            yield _judged(name, one, _allowed(one, new.null, old.null))


def _failures(both: Both) -> Iterator[Finding]:
    """Cases that the baseline could measure and this run could not."""
    before, after = both.old.failures, both.new.failures
    for case, other in dict.fromkeys((ours.case, theirs.case) for ours, theirs in same_arms(both)):
        if case.id in after and other.id not in before:
            failure = after[case.id]
            yield Finding(
                Status.FAILED,
                both.new.experiment.name,
                case.id,
                "to be measured as in the baseline",
                "failed",
                f"{failure.kind}: {failure.message}",
            )


def _void(new: Analysis, old: Analysis) -> Iterator[Finding]:
    for words, run in (("this run", new), ("the baseline", old)):
        for kind, found in run.null.items():
            if is_void(found):
                yield Finding(
                    Status.UNRESOLVED,
                    NULL,
                    f"pairs in {kind}",
                    NO_WORSE,
                    "cannot be compared",
                    f"in {words} two copies of the same code gave {units.human(found.value or 0.0, 'x')}, more than "
                    f"{VOID_ABOVE:.0%} off; measure it again on a quieter machine",
                )


def _allowed(one: Counterpart, *nulls: Mapping[str, Estimate]) -> float:
    """The margin used, as a logarithm."""
    return max(math.log1p(MARGIN), *(extent(null[one.kind]) for null in nulls if one.kind in null), 0.0) + one.slack


def _judged(experiment: str, one: Counterpart, allowed: float) -> Finding:
    lost = _lost(one, one.new.values, one.old.values)
    status, found, doubt = Status.AS_EXPECTED, "is not worse", ""
    if _apart(one.new, one.old) and lost > allowed:
        doubt = one.doubt or ("" if _everywhere(one, allowed) else NOT_EVERYWHERE.removeprefix("but "))
        status, found = (Status.UNRESOLVED, "looks worse") if doubt else (Status.AGAINST, "is worse")
    reason = "; ".join(part for part in (_reason(one, lost, allowed), doubt) if part)
    return Finding(status, experiment, one.name, NO_WORSE, found, reason, one.claim)


def _lost(one: Counterpart, new: Sequence[float], old: Sequence[float]) -> float:
    """By how much (a logarithm) some blocks of the newer run are worse than some of the older run."""
    ours, theirs = (math.log(centre(part, Estimand.RATIO)) for part in (new, old))
    return one.badness(ours) - one.badness(theirs)


def _everywhere(one: Counterpart, allowed: float) -> bool:
    """Whether every half of the newer run is worse than every half of the older one."""
    return all(_lost(one, new, old) > allowed for new in halves(one.new.values) for old in halves(one.old.values))


def _apart(new: Estimate, old: Estimate) -> bool:
    """Whether the two intervals do not overlap."""
    ends = (new.low, new.high, old.low, old.high)
    low, high, old_low, old_high = (0.0 if end is None else end for end in ends)
    return low > old_high or high < old_low


def _reason(one: Counterpart, lost: float, allowed: float) -> str:
    change, most = (units.human(math.expm1(abs(size)), "share") for size in (lost, allowed))
    way = "for the worse" if lost > 0 else "for the better"
    return (
        f"{_measured(one.new)} {one.control}, where it was {_measured(one.old)}: "
        f"{change} {way}, where up to {most} counts as no change"
    )


def _measured(found: Estimate) -> str:
    return f"{units.human(found.value or 0.0, 'x')} ({units.interval(found.low, found.high, 'x')})"
