"""The doctor: scripted records on both sides of every threshold, and what gathering makes of the system's texts."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from rich.console import Console

from perflab import cli, doctor, procfs
from perflab.cli import doctoring
from perflab.doctor import Finding, Level, Passed, Record, gathering, neighbours
from perflab.lock import LOCK
from perflab.procfs import Ticks
from perflab.testing import FakeClock

FINE, NOTE, WARNING = Level.FINE, Level.NOTE, Level.WARNING
SECOND, GIB = 10**9, 2**30

QUIET = Passed(SECOND, steal_ns=0, foreign_ns=0, throttled_us=0, swapped_pages=0)
COUNTS: Mapping[str, int | float | None] = {
    "os_cpu_count": 4,
    "affinity": 4,
    "cgroup_quota": None,
    "process_cpu_count": 4,
    "effective": 4,
}
HEALTHY = Record(
    passed=QUIET,
    cores=COUNTS,
    siblings=tuple(frozenset({cpu}) for cpu in range(4)),
    governors=frozenset({"performance"}),
    turbo=False,
    clock_step_ns=40,
    clock_cost_ns=50.0,
    clock_source="tsc",
    steal_since_boot_ns=0,
    load_average=0.0,
    lock_held=False,
    pressure={"cpu": 0.0, "memory": 0.0, "io": 0.0},
    throttled_us=0,
    hypervisor="",
    container="",
    huge_pages="madvise",
    aslr=2,
    fixed_layout=False,
    swap_bytes=0,
    swap_used_bytes=0,
    free_bytes=16 * GIB,
    shared_free_bytes=8 * GIB,
    gil={"disabled_build": False, "enabled": True},
    build={"debug": False, "pgo": True, "lto": True},
    optimisation="-O3",
    blas_threads={},
)
"""A machine that nothing can be said against."""

NAMES = [finding.name for finding in doctor.examine(HEALTHY)]


def found(name: str, **changes: Any) -> Finding:
    """What is found of a healthy machine with some facts replaced."""
    return next(one for one in doctor.examine(replace(HEALTHY, **changes)) if one.name == name)


def passed(**changes: Any) -> dict[str, Passed]:
    """The change that replaces counters of the quiet second."""
    return {"passed": replace(QUIET, **changes)}


def pair(*cpus: int) -> frozenset[int]:
    return frozenset(cpus)


LEVELS: list[tuple[str, Level, dict[str, Any]]] = [
    ("lock", WARNING, {"lock_held": True}),
    # Shares of the second: 5 % stolen and 20 % foreign are what a run calls contaminated.
    ("steal", NOTE, passed(steal_ns=10_000_000)),
    ("steal", NOTE, passed(steal_ns=50_000_000)),
    ("steal", WARNING, passed(steal_ns=50_000_001)),
    # Below three ticks nothing is contaminated, however short the time.
    ("steal", NOTE, passed(steal_ns=30_000_000, wall_ns=100_000_000)),
    ("steal", WARNING, passed(steal_ns=30_000_001, wall_ns=100_000_000)),
    ("steal", NOTE, {"hypervisor": "KVM", "steal_since_boot_ns": 0}),
    ("steal", FINE, {"hypervisor": "KVM", "steal_since_boot_ns": 1}),
    ("load", FINE, passed(foreign_ns=30_000_000)),
    ("load", NOTE, passed(foreign_ns=30_000_001)),
    ("load", NOTE, passed(foreign_ns=200_000_000)),
    ("load", WARNING, passed(foreign_ns=200_000_001)),
    ("load", FINE, passed(foreign_ns=30_000_000, wall_ns=100_000_000)),
    ("load", WARNING, passed(foreign_ns=30_000_001, wall_ns=100_000_000)),
    ("pressure", FINE, {"pressure": {"cpu": 1.0, "memory": 0.1, "io": 5.0}}),
    ("pressure", NOTE, {"pressure": {"cpu": 1.01}}),
    ("pressure", NOTE, {"pressure": {"cpu": 10.0}}),
    ("pressure", WARNING, {"pressure": {"cpu": 10.01, "memory": 0.0, "io": 0.0}}),
    ("pressure", NOTE, {"pressure": {"memory": 0.11}}),
    ("pressure", NOTE, {"pressure": {"memory": 1.0}}),
    ("pressure", WARNING, {"pressure": {"cpu": 5.0, "memory": 1.01}}),
    ("pressure", NOTE, {"pressure": {"io": 30.0}}),
    ("pressure", WARNING, {"pressure": {"io": 30.01}}),
    ("throttling", WARNING, passed(throttled_us=1)),
    ("throttling", NOTE, {"throttled_us": 1}),
    ("throttling", NOTE, {"cores": {**COUNTS, "cgroup_quota": 2.0}}),
    ("throttling", NOTE, {"throttled_us": None, "cores": {**COUNTS, "cgroup_quota": 2.0}}),
    ("hypervisor", NOTE, {"hypervisor": "yes"}),
    ("container", NOTE, {"container": "docker"}),
    ("cores", WARNING, {"cores": {"os_cpu_count": 1, "affinity": 1, "effective": 1}}),
    ("cores", FINE, {"cores": {"os_cpu_count": 2, "affinity": 2, "effective": 2}}),
    ("cores", NOTE, {"cores": {"os_cpu_count": 8, "affinity": 4, "effective": 4}}),
    ("cores", NOTE, {"cores": {**COUNTS, "cgroup_quota": 2.5, "effective": 2}}),
    ("smt", NOTE, {"siblings": (pair(0, 1), pair(0, 1))}),
    ("smt", NOTE, {"siblings": (pair(0, 2), pair(1, 3))}),
    ("smt", NOTE, {"hypervisor": "yes"}),
    ("governor", FINE, {"governors": frozenset({"performance"}), "scaling_driver": "acpi-cpufreq"}),
    ("governor", NOTE, {"governors": frozenset({"schedutil"})}),
    ("governor", WARNING, {"governors": frozenset({"powersave"}), "scaling_driver": "acpi-cpufreq"}),
    ("governor", NOTE, {"governors": frozenset({"powersave"}), "scaling_driver": "intel_pstate"}),
    ("governor", WARNING, {"governors": frozenset({"performance", "schedutil"})}),
    ("turbo", NOTE, {"turbo": True}),
    ("clock", FINE, {"clock_step_ns": 120_000}),
    ("clock", WARNING, {"clock_step_ns": 120_001}),
    ("clock", FINE, {"clock_cost_ns": 1000.0}),
    ("clock", NOTE, {"clock_cost_ns": 1000.1}),
    ("clock-source", WARNING, {"clock_source": "hpet"}),
    ("clock-source", FINE, {"clock_source": "kvm-clock"}),
    ("clock-source", NOTE, {"clock_source": "something new"}),
    ("memory", FINE, {"free_bytes": 2 * GIB}),
    ("memory", NOTE, {"free_bytes": 2 * GIB - 1}),
    ("memory", NOTE, {"free_bytes": GIB // 2}),
    ("memory", WARNING, {"free_bytes": GIB // 2 - 1}),
    ("shared-memory", FINE, {"shared_free_bytes": GIB // 4}),
    ("shared-memory", WARNING, {"shared_free_bytes": GIB // 4 - 1}),
    ("swap", FINE, {"swap_bytes": GIB}),
    ("swap", NOTE, {"swap_bytes": GIB, "swap_used_bytes": 4096}),
    ("swap", WARNING, passed(swapped_pages=1)),
    ("huge-pages", NOTE, {"huge_pages": "always"}),
    ("huge-pages", FINE, {"huge_pages": "never"}),
    ("aslr", NOTE, {"aslr": 1}),
    ("aslr", WARNING, {"aslr": 0}),
    ("aslr", WARNING, {"aslr": 2, "fixed_layout": True}),
    ("gil", FINE, {"gil": {"disabled_build": True, "enabled": False}}),
    ("gil", WARNING, {"gil": {"disabled_build": True, "enabled": True}}),
    ("build", NOTE, {"build": {"debug": False, "pgo": True, "lto": False}}),
    ("build", NOTE, {"build": {"debug": False, "pgo": False, "lto": True}}),
    ("build", WARNING, {"build": {"debug": True, "pgo": True, "lto": True}}),
    ("build", WARNING, {"optimisation": "-Og"}),
    ("build", FINE, {"optimisation": "-O2"}),
    ("blas-threads", FINE, {"blas_threads": {"OMP_NUM_THREADS": "1"}}),
    ("blas-threads", NOTE, {"blas_threads": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "8"}}),
]


@pytest.mark.parametrize(("name", "level", "changes"), LEVELS)
def test_each_threshold_parts_the_levels(name: str, level: Level, changes: dict[str, Any]) -> None:
    """One fact changed on an otherwise healthy machine gives that level, on either side of the threshold."""
    assert found(name, **changes).level is level


def test_nothing_is_said_against_a_healthy_machine() -> None:
    """Every finding is fine, each once, and the sentence says so."""
    findings = doctor.examine(HEALTHY)
    assert [one for one in findings if one.level is not FINE] == []
    assert len(set(NAMES)) == len(NAMES) == len(doctor.EXAMINATIONS)
    assert doctor.conclusion(findings) == f"0 warnings, 0 notes, {len(NAMES)} fine. This machine is fit to measure on."


def test_what_the_system_does_not_tell_is_unknown() -> None:
    """A record without facts acquits and accuses of nothing: every finding is a note that says unknown."""
    findings = doctor.examine(Record())
    assert {one.level for one in findings} == {NOTE}
    assert [one.name for one in findings if not one.found.startswith("unknown: ")] == []
    assert [one.name for one in findings] == NAMES


UNTOLD = {
    "lock": {"lock_held": None},
    "load": passed(foreign_ns=None),
    "steal": passed(steal_ns=None),
    "pressure": {"pressure": {}},
    "throttling": {"throttled_us": None},
    "hypervisor": {"hypervisor": None},
    "container": {"container": None},
    "cores": {"cores": {}},
    "smt": {"siblings": ()},
    "governor": {"governors": frozenset()},
    "turbo": {"turbo": None},
    "clock": {"clock_step_ns": None},
    "clock-source": {"clock_source": None},
    "memory": {"free_bytes": None},
    "shared-memory": {"shared_free_bytes": None},
    "swap": {"swap_bytes": None},
    "huge-pages": {"huge_pages": None},
    "aslr": {"aslr": None},
    "gil": {"gil": {}},
    "build": {"build": {}},
    "blas-threads": {"blas_threads": None},
}


@pytest.mark.parametrize("name", NAMES)
def test_one_fact_untold_is_one_finding_unknown(name: str) -> None:
    """The other findings stay as they are."""
    findings = doctor.examine(replace(HEALTHY, **UNTOLD[name]))
    assert [one.name for one in findings if one.found.startswith("unknown: ")] == [name]
    assert [one.name for one in findings if one.level is not FINE] == [name]


@pytest.mark.parametrize(("name", "level", "changes"), LEVELS)
def test_each_finding_says_what_it_does_and_what_to_do(name: str, level: Level, changes: dict[str, Any]) -> None:
    """No finding lacks effect or remedy, and only what is fine leaves nothing to do."""
    one = found(name, **changes)
    assert one.found and one.effect and one.remedy
    assert (one.remedy == "nothing to do") is (level is FINE)


def test_the_numbers_stand_in_what_was_found() -> None:
    """The evidence is the measured value, in units that people read."""
    assert found("steal", **passed(steal_ns=120_000_000)).found == "12 % of a core, over 1.00 s"
    assert found("memory", free_bytes=GIB // 2).found.startswith("512 MiB")
    assert found("clock", clock_cost_ns=1500.0).found.startswith("a reading costs 1.50 µs")
    assert found("throttling", throttled_us=2500).found.startswith("2.50 ms so far")
    assert found("throttling", **passed(throttled_us=2500)).found == "2.50 ms while it was watched"
    assert "numpy" in found("huge-pages").effect
    assert "numpy" not in found("huge-pages", huge_pages="never").effect
    assert "cgroup quota 2.5" in found("cores", cores={**COUNTS, "cgroup_quota": 2.5, "effective": 2}).found
    assert "none" not in found("cores").found.lower()


def test_the_busiest_are_named_and_the_rest_is_owned_up_to() -> None:
    """Three names at most, none below 1 % of a core; what no living process explains is said to be so."""
    busiest = (("cc1", 400_000_000), ("ld", 90_000_000), ("sh", 20_000_000), ("make", 19_000_000))
    said = found("load", load_average=1.5, **passed(foreign_ns=530_000_000, busiest=busiest)).found
    assert said == "others use 0.53 cores: cc1 0.40, ld 0.09, sh 0.02; load average 1.50"
    said = found("load", load_average=None, **passed(foreign_ns=900_000_000, busiest=busiest[1:2])).found
    assert said == "others use 0.90 cores: ld 0.09, 0.81 by some that ended, or cannot be seen from here"
    said = found("load", load_average=None, **passed(foreign_ns=50_000_000, busiest=(("a", 9_000_000),) * 5)).found
    assert said == "others use 0.05 cores: many, each a little"
    assert neighbours.NAMED == 3


def test_warnings_make_a_machine_unfit_and_notes_do_not() -> None:
    """The first line counts by level and concludes once, within 80 columns."""
    warned = doctor.examine(replace(HEALTHY, lock_held=True, turbo=True))
    fine = len(NAMES) - 2
    assert doctor.conclusion(warned) == (
        f"1 warning, 1 note, {fine} fine. This machine is not fit to measure on as it is."
    )
    noted = doctor.examine(replace(HEALTHY, turbo=True))
    assert doctor.conclusion(noted) == (
        f"0 warnings, 1 note, {fine + 1} fine. This machine is fit to measure on; mind the notes."
    )
    for level in Level:
        assert len(doctor.conclusion([replace(one, level=level) for one in warned])) <= 80
    mixed = [replace(warned[0], level=level) for level in (WARNING, NOTE) for _ in range(10)]
    assert len(doctor.conclusion([*mixed, warned[1]])) <= 80


# Gathering


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
    assert waited == [gathering.WATCHED_S]
    assert record.lock_held is False
    assert record.passed.wall_ns > 0
    assert record.clock_cost_ns is not None and record.clock_cost_ns > 0
    text = json.dumps(doctor.to_json(doctor.examine(record)), allow_nan=False)
    personal = {platform.node(), str(Path.home()), os.getcwd(), str(tmp_path)}
    assert [word for word in personal if word and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)] == []


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


# The command


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """A machine of the test's choice under the command; the last of the list is what is gathered."""
    machines = [HEALTHY]
    monkeypatch.setattr(doctor, "gather", lambda lock: machines[-1])
    return machines


