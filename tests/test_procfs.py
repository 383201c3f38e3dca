"""The readers of /proc: parsers on fixed texts, readers on processes of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from perflab import procfs

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the live /proc of Linux")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A child that leads its own session, has a child itself, and waits until its stdin closes."""
    code = (
        "import subprocess, sys; g = subprocess.Popen(['cat'], stdin=subprocess.PIPE);"
        "print(g.pid, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # a stopped grandchild as well: it would keep the pipe open for ever
    process.communicate()


@pytest.fixture
def no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without /proc and /dev/shm."""
    monkeypatch.setattr(procfs, "PROC", tmp_path / "absent")
    monkeypatch.setattr(procfs, "SHARED_MEMORY", tmp_path / "absent")


STAT = "cpu  100 20 30 4000 50 6 7 80 90 10\ncpu0 1 1 1 1 1 1 1 1 0 0\n"


def test_ticks_are_summed_without_idle_stolen_or_guest_time() -> None:
    """Busy is user, nice, system and the interrupts; guests' time is inside user already; steal stands apart."""
    assert procfs.parse_ticks(STAT, 100) == procfs.Ticks(busy_ns=163 * 10_000_000, steal_ns=80 * 10_000_000)


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8\n"])
def test_a_foreign_stat_file_says_nothing(text: str) -> None:
    """Short or foreign lines give None, not an error."""
    assert procfs.parse_ticks(text, 100) is None


def test_ticks_of_an_old_kernel_have_no_steal() -> None:
    """Seven columns are enough for busy; steal is then zero."""
    assert procfs.parse_ticks("cpu 1 0 0 0 0 0 0\n", 100) == procfs.Ticks(10_000_000, 0)


def test_the_command_in_stat_may_hold_anything() -> None:
    """A process that calls itself ") Z 1 (" cannot shift the fields."""
    assert procfs.parse_stat("42 (a) Z 1 (b c)) S 7 8 9 0 -1") == procfs.Stat("S", 7, 8, 9)
    assert procfs.parse_stat("42 (torn") is None


def test_pressure_is_the_total_of_some() -> None:
    """The line "full" of the machine does not count, nor do the averages."""
    assert procfs.parse_psi_us("some avg10=1.00 total=123\nfull avg10=0.00 total=456\n") == 123
    assert procfs.parse_psi_us("full avg10=0.00 total=456\n") is None


def test_throttling_is_read_from_both_versions() -> None:
    """Version 2 counts µs, version 1 ns; an account without either gives None."""
    assert procfs.parse_throttled_us("usage_usec 5\nthrottled_usec 77\n") == 77
    assert procfs.parse_throttled_us("nr_throttled 2\nthrottled_time 77000\n") == 77
    assert procfs.parse_throttled_us("usage_usec 5\n") is None


def test_run_delay_is_the_second_number() -> None:
    """A schedstat file holds time on the core, time waiting, slices."""
    assert procfs.parse_run_delay_ns("10 20 3\n") == 20
    assert procfs.parse_run_delay_ns("") is None


def test_caught_signals_are_bits_from_one() -> None:
    """Bit 0 of the mask is signal 1."""
    status = "Name:\tpython\nSigIgn:\t0000000000000200\nSigCgt:\t0000000000000202\n"
    assert procfs.parse_catches(status, 2) and procfs.parse_catches(status, 10)
    assert procfs.parse_catches(status, 1) is False
    assert procfs.parse_catches("Name:\tpython\n", 2) is None


def test_kilobytes_become_bytes() -> None:
    """The header line of smaps_rollup and values without a unit are left out."""
    text = "55d0-7fff ---p 00000000 00:00 0  [rollup]\nRss:  8 kB\nPss_Dirty:   3 kB\nHugePages_Total:  4\n"
    assert procfs.parse_kilobytes(text) == {"Rss": 8192, "Pss_Dirty": 3072}


MOUNTS_1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)
MOUNTS_2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_control_groups_of_version_2_reach_up_to_the_mount() -> None:
    """A limit of any group above binds as well, so all are named, the innermost first."""
    found = procfs.parse_cgroup_folders("0::/user.slice/app\n", MOUNTS_2, "cpu")
    assert [str(one) for one in found] == [
        "/sys/fs/cgroup/user.slice/app",
        "/sys/fs/cgroup/user.slice",
        "/sys/fs/cgroup",
    ]


