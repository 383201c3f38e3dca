"""The gate's look at what no job ran: a skip counts only where every job that has the test skipped it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / ".ci" / "skipped.py"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the gate belongs to a checkout, not to a distribution")

RUNS = "\ndef test_one(): pass\n"
SKIPS = "\nimport pytest\n\ndef test_one(): pytest.skip({!r})\n"
SKIPS_ALL = "\nimport pytest\npytest.importorskip('nowhere', reason={!r})\n\ndef test_one(): pass\n"


def job(folder: Path, name: str, source: str) -> Path:
    """What pytest writes of a job with one file of tests."""
    place = folder / name
    place.mkdir()
    (place / "test_it.py").write_text(source)
    written = folder / f"{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={written}", "test_it.py"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=place, env=alone, capture_output=True, check=False)
    return written


def judged(*jobs: Path) -> tuple[int, str]:
    """The script's status, and what it printed."""
    done = subprocess.run([sys.executable, SCRIPT, *jobs], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_test_that_one_job_runs_may_be_skipped_by_the_others(tmp_path: Path) -> None:
    """Whether the test was skipped by itself or with the whole of its file; alone, each is named with its reason."""
    runs = job(tmp_path, "runs", RUNS)
    by_itself = job(tmp_path, "skips", SKIPS.format("no tool here"))
    as_a_whole = job(tmp_path, "all", SKIPS_ALL.format("no nowhere here"))
    assert judged(by_itself, runs) == judged(runs, as_a_whole) == (0, "")
    assert judged(by_itself, by_itself) == (1, "no job ran test_it::test_one: no tool here\n")
    assert judged(as_a_whole) == (1, "no job ran test_it: no nowhere here\n")


def test_a_reason_that_is_the_machines_is_allowed(tmp_path: Path) -> None:
    """The list names whole reasons, not words that occur in one."""
    assert judged(job(tmp_path, "machine", SKIPS.format("needs two cores"))) == (0, "")
    assert judged(job(tmp_path, "other", SKIPS.format("this tool needs two cores")))[0] == 1


def test_a_gate_without_jobs_or_with_empty_ones_fails(tmp_path: Path) -> None:
    """A file in another format than pytest's, or none at all, is no evidence that anything ran."""
    empty = tmp_path / "empty.xml"
    empty.write_text("<testsuites/>")
    assert judged()[0] == 1
    assert judged(empty) == (1, f"{empty} names no test: expected what pytest --junit-xml writes\n")
