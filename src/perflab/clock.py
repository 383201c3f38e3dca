"""The lab's clock, and a fake one that moves only when told."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Nanoseconds since an arbitrary start, never going back; the same for all processes of the machine."""

    def __call__(self) -> int:
        """The present instant."""


monotonic_ns: Clock = time.monotonic_ns
"""CLOCK_MONOTONIC on Linux: one time line for all processes, so that a child's first instruction can be dated."""


@dataclass(slots=True)
class FakeClock:
    """A clock for tests: it moves only by :meth:`advance`."""

    now_ns: int = 0

    def __call__(self) -> int:
        """The instant it was last moved to."""
        return self.now_ns

    def advance(self, ns: int) -> None:
        """Move forward by ``ns`` nanoseconds; ValueError for a step back."""
        if ns < 0:
            raise ValueError(f"a clock cannot go back by {-ns} ns: give a step of 0 or more")
        self.now_ns += ns


process_cpu_ns: Clock = time.process_time_ns
"""CPU time of this process, all its threads, user and system."""


thread_cpu_ns: Clock = time.thread_time_ns
"""CPU time of this thread: what it spends waiting for a core is not in it."""


def pause(seconds: float) -> None:
    """Do nothing for ``seconds``; for bounded waits on the end of processes."""
    time.sleep(seconds)


def utc_now() -> datetime:
    """The calendar time, for names and headers; never for measuring."""
    return datetime.now(UTC)
