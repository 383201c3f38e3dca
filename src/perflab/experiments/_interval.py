"""The interpreter's switch interval: how long a thread may go on when others wait for the GIL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def switch_interval(us: int) -> Iterator[None]:
    """Set it for the body, in microseconds; 0 leaves it as it is."""
    before = sys.getswitchinterval()
    if us:
        sys.setswitchinterval(us / 1e6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
