"""What a terminal shows, and the shared wording."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import report_samples
from rich.console import Console

from perflab.errors import BadInput
from perflab.model import (
    Analysis,
    Case,
    CaseSummary,
    Clause,
    ClauseResult,
    Estimand,
    Estimate,
    Quantity,
    Relation,
    Verdict,
)
from perflab.report import html, text, wording
from perflab.verdict import analyse


def printed(renderable: object, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


def test_the_table_of_verdicts_fits_80_columns(analysis: Analysis) -> None:
    """Every claim with its whole sentence, verdict in a word with its symbol, value and interval on one line."""
    lines = printed(text.verdict_table(analysis)).splitlines()
    assert max(map(len, lines)) <= 80 and "\x1b" not in "".join(lines)
    row = next(line for line in lines if line.startswith("S02"))
    assert row.split("  ")[0] == "S02" and "✔ confirmed" in row and "1.89×" in row and "1.85–1.92×" in row
    assert sum(wording.SYMBOLS[Verdict.REFUTED] in line for line in lines) == 1
    assert len([line for line in lines if line.startswith("S")]) == len(analysis.judgements)


def test_a_claim_that_does_not_apply_has_no_value(analysis: Analysis) -> None:
    """What its clauses happened to measure is not its answer."""
    row = next(line for line in printed(text.verdict_table(analysis)).splitlines() if line.startswith("S10"))
    assert "not applicable" in row and "×" not in row


def test_the_evidence_of_a_claim_is_all_of_it(analysis: Analysis) -> None:
    """Every clause: its part, what it asks, all block values, rounds kept and replaced, what would refute it."""
    said = printed(text.claim_evidence(analysis, "s01"), width=400)
    judgement = next(j for j in analysis.judgements if j.claim.id == "S01")
    for result in judgement.clauses:
        values = ", ".join(wording.value(Estimate(value, None, None), "x") for value in result.estimate.values)
        assert values.count("×") >= report_samples.BLOCKS - 1 and values in said
    assert said.count("clause ") == 2 and "clause 2, positive control" in said
    assert "47 kept, 1 set aside, 4 flagged as contaminated" in said and "stolen 48.0 ms" in said
    assert "refuted by an interval wholly above 1.20×" in said and judgement.reason in said


def test_an_unknown_claim_names_its_neighbours(analysis: Analysis) -> None:
    """Found, expected, and which ones there are."""
    with pytest.raises(BadInput, match=r"unknown claim 'S100': did you mean 'S1.*this run holds: S01"):
        text.claim_evidence(analysis, "S100")


def test_the_slowest_experiments_come_first(analysis: Analysis) -> None:
    """Seconds of all kinds, summed over blocks; five at most."""
    blocks = tuple(
        replace(block, ledger={"samples": 9.0}) if block.experiment == "access" else block
        for block in analysis.run.blocks
    )
    slowest = text.slowest(replace(analysis, run=replace(analysis.run, blocks=blocks)))
    assert slowest[0] == ("access", pytest.approx(9.0 * report_samples.BLOCKS)) and len(slowest) == 4
    assert slowest[1][1] == pytest.approx(1.85 * report_samples.BLOCKS)


def test_notable_figures_are_those_of_the_run(analysis: Analysis) -> None:
    """The best speed-up, the Manager's gap in orders of magnitude, and A against A."""
    said = text.notable(analysis)
    assert said[0].startswith("The best speed-up by workers: pool · fork · 2 workers, 1.89×")
    assert said[1].startswith("The Manager's price: 189× (163–226×), 2.28 orders of magnitude (2.21–2.35)")
    assert said[-1].startswith("The same code against itself (one host): 1.00×")


def test_nothing_measured_is_nothing_notable() -> None:
    """No figure is made up."""
    empty = replace(report_samples.scripted_run(), blocks=())
    assert text.notable(analyse(empty, report_samples.EXPERIMENTS)) == []


