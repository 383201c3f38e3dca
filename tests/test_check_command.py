"""The command of the check: exit statuses, documents, what GitHub is told, and every refusal in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from perflab import cli, registry, store
from perflab.check import expectations, sources, wording
from perflab.model import Case, Failure, Run, Settings
from perflab.testing import scripted_blocks, scripted_run


def stored(folder: Path, run: Run) -> Path:
    """The run as a journal on disk."""
    folder.mkdir()
    with store.journal(folder) as journal:
        journal.append(store.header(run))
        for block in run.blocks:
            journal.append(store.block_line(block))
        journal.append({"kind": "end", "interrupted": False, "wall_s": 1.0})
    return folder


def real_run(nogil_threads: float = 1.97, plan: str = "quick") -> Run:
    """The experiment 'gil' as two idle cores would measure it, and compiled threads as fast as is said."""
    settings = Settings(plan)
    cases = registry.find("experiment", "gil").design(settings).cases

    def speedup(case: Case) -> float:
        if case.implementation == "nogil" and case.strategy == "threads":
            return nogil_threads
        return 1.98 if case.strategy in ("pool", "ceiling") else 1.0

    blocks = scripted_blocks("gil", {case: [10_000_000 / speedup(case)] * 8 for case in cases})
    return replace(scripted_run(blocks, plan), settings=settings)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that expects the kernel to release the GIL, with a run of one that does and of one that does not."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / "good", real_run())
    stored(tmp_path / "bad", real_run(1.0))
    (tmp_path / "pyproject.toml").write_text("[tool.perflab.expect]\nnogil-threads-scale = 'confirmed'\n")
    return tmp_path


def out_of(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    """What the check prints, once its exit status is as said."""
    assert cli.main(["check", *arguments]) == status
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.usefixtures("project")
def test_the_build_fails_when_a_kernel_stops_releasing_the_gil(capsys: pytest.CaptureFixture[str]) -> None:
    """0 while it scales, 1 when it does not, with the sentence that a maintainer needs."""
    assert out_of(capsys, 0, "good").startswith("1 expectation: 1 as expected\n")
    out = out_of(capsys, 1, "bad")
    assert out.startswith("1 expectation: 1 against\n")
    assert "gil: nogil-threads-scale was expected confirmed and is refuted: threads that release the GIL" in out
    assert "; run perflab show bad --claim nogil-threads-scale for the evidence" in out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("more", "status"), [((), 0), (("--strict",), 4)])
def test_unresolved_fails_under_strict_only(
    more: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim of an experiment that was not run."""
    Path("expect.toml").write_text("S08 = 'confirmed'\n")
    assert "1 unresolved" in out_of(capsys, status, "good", "--expect", "expect.toml", *more)


@pytest.mark.usefixtures("project")
def test_what_goes_against_an_expectation_outranks_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    """1 before 3 before 4."""
    run = real_run()
    threads = next(case for case in registry.find("experiment", "gil").design(run.settings).cases if case.workers)
    group = replace(run.blocks[0].groups[0], failures={threads.id: Failure("hung", "no answer")})
    stored(Path("failed"), replace(run, blocks=(replace(run.blocks[0], groups=(group,)), *run.blocks[1:])))
    Path("failed.toml").write_text("S01 = 'confirmed'\nS08 = 'confirmed'\n")
    assert "1 failed, 1 unresolved" in out_of(capsys, 3, "failed", "--expect", "failed.toml", "--strict")
    Path("both.toml").write_text("S01 = 'confirmed'\nS02 = 'refuted'\n")
    assert "1 against, 1 failed" in out_of(capsys, 1, "failed", "--expect", "both.toml", "--strict")


@pytest.mark.usefixtures("project")
def test_a_baseline_suffices_without_expectations(capsys: pytest.CaptureFixture[str]) -> None:
    """What scaled before and does not now is worse; the same run is not."""
    Path("pyproject.toml").unlink()
    assert " no worse than in the baseline" in out_of(capsys, 0, "good", "--baseline", "good")
    out = out_of(capsys, 1, "bad", "--baseline", "good")
    assert "against: gil: nogil-threads-scale was expected no worse than in the baseline and is worse: 0.505×" in out


@pytest.mark.usefixtures("project")
def test_json_is_one_document(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is to be told goes elsewhere."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert cli.main(["check", "bad", "--baseline", "good", "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["schema"], found["exit"], found["findings"][0]["status"]) == ("perflab.check/1", 1, "against")
    assert found["counts"]["against"] == 1 + sum(one["status"] == "against" for one in found["baseline"])
    assert err.startswith("::error title=perflab check::gil: nogil-threads-scale")


@pytest.mark.usefixtures("project")
def test_github_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary is added to what other steps of the job wrote; annotations only where actions run."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert "::error" not in out_of(capsys, 1, "bad")
    assert Path("summary.md").read_text().startswith("**perflab check**: 1 expectation: 1 against\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("summary.md").write_text("earlier\n")
    assert out_of(capsys, 1, "bad").count("::error title=perflab check::") == 1
    assert Path("summary.md").read_text().startswith("earlier\n\n**perflab check**: 1 expectation: 1 against\n")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("full", [True, False])
def test_a_summary_that_cannot_be_written_costs_a_warning(
    full: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the check is not changed by it."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md" if full else "missing/summary.md")
    if full:
        Path("summary.md").write_text("x" * wording.SUMMARY_BYTES)
    assert cli.main(["check", "bad"]) == 1
    assert capsys.readouterr().err.startswith("warning: ")
    assert not full or len(Path("summary.md").read_text()) == wording.SUMMARY_BYTES


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "toml", "fragment"),
    [
        (["nowhere"], "", "nowhere"),
        (["good", "--expect", "missing.toml"], "", "cannot read missing.toml"),
        (["good", "--baseline", "nowhere"], "", "--baseline: no run at nowhere"),
        (["good", "--baseline", "full"], "", "plan (full, now quick)"),
        (["good", "--expect", "expect.toml"], "nogil-thread-scale = 'confirmed'", "did you mean 'nogil-threads-scale'"),
        (["good", "--expect", "expect.toml"], "S01 = { least = 1 }", "unknown key 'least'"),
        (["good", "--strikt"], "", "--strict"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], toml: str, fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on stdout."""
    Path("expect.toml").write_text(toml)
    stored(Path("full"), real_run(plan="full"))
    assert cli.main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert fragment in err


def test_without_expectations_it_says_where_they_were_looked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an example of one."""
    (project / "pyproject.toml").unlink()
    assert cli.main(["check", "good"]) == 2
    err = capsys.readouterr().err
    assert str(project) in err
    assert sources.TABLE in err
    assert expectations.EXAMPLE in err
