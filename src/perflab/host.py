"""The child that holds opened cases and runs one when told to.

It reads one JSON request a line from a pipe and answers each with one JSON line on another. When its pipe closes
(the lab is gone) it tears down what is open and ends by itself.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from perflab import procfs, registry
from perflab.clock import monotonic_ns, process_cpu_ns
from perflab.errors import CaseError, WrongAnswer
from perflab.model import Case, Experiment, Observation, Probe, Sample, Strategy, Task, Workload

MOST_REPETITIONS = 50_000_000


@dataclass(slots=True)
class Opened:
    """An opened case: its generator, the sample it yielded, and the processes it started."""

    generator: Iterator[Sample]
    sample: Sample
    count: int = 1
    descendants: tuple[int, ...] = ()


@dataclass(slots=True)
class Desk:
    """What this host holds: opened cases by id."""

    opened: dict[str, Opened] = field(default_factory=dict)


def main(requests_fd: int, answers_fd: int) -> None:
    """Serve requests until the pipe closes; stacks go to stderr on SIGUSR1, also from inside C code."""
    stacks = os.fdopen(os.dup(2), "w")  # a target that is silenced must not silence these
    faulthandler.enable(stacks)
    faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    desk = Desk()
    with os.fdopen(requests_fd, "rb") as requests:
        _send(answers_fd, {"ok": True, "facts": facts()})
        for line in requests:
            _send(answers_fd, answer(desk, json.loads(line)))
    for case_id in list(desk.opened):
        with suppress(Exception):
            _close(desk, {"case": case_id})


def answer(desk: Desk, request: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out one request; what a case raises becomes part of the answer, never the end of the host."""
    try:
        return {"ok": True, **OPERATIONS[request["op"]](desk, request)}
    except CaseError as error:
        return {"ok": False, "kind": error.kind, "message": str(error), "detail": error.detail}
    except Exception as error:
        import traceback

        return {
            "ok": False,
            "kind": "raised",
            "message": f"{type(error).__name__}: {error}",
            "detail": traceback.format_exc(),
        }


def facts() -> dict[str, Any]:
    """What is asserted of this process before and after measuring."""
    gil = getattr(sys, "_is_gil_enabled", None)
    return {
        "gil": bool(gil()) if gil else True,
        "switch_interval": sys.getswitchinterval(),
        "gc": gc.isenabled(),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", ""),
    }


def timed(case: Case) -> Iterator[Sample]:
    """The probe of a case without one of its own: calls of the workload under the strategy, each answer checked."""
    workload = _workload(case)
    strategy = registry.find("strategy", case.strategy)
    task = Task(workload, case.implementation, case.size, max(1, case.workers), case.start_method, case.params)
    expected = workload.oracle(case.size)
    opened = strategy.open(task)
    call = next(opened)

    def sample(count: int) -> Mapping[str, Observation]:
        started = monotonic_ns()
        for _ in range(count):
            result = call()
            if result != expected:
                raise WrongAnswer(f"{case.id} answered {result!r}, expected {expected!r}")
        return {"wall_ns": (monotonic_ns() - started) / count}

    try:
        yield sample
    finally:
        opened.close()


def _open(desk: Desk, request: Mapping[str, Any]) -> dict[str, Any]:
    case = Case.from_json(request["case"])
    experiment: Experiment = registry.find("experiment", request["experiment"])
    sys.path[:0] = [path for path in request["paths"] if path not in sys.path]
    probe: Probe = experiment.probe or timed
    if probe is timed:
        _import_beforehand(case)
    started = monotonic_ns()
    generator = probe(case)
    sample = next(generator)
    try:
        first = dict(sample(1))
        cold_ns = monotonic_ns() - started
    except BaseException:
        generator.close()  # type: ignore[attr-defined]
        raise
    opened = Opened(generator, sample, max(1, request["count"]), tuple(procfs.descendants(os.getpid())))
    desk.opened[case.id] = opened
    if request["per_case_count"] and not request["count"]:
        opened.count = calibrate(sample, request["sample_ns"])
    once = {**(first if request["single"] else {}), "cold_ns": cold_ns}
    return {"once": once, "count": opened.count, "spent_ns": monotonic_ns() - started}


