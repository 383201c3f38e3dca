"""Reading what the system tells, and watching it for half a second; nothing is judged here."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from perflab import corespeed, environment, procfs
from perflab.clock import Clock, monotonic_ns, pause, process_cpu_ns
from perflab.doctor.record import Passed, Record

WATCHED_S = 0.45
"""45 kernel ticks of 10 ms: enough to tell a share of 5 % of a core, and half a second with all the rest."""

LOOKS = 15
"""How often the speed of the cores is looked at meanwhile: what slows them lasts for a tenth of a second or longer."""

READINGS, SITTINGS = 2000, 10
"""Readings of the clock in a row, and how often: the least of the sittings was not interrupted."""

BLAS_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

_CPUS = Path("/sys/devices/system/cpu")
_NO_RANDOMISATION = 0x0040000  # ADDR_NO_RANDOMIZE, which setarch -R and debuggers set


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of one instant; the difference of two is a :class:`Passed`."""

    at_ns: int
    ticks: procfs.Ticks | None
    own_ns: int
    throttled_us: int | None
    swapped_pages: int | None
    cpu_ns: Mapping[int, int]
    """CPU time of the other processes by pid."""


def gather(lock: Path | None = None) -> Record:
    """Everything a record can hold, in about half a second; ``lock`` is the file that a run holds while it measures."""
    facts = environment.facts("perflab doctor")
    before = reading()
    slowdowns = watched(facts)
    after = reading()
    return Record(
        passed=between(before, after, names(before, after)),
        steal_since_boot_ns=after.ticks.steal_ns if after.ticks else None,
        throttled_us=after.throttled_us,
        lock_held=is_held(lock) if lock else None,
        load_average=_load_average(),
        pressure=pressure(),
        slowdowns=slowdowns,
        **_processor(facts),
        **_walls(facts),
        **_memory(facts),
        **_interpreter(facts),
    )


def watched(facts: Mapping[str, Any]) -> tuple[float, ...] | None:
    """How much slower than at its best the slowest core ran, look by look; None where that cannot be told.

    Empty where nothing is looked at, because the system's own account has who else uses a core.
    """
    speed = corespeed.of_machine(facts)
    found = []
    for _ in range(LOOKS):
        pause(WATCHED_S / LOOKS)
        found.append(speed.slowdown())
    return None if facts["hypervisor"] and not speed.cores else tuple(one for one in found if one is not None)


def reading() -> Reading:
    """The counters of now; those of single processes come first, so that reading them is in no difference twice."""
    return Reading(
        cpu_ns=_others(),
        throttled_us=procfs.throttled_us(),
        swapped_pages=parse_swapped(procfs.read(procfs.PROC / "vmstat") or ""),
        ticks=procfs.ticks(),
        own_ns=process_cpu_ns(),
        at_ns=monotonic_ns(),
    )


def between(before: Reading, after: Reading, named: Mapping[int, str]) -> Passed:
    """What passed from one reading to the other; ``named`` says what the processes are called."""
    steal = foreign = None
    if before.ticks and after.ticks:
        steal = max(0, after.ticks.steal_ns - before.ticks.steal_ns)
        foreign = max(0, after.ticks.busy_ns - before.ticks.busy_ns - (after.own_ns - before.own_ns))
    used: Counter[str] = Counter()
    for pid, ns in moved(before, after).items():
        if pid in named:
            used[named[pid]] += ns
    return Passed(
        wall_ns=after.at_ns - before.at_ns,
        steal_ns=steal,
        foreign_ns=foreign,
        throttled_us=_difference(before.throttled_us, after.throttled_us),
        swapped_pages=_difference(before.swapped_pages, after.swapped_pages),
        busiest=tuple(used.most_common()),
    )


def moved(before: Reading, after: Reading) -> dict[int, int]:
    """CPU time by pid of the processes that used any; one that began in between has used all of its own."""
    used = {pid: ns - before.cpu_ns.get(pid, 0) for pid, ns in after.cpu_ns.items()}
    return {pid: ns for pid, ns in used.items() if ns > 0}


def names(before: Reading, after: Reading) -> dict[int, str]:
    """What the processes that used CPU time call themselves."""
    told = {pid: procfs.read(procfs.PROC / str(pid) / "comm") for pid in moved(before, after)}
    return {pid: bare_name(name) for pid, name in told.items() if name}


def bare_name(name: str) -> str:
    """A process's name without path, number of its core, or letters that a terminal would obey.

    A kernel thread such as kworker/0:1 goes by what stands before the slash.
    """
    printable = "".join(letter for letter in name.strip() if letter.isprintable())
    return (printable.rpartition("/")[2] if printable.startswith(("/", "~", ".")) else printable.split("/")[0]) or "?"


def step_and_cost(now: Clock = monotonic_ns, readings: int = READINGS) -> tuple[int | None, float]:
    """The least step between readings of a clock, None where it never moved, and the mean cost of one, in ns."""
    seen = [now() for _ in range(readings)]
    steps = [later - earlier for earlier, later in pairwise(seen) if later > earlier]
    return min(steps, default=None), (seen[-1] - seen[0]) / (readings - 1)


