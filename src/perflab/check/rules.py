"""Judge expectations by a stored run: verdicts as they are, bounds as claims of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from perflab import registry, units
from perflab.check.expectations import Bounds, ClaimExpected, Expected, RatioExpected
from perflab.check.findings import Finding, Status
from perflab.check.pairs import Pair, pairs
from perflab.check.recurrence import recurs
from perflab.errors import BadInput
from perflab.model import PLANS, Analysis, Claim, Clause, Estimand, Experiment, Judgement, Relation, Role, Verdict
from perflab.verdict.claims import judge_claim
from perflab.verdict.clauses import quantity_of
from perflab.verdict.evidence import Evidence, Known, find_experiment, gather
from perflab.verdict.words import unit_of

TIMES = frozenset({"ns", "us", "µs", "ms", "s"})
ROUNDING = 1e-9

ENDS = {
    Verdict.CONFIRMED: "is confirmed",
    Verdict.REFUTED: "is refuted",
    Verdict.UNRESOLVED: "is unresolved",
    Verdict.NOT_APPLICABLE: "does not apply here",
    Verdict.FAILED: "failed",
}
KEPT = {**ENDS, Verdict.CONFIRMED: "is", Verdict.REFUTED: "is not"}
"""The same for bounds: "was expected at least 1.50× and is not"."""

NOT_EVERYWHERE = "but some half of the blocks, even, odd, earlier or later, leans the other way; run it again"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Something that was expected, in the words of its finding."""

    experiment: str
    name: str
    words: str
    allowed: frozenset[Verdict]
    bound: bool = False
    claim: str = ""


def check(analysis: Analysis, expected: Iterable[Expected], experiments: Known = None) -> tuple[Finding, ...]:
    """A finding for each expectation, in order; several where a pattern fits several cases.

    BadInput for a claim, case or quantity that nothing knows, and for a bound on an absolute time.
    """
    return tuple(finding for one in expected for finding in _findings(analysis, one, experiments))


def _findings(analysis: Analysis, wanted: Expected, known: Known) -> Iterator[Finding]:
    if isinstance(wanted, RatioExpected):
        found = pairs(analysis.run, wanted, known)
        if not found.measured:
            yield _absent(_Asked(found.elsewhere, wanted.name, _bound_words(wanted.bounds, "x"), frozenset()))
        for pair in found.measured:
            yield _of_ratio(analysis, wanted, pair, len(found.measured) > 1, known)
        return
    same = [one for one in analysis.judgements if one.claim.id.lower() == wanted.name.lower()]
    if not same:
        home = _home(analysis, wanted.name, known)
        words = wanted.words or _bound_words(wanted.bounds or Bounds(), "")
        yield _absent(_Asked(home, wanted.name, words, frozenset()))
    for judgement in same:
        yield from _of_claim(analysis, wanted, judgement, known)


def _of_claim(analysis: Analysis, wanted: ClaimExpected, judgement: Judgement, known: Known) -> Iterator[Finding]:
    evidence, claim = evidence_of(analysis, judgement.experiment, known), judgement.claim
    _refuse_absolute(evidence, claim, wanted)
    if wanted.verdicts:
        yield _settle(judgement, _Asked(judgement.experiment, claim.id, wanted.words, wanted.verdicts, claim=claim.id))
    if wanted.bounds is not None:
        bounded = judge_claim(evidence, _bounded(claim, wanted.bounds))
        words = _bound_words(wanted.bounds, unit_of(evidence, _deciding(claim)))
        confirmed = frozenset({Verdict.CONFIRMED})
        yield _settle(bounded, _Asked(judgement.experiment, claim.id, words, confirmed, bound=True, claim=claim.id))


def _of_ratio(analysis: Analysis, wanted: RatioExpected, pair: Pair, several: bool, known: Known) -> Finding:
    clause = Clause(pair.case, wanted.quantity, Estimand.RATIO, Relation.ABOVE, 1.0, pair.control)
    claim = Claim(wanted.name, "", (clause,))
    judgement = judge_claim(evidence_of(analysis, pair.experiment, known), _bounded(claim, wanted.bounds))
    name = f"{wanted.name} ({pair.case.id})" if several else wanted.name
    words, confirmed = _bound_words(wanted.bounds, "x"), frozenset({Verdict.CONFIRMED})
    return _settle(judgement, _Asked(pair.experiment, name, words, confirmed, bound=True))


