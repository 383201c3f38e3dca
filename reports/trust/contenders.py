"""Carries out one comparison: a fresh ``perflab duel``, or the two runs and the comparing command of a peer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cells import Cell

from perflab import hosts, procfs
from perflab.lock import machine_lock
from perflab.store import code_hash

HERE = Path(__file__).resolve().parent

PERCENTS = (1, 3, 5)
"""Thresholds that are asked of the peers: the duel's margin, and what people set."""

CHECKS = (*(f"median:{percent}%" for percent in PERCENTS), "mean:5%", "min:5%")
"""pytest-benchmark has no threshold of its own: these are for its ``--benchmark-compare-fail``."""

ROUNDS_A_SECOND = 1000
"""Calls of a target take some 0.8 to 1 ms. pytest-benchmark divides its time by the length of its first call, and stops
far too early when that one was slow; with so many rounds at least it gets its time."""

LOOPS = {10: (100, 9), 2: (16, 5)}
"""pyperf's loops a value and processes, by the seconds of a pair. Given, they spare pyperf its calibration, and both
runs have equally many values, without which it cannot compare them. Warm-ups and values are its own (1 and 3)."""

Line = dict[str, Any]


def contend(cell: Cell, number: int) -> Line:
    """One comparison under the machine-wide lock, with what the machine was like meanwhile."""
    carry_out = {"duel": duel, "pytest-benchmark": pytest_benchmark, "pyperf": pyperf}[cell.tool]
    with machine_lock(lambda event: None):
        load, before = os.getloadavg()[0], circumstances()
        with ExitStack() as stack:
            if cell.beside:
                stack.enter_context(hosts.neighbour())
            folder = Path(stack.enter_context(TemporaryDirectory()))
            started = time.monotonic()
            found = carry_out(cell, number, folder)
            wall_s = time.monotonic() - started
        evidence = differences(before, circumstances())
    return {"number": number, **found, "wall_s": wall_s, "load": load, **evidence, "code": code_hash()}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Seconds since some moment: of the clock, stolen, of all cores busy, and of this process' ended children."""

    clock_s: float
    stolen_s: float
    busy_s: float
    own_s: float


def circumstances() -> Circumstances | None:
    """What the system says now; None where it does not."""
    ticks, used = procfs.ticks(), os.times()
    if ticks is None:
        return None
    own_s = used.user + used.system + used.children_user + used.children_system
    return Circumstances(time.monotonic(), ticks.steal_ns / 1e9, ticks.busy_ns / 1e9, own_s)


def differences(before: Circumstances | None, after: Circumstances | None) -> dict[str, float | None]:
    """Shares of all cores' time: stolen by the hypervisor, and used by others than this script and what it started."""
    if before is None or after is None:
        return {"steal": None, "foreign": None}
    whole_s = (after.clock_s - before.clock_s) * (os.cpu_count() or 1)
    busy_s, own_s = after.busy_s - before.busy_s, after.own_s - before.own_s
    return {"steal": (after.stolen_s - before.stolen_s) / whole_s, "foreign": max(0.0, busy_s - own_s) / whole_s}


def run(command: list[str], limit_s: float, **variables: str) -> tuple[int, str, str]:
    """Status and output of a command; one that takes too long counts as failed (status 124)."""
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    scene = {**os.environ, "PYTHONPATH": path, **variables}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=HERE,
            env=scene,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"not over after {limit_s:.0f} s"
    return done.returncode, done.stdout, done.stderr


# perflab


def duel(cell: Cell, number: int, folder: Path) -> Line:
    """What ``perflab duel --json`` ends in; ``failed`` where it ends without a document."""
    command = ["-m", "perflab", "duel", *sides(cell, folder), "--budget", str(cell.budget_s), "--json", "--no-lock"]
    seed = zlib.crc32(f"{cell.name}/{number}".encode()) >> 1
    status, out, err = run([*command, "--seed", str(seed)], limit_s(cell))
    return {"status": status, **ending(out, err)}


def sides(cell: Cell, folder: Path) -> list[str]:
    """BASE and HEAD; for separate processes two folders with a module of the same name."""
    if not cell.apart:
        return [f"contested:{cell.base}", f"contested:{cell.head}"]
    for side, function in (("base", cell.base), ("head", cell.head)):
        (folder / side).mkdir()
        copied = (HERE / "contested.py").read_text() + f"\n\nwork = {function}\n"
        (folder / side / "injected.py").write_text(copied)
    where = ["--base-dir", str(folder / "base"), "--head-dir", str(folder / "head")]
    return ["injected:work", "injected:work", *where]


def ending(out: str, err: str) -> Line:
    """The duel's document without its schema and a reason that follows from its numbers; or why there is none."""
    try:
        document: Line = json.loads(out)
    except ValueError:
        last = (err.strip().splitlines() or ["no output"])[-1]
        return {"verdict": "failed", "reason": last, "seconds": None, "ratio": None, "low": None, "high": None}
    left_out = {"schema"} if document["verdict"] == "failed" else {"schema", "reason"}
    return {name: value for name, value in document.items() if name not in left_out}


