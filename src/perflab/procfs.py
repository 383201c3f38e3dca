"""The one home of /proc: small readers that answer None (or nothing) where the system does not tell.

Reading and parsing are apart: the ``parse_…`` functions are pure and take the text of a file. A process that
ends while it is read is no error; it just has no answer any more.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
SHARED_MEMORY = Path("/dev/shm")
_CPU_CLOCK_OF_PROCESS = 2  # CPUCLOCK_SCHED: ns resolution, where the ticks of /proc/<pid>/stat are 10 ms


class Ticks(NamedTuple):
    """CPU time of the whole machine since boot, summed over the cores; kernel ticks are 10 ms as a rule."""

    busy_ns: int
    steal_ns: int


class Stat(NamedTuple):
    """What /proc/<pid>/stat says of where a process belongs; ``state`` is one letter, Z for a zombie."""

    state: str
    parent: int
    group: int
    session: int


def read(path: Path | str) -> str | None:
    """The text of a file of the kernel, or None where it does not exist or may not be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


# One process


def run_delay_ns(pid: int) -> int | None:
    """Time that the live threads of ``pid`` were ready and waited for a core, since each began.

    /proc/<pid>/schedstat alone speaks of the first thread only. A thread that ends takes its share along,
    so a difference over such an end can be negative.
    """
    return _sum_over_threads(pid, "schedstat", parse_run_delay_ns)


def parse_run_delay_ns(text: str) -> int | None:
    """The second of the three numbers of a schedstat file."""
    fields = text.split()
    return int(fields[1]) if len(fields) >= 2 else None


def involuntary_switches(pid: int) -> int | None:
    """How often the live threads of ``pid`` were made to leave a core that they still wanted."""
    return _sum_over_threads(pid, "status", lambda text: _integer(parse_fields(text).get("nonvoluntary_ctxt_switches")))


def process_cpu_ns(pid: int) -> int | None:
    """CPU time of all threads of ``pid``, ended ones too, to the ns; its children not included. Linux only.

    The clock id is built as the kernel defines it: the inverted pid above three bits that name the clock.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPU_CLOCK_OF_PROCESS)
    except OSError:
        return None


def thread_count(pid: int) -> int | None:
    """How many threads ``pid`` has now, at least one; None where the system does not tell."""
    return len(_threads(pid)) or None


def stat(pid: int) -> Stat | None:
    """State, parent, process group and session of ``pid``."""
    text = read(PROC / str(pid) / "stat")
    return parse_stat(text) if text else None


def parse_stat(text: str) -> Stat | None:
    """The fields after the command, which stands in parentheses and may hold spaces and parentheses itself."""
    fields = text.rpartition(")")[2].split()
    if len(fields) < 4:
        return None
    return Stat(fields[0], int(fields[1]), int(fields[2]), int(fields[3]))


def catches_signal(pid: int, signum: int) -> bool | None:
    """Whether ``pid`` has installed a handler for the signal."""
    text = read(PROC / str(pid) / "status")
    return parse_catches(text, signum) if text else None


def parse_catches(text: str, signum: int) -> bool | None:
    """Bit ``signum - 1`` of the mask SigCgt."""
    mask = parse_fields(text).get("SigCgt")
    return None if mask is None else bool(int(mask, 16) >> (signum - 1) & 1)


def is_resource_tracker(pid: int) -> bool:
    """Whether ``pid`` is multiprocessing's resource tracker, which unlinks what others left and then ends by itself."""
    return "resource_tracker import main" in (read(PROC / str(pid) / "cmdline") or "")


# Families of processes


def descendants(pid: int) -> tuple[int, ...]:
    """Children of ``pid``, their children and so on, ancestors first; zombies included, orphans not.

    The kernel may skip one while others come and go: to end everything, ask for the session instead.
    """
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop(0))
        if children is None:
            return _descendants_by_psutil(pid)
        found += children
        waiting += children
    return tuple(found)


def session_members(session: int) -> tuple[int, ...]:
    """Processes of a session that have not ended (a zombie has), in order of pid; orphans of it included."""
    if not PROC.is_dir():
        return _session_by_psutil(session)
    stats = ((pid, stat(pid)) for pid in _pids())
    return tuple(pid for pid, one in stats if one is not None and one.session == session and one.state not in "ZX")


