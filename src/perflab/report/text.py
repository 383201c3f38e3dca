"""What a terminal shows of a run: renderables for rich, and plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab import units
from perflab.errors import BadInput
from perflab.model import Analysis, Case, ClauseResult, Estimate, Judgement, Role, RoundRecord, Verdict
from perflab.registry import nearest
from perflab.report import wording
from perflab.report.circumstances import ledger
from perflab.report.compose import case_rows, failures
from perflab.report.notable import notable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

__all__ = ["case_table", "claim_evidence", "notable", "slowest", "verdict_table"]

STYLES = {
    Verdict.CONFIRMED: "green",
    Verdict.REFUTED: "red",
    Verdict.UNRESOLVED: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
    Verdict.FAILED: "magenta",
}
"""Colours beside symbol and word, never instead of them."""


def verdict_table(analysis: Analysis) -> Table:
    """Every claim with its sentence, verdict, value and interval; fits 80 columns."""
    from rich.text import Text

    table = _table(("claim", 3), ("verdict", 0), ("value", -1), ("interval", 0))
    known = wording.quantities(analysis)
    for judgement in analysis.judgements:
        value, span = _measured(judgement, known)
        claim = Text.assemble((judgement.claim.id, "bold"), "  ", judgement.claim.sentence)
        verdict = Text(wording.badge(judgement.verdict), style=STYLES[judgement.verdict], no_wrap=True)
        table.add_row(claim, verdict, Text(value, no_wrap=True), Text(span, no_wrap=True))
    return table


def case_table(analysis: Analysis, experiment: str) -> Table:
    """What an experiment observed of each case: median, interval, and ratio to the control."""
    from rich.text import Text

    table = _table(("case", 3), ("quantity", 1), ("median", -1), ("interval", 0), ("against control", 0))
    for row in case_rows(analysis, experiment):
        table.add_row(*map(Text, (row.case, row.quantity, row.median, row.interval, row.ratio)))
    for failed in failures(analysis, experiment):
        table.add_row(*map(Text, (failed.case, f"! {failed.kind}", "", "", failed.message)))
    return table


def slowest(analysis: Analysis, most: int = 5) -> list[tuple[str, float]]:
    """The experiments that took longest, with their seconds, the longest first."""
    names = dict.fromkeys(block.experiment for block in analysis.run.blocks)
    spent = [(name, sum(ledger(analysis, name).values())) for name in names]
    return sorted(spent, key=lambda pair: -pair[1])[:most]


def claim_evidence(analysis: Analysis, claim_id: str) -> RenderableType:
    """All that a verdict stands on; BadInput names the nearest claims where there is none of that id."""
    from rich.console import Group
    from rich.text import Text

    found = [judgement for judgement in analysis.judgements if judgement.claim.id.lower() == claim_id.lower()]
    if not found:
        ids = [judgement.claim.id for judgement in analysis.judgements]
        raise BadInput(
            f"unknown claim '{claim_id}'{nearest(claim_id, ids)}; this run holds: {', '.join(ids) or 'none'}"
        )
    parts = [Text(line, style=style) for one in found for line, style in _evidence(analysis, one)]
    return Group(*parts)


def _table(*columns: tuple[str, int]) -> Table:
    """A table without frames; a column's number is its share of what is left over, -1 aligns it right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, show_edge=False, padding=(0, 1))
    for name, share in columns:
        table.add_column(name, ratio=share if share > 0 else None, justify="right" if share < 0 else "left")
    return table


def _measured(judgement: Judgement, known: wording.Known) -> tuple[str, str]:
    result = judgement.deciding
    if result is None or judgement.verdict is Verdict.NOT_APPLICABLE:
        return wording.NOTHING, wording.NOTHING
    quantity = wording.quantity_named(known, judgement.experiment, result.clause.quantity)
    unit = wording.unit_of(quantity, result.clause.estimand)
    return wording.value(result.estimate, unit, result.clause.estimand), wording.interval(result.estimate, unit)