def test_json_is_the_contract(scripted: list[Record], capsys: pytest.CaptureFixture[str]) -> None:
    """Schema, and of each finding five texts; a sick machine exits with 0 as well."""
    scripted.append(replace(HEALTHY, lock_held=True))
    assert cli.main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["schema", "findings"]
    assert document["schema"] == "perflab.doctor/1"
    assert {tuple(one) for one in document["findings"]} == {("name", "level", "found", "effect", "remedy")}
    assert {one["name"]: one["level"] for one in document["findings"]} == {
        **dict.fromkeys(NAMES, "fine"),
        "lock": "warning",
    }


def test_the_text_begins_with_the_conclusion_and_the_worst(
    scripted: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings, then notes, then what is fine; effect and remedy of the first two only."""
    scripted.append(replace(HEALTHY, turbo=True, aslr=0))
    assert cli.main(["doctor"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.strip() == doctor.conclusion(doctor.examine(scripted[-1]))
    named = [line.split()[:2] for line in rest if line[:1] in ("✘", "!", "✔")]
    assert named[:2] == [["✘", "aslr"], ["!", "turbo"]]
    assert [name for _, name in named[2:]] == [name for name in NAMES if name not in ("aslr", "turbo")]
    text = " ".join(" ".join(rest).split())
    assert "→ sysctl kernel.randomize_va_space=2" in text
    assert found("turbo", turbo=True).effect in text
    assert found("cores").effect not in text
    assert "nothing to do" not in text


@pytest.mark.parametrize("record", [HEALTHY, Record(), replace(HEALTHY, **{"hypervisor": "[red]made up[/red]"})])
def test_the_text_fits_80_columns_and_swallows_nothing(record: Record) -> None:
    """Long lines wrap, and a text in brackets is no markup."""
    paper = Console(file=StringIO(), width=80, highlight=False)
    findings = doctor.examine(record)
    for part in doctoring.as_text(findings):
        paper.print(part)
    written = paper.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, written.splitlines())) <= 80
    flowing = " ".join(written.split())
    assert [one.name for one in findings if one.name not in flowing] == []
    assert ("[red]made up[/red]" in flowing) is (record.hypervisor == "[red]made up[/red]")
