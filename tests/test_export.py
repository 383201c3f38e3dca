"""Exports: numbers worked out beforehand, nothing invented, nothing that failed taken for a result."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from export_support import ONE, TWO, doubling, exported, rows, strict, trial, with_failure
from perflab import verdict
from perflab.errors import BadInput
from perflab.export import EXPORTERS, exporter
from perflab.export.source import block_levels, block_ratios, gather
from perflab.model import Arm, BlockRecord, Case, Observation, Quantity
from perflab.testing import merged_blocks, scripted_blocks, scripted_group, scripted_round, scripted_run


def test_an_unknown_format_is_answered_with_the_near_ones() -> None:
    """The message names what was asked for, what is near, and all there are."""
    with pytest.raises(BadInput, match=r"unknown format 'pyprf': did you mean 'pyperf'.*expected .*github-action.*csv"):
        exporter("pyprf")


@pytest.mark.parametrize("format", [name for name in EXPORTERS if name != "csv"])
def test_a_run_without_content_is_refused(format: str) -> None:
    """An empty document would be taken for a broken one by the other tool."""
    with pytest.raises(BadInput, match="nothing to export"):
        exported(format, scripted_blocks("trial", {ONE: [], TWO: []}))


@pytest.mark.parametrize("format", [name for name in EXPORTERS if name != "csv"])
def test_no_document_holds_nan(format: str) -> None:
    """Not even where there are too few blocks for an interval, a time is 0, or a sample is infinite."""
    blocks = scripted_blocks("trial", {ONE: [2.0, 0.0, 5.0, math.inf], TWO: [4.0, 4.0, 0.0, 10.0]})
    assert strict(exported(format, doubling(blocks=2)))
    assert strict(exported(format, blocks))


def test_block_values_are_those_of_the_estimates() -> None:
    """Levels and ratios by block are the very values that the medians are taken of."""
    experiments = {"trial": trial()}
    analysis = verdict.analyse(scripted_run(doubling()), experiments)
    source = gather(analysis, experiments)
    compared = [row for row in analysis.summaries if row.ratio is not None]
    assert [row.quantity.name for row in compared] == ["wall_ns", "speedup"]
    for row in analysis.summaries:
        assert tuple(block_levels(source, row).values()) == row.level.values
        assert tuple(block_ratios(source, row).values()) == (row.ratio.values if row.ratio else ())


def test_csv_has_a_row_for_each_block() -> None:
    """Raw values and ratios, each beside the number of its block, also where the case missed one."""
    blocks = scripted_blocks("trial", {ONE: [10.0, 20.0, 30.0], TWO: [30.0, None, 60.0]})
    found = [row for row in rows(exported("csv", blocks)) if row["quantity"] == "wall_ns"]
    assert [(row["strategy"], row["block"], row["value"]) for row in found] == [
        *(("serial", "0", "10.0"), ("serial", "1", "20.0"), ("serial", "2", "30.0")),
        *(("threads", "0", "30.0"), ("threads", "2", "60.0")),
    ]
    assert [float(row["ratio"]) for row in found if row["ratio"]] == pytest.approx([3.0, 2.0])
    assert {row["control"] for row in found} == {"", ONE.id}
    speedups = [row for row in rows(exported("csv", blocks)) if row["quantity"] == "speedup"]
    assert [row["value"] for row in speedups] == ["", ""]
    assert [float(row["ratio"]) for row in speedups] == pytest.approx([1 / 3, 1 / 2])


def test_csv_quotes_whatever_stands_in_a_cell() -> None:
    """Commas, quotes and line breaks come back as they were; every cell is quoted."""
    odd = replace(TWO, params=(("kind", 'a,"b"\nc'),))
    text = exported("csv", doubling(two=odd), Arm(ONE), Arm(odd, ONE))
    found = [row for row in rows(text) if row["strategy"] == "threads"]
    assert {json.loads(row["params"])["kind"] for row in found} == {'a,"b"\nc'}
    assert {row["case"] for row in found} == {odd.id}
    again = io.StringIO()
    csv.writer(again, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(csv.reader(io.StringIO(text)))
    assert again.getvalue() == text


def test_csv_shows_outcomes_as_text() -> None:
    """A quantity that is a word has no level, and still a value in each block."""
    outcome = Quantity("outcome", "", "what happened")
    series: dict[Case, Sequence[Observation | None]] = {ONE: ["kept", "lost"], TWO: ["lost", "lost"]}
    found = rows(exported("csv", scripted_blocks("trial", series, "outcome", rounds=2), quantities=(outcome,)))
    assert [row["value"] for row in found] == ["kept", "lost", "lost", "lost"]


@pytest.mark.parametrize("format", list(EXPORTERS))
def test_a_failed_case_has_no_numbers_and_is_named_where_it_can_be(format: str) -> None:
    """Its earlier blocks would be taken for its result."""
    text = exported(format, with_failure("it\nbroke")) if format != "github-action" else ""
    if format == "github-action":
        with pytest.raises(BadInput, match="nothing to export"):
            exported(format, with_failure())
    elif format == "csv":
        (failed,) = [row for row in rows(text) if row["strategy"] == "threads"]
        assert (failed["failure"], failed["value"], failed["block"]) == ("raised: it broke", "", "")
    elif format == "bmf":
        assert list(strict(text)) == ["trial/sum/python/serial/n1000"]
    elif format == "pyperf":
        assert strict(text)["metadata"]["perflab_failed"] == f"trial/{TWO.id}: raised: it broke"
        assert [one["metadata"]["name"] for one in strict(text)["benchmarks"]] == [f"trial/{ONE.id}"]
    else:
        assert strict(text)["perflab"]["failures"] == {f"trial/{TWO.id}": "raised: it broke"}
        assert [one["name"] for one in strict(text)["benchmarks"]] == [ONE.id]


def test_each_time_has_a_name_of_its_own() -> None:
    """What is no wall time says so in its name; CPU time is no time on a wall and is left to the other formats."""
    others = (scripted_blocks("trial", {ONE: [5.0] * 6}, name) for name in ("cold_ns", "cpu_ns"))
    blocks = merged_blocks(doubling(), *others)
    names = [one["metadata"]["name"] for one in strict(exported("pyperf", blocks))["benchmarks"]]
    assert names == [f"trial/{ONE.id}", f"trial/{ONE.id} cold_ns", f"trial/{TWO.id}"]
    shown = strict(exported("pytest-benchmark", blocks))["benchmarks"]
    assert len({one["fullname"] for one in shown}) == 3
    assert [one["group"] for one in shown] == ["trial wall_ns", "trial cold_ns", "trial wall_ns"]
    assert strict(exported("bmf", blocks))[f"trial/{ONE.id}"]["cpu-ns"]["value"] == 5.0


def test_rounds_that_were_run_again_are_left_out() -> None:
    """pyperf's values are those of the rounds that count."""
    rounds = [
        scripted_round({ONE: 5e9}, contaminated=True, replaced=True),
        *(scripted_round({ONE: 1e9 * value}) for value in (1, 2)),
    ]
    (found,) = strict(exported("pyperf", [BlockRecord("trial", 0, 7, (scripted_group(rounds),))]))["benchmarks"]
    assert [run["values"] for run in found["runs"]] == [[1.0, 2.0]]
    assert found["runs"][0]["metadata"] == {"perflab_block": 0, "python_hash_seed": 7}