def _evidence(analysis: Analysis, judgement: Judgement) -> Iterator[tuple[str, str]]:
    """The lines of one verdict with their styles."""
    claim = judgement.claim
    yield f"{claim.id} {wording.badge(judgement.verdict)}", f"bold {STYLES[judgement.verdict]}"
    yield claim.sentence, "bold"
    seed = f", judging {', '.join(claim.seed)}" if claim.seed else ""
    yield f"experiment {judgement.experiment}{seed}", ""
    if claim.conditions:
        yield f"conditions: {claim.conditions}", ""
    yield f"why: {judgement.reason}", ""
    for number, result in enumerate(judgement.clauses, 1):
        yield from _clause(analysis, judgement, number, result)
    yield "", ""


def _clause(analysis: Analysis, judgement: Judgement, number: int, result: ClauseResult) -> Iterator[tuple[str, str]]:
    clause, estimate = result.clause, result.estimate
    quantity = wording.quantity_named(wording.quantities(analysis), judgement.experiment, clause.quantity)
    unit = wording.unit_of(quantity, clause.estimand)
    yield "", ""
    yield f"clause {number}, {wording.ROLES[clause.role]}: {wording.clause_words(result, quantity)}", "bold"
    yield f"  case       {clause.case.id}", ""
    if clause.control is not None:
        yield f"  control    {clause.control.id}", ""
    yield f"  asks       the {clause.estimand} of {quantity.name} is {wording.bound(result, unit)}", ""
    if result.margin_used is not None and result.margin_used > clause.bound:
        yield (
            f"  margin     declared {clause.bound:g}, and {result.margin_used:g} by this run's A/A, to refute",
            "",
        )
    measured = wording.with_interval(estimate, unit, clause.estimand)
    yield f"  measured   {measured} over {wording.plural(len(estimate.values), 'block')}", ""
    yield f"  outcome    {wording.held(result.holds)}", ""
    yield f"  {'refuted by' if clause.role is Role.DECIDES else 'fails with'} {wording.would_refute(result, unit)}", ""
    if estimate.all_value is not None:
        yield (
            f"  with the rounds set aside: {wording.value(_all(estimate.all_value), unit, clause.estimand)}",
            "",
        )
    values = (wording.value(_all(value), unit, clause.estimand) for value in estimate.values)
    yield f"  blocks     {', '.join(values) or 'none'}", ""
    yield from ((f"  {line}", "") for line in _rounds(analysis, judgement.experiment, clause.case))


def _all(value: float) -> Estimate:
    return Estimate(value, None, None)


def _rounds(analysis: Analysis, experiment: str, case: Case) -> Iterator[str]:
    """How many rounds of the case were kept and replaced, and what the evidence beside them says."""
    groups = [group for block in analysis.run.blocks_of(experiment) for group in block.groups]
    rounds = [one for group in groups for one in group.rounds if case.id in one.samples]
    if not rounds:
        yield "rounds     none: observed once a block, or not at all"
        return
    replaced, flagged = sum(one.replaced for one in rounds), sum(one.contaminated for one in rounds)
    yield f"rounds     {len(rounds) - replaced} kept, {replaced} set aside, {flagged} flagged as contaminated"
    told = {
        "stolen": _sum(rounds, "steal_ns"),
        "CPU time of others": _sum(rounds, "foreign_ns"),
        "throttled": _sum(rounds, "throttled_us", 1000),
        "run delay": _sum(rounds, f"run_delay_ns:{case.id}"),
    }
    switches = [one.evidence[f"involuntary:{case.id}"] for one in rounds if f"involuntary:{case.id}" in one.evidence]
    said = [f"{name} {units.human(ns, 'ns')}" for name, ns in told.items() if ns is not None]
    said += [f"{sum(switches):g} involuntary switches"] if switches else []
    slowdowns = [one.evidence["slowdown"] for one in rounds if "slowdown" in one.evidence]
    said += [f"a core up to {units.human(max(slowdowns), 'x')} as slow as at its best"] if slowdowns else []
    yield f"evidence   {', '.join(said) or 'this system tells none'}"


def _sum(rounds: list[RoundRecord], key: str, scale: int = 1) -> float | None:
    """The sum over the rounds that know it; None where none does."""
    known = [one.evidence[key] for one in rounds if key in one.evidence]
    return float(sum(known) * scale) if known else None
