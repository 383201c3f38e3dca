"""Judge a stored run against what its maintainer expects: pure functions from analyses to findings.

**When a check fails.** A verdict or a bound goes *against* its expectation only where three things hold:

1. the whole interval of a deciding clause lies on the wrong side of its bound, after everything that stands in the
   way of a verdict was asked (a void A/A, a precondition, a neighbour who slows what needs more cores);
2. its point estimate lies on the wrong side in the even blocks and in the odd ones, for what two or three odd
   processes do must not count as a regression;
3. likewise in the earlier and in the later half, for a neighbour who comes in between makes one of them alone look
   bad, and blocks beside him are no independent evidence.

What meets the first and not the others is *unresolved*, which fails nothing unless that is asked for (``--strict``).

**How often it alarms falsely.** The interval spends 5 % over all looks and both sides, so a claim that lies exactly on
its bound is contradicted in at most 2.5 % of runs, and one a few percent beside its bound in next to none: the
distance of a bound from what is true is the protection, hence expectations should not be set at the measured value.
Up to 18 blocks the interval demands so many blocks on one side (all of 6, 11 of 12, 14 of 18) that the halves follow
from it. Beyond that fewer suffice (32 of 48), and the halves are what keeps the others from being outvoted where they
come together.

In twenty quick runs of the same code, half of them beside a neighbour, none of 460 verdicts went against an earlier
run. With the threads of the compiled loop slowed to the serial time, 'nogil-threads-scale' went against its expectation
in all ten quiet runs, and was unresolved in the ten disturbed ones.

Against a baseline the rule is the same, with the older run's ratio widened by a margin in place of the bound; see
:mod:`perflab.check.baseline`. Only ratios, shares and counts are compared, never absolute times.
"""

from __future__ import annotations

from perflab.check.baseline import compare
from perflab.check.expectations import ClaimExpected, Expected, RatioExpected, parse
from perflab.check.findings import Finding, Outcome, Status
from perflab.check.rules import check
from perflab.check.sources import Source, find

__all__ = [
    "ClaimExpected",
    "Expected",
    "Finding",
    "Outcome",
    "RatioExpected",
    "Source",
    "Status",
    "check",
    "compare",
    "find",
    "parse",
]
