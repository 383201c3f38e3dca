"""Exports read by the tools they are made for: pyperf and pytest-benchmark, as they are installed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from perflab import verdict
from perflab.export import export
from perflab.export.pytest_benchmark import describe
from perflab.model import Arm, BlockRecord, Case, Claim, Clause, Estimand, Relation, Run
from perflab.testing import scripted_blocks, scripted_experiment, scripted_group, scripted_round, scripted_run

pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed: pip install 'perflab[test]' brings it")
pytest_benchmark_stats = pytest.importorskip(
    "pytest_benchmark.stats", reason="pytest-benchmark is not installed: pip install 'perflab[test]' brings it"
)

ONE = Case("sum", "python", "serial", size=1000)
TWO = replace(ONE, strategy="threads", workers=2, params=(("order", "random"),))
CLAIM = Claim("slower", "Two threads are slower", (Clause(TWO, "wall_ns", Estimand.RATIO, Relation.ABOVE, 1.5, ONE),))
KNOWN = {"trial": scripted_experiment("trial", (Arm(ONE), Arm(TWO, ONE)), [CLAIM])}
ENVIRONMENT = {
    "python": "3.13.1",
    "implementation": "CPython",
    "system": "Linux",
    "kernel": "6.1",
    "machine": "x86_64",
    "libc": "glibc 2.36",
    "cpu": "Scripted CPU",
    "cores": {"os_cpu_count": 4, "effective": 2},
    "aslr": 2,
    "clock": "clock_gettime(CLOCK_MONOTONIC)",
    "clock_resolution_s": 1e-9,
    "gil": {"enabled": False},
    "governor": None,
}


def run(factor: float = 1.0, blocks: int = 6) -> Run:
    """Serial takes 1 ms, threads take 2; everything ``factor`` times that."""
    first = [factor * (1_000_000 + 1000 * block) for block in range(blocks)]
    series = {ONE: first, TWO: [2 * value for value in first]}
    return replace(scripted_run(scripted_blocks("trial", series, rounds=3)), environment=ENVIRONMENT, version="9.9")


def exported(format: str, run: Run) -> str:
    """What the format makes of the run."""
    return export(verdict.analyse(run, KNOWN), format, KNOWN)


def carried_out(folder: Path, *command: str | Path) -> str:
    """What a module's command printed in a folder; it must have ended with 0 and complained about nothing."""
    command = (sys.executable, "-m", *map(str, command))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_pyperf_reads_seconds_by_block_and_round() -> None:
    """A run for each block, its rounds as values; names, loops and circumstances are where pyperf looks for them."""
    suite = pyperf.BenchmarkSuite.loads(exported("pyperf", run()))
    assert suite.get_benchmark_names() == [f"trial/{ONE.id}", f"trial/{TWO.id}"]
    first, second = suite.get_benchmarks()
    assert [one.values for one in first.get_runs()[:2]] == [(0.001,) * 3, (0.001001,) * 3]
    assert (first.get_nrun(), first.get_unit(), first.get_total_loops()) == (6, "second", 1)
    assert second.median() == pytest.approx(2 * first.median())
    metadata = second.get_metadata()
    assert metadata["platform"] == "Linux-6.1-x86_64-with-glibc2.36"
    assert (metadata["python_implementation"], metadata["python_version"]) == ("cpython", "3.13.1")
    assert (metadata["cpu_model_name"], metadata["cpu_count"]) == ("Scripted CPU", 4)
    assert (metadata["perflab_version"], metadata["perflab_gil"]) == ("9.9", "disabled")
    assert (metadata["perflab_verdicts"], metadata["perflab_control"]) == ("slower: confirmed", ONE.id)
    assert metadata["perflab_ratio"] == pytest.approx(2.0)
    assert "perflab_governor" not in metadata


def test_pyperf_spells_circumstances_as_it_collects_them() -> None:
    """Every key without our prefix is one that pyperf itself fills in or knows."""
    from pyperf._collect_metadata import collect_metadata

    own = {*collect_metadata(), "name", "unit", "loops", "cpu_model_name", "python_hash_seed", "aslr"}
    suite = pyperf.BenchmarkSuite.loads(exported("pyperf", run()))
    found = {key for bench in suite for one in bench.get_runs() for key in one.get_metadata()}
    assert {key for key in found if not key.startswith("perflab_")} - own == set()


def test_pyperf_knows_how_often_a_sample_repeated_its_call() -> None:
    """Values are per call; the count is its loops."""
    group = replace(scripted_group([scripted_round({ONE: 5e6})]), counts={ONE.id: 40})
    suite = pyperf.BenchmarkSuite.loads(exported("pyperf", scripted_run([BlockRecord("trial", 0, 1, (group,))])))
    (bench,) = suite.get_benchmarks()
    assert (bench.get_total_loops(), bench.get_values()) == (40, (0.005,))
    assert bench.get_total_duration() == pytest.approx(0.2)