def test_control_groups_of_version_1_are_found_below_the_mounts_root() -> None:
    """A container's path is seen from outside; the part that the mount's root covers is cut off."""
    groups = "4:cpu,cpuacct:/docker/abc/inner\n1:name=systemd:/\n0::/\n"
    found = procfs.parse_cgroup_folders(groups, MOUNTS_1, "cpu")
    assert [str(one) for one in found] == ["/sys/fs/cgroup/cpu/inner", "/sys/fs/cgroup/cpu"]


def test_a_path_outside_the_mount_means_the_mount_itself() -> None:
    """Without a namespace of its own a container's path may not exist inside; its mount does."""
    found = procfs.parse_cgroup_folders("4:cpu,cpuacct:/elsewhere\n", MOUNTS_1, "cpu")
    assert [str(one) for one in found] == ["/sys/fs/cgroup/cpu"]


def test_a_controller_not_in_version_1_is_in_the_unified_hierarchy() -> None:
    """On a hybrid system memory may live in version 2 while cpu lives in version 1."""
    found = procfs.parse_cgroup_folders("4:cpu,cpuacct:/docker/abc\n0::/\n", MOUNTS_1, "memory")
    assert [str(one) for one in found] == ["/sys/fs/cgroup/unified"]


def test_no_control_groups_no_folders() -> None:
    """Where nothing is mounted there is nothing to read."""
    assert procfs.parse_cgroup_folders("", "", "cpu") == ()


@pytest.mark.usefixtures("no_proc")
def test_a_system_without_proc_gives_no_answer_and_no_error() -> None:
    """Every reader says None or nothing."""
    pid = os.getpid()
    answers = [procfs.run_delay_ns(pid), procfs.involuntary_switches(pid), procfs.stat(pid), procfs.ticks()]
    answers += [procfs.busy_ns(), procfs.steal_ns(), procfs.psi_cpu_us(), procfs.throttled_us(), procfs.aslr()]
    answers += [procfs.memory_rollup(pid), procfs.catches_signal(pid, signal.SIGINT)]
    assert answers == [None] * len(answers)
    assert not procfs.is_resource_tracker(pid)
    assert procfs.cpu_facts() == {}
    assert procfs.shm_entries() == frozenset()


@pytest.mark.usefixtures("no_proc")
def test_without_proc_families_are_found_through_psutil(child: subprocess.Popen[bytes]) -> None:
    """macOS has no /proc; the hosts of a block must be found and ended there too."""
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    assert child.pid in procfs.descendants(os.getpid())
    assert set(procfs.session_members(child.pid)) == {child.pid, grandchild}
    assert procfs.available_memory_bytes()


@on_linux
def test_descendants_are_found_through_all_generations(child: subprocess.Popen[bytes]) -> None:
    """A grandchild is a descendant, after its parent."""
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    found = procfs.descendants(os.getpid())
    assert found.index(child.pid) < found.index(grandchild)


