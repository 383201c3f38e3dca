"""What the tests of the first six experiments share: their names, and fresh interpreters."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from perflab import registry
from perflab.model import Experiment

NAMES = ("null", "ceiling", "gil", "summation", "manager-gap", "startup")
METHODS = ("fork", "forkserver", "spawn")


def experiment_named(name: str) -> Experiment:
    found: Experiment = registry.find("experiment", name)
    return found


def printed_by(script: str) -> str:
    """What a fresh interpreter prints that treats warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