def test_pyperf_describes_and_compares(tmp_path: Path) -> None:
    """Both commands accept the files, and find the factor that was put in."""
    files = []
    for name, factor in (("base", 1.0), ("head", 1.5)):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(exported("pyperf", run(factor)))
    said = carried_out(tmp_path, "pyperf", "stats", files[0])
    assert f"trial/{TWO.id}" in said
    assert "Total number of values: 18" in said
    compared = carried_out(tmp_path, "pyperf", "compare_to", *files)
    assert compared.count("1.50x slower") == 3  # both, and their geometric mean


def test_pyperf_accepts_a_single_block(tmp_path: Path) -> None:
    """A run that was interrupted early is still a file that pyperf describes."""
    file = tmp_path / "short.json"
    file.write_text(exported("pyperf", run(blocks=1)))
    assert "Total number of run: 1" in carried_out(tmp_path, "pyperf", "stats", file)


def test_pyperf_is_spared_what_it_refuses() -> None:
    """It takes no value of 0 and no run without values."""
    blocks = scripted_blocks("trial", {ONE: [0.0, 5e6, 6e6]})
    (bench,) = pyperf.BenchmarkSuite.loads(exported("pyperf", scripted_run(blocks))).get_benchmarks()
    assert [one.values for one in bench.get_runs()] == [(0.005,), (0.006,)]


def test_pytest_benchmark_compares(tmp_path: Path) -> None:
    """The command shows both cases in one group, their medians in ms and one round for each block."""
    file = tmp_path / "run.json"
    file.write_text(exported("pytest-benchmark", run()))
    columns = "--columns=median,rounds,outliers,ops"
    said = carried_out(tmp_path, "pytest_benchmark", "compare", file, columns, "--sort=name")
    assert "benchmark 'trial wall_ns': 2 tests" in said
    shown = [line.split() for line in said.splitlines() if line.startswith("sum/python")]
    assert [(words[0], words[2]) for words in shown] == [(ONE.id, "1.0025"), (TWO.id, "2.0050")]
    by_workers = carried_out(tmp_path, "pytest_benchmark", "compare", file, "--group-by=param:workers")
    assert "'workers=0'" in by_workers
    assert "'workers=2'" in by_workers


def test_pytest_benchmark_compares_two_runs(tmp_path: Path) -> None:
    """Benchmarks of two files meet by their full names."""
    for name, factor in (("0001_base", 1.0), ("0002_head", 1.5)):
        (tmp_path / f"{name}.json").write_text(exported("pytest-benchmark", run(factor)))
    said = carried_out(tmp_path, "pytest_benchmark", "compare", *sorted(tmp_path.iterdir()), "--between=median")
    assert said.count("+50.0%") == 2


def test_pytest_benchmark_carries_ratio_and_verdicts() -> None:
    """What its own statistics cannot say stands in extra_info, and the circumstances under its own names."""
    document = json.loads(exported("pytest-benchmark", run()))
    first, second = (one["extra_info"] for one in document["benchmarks"])
    assert (first["control"], first["ratio"], first["verdicts"]) == (None, None, {})
    assert (second["control"], second["verdicts"]) == (ONE.id, {"slower": "confirmed"})
    assert [second[name] for name in ("ratio", "ratio_low", "ratio_high")] == pytest.approx([2.0] * 3)
    assert (first["median_low"], first["median_high"]) == pytest.approx((0.001, 0.001005))
    assert document["machine_info"]["python_version"] == "3.13.1"
    assert document["benchmarks"][1]["params"]["order"] == "random"


@given(strategies.lists(strategies.floats(1e-9, 1e3), min_size=1, max_size=40))
def test_statistics_are_those_of_pytest_benchmark(values: list[float]) -> None:
    """Every field of its own statistics, on the same values."""
    theirs = pytest_benchmark_stats.Stats()
    for value in values:
        theirs.update(value)
    ours = describe(values)
    assert set(ours) == set(theirs.fields)
    for field in set(theirs.fields) - {"outliers", "iqr_outliers", "stddev_outliers", "ld15iqr", "hd15iqr"}:
        assert ours[field] == pytest.approx(getattr(theirs, field), rel=1e-9, abs=1e-9), field


@pytest.mark.parametrize(
    "values", [[3.0], [0.0, 0.0], [1.0, 2.0], [1.0, 2.0, 4.0, 8.0, 16.0, 5.0, 90.0], [*range(1, 12), 20.0]]
)
def test_outliers_are_those_of_pytest_benchmark(values: list[float]) -> None:
    """Where no value lies on a fence, its counts and whiskers are ours as well."""
    theirs: Any = pytest_benchmark_stats.Stats()
    for value in values:
        theirs.update(value)
    ours = describe(values)
    for field in ("outliers", "iqr_outliers", "stddev_outliers", "ld15iqr", "hd15iqr", "ops"):
        assert ours[field] == getattr(theirs, field), field
