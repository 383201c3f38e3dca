"""Compose the content of a report from an analysis and the experiments' declarations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from perflab.model import (
    Analysis,
    Case,
    CaseSummary,
    ClauseResult,
    Design,
    Estimand,
    Estimate,
    Experiment,
    Failure,
    Figure,
    Judgement,
    Mark,
    Verdict,
)
from perflab.report import circumstances, wording
from perflab.report.content import Answer, CaseRow, ClauseRow, Content, Drawing, FailedCase, Guidance, Section, anchor
from perflab.report.estimates import Estimator
from perflab.report.guide import guidance
from perflab.report.notable import notable

_NOTHING = Estimate(None, None, None)


def compose(analysis: Analysis, estimate: Estimator, experiments: Mapping[str, Experiment]) -> Content:
    """Everything that the report of a run says; ``experiments`` are those known now, by name."""
    answers = _answers(analysis)
    return Content(
        counts=wording.counts(analysis.judgements),
        tally=tuple((v, sum(a.verdict is v for a in answers)) for v in Verdict if any(a.verdict is v for a in answers)),
        chief=circumstances.chief(analysis.run.environment),
        machine=circumstances.machine(analysis.run.environment),
        quiet=circumstances.quiet(analysis),
        warnings=analysis.warnings,
        answers=answers,
        notable=tuple(notable(analysis)),
        sections=tuple(_section(analysis, name, experiments.get(name), answers, estimate) for name in _names(analysis)),
        spent=circumstances.spent(analysis),
        colophon=circumstances.colophon(analysis),
        guidance=tuple(_guidance(analysis, estimate, experiments, answers)),
    )


def _guidance(
    analysis: Analysis, estimate: Estimator, experiments: Mapping[str, Experiment], answers: tuple[Answer, ...]
) -> Iterator[Guidance]:
    """The maps that the run's experiments declare, as far as they were measured."""
    known = wording.quantities(analysis)
    for name in _names(analysis):
        own = [answer for answer in answers if answer.experiment == name]

        def ask(case: Case, control: Case | None, quantity: str, estimand: Estimand, name: str = name) -> Estimate:
            return _estimate(estimate, name, case, control, quantity, estimand)[0]

        for guide in _design(analysis, name, experiments.get(name))[0].guides:
            found = guidance(guide, name, ask, partial(wording.quantity_named, known, name), own)
            if found is not None:
                yield found


def _names(analysis: Analysis) -> tuple[str, ...]:
    """The run's experiments in order, then any that only its judgements or summaries mention."""
    mentioned = [judgement.experiment for judgement in analysis.judgements]
    mentioned += [row.experiment for row in analysis.summaries]
    return tuple(dict.fromkeys((*analysis.run.experiments, *mentioned)))


def _answers(analysis: Analysis) -> tuple[Answer, ...]:
    known = wording.quantities(analysis)
    return tuple(_answer(judgement, known) for judgement in analysis.judgements)


def _answer(judgement: Judgement, known: wording.Known) -> Answer:
    deciding, claim = judgement.deciding, judgement.claim
    rows = tuple(clause_row(result, judgement.experiment, known) for result in judgement.clauses)
    applies = deciding is not None and judgement.verdict is not Verdict.NOT_APPLICABLE
    shown = rows[judgement.clauses.index(deciding)] if deciding and applies else None
    return Answer(
        id=claim.id,
        experiment=judgement.experiment,
        anchor=f"claim-{anchor(claim.id)}",
        sentence=claim.sentence,
        verdict=judgement.verdict,
        value=shown.value if shown else wording.NOTHING,
        interval=shown.interval if shown else wording.NOTHING,
        reason=judgement.reason or claim.not_applicable,
        seed=", ".join(claim.seed),
        conditions=claim.conditions,
        clauses=rows,
    )


def clause_row(result: ClauseResult, experiment: str, known: wording.Known) -> ClauseRow:
    """One clause in words and human units."""
    clause = result.clause
    quantity = wording.quantity_named(known, experiment, clause.quantity)
    unit = wording.unit_of(quantity, clause.estimand)
    return ClauseRow(
        words=wording.clause_words(result, quantity),
        role=wording.ROLES[clause.role],
        demand=wording.bound(result, unit),
        value=wording.value(result.estimate, unit, clause.estimand),
        interval=wording.interval(result.estimate, unit),
        held=wording.held(result.holds),
    )


def _section(
    analysis: Analysis, name: str, experiment: Experiment | None, answers: Iterable[Answer], estimate: Estimator
) -> Section:
    design, notes = _design(analysis, name, experiment)
    return Section(
        name=name,
        anchor=f"experiment-{anchor(name)}",
        question=experiment.question if experiment else "",
        drawings=tuple(_drawing(analysis, name, figure, estimate) for figure in design.figures),
        answers=tuple(answer for answer in answers if answer.experiment == name),
        how=experiment.how if experiment else "",
        limits=experiment.limits if experiment else "",
        cases=case_rows(analysis, name),
        failures=failures(analysis, name),
        notes=notes,
    )


