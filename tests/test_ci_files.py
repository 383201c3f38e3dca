"""The action, the workflows, and those that the documentation shows: valid by their schemas, and safe."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci_runner import ACTION, DOCS, ROOT, parsed, shell_steps, steps_of, workflows

pytestmark = pytest.mark.skipif(not ACTION.exists(), reason="the action belongs to a checkout, not to a distribution")


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
