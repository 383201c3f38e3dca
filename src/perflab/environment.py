"""The circumstances of a run as JSON types: what must be equal to compare two runs, or to resume one.

Host name, user name and paths are never part of it.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perflab import procfs

COMPANIONS = ("Cython", "psutil", "matplotlib")

MATTERS = (
    "python",
    "implementation",
    "compiler",
    "build_flags",
    "gil",
    "jit",
    "system",
    "kernel",
    "machine",
    "libc",
    "cpu",
    "cores",
    "caches",
    "transparent_huge_pages",
    "aslr",
    "governor",
    "hypervisor",
    "switch_interval_s",
    "start_methods",
    "default_start_method",
    "numpy",
)
"""The keys whose difference makes two runs different measurements, the most telling first.

Left out: memory (a figure that moves by a few pages at each boot), the clock, the container, who started it,
and the versions of what neither measures nor is measured.
"""

_SYS_CPU = Path("/sys/devices/system/cpu/cpu0")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_VENDOR = Path("/sys/class/dmi/id/sys_vendor")
_CONTAINER_MARKS = {"docker": Path("/.dockerenv"), "podman": Path("/run/.containerenv")}
_KILO = {"K": 2**10, "M": 2**20, "G": 2**30}


def facts(started_by: str = "perflab") -> dict[str, Any]:
    """Everything about interpreter, machine and system that a result depends on; what is not known is None.

    ``started_by`` names the command that asks, not a person.
    """
    return {"started_by": started_by, **_interpreter(), **_system(), **_processor(), **_memory_and_clock()}


def comparable(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """The names of the keys that matter and differ; empty where results may be compared, and a run resumed."""
    return [key for key in MATTERS if a.get(key) != b.get(key)]


def gil() -> dict[str, bool]:
    """Whether this build can do without the GIL, and whether the GIL is on right now."""
    enabled = getattr(sys, "_is_gil_enabled", None)
    return {
        "disabled_build": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "enabled": True if enabled is None else bool(enabled()),
    }


def start_methods(system: str = sys.platform) -> tuple[str, ...]:
    """The start methods that multiprocessing offers on a system, by its rules, without importing it."""
    return ("spawn",) if system == "win32" else ("fork", "spawn", "forkserver")


def default_start_method(system: str = sys.platform, version: tuple[int, ...] = sys.version_info[:2]) -> str:
    """What multiprocessing takes unless told: spawn on Windows and macOS; elsewhere fork, since 3.14 forkserver."""
    if system in ("win32", "darwin"):
        return "spawn"
    return "forkserver" if version >= (3, 14) else "fork"


def cores() -> dict[str, int | float | None]:
    """Every answer to "how many cores": of the machine, the affinity mask, the control groups, Python itself (3.13).

    ``effective`` is what a run goes by.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    counted = getattr(os, "process_cpu_count", None)
    answers = {
        "os_cpu_count": os.cpu_count(),
        "affinity": len(affinity(0)) if affinity else None,
        "cgroup_quota": cgroup_cpu_quota(),
        "process_cpu_count": counted() if counted else None,
    }
    return {**answers, "effective": effective_cores(answers)}


def effective_cores(answers: Mapping[str, int | float | None]) -> int:
    """The least of the answers, whole cores only, at least 1: a quota of 1.5 cannot carry two busy workers."""
    return max(1, int(min((count for count in answers.values() if count), default=1)))


def cgroup_cpu_quota() -> float | None:
    """Cores' worth of CPU time that the control groups allow, by the strictest of them; None without a limit."""
    quotas = [quota for quota in map(_quota_of, procfs.cgroup_folders("cpu")) if quota is not None]
    return min(quotas, default=None)


def parse_quota(quota: str, period: str) -> float | None:
    """Both in µs; "max" (version 2) and a negative quota (version 1) mean no limit."""
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None


def parse_size(text: str) -> int | None:
    """A cache size such as "48K" or "2M", in bytes."""
    number, scale = text[:-1], _KILO.get(text[-1:])
    return int(number) * scale if scale and number.isdigit() else None


def parse_choice(text: str) -> str | None:
    """The word in brackets of a line such as "always [madvise] never"."""
    return text.partition("[")[2].partition("]")[0] or None


def version_of(distribution: str) -> str | None:
    """The version of an installed distribution, read from its metadata without importing it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _interpreter() -> dict[str, Any]:
    jit = getattr(sys, "_jit", None)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "build_flags": _build_flags(),
        "gil": gil(),
        "jit": bool(jit.is_enabled()) if jit else None,
        "switch_interval_s": sys.getswitchinterval(),
        "start_methods": list(start_methods()),
        "default_start_method": default_start_method(),
        "numpy": version_of("numpy"),
        "versions": {name.lower(): version_of(name) for name in COMPANIONS},
    }


def _build_flags() -> dict[str, bool]:
    """How the interpreter was built, as far as it changes speed; its full configuration would hold paths."""
    configured = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
        "pgo": "--enable-optimizations" in configured,
        "lto": "--with-lto" in configured,
        "tail_calls": "--with-tail-call-interp" in configured,
        "dev_mode": sys.flags.dev_mode,
    }


def _system() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "aslr": procfs.aslr(),
        "transparent_huge_pages": parse_choice(procfs.read(_HUGE_PAGES) or ""),
        "container": next((name for name, mark in _CONTAINER_MARKS.items() if mark.exists()), None),
    }


def _processor() -> dict[str, Any]:
    cpu = procfs.cpu_facts()
    vendor = (procfs.read(_VENDOR) or "").strip()
    virtual = "hypervisor" in cpu.get("flags", "").split()
    return {
        "cpu": cpu.get("model name") or cpu.get("Hardware") or cpu.get("CPU part") or platform.machine(),
        "cores": cores(),
        "caches": _caches(),
        "governor": (procfs.read(_SYS_CPU / "cpufreq/scaling_governor") or "").strip() or None,
        "hypervisor": (vendor or "yes") if virtual else None,
    }


def _caches() -> dict[str, int | None]:
    """Sizes in bytes by level and kind: L1d, L1i, L2, L3."""
    kinds = {"Data": "d", "Instruction": "i"}
    sizes = {}
    for index in sorted(_SYS_CPU.glob("cache/index*")):
        level, kind, size = ((procfs.read(index / name) or "").strip() for name in ("level", "type", "size"))
        sizes[f"L{level}{kinds.get(kind, '')}"] = parse_size(size)
    return sizes


def _memory_and_clock() -> dict[str, Any]:
    import psutil

    clock = time.get_clock_info("monotonic")
    return {
        "memory_bytes": psutil.virtual_memory().total,
        "clock": clock.implementation,
        "clock_resolution_s": clock.resolution,
        "clock_source": (procfs.read(_CLOCK_SOURCE) or "").strip() or None,
    }


def _quota_of(folder: Path) -> float | None:
    """Version 2 keeps quota and period in one file, version 1 in two."""
    together = (procfs.read(folder / "cpu.max") or "").split()
    if len(together) == 2:
        return parse_quota(*together)
    return parse_quota(procfs.read(folder / "cpu.cfs_quota_us") or "", procfs.read(folder / "cpu.cfs_period_us") or "")
