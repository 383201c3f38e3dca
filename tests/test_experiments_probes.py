"""The probes of the first six experiments: each keeps its promise, every oracle goes red."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from experiments_support import experiment_named, printed_by
from perflab.errors import WrongAnswer
from perflab.experiments import _targets, manager_gap, startup
from perflab.model import Case

LOOK = """
import json, multiprocessing, pathlib, psutil, re
from perflab import registry
from perflab.model import Case, Settings

def is_servant(process):
    # The resource tracker and the forkserver serve the whole process and end with it; what it forks looks like it.
    line = " ".join(process.cmdline())
    return process.ppid() == psutil.Process().pid and re.search(
        "from multiprocessing[.](resource_tracker|forkserver) imp", line)

def children():
    return [child.pid for child in psutil.Process().children(recursive=True) if not is_servant(child)]

def segments():
    maps = pathlib.Path("/proc/self/maps")
    return set(re.findall(r"/dev/shm/psm_\\w+", maps.read_text())) if maps.exists() else set()
"""

PROBE_EACH_CASE = """
experiment, observed, seen = registry.find("experiment", NAME), {}, set()
methods = tuple(multiprocessing.get_all_start_methods())
for case in experiment.design(Settings("full", 2, methods, METHOD if METHOD in methods else "spawn")).cases:
    probe = experiment.probe(case)
    sample = next(probe)
    observed[case.id] = [dict(sample(1)), dict(sample(3))]
    seen |= segments()
    probe.close()
left = sorted(one for one in seen if pathlib.Path(one).exists())
print(json.dumps({"observed": observed, "children": children(), "seen": len(seen), "left": left}))
"""


@pytest.mark.parametrize(
    ("name", "method", "segments"), [("startup", "fork", 0), ("manager-gap", "fork", 4), ("manager-gap", "spawn", 4)]
)
def test_each_probe_observes_what_it_promises_and_leaves_nothing(name: str, method: str, segments: int) -> None:
    """Opened, sampled once and thrice, and closed: the declared quantities, no process, no segment."""
    found = json.loads(printed_by(f"NAME, METHOD = {name!r}, {method!r}\n{LOOK}{PROBE_EACH_CASE}"))
    promised = {quantity.name for quantity in experiment_named(name).quantities}
    assert len(found["observed"]) > 3
    for case, (once, thrice) in found["observed"].items():
        assert set(once) == set(thrice) == promised, case
        assert all(value > 0 for value in (*once.values(), *thrice.values())), case
    assert found["children"] == []
    assert found["seen"] == (segments if sys.platform == "linux" else 0)
    assert found["left"] == []


TWO_CASES_OF_A_MANAGER = """
probe = registry.find("experiment", "manager-gap").probe
method = multiprocessing.get_all_start_methods()[0]
probes = [
    probe(Case(start_method=method, params=(("operation", "add"), ("target", target))))
    for target in ("Manager.Value", "Manager.list")
]
samples, counts = [next(one) for one in probes], [len(children())]
for one in probes:
    samples[-1](2)
    one.close()
    counts.append(len(children()))
print(counts)
"""


def test_a_managers_cases_share_its_server_until_the_last_is_closed() -> None:
    """Two open cases have one server between them; it outlives the first and ends with the second."""
    assert printed_by(LOOK + TWO_CASES_OF_A_MANAGER).strip() == "[1, 1, 0]"


def test_the_first_instruction_comes_before_the_end_of_join() -> None:
    """A thread's own clock reading lies between its start and the return of join."""
    probe = startup.probe(Case(strategy="thread"))
    observed = next(probe)(5)
    probe.close()  # type: ignore[attr-defined]
    assert 0 < observed["first_instruction_ns"] <= observed["join_ns"]  # type: ignore[operator]