def is_held(lock: Path) -> bool | None:
    """Whether another process holds the lock; it is tried for no longer than it takes to ask, and never created."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def pressure() -> dict[str, float]:
    """Percent of the last 10 s in which some task waited, for each resource that the kernel accounts."""
    texts = {name: procfs.read(procfs.PROC / "pressure" / name) for name in ("cpu", "memory", "io")}
    told = {name: parse_average(text) for name, text in texts.items() if text}
    return {name: percent for name, percent in told.items() if percent is not None}


def parse_average(text: str) -> float | None:
    """The avg10 of the line "some"."""
    words = [word for line in text.splitlines() if line.startswith("some ") for word in line.split()]
    return next((float(word.partition("=")[2]) for word in words if word.startswith("avg10=")), None)


def parse_swapped(text: str) -> int | None:
    """Pages that went to swap or came from it since boot."""
    pairs = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    moved = [int(pairs[name]) for name in ("pswpin", "pswpout") if name in pairs]
    return sum(moved) if moved else None


def parse_cpus(text: str) -> frozenset[int]:
    """A list such as "0,4-5"."""
    ranges = (part.partition("-") for part in text.strip().split(",") if part)
    return frozenset(cpu for low, _, high in ranges for cpu in range(int(low), int(high or low) + 1))


def optimisation(flags: str) -> str | None:
    """The last -O among compiler flags, which is the one that counts."""
    return next((flag for flag in reversed(flags.split()) if flag.startswith("-O")), None)


def turbo(no_turbo: str | None, boost: str | None) -> bool | None:
    """From the texts of intel_pstate's no_turbo and of cpufreq's boost."""
    if no_turbo is not None:
        return no_turbo.strip() == "0"
    return None if boost is None else boost.strip() == "1"


def _processor(facts: Mapping[str, Any]) -> dict[str, Any]:
    governors = (procfs.read(file) for file in _CPUS.glob("cpu[0-9]*/cpufreq/scaling_governor"))
    sittings = [step_and_cost() for _ in range(SITTINGS)]
    steps = [step for step, _ in sittings if step is not None]
    return {
        "cores": facts["cores"],
        "siblings": _siblings(),
        "governors": frozenset(text.strip() for text in governors if text),
        "scaling_driver": (procfs.read(_CPUS / "cpu0/cpufreq/scaling_driver") or "").strip() or None,
        "turbo": turbo(procfs.read(_CPUS / "intel_pstate/no_turbo"), procfs.read(_CPUS / "cpufreq/boost")),
        "clock_step_ns": min(steps, default=round(facts["clock_resolution_s"] * 1e9)),
        "clock_cost_ns": min(cost for _, cost in sittings),
        "clock_source": facts["clock_source"],
    }


def _walls(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Only x86 marks virtual processors; without its flags nothing is known, unless a name was found."""
    knows = "flags" in procfs.cpu_facts()
    kubernetes = "Kubernetes" if "KUBERNETES_SERVICE_HOST" in os.environ else None
    return {
        "hypervisor": facts["hypervisor"] or ("" if knows else None),
        "container": facts["container"] or kubernetes or ("" if sys.platform.startswith("linux") else None),
    }


def _memory(facts: Mapping[str, Any]) -> dict[str, Any]:
    sizes = procfs.parse_kilobytes(procfs.read(procfs.PROC / "meminfo") or "")
    total, free = sizes.get("SwapTotal"), sizes.get("SwapFree")
    return {
        "huge_pages": facts["transparent_huge_pages"],
        "aslr": facts["aslr"],
        "fixed_layout": _fixed_layout(),
        "swap_bytes": total,
        "swap_used_bytes": None if total is None or free is None else total - free,
        "free_bytes": procfs.available_memory_bytes(),
        "shared_free_bytes": _shared_free_bytes(),
    }


def _interpreter(facts: Mapping[str, Any]) -> dict[str, Any]:
    configured = sysconfig.get_config_var("CONFIG_ARGS") is not None
    return {
        "gil": facts["gil"],
        "build": facts["build_flags"] if configured else {},
        "optimisation": optimisation(sysconfig.get_config_var("CFLAGS") or ""),
        "blas_threads": {name: os.environ[name] for name in BLAS_VARIABLES if os.environ.get(name)},
    }


def _others() -> dict[int, int]:
    used = {pid: procfs.process_cpu_ns(pid) for pid in _pids() if pid != os.getpid()}
    return {pid: ns for pid, ns in used.items() if ns is not None}


def _pids() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir(procfs.PROC) if name.isdigit()]
    except OSError:
        return []


def _siblings() -> tuple[frozenset[int], ...]:
    """None of them unless all are known: half a topology would count cores that are not there."""
    affinity = getattr(os, "sched_getaffinity", None)
    files = [_CPUS / f"cpu{cpu}/topology/thread_siblings_list" for cpu in sorted(affinity(0))] if affinity else []
    texts = [text for text in map(procfs.read, files) if text and text.strip()]
    return tuple(map(parse_cpus, texts)) if len(texts) == len(files) else ()


def _fixed_layout() -> bool | None:
    text = procfs.read(procfs.PROC / "self/personality")
    return None if not text else bool(int(text, 16) & _NO_RANDOMISATION)


def _shared_free_bytes() -> int | None:
    try:
        room = os.statvfs(procfs.SHARED_MEMORY)
    except (OSError, AttributeError):
        return None
    return room.f_bavail * room.f_frsize


def _load_average() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)
