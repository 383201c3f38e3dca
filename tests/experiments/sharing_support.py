"""What the tests of the experiments on messages and sharing have in common: probes run for real, verdicts by label."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from perflab import registry
from perflab.model import Case, Claim, Clause, Design, Observation, Settings, Verdict
from perflab.testing import merged_blocks, scripted_blocks, scripted_run
from perflab.verdict import judge

BLOCKS = 6
METHODS = ("fork", "spawn", "forkserver")
CONTROL_LEVEL = 1000.0
"""What the control of a ratio is given, whatever it measures."""

PROBE_EACH_CASE = """
import json, psutil, re, sys, time
from perflab import procfs, registry
from perflab.model import Case

def is_servant(process):
    # The resource tracker and the forkserver serve the whole process and end with it.
    line = " ".join(process.cmdline())
    return process.ppid() == psutil.Process().pid and re.search(
        "from multiprocessing[.](resource_tracker|forkserver) imp", line)

def others_gone(before):
    # Programs that run beside this test make segments too, and take them away again.
    for _ in range(200):
        left = sorted(procfs.shm_entries() - before)
        if not left:
            break
        time.sleep(0.01)
    return left

if __name__ == "__main__":
    before = procfs.shm_entries()
    observed, opened, probe = {}, [], registry.find("experiment", sys.argv[1]).probe
    for fields in json.loads(sys.argv[2]):
        case = Case.from_json(fields)
        opened.append(probe(case))
        observed[case.id] = dict(next(opened[-1])(1))
    for one in opened:  # as in a host, which closes its cases in the end
        one.close()
    left = [child.pid for child in psutil.Process().children(recursive=True) if not is_servant(child)]
    print(json.dumps({"observed": observed, "children": left, "segments": others_gone(before)}))
"""


def observe(name: str, cases: Sequence[Case]) -> dict[str, dict[str, Observation]]:
    """The probes of all cases opened, sampled once and then closed, in one host; nothing is left, no warning said."""
    given = [name, json.dumps([case.to_json() for case in cases])]
    # Fork is meant: in these hosts the threads beside it are feeders of queues, which hold nothing at that time.
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", PROBE_EACH_CASE]
    done = subprocess.run([*command, *given], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["children"], found["segments"]) == ([], [])
    observed: dict[str, dict[str, Observation]] = found["observed"]
    return observed


def design_of(name: str, settings: Settings | None = None) -> Design:
    """By default the design that :func:`verdict` judges by: two cores, the quick plan, every start method."""
    design: Design = registry.find("experiment", name).design(settings or Settings("quick", start_methods=METHODS))
    return design


def claim_of(name: str, claim_id: str, settings: Settings | None = None) -> Claim:
    """The claim of that id; KeyError where the experiment has none."""
    return {claim.id: claim for claim in design_of(name, settings).claims}[claim_id]


Seen = Observation | Sequence[Observation]


def verdict(name: str, claim_id: str, seen: Mapping[str, Seen]) -> Verdict:
    """The claim's verdict after six blocks in which its clauses, by label, saw this: of a ratio, the ratio itself.

    One value for all blocks, or a list with one for each. AssertionError for a label that the claim does not have.
    """
    clauses = {clause.label: clause for clause in claim_of(name, claim_id).clauses}
    assert set(seen) <= set(clauses), sorted(set(seen) - set(clauses))
    values: dict[tuple[Case, str], list[Observation]] = {}
    for label, value in seen.items():
        for key, series in _series(clauses[label], value).items():
            assert values.setdefault(key, series) == series, f"{label}: one case is given two values"
    parts = [scripted_blocks(name, {case: row}, quantity) for (case, quantity), row in values.items()]
    run = scripted_run(merged_blocks(*parts), "quick", [name])
    return {judgement.claim.id: judgement.verdict for judgement in judge(run, name)}[claim_id]


def _series(clause: Clause, value: Seen) -> dict[tuple[Case, str], list[Observation]]:
    row = [value] * BLOCKS if isinstance(value, str | int | float) else list(value)
    if clause.control is None:
        return {(clause.case, clause.quantity): row}
    own: list[Observation] = [CONTROL_LEVEL * float(one) for one in row]
    return {(clause.case, clause.quantity): own, (clause.control, clause.quantity): [CONTROL_LEVEL] * BLOCKS}


def astride(value: float) -> list[float]:
    """Six values round this one, so that any interval of their median lies astride it."""
    return [value * factor for factor in (0.9, 1.1, 0.9, 1.1, 0.9, 1.1)]


def now_and_then(*outcomes: Observation) -> list[Observation]:
    """The outcomes in turn over six blocks, so that none is seen in most of them."""
    return [outcomes[number % len(outcomes)] for number in range(BLOCKS)]
