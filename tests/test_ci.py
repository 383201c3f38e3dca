"""Every shell step of the action and of the workflows is run for real."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from ci_project import BENCH, PLUGIN, TINY, git, pull_request
from ci_runner import ACTION, Done, Job, carry_out, ran, shell, shell_steps, steps_of, workflows

pytestmark = [
    pytest.mark.skipif(not ACTION.exists(), reason="the action belongs to a checkout, not to a distribution"),
    pytest.mark.skipif(not (shutil.which("git") and shutil.which("bash")), reason="the steps need git and bash"),
]
pytest.importorskip("pip", reason="the action installs by pip")


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The repository of a pull request, and its commits by name."""
    return pull_request(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def job(commits: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job of the pull request, its checkout being the merge; perflab is installed where it disturbs nobody."""
    folder = tmp_path_factory.mktemp("runner")
    variables = {
        "GITHUB_SHA": commits["merge"],
        "GITHUB_BASE_REF": "main",
        "GITHUB_ACTION_PATH": commits["folder"],  # stands for perflab's own checkout, which takes a minute to build
        "PIP_TARGET": str(folder / "installed"),
    }
    return Job(Path(commits["folder"]), folder / "job", variables)


DUEL = {"mode": "duel", "bench": "bench.py", "budget": "60"}


@pytest.fixture(scope="module")
def duelled(job: Job) -> Done:
    """The whole action on the pull request, with targets of every kind."""
    return carry_out(job, {**DUEL, "targets": "bench:slower\n\nbench:other\nbench:new bench:new\n"})


def again(job: Job, built: Done, target: str, **inputs: str) -> Done:
    """One more duel between the sides that were built."""
    folder = job.folder / f"again-{job.written}"
    folder.mkdir()
    outputs = {**built.outputs, "steps.begin.outputs.folder": str(folder)}
    known = {name: text for name, text in outputs.items() if name.startswith("steps.")}
    return carry_out(job, {**DUEL, "targets": target, **inputs}, {"Duel"}, known)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Done]:
    """The whole action on a project whose plugin has a claim that is certain, and which expects it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").write_text("[tool.perflab.expect]\ntwice = 'confirmed'\n")
    (folder / "against.toml").write_text("twice = 'refuted'\n")
    info = folder / "plugin" / "certain-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: certain\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[perflab.experiments]\ncertain = certain_lab:EXPERIMENT\n")
    (folder / "plugin" / "certain_lab.py").write_text(PLUGIN)
    job = Job(folder, tmp_path_factory.mktemp("runner") / "job")
    job.environ["PYTHONPATH"] += f"{os.pathsep}{folder / 'plugin'}"
    return job, carry_out(job, {"experiments": "certain", "budget": "4", "perflab": "installed"})


@pytest.fixture(scope="module")
def of_workflows(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """The exit statuses of the shell steps of all workflows, in a checkout whose gate says that it was run."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".ci").mkdir()
    (folder / ".ci" / "run").write_text("touch ran\n")
    job, statuses = Job(folder, tmp_path_factory.mktemp("runner") / "job"), []
    for name, text in workflows().items():
        for script in (step["run"] for step in steps_of(text) if "run" in step):
            statuses.append(shell(job, script, {})[0])
            ran.add((name, script))
    assert (folder / "ran").exists()
    return statuses


@pytest.mark.usefixtures("duelled", "measured")
def test_every_shell_step_is_run(of_workflows: list[int]) -> None:
    """A step that no test runs has no place in the action, the workflows or their documentation."""
    assert shell_steps() - ran == set()
    assert set(of_workflows) == {0}


def test_a_pull_request_that_is_slower_fails_its_job(duelled: Done, commits: dict[str, str]) -> None:
    """Base and head are built from the two sides of the merge; the worst target decides; all of them are kept."""
    assert duelled.status == 1, duelled.log
    assert duelled.of_action("verdict") == "slower"
    assert f"BASE is {commits['base']}, HEAD is {commits['merge']}" in duelled.log
    kept = sorted(Path(duelled.of_action("folder")).iterdir())
    assert [json.loads(file.read_text())["verdict"] for file in kept] == ["slower", "failed", "unresolved"]
    assert duelled.used == [
        ("actions/upload-artifact@v7", {"name": "perflab-duel-tests-0", "path": duelled.of_action("folder")})
    ]


def test_the_summary_and_the_annotations_name_each_target(duelled: Done) -> None:
    """An error for what fails the job, a notice for what cannot be told."""
    summary = duelled.summary
    assert re.findall(r"^\*\*. (\w+)\*\*: bench:(\w+): ", summary, re.MULTILINE) == [
        ("slower", "slower"),
        ("failed", "other"),
        ("unresolved", "new"),
    ]
    assert re.findall(r"^::(\w+) title=perflab duel::bench:(\w+): ", duelled.log, re.MULTILINE) == [
        ("error", "slower"),
        ("error", "other"),
        ("notice", "new"),
    ]
    assert "they compute different things: BASE returned 1, HEAD returned 3" in summary


@pytest.mark.parametrize(
    ("target", "inputs", "status", "verdicts"),
    [
        ("bench:same", {"budget": "1"}, 0, {"equivalent", "unresolved", "faster"}),
        ("bench:other", {}, 3, {"failed"}),
        ("bench:new", {}, 0, {"unresolved"}),
        ("bench:new", {"strict": "true"}, 4, {"unresolved"}),
        ("bench:broken", {}, 3, {"failed"}),
        ("bench:missing", {}, 2, {"failed"}),
    ],
)
def test_a_job_fails_for_what_head_does_and_for_nothing_else(
    target: str, inputs: dict[str, str], status: int, verdicts: set[str], job: Job, duelled: Done
) -> None:
    """Equal code passes, and so does what the base could not do; what head cannot do does not."""
    done = again(job, duelled, target, **inputs)
    assert done.status == status, done.log
    assert done.of_action("verdict") in verdicts
    assert ("::error" in done.log) is (status > 0)


def test_a_checkout_of_the_branch_is_held_against_where_it_left(commits: dict[str, str], tmp_path: Path) -> None:
    """Not against what the base has become, nor against the branch's own previous commit."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", commits["folder"], str(clone))
    git(clone, "update-ref", "refs/remotes/origin/main", commits["base"])
    git(clone, "checkout", "--quiet", "--detach", commits["topic"])
    job = Job(clone, tmp_path / "job", {"GITHUB_SHA": commits["merge"], "GITHUB_BASE_REF": "main"})
    done = carry_out(job, {**DUEL, "install": ""}, {"Build both sides"})
    assert done.status == 0, done.log
    assert f"BASE is {commits['left']}, HEAD is {commits['topic']}" in done.log
    sides = Path(done.outputs["steps.sides.outputs.sides"])
    assert [(sides / side / "site" / "bench.py").read_text() for side in ("base", "head")] == [BENCH, BENCH]
    assert (sides / "base" / "site" / "tiny.py").read_text() == TINY.format(repeats=1)
    git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    done = carry_out(job, {**DUEL, "install": ""}, {"Build both sides"})
    assert (done.status, "the merge base with main is not in this checkout" in done.log) == (2, True)


def test_a_base_that_cannot_be_built_fails_nothing(job: Job, duelled: Done) -> None:
    """A pull request that repairs the build has nothing to be slower than."""
    install = 'grep -q "def new" tiny.py && cp tiny.py "$SITE"'
    known = {name: text for name, text in duelled.outputs.items() if name.startswith("steps.")}
    built = carry_out(job, {**DUEL, "install": install}, {"Build both sides"}, known)
    assert "::warning title=perflab duel::BASE cannot be built" in built.log
    done = again(job, built, "bench:same")
    assert (built.status, done.status, done.of_action("verdict")) == (0, 0, "unresolved"), done.log


@pytest.mark.parametrize(
    ("inputs", "status", "said"),
    [
        ({"install": "exit 7"}, 7, ""),
        ({"base": "1" * 40}, 2, "::error title=perflab duel::" + "1" * 40 + " is not in this checkout"),
        ({"package": "nowhere", "install": ""}, 1, "nowhere"),
        ({"bench": "nowhere.py", "install": ""}, 1, "nowhere.py"),
    ],
)
def test_sides_that_cannot_be_built_are_told_in_the_summary(
    inputs: dict[str, str], status: int, said: str, job: Job
) -> None:
    """The job fails with the status of what failed."""
    done = carry_out(job, {**DUEL, **inputs}, {"Build both sides"})
    assert done.status == status, done.log
    assert said in done.log
    assert done.summary == "**perflab duel**: nothing was timed: the log says why.\n"


def test_a_run_is_checked_reported_and_kept(measured: tuple[Job, Done]) -> None:
    """The summary begins with the check; the folder and the page are uploaded; the verdict is an output."""
    _, done = measured
    assert done.status == 0, done.log
    assert done.of_action("verdict") == "as-expected"
    assert done.summary.startswith("**perflab check**: 1 expectation: 1 as expected\n")
    assert "<details><summary>The report</summary>" in done.summary
    assert "![" not in done.summary
    folder, page = Path(done.of_action("folder")), Path(done.of_action("report"))
    assert (folder / "run.jsonl").is_file()
    assert page.read_bytes() == (folder / "report.html").read_bytes()
    uploaded = [given for name, given in done.used if name == "actions/upload-artifact@v7"]
    assert uploaded == [{"name": folder.name, "path": str(folder)}, {"path": str(page), "archive": "False"}]


def test_a_run_that_goes_against_its_expectations_fails_and_is_kept_all_the_same(measured: tuple[Job, Done]) -> None:
    """The check's status is the job's; report and artifacts come after it."""
    job, before = measured
    known = {name: text for name, text in before.outputs.items() if name.startswith("steps.begin")}
    steps = {step["name"] for step in steps_of(ACTION.read_text())} - {"Read the inputs", "Measure"}
    done = carry_out(job, {"perflab": "installed", "expect": "against.toml"}, steps, known)
    assert (done.status, done.of_action("verdict")) == (1, "against"), done.log
    assert done.carried_out == ["Check", "Report"]
    assert len(done.used) == 2
    assert "::error title=perflab check::certain: twice was expected refuted and is confirmed" in done.log
    assert done.summary.startswith("**perflab check**: 1 expectation: 1 against\n")


def test_a_run_without_a_report_says_so(measured: tuple[Job, Done], tmp_path: Path) -> None:
    """What ended before there was anything to show has a summary too."""
    done = carry_out(measured[0], {}, {"Report"}, {"steps.begin.outputs.folder": str(tmp_path)})
    assert (done.status, done.summary) == (0, "**perflab** has nothing to report: the log says why.\n")


# --- what the steps ask of perflab ------------------------------------------------------------------------------------
