"""Gathering: what becomes of the system's texts and counters, and of a system that tells nothing."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from doctor_support import NAMES, pair
from perflab import corespeed, doctor, procfs
from perflab.corespeed import CoreSpeed
from perflab.doctor import Passed, gathering
from perflab.lock import LOCK
from perflab.procfs import Ticks
from perflab.testing import FakeClock


def at(ns: int, busy: int, steal: int, own: int, cpu: dict[int, int], **more: int | None) -> gathering.Reading:
    """A reading of scripted counters."""
    return gathering.Reading(ns, Ticks(busy, steal), own, more.get("throttled_us"), more.get("swapped_pages"), cpu)


def test_what_passed_is_the_difference_of_two_readings() -> None:
    """Foreign time is the busy time without our own; processes of one name are summed, the busiest first."""
    before = at(100, 1000, 50, 10, {1: 500, 2: 100, 3: 7}, throttled_us=5, swapped_pages=40)
    after = at(1100, 1900, 80, 30, {1: 700, 2: 400, 3: 7, 4: 250}, throttled_us=9, swapped_pages=40)
    named = {1: "cc1", 2: "make", 4: "cc1"}
    assert gathering.moved(before, after) == {1: 200, 2: 300, 4: 250}
    assert gathering.between(before, after, named) == Passed(
        1000, steal_ns=30, foreign_ns=880, throttled_us=4, swapped_pages=0, busiest=(("cc1", 450), ("make", 300))
    )


def test_counters_that_are_missing_or_run_back_invent_nothing() -> None:
    """No ticks, no steal and no load; a counter that is reset, or our own time beyond the ticks, is zero."""
    before, after = at(0, 100, 9, 0, {}, swapped_pages=7), at(10, 130, 4, 50, {}, swapped_pages=3)
    told = gathering.between(before, after, {})
    assert (told.steal_ns, told.foreign_ns, told.throttled_us, told.swapped_pages) == (0, 0, None, 0)
    assert gathering.between(before, replace(after, swapped_pages=None), {}).swapped_pages is None
    silent = gathering.between(replace(before, ticks=None), after, {})
    assert (silent.steal_ns, silent.foreign_ns) == (None, None)


@pytest.mark.parametrize(
    ("comm", "name"),
    [
        ("python3\n", "python3"),
        ("/home/somebody/bin/tool", "tool"),
        ("~/bin/tool", "tool"),
        ("./tool", "tool"),
        ("kworker/0:1-events\n", "kworker"),
        ("evil\x1b[31m\n", "evil[31m"),
        ("(sd-pam)", "(sd-pam)"),
        ("/", "?"),
    ],
)
def test_processes_go_by_bare_names(comm: str, name: str) -> None:
    """No path, no number of a core, nothing that a terminal would obey."""
    assert gathering.bare_name(comm) == name


def test_only_processes_that_used_time_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ended in between has no name any more, and is left out."""
    monkeypatch.setattr(procfs, "PROC", tmp_path)
    for pid, comm in ((1, "idle"), (2, "busy")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "comm").write_text(f"{comm}\n")
    before, after = at(0, 0, 0, 0, {1: 5, 2: 5, 3: 5}), at(9, 0, 0, 0, {1: 5, 2: 9, 3: 9})
    assert gathering.names(before, after) == {2: "busy"}


def test_the_clock_is_measured_by_its_own_readings() -> None:
    """Cost is the mean between readings, the step the least that was seen; a clock that stands still has none."""
    clock = FakeClock()
    script = iter([70, 70, 100, 100, 120, 170])

    def reading() -> int:
        clock.advance(next(script) - clock.now_ns)
        return clock()

    assert gathering.step_and_cost(reading, 6) == (20, 20.0)
    assert gathering.step_and_cost(FakeClock(), 5) == (None, 0.0)


def test_the_least_disturbed_sitting_of_the_clock_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Least step and least cost of all sittings; a clock that was never seen to move is believed what it says."""
    sittings = [(None, 90.0), (40, 60.0), (30, 80.0), *[(50, 70.0)] * gathering.SITTINGS]
    drawn = iter(sittings)
    driver = tmp_path / "cpu0" / "cpufreq"
    driver.mkdir(parents=True)
    (driver / "scaling_driver").write_text("amd-pstate-epp\n")
    (driver / "scaling_governor").write_text("powersave\n")
    monkeypatch.setattr(gathering, "_CPUS", tmp_path)
    monkeypatch.setattr(gathering, "step_and_cost", lambda: next(drawn))
    monkeypatch.setattr(gathering, "pause", lambda seconds: None)
    record = doctor.gather()
    assert (record.clock_step_ns, record.clock_cost_ns) == (30, 60.0)
    assert (record.scaling_driver, record.governors) == ("amd-pstate-epp", {"powersave"})
    monkeypatch.setattr(gathering, "step_and_cost", lambda: (None, 60.0))
    assert doctor.gather().clock_step_ns == round(time.get_clock_info("monotonic").resolution * 1e9)


def test_processes_that_tell_no_time_and_our_own_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of others is by pid, without those that have just ended."""
    monkeypatch.setattr(gathering, "_pids", lambda: [os.getpid(), 2, 3])
    monkeypatch.setattr(procfs, "process_cpu_ns", lambda pid: {2: 7}.get(pid, None if pid == 3 else 99))
    assert gathering.reading().cpu_ns == {2: 7}


def test_the_lock_is_seen_and_never_made(tmp_path: Path) -> None:
    """Free where there is no file or nobody holds it, held while somebody does; asking leaves it free."""
    path = tmp_path / LOCK
    assert gathering.is_held(path) is False
    assert not path.exists()
    with FileLock(path):
        assert gathering.is_held(path) is True
    assert gathering.is_held(path) is False
    with FileLock(path, timeout=0):
        pass
    assert gathering.is_held(tmp_path / LOCK / "beyond") is None


