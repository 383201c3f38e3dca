"""A small runner: carries out the action's steps as GitHub's does, with bash, in a folder of its own and offline."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import perflab

yaml = pytest.importorskip("ruamel.yaml", reason="the extra 'test' brings ruamel.yaml")

ROOT = Path(__file__).resolve().parent.parent
ACTION, DOCS = ROOT / "action.yml", ROOT / "docs" / "ci.md"
FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")

ran: set[tuple[str, str]] = set()
"""Every shell step that was carried out so far: its file and its script."""


def parsed(text: str) -> Any:
    """A document of YAML 1.2, in which "on" is a name."""
    return yaml.YAML(typ="safe", pure=True).load(text)


def workflows() -> dict[str, str]:
    """perflab's own workflows, and those that the documentation shows."""
    own = {path.name: path.read_text() for path in sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))}
    shown = re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    return {**own, **{f"{DOCS.name}-{number}": text for number, text in enumerate(shown, 1)}}


def steps_of(text: str) -> Iterator[Mapping[str, Any]]:
    """All steps of a workflow or of an action."""
    document = parsed(text)
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    for job in jobs:
        yield from job["steps"]


def shell_steps() -> set[tuple[str, str]]:
    """All there are: what :data:`ran` must come to."""
    texts = {ACTION.name: ACTION.read_text(), **workflows()}
    return {(name, step["run"]) for name, text in texts.items() for step in steps_of(text) if "run" in step}


@dataclass
class Job:
    """Where a job runs: its checkout, the runner's folders, and the variables that it gives to each step."""

    workspace: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    written: int = 0

    def __post_init__(self) -> None:
        temp, home = self.folder / "temp", self.folder / "home"
        for made in (temp, home):
            made.mkdir(parents=True)
        runner = {"GITHUB_ACTIONS": "true", "GITHUB_JOB": "tests", "GITHUB_SHA": "0" * 40, "RUNNER_TEMP": str(temp)}
        offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        self.environ = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "GITHUB_WORKSPACE": str(self.workspace),
            "PERFLAB_LOCK_DIR": str(home),
            "PYTHONPATH": str(Path(perflab.__file__).parents[1]),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **runner,
            **offline,
            **self.environ,
        }


@dataclass
class Done:
    """What came of some steps: the first status that failed, and all that they wrote."""

    status: int = 0
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    carried_out: list[str] = field(default_factory=list)
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def of_action(self, name: str) -> str:
        """An output of the action itself."""
        return filled(parsed(ACTION.read_text())["outputs"][name]["value"], self.outputs)


def carry_out(
    job: Job, inputs: Mapping[str, str], only: Collection[str] = (), outputs: Mapping[str, str] | None = None
) -> Done:
    """Carry the action out, or only the steps of these names, with outputs that earlier ones gave."""
    action = parsed(ACTION.read_text())
    unknown = set(inputs) - set(action["inputs"])
    assert not unknown, f"the action has no input {unknown}"
    given = {name: inputs.get(name, str(about["default"])) for name, about in action["inputs"].items()}
    known = {**{f"inputs.{name}": value for name, value in given.items()}, "strategy.job-index": "0"}
    done = Done(outputs={**known, **(outputs or {})})
    for step in action["runs"]["steps"]:
        if (not only or step["name"] in only) and wanted(step.get("if", ""), done):
            if "uses" in step:
                given = {name: filled(str(text), done.outputs) for name, text in step["with"].items()}
                done.used.append((step["uses"], given))
            else:
                _carry_out_shell(job, step, done)
    return done


def wanted(condition: str, done: Done) -> bool:
    """Whether a step is due: where one failed, only those that say always()."""
    return (done.status == 0 or "always()" in condition) and (not condition or bool(value(condition, done.outputs)))


def value(expression: str, known: Mapping[str, str]) -> str | bool:
    """What an expression of the few kinds that are used here comes to; KeyError for a name that is not known."""
    for operator, ends in (("||", True), ("&&", False)):
        if operator in expression:
            found = [value(part, known) for part in expression.split(operator)]
            return next((one for one in found if bool(one) is ends), found[-1])
    for operator in ("==", "!="):
        if operator in expression:
            left, right = (value(part, known) for part in expression.split(operator))
            return (left == right) is (operator == "==")
    name = expression.strip()
    if name.startswith("'"):
        return name.strip("'")
    return True if name == "always()" else known.get(name, "") if name.startswith("steps.") else known[name]


def filled(text: str, known: Mapping[str, str]) -> str:
    """A text with its expressions replaced."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: str(value(match[1], known)), text)


def _carry_out_shell(job: Job, step: Mapping[str, Any], done: Done) -> None:
    environ = {name: filled(str(text), done.outputs) for name, text in step.get("env", {}).items()}
    status, log, files = shell(job, step["run"], environ)
    ran.add((ACTION.name, step["run"]))
    done.carried_out.append(step["name"])
    done.status = done.status or status
    done.log += log
    done.summary += files["GITHUB_STEP_SUMMARY"]
    pairs = (line.split("=", 1) for line in files["GITHUB_OUTPUT"].splitlines())
    done.outputs |= {f"steps.{step.get('id')}.outputs.{name}": text for name, text in pairs}


def shell(job: Job, script: str, environ: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
    """Run a script as a step with ``shell: bash`` is; its status, its output, and the files it may write to."""
    job.written += 1
    place = job.folder / f"step-{job.written}"
    place.mkdir()
    (place / "script.sh").write_text(script)
    files = {name: place / name for name in FILES}
    for file in files.values():
        file.touch()
    finished = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(place / "script.sh")],
        cwd=job.workspace,
        env={**job.environ, **environ, **{name: str(file) for name, file in files.items()}},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return finished.returncode, finished.stdout, {name: file.read_text() for name, file in files.items()}
