"""The command of exports: it prints what it would write, and refuses in one line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from export_support import strict
from perflab import cli, registry, store
from perflab.export import EXPORTERS
from perflab.model import Failure, Run
from perflab.testing import scripted_blocks, scripted_run


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