def limit_s(cell: Cell) -> float:
    """After so long something hangs."""
    return 5 * cell.budget_s + 60


# pytest-benchmark


def pytest_benchmark(cell: Cell, number: int, folder: Path) -> Line:
    """Two saved runs, the second compared with the first; half of the budget each, start-up not counted."""
    common = pytest_options(cell, folder)
    compare = ["--benchmark-compare=0001", "--benchmark-compare-fail", *CHECKS]
    settings = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    status, out, err = run([*common, "--benchmark-save=base"], limit_s(cell), TRUST_TARGET=cell.base, **settings)
    if status:
        return refused(status, out, err)
    status, out, err = run(
        [*common, "--benchmark-save=head", *compare], limit_s(cell), TRUST_TARGET=cell.head, **settings
    )
    saved = sorted(folder.glob("*/000?_*.json"))
    if len(saved) != 2:
        return refused(status, out, err)
    base, head = (json.loads(path.read_text())["benchmarks"][0]["stats"] for path in saved)
    said = regressions(out + err, base, head)
    return {"status": status, "ratio": head["median"] / base["median"], "said": said}


def pytest_options(cell: Cell, folder: Path) -> list[str]:
    """Neither this repository's settings nor plugins that have no part in it; saved below ``folder``."""
    alone = ["-q", "-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "-c", os.devnull, "--rootdir", str(HERE)]
    times = [f"--benchmark-max-time={cell.budget_s / 2}"]
    times += [f"--benchmark-min-rounds={cell.budget_s * ROUNDS_A_SECOND // 2}"]
    where = f"--benchmark-storage=file://{folder}"
    return ["-m", "pytest", str(HERE / "pytest_target.py"), *alone, *times, where]


def regressions(output: str, base: Line, head: Line) -> dict[str, str]:
    """By check: ``slower`` where pytest-benchmark says so, ``faster`` where it would with the sides exchanged."""
    failed = re.findall(r"Field '(\w+)' has failed PercentageRegressionCheck: \S+ > (\d+)\.", output)
    slower = {f"{field}:{percent}%" for field, percent in failed}
    said = {}
    for check in CHECKS:
        field, percent = check.rstrip("%").split(":")
        faster = base[field] / head[field] * 100 - 100 > int(percent)
        said[check] = "slower" if check in slower else "faster" if faster else ""
    return said


# pyperf


def pyperf(cell: Cell, number: int, folder: Path) -> Line:
    """Two files of ``pyperf timeit``, compared by ``compare_to``; half of the budget each, start-up included."""
    loops, processes = LOOPS[cell.budget_s]
    for side, function in (("base", cell.base), ("head", cell.head)):
        command = ["-m", "pyperf", "timeit", "-q", "--name", "target", "--loops", str(loops)]
        command += [
            "--processes",
            str(processes),
            "-o",
            str(folder / f"{side}.json"),
            "--inherit-environ",
            "PYTHONPATH",
        ]
        command += ["-s", f"from contested import {function} as target", "target()"]
        status, out, err = run(command, limit_s(cell))
        if status:
            return refused(status, out, err)
    said = {}
    for name, options in compare_options().items():
        status, out, err = run(["-m", "pyperf", "compare_to", *options, *both(folder)], limit_s(cell))
        word = significant(out)
        if status or word is None:
            return refused(status, out, err)
        said[name] = word
    base, head = (mean(json.loads(Path(path).read_text())) for path in both(folder))
    return {"status": 0, "ratio": head / base, "said": said}


def both(folder: Path) -> list[str]:
    """The files of BASE and HEAD."""
    return [str(folder / "base.json"), str(folder / "head.json")]


def compare_options() -> dict[str, list[str]]:
    """pyperf's own rule, significant by a t-test; and that with a least difference besides."""
    return {"significant": [], **{f"significant, {p} % or more": ["--min-speed", str(p)] for p in PERCENTS}}


def significant(output: str) -> str | None:
    """``slower``, ``faster``, or nothing, as ``compare_to`` words it; None for what is no such answer."""
    if "not significant" in output.lower():
        return ""
    found = re.search(r"-> \[head\][^\n]*: (?:\S+ (slower|faster)|(no change))", output)
    if not found or "ERROR" in output:
        return None
    return found[1] or ""


def mean(document: Line) -> float:
    """The mean of all values of a pyperf file; its calibration runs have none."""
    values = [value for one in document["benchmarks"][0]["runs"] for value in one.get("values", ())]
    return sum(values) / len(values)


def refused(status: int, out: str, err: str) -> Line:
    """A peer that did not do its work; never counted as an answer."""
    last = ((err + out).strip().splitlines() or ["no output"])[-1]
    return {"status": status, "ratio": None, "said": None, "reason": last}
