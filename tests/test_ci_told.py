"""What a duel in a job tells it: annotations, a summary, outputs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from perflab import cli
from perflab.check import wording
from perflab.cli import dueling, github
from perflab.duel import Challenge


def fought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str, raises: str = "") -> int:
    """The status of a duel whose HEAD raises, in a job with a summary and outputs."""
    (tmp_path / "base.py").write_text("def one(): return 1\n")
    (tmp_path / "head.py").write_text(f"def one(): raise ValueError({raises!r})\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    return cli.main(["duel", "base:one", "head:one", "--no-lock", "--budget", "5", *options])


def test_an_annotation_is_one_line_whatever_head_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line break in it would begin another command, and Markdown in it another page."""
    assert fought(tmp_path, monkeypatch, raises="100%\n::warning::<b>") == 3
    (annotation,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("::"))
    assert annotation.startswith("::error title=perflab duel::head:one: failed: HEAD ")
    assert "100%25" in annotation
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("**! failed**: base:one → head:one: HEAD ")
    assert "<b>" not in summary
    assert (tmp_path / "output").read_text() == "verdict=failed\n"


def test_json_stays_one_document_in_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The annotation goes to stderr; the file of --out holds the same document."""
    assert fought(tmp_path, monkeypatch, "--json", "--out", "kept.json") == 3
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads((tmp_path / "kept.json").read_text())
    assert err.startswith("::error title=perflab duel::")


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, status 2, and nothing is told to the job."""
    assert fought(tmp_path, monkeypatch, "--out", "nowhere/kept.json") == 2
    assert capsys.readouterr().err.startswith("perflab: cannot write nowhere/kept.json: ")
    assert not (tmp_path / "summary.md").exists()


def test_what_base_cannot_do_is_unresolved_only_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a broken target of BASE stays the failure that it is."""
    (tmp_path / "good.py").write_text("def one(): return 1\n")
    (tmp_path / "bad.py").write_text("def one(): raise KeyError\n")
    monkeypatch.chdir(tmp_path)
    command = ["duel", "bad:one", "good:one", "--no-lock", "--budget", "5"]
    assert cli.main(command) == 3
    assert "BASE raised" in capsys.readouterr().out
    assert cli.main([*command, "--base-may-fail"]) == 0
    assert "? unresolved: HEAD does what BASE cannot do" in capsys.readouterr().out
    assert cli.main(["duel", "bad:one", "bad:one", "--no-lock", "--base-may-fail"]) == 3
    assert "! failed: HEAD raised" in capsys.readouterr().out


def test_a_summary_ends_where_its_room_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is said, in letters of any width, what the step wrote before is kept and the cap is not passed."""
    file = tmp_path / "summary.md"
    file.write_text("x" * (wording.SUMMARY_BYTES - 5000))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    ended = dueling.fought(Challenge("nowhere:f", "nowhere:f", lock=False))
    long = replace(ended, reason="é" * 10_000)
    github.summarise(lambda room: dueling.as_markdown(Challenge("a:f", "a:f"), long, room))
    text = file.read_text()
    assert text.startswith("xxx")
    assert wording.SUMMARY_BYTES - 10 <= file.stat().st_size <= wording.SUMMARY_BYTES
    assert "**! failed**: a:f: é" in text
    assert len(wording.annotation("error", "t", "é" * 10_000)) < 5000


def test_the_verdict_of_a_step_is_its_worst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order, beside other outputs of the step, and also where the file cannot be read."""
    file = tmp_path / "output"
    file.write_text("other=slower\n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    for verdict, worst in (("faster", "faster"), ("failed", "failed"), ("unresolved", "failed"), ("slower", "slower")):
        github.conclude(verdict, dueling.WORST_FIRST)
        assert file.read_text().splitlines()[-1] == f"verdict={worst}"
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path))
    github.conclude("failed", dueling.WORST_FIRST)