def test_small_texts_of_the_kernel() -> None:
    """Lists of CPUs, averages of pressure, swapped pages, flags of a compiler, switches of turbo."""
    assert gathering.parse_cpus("0,4-6\n") == {0, 4, 5, 6}
    text = "some avg10=1.25 avg60=0.50 avg300=0.10 total=9\nfull avg10=0.75 avg60=0 avg300=0 total=0\n"
    assert gathering.parse_average(text) == 1.25
    assert gathering.parse_average("full avg10=0.75 total=0") is None
    assert gathering.parse_swapped("pgpgin 5\npswpin 3\npswpout 4\n") == 7
    assert gathering.parse_swapped("pgpgin 5\n") is None
    assert gathering.optimisation("-g -O0 -Wall -O3 -fPIC") == "-O3"
    assert gathering.optimisation("-g") is None
    answers = {("0\n", None): True, ("1\n", None): False, (None, "1\n"): True, (None, "0\n"): False, (None, None): None}
    assert {texts: gathering.turbo(*texts) for texts in answers} == answers


def test_half_a_topology_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Siblings are known of all usable CPUs, or of none."""
    monkeypatch.setattr(gathering, "_CPUS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    for cpu in (0, 1):
        assert gathering._siblings() == ()
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text("0-1\n")
    assert gathering._siblings() == (pair(0, 1), pair(0, 1))


def test_gathering_watches_and_tells_nothing_personal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The real machine gives one finding of each kind, as JSON; neither host nor folders nor interpreter are in it."""
    waited: list[float] = []
    monkeypatch.setattr(gathering, "pause", waited.append)
    record = doctor.gather(tmp_path / LOCK)
    assert waited == [pytest.approx(gathering.WATCHED_S / gathering.LOOKS)] * gathering.LOOKS
    assert record.lock_held is False
    assert record.passed.wall_ns > 0
    assert record.clock_cost_ns is not None and record.clock_cost_ns > 0
    text = json.dumps(doctor.to_json(doctor.examine(record)), allow_nan=False)
    personal = {platform.node(), str(Path.home()), os.getcwd(), str(tmp_path)}
    assert [word for word in personal if word and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)] == []


def test_virtual_cores_are_looked_at_while_the_machine_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look against the best so far; without a virtual machine none, and where threads cannot be bound none."""
    monkeypatch.setattr(gathering, "pause", lambda seconds: None)
    loops = iter([100, 180, *[90] * gathering.LOOKS])
    made = {"KVM": CoreSpeed((0,), lambda core: next(loops)), None: CoreSpeed(), "unbound": CoreSpeed()}
    monkeypatch.setattr(corespeed, "of_machine", lambda facts: made[facts["hypervisor"]])
    seen = gathering.watched({"hypervisor": "KVM"})
    assert seen is not None
    assert (seen[:3], len(seen)) == ((1.0, 1.8, 1.0), gathering.LOOKS)
    assert gathering.watched({"hypervisor": None}) == ()
    assert gathering.watched({"hypervisor": "unbound"}) is None


def test_a_system_that_tells_nothing_is_gathered_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc and /sys the findings are complete, and what those would tell is unknown."""
    monkeypatch.setattr(procfs, "read", lambda path: None)
    monkeypatch.setattr(procfs, "PROC", tmp_path / "none")
    monkeypatch.setattr(procfs, "SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr(gathering, "_CPUS", tmp_path)
    monkeypatch.setattr(gathering, "pause", lambda seconds: None)
    findings = {one.name: one for one in doctor.examine(doctor.gather())}
    silent = {"lock", "load", "steal", "pressure", "throttling", "hypervisor", "smt", "governor", "turbo"}
    silent |= {"clock-source", "shared-memory", "swap", "huge-pages", "aslr"}
    assert {name for name, one in findings.items() if one.found.startswith("unknown: ")} >= silent
    assert list(findings) == NAMES


PROC = {
    "meminfo": "MemAvailable: 5 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n",
    "stat": "cpu 1 2 3 4 5 6 7 8 0 0\n",
    "pressure/cpu": "some avg10=2.50 avg60=0 avg300=0 total=1\n",
    "self/personality": "00040000\n",
    "sys/kernel/randomize_va_space": "1\n",
    "cpuinfo": "flags : fpu sse\n\n",
}


def test_a_scripted_proc_becomes_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel's files say stands in the record, and what they leave out does not."""
    for name, text in PROC.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(procfs, "PROC", tmp_path)
    monkeypatch.setattr(gathering, "pause", lambda seconds: None)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "somewhere")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    record = doctor.gather()
    assert (record.free_bytes, record.swap_bytes, record.swap_used_bytes) == (5 * 1024, 100 * 1024, 40 * 1024)
    assert record.pressure == {"cpu": 2.5}
    assert (record.aslr, record.fixed_layout) == (1, True)
    assert record.steal_since_boot_ns == 8 * 10**9 // os.sysconf("SC_CLK_TCK")
    assert (record.passed.steal_ns, record.passed.swapped_pages, record.throttled_us) == (0, None, None)
    assert record.hypervisor == ""
    assert record.container
    assert record.blas_threads is not None
    assert record.blas_threads["MKL_NUM_THREADS"] == "3"
    (tmp_path / "self/personality").write_text("00000000\n")
    (tmp_path / "cpuinfo").write_text("processor : 0\n\n")
    changed = doctor.gather()
    assert (changed.fixed_layout, changed.hypervisor) == (False, None)
