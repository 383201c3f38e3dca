"""The action, the workflows, and those that the documentation shows: valid, safe, every shell step run for real."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ci_runner import ACTION, DOCS, ROOT, Done, Job, carry_out, parsed, ran, shell, shell_steps, steps_of, workflows
from perflab import cli
from perflab.check import wording
from perflab.cli import dueling, github
from perflab.duel import Challenge

pytestmark = [
    pytest.mark.skipif(not ACTION.exists(), reason="the action belongs to a checkout, not to a distribution"),
    pytest.mark.skipif(not (shutil.which("git") and shutil.which("bash")), reason="the steps need git and bash"),
]
pytest.importorskip("pip", reason="the action installs by pip")

TINY = """
def same(): return sum(range(20_000))
def slower(): return [sum(range(20_000)) for _ in range({repeats})][0]
def other(): return {repeats}
"""
ADDED = """
def new(): return 1
def broken(): raise KeyError("broken")
"""
BENCH = """
import tiny
def same(): return tiny.same()
def slower(): return tiny.slower()
def other(): return tiny.other()
def new(): return tiny.new()
def broken(): return tiny.broken()
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = '''
"""Packs tiny.py as a wheel: a build that needs nothing, so that pip's isolation works offline."""
import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "tiny-1-py3-none-any.whl", "tiny-1.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.write("tiny.py")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
'''
PLUGIN = """
from perflab.model import Arm, Case, Claim, Clause, Design, Estimand, Experiment, Group, Quantity, Relation

CHEAP, DEAR = (Case(strategy="scripted", params=(("costs", cost),)) for cost in (1, 2))


def probe(case):
    yield lambda count: {"cost": float(case.param("costs"))}


EXPERIMENT = Experiment(
    "certain",
    "Does what costs twice as much cost twice as much?",
    lambda settings: Design(
        (Group("all", (Arm(CHEAP), Arm(DEAR, CHEAP))),),
        (Claim("twice", "It does", (Clause(DEAR, "cost", Estimand.RATIO, Relation.ABOVE, 1.5, CHEAP),)),),
    ),
    probe=probe,
    quantities=(Quantity("cost", "points", "scripted"),),
    weight=100,
    place=-1,
)
"""
RECORDER = """#!/bin/sh
echo "$@" >>"{folder}/asked"
status=$(head -n 1 "{folder}/statuses")
sed -i.old 1d "{folder}/statuses"
exit "${{status:-0}}"
"""


def git(folder: Path, *arguments: str) -> str:
    """What a git command says, by an author of this test's own."""
    known = ["-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *known, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def committed(folder: Path, files: Mapping[str, str]) -> str:
    """A commit of these files."""
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "files")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A repository in which a topic, three times as slow, was merged into a base that had gone on."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet", "--initial-branch=main")
    files = {"pyproject.toml": PROJECT, "backend.py": BACKEND, "tiny.py": TINY.format(repeats=1)}
    left = committed(folder, files)
    git(folder, "switch", "--quiet", "--create", "topic")
    topic = committed(folder, {"tiny.py": TINY.format(repeats=3) + ADDED, "bench.py": BENCH})
    git(folder, "switch", "--quiet", "main")
    base = committed(folder, {"elsewhere.txt": "more"})
    git(folder, "update-ref", "refs/remotes/origin/main", base)
    git(folder, "checkout", "--quiet", "--detach")
    git(folder, "merge", "--quiet", "--no-ff", "--no-edit", topic)
    merge = git(folder, "rev-parse", "HEAD")
    return {"folder": str(folder), "left": left, "topic": topic, "base": base, "merge": merge}


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


# --- valid, and safe --------------------------------------------------------------------------------------------------


def validated(schema: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """What check-jsonschema says of files by a schema that it brings along."""
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed: the extra 'dev' brings it")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.github-{schema}"]
    return subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)


