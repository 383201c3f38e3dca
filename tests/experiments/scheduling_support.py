"""What the tests of the experiments on scheduling have in common: probes run for real, and verdicts from numbers."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from perflab import registry
from perflab.model import Case, Design, Judgement, Observation, Settings
from perflab.testing import merged_blocks, scripted_blocks, scripted_run
from perflab.verdict import judge

BLOCKS = 12
"""The last look of the quick plan."""

PROBE_EACH_CASE = """
import gc, json, pathlib, psutil, re, sys
from perflab import registry
from perflab.model import Case

def is_servant(process):
    # The resource tracker and the forkserver serve the whole process and end with it.
    line = " ".join(process.cmdline())
    return process.ppid() == psutil.Process().pid and re.search(
        "from multiprocessing[.](resource_tracker|forkserver) imp", line)

if __name__ == "__main__":
    probe = registry.find("experiment", sys.argv[1]).probe
    cases = [Case.from_json(fields) for fields in json.loads(sys.argv[2])]
    opened = [probe(case) for case in cases]
    samples = [next(one) for one in opened]
    observed = {case.id: [dict(sample(1)), dict(sample(2))] for case, sample in zip(cases, samples)}
    for one in opened:
        one.close()
    samples = opened = one = None  # what they hold is given back
    left = [child.pid for child in psutil.Process().children(recursive=True) if not is_servant(child)]
    gc.collect()
    maps = pathlib.Path("/proc/self/maps")
    segments = re.findall("/dev/shm/.*", maps.read_text()) if maps.exists() else []
    print(json.dumps({"observed": observed, "children": left, "segments": segments}))
"""


def observe(name: str, cases: Sequence[Case]) -> dict[str, list[dict[str, Observation]]]:
    """Each case's probe opened, sampled with counts 1 and 2 and closed; nothing is left.

    Neither a process, nor a segment or semaphore that is still mapped. As in a block, the cases of a host are open
    side by side; those that fork live in another host than those with threads.
    """
    observed: dict[str, list[dict[str, Observation]]] = {}
    forking = [case for case in cases if case.start_method or case.strategy == "Pool()"]
    for together in filter(None, ([case for case in cases if case not in forking], forking)):
        found = json.loads(run(PROBE_EACH_CASE, name, json.dumps([case.to_json() for case in together])))
        assert found["children"] == []
        assert found["segments"] == []
        observed |= found["observed"]
    return observed


def run(script: str, *arguments: str) -> str:
    """What a fresh interpreter prints that treats warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def quick(name: str) -> Design:
    """The design that :func:`judged` judges by: two cores, the quick plan."""
    design: Design = registry.find("experiment", name).design(Settings("quick"))
    return design


Values = Mapping[Case, float | Sequence[float]]


def judged(name: str, **quantities: Values) -> dict[str, Judgement]:
    """Judgements by claim, after all blocks of the quick plan: one value for all of them, or one for each."""
    parts = [_blocks(name, quantity, values) for quantity, values in quantities.items()]
    found = judge(scripted_run(merged_blocks(*parts), "quick", [name]), name)
    return {judgement.claim.id: judgement for judgement in found}


def _blocks(name: str, quantity: str, values: Values) -> Any:
    series = {case: [one] * BLOCKS if isinstance(one, int | float) else list(one) for case, one in values.items()}
    return scripted_blocks(name, series, quantity, group=f"scripted {quantity}")


def astride(value: float) -> list[float]:
    """A value for each block round this one, so that any interval of their median lies astride it."""
    return [value * factor for factor in (0.9, 1.1) for _ in range(BLOCKS // 2)]