def _import_beforehand(case: Case) -> None:
    workload: Workload = registry.find("workload", case.workload)
    strategy: Strategy = registry.find("strategy", case.strategy)
    for module in (*strategy.imports, *workload.imports.get(case.implementation, ())):
        importlib.import_module(module)


def calibrate(sample: Sample, sample_ns: int, clock: Callable[[], int] = monotonic_ns) -> int:
    """Repetitions that make one sample last about ``sample_ns``: grown tenfold at most a step, to two digits."""
    count = 1
    while count < MOST_REPETITIONS:
        started = clock()
        sample(count)
        elapsed = max(1, clock() - started)
        if elapsed >= sample_ns / 3:
            return max(1, int(float(f"{count * sample_ns / elapsed:.1e}")))
        count = min(MOST_REPETITIONS, max(count + 1, int(count * min(10.0, sample_ns / elapsed))))
    return count


def _sample(desk: Desk, request: Mapping[str, Any]) -> dict[str, Any]:
    opened = desk.opened[request["case"]]
    own = _tree_cpu_ns(opened)
    warming = _timed(opened, 1)[1] if opened.count > 1 else 0  # what others left in caches is not this case's time
    delay, switches, cpu = procfs.run_delay_ns(os.getpid()), _involuntary(), _tree_cpu_ns(opened)
    values, spent = _timed(opened, opened.count)
    ended = _tree_cpu_ns(opened)
    values.setdefault("cpu_ns", (ended - cpu) / opened.count)
    evidence: dict[str, Any] = {"involuntary": _involuntary() - switches, "cpu_ns": ended - own}
    after = procfs.run_delay_ns(os.getpid())
    if delay is not None and after is not None:
        evidence["run_delay_ns"] = after - delay
    return {"values": values, "evidence": evidence, "spent_ns": warming + spent}


def _timed(opened: Opened, count: int) -> tuple[dict[str, Any], int]:
    """What a sample of so many calls observed, and the ns that it took."""
    started = monotonic_ns()
    values = dict(opened.sample(count))
    return values, monotonic_ns() - started


def _involuntary() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _tree_cpu_ns(opened: Opened) -> int:
    """CPU ns so far of this process, of its reaped children, and of the living processes the case started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    reaped = int((children.ru_utime + children.ru_stime) * 1e9)
    living = sum(procfs.process_cpu_ns(pid) or 0 for pid in opened.descendants)
    return process_cpu_ns() + reaped + living


def _close(desk: Desk, request: Mapping[str, Any]) -> dict[str, Any]:
    opened = desk.opened.pop(request["case"])
    started = monotonic_ns()
    opened.generator.close()  # type: ignore[attr-defined]
    spent = monotonic_ns() - started
    return {"once": {"teardown_ns": spent}, "spent_ns": spent, "facts": facts()}


def _speed(desk: Desk, request: Mapping[str, Any]) -> dict[str, Any]:
    """ns per element of one implementation, from the least of three calls that last ``sample_ns`` or longer."""
    workload: Workload = registry.find("workload", request["workload"])
    part, size = workload.implementations[request["implementation"]], 1000
    while True:
        data = workload.load(size)
        times = []
        for _ in range(3):
            started = monotonic_ns()
            part(data, 0, size)
            times.append(monotonic_ns() - started)
        if min(times) >= request["sample_ns"] or size >= request["most"]:
            return {"ns_per_element": min(times) / size, "spent_ns": sum(times)}
        size = min(request["most"], int(size * min(10.0, max(1.5, 1.2 * request["sample_ns"] / max(1, min(times))))))


def _workload(case: Case) -> Workload:
    """The case's workload; for a twin loaded a second time, unless its workers are processes that load their own."""
    again = case.param("twin") and not case.start_method
    found: Workload = registry.twin(case.workload) if again else registry.find("workload", case.workload)
    return found


def _send(fd: int, message: Mapping[str, Any]) -> None:
    data = (json.dumps(message) + "\n").encode()
    while data:
        data = data[os.write(fd, data) :]


OPERATIONS: Mapping[str, Callable[[Desk, Mapping[str, Any]], dict[str, Any]]] = {
    "open": _open,
    "sample": _sample,
    "close": _close,
    "speed": _speed,
}