def _children(pid: int) -> list[int] | None:
    """None where there is no /proc; found by the parents of all processes where the kernel keeps no list."""
    if not PROC.is_dir():
        return None
    texts = [read(PROC / str(pid) / "task" / thread / "children") for thread in _threads(pid)]
    if texts and None not in texts:
        return [int(child) for text in texts for child in (text or "").split()]
    stats = ((other, stat(other)) for other in _pids())
    return [other for other, one in stats if one is not None and one.parent == pid]


def _descendants_by_psutil(pid: int) -> tuple[int, ...]:
    import psutil

    try:
        return tuple(child.pid for child in psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return ()


def _session_by_psutil(session: int) -> tuple[int, ...]:
    import psutil

    def belongs(pid: int) -> bool:
        try:
            return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except (OSError, psutil.Error):
            return False

    return tuple(pid for pid in psutil.pids() if belongs(pid))


# Memory


def memory_rollup(pid: int) -> dict[str, int] | None:
    """The sums over all mappings of ``pid`` by name, in bytes: Rss, Pss, Private_Dirty and so on."""
    text = read(PROC / str(pid) / "smaps_rollup")
    return parse_kilobytes(text) if text else None


def private_dirty_bytes(pid: int) -> int | None:
    """What ``pid`` has written to and shares with nobody, in bytes: of a forked child, the pages it copied or made."""
    return (memory_rollup(pid) or {}).get("Private_Dirty")


def pss_bytes(pids: Iterable[int]) -> int | None:
    """The proportional set sizes of processes, summed; one that has ended adds nothing.

    None where not one could be read: summed RSS would count shared pages once for each process, and is no stand-in.
    """
    sizes = [size for size in map(_pss_of_one, pids) if size is not None]
    return sum(sizes) if sizes else None


def available_memory_bytes() -> int | None:
    """What new processes may use without swapping: the machine's or this control group's, whichever is less."""
    machine = parse_kilobytes(read(PROC / "meminfo") or "").get("MemAvailable")
    if machine is None:
        import psutil

        machine = psutil.virtual_memory().available
    return min([machine, *cgroup_free_bytes()])


def cgroup_free_bytes() -> list[int]:
    """What each control group above this process leaves of its memory limit; page cache counts as free."""
    free = []
    for folder in cgroup_folders("memory"):
        limit = _integer(read(folder / "memory.max") or read(folder / "memory.limit_in_bytes"))
        used = _integer(read(folder / "memory.current") or read(folder / "memory.usage_in_bytes"))
        if limit is not None and used is not None:
            free.append(max(0, limit - used + _cached_bytes(read(folder / "memory.stat") or "")))
    return free


def shm_entries() -> frozenset[str]:
    """Names of the POSIX shared memory segments and semaphores that exist now."""
    try:
        return frozenset(os.listdir(SHARED_MEMORY))
    except OSError:
        return frozenset()


def _pss_of_one(pid: int) -> int | None:
    rollup = memory_rollup(pid)
    if rollup is not None:
        return rollup.get("Pss")
    import psutil

    try:
        size: int | None = getattr(psutil.Process(pid).memory_full_info(), "pss", None)
    except (psutil.Error, OSError):
        return None
    return size


def _cached_bytes(text: str) -> int:
    """Of memory.stat: file pages that the kernel can drop at once. v1 counts those below under another name."""
    pairs = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    return int(pairs.get("total_inactive_file", pairs.get("inactive_file", 0)))


# The machine


def ticks() -> Ticks | None:
    """Busy and stolen CPU time of the machine."""
    text = read(PROC / "stat")
    return parse_ticks(text, os.sysconf("SC_CLK_TCK")) if text else None


def busy_ns() -> int | None:
    """Time that the cores worked, for anyone: user, nice, system and interrupts; not idle, not stolen."""
    now = ticks()
    return now.busy_ns if now else None


def steal_ns() -> int | None:
    """Time that the hypervisor gave to others while a core wanted to run."""
    now = ticks()
    return now.steal_ns if now else None


def parse_ticks(text: str, per_second: int) -> Ticks | None:
    """The first line of /proc/stat; guests' time is contained in user and nice already."""
    fields = text.partition("\n")[0].split()
    if len(fields) < 8 or fields[0] != "cpu":
        return None
    user, nice, system, _idle, _waiting, hard, soft, *rest = (int(field) for field in fields[1:])
    tick_ns = 1_000_000_000 // per_second
    return Ticks((user + nice + system + hard + soft) * tick_ns, (rest[0] if rest else 0) * tick_ns)


def psi_cpu_us() -> int | None:
    """Total time in which some task waited for a core (pressure stall information), in µs."""
    text = read(PROC / "pressure" / "cpu")
    return parse_psi_us(text) if text else None


def parse_psi_us(text: str) -> int | None:
    """The total of the line "some"."""
    lines = (line.split() for line in text.splitlines() if line.startswith("some "))
    totals = [word.partition("=")[2] for words in lines for word in words if word.startswith("total=")]
    return int(totals[0]) if totals else None


def throttled_us() -> int | None:
    """Time that the CPU quotas of this process's control groups took from it, in µs; None without a quota's account."""
    texts = [read(folder / "cpu.stat") for folder in cgroup_folders("cpu")]
    spent = [us for us in (parse_throttled_us(text) for text in texts if text) if us is not None]
    return sum(spent) if spent else None


def parse_throttled_us(text: str) -> int | None:
    """Version 2 says throttled_usec, version 1 throttled_time in ns."""
    pairs = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    if "throttled_usec" in pairs:
        return int(pairs["throttled_usec"])
    return int(pairs["throttled_time"]) // 1000 if "throttled_time" in pairs else None


def cgroup_folders(controller: str) -> tuple[Path, ...]:
    """The control groups that bind this process for a controller, innermost first; empty where there are none."""
    return parse_cgroup_folders(read(PROC / "self/cgroup") or "", read(PROC / "self/mountinfo") or "", controller)


def parse_cgroup_folders(groups: str, mounts: str, controller: str) -> tuple[Path, ...]:
    """Join membership and mounts; a controller lives in version 1 or in the unified hierarchy, never in both.

    A container sees the path of its group from outside, but the mount's root is that same path: what counts is
    the path below the root.
    """
    member = {names: path for _, names, path in (line.split(":", 2) for line in groups.splitlines() if line)}
    version_1 = {name: path for names, path in member.items() for name in names.split(",") if name}
    path = version_1.get(controller, member.get(""))
    mount = _cgroup_mount(mounts, controller if controller in version_1 else "")
    if path is None or mount is None:
        return ()
    root, point = mount
    inside = Path(path).relative_to(root) if Path(path).is_relative_to(root) else Path()
    folder = Path(point) / inside
    return (folder, *(above for above in folder.parents if above.is_relative_to(point)))


def _cgroup_mount(mounts: str, controller: str) -> tuple[str, str] | None:
    """Root and mount point of a controller's hierarchy; of the unified one for an empty name."""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = [*right.split(), "", "", ""][:3]
        wanted = kind == "cgroup2" if not controller else kind == "cgroup" and controller in options.split(",")
        if wanted:
            return left.split()[3], left.split()[4]
    return None


def cpu_facts() -> dict[str, str]:
    """The fields of the first processor in /proc/cpuinfo; their names differ by architecture."""
    return parse_fields((read(PROC / "cpuinfo") or "").partition("\n\n")[0])


def aslr() -> int | None:
    """How far address space is randomised: 0 none, 1 without the heap, 2 all."""
    return _integer(read(PROC / "sys/kernel/randomize_va_space"))


# Texts


def parse_fields(text: str) -> dict[str, str]:
    """Lines of the form "name: value"."""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def parse_kilobytes(text: str) -> dict[str, int]:
    """Lines of the form "name: 12 kB", in bytes; others are left out."""
    words = {name: value.split() for name, value in parse_fields(text).items()}
    return {name: int(value[0]) * 1024 for name, value in words.items() if value[1:] == ["kB"]}


def _integer(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir(PROC) if name.isdigit())


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(PROC / str(pid) / "task")
    except OSError:
        return []


def _sum_over_threads(pid: int, name: str, parse: Callable[[str], int | None]) -> int | None:
    texts = (read(PROC / str(pid) / "task" / thread / name) for thread in _threads(pid))
    numbers = [number for number in (parse(text) for text in texts if text) if number is not None]
    return sum(numbers) if numbers else None
