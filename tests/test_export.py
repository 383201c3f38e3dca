"""Exports: numbers worked out beforehand, names that last, nothing invented, and every refusal in one line."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import fastjsonschema
import pytest

from perflab import cli, registry, store, verdict
from perflab.errors import BadInput
from perflab.export import EXPORTERS, export, exporter
from perflab.export.source import block_levels, block_ratios, gather
from perflab.model import (
    Arm,
    BlockRecord,
    Case,
    Claim,
    Clause,
    Estimand,
    Experiment,
    Failure,
    Observation,
    Quantity,
    Relation,
    Run,
)
from perflab.testing import (
    merged_blocks,
    scripted_blocks,
    scripted_experiment,
    scripted_group,
    scripted_round,
    scripted_run,
)

ONE = Case("sum", "python", "serial", size=1000)
TWO = replace(ONE, strategy="threads", workers=2)
SPEEDUP = Quantity("speedup", "x", "how many times faster", of="wall_ns", inverse=True)

BMF_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z0-9-]{1,64}$"},
        "additionalProperties": {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}


def doubling(one: Case = ONE, two: Case = TWO, blocks: int = 6, scale: float = 1.0) -> tuple[BlockRecord, ...]:
    """Blocks in which the second case takes exactly twice as long as the first, whatever the block."""
    first = [scale * (1000 + 10 * block) for block in range(blocks)]
    return scripted_blocks("trial", {one: first, two: [2 * value for value in first]}, rounds=2)


def trial(*arms: Arm, **options: Any) -> Experiment:
    """The experiment that these blocks belong to; threads against serial unless other arms are given."""
    claim = Claim(
        "slower", "Two threads are slower", (Clause(TWO, "wall_ns", Estimand.RATIO, Relation.ABOVE, 1.5, ONE),)
    )
    return scripted_experiment("trial", arms or (Arm(ONE), Arm(TWO, ONE)), [claim], **options)


def exported(
    format: str,
    blocks: Sequence[BlockRecord],
    *arms: Arm,
    known: Mapping[str, Experiment] | None = None,
    **options: Any,
) -> str:
    """What the format makes of a scripted run."""
    experiments = {"trial": trial(*arms, **options), **(known or {})}
    return export(verdict.analyse(scripted_run(blocks), experiments), format, experiments)


def strict(text: str) -> Any:
    """The document as JSON; NaN and infinity are errors."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} in the document")

    return json.loads(text, parse_constant=refuse)


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def with_failure(message: str = "it broke") -> tuple[BlockRecord, ...]:
    """The doubling blocks, in the last of which the second case fails."""
    *kept, last = doubling()
    group = scripted_group(last.groups[0].rounds, failures={TWO: Failure("raised", message)})
    return (*kept, replace(last, groups=(group,)))


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


def test_github_action_gets_ratios_and_never_seconds() -> None:
    """One entry for each cost of a case with a control, with interval and verdict; a slower runner changes nothing."""
    text = exported("github-action", doubling())
    (entry,) = strict(text)
    assert sorted(entry) == ["extra", "name", "range", "unit", "value"]
    assert (entry["name"], entry["unit"]) == ("trial wall_ns: sum/python/threads/w2 against sum/python/serial", "ratio")
    assert entry["value"] == pytest.approx(2.0)
    assert "2.00–2.00×" in entry["range"]
    assert "median of 6 blocks\nslower: confirmed" in entry["extra"]
    slower = strict(exported("github-action", doubling(scale=7.0)))
    assert slower[0]["value"] == pytest.approx(entry["value"])
    assert {**slower[0], "value": 0} == {**entry, "value": 0}


@pytest.mark.parametrize("format", ["github-action", "bmf"])
def test_names_outlive_the_calibration_of_sizes(format: str) -> None:
    """Other sizes in the next run, the same names for what is followed."""
    one, two = (replace(case, size=123456) for case in (ONE, TWO))
    documents = [
        strict(exported(format, doubling())),
        strict(exported(format, doubling(one, two), Arm(one), Arm(two, one))),
    ]
    if format == "github-action":
        first, second = ([entry["name"] for entry in document] for document in documents)
        assert first == second
    else:
        first, second = (
            sorted(name for name, found in document.items() if "wall-ns-ratio" in found) for document in documents
        )
        assert first == second == ["trial/sum/python/threads/w2"]


def test_cases_that_differ_by_size_alone_keep_names_of_their_own() -> None:
    """Their rank by size tells them apart, whichever sizes they have."""

    def names(small: int, large: int) -> list[str]:
        pairs = [(replace(ONE, size=size), replace(TWO, size=size)) for size in (large, small)]
        arms = [arm for one, two in pairs for arm in (Arm(one), Arm(two, one))]
        blocks = merged_blocks(*(doubling(one, two) for one, two in pairs))
        return [entry["name"] for entry in strict(exported("github-action", blocks, *arms))]

    found = names(10, 2000)
    assert len(set(found)) == 2
    assert found == names(30, 400)
    assert "threads/w2/size2of2 against sum/python/serial/size2of2" in found[0]


def test_a_speedup_alone_is_turned_over() -> None:
    """Smaller is better: a case that is half as fast stands at 2, and its interval is turned too."""
    first = [1000.0] * 6
    second = [1500.0, 1600.0, 2000.0, 2000.0, 2200.0, 2500.0]
    blocks = scripted_blocks("trial", {ONE: first, TWO: second})
    (entry,) = strict(exported("github-action", blocks, quantities=(SPEEDUP,)))
    assert entry["name"].startswith("trial 1/speedup: ")
    assert entry["value"] == pytest.approx(2.0)
    assert "1.50–2.50×" in entry["range"]


