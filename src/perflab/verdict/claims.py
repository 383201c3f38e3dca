"""Bring a claim to its end: one of five verdicts, and a sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable

from perflab import units
from perflab.model import Case, Claim, Clause, ClauseResult, Judgement, Role, Verdict
from perflab.verdict.clauses import against_wider, by_far, fault, judge_clause, of_all_cores, void_kind
from perflab.verdict.evidence import Evidence
from perflab.verdict.words import sentence, short, smallest_effect, subject

End = tuple[Verdict, str]


def judge_claim(evidence: Evidence, claim: Claim) -> Judgement:
    """The verdict of one claim; its clauses are measured whatever the verdict."""
    results = tuple(judge_clause(evidence, clause) for clause in claim.clauses)
    verdict, reason = _end(evidence, claim, results)
    return Judgement(evidence.experiment.name, claim, verdict, reason, results)


def cases_of(clauses: Iterable[Clause]) -> list[Case]:
    """Every case that they name once, controls among them."""
    both = (case for clause in clauses for case in (clause.case, clause.control) if case is not None)
    return list(dict.fromkeys(both))


def _end(evidence: Evidence, claim: Claim, results: tuple[ClauseResult, ...]) -> End:
    """What stands in the way of an answer is asked first, in order; then the clauses answer."""
    if claim.not_applicable:
        return Verdict.NOT_APPLICABLE, claim.not_applicable
    failed = _failure(evidence, claim)
    if failed:
        return Verdict.FAILED, failed
    obstacle = (
        _unsound(evidence, claim, results)
        or ("" if evidence.tables else "not measured: no block was finished")
        or _void(evidence, results)
        or _precondition(evidence, results)
        or _biased(evidence, results)
    )
    return (Verdict.UNRESOLVED, obstacle) if obstacle else _answer(evidence, results)


def _answer(evidence: Evidence, results: tuple[ClauseResult, ...]) -> End:
    deciding, supporting = _of(results, Role.DECIDES), _of(results, Role.SUPPORTS)
    against = [result for result in deciding if result.holds is False]
    if against:
        return Verdict.REFUTED, _sentences(evidence, against)
    open_ones = [result for result in deciding if result.holds is None]
    if open_ones:
        return Verdict.UNRESOLVED, _undecided(evidence, open_ones[0])
    absent = [result for result in supporting if not result.holds]
    if absent:
        return Verdict.UNRESOLVED, _unsupported(evidence, deciding, absent[0])
    beside = f", while {_sentences(evidence, supporting)}" if supporting else ""
    return Verdict.CONFIRMED, _sentences(evidence, deciding) + beside


def _failure(evidence: Evidence, claim: Claim) -> str:
    for case in cases_of(clause for clause in claim.clauses if clause.role is not Role.BESIDE):
        if case.id in evidence.failures:
            failure = evidence.failures[case.id]
            return f"{short(case)} {failure.kind}: {failure.message}"
    return ""


def _unsound(evidence: Evidence, claim: Claim, results: tuple[ClauseResult, ...]) -> str:
    if not _of(results, Role.DECIDES):
        return "none of its clauses decides, so nothing could confirm or refute it"
    faults = ((clause, fault(evidence, clause)) for clause in claim.clauses if clause.role is not Role.BESIDE)
    return next((f"{subject(evidence, clause)} cannot be judged: {text}" for clause, text in faults if text), "")


def _void(evidence: Evidence, results: tuple[ClauseResult, ...]) -> str:
    kinds = [void_kind(evidence, result.clause) for result in results if result.clause.role is not Role.BESIDE]
    kind = next((kind for kind in kinds if kind), "")
    if not kind:
        return ""
    ratio = units.human(evidence.null[kind].value or 0.0, "x")
    return f"two copies of the same code ({kind}) gave a ratio of {ratio}, so no ratio of this run counts: run it again"


def _precondition(evidence: Evidence, results: tuple[ClauseResult, ...]) -> str:
    for result in _of(results, Role.PRECONDITION):
        if not result.holds:
            word = "is not met" if result.holds is False else "is not certain"
            return f"a precondition {word}: {sentence(evidence, result)}, so this run can tell neither way"
    return ""


def _biased(evidence: Evidence, results: tuple[ClauseResult, ...]) -> str:
    """Beside a neighbour that stays, slowness of what needs more cores proves nothing.

    Nor does it prove anything which of two that need them all is somewhat slower. Beside cores that another machine
    slows down only the first is in doubt, and not if it is by far: such a core still runs at half of its speed, and
    wakes as it would. A precondition or a positive control that holds in the same blocks shows that the cores were
    there, and lifts the doubt; a clause that refutes and is not in doubt needs no others.
    """
    controls = _of(results, Role.PRECONDITION) + _of(results, Role.SUPPORTS)
    busy, slow = (share > evidence.busy_above for share in (evidence.busy, evidence.slow))
    if not (busy or slow) or any(result.holds for result in controls):
        return ""
    deciding = _of(results, Role.DECIDES)
    doubtful = {
        "that alone slows what needs more cores": [
            one for one in deciding if against_wider(evidence, one) and (busy or not by_far(one))
        ],
        "that changes which of two that need all cores is slower": [
            one for one in deciding if busy and of_all_cores(evidence, one)
        ],
    }
    if any(one.holds is False and all(one not in found for found in doubtful.values()) for one in deciding):
        return ""
    who = "others kept the machine busy" if busy else "another machine slowed a core down"
    share = units.human(evidence.busy if busy else evidence.slow, "share")
    reasons = (
        f"{who} in {share} of the rounds, and {why}: {_sentences(evidence, found)}; run it again on an idle machine"
        for why, found in doubtful.items()
        if found
    )
    return next(reasons, "")


def _undecided(evidence: Evidence, result: ClauseResult) -> str:
    return "; ".join(part for part in (sentence(evidence, result), smallest_effect(evidence, result)) if part)


def _unsupported(evidence: Evidence, deciding: Iterable[ClauseResult], absent: ClauseResult) -> str:
    word = "failed" if absent.holds is False else "is not certain"
    control = "; ".join(part for part in (sentence(evidence, absent), smallest_effect(evidence, absent)) if part)
    return f"{_sentences(evidence, deciding)}, but the positive control {word}: {control}"


def _sentences(evidence: Evidence, results: Iterable[ClauseResult]) -> str:
    return "; ".join(sentence(evidence, result) for result in results)


def _of(results: Iterable[ClauseResult], role: Role) -> list[ClauseResult]:
    return [result for result in results if result.clause.role is role]