def _settle(judgement: Judgement, asked: _Asked) -> Finding:
    """What became of an expectation whose claim has come to its end."""
    verdict, reason = judgement.verdict, judgement.reason
    if verdict is Verdict.FAILED:
        status = Status.FAILED
    elif verdict in asked.allowed:
        status = Status.AS_EXPECTED
    elif verdict not in (Verdict.CONFIRMED, Verdict.REFUTED):
        status = Status.UNRESOLVED
    elif recurs(judgement):
        status = Status.AGAINST
    else:
        status, reason = Status.UNRESOLVED, f"{reason}; {NOT_EVERYWHERE}"
    found = (KEPT if asked.bound else ENDS)[verdict]
    return Finding(status, asked.experiment, asked.name, asked.words, found, reason, asked.claim)


def _absent(asked: _Asked) -> Finding:
    reason = f"this run does not hold it; measure it with 'perflab run {asked.experiment}'"
    return Finding(Status.UNRESOLVED, asked.experiment, asked.name, asked.words, "was not measured", reason)


def evidence_of(analysis: Analysis, experiment: str, known: Known) -> Evidence:
    """What one experiment of the run can be judged by."""
    run = analysis.run
    return gather(find_experiment(experiment, known), run.settings, run.blocks, analysis.null)


# Bounds


def _bounded(claim: Claim, bounds: Bounds) -> Claim:
    """The claim that its deciding value lies within the bounds; what else confirmation needs is left as it is."""
    deciding = _deciding(claim)
    # A bound belongs to what it allows, while < and > exclude theirs, and a ratio comes back from its logarithm
    # with the last digits changed: so ask for a little beyond it.
    sides = ((Relation.ABOVE, bounds.least, -ROUNDING), (Relation.BELOW, bounds.most, ROUNDING))
    clauses = [
        replace(deciding, relation=relation, bound=bound + (abs(bound) or 1.0) * beyond)
        for relation, bound, beyond in sides
        if bound is not None
    ]
    others = (clause for clause in claim.clauses if clause.role is not Role.DECIDES)
    return replace(claim, clauses=(*clauses, *others))


def _deciding(claim: Claim) -> Clause:
    deciding = next((clause for clause in claim.clauses if clause.role is Role.DECIDES), None)
    if deciding is None:
        raise BadInput(f"claim '{claim.id}' has no clause that decides, hence no value: leave it out")
    return deciding


def _refuse_absolute(evidence: Evidence, claim: Claim, wanted: ClaimExpected) -> None:
    """An absolute time is another on every machine and every day: it could fail a build, and would tell nothing."""
    amounts = {Estimand.LEVEL, Estimand.DIFFERENCE} if wanted.bounds is not None else {Estimand.LEVEL}
    for clause in (clause for clause in claim.clauses if clause.role is Role.DECIDES):
        if clause.estimand in amounts and quantity_of(evidence, clause).unit.partition(" ")[0] in TIMES:
            raise BadInput(
                f"claim '{claim.id}' is decided by a {clause.estimand} of {clause.quantity}, an absolute time, which "
                "differs from machine to machine: expect something of a ratio to a control instead"
            )


def _bound_words(bounds: Bounds, unit: str) -> str:
    """The phrase: "at least 1.50×", "at most 1.20×", or both."""
    least = [] if bounds.least is None else [f"at least {units.human(bounds.least, unit)}"]
    most = [] if bounds.most is None else [f"at most {units.human(bounds.most, unit)}"]
    return " and ".join((*least, *most))


# What this run did not hold


def _home(analysis: Analysis, name: str, known: Known) -> str:
    """The experiment that has a claim of that name under some plan; BadInput where none has."""
    experiments = registry.experiments() if known is None else known
    homes = {claim.id: home.name for home in experiments.values() for claim in _claims(analysis, home)}
    lowered = {claim.lower(): home for claim, home in homes.items()}
    if name.lower() in lowered:
        return lowered[name.lower()]
    ids = [*(one.claim.id for one in analysis.judgements), *homes]
    raise BadInput(
        f"expectations name an unknown claim '{name}'{registry.nearest(name, dict.fromkeys(ids))}; "
        "'perflab list' shows all; a ratio of your own needs case, quantity and min or max"
    )


def _claims(analysis: Analysis, experiment: Experiment) -> Iterator[Claim]:
    for plan in PLANS:
        yield from experiment.design(replace(analysis.run.settings, plan=plan)).claims
