"""One of a kind in a host: what several cases use is opened with the first and closed with the last of them.

Thread-safety: the host opens and closes cases in its main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Held:
    """What is open, how it is closed, and how many use it."""

    thing: Any
    stack: ExitStack = field(default_factory=ExitStack)
    users: int = 0


_held: dict[Hashable, _Held] = {}


@contextmanager
def shared(kind: Hashable, make: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """Open this process's one thing of that kind, made if there is none yet."""
    if kind not in _held:
        stack = ExitStack()
        _held[kind] = _Held(stack.enter_context(make()), stack)
    held = _held[kind]
    held.users += 1
    try:
        yield held.thing
    finally:
        held.users -= 1
        if not held.users:
            del _held[kind]
            held.stack.close()
