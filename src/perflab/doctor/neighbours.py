"""Who else is on the machine: stolen time, foreign load, another run, pressure, quotas, and walls that hide them."""

from __future__ import annotations

from collections.abc import Mapping

from perflab.doctor.record import Finding, Level, Record, fine, note, unknown, warning
from perflab.model import Thresholds
from perflab.units import human

THRESHOLDS = Thresholds()
"""Those by which a run calls a round contaminated: what the doctor warns of is what a run would flag."""

NAMED = 3
"""So many of the busiest processes are named: the fourth is hardly ever the reason."""

LEAST_NAMED = 0.01
"""Of a core; a process below it is not named, it moves no number of two digits."""

OFTEN = 0.5
"""Where more of the looks than this found a slow core, a run has no other rounds to keep."""

PRESSURE: Mapping[str, tuple[float, float]] = {"cpu": (1.0, 10.0), "memory": (0.1, 1.0), "io": (5.0, 30.0)}
"""Percent of the last 10 s with a task waiting, from which on it is a note, and a warning.

A wait for memory stops a process for ms at a time, so a little of it spoils samples of 12 ms. Waiting for the disk
touches only cold starts and the journal. A wait for a core lies between.
"""


def steal(record: Record) -> Finding:
    """Time that the hypervisor gave to others while a core here wanted to run."""
    taken, wall = record.passed.steal_ns, record.passed.wall_ns
    effect = "samples last longer by what was stolen; cases that need all cores suffer most"
    remedy = "measure at another hour, or on a machine with cores of its own"
    if taken is None or not wall:
        return unknown("steal", "stolen time", effect, "believe the A/A interval of a run: steal widens it")
    found = f"{human(taken / wall, 'share')} of a core, over {human(wall, 'ns')}"
    if taken > max(THRESHOLDS.steal * wall, THRESHOLDS.least_ns):
        return warning("steal", found, effect, remedy)
    if taken:
        return note("steal", found, effect, remedy)
    if record.hypervisor and not record.steal_since_boot_ns:
        found = "none since boot, on a virtual machine: the hypervisor may not report it"
        return note("steal", found, "what is not reported cannot be flagged", "believe the A/A interval of a run")
    return fine("steal", f"none, over {human(wall, 'ns')}", "no time was taken from samples")


def load(record: Record) -> Finding:
    """CPU time that other processes used while the machine was watched."""
    taken, wall = record.passed.foreign_ns, record.passed.wall_ns
    effect = "others take cores and caches from samples: slower, and further apart"
    if taken is None or not wall:
        return unknown("load", "how busy its cores are", effect, "look at the system's own monitor, end what is busy")
    average = "" if record.load_average is None else f"; load average {record.load_average:.2f}"
    found = f"others use {taken / wall:.2f} cores: {_busiest(record)}{average}"
    if taken > max(THRESHOLDS.foreign_cpu * wall, THRESHOLDS.least_ns):
        return warning("load", found, f"{effect}; a run flags such rounds", "end what is named, or wait for it")
    if taken > THRESHOLDS.least_ns:
        return note("load", found, effect, "end what is named, for the narrowest intervals")
    return fine("load", f"others use {taken / wall:.2f} cores{average}", "the cores are free")


def _busiest(record: Record) -> str:
    """The busiest by name, and what no living process accounts for where that is most of it."""
    taken, wall = record.passed.foreign_ns or 0, record.passed.wall_ns
    named = [(name, ns / wall) for name, ns in record.passed.busiest[:NAMED] if ns > LEAST_NAMED * wall]
    parts = [f"{name} {share:.2f}" for name, share in named]
    nameless = taken - sum(ns for _, ns in record.passed.busiest)
    if nameless > taken / 2:
        parts.append(f"{nameless / wall:.2f} by some that ended, or cannot be seen from here")
    return ", ".join(parts) or "many, each a little"


def lock(record: Record) -> Finding:
    """Whether another perflab is measuring now, by the machine-wide lock."""
    effect = "two runs at once would measure each other"
    if record.lock_held is None:
        return unknown("lock", "whether another perflab run is measuring", effect, "start no second run by hand")
    if record.lock_held:
        found = "another perflab run is measuring on this machine"
        return warning("lock", found, f"{effect}; each command here disturbs it", "wait for its end, as a run does")
    return fine("lock", "no other perflab run holds the lock", f"{effect}: the lock prevents it")