def test_what_would_alarm_by_noise_or_has_no_better_side_is_left_out() -> None:
    """Points have no better side; an interval from 1 to 3 spans more than the action's threshold."""
    points = Quantity("points", "points", "scripted")
    assert "wall_ns" in exported("github-action", doubling())
    scored = scripted_blocks("trial", {ONE: [1.0] * 6, TWO: [2.0] * 6}, "points")
    with pytest.raises(BadInput, match="no ratio of a time or a size"):
        exported("github-action", scored, quantities=(points,))
    vague = scripted_blocks("trial", {ONE: [1.0] * 6, TWO: [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]})
    with pytest.raises(BadInput, match="no ratio of a time or a size"):
        exported("github-action", vague)


def test_ratios_of_a_void_run_are_left_out() -> None:
    """Two copies of the same code that differ by half say that no ratio counts; its own ratio is still shown."""
    twin = replace(ONE, params=(("twin", 1),))
    null = scripted_experiment("null", (Arm(ONE), Arm(twin, ONE)))
    aside = scripted_blocks("null", {ONE: [1000.0] * 6, twin: [1500.0] * 6})
    calm = scripted_blocks("null", {ONE: [1000.0] * 6, twin: [1001.0] * 6})
    names = [
        [
            entry["name"].split()[0]
            for entry in strict(exported("github-action", (*doubling(), *a), known={"null": null}))
        ]
        for a in (calm, aside)
    ]
    assert names == [["trial", "null"], ["null"]]
    assert "trial/sum/python/threads/w2" not in strict(exported("bmf", (*doubling(), *aside), known={"null": null}))
    shown = strict(exported("pytest-benchmark", (*doubling(), *aside), known={"null": null}))["benchmarks"]
    assert [one["extra_info"]["ratio_void"] for one in shown] == [False, True, False, False]


def test_bmf_follows_ratios_without_and_latencies_with_the_size() -> None:
    """The document obeys the published schema; values are the medians and their ends."""
    document = strict(exported("bmf", doubling()))
    fastjsonschema.compile(BMF_SCHEMA)(document)
    assert sorted(document) == [
        "trial/sum/python/serial/n1000",
        "trial/sum/python/threads/w2",
        "trial/sum/python/threads/w2/n1000",
    ]
    assert document["trial/sum/python/serial/n1000"] == {
        "latency": {"value": 1025.0, "lower_value": 1000.0, "upper_value": 1050.0}
    }
    ratios = document["trial/sum/python/threads/w2"]
    assert ratios["wall-ns-ratio"]["value"] == pytest.approx(2.0)
    assert ratios["speedup"]["value"] == pytest.approx(0.5)
    short = strict(exported("bmf", doubling(blocks=2)))
    fastjsonschema.compile(BMF_SCHEMA)(short)
    assert short["trial/sum/python/serial/n1000"] == {"latency": {"value": 1005.0}}


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


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A run of the null experiment on disk, its values scripted."""
    cases = registry.find("experiment", "null").design(scripted_run(()).settings).cases
    blocks = scripted_blocks("null", {case: [1000.0 + block for block in range(6)] for case in cases})
    return written(scripted_run(blocks), tmp_path / "run")


def written(run: Run, folder: Path) -> Path:
    """The run's folder with its journal."""
    folder.mkdir()
    with store.journal(folder) as journal:
        for line in (store.header(run), *map(store.block_line, run.blocks)):
            journal.append(line)
    return folder


@pytest.mark.parametrize("format", list(EXPORTERS))
def test_the_command_prints_what_it_would_write(
    format: str, stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 0 both ways, nothing on stderr; with --out nothing on stdout either, and an older file is replaced."""
    out = tmp_path / "document"
    out.write_text("older")
    assert cli.main(["export", str(stored), "--format", format]) == 0
    printed = capsys.readouterr()
    assert cli.main(["export", str(stored / "run.jsonl"), "--format", format, "--out", str(out)]) == 0
    assert (out.read_text(), "") == (printed.out, printed.err)
    assert printed.out.endswith("\n")
    assert capsys.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["document", "run"]


def test_the_command_says_which_failed_cases_it_left_out(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, so that the document stays alone on stdout."""
    run = store.load(stored)
    case = registry.find("experiment", "null").design(run.settings).cases[0]
    group = replace(run.blocks[-1].groups[0], failures={case.id: Failure("died", "gone")})
    failed = replace(run, blocks=(*run.blocks[:-1], replace(run.blocks[-1], groups=(group,))))
    assert cli.main(["export", str(written(failed, tmp_path / "failed")), "--format", "bmf"]) == 0
    said = capsys.readouterr()
    assert said.err == f"perflab: left out, because they failed: null/{case.id}\n"
    assert f"null/{case.id}" not in strict(said.out)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "junit"], "unknown format 'junit'"),
        ([], "Missing option '--format'"),
        (["--format", "csv", "--out", "missing/x.csv"], "cannot write missing/x.csv: No such file or directory"),
        (["--format", "csv", "--out", "."], "is no file that could be replaced"),
        (["--format", "csv", "--out", "pipe"], "is no file that could be replaced"),
        (["--format", "csv", "--out", "run/run.jsonl"], "is the run itself"),
    ],
)
def test_the_command_refuses_in_one_line(
    options: list[str], said: str, stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, nothing on stdout, and the run and what stood at --out are as they were."""
    monkeypatch.chdir(stored.parent)
    os.mkfifo("pipe")
    before = (stored / "run.jsonl").read_bytes()
    assert cli.main(["export", "run", *options]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert said in error
    assert (stored / "run.jsonl").read_bytes() == before
    assert Path("pipe").is_fifo()