def test_a_thread_that_never_runs_its_code_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that stores no date is not timed."""
    monkeypatch.setattr(startup, "_date", lambda cell: None)
    with pytest.raises(WrongAnswer, match="expected status 0 and a first instruction"):
        next(startup.probe(Case(strategy="thread")))


def test_a_child_that_fails_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spawned child that dates itself and then ends with status 3 is not timed."""
    monkeypatch.setattr(startup, "FROM_A_FRESH_INTERPRETER", startup.FROM_A_FRESH_INTERPRETER + "\nraise SystemExit(3)")
    with pytest.raises(WrongAnswer, match="exit status 3"):
        next(startup.probe(Case(strategy="process", start_method="spawn")))


class _Off:
    """A number in an attribute that is one off after every write."""

    kept = 0.0

    @property
    def value(self) -> float:
        return self.kept

    @value.setter
    def value(self, number: float) -> None:
        self.kept = number + 1


class _Losing(list[float]):
    """A list that loses every second write."""

    writes = 0

    def __setitem__(self, index: Any, number: Any) -> None:
        self.writes += 1
        if self.writes % 2:
            super().__setitem__(index, number)


def _access(operation: str, target: str) -> Case:
    return Case(params=(("operation", operation), ("target", target)))


@pytest.mark.parametrize("operation", ["read", "write", "add"])
def test_an_access_that_leaves_another_number_is_a_wrong_answer(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that stores something else than it is told is not timed, whatever the operation."""
    monkeypatch.setitem(_targets.TARGETS, "Value", lambda start_method: nullcontext(_Off()))  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match="the accesses left"):
        next(manager_gap.probe(_access(operation, "Value")))(10)


def test_lost_additions_are_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten additions of which five are lost are not timed."""
    monkeypatch.setitem(_targets.TARGETS, "list", lambda start_method: nullcontext(_Losing([0.0])))  # type: ignore[arg-type]
    with pytest.raises(WrongAnswer, match=r"left 6\.0, expected 11\.0"):
        next(manager_gap.probe(_access("add", "list")))(10)


@pytest.mark.parametrize("target", ["numpy", "numpy, small pages", "numpy-view"])
def test_a_wrong_sum_is_a_wrong_answer(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum that is one too much is not timed."""
    original = _targets.SUMS[target]

    @contextmanager
    def one_more(elements: int, start_method: str) -> Iterator[Any]:
        with original(elements, start_method) as total:
            yield lambda: total() + 1

    monkeypatch.setitem(_targets.SUMS, target, one_more)  # type: ignore[arg-type]
    case = Case(params=(("operation", "sum"), ("target", target), ("bytes", 4096)))
    with pytest.raises(WrongAnswer, match=r"left .*130817\.0.*, expected 130816\.0"):
        next(manager_gap.probe(case))(1)


def test_all_kinds_of_memory_begin_on_a_page() -> None:
    """numpy's own array and the view of a RawArray are aligned alike, so that only the kind of memory differs."""
    for target in ("numpy", "numpy, small pages", "numpy-view"):
        with _targets.SUMS[target](1000, "") as total:
            assert total.__self__.__array_interface__["data"][0] % _targets.PAGE_BYTES == 0  # type: ignore[attr-defined]
            assert total() == 499500


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="only there are huge pages told")
def test_small_pages_are_small() -> None:
    """8 MiB that were written hold no huge page, even where the system gives them unasked."""
    with _targets.SUMS["numpy, small pages"](2**20, "") as total:
        start = total.__self__.__array_interface__["data"][0]  # type: ignore[attr-defined]
        told = Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines()
    maps = [number for number, line in enumerate(told) if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line)]
    for first, last in zip(maps, [*maps[1:], len(told)], strict=True):
        low, high = (int(end, 16) for end in told[first].split()[0].split("-"))
        if low <= start < high:
            assert "AnonHugePages:         0 kB" in told[first:last]
            return
    pytest.fail("its memory is not in the table of all maps")


def test_every_target_has_a_loop_of_its_own() -> None:
    """Two loops over the same statement share no code, so that neither adapts to the other's types."""
    first, second = manager_gap._loop("seen = target[0]"), manager_gap._loop("seen = target[0]")
    assert first.__code__ is not second.__code__
    assert (first([7.0], 2, 0.0), second([8.0], 2, 0.0)) == (7.0, 8.0)
