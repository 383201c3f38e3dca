"""From a stored run to verdicts: pure functions, so that a better statistic tomorrow improves yesterday's report.

No verdict looks at the version or the build of Python: it depends on samples, bounds and the run's own A/A alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from perflab.model import Analysis, Estimate, Judgement, Run
from perflab.verdict.caveats import caveats
from perflab.verdict.claims import judge_claim
from perflab.verdict.document import to_json
from perflab.verdict.evidence import Evidence, Known, find_experiment, gather
from perflab.verdict.null import null_estimates
from perflab.verdict.stopping import undecided
from perflab.verdict.summaries import summaries

__all__ = ["analyse", "judge", "null_estimates", "to_json", "undecided"]


def analyse(run: Run, experiments: Known = None) -> Analysis:
    """Everything that follows from a run; BadRun where it names an experiment or a plan that is not there."""
    null = null_estimates(run, experiments)
    evidence = [_evidence(run, name, null, experiments) for name in run.experiments]
    judgements = tuple(judgement for one in evidence for judgement in _judgements(one))
    return Analysis(
        run=run,
        judgements=judgements,
        summaries=tuple(row for one in evidence for row in summaries(one)),
        null=null,
        warnings=caveats(run, null, judgements),
    )


def judge(run: Run, name: str, experiments: Known = None) -> tuple[Judgement, ...]:
    """The verdicts of one experiment of a run, as far as it has come."""
    return _judgements(_evidence(run, name, null_estimates(run, experiments), experiments))


def _evidence(run: Run, name: str, null: Mapping[str, Estimate], experiments: Known) -> Evidence:
    return gather(find_experiment(name, experiments), run.settings, run.blocks, null)


def _judgements(evidence: Evidence) -> tuple[Judgement, ...]:
    return tuple(judge_claim(evidence, claim) for claim in evidence.design.claims)
