"""Small programs run for real: a file of their own as ``__main__``, a time limit, and nothing of them left behind.

For what a probe cannot observe in its own process: what a program prints as a whole, by which error it ends, and
whether it ends at all.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from perflab import procfs
from perflab.clock import monotonic_ns, pause

GRACE_S = 2.0
"""How long resource trackers have to unlink what a program left, once its other processes are gone."""

PIDFDS = hasattr(os, "pidfd_open")
"""Whether the kernel tells when a process ends."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status (minus the signal that ended it, None if it hung), and what it wrote."""

    status: int | None
    out: str
    err: str
    hung: bool

    @property
    def error(self) -> str:
        """The last line written to stderr, which names the error after a traceback; empty where nothing was."""
        lines = self.err.strip().splitlines()
        return lines[-1] if lines else ""


def run_program(source: str, *, arguments: Sequence[str] = (), limit_s: float = 10.0) -> Ended:
    """Run ``source`` as a script of this interpreter, in a folder of its own, and wait until its main process ends.

    As under a user's shell it has a real file, so that spawn can import it again, and is a process group of its own;
    unlike there its output goes to files, where each process's text arrives when that process ends: flush what has
    to be in order, or has to survive a kill. It stays in the caller's session, and dies with it. What is left of the
    group in the end, at the latest after ``limit_s``, is killed, but for resource trackers that still tidy up.
    """
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        script = Path(folder, "program.py")
        script.write_text(source, encoding="utf-8")
        out, err = Path(folder, "out"), Path(folder, "err")
        with _started([sys.executable, script.name, *arguments], folder, out, err) as process:
            status = _status_within(process, limit_s)
        wrote, complained = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
    return Ended(status, wrote, complained, hung=status is None)


@contextmanager
def _started(command: Sequence[str], folder: str, out: Path, err: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program's main process; its group is ended with the body, whatever happens in it."""
    with out.open("ab") as output, err.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=folder,
            env=_environment(),
            process_group=0,
        )
    try:
        yield process
    finally:
        _end_group(process)


def _status_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit status, or None after so many seconds; told by the kernel where there are pidfds.

    Popen.wait with a time limit asks every 50 ms, which is as long as a small program takes.
    """
    if not PIDFDS:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)
        return None
    fd = os.pidfd_open(process.pid)
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)
    return process.poll()


def _environment() -> Mapping[str, str]:
    """The caller's, with UTF-8 for all text. Unbuffered output would mix the lines of processes that print at once."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**kept, "PYTHONUTF8": "1"}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the program; a tracker first gets the time to unlink segments and semaphores, as it does."""
    started = monotonic_ns()
    while (left := _members(process.pid)) and monotonic_ns() - started < 2 * GRACE_S * 1e9:
        late = monotonic_ns() - started > GRACE_S * 1e9
        for pid in left:
            if late or not procfs.is_resource_tracker(pid):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        pause(0.002)
    process.wait()


def _members(group: int) -> list[int]:
    """Processes of the group that have not ended; all are in this process's session."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return []  # the usual end, found without asking after every process of the machine
    except PermissionError:  # macOS says so of a group of zombies
        pass
    return [pid for pid in procfs.session_members(os.getsid(0)) if _group_of(pid) == group]


def _group_of(pid: int) -> int | None:
    with suppress(ProcessLookupError, PermissionError):
        return os.getpgid(pid)
    return None