def test_action_and_workflows_are_valid_by_the_published_schemas(tmp_path: Path) -> None:
    """The action; perflab's own workflows and those to copy; and the check objects to a misspelt key."""
    files = {tmp_path / f"{name}.yml": text for name, text in workflows().items()}
    for file, text in files.items():
        file.write_text(text)
    for done in (validated("workflows", *files), validated("actions", ACTION)):
        assert done.returncode == 0, done.stdout + done.stderr
    misspelt = tmp_path / "action.yml"
    misspelt.write_text(ACTION.read_text().replace("shell: bash", "shel: bash", 1))
    assert validated("actions", misspelt).returncode == 1


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    """No injection, no kept credentials, no permission too many; and it does find what is wrong."""
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if program is None:
        pytest.skip("zizmor is not installed: the extra 'dev' brings it")
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    shutil.copy(ACTION, tmp_path / "action.yml")
    for name, text in workflows().items():
        (folder / f"{name}.yml").write_text(text.replace("OWNER/perflab@main", "./"))
    rules = ROOT / ".github" / "zizmor.yml"
    command = [program, "--offline", "--no-progress", "--config", str(rules), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    bad = workflows()["ci.yml"].replace("bash .ci/run", "echo ${{ github.head_ref }}")
    (folder / "bad.yml").write_text(bad)
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_inputs_reach_shells_as_variables_only() -> None:
    """No expression stands in a script, every script stops at its first error, every step of the action names bash."""
    for name, script in shell_steps():
        assert "${{" not in script, name
        if name == ACTION.name:
            assert re.match(r"set -ef?uo pipefail\n", script), script
    assert {step["shell"] for step in steps_of(ACTION.read_text()) if "run" in step} == {"bash"}


def test_workflows_may_only_read() -> None:
    """One permission in each, none in a job."""
    for text in workflows().values():
        document = parsed(text)
        assert document["permissions"] == {"contents": "read"}
        assert not any("permissions" in job for job in document["jobs"].values())


def test_workflows_give_inputs_that_there_are() -> None:
    """A misspelt input would be ignored with a warning; each input is used, and told of in the documentation."""
    text, action = ACTION.read_text(), parsed(ACTION.read_text())
    for workflow in workflows().values():
        uses = [step for step in steps_of(workflow) if step.get("uses") in ("./", "OWNER/perflab@main")]
        assert all(set(step.get("with", {})) <= set(action["inputs"]) for step in uses)
    assert {"mode", *re.findall(r"inputs\.([\w-]+)", text)} == set(action["inputs"])
    assert set(re.findall(r"^\| `([\w-]+)` \|", DOCS.read_text(), re.MULTILINE)) == set(action["inputs"])
    ids = {step.get("id") for step in action["runs"]["steps"]}
    assert set(re.findall(r"steps\.(\w+)\.", text)) <= ids


def test_all_use_the_same_majors_of_the_same_actions() -> None:
    """What is used is pinned to a major version, one for all files."""
    texts = [ACTION.read_text(), *workflows().values()]
    used = {step["uses"] for text in texts for step in steps_of(text) if "uses" in step}
    others = {name for name in used if name not in ("./", "OWNER/perflab@main")}
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", name) for name in others)
    assert len({name.partition("@")[0] for name in others}) == len(others) > 2


def test_the_workflow_uses_both_modes_of_the_action() -> None:
    """perflab runs on itself what it offers; the targets and the expectations are files that there are."""
    given = [step["with"] for step in steps_of(workflows()["ci.yml"]) if step.get("uses") == "./"]
    assert {one["mode"] for one in given} == {"run", "duel"}
    duel = next(one for one in given if one["mode"] == "duel")
    source = (ROOT / duel["bench"]).read_text()
    assert all(f"\ndef {name}(" in source for name in re.findall(r"^duels:(\w+)$", duel["targets"], re.MULTILINE))
    assert all((ROOT / one["expect"]).is_file() for one in given if "expect" in one)


# --- every step, for real ---------------------------------------------------------------------------------------------


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