def _design(analysis: Analysis, name: str, experiment: Experiment | None) -> tuple[Design, tuple[str, ...]]:
    """The design under the run's own settings; a run outlives the code that made it, so it may be gone."""
    if experiment is None:
        return Design(()), (f"This perflab has no experiment '{name}': its figures cannot be drawn.",)
    try:
        return experiment.design(analysis.run.settings), ()
    except Exception as error:  # An experiment may be a third party's: it costs its figures, never the report.
        return Design(()), (f"Its design cannot be made again ({type(error).__name__}: {error}): no figures.",)


def case_rows(analysis: Analysis, experiment: str) -> tuple[CaseRow, ...]:
    """The table of cases of one experiment: whatever was measured, also of cases that failed later."""
    rows = (row for row in analysis.summaries if row.experiment == experiment)
    shown = (_case_row(row, _outcomes(analysis, row) if row.level.value is None else "") for row in rows)
    return tuple(row for row in shown if not row.median == row.ratio == wording.NOTHING)


def _case_row(row: CaseSummary, outcomes: str) -> CaseRow:
    """One quantity of one case, and its ratio to the control."""
    blocks = len(row.level.values) or len(row.ratio.values if row.ratio else ())
    return CaseRow(
        case=wording.case_words(row.case),
        quantity=row.quantity.name.replace("_", " "),
        median=outcomes or wording.value(row.level, row.quantity.unit),
        interval=wording.interval(row.level, row.quantity.unit),
        blocks=str(blocks or wording.NOTHING),
        ratio=wording.with_interval(row.ratio, "x"),
        control=wording.short_case(row.control, row.case) if row.control else wording.NOTHING,
    )


def _outcomes(analysis: Analysis, row: CaseSummary) -> str:
    """The texts that a case's samples showed, the most frequent first: what has no median is told, not left out."""
    groups = [group for block in analysis.run.blocks_of(row.experiment) for group in block.groups]
    samples = [seen.samples for group in groups for seen in group.rounds] + [group.once for group in groups]
    seen = (sample.get(row.case.id, {}).get(row.quantity.observed) for sample in samples)
    tally = Counter(text for text in seen if isinstance(text, str)).most_common(3)
    return "; ".join(f"{text} ({count}×)" for text, count in tally)


def failures(analysis: Analysis, experiment: str) -> tuple[FailedCase, ...]:
    """Every case that failed, once, by its first failure: as summarised, else as the blocks tell it."""
    found: dict[str, tuple[str, Failure]] = {}
    for row in analysis.summaries:
        if row.experiment == experiment and row.failure is not None:
            found.setdefault(row.case.id, (wording.case_words(row.case), row.failure))
    for block in analysis.run.blocks_of(experiment):
        for group in block.groups:
            for case_id, failure in group.failures.items():
                found.setdefault(case_id, (case_id, failure))
    return tuple(FailedCase(words, f.kind, f.message, f.detail) for words, f in found.values())


def _drawing(analysis: Analysis, experiment: str, figure: Figure, estimate: Estimator) -> Drawing:
    known = wording.quantities(analysis)
    if figure.across:
        figure = _placed(experiment, figure, estimate)
    found = [
        (_NOTHING, f"no {figure.across}")
        if figure.across and mark.x is None
        else _estimate(estimate, experiment, mark.case, mark.control, figure.quantity, figure.estimand)
        for mark in figure.marks
    ]
    failed = {row.case.id: row.failure for row in analysis.summaries if row.experiment == experiment and row.failure}
    claims = {j.claim.id: j for j in analysis.judgements if j.experiment == experiment}
    stem = anchor(figure.name)
    return Drawing(
        stem=stem if stem.startswith(anchor(experiment)) else f"{anchor(experiment)}-{stem}",
        figure=figure,
        quantity=wording.quantity_named(known, experiment, figure.quantity),
        estimates=tuple(estimated for estimated, _ in found),
        verdicts=tuple((claims[n].claim.id, claims[n].verdict, claims[n].claim.sentence) for n in figure.claims
                       if n in claims),
        notes=tuple(_missing(mark, why, failed.get(mark.case.id)) for mark, (estimated, why) in
                    zip(figure.marks, found, strict=True) if estimated.value is None),
        x_unit=wording.quantity_named(known, experiment, figure.across).unit if figure.across else "",
        borders=circumstances.caches(analysis.run.environment) if figure.caches else (),
    )  # fmt: skip


def _placed(experiment: str, figure: Figure, estimate: Estimator) -> Figure:
    """The same with each mark at what was measured of its case."""
    at = (_estimate(estimate, experiment, m.case, None, figure.across, Estimand.LEVEL)[0] for m in figure.marks)
    return replace(figure, marks=tuple(replace(m, x=one.value) for m, one in zip(figure.marks, at, strict=True)))


def _estimate(
    estimate: Estimator, experiment: str, case: Case, control: Case | None, quantity: str, estimand: Estimand
) -> tuple[Estimate, str]:
    try:
        return estimate(experiment, case, control, quantity, estimand), ""
    except Exception as error:  # A mark that cannot be estimated is told as missing; the other marks are drawn.
        return _NOTHING, f"{type(error).__name__}: {error}"


def _missing(mark: Mark, why: str, failure: Failure | None) -> str:
    name = f"{mark.series}, {mark.label}" if mark.series and mark.label else mark.label or mark.series
    reason = f"{failure.kind}: {failure.message}" if failure else why or "not measured"
    return f"Missing: {name or wording.case_words(mark.case)} ({reason})"
