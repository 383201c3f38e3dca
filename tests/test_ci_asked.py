"""What the action's steps ask of perflab, and what they make of inputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ci_project import pull_request
from ci_runner import ACTION, Done, Job, carry_out, steps_of

pytestmark = [
    pytest.mark.skipif(not ACTION.exists(), reason="the action belongs to a checkout, not to a distribution"),
    pytest.mark.skipif(not (shutil.which("git") and shutil.which("bash")), reason="the steps need git and bash"),
]

RECORDER = """#!/bin/sh
echo "$@" >>"{folder}/asked"
status=$(head -n 1 "{folder}/statuses")
sed -i.old 1d "{folder}/statuses"
exit "${{status:-0}}"
"""


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The repository of a pull request, and its commits by name."""
    return pull_request(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def recorder(tmp_path: Path) -> tuple[Job, Path]:
    """A job, and an interpreter that notes what it was asked and ends with the next of the statuses it was given."""
    python = tmp_path / "python"
    python.write_text(RECORDER.format(folder=tmp_path))
    python.chmod(0o755)
    (tmp_path / "statuses").touch()
    return Job(tmp_path, tmp_path / "job"), python


def asked(recorder: tuple[Job, Path], only: str, statuses: str = "", **inputs: str) -> tuple[Done, str]:
    """What came of a step whose perflab only records, and what it was asked."""
    job, python = recorder
    (python.parent / "statuses").write_text(statuses.replace(" ", "\n"))
    outputs = {"steps.begin.outputs.folder": "FOLDER", "steps.sides.outputs.sides": "SIDES"}
    done = carry_out(job, {"python": str(python), **inputs}, {only}, outputs)
    return done, (python.parent / "asked").read_text()


@pytest.mark.parametrize(
    ("inputs", "arguments"),
    [
        ({}, "run-all --quick"),
        ({"plan": "default"}, "run-all"),
        ({"plan": "full", "budget": "9"}, "run-all --full --budget 9"),
        ({"experiments": "gil  null"}, "run gil null --quick"),
        ({"experiments": "*"}, "run * --quick"),
    ],
)
def test_what_is_measured(inputs: dict[str, str], arguments: str, recorder: tuple[Job, Path]) -> None:
    """Plan, budget and experiments are passed on."""
    assert asked(recorder, "Measure", **inputs)[1] == f"-P -m perflab {arguments} --out FOLDER\n"


@pytest.mark.parametrize(("status", "ends"), [("0", 0), ("3", 0), ("2", 2), ("130", 130)])
def test_a_case_that_fails_is_left_to_the_check(status: str, ends: int, recorder: tuple[Job, Path]) -> None:
    """Status 3 becomes a warning; whatever else is wrong ends the job."""
    done, _ = asked(recorder, "Measure", status)
    assert done.status == ends
    assert ("::warning title=perflab::" in done.log) is (status == "3")


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [("0 0", 0), ("4 0", 4), ("0 4", 4), ("3 4", 3), ("4 2", 2), ("1 3", 1), ("3 1 4", 1), ("137 0", 137)],
)
def test_the_worst_target_decides(statuses: str, worst: int, recorder: tuple[Job, Path]) -> None:
    """All targets are timed; slower outranks failures, and these what cannot be told."""
    targets = "\n".join(f"m:f{number}" for number, _ in enumerate(statuses.split()))
    done, what = asked(recorder, "Duel", statuses, mode="duel", targets=targets)
    assert done.status == worst
    assert what.count("-m perflab duel m:f") == len(statuses.split())


def test_what_is_fought(recorder: tuple[Job, Path]) -> None:
    """Margin, budget and strictness are passed on; two targets in a line are the two sides'."""
    given = {"mode": "duel", "targets": "m:old m:new", "margin": "0.03", "budget": "9", "strict": "true"}
    assert asked(recorder, "Duel", **given)[1] == (
        "-P -m perflab duel m:old m:new --base-dir SIDES/base/site --head-dir SIDES/head/site --base-may-fail "
        "--margin 0.03 --budget 9 --strict --out FOLDER/duel-1.json\n"
    )


def test_what_is_checked(recorder: tuple[Job, Path]) -> None:
    """The file of expectations and strictness."""
    what = asked(recorder, "Check", expect="a file.toml", strict="true")[1]
    assert what == "-P -m perflab check FOLDER --expect a file.toml --strict\n"


@pytest.mark.parametrize("evil", ["$(touch evil) `touch evil`; touch evil", "\"; touch evil; '; touch evil #"])
def test_inputs_are_never_carried_out(
    evil: str, recorder: tuple[Job, Path], commits: dict[str, str], tmp_path: Path
) -> None:
    """Whatever stands in an input that is no command is text, to every step."""
    names = ("plan", "experiments", "expect", "package", "bench", "margin", "budget", "name", "targets", "strict")
    job = Job(Path(commits["folder"]), tmp_path / "evil job")
    for step in (step["name"] for step in steps_of(ACTION.read_text()) if "run" in step):
        for mode, base in (("run", evil), ("duel", evil), ("duel", "HEAD")):
            given = {"mode": mode, "base": base, "python": str(recorder[1]), "install": ""}
            carry_out(job, {**given, **dict.fromkeys(names, evil)}, {step})
    assert (tmp_path / "asked").exists()
    assert not [*tmp_path.rglob("evil"), *job.workspace.rglob("evil")]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"mode": "bench"}, "mode is 'bench' and plan 'quick': expected run or duel"),
        ({"plan": "slow"}, "mode is 'run' and plan 'slow'"),
        ({"mode": "duel"}, "mode duel has no targets"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(inputs: dict[str, str], said: str, recorder: tuple[Job, Path]) -> None:
    """Before anything is installed, in an annotation, with the status of bad input; nothing more is carried out."""
    done = carry_out(recorder[0], inputs)
    assert (done.status, done.carried_out, done.used) == (2, ["Read the inputs"], [])
    assert done.log.startswith(f"::error title=perflab::{said}")


def test_a_name_is_used_once_in_a_job(recorder: tuple[Job, Path]) -> None:
    """The second use is told to take another, instead of overwriting what the first one keeps."""
    first, second, third = (carry_out(recorder[0], {"name": name}, {"Read the inputs"}) for name in ("", "", "mine"))
    assert (first.status, second.status, third.status) == (0, 2, 0)
    assert "this job has a 'perflab-run-tests-0' already" in second.log
    assert first.of_action("folder").endswith("/perflab-run-tests-0")


# --- what perflab tells a job -----------------------------------------------------------------------------------------
