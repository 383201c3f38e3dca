"""The one process that outlives a killed lab, to end what the lab had started.

The lab writes a line for each session that a host leads ("+123", "-123") and each folder that must go
("dir /tmp/…"). When the pipe closes without a "bye", the lab was killed: the guardian ends every process of
those sessions and removes the folders. It sleeps in a read at all other times.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable

from perflab import procfs
from perflab.clock import monotonic_ns, pause

GRACE_S = 2.0
"""How long resource trackers have to unlink what is left, once the processes they serve are gone."""


def main(fd: int) -> None:
    """Listen until the pipe closes; then end what is still registered."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    with os.fdopen(fd, "r") as lines:
        sessions, folders, dismissed = remember(lines)
    if not dismissed:
        for session in sessions:
            end_session(session)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def remember(lines: Iterable[str]) -> tuple[list[int], list[str], bool]:
    """The sessions and folders still registered after ``lines``, and whether the lab said goodbye."""
    sessions: dict[int, None] = {}
    folders: list[str] = []
    for line in lines:
        if line.startswith("+"):
            sessions[int(line[1:])] = None
        elif line.startswith("-"):
            sessions.pop(int(line[1:]), None)
        elif line.startswith("dir "):
            folders.append(line[4:].rstrip("\n"))
        elif line.startswith("bye"):
            return list(sessions), folders, True
    return list(sessions), folders, False


def end_session(session: int) -> None:
    """End every process of a session: all at once but the resource trackers, which end themselves within the grace.

    A tracker sees the end of its pipe when the last process it serves is gone, unlinks the segments and semaphores
    that are left, and exits; SIGKILL to the whole session would leave them behind.
    """
    deadline = monotonic_ns() + int(GRACE_S * 1e9)
    while members := procfs.session_members(session):
        late = monotonic_ns() > deadline
        for pid in members:
            if late or not procfs.is_resource_tracker(pid):
                _kill(pid)
        if late and monotonic_ns() > deadline + int(GRACE_S * 1e9):
            return
        pause(0.002)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
