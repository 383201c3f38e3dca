"""What the doctor says of scripted records, on both sides of every threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doctor_support import COUNTS, FINE, GIB, HEALTHY, NAMES, NOTE, WARNING, found, pair, passed
from perflab import doctor
from perflab.doctor import Level, Record, neighbours

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
    # 1.4 times slower is what a run sets aside; in more than half of the looks there is nothing else to keep.
    ("core-speed", FINE, {"slowdowns": (1.0, 1.4)}),
    ("core-speed", NOTE, {"slowdowns": (1.0, 1.41)}),
    ("core-speed", WARNING, {"slowdowns": (1.0, 1.41, 1.9)}),
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
    "core-speed": {"slowdowns": None},
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
    assert found("core-speed", slowdowns=(1.0, 1.75, 1.1)).found.startswith("in 1 of 3 looks a core ran up to 1.75×")
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
