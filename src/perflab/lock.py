"""The machine-wide lock: two measurements never run at once; the second says so and waits."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perflab.errors import BadInput
from perflab.events import Observe, Waiting

LOCK = "perflab-measuring.lock"


@contextmanager
def machine_lock(observe: Observe) -> Iterator[None]:
    """Hold the machine-wide lock: two runs never measure at once; the second says so and waits."""
    from filelock import FileLock, Timeout

    path = lock_folder() / LOCK
    lock = FileLock(path, mode=0o666, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        observe(Waiting("another perflab run"))
        lock.acquire(poll_interval=0.2)
    except OSError as error:
        raise BadInput(f"cannot lock {path}: {error.strerror}; remove that file, or measure with --no-lock") from None
    try:
        yield
    finally:
        lock.release()


def lock_folder() -> Path:
    """Where the lock is: the same for all users whatever their TMPDIR, unless PERFLAB_LOCK_DIR says otherwise."""
    chosen_folder = os.environ.get("PERFLAB_LOCK_DIR")
    if chosen_folder:
        return Path(chosen_folder)
    return Path("/tmp") if os.path.isdir("/tmp") else Path(tempfile.gettempdir())