@on_linux
def test_descendants_are_found_without_the_kernels_list(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel without CONFIG_PROC_CHILDREN keeps no lists; the parents of all processes tell the same."""
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    real = procfs.read
    monkeypatch.setattr(procfs, "read", lambda path: None if Path(path).name == "children" else real(path))
    assert procfs.descendants(child.pid) == (grandchild,)


@on_linux
def test_a_session_keeps_its_orphans_and_forgets_its_zombies(child: subprocess.Popen[bytes]) -> None:
    """After the leader was killed and not yet reaped, only its orphan is left; then nobody."""
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    assert set(procfs.session_members(child.pid)) == {child.pid, grandchild}
    os.kill(grandchild, signal.SIGSTOP)  # its pipe closes with its parent: it would end by itself
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    state = procfs.stat(child.pid)
    assert state is not None and state.state == "Z"
    assert procfs.session_members(child.pid) == (grandchild,)
    os.kill(grandchild, signal.SIGKILL)


@on_linux
def test_the_cpu_clock_of_another_process_runs_and_ends_with_it(child: subprocess.Popen[bytes]) -> None:
    """It has counted something while the process lives, and has no answer once it is reaped."""
    assert child.stdout is not None
    child.stdout.readline()
    assert (procfs.process_cpu_ns(child.pid) or 0) > 0
    child.kill()
    child.wait()
    assert procfs.process_cpu_ns(child.pid) is None
    assert procfs.stat(child.pid) is None
    assert procfs.pss_bytes([child.pid]) is None


@on_linux
def test_the_cpu_clock_agrees_with_the_processes_own() -> None:
    """Read from outside, the clock of this very process lies between two readings from inside."""
    import time

    before = time.process_time_ns()
    outside = procfs.process_cpu_ns(os.getpid())
    assert outside is not None and before <= outside <= time.process_time_ns()


@on_linux
def test_run_delay_counts_every_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The delay of a process is the sum over its live threads, not that of its first."""
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    real = procfs.read

    def scripted(path: Path | str) -> str | None:
        return "5 7 1" if Path(path).name == "schedstat" else real(path)

    monkeypatch.setattr(procfs, "read", scripted)
    threads = len(os.listdir("/proc/self/task"))
    assert threads >= 2
    assert procfs.run_delay_ns(os.getpid()) == 7 * threads
    done.set()
    other.join()


@on_linux
def test_live_readers_answer_for_this_process() -> None:
    """What Linux promises is there: switches, memory sums that contain each other, a pressure of at least zero."""
    pid = os.getpid()
    rollup = procfs.memory_rollup(pid)
    assert rollup is not None and 0 < rollup["Private_Dirty"] <= rollup["Pss"] <= rollup["Rss"]
    assert (procfs.pss_bytes([pid]) or 0) > 0
    assert (procfs.involuntary_switches(pid) or 0) >= 0
    assert (procfs.available_memory_bytes() or 0) > 0
    assert procfs.busy_ns()


@on_linux
def test_what_a_forked_child_writes_is_its_own() -> None:
    """Pages that it shares with its parent are not private to it; those that it wrote to are."""
    size = 2**22
    shared = bytearray(b"1") * size

    def child_bytes(writes: bool) -> int:
        ready, held = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            if writes:
                shared[::4096] = b"2" * len(range(0, size, 4096))
            os.write(ready[1], b".")
            os.read(held[0], 1)
            os._exit(0)
        os.read(ready[0], 1)
        found = procfs.private_dirty_bytes(pid)
        os.write(held[1], b".")
        os.waitpid(pid, 0)
        for end in (*ready, *held):
            os.close(end)
        assert found is not None
        return found

    assert child_bytes(True) - child_bytes(False) > 0.9 * size


@on_linux
def test_threads_are_counted_while_they_live() -> None:
    """One more while it waits, in a process whose other threads do not come and go; one that is gone has no number."""
    script = """
    import os, threading
    from perflab import procfs
    before, told = procfs.thread_count(os.getpid()), threading.Event()
    threading.Thread(target=told.wait).start()
    print(before, procfs.thread_count(os.getpid()))
    told.set()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "2"]
    assert procfs.thread_count(2**22 + 1) is None


@on_linux
def test_a_handler_that_is_installed_is_seen_from_outside() -> None:
    """SIGINT is caught by Python from the start; a signal left alone is not."""
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    assert procfs.catches_signal(os.getpid(), signal.SIGUSR2) is False
    old = signal.signal(signal.SIGUSR2, lambda *_: None)
    assert procfs.catches_signal(os.getpid(), signal.SIGUSR2) is True
    signal.signal(signal.SIGUSR2, old)


@on_linux
def test_the_resource_tracker_is_known_by_its_command() -> None:
    """The tracker that multiprocessing starts is told apart from a plain child, started the same way."""
    code = (
        "from multiprocessing import resource_tracker as t; t.ensure_running(); from perflab import procfs;"
        "import os;"
        "print(procfs.is_resource_tracker(t._resource_tracker._pid), procfs.is_resource_tracker(os.getpid()))"
    )
    # from a file: this command line would hold the very words that are looked for
    out = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, check=True).stdout
    assert out.split() == ["True", "False"]


@on_linux
def test_a_shared_memory_segment_is_listed_by_name() -> None:
    """A segment appears while it exists and is gone after unlink."""
    from multiprocessing.shared_memory import SharedMemory

    segment = SharedMemory(create=True, size=16)
    assert segment.name in procfs.shm_entries()
    segment.close()
    segment.unlink()
    assert segment.name not in procfs.shm_entries()