def pressure(record: Record) -> Finding:
    """Stalls over the last 10 s, by the kernel's own account."""
    effect = "tasks that wait for a core, memory or the disk lengthen samples by the wait"
    if not record.pressure:
        return unknown("pressure", "of stalls (PSI)", effect, "boot Linux with psi=1 to see them")
    found = ", ".join(f"{name} {percent:g} %" for name, percent in record.pressure.items())
    found = f"some task waited for: {found} of the last 10 s"
    level = max((_pressure_level(name, percent) for name, percent in record.pressure.items()), key=list(Level).index)
    if level is Level.FINE:
        return fine("pressure", found, "hardly anything waits")
    return Finding("pressure", level, found, effect, "end what else runs, or wait until this has calmed down")


def _pressure_level(resource: str, percent: float) -> Level:
    noted, warned = PRESSURE[resource]
    return Level.WARNING if percent > warned else Level.NOTE if percent > noted else Level.FINE


def throttling(record: Record) -> Finding:
    """What CPU quotas of the control groups have taken so far, and are taking now."""
    effect = "a group that has used its quota stands still for the rest of each period, tens of ms"
    remedy = "raise the quota (docker --cpus, Kubernetes limits) or take fewer workers"
    now, so_far, quota = record.passed.throttled_us, record.throttled_us, record.cores.get("cgroup_quota")
    allowed = f"; the quota is {quota:g} cores" if quota else ""
    if now:
        return warning("throttling", f"{human(1000 * now, 'ns')} while it was watched{allowed}", effect, remedy)
    if so_far:
        return note("throttling", f"{human(1000 * so_far, 'ns')} so far, none just now{allowed}", effect, remedy)
    if so_far is None:
        told = "of throttling" + (f", and {quota:g} cores are the quota" if quota else "")
        return unknown("throttling", told, effect, "keep the workers below the quota, if there is one")
    if quota:
        return note("throttling", f"none so far{allowed}", effect, "keep the workers below the quota")
    return fine("throttling", "none so far, and no quota", "nothing holds the cores back")


def hypervisor(record: Record) -> Finding:
    """Whether the cores are virtual."""
    effect = "virtual cores may share one real core, or wait for it; a neighbour there shows in their speed alone"
    if record.hypervisor is None:
        return unknown("hypervisor", "whether it is a virtual machine", effect, "ask who runs it")
    if record.hypervisor:
        vendor = "" if record.hypervisor == "yes" else f" ({record.hypervisor})"
        remedy = "repeat runs at other hours; publish numbers of absolute time from real hardware only"
        return note("hypervisor", f"a virtual machine{vendor}", effect, remedy)
    return fine("hypervisor", "none: the processor says so", "cores are what they seem")


def core_speed(record: Record) -> Finding:
    """Whether a virtual core ran slower than at its best while it was watched, as beside a busy hardware thread."""
    effect = "another machine on the same hardware takes speed from Python code here; neither steal nor load shows it"
    if record.slowdowns is None:
        return unknown("core-speed", "how fast each core runs", effect, "believe the A/A interval of a run")
    if not record.slowdowns:
        return fine("core-speed", "not looked at: no virtual machine", "who shares a core shows in the load")
    most, looks = max(record.slowdowns), len(record.slowdowns)
    slow = sum(one > THRESHOLDS.slowdown for one in record.slowdowns)
    if not slow:
        return fine("core-speed", f"at most {most:.2f}× slower than at its best, in {looks} looks", effect)
    found = f"in {slow} of {looks} looks a core ran up to {most:.2f}× slower than at its best"
    remedy = "measure at another hour, or on hardware of its own; a run sets such rounds aside where it can"
    return (warning if slow > OFTEN * looks else note)("core-speed", found, effect, remedy)


def container(record: Record) -> Finding:
    """Whether a container's walls hide who else uses the cores."""
    effect = "neighbours' use of the cores shows in sums only, their names do not"
    if record.container is None:
        return unknown("container", "whether this is a container", effect, "look for quotas where it was started")
    if record.container:
        remedy = "look for busy neighbours from the host; give the container cores of its own (--cpuset-cpus)"
        return note("container", record.container, effect, remedy)
    return fine("container", "no mark of one", "processes here can be seen")
