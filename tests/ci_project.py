"""The projects that the action is carried out on: a pull request with a slower head, and a plugin that is certain."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

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


def pull_request(folder: Path) -> dict[str, str]:
    """Make ``folder`` a repository in which a topic, three times as slow, was merged into a base that had gone on."""
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