def test_only_times_make_the_widest_gap(analysis: Analysis) -> None:
    """A thousand times the bytes take no time at all."""
    case, control = Case("w", "p", "pool"), Case("w", "p", "serial")
    estimates = {"ns": 3.0, "bytes": 1000.0}
    rows = tuple(
        CaseSummary("e", case, Quantity(unit, unit, ""), Estimate(None, None, None), control, Estimate(r, r, r, (r,)))
        for unit, r in estimates.items()
    )
    (said, *_) = text.notable(replace(analysis, summaries=rows, judgements=()))
    assert said == "The widest gap beside it: pool takes 3.00× the time of serial (ns, e)."


@pytest.mark.parametrize(("inverse", "ratio"), [(False, 0.5), (True, 2.0)])
def test_a_speed_up_is_told_as_one_whichever_way_it_was_read(analysis: Analysis, inverse: bool, ratio: float) -> None:
    """Half the time and twice the speed are one finding."""
    quantity = Quantity("q", "x" if inverse else "ns", "", of="wall_ns", inverse=inverse)
    case, control = Case("w", "p", "pool", 2), Case("w", "p", "serial")
    row = CaseSummary("e", case, quantity, Estimate(None, None, None), control, Estimate(ratio, ratio, ratio, (ratio,)))
    said = text.notable(replace(analysis, summaries=(row,)))
    assert said[0] == "The best speed-up by workers: pool · 2 workers, 2.00× (2.00–2.00×) as fast as serial (w · p, e)."


def test_counts_leave_out_what_nobody_got(analysis: Analysis) -> None:
    """One line, in the order of the verdicts."""
    confirmed = [j for j in analysis.judgements if j.verdict is Verdict.CONFIRMED]
    assert wording.counts(confirmed[:1]) == "1 claim: 1 confirmed"
    assert wording.counts([]) == "no claims were judged"


@pytest.mark.parametrize(
    ("estimand", "relation", "bound", "unit", "demand", "refuted"),
    [
        (Estimand.RATIO, Relation.BELOW, 1.2, "x", "below 1.20×", "an interval wholly above 1.20×"),
        (Estimand.LEVEL, Relation.ABOVE, 5e6, "ns", "above 5.00 ms", "an interval wholly below 5.00 ms"),
        (Estimand.RATIO, Relation.WITHIN, 0.25, "x", "within 0.800–1.25×", "an interval wholly outside of 0.800–1.25×"),
        (Estimand.DIFFERENCE, Relation.WITHIN, 2e6, "ns", "within -2.00 ms to 2.00 ms",
         "an interval wholly outside of -2.00 ms to 2.00 ms"),
    ],
)  # fmt: skip
def test_demands_are_said_in_words(estimand, relation, bound, unit, demand, refuted) -> None:
    """And what would have refuted them is the other side."""
    result = ClauseResult(Clause(Case("w"), "q", estimand, relation, bound), Estimate(None, None, None), None)
    assert (wording.bound(result, unit), wording.would_refute(result, unit)) == (demand, refuted)


def test_sameness_is_demanded_within_the_declared_margin_and_refuted_beyond_the_widened() -> None:
    """The reader sees both bounds that were applied."""
    clause = Clause(Case("w"), "q", Estimand.RATIO, Relation.WITHIN, 0.02)
    result = ClauseResult(clause, Estimate(None, None, None), None, 0.25)
    assert wording.bound(result, "x") == "within 0.980–1.02×"
    assert wording.would_refute(result, "x") == "an interval wholly outside of 0.800–1.25×"


def test_a_case_is_told_by_what_sets_it_apart() -> None:
    """Only the fields in which it differs from its control, all of them where nothing differs."""
    case, control = Case("range_sum", "python", "pool", 2, 100, "fork"), Case("range_sum", "python", "serial", size=100)
    assert wording.short_case(case, control) == "pool · fork · 2 workers"
    assert wording.short_case(case, case) == wording.case_words(case)
    assert wording.case_words(case) == "range sum · python · pool · fork · 2 workers · n = 100"


def test_no_line_of_the_page_breaks_within_a_number() -> None:
    """The spaces between thousands are not such as a browser may break at; others are."""
    assert html.unbroken("slower: Manager 8 290× of 12 345 678 in 30 blocks") == (
        "slower: Manager 8\u00a0290× of 12\u00a0345\u00a0678 in 30 blocks"
    )
    assert html.unbroken(8) == 8
